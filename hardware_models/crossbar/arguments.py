"""What a `SynapseArray` is made of, as it was typed: every argument that cannot be is one sentence that names it."""

from __future__ import annotations

import math
import operator

import numpy as np

from hardware_models.costs.model import Costs

# argument → what such a part can do, and what it is in words
PARTS = {
    "cell": ("write_row", "a cell model, such as hw.Digital(bits=4) or hw.PRESETS['ecram'].cell"),
    "weight": ("share_row", "how devices make a weight, such as hw.DifferentialPair()"),
    "writing": ("path", "a way of writing, such as hw.MixedPrecision()"),
    "programming": ("program", "a way of programming, such as hw.WriteVerify()"),
    "reading": ("stages", "a hw.Reading() or None"),
    "time": ("pass_time", "a hw.Ageing(), such as hw.Ageing(drift=hw.Drift(nu=0.05)), or None"),
    "costs": ("conversion_time", "Costs, such as hw.COSTS['pcm'], or None"),
}


def check_parts(**parts) -> None:
    """Refuse what is no part of that name; those that are check themselves."""
    for name, part in parts.items():
        can, words = PARTS[name]
        if part is None and name != "cell":
            continue
        if isinstance(part, type) or not hasattr(type(part), can):
            _refuse(name, words, part)
        if not isinstance(part, Costs):
            part.check()


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


def check_scale(scale) -> None:
    """Weight units per device unit: None, or positive."""
    number = isinstance(scale, int | float | np.number) and not isinstance(scale, bool)
    if scale is not None and not (number and 0 < scale < math.inf):
        _refuse("weight_scale", "positive", scale)


def _refuse(name: str, what: str, got) -> None:
    raise ValueError(f"The {name!r} parameter of SynapseArray must be {what}. Got {got!r} instead.")
