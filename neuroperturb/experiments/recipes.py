"""Default settings that learn well: for each task, a table as read by :mod:`neuroperturb.experiments.experiment`.

``neuroperturb run TASK`` starts from these; a TOML file starts from the plain defaults of the objects instead. A rule
other than that of the recipe uses its own preset, or the entry of `RULES` for that task.
"""

from __future__ import annotations

import copy
from pathlib import Path

from neuroperturb.rules import DECORRELATED

# Rates and schedules were chosen on validation data: studies/results/part1/README.md.
COSINE = {"kind": "cosine", "final": 0.0}
CREDIT = {
    "name": "np-trace",
    "learning_rate": 0.01,
    "noise_std": 0.05,
    "rate": COSINE,
}  # antithetic, RMS: those of the preset
REWARD = {"name": "np-p", "learning_rate": 0.01, "noise_std": 0.2, "rate": COSINE, "baseline": {"kind": "per_step"}}
SERIES = {"name": "danp", "form": "published", "noise_std": 1e-3, "rate": COSINE}

RECIPES: dict[str, dict] = {
    "delayed-xor": {
        "task": {"name": "delayed-xor", "trials_per_epoch": 1280},
        "network": {"size": 20, "gain": 1.1, "bias": True},
        "rule": CREDIT,
        "training": {"schedule": "episode", "batch_size": 64, "epochs": 40},
    },
    "context-integration": {
        "task": {"name": "context-integration", "trials_per_epoch": 1280},
        "network": {"size": 16, "gain": 1.0, "bias": True},
        "rule": CREDIT | {"learning_rate": 0.02, "noise_std": 0.2},
        "training": {"schedule": "episode", "batch_size": 64, "epochs": 60},
    },
    "bit-copying": {
        "task": {"name": "bit-copying", "trials_per_epoch": 1280},
        "network": {"size": 20, "gain": 1.0, "bias": True},
        "rule": CREDIT | {"learning_rate": 0.02},
        "training": {"schedule": "episode", "batch_size": 64, "epochs": 20},
    },
    "copying": {  # ten bits, the task's default length, take more than a few minutes with any rule here
        "task": {"name": "copying", "length": 5, "delay": 5, "trials_per_epoch": 1280},
        "network": {"size": 50, "bias": True},
        "rule": CREDIT,
        "training": {"schedule": "episode", "batch_size": 64, "epochs": 20},
    },
    # as published but for the number of epochs, 500 there; its sizes are 500 and 1,000 units, its batches 1, 10 and 100
    "symbol-copying": {
        "task": {"name": "symbol-copying", "variant": "fixed", "trials_per_epoch": 100},
        "network": {"size": 500},
        "rule": {"name": "danp", "form": "published", "noise_std": 1e-3, "learning_rate": 1e-3},
        "training": {"schedule": "episode", "batch_size": 10, "epochs": 10},
    },
    "mnist": {
        "task": {"name": "mnist", "scored": "every"},
        "network": {"size": 500},
        "rule": {"name": "danp", "form": "published", "noise_std": 1e-3, "learning_rate": 1e-3},
        "training": {"schedule": "episode", "batch_size": 100, "epochs": 10},
    },
    "digits": {  # learns little: 2.27 after ten epochs, guessing is 2.30
        "task": {"name": "digits"},
        "network": {"size": 100, "bias": True},
        "rule": CREDIT | {"learning_rate": 0.003},
        "training": {"schedule": "episode", "batch_size": 64, "epochs": 10},
    },
    "bandit": {
        "task": {"name": "bandit", "trials_per_epoch": 640},
        "network": {"size": 16, "bias": True},
        "rule": REWARD,
        "training": {"schedule": "episode", "batch_size": 64, "epochs": 20},
    },
    "delayed-match": {
        "task": {"name": "delayed-match"},
        "network": {"size": 24, "gain": 1.1, "bias": True},
        "rule": REWARD,
        "training": {"schedule": "episode", "batch_size": 64, "epochs": 40},
    },
    "t-maze": {
        "task": {"name": "t-maze"},
        "network": {"size": 24, "gain": 1.1, "bias": True},
        "rule": REWARD | {"noise_std": 0.5},
        "training": {"schedule": "episode", "batch_size": 64, "epochs": 40},
    },
    "cart-pole": {
        "task": {"name": "cart-pole", "trials_per_epoch": 320},
        "network": {"size": 24, "bias": True},
        "rule": REWARD,
        "training": {"schedule": "episode", "batch_size": 32, "epochs": 40},
    },
    "pendulum": {
        "task": {"name": "pendulum", "trials_per_epoch": 320},
        "network": {"size": 24, "bias": True, "leak": 0.5},
        "rule": REWARD | {"noise_std": 0.5, "noise": {"kind": "ornstein_uhlenbeck", "tau": 10.0}},
        "training": {"schedule": "episode", "batch_size": 32, "epochs": 40},
    },
    "weather": {
        "task": {"name": "weather"},
        "network": {"size": 100, "spectral_radius": 0.3},
        "rule": SERIES | {"learning_rate": 0.01},
        "decorrelation": {"rate": 1e-4, "input": True, "state": False},
        "training": {"schedule": "online", "epochs": 10},
    },
    # chosen on synthetic load series, one and six hours ahead: near ridge on 16 rows, and ten times below a rate at which half the seeds blow up
    "series": {
        "task": {"name": "series"},
        "network": {"size": 100, "spectral_radius": 0.9, "bias": True, "leak": 0.5},
        "rule": {
            "name": "anp",
            "learning_rate": 0.001,
            "noise_std": 1e-3,
            "rate": COSINE,
            "presynaptic": {"kind": "whitened", "rate": 1e-3, "ridge": 0.01},
        },
        "training": {"schedule": "online", "epochs": 5},
    },
    "arrays": {
        "task": {"name": "arrays"},
        "network": {"size": 50, "bias": True},
        "rule": {"name": "np-p", "learning_rate": 0.003, "noise_std": 0.05, "rate": COSINE},
        "training": {"schedule": "episode", "batch_size": 16, "epochs": 100},
    },
    "mackey-glass": {
        "task": {"name": "mackey-glass"},
        "network": {"size": 200, "spectral_radius": 1.0},
        "rule": SERIES | {"learning_rate": 0.004},
        "decorrelation": {"rate": 1e-6},
        "training": {"schedule": "online", "epochs": 10},
    },
}

