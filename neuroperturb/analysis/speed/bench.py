"""Speed relative to what the machine can do, measured in one process.

    online step     float32, n_in = n_out = 1, batch 1, ANP:  against the plain compiled loop  W += c ⊗ x  over a matrix of the
                    same size, an ordinary NumPy array. The limit is memory: one load and one store a synapse, 8 bytes.
    pulsed cells    write and two reads of an array of soft-bounds cells, one in ten pulsed or all: nanoseconds a synapse, and what
                    two threads get through against one (:mod:`array_bench`).
    closed loop     the same requests through a digital residual and reads of what cells did, against plain pulses.
    Tiki-Taka v2    the same requests into a fast array, of which one row a step is moved into the weights, against plain pulses.
    batch step      batch 100, ANP:  against the sgemm rate of its own products, 2·n²·(2B read + B write) operations
                    for W_rec, the same for W_in and W_out; one BLAS thread.
    reads           512 × 512, 128 columns:  against NumPy's product of the same sizes (:mod:`read_bench`).
    peers           the same work by PyTorch and reservoirpy, where they are installed (:mod:`peers`), and spiking networks by Brian2.
    machine         processor, vectors, versions and the rates of random numbers, which most of the figures depend on (:mod:`machine`).

Each figure is the median over rounds that alternate the two sides, so that a busy moment hits both.
"""

from __future__ import annotations

import importlib.util
import json as jsonlib
import os

import numpy as np

from hardware_models.numerics import blas, memory
from hardware_models.numerics.compiled import kernel
from neuroperturb import rules
from neuroperturb.analysis.speed import array_bench, machine, peers, read_bench
from neuroperturb.analysis.speed.timing import compare
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.spiking import bench as spiking_bench
from neuroperturb.tasks.contract import Sequence

STEPS = 200
BARS = {
    "online_1000": 1.3, "online_500": 1.6, "decorrelated_1000": 3.3, "batch_1000": 0.5, "batch_100": 0.5, "spiking_200": 10,
    "read_ideal": 1.1, "read_noisy": 2.3,
}  # fmt: skip
LOOP_BAR = 2.0  # × plain pulses, at 500 × 500 synapses
PULSED_BARS = {  # ns a synapse, by size and share of cells pulsed; two at a time ≥ 1.8 on an idle machine
    (500, 0.001): 0.9, (500, 0.01): 2.0, (500, 0.1): 3.0, (500, 1.0): 2.6, (1000, 1.0): 3.6,
}  # fmt: skip


@kernel
def plain(W, c, x):
    """W += c ⊗ x, presynaptic-major, in the obvious way."""
    for j in range(W.shape[0]):
        for i in range(W.shape[1]):
            W[j, i] += c[i] * x[j]


@kernel
def repeat_plain(W, c, x, times):
    for _ in range(times):
        plain(W, c, x)


def simulation(n: int, batch: int, decorrelated: bool) -> tuple[Simulation, object]:
    """A network of n units learning online by ANP, and random data for it."""
    rule = rules.make("anp", "published", learning_rate=1e-6)
    sim = Simulation(
        RNN(size=n), rule, initial_weights(RNN(size=n), 1, 1, 0), decorrelation=Decorrelation() if decorrelated else None,
        batch=batch, steps=STEPS, total_steps=STEPS, seed=1,
    )  # fmt: skip
    values = np.random.default_rng(0).normal(size=(STEPS, batch, 1)) * 0.3
    return sim, sim.prepare(Sequence(values, values, np.ones((STEPS, batch), bool), np.arange(STEPS) == 0))


def online(n: int, decorrelated: bool) -> dict:
    """The online ANP step against the plain loop."""
    sim, data = simulation(n, 1, decorrelated)
    W, c, x = np.zeros((n, n), np.float32), np.full(n, 1e-9, np.float32), np.ones(n, np.float32)
    step, loop = compare(lambda: sim.present(data, "learn", 0, STEPS), lambda: repeat_plain(W, c, x, STEPS))
    own = sim.arrays["W_rec"].state.cells.w[0]
    aligned, _ = compare(lambda: repeat_plain(own, np.zeros_like(own[0]), own[:, 0].copy(), STEPS), lambda: None, 5)
    return {
        "step_us": 1e6 * step / STEPS, "plain_us": 1e6 * loop / STEPS, "aligned_plain_us": 1e6 * aligned / STEPS,
        "ratio": step / loop, "ns_per_synapse": 1e9 * step / STEPS / n**2,
    }  # fmt: skip


def batch_step(n: int, batch: int = 100) -> dict:
    """A whole batch step against sgemm of its own sizes."""
    sim, data = simulation(n, batch, False)
    steps = 10
    read, _, write = blas.products("float32")
    x, acc, w = (memory.zeros(shape, np.float32) for shape in ((2 * batch, n), (2 * batch, n), (n, n)))
    sizes = np.zeros(6, np.int32)

    def products():
        for _ in range(steps):
            read(x, w, acc, n, sizes)
            write(x[:batch], acc[:batch], w, n, sizes)

    step, gemm = compare(lambda: sim.present(data, "learn", 0, steps), products, 7)
    recurrent, small = 2 * n * n * 3 * batch, 2 * n * 2 * 3 * batch
    return {
        "step_us": 1e6 * step / steps, "products_us": 1e6 * gemm / steps, "sgemm_gflops": recurrent * steps / gemm / 1e9,
        "ratio": (recurrent + small) / recurrent * gemm / step,
    }  # fmt: skip


