"""What was learned on every array, by which writing and at what cost: rows of the studies that stand behind the advice.

`evidence.csv`, beside this file, is written by ``python studies/evidence.py`` from the published runs of the studies. `plain.csv` is of a first
study, before there was a list of seeds: five rules written plainly, five seeds on which rates were chosen, too.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

STUDY = "studies/closed-loop.toml"  # of the writing that is recommended
FILE = Path(__file__).with_name("evidence.csv")
PLAIN_FILE = Path(__file__).with_name("plain.csv")
RULE, PLAINLY = "np-p", "plain pulses"  # of the studies behind evidence.csv, and one of their writings
LEARNS = 0.1, 0.95  # mean test loss at most, share of seeds solved at least
WORSE = ("mean", "energy", "pulses", "endurance", "bits", "cells")  # the more, the worse


class Evidence(NamedTuple):
    """Delayed XOR by NP+P on one array with one writing; losses are test losses, guessing has 1; NaN where nothing was measured.

    hardware : name of the preset;  writing : in words;  cells : cells a weight;  bits : digital bits a weight;  rate : learning rate,
        chosen on other seeds
    seeds : how many;  solved : how many below 0.5;  mean, median, worst : of them
    frozen, gradient : mean of the same with a frozen recurrence, and of the exact gradient through the same array
    pulses : a cell, in the mean;  energy_low, energy, energy_high : J, of training;  endurance : part of it used by the most-written cell
    study : of which these are runs
    """

    hardware: str
    writing: str
    cells: int
    bits: int
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
    study: str

    @property
    def command(self) -> str:
        """What to type for a run like those of the recommended writing, at the rate that was chosen for them."""
        at = f"--set rule.learning_rate={self.rate:g} --set rule.rate=cosine"
        return f"neuroperturb run delayed-xor --rule {RULE} --hardware {self.hardware} --writing recommended {at}"

    @property
    def learns(self) -> bool:
        most, share = LEARNS
        return self.mean <= most and self.solved >= share * self.seeds

    def beats(self, other: Evidence) -> bool:
        """Whether it is no worse in anything, and better in something; a cost that is known of one of them only leaves it open."""
        pairs = [(getattr(self, key), getattr(other, key)) for key in WORSE]
        pairs = [pair for pair in pairs if not all(map(math.isnan, pair))]
        return all(ours <= theirs for ours, theirs in pairs) and any(ours < theirs for ours, theirs in pairs)


@cache
def table() -> tuple[Evidence, ...]:
    """All rows; none if there is no file."""
    if not FILE.exists():
        return ()
    whole = ("cells", "bits", "seeds", "solved")
    kinds = dict.fromkeys(("hardware", "writing", "study"), str) | dict.fromkeys(whole, int)
    with FILE.open(newline="", encoding="utf-8") as file:
        return tuple(
            Evidence(**{key: kinds.get(key, float)(value or "nan") for key, value in row.items()})
            for row in csv.DictReader(file)
        )


def evidence() -> pd.DataFrame:
    """What was learned on every array, by which writing and at what cost: a row of the studies behind the advice each.

    Returns
    -------
    DataFrame : columns as the fields of :class:`Evidence`; losses are of delayed XOR, guessing has 1; energies in J; NaN where nothing was
        measured, or no source gives a figure
    """
    import pandas as pd

    return pd.DataFrame(table(), columns=Evidence._fields)


def rows() -> dict[str, Evidence]:
    """Of the recommended writing, by name of a preset."""
    return {row.hardware: row for row in table() if row.study == STUDY}


def front(found: Sequence[Evidence]) -> list[Evidence]:
    """The Pareto front: rows that no other beats, the least loss first."""
    kept = [row for row in found if not any(other.beats(row) for other in found)]
    return sorted(kept, key=lambda row: row.mean)


def choices(hardware: str) -> list[Evidence]:
    """Writings of a preset among which an engineer chooses: of those that learn, the ones that no other beats; the least energy first."""
    found = front([row for row in table() if row.hardware == hardware and row.learns])
    return sorted(found, key=lambda row: (math.isnan(row.energy), row.energy))


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
