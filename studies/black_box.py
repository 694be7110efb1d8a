"""A chip in the loop whose neurons nobody has a model of: delayed XOR on units with a hidden spread of slope, gain and offset.

    python studies/black_box.py            runs what is missing, writes studies/results/black-box/{runs.csv,README.md}
    python studies/black_box.py --only TEXT --seeds 2

The chip is a NumPy function that shares no code with the simulator: f_i(a) = tanh(k_i g_i a) − d_i with k, g = |1 + 0.2 ξ| and d = 0.2 ξ.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from hardware_models.neurons import Neurons
from neuroperturb import RNN, BlackBox, Chip, Experiment, Presentation, Trainer, Training, rules, tasks
from neuroperturb.baselines import Adam, Bptt
from neuroperturb.network.rnn import LEARNT

HERE = Path(__file__).parent / "results" / "black-box"
SPREAD = 0.2
SEEDS = range(1, 13)
CHIP = 1000  # the chip of seed s is CHIP + s
NETWORK = RNN(size=20, gain=1.1, bias=True)
TASK = tasks.DelayedXOR(trials_per_epoch=1280)
NEURONS = Neurons(gain_std=SPREAD, slope_std=SPREAD, offset_std=SPREAD)
RULES = {
    "NP+P": rules.make("np-p", schedule="episode", rate=rules.Cosine(final=0.0)),
    "NP trace": rules.make("np-trace", schedule="episode", rate=rules.Cosine(final=0.0)),
}
GRADIENT = Bptt(optimiser=Adam(learning_rate=0.01))


def mismatched(seed: int, spread: bool = True):
    """A chip, as a function of a presentation: it answers with outputs and activities, and keeps its parameters to itself."""
    drawn = NEURONS.state(NETWORK.size, seed=CHIP + seed, dtype=np.float64)
    gain, slope, offset = (np.array(a[: NETWORK.size]) for a in (drawn.gain, drawn.slope, drawn.offset))
    if not spread:
        gain, slope, offset = np.ones_like(gain), np.ones_like(slope), np.zeros_like(offset)

    def chip(shown: Presentation) -> dict:
        w_in, w_rec, w_out = (shown.weights[name] for name in LEARNT)
        steps, trials = shown.mask.shape
        passes = shown.passes
        x, bias = np.zeros((passes, trials, NETWORK.size)), np.ones((trials, 1))
        activity, outputs = np.empty((passes, steps, trials, NETWORK.size)), np.empty((passes, *shown.targets.shape))
        for t in range(steps):
            x = 0 * x if shown.reset[t] else x
            drive = np.hstack([shown.inputs[t], bias]) @ w_in.T + x @ w_rec.T
            if shown.noise is not None:
                drive = drive + shown.noise[:, t]
            x = np.tanh(slope * gain * drive) - offset
            activity[:, t], outputs[:, t] = x, x @ w_out.T
            if shown.noise_out is not None:
                outputs[:, t] += shown.noise_out[:, t]
        return {"outputs": outputs, "activity": activity}

    return chip


def experiment(rule, seed: int, hardware: Chip | None = None, epochs: int = 40) -> Experiment:
    training = Training(schedule="episode", batch_size=64, epochs=epochs, seed=seed, dtype="float64")
    return Experiment(network=NETWORK, task=TASK, rule=rule, training=training, hardware=hardware)


def known(seed: int) -> Chip:
    """The same chip as a model that the simulator has."""
    return Chip(neurons=NEURONS, seed=CHIP + seed)


def learn(trainer: Trainer) -> Trainer:
    for _ in trainer:
        pass
    return trainer


def moved(trainer: Trainer, seed: int) -> float:
    """Test loss of trained weights on the mismatched chip."""
    data, weights = trainer.dataset, trainer.run().weights
    shown = Presentation(
        kind="evaluate", number=0, inputs=data.test.inputs, targets=data.test.targets, mask=data.test.mask, reset=data.test.reset,
        weights=weights,
    )  # fmt: skip
    return data.metrics(mismatched(seed)(shown)["outputs"][0], data.test)["loss"]


def test_loss(trainer: Trainer) -> float:
    return trainer.score(trainer.dataset.test)["loss"]


def rows(seed: int):
    """(name, function that runs it) of one seed."""
    for name, rule in RULES.items():
        yield (
            f"{name}, chip in the loop",
            lambda rule=rule: [test_loss(learn(BlackBox(experiment(rule, seed), mismatched(seed))))],
        )
        yield (
            f"{name}, the simulator knows the chip",
            lambda rule=rule: [test_loss(learn(Trainer(experiment(rule, seed, known(seed)))))],
        )
        yield f"{name}, nominal model, then moved to the chip", lambda rule=rule: on_the_model(rule, seed)
    yield "BPTT, nominal model, then moved to the chip", lambda: on_the_model(GRADIENT, seed)
    yield (
        "BPTT, passes on the chip, nominal derivative",
        lambda: [test_loss(learn(Trainer(experiment(GRADIENT, seed, known(seed)))))],
    )


def on_the_model(rule, seed: int) -> list[float]:
    """Test loss on the chip, and on the nominal model."""
    trainer = learn(Trainer(experiment(rule, seed)))
    return [moved(trainer, seed), test_loss(trainer)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    options = parser.parse_args()
    HERE.mkdir(parents=True, exist_ok=True)
    file = HERE / "runs.csv"
    done = (
        pd.read_csv(file) if file.exists() else pd.DataFrame(columns=["row", "seed", "test", "on the model", "seconds"])
    )
    for seed in SEEDS[: options.seeds]:
        for name, run in rows(seed):
            if options.only not in name or ((done["row"] == name) & (done["seed"] == seed)).any():
                continue
            start = time.perf_counter()
            test, *nominal = run()
            line = {"row": name, "seed": seed, "test": test, "on the model": nominal[0] if nominal else np.nan}
            done = pd.concat(
                [done, pd.DataFrame([{**line, "seconds": round(time.perf_counter() - start, 2)}])], ignore_index=True
            )
            done.to_csv(file, index=False)
            print(f"{seed:3d}  {name:50s} {test:.4g}", *(f"(on the model {one:.3g})" for one in nominal), flush=True)
    print(table(done))


def interval(values: np.ndarray) -> str:
    """Mean with a 95 % t interval."""
    from scipy.stats import t

    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{values.mean():.3g} ± {half:.2g}"


def table(done: pd.DataFrame) -> str:
    """Test losses on the chip, and paired differences from the same rule with a known chip."""
    head = (
        "delayed XOR, test loss on the chip",
        "mean ± 95 %",
        "worst seed",
        "on the nominal model",
        "minus the same, chip known",
    )
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, found in done.groupby("row", sort=False):
        rule = name.partition(",")[0]
        twin = done[done["row"] == f"{rule}, the simulator knows the chip"].set_index("seed")["test"]
        own = found.set_index("seed")["test"]
        both = own.index.intersection(twin.index)
        paired = interval((own[both] - twin[both]).to_numpy()) if len(both) > 1 and not twin.equals(own) else "–"
        nominal = found["on the model"].dropna().to_numpy()
        lines.append(
            f"| {name} | {interval(own.to_numpy())} | {own.max():.3g} | {interval(nominal) if len(nominal) else '–'} | {paired} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
