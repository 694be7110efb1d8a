"""Rules × worlds: every rule at its best of a few settings, ten fresh seeds, beside policies that an evolution strategy tuned.

    python studies/worlds.py [--small] [--folder FOLDER] [tune] [confirm] [baselines] [hardware] [recovery] [table]

Settings are chosen by the validation loss on seeds 1 – 3; everything in the table is of seeds 2001 – 2010 and of test trials. Results are appended,
a line of JSON for each run, to results/worlds/runs.jsonl, and a run that is there is not repeated; `table` writes the README from it.

    score = (loss of the random policy − loss) / (its loss − that of the best baseline),  1 as good as the best baseline, 0 as bad as chance
"""

from __future__ import annotations

import copy
import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np

from neuroperturb.baselines.policies import RATES, SPREADS, Linear, Recurrent, evolve, play
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.recipes import recipe
from neuroperturb.training.trainer import Trainer

TUNED, FRESH = (1, 2, 3), tuple(range(2001, 2011))
CONSTANT, COSINE = {"kind": "constant"}, {"kind": "cosine", "final": 0.0}
SMOOTH = {"kind": "ornstein_uhlenbeck", "tau": 10.0}  # a pendulum filters what changes at every step
WORLDS = {  # settings that are not searched; an epoch is 10 batches of 64 trials, or of 32
    "bandit": {"training.epochs": 10},
    "delayed-match": {"task.trials_per_epoch": 640, "training.epochs": 40},
    "t-maze": {"task.trials_per_epoch": 640, "training.epochs": 40},
    "cart-pole": {"task.trials_per_epoch": 320, "training.epochs": 40},
    "pendulum": {"task.trials_per_epoch": 320, "training.epochs": 60, "network.leak": 0.5},
}
LONG = ("cart-pole", "pendulum")  # searched with fewer settings and seeds
TWIN = [{"kind": "policy_twin", "spread": s} for s in (0.3, 1.0)]
P = {"kind": "whitened"}
RULES = {  # name: (rule, its settings, searched settings, those of the long worlds)
    "np-p": ("np-p", {}, {"noise_std": [0.2, 0.5], "learning_rate": [0.003, 0.01, 0.03]}, {"noise_std": [0.2, 0.5], "learning_rate": [0.01]}),
    "np-trace": ("np-trace", {}, {"noise_std": [0.2, 0.5], "learning_rate": [0.003, 0.01, 0.03]}, {"noise_std": [0.2, 0.5], "learning_rate": [0.01]}),
    "wp-held": ("wp-held", {}, {"noise_std": [0.05, 0.1], "learning_rate": [0.003, 0.01, 0.03]}, {"noise_std": [0.1], "learning_rate": [0.01]}),
    "oua": ("oua", {}, {"noise_std": [0.05, 0.2], "learning_rate": [1e-3, 1e-2, 1e-1]}, {"noise_std": [0.1], "learning_rate": [1e-4, 1e-2]}),
    "hebbian": ("hebbian", {}, {"noise_std": [0.3, 0.6], "learning_rate": [0.003, 0.03, 0.3]}, {"noise_std": [0.3], "learning_rate": [0.003, 0.03]}),
    "nrl": ("nrl", {"noise_std": 0.05}, {"baseline": TWIN, "learning_rate": [0.003, 0.01, 0.03]}, {"baseline": TWIN, "learning_rate": [0.003]}),
    "nrl+P": (
        "nrl", {"noise_std": 0.05, "presynaptic": P}, {"baseline": TWIN, "learning_rate": [0.003, 0.01, 0.03]},
        {"baseline": TWIN, "learning_rate": [0.003]},
    ),
}  # fmt: skip
DIFFERENTIABLE = ("cart-pole", "pendulum")  # worlds that gradients go back through
RULES["bptt"] = "bptt", {}, {}, {}
ADAM = {
    "cart-pole": (3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
    "pendulum": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
}  # learning rates, wider at the best one
CHIPS = {
    "digital-6": {"hardware": "digital-6", "worlds": tuple(WORLDS)},
    "ecram": {"hardware": "ecram", "worlds": tuple(WORLDS)},
    # where 6 bits written directly fell short: the writing that `advise` recommends for them
    "digital-6, from a sum": {
        "hardware": {"name": "digital-6", "writing": {"kind": "mixed-precision"}},
        "worlds": ("cart-pole",),
    },
}
SMOOTHED = ("np-p", "np-trace")  # rules whose noise is smoothed in the pendulum
SLOW = ("wp-held", "oua", "hebbian")  # a draw, or a formula, for each synapse: in long worlds three seeds only


def put(table: dict, key: str, value) -> None:
    *path, last = key.split(".")
    for name in path:
        table = table.setdefault(name, {})
    table[last] = value


def settings(world: str, rule: str) -> list[dict]:
    """The searched settings of a rule in a world."""
    if rule == "bptt":
        return [
            {"optimiser": {"kind": "adam", "learning_rate": r, "clip_norm": 1.0, "rate": COSINE}} for r in ADAM[world]
        ]
    _, _, usual, long = RULES[rule]
    over = long if world in LONG else usual
    return [dict(zip(over, values, strict=True)) for values in itertools.product(*over.values())]


def table(world: str, rule: str, chosen: dict, seed: int, **more) -> dict:
    """The experiment of a rule in a world."""
    made = recipe(world)
    name, own, _, _ = RULES[rule]
    made["rule"] = {"name": name, **({} if rule == "bptt" else {"rate": COSINE}), **own, **copy.deepcopy(chosen)}
    if world == "pendulum" and rule in SMOOTHED:
        made["rule"]["noise"] = SMOOTH
    for key, value in {**WORLDS[world], "training.seed": seed, **more}.items():
        put(made, key, value)
    return made


def run(made: dict) -> dict:
    """Train: validation losses of the epochs, test loss, seconds."""
    began = time.perf_counter()
    trainer = Trainer(Experiment.parse(made))
    for _ in trainer:
        pass
    record = trainer.run()
    finished = record.status == "finished"
    losses = record.history["validation_loss"].tolist()
    return {
        "status": record.status, "validation": losses[-1] if finished else float("nan"), "curve": losses,
        "test": trainer.score(trainer.dataset.test)["loss"] if finished else float("nan"),
        "seconds": round(time.perf_counter() - began, 2),
    }  # fmt: skip


class Runs:
    """Results by key, in a file of lines of JSON."""

    def __init__(self, path: Path):
        self.path, self.found = path, {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                self.found[row.pop("key")] = row

    def do(self, key: str, make) -> dict:
        if key not in self.found:
            self.found[key] = row = make()
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, **row}) + "\n")
            print(key, row["status"], row["validation"], row["seconds"], flush=True)
        return self.found[key]


