"""What a `SynapseArray` is made of and given, as it was typed: every argument that cannot be is one sentence that names it."""

from __future__ import annotations

import math
import operator
from typing import NamedTuple

import numpy as np

from hardware_models.crossbar.contract import Cell, Parts, Programming, Readout, Time, Weight, Writing
from hardware_models.numerics.checks import ParameterError, Words, are_numbers, is_number, under

DOUBLE = np.dtype(np.float64)

# argument → what such a part inherits from, and what it is in words
PARTS = {
    "cell": (Cell, "a cell model, such as hw.Digital(bits=4) or hw.PRESETS['ecram'].cell"),
    "weight": (Weight, "how devices make a weight, such as hw.DifferentialPair()"),
    "writing": (Writing, "a way of writing, such as hw.MixedPrecision()"),
    "programming": (Programming, "a way of programming, such as hw.WriteVerify()"),
    "reading": (Readout, "a hw.Reading() or None"),
    "time": (Time, "a hw.Ageing(), such as hw.Ageing(drift=hw.Drift(nu=0.05)), or None"),
}


class Design(NamedTuple):
    """An array on paper: as much of a `Site` as parts need to say whether they fit together."""

    parts: Parts
    shape: tuple[int, int] = (1, 1)
    columns: int = 1
    dtype: np.dtype = np.dtype(np.float32)

    @property
    def cell(self) -> Cell:
        return self.parts.cell

    @property
    def weight(self) -> Weight:
        return self.parts.weight


def check_parts(**parts) -> None:
    """Refuse what is no part of that name, and parts with a parameter that cannot be."""
    for name, part in parts.items():
        contract, words = PARTS[name]
        if part is None and name != "cell":
            continue
        if contract not in type(part).__mro__:
            _refuse(name, words, part)
        part.check()


def check_fit(design: Design) -> tuple[float, float, float] | None:
    """Refuse parts that make no array together; the ends of the range of its cells, see `Site`."""
    cell, weight, writing, programming, readout, time = design.parts
    weight.check_cell(cell)
    writing.check_array(design)
    programming.check_array(design)
    readout.check_array(design)
    ends = programming.ends(len(weight.gains))
    with under("time"):
        time.check_cell(cell, ends)
    return ends


def check_shape(shape) -> tuple[int, int]:
    """(n, m), both positive."""
    try:
        n, m = map(operator.index, shape)
    except (TypeError, ValueError):
        n = m = 0
    if n < 1 or m < 1:
        _refuse("shape", "two positive sizes", tuple(shape) if isinstance(shape, list) else shape)
    return n, m


def check_dtype(dtype) -> np.dtype:
    """float32 or float64."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        _refuse("dtype", "float32 or float64", dtype)
    if found not in (np.dtype(np.float32), np.dtype(np.float64)):
        _refuse("dtype", "float32 or float64", found.name)
    return found


def check_whole(name: str, value, low: int, high: float) -> int:
    """A whole number from `low` to below `high`."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not (whole and low <= value < high):
        words = f"a whole number, {low} or more" if high == math.inf else f"a whole number from {low} to {high - 1}"
        _refuse(name, words, value)
    return int(value)


def check_scale(scale, owner: str = "SynapseArray", dtype: np.dtype = DOUBLE) -> None:
    """Weight units per device unit: None, or positive, in the dtype of an array too."""
    if scale is None:
        return
    if not (is_number(scale) and 0 < scale < math.inf):
        raise ParameterError("weight_scale", owner, "positive", scale)
    if not float(np.finfo(dtype).tiny) <= scale <= float(np.finfo(dtype).max):
        raise ParameterError("weight_scale", owner, f"positive and finite in {dtype}", scale)


def check_weights(weights, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """Weights to be programmed, (n, m), float64, finite in the dtype of the array."""
    W = np.asarray(weights, np.float64)
    if W.shape != shape:
        raise ParameterError("weights", "program", f"shape {shape}", Words(W.shape), verb="must have")
    if not np.isfinite(W).all():
        raise ParameterError("weights", "program", "finite", Words("nan or inf"))
    if np.abs(W).max() > np.finfo(dtype).max:
        raise ParameterError("weights", "program", f"finite in {dtype}", float(np.abs(W).max()))
    return W


def check_pulses(pulses, shape: tuple[int, int], most: int) -> np.ndarray:
    """Whole pulses, one number or (n, m)."""
    counts = np.asarray(pulses)
    whole = np.issubdtype(counts.dtype, np.integer) and np.abs(counts).max(initial=0) <= most
    if not whole or counts.shape not in ((), shape):
        raise ParameterError("pulses", "pulse", f"whole numbers up to {most}, one or {shape}", counts.tolist())
    return counts


def check_rows(name: str, verb: str, values, width: int) -> np.ndarray:
    """One row or several, of `width` numbers each, as (K, width)."""
    values = np.asarray(values)
    if values.ndim not in (1, 2) or values.shape[-1] != width:
        raise ParameterError(name, verb, f"rows of {width} numbers", Words(f"shape {values.shape}"))
    return np.atleast_2d(values)


def check_rewards(reward, count: int) -> np.ndarray:
    """One number, or one for each of `count` rows."""
    values = np.asarray(reward)
    if values.shape not in ((), (count,)) or not are_numbers(values):
        got = Words(f"shape {values.shape}") if values.ndim else reward
        raise ParameterError("reward", "sweep", f"a number, or {count} of them, one a row of 'post'", got)
    return values


def _refuse(name: str, wanted: str, got) -> None:
    raise ParameterError(name, "SynapseArray", wanted, got)
