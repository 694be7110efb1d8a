"""BPTT(1) beside ANP, online, one trial at a time: seconds of processor time an epoch of Mackey-Glass recall, by turns in one process.

    python benchmarks/one_step_gradient.py [--sizes 500 1000] [--rounds 5]

Both read W_rec and write it at every step. The gradient also writes its outer product, of the size of W_rec, before it is applied, so that it can be
clipped: three walks over n² numbers, and two by ANP, whose second pass shares the first one's. No optimiser's moment is touched by plain descent.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from neuroperturb.experiments.toml import resolve
from neuroperturb.training.train import experiment

RULES = {
    "BPTT(1)": {"name": "bptt", "window": 1, "optimiser": {"kind": "sgd"}},
    "ANP": {"name": "anp", "form": "published", "learning_rate": 1e-6},
}


def epochs_of(rule: dict, size: int, rounds: int):
    """Seconds of one epoch after another; the first compiles."""
    task = {"name": "mackey-glass", "variant": "recall"}
    training = {"epochs": rounds + 1}
    steps = iter(
        experiment(
            resolve({"task": task, "network": {"size": size}, "training": training, "rule": rule}),
            every="epoch",
        )
    )
    while True:
        begun = time.thread_time()
        if next(steps, None) is None:
            return
        yield time.thread_time() - begun


def compare(size: int, rounds: int) -> str:
    """One line: medians and their ratio."""
    running = {name: epochs_of(rule, size, rounds) for name, rule in RULES.items()}
    taken = [[next(one) for one in running.values()] for _ in range(rounds + 1)][1:]
    gradient, anp = np.median(taken, axis=0)
    ratios = np.divide(*np.array(taken).T)
    return f"n = {size}: BPTT(1) {gradient:.2f} s, ANP {anp:.2f} s, ratio {np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})"


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--sizes", type=int, nargs="+", default=[500, 1000])
    given.add_argument("--rounds", type=int, default=5)
    options = given.parse_args()
    for size in options.sizes:
        print(compare(size, options.rounds), flush=True)
