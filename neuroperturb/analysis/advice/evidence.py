"""What was learned on every array with its recommended writing: rows of the study that stands behind it, studies/closed-loop.toml.

`evidence.csv`, beside this file, is written by ``python studies/evidence.py`` from the runs of the study; `plain.csv` from those of
studies/robustness.toml, in which every rule was written plainly.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

STUDY = "studies/closed-loop.toml"
FILE = Path(__file__).with_name("evidence.csv")
PLAIN_STUDY = "studies/robustness.toml"
PLAIN_FILE = Path(__file__).with_name("plain.csv")
RULE = "np-p"  # of the study behind recommended writings


class Evidence(NamedTuple):
    """Delayed XOR by NP+P on one array with its recommended writing; losses are test losses, guessing has 1.

    hardware : name of the preset;  rate : learning rate, chosen on other seeds
    seeds : how many;  solved : how many below 0.5;  mean, median, worst : of them
    frozen, gradient : mean of the same with a frozen recurrence, and of the exact gradient through the same array
    pulses : a cell, in the mean;  energy_low, energy, energy_high : J, of training;  endurance : part of it used by the most-written cell
    """

    hardware: str
    rate: float
    seeds: int
    solved: int
    mean: float
    median: float
    worst: float
    frozen: float
    gradient: float
    pulses: float
    energy_low: float
    energy: float
    energy_high: float
    endurance: float


@cache
def rows() -> dict[str, Evidence]:
    """By name of a preset; empty if there is no file."""
    if not FILE.exists():
        return {}
    kinds = {"hardware": str, "seeds": int, "solved": int}
    with FILE.open(newline="", encoding="utf-8") as file:
        made = [
            Evidence(**{key: kinds.get(key, float)(value or "nan") for key, value in row.items()})
            for row in csv.DictReader(file)
        ]
    return {row.hardware: row for row in made}


class PlainEvidence(NamedTuple):
    """Delayed XOR by one rule on one array with plain pulses; rates were chosen on the same seeds, which flatters.

    hardware, rule : names;  seeds, solved, median, worst, frozen : as of `Evidence`; a run that diverged is infinite
    """

    hardware: str
    rule: str
    seeds: int
    solved: int
    median: float
    worst: float
    frozen: float


@cache
def plain() -> dict[tuple[str, str], PlainEvidence]:
    """By names of hardware and rule; empty if there is no file."""
    if not PLAIN_FILE.exists():
        return {}
    kinds = {"hardware": str, "rule": str, "seeds": int, "solved": int}
    with PLAIN_FILE.open(newline="", encoding="utf-8") as file:
        made = [
            PlainEvidence(**{key: kinds.get(key, float)(value) for key, value in row.items()})
            for row in csv.DictReader(file)
        ]
    return {(row.hardware, row.rule): row for row in made}
