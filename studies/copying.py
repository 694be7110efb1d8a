"""Copying as published, by the library and by a transcription of the published rule in NumPy: are the wrong symbols the same?

    python studies/copying.py [--units 500] [--epochs 500] [--workers 1]

Ten one-hot symbols, strings of 100, a delay of 10, T = 210, one fixed string, every step scored, σ 1e-3, η 1e-3, no bias, an update an
epoch: J. García Fernández, S. Keemink, M. van Gerven, Front. Neurosci. 18:1439155 (2024), doi:10.3389/fnins.2024.1439155. The two share the
string, the initial weights and nothing else: the draws of the transcription are NumPy's, its arithmetic is float64. What they have to share
is the distribution, so that the difference of their means over the paper's five seeds is judged against the spread of seeds.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from neuroperturb import rules
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.simulation.schedule import Training
from neuroperturb.tasks import SymbolCopying
from neuroperturb.training.trainer import Trainer

SEEDS = 42, 101, 300, 482, 708  # the paper's
RULES = "anp", "danp", "np"
ETA, SIGMA, EPSILON = 1e-3, 1e-3, 1e-6
TASK = SymbolCopying(variant="fixed", trials_per_epoch=1, validation_trials=10, test_trials=100)
PLACE = Path(__file__).parent / "results" / "copying"


def by_the_library(rule: str, seed: int, units: int, epochs: int) -> dict[str, float]:
    """Metrics of the string that is learned and of others, after training."""
    experiment = Experiment(
        network=RNN(size=units), task=TASK, rule=rules.make(rule.removeprefix("d"), "published", "episode", learning_rate=ETA, noise_std=SIGMA),
        decorrelation=Decorrelation(rate=EPSILON) if rule.startswith("d") else None,
        training=Training(schedule="episode", batch_size=1, epochs=epochs, seed=seed),
    )  # fmt: skip
    trainer = Trainer(experiment)
    for _ in trainer:
        pass
    return scores(trainer.evaluate, trainer.dataset)


def by_the_equations(rule: str, seed: int, units: int, epochs: int) -> dict[str, float]:
    """The same from the equations, one line each."""
    data, rng = TASK.data(seed, 1), np.random.default_rng(seed)
    sequence = data.batch(0)
    W_in, W_rec, W_out, _, D = (np.array(w, float) for w in initial_weights(RNN(size=units), 10, 10, seed))
    u, target, N = sequence.inputs[:, 0], sequence.targets[:, 0], units + 20
    for _ in range(epochs):
        if rule.startswith("d"):
            xh, total = np.zeros(units), np.zeros_like(D)
            for t in range(len(u)):
                xh = np.tanh(u[t] @ W_in.T + xh @ W_rec.T) @ D.T
                total += np.outer(xh, xh @ D) - (xh**2)[:, None] * D  # offdiag(x̂ x̂ᵀ) D
            D -= EPSILON * total / len(u)
        G_in, G_rec, G_out = (np.zeros_like(W) for W in (W_in, W_rec, W_out))
        clean, noisy = np.zeros(units), np.zeros(units)
        for t in range(len(u)):
            xi, xi_y = SIGMA * rng.normal(size=units), SIGMA * rng.normal(size=10)
            a, a_noisy = u[t] @ W_in.T + clean @ W_rec.T, u[t] @ W_in.T + noisy @ W_rec.T + xi
            before, clean, noisy = clean, np.tanh(a) @ D.T, np.tanh(a_noisy) @ D.T
            y, y_noisy = clean @ W_out.T, noisy @ W_out.T + xi_y
            dL = np.mean((y_noisy - target[t]) ** 2) - np.mean((y - target[t]) ** 2)
            p, p_y = xi / SIGMA, xi_y / SIGMA
            if rule.endswith("anp"):
                da, dy = a_noisy - a, y_noisy - y
                p, p_y = np.sqrt(N) * da / np.sum(da**2), np.sqrt(N) * dy / np.sum(dy**2)
            G_in -= dL * np.outer(p, u[t])
            G_rec -= dL * np.outer(p, before)
            G_out -= dL * np.outer(p_y, clean)
        W_in, W_rec, W_out = W_in + ETA * G_in, W_rec + ETA * G_rec, W_out + ETA * G_out

    def outputs(sequence):
        x, found = np.zeros((sequence.inputs.shape[1], units)), []
        for now in sequence.inputs:
            x = np.tanh(now @ W_in.T + x @ W_rec.T) @ D.T
            found.append(x @ W_out.T)
        return np.stack(found)

    return scores(outputs, data)


def scores(outputs, data) -> dict[str, float]:
    learned, others = (data.metrics(outputs(part), part) for part in (data.batch(0), data.test))
    return {
        "loss": learned["loss"], "error_bits": learned["error_bits"], "test_loss": others["loss"], "test_error_bits": others["error_bits"],
    }  # fmt: skip


def one(job: tuple) -> dict:
    how, rule, seed, units, epochs = job
    found = (by_the_library if how == "library" else by_the_equations)(rule, seed, units, epochs)
    print(how, rule, seed, found, file=sys.stderr, flush=True)
    return {"by": how, "rule": rule, "seed": seed, "units": units, "epochs": epochs} | found


def compared(runs: pd.DataFrame) -> pd.DataFrame:
    """Means and standard deviations over seeds of both, and their difference in standard errors."""
    rows = []
    for (rule, column), part in runs.melt(
        ["by", "rule", "seed"], ["loss", "error_bits", "test_loss", "test_error_bits"]
    ).groupby(["rule", "variable"]):
        ours, theirs = (part[part.by == how].value.to_numpy() for how in ("library", "equations"))
        error = np.hypot(ours.std(ddof=1), theirs.std(ddof=1)) / np.sqrt(len(ours))
        rows.append(
            {
                "rule": rule, "score": column, "library": f"{ours.mean():.4g} ± {ours.std(ddof=1):.2g}",
                "equations": f"{theirs.mean():.4g} ± {theirs.std(ddof=1):.2g}",
                "standard errors apart": (ours.mean() - theirs.mean()) / error if error else 0.0,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--units", type=int, default=500)
    asked.add_argument("--epochs", type=int, default=500)
    asked.add_argument("--workers", type=int, default=1)
    asked.add_argument("--rules", nargs="+", default=list(RULES))
    given = asked.parse_args()
    jobs = [
        (how, rule, seed, given.units, given.epochs)
        for rule in given.rules
        for seed in SEEDS
        for how in ("library", "equations")
    ]
    with ProcessPoolExecutor(given.workers) as pool:
        runs = pd.DataFrame(pool.map(one, jobs))
    PLACE.mkdir(parents=True, exist_ok=True)
    runs.to_csv(PLACE / "runs.csv", index=False)
    print(compared(runs).to_string(index=False))


if __name__ == "__main__":
    main()
