"""Validation of the arguments of a `SynapseArray`: every error is one sentence that names the argument."""

from __future__ import annotations

import math
import operator
from typing import NamedTuple

import numpy as np

from hardware_models.crossbar.contract import Cell, Parts, Programming, Readout, Time, Weight, Writing
from hardware_models.numerics.checks import LARGEST, ParameterError, Words, are_numbers, is_number, under

DOUBLE = np.dtype(np.float64)

# argument → its base class, and a description
PARTS = {
    "cells": (Cell, "a cell model, such as hw.Digital(bits=4) or hw.PRESETS['ecram'].cells"),
    "weight": (Weight, "a mapping of devices to weights, such as hw.DifferentialPair()"),
    "writing": (Writing, "a write scheme, such as hw.MixedPrecision()"),
    "programming": (Programming, "a programming scheme, such as hw.WriteVerify()"),
    "reading": (Readout, "a hw.Reading() or None"),
    "time": (Time, "a hw.Ageing(), such as hw.Ageing(drift=hw.Drift(nu=0.05)), or None"),
}

MOST_LINES = 2**31  # see hardware_models.numerics.random


class Design(NamedTuple):
    """The design of an array: the part of a `Site` that is needed to check whether its parts are compatible."""

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
    """Reject objects of the wrong kind, and parts with invalid parameters."""
    check_contracts(**parts)
    for part in parts.values():
        if part is not None:
            part.check()


def check_contracts(**parts) -> None:
    """Reject objects of the wrong kind."""
    for name, part in parts.items():
        contract, words = PARTS[name]
        if contract not in type(part).__mro__ and (part is not None or name == "cells"):
            _refuse(name, words, part)


def check_fit(design: Design) -> tuple[float, float, float] | None:
    """Reject incompatible parts; return the ends of the range of its cells, see `Site`."""
    cell, weight, writing, programming, readout, time = design.parts
    weight.check_cell(cell)
    if weight.takes_turns and not writing.takes_turns:
        name = type(weight).__name__
        raise ParameterError(
            "writing", "SynapseArray", f"one that leaves the choice of a device to {name}", writing,
            "Left out, or a ClosedLoop, it does; with gain = 0 that reads nothing and sums requests digitally.",
        )  # fmt: skip
    writing.check_array(design)
    programming.check_array(design)
    readout.check_array(design)
    ends = programming.ends(len(weight.gains))
    with under("time"):
        time.check_cell(cell, ends)
    return ends


def check_shape(shape) -> tuple[int, int]:
    """(n, m), both positive, and such that a draw has a number for each cell of a row."""
    try:
        n, m = map(operator.index, shape)
    except (TypeError, ValueError):
        n = m = 0
    if n < 1 or m < 1:
        _refuse("shape", "two positive sizes", tuple(shape) if isinstance(shape, list) else shape)
    if max(n, m) > MOST_LINES:
        _refuse("shape", f"two sizes of at most {MOST_LINES}", (n, m))
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


def check_whole(name: str, value, low: int, high: float, owner: str = "SynapseArray") -> int:
    """A whole number from `low` to below `high`."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not (whole and low <= value < high):
        words = f"a whole number, {low} or more" if high == math.inf else f"a whole number from {low} to {high - 1}"
        raise ParameterError(name, owner, words, value)
    return int(value)


def check_scale(scale, owner: str = "SynapseArray", dtype: np.dtype = DOUBLE) -> None:
    """Weight units per device unit: None, or positive, such that float32 and the dtype of an array hold it and its inverse."""
    if scale is None:
        return
    if not (is_number(scale) and 1 / LARGEST <= scale <= LARGEST):
        wanted = "positive" if not (is_number(scale) and scale > 0) else f"from {1 / LARGEST:g} to {LARGEST:g}"
        raise ParameterError("weight_scale", owner, wanted, scale)
    if not float(np.finfo(dtype).tiny) <= scale <= float(np.finfo(dtype).max):
        raise ParameterError("weight_scale", owner, f"positive and finite in {dtype}", scale)


def check_weights(weights, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """Weights to be programmed, (n, m), float64, finite in the dtype of the array."""
    W = as_numbers("weights", "program", weights, f"numbers of shape {shape}")
    if W.shape != shape:
        raise ParameterError("weights", "program", f"shape {shape}", Words(W.shape), verb="must have")
    W = W.astype(np.float64)
    if not np.isfinite(W).all():
        raise ParameterError("weights", "program", "finite", Words("nan or inf"))
    if np.abs(W).max() > np.finfo(dtype).max:
        raise ParameterError("weights", "program", f"finite in {dtype}", float(np.abs(W).max()))
    return W


def check_pulses(pulses, shape: tuple[int, int], most: int) -> np.ndarray:
    """Whole pulses, one number or (n, m)."""
    wanted = f"whole numbers up to {most}, one or {shape}"
    counts = as_numbers("pulses", "pulse", pulses, wanted)
    whole = np.issubdtype(counts.dtype, np.integer)
    if not whole or counts.shape not in ((), shape) or counts.max() > most or counts.min() < -most:
        raise ParameterError("pulses", "pulse", wanted, counts.tolist())
    return counts


def check_rows(name: str, verb: str, values, width: int) -> np.ndarray:
    """One row or several, or none, of `width` numbers each, as (K, width)."""
    wanted = f"rows of {width} numbers"
    found = as_numbers(name, verb, values, wanted)
    if found.ndim not in (1, 2) or found.shape[-1] != width:
        raise ParameterError(name, verb, wanted, Words(f"shape {found.shape}"))
    return np.atleast_2d(found)


def check_update(post, pre, reward, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The factors of an update of R outer products, R may be 0: post (R, n), pre (R, m), reward () or (R,)."""
    n, m = shape
    post, pre = check_rows("post", "sweep", post, n), check_rows("pre", "sweep", pre, m)
    if len(pre) != len(post):
        raise ParameterError("pre", "sweep", f"as many rows as 'post', {len(post)}", len(pre), verb="must have")
    return post, pre, check_rewards(1 if reward is None else reward, len(post))


def check_rewards(reward, count: int) -> np.ndarray:
    """One number, or one for each of `count` rows."""
    wanted = f"a number, or {count} of them, one per row of 'post'"
    values = as_numbers("reward", "sweep", reward, wanted)
    if values.shape not in ((), (count,)):
        raise ParameterError("reward", "sweep", wanted, Words(f"shape {values.shape}"))
    return values


def as_numbers(name: str, verb: str, values, wanted: str) -> np.ndarray:
    """Real numbers as an array, which may be of any shape: complex ones, text and rows of different lengths are refused."""
    try:
        found = np.asarray(values)
    except ValueError:  # rows of different lengths
        raise ParameterError(name, verb, wanted, values) from None
    if not are_numbers(found):
        raise ParameterError(name, verb, wanted, values if found.ndim == 0 else Words(f"values of type {found.dtype}"))
    return found


def _refuse(name: str, wanted: str, got) -> None:
    raise ParameterError(name, "SynapseArray", wanted, got)