def tune(runs: Runs, world: str, rule: str) -> dict:
    """The setting with the smallest mean validation loss on the seeds of the search; a run that diverged counts as the worst."""
    seeds = TUNED[:1] if world in LONG and rule in SLOW else TUNED[:2] if world in LONG and rule != "bptt" else TUNED
    worst = 1e9

    def loss(chosen):
        found = [
            runs.do(f"tune {world} {rule} {json.dumps(chosen)} {s}", lambda s=s: run(table(world, rule, chosen, s)))
            for s in seeds
        ]
        return np.mean([row["validation"] if np.isfinite(row["validation"]) else worst for row in found])

    return min(settings(world, rule), key=loss)


def confirm(runs: Runs, world: str, rule: str) -> None:
    chosen = tune(runs, world, rule)
    for seed in FRESH[:3] if world in LONG and rule in SLOW else FRESH:
        runs.do(f"confirm {world} {rule} {seed}", lambda seed=seed: run(table(world, rule, chosen, seed)))


def policies(world: str, seed: int):
    """The data of a world and its policies, as a run of this seed has them."""
    experiment = Experiment.parse(table(world, "np-p", {}, seed))
    training = experiment.training
    data = experiment.task.data(seed, training.batch_size)
    sizes = data.n_in, data.n_out
    trials = training.epochs * data.batches_per_epoch * training.batch_size
    return data, trials, {"linear": Linear(*sizes), "network": Recurrent(experiment.network, *sizes, seed)}


def searched(world: str, name: str, seed: int, rate: float, spread: float) -> dict:
    began = time.perf_counter()
    data, trials, found = policies(world, seed)
    theta = evolve(data, found[name], trials, rate=rate, spread=spread).theta[None]
    loss = lambda part: float(data.ceiling - play(data.world, found[name], theta, seed, part.condition[0]).mean())  # noqa: E731
    took = round(time.perf_counter() - began, 2)
    return {
        "status": "finished",
        "validation": loss(data.validation),
        "test": loss(data.test),
        "trials": trials,
        "seconds": took,
    }


