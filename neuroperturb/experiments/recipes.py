"""Settings that learn well: for each task, a table of the form :mod:`neuroperturb.experiments.experiment` reads.

``neuroperturb run TASK`` starts from these; a TOML file starts from the plain defaults of the objects instead. Where a
rule other than the recipe's is asked for, it comes with its own preset, or with what `RULES` says of it on that task.
"""

from __future__ import annotations

import copy

from neuroperturb.rules import DECORRELATED

# Rates and schedules were chosen on validation data: studies/part1.py, studies/results/part1/README.md.
COSINE = {"kind": "cosine", "final": 0.0}
CREDIT = {
    "name": "np-trace",
    "learning_rate": 0.01,
    "noise_std": 0.05,
    "rate": COSINE,
}  # antithetic, RMS: the preset's own
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
    "copying": {  # ten bits, the task's own length, are beyond a few minutes of any rule here
        "task": {"name": "copying", "length": 5, "delay": 5, "trials_per_epoch": 1280},
        "network": {"size": 50, "bias": True},
        "rule": CREDIT,
        "training": {"schedule": "episode", "batch_size": 64, "epochs": 20},
    },
    "digits": {  # learns little: 2.27 after ten epochs where guessing is 2.30
        "task": {"name": "digits"},
        "network": {"size": 100, "bias": True},
        "rule": CREDIT | {"learning_rate": 0.003},
        "training": {"schedule": "episode", "batch_size": 64, "epochs": 10},
    },
    "weather": {
        "task": {"name": "weather"},
        "network": {"size": 100, "spectral_radius": 0.3},
        "rule": SERIES | {"learning_rate": 0.01},
        "decorrelation": {"rate": 1e-4, "input": True, "state": False},
        "training": {"schedule": "online", "epochs": 10},
    },
    "mackey-glass": {
        "task": {"name": "mackey-glass"},
        "network": {"size": 200, "spectral_radius": 1.0},
        "rule": SERIES | {"learning_rate": 0.004},
        "decorrelation": {"rate": 1e-6},
        "training": {"schedule": "online", "epochs": 10},
    },
}

RULES: dict[tuple[str, str], dict] = {}  # (task, rule): the rule's table there, where its preset alone does not learn


def recipe(task: str, rule: str | None = None) -> dict:
    """The table for a task, with another rule in the place of the recipe's own if asked for.

    A task without a recipe gets a table that names it, so that the plain defaults hold.
    """
    table = copy.deepcopy(RECIPES.get(task, {"task": {"name": task}}))
    return table if rule is None else with_rule(table, rule)


def with_rule(table: dict, rule: str) -> dict:
    """A copy of a table with another rule; decorrelation stays only beside a rule whose name asks for it."""
    task = table.get("task")
    task = task.get("name") if isinstance(task, dict) else task
    task = task if isinstance(task, str) else None
    old = table.get("rule")
    old = {"name": old} if isinstance(old, str) else old or {}
    kept = {key: value for key, value in table.items() if key != "decorrelation" or rule in DECORRELATED}
    new = old if old.get("name") == rule else RULES.get((task, rule), {"name": rule})
    return copy.deepcopy({**kept, "rule": new})
