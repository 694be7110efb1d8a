"""Leaks of units: one for all, one for each, or time constants spaced logarithmically.

    x_i ← (1 − α_i) x_i + α_i f(a_i)            α_i = 1/τ_i, τ in steps

A unit with a small α forgets slowly: what it was told is still in its state after about 1/α steps, and so is what perturbs it, so that
a perturbation and a reward that comes late are still about the same state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, PlainSerializer, PlainValidator, model_serializer, model_validator

from hardware_models.numerics.checks import is_number
from neuroperturb.spec import Spec, SpecError


class LogSpaced(Spec):
    """Time constants τ_i = fastest (slowest/fastest)^(i/(n − 1)) from `fastest` to `slowest` steps, for units in their order; α_i = 1/τ_i.

    slowest : of the last unit, 1 or more [steps]
    fastest : of the first unit, 1 or more, at most `slowest` [steps]
    """

    kind: Literal["log-spaced"] = "log-spaced"
    slowest: float = Field(default=20.0, ge=1)
    fastest: float = Field(default=1.0, ge=1)

    @model_validator(mode="after")
    def _fits(self):
        if self.fastest > self.slowest:
            raise SpecError("fastest", "LogSpaced", f"at most 'slowest', {self.slowest:g} steps", self.fastest)
        return self

    @model_serializer(mode="wrap")
    def _without_later_default(self, write) -> dict:
        """`fastest` came later and is left out where it is 1: a table of before stays what it was."""
        return {key: value for key, value in write(self).items() if (key, value) != ("fastest", 1.0)}

    def leaks(self, size: int) -> np.ndarray:
        """α (size,)."""
        return (self.slowest / self.fastest) ** -np.linspace(0, 1, size) / self.fastest


def read(given: Any) -> float | tuple[float, ...] | LogSpaced:
    """A leak from a number, a list of one number a unit, a table, or an object."""
    if isinstance(given, LogSpaced):
        return given
    if isinstance(given, Mapping):
        if given.get("kind") != "log-spaced":
            raise SpecError.no_choice("kind", "RNN", given.get("kind"), ["log-spaced"])
        return LogSpaced.parse(dict(given))
    if isinstance(given, tuple):
        if not given:
            raise SpecError("", "RNN", "a number, or one for every unit", given)
        return tuple(_number(value, str(i)) for i, value in enumerate(given))
    return _number(given, "")


def _number(value: Any, name: str) -> float:
    if not is_number(value):
        raise SpecError(name, "RNN", "a number", value, "Or a list of one a unit, or a table of 'kind' and 'slowest'.")
    if not math.isfinite(value):
        raise SpecError(name, "RNN", "a finite number", value)
    if not value > 0:
        raise SpecError(name, "RNN", "greater than 0", value)
    if not value <= 1:
        raise SpecError(name, "RNN", "less than or equal to 1", value)
    return float(value)


def _written(leak: float | tuple[float, ...] | LogSpaced) -> Any:
    return leak.table() if isinstance(leak, LogSpaced) else leak


Leak = Annotated[float | tuple[float, ...] | LogSpaced, PlainValidator(read), PlainSerializer(_written)]


def leaks_of(leak: float | tuple[float, ...] | LogSpaced, size: int) -> float | np.ndarray:
    """α of all units, or (size,) of every one, float64."""
    if isinstance(leak, LogSpaced):
        return leak.leaks(size)
    return np.array(leak) if isinstance(leak, tuple) else leak