def baselines(runs: Runs, world: str) -> None:
    """The random policy, and the two that the evolution strategy tunes: its settings by seed 1, in as many trials as a rule has."""
    for name in ("linear", "network"):
        grid = [(rate, spread) for rate in RATES for spread in SPREADS]
        make = lambda setting, seed, name=name: runs.do(  # noqa: E731
            f"{'tune' if seed in TUNED else 'confirm'} {world} {name} {setting} {seed}",
            lambda: searched(world, name, seed, *setting),
        )
        best = min(grid, key=lambda setting: make(setting, 1)["validation"])
        for seed in FRESH:
            row = make(best, seed)
            runs.do(f"confirm {world} {name} {seed}", lambda row=row: row)
    for seed in FRESH:
        data = policies(world, seed)[0]
        scores = data.trivial()["random"]
        runs.do(f"confirm {world} random {seed}", lambda scores=scores: {"status": "finished", **scores, "seconds": 0})


def hardware(runs: Runs, world: str) -> None:
    """NP+P on chips: learning rates beside the best one by seeds 1 – 3, or 1 in long worlds; ten chips, or five."""
    chosen = tune(runs, world, "np-p")
    seeds, fresh = (TUNED[:1], FRESH[:5]) if world in LONG else (TUNED, FRESH)
    for chip, of in CHIPS.items():
        if world not in of["worlds"]:
            continue

        def on_chip(part, rate, seed, chip=chip, made_of=of["hardware"]):
            name = f"{chip} {rate:.3g}" if part == "tune" else chip
            made = table(world, "np-p", {**chosen, "learning_rate": rate}, seed, hardware=made_of)
            return runs.do(f"{part} {world} np-p on {name} {seed}", lambda: run(made))["validation"]

        losses = {
            chosen["learning_rate"] * factor: [
                on_chip("tune", chosen["learning_rate"] * factor, seed) for seed in seeds
            ]
            for factor in ((1, 3) if world in LONG else (1 / 3, 1, 3))
        }
        best = min(losses, key=lambda rate, losses=losses: np.mean(np.nan_to_num(losses[rate], nan=1e9)))
        for seed in fresh:
            on_chip("confirm", best, seed)


BREAKS = {"delayed-match": 20, "t-maze": 20, "cart-pole": 25}  # epochs before something breaks; then twice as many


def recovery(runs: Runs, world: str) -> None:
    """30 % of the cells of every matrix stick at 0 after some epochs, on 6-bit weights; or the motor is reversed. A constant learning rate."""
    chosen, epochs = {**tune(runs, world, "np-p"), "rate": CONSTANT}, BREAKS[world]
    experiment = Experiment.parse(table(world, "np-p", chosen, 1))
    data = experiment.task.data(1, experiment.training.batch_size)
    sequences = epochs * data.batches_per_epoch
    cells = {
        "name": "digital-6", "step_seconds": 1.0,
        "time": {"faults": {"broken_zero": 0.3, "accident": sequences * data.world.steps - 0.5}},
    }  # fmt: skip
    ways = {
        "synapses": {"hardware": cells},
        "motor": {"task.motor_breaks_at": sequences * experiment.training.batch_size, "task.motor_strength": -1.0},
    }
    for name, more in ways.items():
        for seed in FRESH[:5] if world in LONG else FRESH:
            made = table(world, "np-p", chosen, seed, **more, **{"training.epochs": 3 * epochs})
            runs.do(f"recovery {world} {name} {seed}", lambda made=made: run(made))


def main(arguments: list[str]) -> None:
    global FRESH, TUNED
    here = Path(__file__).parent / "results" / "worlds"
    if "--folder" in arguments:
        here = Path(arguments[arguments.index("--folder") + 1])
    worlds, rules_ = list(WORLDS), list(RULES)
    if "--small" in arguments:
        FRESH, TUNED, worlds, rules_ = (2001, 2002), (1,), ["bandit"], ["np-p", "nrl"]
        WORLDS["bandit"] = {"training.epochs": 1, "task.trials_per_epoch": 64, "network.size": 4}
    only = [name for name in worlds if name in arguments]
    worlds = only or worlds
    here.mkdir(parents=True, exist_ok=True)
    runs = Runs(here / "runs.jsonl")
    wanted = [part for part in ("baselines", "confirm", "hardware", "recovery") if part in arguments]
    for world in worlds:
        for part in wanted or (() if "table" in arguments else ("baselines", "confirm", "hardware")):
            if part == "confirm":
                for rule in [r for r in rules_ if r in arguments] or rules_:
                    if rule != "bptt" or world in DIFFERENTIABLE:
                        confirm(runs, world, rule)
            elif part != "recovery" or world in BREAKS:
                globals()[part](runs, world)
    if not wanted or "table" in arguments:
        import worlds_table  # beside this file

        (here / "README.md").write_text(worlds_table.page(runs.found, worlds, rules_, FRESH), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
