"""Feed-forward networks by multiplexed gradient descent and by node perturbation: parity of two and of four bits.

    python studies/feed_forward.py [--seeds 20]

The problems, layers and sigmoids are those of A. N. McCaughan et al., Multiplexed gradient descent, APL Mach. Learn. 1:026118 (2023),
doi:10.1063/5.0157645: 2-2-1 and 4-4-1 networks, here with a linear output. Codes on the weights: random ±1 (CDMA) and Walsh ±1; and of units:
NP and ANP. All patterns are one batch of one step, a run has solved its problem when every pattern is on its side of 1/2. Rates by the number of
solved runs, then by the updates needed, on seeds 1 – 3; the table is of fresh seeds.
"""

from __future__ import annotations

import argparse
import itertools
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from neuroperturb import RNN, Experiment, Trainer, Training, rules, tasks

PLACE = Path(__file__).parent / "results" / "feed-forward"
TUNING, FRESH = range(1, 4), range(2101, 2111)
PROBLEMS = {"parity of 2 bits, 2-2-1": 2, "parity of 4 bits, 4-4-1": 4}
RATES = 0.1, 0.3, 1.0
EPOCHS, UPDATES = 30, 100  # of a run, and of an epoch
MGD = {
    "probe": {"kind": "weights", "hold": "episode"}, "broadcast": "batch", "batch_divisor": "sum", "baseline": {"kind": "clean_twin"},
}  # fmt: skip
WAYS = {  # rule and its parts; a perturbation of the weights is one of the whole batch, τ_p = τ_θ = 2ⁿ τ_x
    "MGD, random ±1 (CDMA)": ("wp", MGD | {"noise": {"kind": "rademacher"}}),
    "MGD, Walsh ±1": ("wp", MGD | {"noise": {"kind": "walsh"}}),
    "NP, pair": ("np", {"baseline": {"kind": "antithetic"}}),
    "ANP, pair": ("anp", {"baseline": {"kind": "antithetic"}}),
    "NP, pair, momentum": ("np", {"baseline": {"kind": "antithetic"}, "step": {"kind": "momentum"}}),
}


class Parity(tasks.TrialTask):
    """All patterns of `bits` bits and their parity, shown as one batch at one step."""

    name: Literal["parity"] = "parity"
    bits: int = 2

    def draw(self, rng: np.random.Generator, trials: int) -> tuple[np.ndarray, np.ndarray]:
        x = np.array(list(itertools.product((0.0, 1.0), repeat=self.bits)))
        x = np.tile(x, (-(-trials // len(x)), 1))[:trials]
        return x[None], (x.sum(axis=1) % 2)[None, :, None]


def run(bits: int, way: str, rate: float, seed: int) -> dict:
    """Updates until all patterns are right, to the next epoch; inf if they never are."""
    every, (rule, parts) = 2**bits, WAYS[way]
    task = Parity(bits=bits, trials_per_epoch=every * UPDATES, validation_trials=every, test_trials=every)
    rate *= 0.1 if "momentum" in way else 1.0  # a constant gradient moves a weight by η/(1 − β) of it
    experiment = Experiment(
        network=RNN(layers=(bits,), recurrent=False, bias=True, activation="sigmoid"), task=task,
        rule=rules.make(rule, schedule="episode", learning_rate=rate, noise_std=0.01, **parts),
        training=Training(schedule="episode", batch_size=every, epochs=EPOCHS, seed=seed),
    )  # fmt: skip
    trainer = Trainer(experiment)
    test, solved = trainer.dataset.test, float("inf")
    while not trainer.ended:
        if trainer.advance() and np.isinf(solved) and np.array_equal(trainer.evaluate(test) > 0.5, test.targets > 0.5):
            solved = trainer.step
    return {"updates": solved, "loss": trainer.score(test)["loss"]}


def rows(seeds: range) -> pd.DataFrame:
    found = []
    for (problem, bits), way in itertools.product(PROBLEMS.items(), WAYS):
        tried = {rate: [run(bits, way, rate, seed)["updates"] for seed in TUNING] for rate in RATES}
        best = max(tried, key=lambda rate: (np.isfinite(tried[rate]).sum(), -np.median(tried[rate])))
        for seed in seeds:
            found.append({"problem": problem, "way": way, "rate": best, "seed": seed} | run(bits, way, best, seed))
        print(tried, "\n", pd.DataFrame(found).tail(len(seeds)).to_string(), flush=True)
    return pd.DataFrame(found)


def table(runs: pd.DataFrame) -> pd.DataFrame:
    made = []
    for (problem, way), part in runs.groupby(["problem", "way"], sort=False):
        solved = np.isfinite(part.updates)
        low, high = wilson(int(solved.sum()), len(part))
        made.append(
            {
                "problem": problem, "way": way, "η": part.rate.iloc[0], "solved": f"{solved.sum()} of {len(part)}", "95 %": f"{low:.2f} … {high:.2f}",
                "median updates of the solved": float(part.updates[solved].median()),
            }
        )  # fmt: skip
    return pd.DataFrame(made)


def wilson(k: int, n: int) -> tuple[float, float]:
    z, p = 1.96, k / n
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--seeds", type=int, default=len(FRESH))
    runs = rows(FRESH[: asked.parse_args().seeds])
    PLACE.mkdir(parents=True, exist_ok=True)
    runs.to_csv(PLACE / "runs.csv", index=False)
    print(table(runs).to_markdown(index=False) if find_spec("tabulate") else table(runs).to_string(index=False))


if __name__ == "__main__":
    main()
