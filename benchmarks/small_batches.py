"""The online step at small batches: microseconds of processor time a trial and step, of ANP with a plain step, against batch 1.

    python benchmarks/small_batches.py [--sizes 50 100 500] [--batches 1 2 4 8 12 16 100] [--rounds 9]

All batches take turns in one process; medians and least, and the sgemm rate of the products of W_rec from 16 trials on.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from neuroperturb import rules
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.tasks.contract import Sequence


def prepare(size: int, batch: int, steps: int) -> tuple[Simulation, object]:
    rule, network = rules.make("anp", "published", learning_rate=1e-6), RNN(size=size)
    simulation = Simulation(
        network, rule, initial_weights(network, 1, 1, 0), batch=batch, steps=steps, total_steps=10**6
    )
    values = 0.3 * np.random.default_rng(0).normal(size=(steps, batch, 1))
    return simulation, simulation.prepare(
        Sequence(values, values, np.ones((steps, batch), bool), np.arange(steps) == 0)
    )


def gemm_us(size: int, batch: int) -> float:
    """A read of 2 B columns and a write of B outer products, as NumPy's sgemm does them."""
    rng = np.random.default_rng(0)
    x, w, p = (
        rng.random((2 * batch, size), np.float32),
        rng.random((size, size), np.float32),
        rng.random((batch, size), np.float32),
    )
    out, change, times = np.empty_like(x), np.empty_like(w), []
    for _ in range(9):
        begun = time.thread_time()
        for _ in range(20):
            np.matmul(x, w, out=out)
            np.matmul(p.T, p, out=change)
        times.append(time.thread_time() - begun)
    return min(times) / 20 * 1e6 / batch


def compare(size: int, batches: list[int], rounds: int) -> None:
    steps = max(10, 20000 // size)
    runs = {batch: prepare(size, batch, max(5, steps // batch)) for batch in batches}

    def timed(batch):
        simulation, data = runs[batch]
        begun = time.thread_time()
        simulation.present(data, "learn", 0, len(data.inputs))
        return (time.thread_time() - begun) / (len(data.inputs) * batch) * 1e6

    for batch in batches:
        timed(batch)
    times = np.array([[timed(batch) for batch in batches] for _ in range(rounds)])
    for batch, median, least in zip(batches, np.median(times, axis=0), times.min(axis=0), strict=True):
        line = f"n = {size:4}, B = {batch:3}: {median:7.2f} ({least:.2f}) us a trial and step, {least / times[:, 0].min():.2f} of batch {batches[0]}"
        print(line + (f", {gemm_us(size, batch) / least:.2f} of sgemm" if batch >= 16 else ""), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[50, 100, 500])
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 2, 4, 8, 12, 16, 100])
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    for size in given.sizes:
        compare(size, given.batches, given.rounds)


if __name__ == "__main__":
    main()
