"""Settings that learn well: for each task, a table of the form :mod:`neuroperturb.config` reads.

``neuroperturb run TASK`` starts from these; a TOML file starts from the plain defaults of the objects instead. Where a
rule other than the recipe's is asked for, it comes with its own preset, or with what `RULES` says of it on that task.
"""

from __future__ import annotations

import copy

from neuroperturb.rules import DECORRELATED

CREDIT = {"name": "np-trace", "learning_rate": 0.01, "noise_std": 0.05}  # antithetic, RMS: the preset's own

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
        "rule": CREDIT,
        "training": {"schedule": "episode", "batch_size": 64, "epochs": 40},
    },
    "bit-copying": {
        "task": {"name": "bit-copying", "trials_per_epoch": 1280},
        "network": {"size": 20, "gain": 1.0, "bias": True},
        "rule": CREDIT,
        "training": {"schedule": "episode", "batch_size": 64, "epochs": 20},
    },
    "copying": {
        "task": {"name": "copying"},
        "network": {"size": 100, "bias": True},
        "rule": CREDIT,
        "training": {"schedule": "episode", "batch_size": 10, "epochs": 10},
    },
    "digits": {
        "task": {"name": "digits"},
        "network": {"size": 100, "bias": True},
        "rule": CREDIT,
        "training": {"schedule": "episode", "batch_size": 10, "epochs": 10},
    },
    "weather": {
        "task": {"name": "weather"},
        "network": {"size": 100},
        "rule": {"name": "danp", "form": "published", "learning_rate": 1e-3, "noise_std": 1e-3},
        "decorrelation": {"rate": 1e-6},
        "training": {"schedule": "online", "epochs": 10},
    },
    "mackey-glass": {
        "task": {"name": "mackey-glass"},
        "network": {"size": 200},
        "rule": {"name": "danp", "form": "published", "learning_rate": 1e-3, "noise_std": 1e-3},
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
    old = table.get("rule")
    old = {"name": old} if isinstance(old, str) else old or {}
    kept = {key: value for key, value in table.items() if key != "decorrelation" or rule in DECORRELATED}
    new = old if old.get("name") == rule else RULES.get((task, rule), {"name": rule})
    return copy.deepcopy({**kept, "rule": new})