def measure() -> dict:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        found = {
            "load": os.getloadavg(),
            "machine": machine.machine() | {"random": machine.random_rates()},
            "online_1000": online(1000, False),
            "online_500": online(500, False),
            "decorrelated_1000": online(1000, True),
            "decorrelated_500": online(500, True),
            "batch_1000": batch_step(1000),
            "batch_100": batch_step(100),
            **{f"read_{name}": read_bench.read(name) for name in read_bench.READINGS},
            **{f"pulsed_{n}_{share:g}": array_bench.pulsed(n, share) for n, share in PULSED_BARS},
            **{f"loop_500_{share:g}": array_bench.closed_loop(500, share) for share in (0.1, 1.0)},
            **{f"v2_500_{share:g}": array_bench.transfer(500, share) for share in (0.1, 1.0)},
        }
        return found | peers.measure() | spiking()


def spiking() -> dict:
    """Spiking networks: the kernel against Brian2, where that is installed."""
    if importlib.util.find_spec("brian2") is None:
        return {}
    return {"spiking_200": spiking_bench.measure()}


def main(json: bool = False) -> int:
    """Print the ratios; `json` for machines."""
    found = measure()
    if json:
        print(jsonlib.dumps(found))
        return 0
    print("load average " + " ".join(f"{x:.2f}" for x in found.pop("load")) + "; medians, processor time of one thread")
    for name, row in found.items():
        kind, _, rest = name.partition("_")
        print(LINES[kind](row, rest, BARS.get(name)))
    for sentence in peers.absent():
        print(sentence)
    if "spiking_200" not in found:
        print("spiking: not compared, since Brian2 is not installed (pip install 'neuroperturb[brian2]')")
    return 0


def _bar(sign: str, bar: float | None) -> str:
    return f"  bar {sign} {bar:g}" if bar is not None else ""


def _machine(row: dict, rest: str, bar: float | None) -> str:
    rates, bits = row["random"], row["vector_bits"]
    return (
        f"{row['processor']} ({row['target']}), vectors of {bits or '?'} bits; ns a random number: word {rates['words_ns']:.2f}, uniform "
        f"{rates['uniform_ns']:.2f}, normal {rates['normal_ns']:.2f} (NumPy's generator {rates['numpy_normal_ns']:.2f})"
    )


def _step(what: str):
    def line(row: dict, n: str, bar: float | None) -> str:
        plain = f"plain loop {row['plain_us']:.1f} µs (aligned {row['aligned_plain_us']:.1f})"
        return f"{what} n = {n}: {row['step_us']:8.1f} µs, {plain}: {row['ratio']:.2f} ×{_bar('≤', bar)}"

    return line


def _batch(row: dict, n: str, bar: float | None) -> str:
    products = f"its products {row['products_us']:.1f} µs ({row['sgemm_gflops']:.0f} Gflop/s)"
    return f"batch-100 step  n = {n}: {row['step_us']:8.1f} µs, {products}: {row['ratio']:.2f} of the sgemm rate{_bar('≥', bar)}"


def _read(row: dict, name: str, bar: float | None) -> str:
    size = f"{read_bench.SIZE} × {read_bench.SIZE}, {read_bench.COLUMNS} columns"
    return f"read, {name:5}     {size}: {row['read_us']:.0f} µs, matmul {row['product_us']:.0f}: {row['ratio']:.2f} ×{_bar('≤', bar)}"


def _pulsed(row: dict, rest: str, bar: float | None) -> str:
    n, share = rest.partition("_")[0], row["request_per_step"]
    bar = PULSED_BARS.get((int(n), share))
    return (
        f"pulsed cells    n = {n}, |request|/step {share:g}: {row['ns_per_synapse']:.2f} ns per synapse{_bar('≤', bar)}, "
        f"two threads {row['two_at_a_time']:.2f} ×{_bar('≥', 1.8)}"
    )


def _writing(what: str):
    def line(row: dict, rest: str, bar: float | None) -> str:
        return (
            f"{what:<16}n = {rest.partition('_')[0]}, |request|/step {row['request_per_step']:g}: "
            f"{row['ns_per_synapse']:.2f} ns a synapse, {row['ratio']:.2f} × plain pulses{_bar('≤', LOOP_BAR)}"
        )

    return line


def _spiking(row: dict, rest: str, bar: float | None) -> str:
    return (
        f"spiking, {row['neurons']} neurons, one simulated second with learning: kernel {row['kernel_s']:.4f} s, "
        f"Brian2 ({row['target']}) {row['brian2_s']:.3f} s: {row['ratio']:.0f} ×{_bar('≥', bar)}"
    )


def _peer(row: dict, rest: str, bar: float | None) -> str:
    name, _, size = rest.partition("_")
    return (
        f"{row['work']}, n = {size}: {row['ours_us']:.0f} µs, {name} {row['theirs_us']:.0f} µs: {row['ratio']:.2f} × as long "
        f"(largest difference {row['difference']:.0e})"
    )


LINES = {  # by what a figure is of
    "machine": _machine, "online": _step("online ANP step"), "decorrelated": _step("… decorrelated "), "batch": _batch, "read": _read,
    "pulsed": _pulsed, "loop": _writing("closed loop"), "v2": _writing("Tiki-Taka v2"), "spiking": _spiking,
    "peer": _peer,
}  # fmt: skip
