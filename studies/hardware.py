"""Will it still learn on that array? Five seeds, each array compared with its frozen control and BPTT through the same array.

    python studies/hardware.py credit|weather|figures [--out studies/results/hardware] [--only TEXT] [--again]

credit   delayed XOR, 20 units, node perturbation with a causal trace (and with whitened presynaptic activity)
weather  24 hours ahead, 100 units, decorrelated ANP, three epochs; the fine steps of the ReRAM arrays get at most 31 pulses a write there,
         since a rate that is too high asks for a thousand to every cell at every hour

Every matrix that learns lives on the array. Rows are searched as :mod:`rows` says: every rule on every array at its own best rate.
"""

from __future__ import annotations

import os
from pathlib import Path

from rows import Row, frozen, grid, main

WTH = os.environ.get("NEUROPERTURB_WTH", "../shared/data/WTH.csv")
MIXED = {"writing": {"kind": "mixed-precision"}}
ARRAYS: dict[str, dict | None] = {  # name of a row: the `[hardware]` table
    "ideal": None,
    "8 bits": {"name": "digital-8"},
    "6 bits": {"name": "digital-6"},
    "4 bits": {"name": "digital-4"},
    "4 bits, mixed precision": {"name": "digital-4", **MIXED},
    "4 bits, pair, mixed precision": {"name": "digital-4", "weight": {"kind": "pair"}, **MIXED},
    "EcRam": {"name": "ecram"},
    "EcRam, mixed precision": {"name": "ecram", **MIXED},
    "EcRam, pair, mixed precision": {"name": "ecram", "weight": {"kind": "pair"}, **MIXED},
    "ReRamES": {"name": "reram-es"},
    "ReRamES, mixed precision": {"name": "reram-es", **MIXED},
    "ReRamArrayHfO2": {"name": "reram-array-hfo2"},
    "ReRamArrayHfO2, mixed precision": {"name": "reram-array-hfo2", **MIXED},
}
ADAM = {"kind": "adam", "clip_norm": 1.0}


def on(base: dict, array: str) -> dict:
    """The table of a run on that array."""
    if ARRAYS[array] is None:
        return base
    short = {"cells": {"most_pulses": 31}} if base["task"]["name"] == "weather" and "ReRam" in array else {}
    return {**base, "hardware": {**ARRAYS[array], **short}}


def three(
    task: str, array: str, rules: dict[str, tuple[dict, list[dict]]], exact: tuple[dict, list[dict]]
) -> list[Row]:
    """Rules, each with its frozen control, and BPTT, all through one array."""
    rows = []
    for name, (base, settings) in rules.items():
        row = Row(task, f"{array}: {name}", on(base, array), settings, first=1, keep=1)
        control = frozen(row)
        rows += [control, row._replace(control=control.name)]
    return [*rows, Row(task, f"{array}: bptt", on(exact[0], array), exact[1], first=1, keep=1)]


def credit() -> list[Row]:
    base = {
        "task": {"name": "delayed-xor", "trials_per_epoch": 1280},
        "network": {"size": 20, "gain": 1.1, "bias": True},
        "training": {"schedule": "episode", "batch_size": 64, "epochs": 40},
    }
    rule = {"noise_std": 0.05, "rate": {"kind": "cosine", "final": 0.0}}
    rates = grid(rule__learning_rate=(0.001, 0.003, 0.01, 0.015))
    whitened = [{**g, "rule.presynaptic.rate": 0.1} for g in rates]
    rules = {
        "np-trace": ({**base, "rule": {"name": "np-trace", **rule}}, rates),
        "np-p": ({**base, "rule": {"name": "np-p", **rule}}, whitened),
    }
    exact = (
        {**base, "rule": {"name": "bptt", "optimiser": ADAM}},
        grid(rule__optimiser__learning_rate=(3e-4, 1e-3, 3e-3, 1e-2)),
    )
    return [row for array in ARRAYS for row in three("delayed-xor", array, rules, exact)]


def weather() -> list[Row]:
    base = {
        "task": {"name": "weather", "path": WTH, "horizon": 24},
        "network": {"size": 100, "spectral_radius": 0.3},
        "training": {"epochs": 3},
    }
    danp = {
        **base,
        "rule": {"name": "danp", "form": "published", "noise_std": 1e-3, "rate": {"kind": "cosine", "final": 0.0}},
        "decorrelation": {"rate": 1e-4, "input": True, "state": False},
    }
    rules = {"danp": (danp, grid(rule__learning_rate=(1e-3, 4e-3, 1e-2)))}
    exact = (
        {**base, "rule": {"name": "bptt", "chunk": 100, "optimiser": ADAM}},
        grid(rule__optimiser__learning_rate=(1e-3, 3e-3)),
    )
    return [row for array in ARRAYS for row in three("weather 24 h", array, rules, exact)]


STUDIES = {"credit": credit, "weather": weather}


def _draw(folder: Path) -> None:
    import hardware_figures

    hardware_figures.draw(folder)


if __name__ == "__main__":
    main(__doc__, STUDIES, Path("studies/results/hardware"), _draw, rules_only=tuple(STUDIES))
