"""The `[tune]` table of a study, parsed.

[tune]
trials = 40                                             number of settings to try in each cell
seeds = 1                                               each setting is tried on this many of the study's seeds, the first ones
over.learning_rate = { low = 1e-4, high = 1.0, log = true }
over.rule.noise_std = { low = 1e-3, high = 0.3, log = true }
over.decorrelation.rate = [0.0, 1e-6, 1e-5]             a list is a choice
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from hardware_models.numerics.checks import is_finite
from neuroperturb.spec import InputError, SpecError, Words
from neuroperturb.study.declaration import OWNER, Study

KEYS = ("trials", "seeds", "over")


class Range(NamedTuple):
    """Numbers in a range, on a logarithmic scale if `log`; integers if both bounds are."""

    low: float
    high: float
    log: bool = False

    @property
    def ends(self) -> tuple:
        return self.low, self.high

    def distribution(self, kinds: Any) -> Any:
        """As Optuna records it; `kinds` is its module of distributions."""
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        return (kinds.IntDistribution if whole else kinds.FloatDistribution)(self.low, self.high, log=self.log)

    def draw(self, trial, key: str) -> float:
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        suggest_one = trial.suggest_int if whole else trial.suggest_float
        return suggest_one(key, self.low, self.high, log=self.log)

    def value(self, stored: float) -> float:
        """The database stores the value itself."""
        return stored


class Choice(NamedTuple):
    """One of several values."""

    values: tuple

    @property
    def ends(self) -> tuple:
        return self.values

    def distribution(self, kinds: Any) -> Any:
        """As Optuna records it; `kinds` is its module of distributions."""
        return kinds.CategoricalDistribution(range(len(self.values)))

    def draw(self, trial, key: str) -> Any:
        """Values are stored by index: the database has no tables."""
        return self.value(trial.suggest_categorical(key, list(range(len(self.values)))))

    def value(self, stored: int) -> Any:
        """The value of an index in the database."""
        return self.values[stored]


class Tune(NamedTuple):
    """The search: number of settings per cell, number of seeds per setting, and ranges."""

    trials: int
    seeds: int
    over: dict[str, Range | Choice]


def parse(study: Study) -> Tune:
    """The `[tune]` table of a study."""
    table = study.tune
    if table is None:
        raise SpecError.missing("tune", f"study {study.name!r}", "There is nothing to search.")
    for key in table:
        if key not in KEYS:
            raise SpecError.unknown(f"tune.{key}", OWNER, KEYS)
    numbers = {}
    for key, default in (("trials", 40), ("seeds", 1)):
        numbers[key] = table.get(key, default)
        if not isinstance(numbers[key], int) or isinstance(numbers[key], bool) or numbers[key] < 1:
            raise SpecError(f"tune.{key}", OWNER, "a whole number, 1 or more", numbers[key])
    over = dict(_ranges(table.get("over"), "tune.over"))
    if not over:
        raise SpecError("tune.over", OWNER, "name at least one key", Words("none"), verb="must")
    said = {key for grid in study.grids for key in (*grid.settings, *(k for axis in grid.axes for k in axis.keys))}
    for key in over:
        if key in said:
            raise InputError(f"The key {key!r} is set twice, by the study and by 'tune': leave one of them out.")
    return Tune(over=over, **numbers)


def _ranges(table: Any, where: str, prefix: str = "") -> Iterator[tuple[str, Range | Choice]]:
    """Dotted keys of nested tables, each a range or a choice."""
    if not isinstance(table, dict):
        raise SpecError(where, OWNER, "a table", table)
    for key, value in table.items():
        name = prefix + key
        if isinstance(value, list) and value:
            yield name, Choice(tuple(value))
        elif isinstance(value, dict) and {"low", "high"} <= value.keys():
            yield name, _range(value, f"{where}.{key}")
        elif isinstance(value, dict):
            yield from _ranges(value, f"{where}.{key}", f"{name}.")
        else:
            raise SpecError(f"{where}.{key}", OWNER, "a list, or have 'low' and 'high'", value)


def _range(table: dict, where: str) -> Range:
    for key in table:
        if key not in Range._fields:
            raise SpecError.unknown(f"{where}.{key}", OWNER, Range._fields)
    made = Range(**table)
    if not isinstance(made.log, bool):
        raise SpecError(f"{where}.log", OWNER, "true or false", made.log)
    numbers = all(is_finite(end) for end in made[:2])
    if not numbers or not made.low < made.high or (made.log and made.low <= 0):
        raise SpecError(where, OWNER, "have low < high, both above 0 where 'log'", table, verb="must")
    return made
