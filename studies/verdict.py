"""Does the warning predict failure? Over all presets: the ratio that a run is warned of before it starts, and whether it then learns.

    python studies/verdict.py [credit|weather] [--out studies/results/verdict]

credit   delayed XOR by node perturbation with a trace, the task's own settings; learnt: test loss below 0.5, half of guessing
weather  24 hours ahead by decorrelated ANP, the task's own settings, 3 epochs, at most 31 pulses a write; learnt: test loss below
         persistence

Settings are the same on every array: none is searched for. Seeds 42, 101, 300: chip, network, data and noise of a run. Runs that
are in the table already are not run again.
"""

from __future__ import annotations

import argparse
import itertools
import os
from pathlib import Path

import pandas as pd

import hardware_models as hw
from neuroperturb import Experiment, Trainer
from neuroperturb.experiments import recipes
from neuroperturb.experiments.toml import resolve
from neuroperturb.results.grid import grid, number

WTH = os.environ.get("NEUROPERTURB_WTH", "../shared/data/WTH.csv")
SEEDS = (42, 101, 300)
MIXED, PAIR = {"writing": "mixed-precision"}, {"weight": "pair"}
ARRAYS: dict[str, dict] = {
    **{name: {"name": name} for name in ("ideal", *hw.PRESETS)},
    "pcm, one-sided pair": {"name": "pcm", "weight": "one-sided-pair"},
    "digital-4, mixed precision": {"name": "digital-4", **MIXED},
    "ecram, mixed precision": {"name": "ecram", **MIXED},
    "ecram, pair, mixed precision": {"name": "ecram", **PAIR, **MIXED},
    "reram-es, mixed precision": {"name": "reram-es", **MIXED},
    "reram-array-hfo2, mixed precision": {"name": "reram-array-hfo2", **MIXED},
    **{f"read noise {s:g}": {"reading": {"output_noise_std": s}} for s in (0.01, 0.03, 0.1, 0.3)},
    **{f"neuron noise {s:g}": {"neurons": {"noise_std": s}} for s in (0.03, 0.1, 0.3)},
    "neurons of 10 %": {"neurons": {"slope_std": 0.1, "midpoint_std": 0.1, "saturation_std": 0.1, "offset_std": 0.1}},
    "neurons of 4 bits": {"neurons": {"state_bits": 4}},
    "8-bit DAC and ADC": {
        "reading": {"dac": {"bits": 8}, "adc": {"bits": 8, "bound": 10.0}, "scaling": "abs-max", "bound_management": {}}
    },
}
TASKS = {
    "credit": (recipes.recipe("delayed-xor"), []),
    "weather": (recipes.recipe("weather"), [f"task.path={WTH}", "task.horizon=24", "training.epochs=3"]),
}


def learnt(task: str, loss: float, trainer: Trainer) -> bool:
    """Whether a loss on the test data is one of a network that has learnt."""
    return loss < (0.5 if task == "credit" else trainer.dataset.trivial()["persistence"]["test"])


def experiment_of(task: str, array: str, seed: int) -> Experiment:
    """The task's own settings on that array."""
    table, settings = TASKS[task]
    table, settings = {**table, "hardware": ARRAYS[array]}, [*settings, f"training.seed={seed}"]
    experiment = resolve(table, settings)
    if task == "weather" and isinstance(experiment.hardware.cells, hw.PulsedCell):
        experiment = resolve(table, [*settings, "hardware.cells.most_pulses=31"])
    return experiment


def run(task: str, array: str, seed: int) -> dict:
    """One run: the ratio it is warned of, and what becomes of it."""
    experiment = experiment_of(task, array, seed)
    trainer = Trainer(experiment)
    for _ in trainer:
        pass
    loss = trainer.score(trainer.dataset.test)["loss"]
    section = trainer.run().ledger["hardware"]
    row = {"array": array, "seed": seed, "test": loss, "learnt": learnt(task, loss, trainer), "limit": section["limit"]}
    print(f"{array:36}{seed:5}  {number(loss):>9}  {section['warning'] or 'no warning'}", flush=True)
    return row


def summary(frame: pd.DataFrame) -> str:
    """A line an array, and how often the warning was right."""
    lines = []
    for array, rows in frame.groupby("array", sort=False):
        limits = [name or "none" for name in rows["limit"]]
        lines.append(
            {"array": array, "test, median": number(rows["test"].median()), "learnt": f"{rows['learnt'].sum()} of {len(rows)}",
             "warned of": ", ".join(f"{name} ({limits.count(name)})" for name in dict.fromkeys(limits))}
        )  # fmt: skip
    warned = frame["limit"] != ""
    right = int((warned != frame["learnt"]).sum())
    alarms, misses = int((warned & frame["learnt"]).sum()), int((~warned & ~frame["learnt"]).sum())
    table = grid({key: [line[key] for line in lines] for key in lines[0]})
    return f"{table}\n\n{len(frame)} runs: {right} told rightly, {alarms} false alarms, {misses} misses.\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--out", type=Path, default=Path("studies/results/verdict"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for task in arguments.tasks:
        path = arguments.out / f"{task}.csv"
        rows = pd.read_csv(path, keep_default_na=False).to_dict("records") if path.exists() else []
        there = {(row["array"], row["seed"]) for row in rows}
        for array, seed in itertools.product(ARRAYS, SEEDS):
            if (array, seed) not in there:
                rows.append(run(task, array, seed))
                pd.DataFrame(rows).to_csv(path, index=False)
        frame = pd.read_csv(path, keep_default_na=False)
        (arguments.out / f"{task}.txt").write_text(summary(frame), encoding="utf-8")
        print("\n" + summary(frame))


if __name__ == "__main__":
    main()
