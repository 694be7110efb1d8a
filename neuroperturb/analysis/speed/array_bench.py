"""Speed of an array of pulsed cells: an online step, one write and two reads, in nanoseconds per synapse.

Cells with soft bounds, spread between devices on both steps and both bounds, noise on every pulse, pulses counted; float32, one
thread. The request of a step is ± the same share of a cell's mean step for every synapse: stochastic rounding then pulses that
share of the cells. A synapse's cell is 28 bytes (weight, two steps, two bounds, two counters), of which a pulse writes 12.

Two runs at a time: the same step on two arrays in two threads, against one after the other.

Closed loop: the same requests, summed digitally and read back where a pulse is worth it, beside plain pulses in the same process; v2: the
same requests into a fast array, of which one row a step is read and moved (Tiki-Taka v2). What is summed begins evenly spread over a
pulse, and requests turn around every `STEPS` steps: as many cells are pulsed in a step, and none runs into its bound.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from hardware_models import ClosedLoop, SoftBounds, SynapseArray, Transfer
from hardware_models.crossbar.contract import Writing
from hardware_models.crossbar.fused import rank_change
from hardware_models.crossbar.state import Pending
from hardware_models.numerics import memory
from hardware_models.numerics.compiled import kernel
from hardware_models.numerics.record import record
from neuroperturb.analysis.speed.timing import ROUNDS, compare, seconds

STEPS = 20  # per measurement: short enough to fit between two busy moments of the machine
CELL = SoftBounds(
    dw_min=1e-3, dw_min_std=0.3, dw_min_dtod=0.3, up_down_dtod=0.01, w_max_dtod=0.3, w_min_dtod=0.3
)  # fmt: skip


def step(n: int, share: float, seed: int = 1, writing: Writing | None = None, turning: bool = False):
    """A function of no arguments that takes `STEPS` online steps of an (n, n) array; `share` is |request|/step.

    turning : requests change their sign from one call to the next, so that weights stay where they are
    """
    array = SynapseArray((n, n), CELL, seed=seed, weight_scale=1.0, writing=writing)
    array.program(np.zeros((n, n)))
    sweep, rng = array.kernel(rank_change).sweep, np.random.default_rng(seed)
    waiting = array.writing.waiting(array.state)
    if waiting is not None:
        waiting[:] = CELL.granularity * rng.uniform(-1, 1, (n, n))
    post, pre, decay, x, acc = (memory.zeros((rows, n), np.float32) for rows in (1, 1, 1, 2, 2))
    post[0, :n], pre[0, :n] = rng.choice((-1, 1), n), share * CELL.granularity * rng.choice((-1, 1), n)
    x[:, :n] = rng.normal(size=(2, n))
    pending = Pending(post, pre, np.ones(1, np.float32), decay[0], np.ones(1, np.int64))

    @kernel
    def repeat(array, pending, x, acc, steps):
        for _ in range(steps):
            pending.active[0] = 1
            sweep(array, pending, 0, x, acc)

    state = record(array.state), record(pending)

    def action():
        repeat(*state, x, acc, STEPS)
        if turning:
            np.negative(pending.reward, out=pending.reward)

    return action


def pulsed(n: int, share: float) -> dict:
    """One step alone, and the throughput of two threads relative to one."""
    one, other = step(n, share), step(n, share, seed=2)

    def both():
        one(), other()

    both()  # compiled
    alone = float(np.median([seconds(both) for _ in range(ROUNDS)]))

    with ThreadPoolExecutor(2) as threads:

        def side_by_side():
            for done in [threads.submit(action) for action in (one, other)]:
                done.result()

        serial, parallel = compare(both, side_by_side, 7, clock=time.perf_counter)
    return {
        "request_per_step": share,
        "ns_per_synapse": 1e9 * alone / (2 * STEPS * n**2),
        "two_at_a_time": serial / parallel,
    }


def closed_loop(n: int, share: float) -> dict:
    """One step written by a closed loop, against the same step by plain pulses."""
    return _against_plain(n, share, ClosedLoop())


def transfer(n: int, share: float) -> dict:
    """The same by Tiki-Taka v2."""
    return _against_plain(n, share, Transfer())


def _against_plain(n: int, share: float, writing: Writing) -> dict:
    own, plain = compare(step(n, share, writing=writing, turning=True), step(n, share, turning=True))
    return {"request_per_step": share, "ns_per_synapse": 1e9 * own / (STEPS * n**2), "ratio": own / plain}