# suffix: the task of such a file
FILES = {".csv": "series", ".tsv": "series", ".parquet": "series", ".pq": "series", ".npz": "arrays"}

# (task, rule): settings of the rule for the task, if its preset alone does not learn
RULES: dict[tuple[str, str], dict] = {  # chosen by studies/worlds.py on seeds 1 to 3
    (world, "bptt"): {
        "name": "bptt",
        "optimiser": {"kind": "adam", "learning_rate": rate, "clip_norm": 1.0, "rate": COSINE},
    }
    for world, rate in (("cart-pole", 0.01), ("pendulum", 3e-4))
}


def recipe(task: str, rule: str | None = None) -> dict:
    """The table for a task, optionally with another rule than that of the recipe.

    A task without a recipe gets a table with only its name, so that the plain defaults apply.
    """
    table = copy.deepcopy(RECIPES.get(task, {"task": {"name": task}}))
    return table if rule is None else with_rule(table, rule)


def of_file(path: str) -> dict:
    """The table for a file of data."""
    table = recipe(FILES[Path(path).suffix.lower()])
    return {**table, "task": {**table["task"], "path": path}}


def length_of(task: str) -> tuple[int, int]:
    """Epochs that a task has by default, and trials of one where its recipe says how many; 0 where there is none."""
    made = RECIPES.get(task, {})
    return made.get("training", {}).get("epochs", 0), made.get("task", {}).get("trials_per_epoch", 0)


def with_rule(table: dict, rule: str) -> dict:
    """A copy of a table with another rule; decorrelation is kept only with a rule whose name includes it."""
    task = table.get("task")
    task = task.get("name") if isinstance(task, dict) else task
    task = task if isinstance(task, str) else None
    old = table.get("rule")
    old = {"name": old} if isinstance(old, str) else old or {}
    kept = {key: value for key, value in table.items() if key != "decorrelation" or rule in DECORRELATED}
    new = old if old.get("name") == rule else RULES.get((task, rule), {"name": rule})
    return copy.deepcopy({**kept, "rule": new})
