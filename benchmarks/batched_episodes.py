"""Batched episodes against the same algorithm in vectorised NumPy: delayed XOR, antithetic node perturbation with a trace.

    python benchmarks/batched_episodes.py [--sizes 20 100 500] [--batch 64] [--rounds 21]

Both present the same batches, from trials in memory to written weights, in float32, one thread, in one process and in turn, so that a
busy moment hits both. Printed are the median and the least of the microseconds a trial, the median of the ratios, and floors: what the
arithmetic alone takes here, each timed by itself.

    matrix products   forward and gradient, sgemm at these shapes            tanh, normals   as many as an episode needs
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from hardware_models.numerics import maths, random
from hardware_models.numerics.compiled import kernel
from neuroperturb import rules, tasks
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.simulation.simulation import Simulation

SIGMA, RATE, DECAY, LEAK = 0.05, 0.01, 0.99, 1.0
F = np.float32


class Vectorised:
    """The rule in NumPy: rows are trials of the pass −ξ, then of +ξ; the readout is only computed where it is scored."""

    def __init__(self, initial, batch: int, seed: int = 0):
        self.w = {name: getattr(initial, name).astype(F) for name in ("W_in", "W_rec", "W_out")}
        self.square = {name: np.zeros_like(w) for name, w in self.w.items()}
        self.rng, self.batch, self.writes = np.random.Generator(np.random.SFC64(seed)), batch, 0

    def present(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        """Inputs (T, B, n_in + 1) with the constant, targets (B, 1) of the last step; the loss at the centre."""
        (T, B, _), w, half = inputs.shape, self.w, F(0.5)
        n = len(w["W_rec"])
        x, post, pre = np.zeros((2 * B, n), F), np.empty((T, B, n), F), np.empty((T, B, n), F)
        driven = inputs @ w["W_in"].T
        for t in range(T):
            noise = post[t]
            self.rng.standard_normal(out=noise, dtype=F)
            noise *= F(SIGMA)
            np.add(x[:B], x[B:], out=pre[t])
            a = x @ w["W_rec"].T
            a[:B] += driven[t] - noise
            a[B:] += driven[t] + noise
            np.tanh(a, out=x)
        noise_y = F(SIGMA) * self.rng.standard_normal((B, targets.shape[1]), F)
        y = x @ w["W_out"].T
        y[:B] -= noise_y
        y[B:] += noise_y
        error, change = half * (y[:B] + y[B:]) - targets, half * (y[B:] - y[:B])
        reward = -2.0 * (change * error).mean(axis=1) / F(SIGMA * SIGMA)
        self.writes += 1
        post *= reward[None, :, None]  # λ = 1: every perturbation is owed the whole reward
        pre *= half
        self._write("W_in", np.tensordot(post, inputs, ((0, 1), (0, 1))))
        self._write("W_rec", np.tensordot(post, pre, ((0, 1), (0, 1))))
        self._write("W_out", (noise_y * reward[:, None]).T @ (half * (x[:B] + x[B:])))
        return float(np.mean(error * error))

    def _write(self, name: str, gradient: np.ndarray) -> None:
        square = self.square[name]
        square *= F(DECAY)
        square += F(1 - DECAY) * gradient * gradient
        correction = F(1 / (1 - DECAY**self.writes))
        self.w[name] += F(RATE) * gradient / (np.sqrt(square * correction) + F(1e-30))


def ours(size: int, batch: int, initial, steps: int) -> Simulation:
    rule = rules.make("np-trace", None, "episode", noise_std=SIGMA, learning_rate=RATE)
    network = RNN(size=size, bias=True, leak=LEAK)
    return Simulation(network, rule, initial, schedule="episode", batch=batch, steps=steps, total_steps=10**6, seed=1)


def floors(size: int, batch: int, steps: int) -> dict[str, float]:
    """Microseconds a trial of the arithmetic alone."""
    rng = np.random.default_rng(0)
    x, w, out = (rng.random(shape, F) for shape in ((2 * batch, size), (size, size), (2 * batch, size)))
    post, pre = rng.random((steps * batch, size), F), rng.random((steps * batch, size), F)
    row = np.zeros(4096, F)

    @kernel
    def tanh(count, row):
        for _ in range(count):
            for i in range(row.shape[0]):
                row[i] = maths.tanh(row[i])

    @kernel
    def normals(count, row):
        for k in range(count):
            random.fill_normal(0, 2, k, 0, row)

    def best(action, calls):
        action(2)
        times = []
        for _ in range(7):
            begun = time.thread_time()
            action(calls)
            times.append(time.thread_time() - begun)
        return min(times) / calls * 1e6 / batch

    def products(count):
        for _ in range(count):
            for _ in range(steps):
                np.matmul(x, w, out=out)
            np.matmul(post.T, pre)

    share = size * steps * batch / len(row)
    return {
        "products": best(products, 10 if size < 200 else 3),
        "tanh": 2 * share * best(lambda count: tanh(count, row), 200),
        "normals": share * best(lambda count: normals(count, row), 200),
    }


def compare(size: int, batch: int, rounds: int) -> None:
    task = tasks.DelayedXOR(trials_per_epoch=8 * batch, validation_trials=16, test_trials=16)
    data = task.data(0, batch)
    sequences = [data.batch(k) for k in range(8)]
    steps = len(sequences[0].inputs)
    network = RNN(size=size, bias=True, leak=LEAK)
    initial = initial_weights(network, data.n_in, data.n_out, 0)
    simulation, other = ours(size, batch, initial, steps), Vectorised(initial, batch)
    prepared = [simulation.prepare(s) for s in sequences]
    constant = np.ones((steps, batch, 1), F)
    plain = [(np.concatenate([p.inputs, constant], axis=2), p.targets[-1]) for p in prepared]
    repeats = max(1, 1600 // size // 8)

    def time_ours():
        begun = time.thread_time()
        for _ in range(repeats):
            for p in prepared:
                assert simulation.present(p, "learn", 0, steps) == steps
        return time.thread_time() - begun

    def time_other():
        begun = time.thread_time()
        for _ in range(repeats):
            for p in plain:
                other.present(*p)
        return time.thread_time() - begun

    time_ours(), time_other()
    pairs = np.array([(time_ours(), time_other()) for _ in range(rounds)]) / (repeats * 8 * batch) * 1e6
    (a, b), (a0, b0) = np.median(pairs, axis=0), pairs.min(axis=0)
    ratio = np.median(pairs[:, 1] / pairs[:, 0])
    floor = ", ".join(f"{name} {value:.2f}" for name, value in floors(size, batch, steps).items())
    print(
        f"n = {size:4}, B = {batch}:  ours {a:7.2f} ({a0:.2f})   NumPy {b:7.2f} ({b0:.2f})   NumPy/ours {ratio:.2f} "
        f"({b0 / a0:.2f})   floors: {floor}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[20, 100, 500])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=21)
    given = parser.parse_args()
    print(f"microseconds a trial, median (least) of {given.rounds} rounds; load {os.getloadavg()[0]:.1f}")
    for size in given.sizes:
        compare(size, given.batch, given.rounds if size < 200 else max(5, given.rounds // 3))


if __name__ == "__main__":
    main()
