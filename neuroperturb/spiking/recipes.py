"""Default settings with which spiking networks learn: tables like those of :mod:`neuroperturb.experiments.recipes` for rate units.

Rates were chosen on validation data: studies/results/spiking/README.md. A task without spiking settings uses
those of its rate units, with 100 neurons.
"""

from __future__ import annotations

import copy

from neuroperturb.experiments import recipes
from neuroperturb.network.lif import BACKENDS
from neuroperturb.spec import InputError, suggest

COSINE = {"kind": "cosine", "final": 0.0}

RECIPES: dict[str, dict] = {
    "mackey-glass": {
        "task": {"name": "mackey-glass"},
        "network": {"size": 100, "gain": 0.5},
        "rule": {"name": "np", "noise_std": 0.05, "learning_rate": 3e-4, "rate": COSINE},
        "training": {"schedule": "online", "epochs": 10},
        "spiking": {"tau_synapse": "30 ms", "tau_readout": "100 ms", "v_input": "200 mV"},
    },
    "delayed-xor": {
        "task": {"name": "delayed-xor", "steps": 8, "cues": [0, 3], "trials_per_epoch": 25600},
        "network": {"size": 100, "bias": True},
        "rule": {"name": "np-trace", "noise_std": 0.1, "learning_rate": 2e-3, "rate": COSINE},
        "training": {"schedule": "episode", "batch_size": 64, "epochs": 8},
        "spiking": {"tau_synapse": "50 ms", "tau_readout": "30 ms", "v_input": "40 mV"},
    },
}


def recipe(task: str) -> dict:
    """The table for a task with spiking neurons."""
    if task in RECIPES:
        return copy.deepcopy(RECIPES[task])
    table = recipes.recipe(task)
    table.pop("decorrelation", None)
    table["network"] = {**table.get("network", {}), "size": 100}
    return table


def with_backend(table: dict, backend: str) -> dict:
    """A copy of a table with spiking neurons on a backend; Brian2 computes in float64."""
    name = "kernel" if backend == "spiking" else backend
    if name not in BACKENDS:
        known = ["spiking", *BACKENDS]
        raise InputError(
            f"The '--backend' option must be one of {', '.join(known)}. Got {backend!r} instead. {suggest(backend, known)}"
        )
    table = copy.deepcopy(table)
    spiking = table.get("spiking") or {}
    spiking = {} if isinstance(spiking, str) else spiking
    own = spiking.get("backend")
    same = isinstance(own, dict) and own.get("kind") == name
    table["spiking"] = {**spiking, "backend": own if same else {"kind": name}}
    if name == "brian2":
        table["training"] = {**table.get("training", {}), "dtype": "float64"}
    return table
