"""Validation of user-supplied arrays: they are converted to one dtype each, or rejected with one sentence.

    inputs, targets     real numbers, float64                 (T, B, n)
    mask, reset         yes or no: bool, or 0 and 1           (T, B), (T,)
    condition           integers of 0 or more                 (T, B), or (B,) for all steps

Numbers that are not finite or too large are reported as errors of the data: unchecked they would look like a
diverged network.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neuroperturb.spec import LARGEST, SpecError, Words

OWNER = "Sequence"


def real(name: str, value: Any, owner: str = OWNER) -> np.ndarray:
    """Numbers as float64, without a copy if possible; masked entries become nan."""
    hidden = np.ma.getmaskarray(value) if isinstance(value, np.ma.MaskedArray) else None
    array = _array(name, value, owner)
    if not are_real(array):
        raise SpecError(name, owner, "real numbers", _words(array))
    array = array.astype(np.float64, copy=False)
    return array if hidden is None else np.where(hidden, np.nan, array)


def yes_or_no(
    name: str, value: Any, shape: tuple[int, ...], axes: str, owner: str = OWNER, hint: str = ""
) -> np.ndarray:
    """A bool array of this shape: bools, or numbers that are all 0 or 1."""
    if isinstance(value, np.ma.MaskedArray):
        value = value.filled(value.dtype.type(0))
    array = _array(name, value, owner)
    require_shape(name, array, shape, axes, owner, hint)
    if array.dtype == bool:
        return array
    if not are_real(array):
        raise SpecError(name, owner, "true and false, or 1 and 0", _words(array))
    wrong = array[(array != 0) & (array != 1)]
    if wrong.size:
        raise SpecError(name, owner, "true and false, or 1 and 0", wrong[0].item())
    return array.astype(bool)


def kinds(value: Any, shape: tuple[int, int], owner: str = OWNER) -> np.ndarray:
    """The condition of every trial as int64, (T, B); (B,) applies to all steps; empty if there are none."""
    name, array = "condition", _array("condition", value, owner)
    if not array.size:
        return np.empty(0, np.int64)
    if not are_real(array):
        raise SpecError(name, owner, "whole numbers", _words(array))
    if array.shape == shape[1:]:
        array = np.broadcast_to(array, shape)
    require_shape(name, array, shape, "(T, B)", owner)
    if array.dtype != np.int64 or array.min() < 0 or array.max() >= 2**62:
        with np.errstate(invalid="ignore"):
            wrong = np.argwhere(~((array >= 0) & (array < 2**62) & (array == np.floor(array))))
        if len(wrong):
            raise SpecError(name, owner, "whole numbers of 0 or more", array[tuple(wrong[0])].item())
    kind = array.astype(np.int64)
    if (kind != kind[0]).any():
        raise SpecError(name, owner, "the same at all steps of a trial", hint="It applies to the whole trial.")
    return kind


def require_shape(
    name: str, array: np.ndarray, shape: tuple[int, ...], axes: str, owner: str = OWNER, hint: str = ""
) -> None:
    """Require this shape."""
    if array.shape != shape:
        raise SpecError(name, owner, f"{axes} = {shape}", array.shape, hint, verb="must have the shape")


def require_finite(name: str, values: np.ndarray, owner: str, scored: np.ndarray | None = None) -> None:
    """Reject nan, infinities and magnitudes whose square overflows float32, in the scored steps and trials (None: in all)."""
    with np.errstate(invalid="ignore"):
        if not values.size or max(values.max(), -values.min()) <= LARGEST:  # nan is in no order
            return
        fits = np.abs(values) <= LARGEST
    wrong = np.argwhere(~fits if scored is None else ~fits & scored[..., None])
    if len(wrong):
        t, b, k = wrong[0]
        where = " where it is scored" if scored is not None else ""
        wanted = f"a finite number of at most {LARGEST:.1e}{where}"
        raise SpecError(name, owner, wanted, values[t, b, k].item(), f"It is at step {t}, trial {b}, channel {k}.")


def _array(name: str, value: Any, owner: str) -> np.ndarray:
    """An array; raises for anything else, such as rows of different lengths."""
    try:
        array = np.asarray(value)
        return array.astype(np.float64) if array.dtype == object else array
    except (ValueError, TypeError):
        raise SpecError(name, owner, "an array of numbers", value) from None


def are_real(array: np.ndarray) -> bool:
    """Whether they are real numbers, including bools; no dates, no texts."""
    return np.can_cast(array.dtype, np.float64, "same_kind")


def _words(array: np.ndarray) -> Words:
    return Words(f"an array of {array.dtype}")
