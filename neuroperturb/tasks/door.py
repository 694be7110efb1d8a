"""What a person's arrays must be before anything computes with them: one kind of each, or one sentence.

    inputs, targets     real numbers, float64                 (T, B, n)
    mask, reset         yes or no: bool, or 0 and 1           (T, B), (T,)
    condition           whole numbers of 0 or more            (T, B), or (B,) for all steps

Everything that is not a number of an ordinary size is a fault of the data, and is said of them: unchecked it would look like a
network that diverged.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neuroperturb.spec import LARGEST, SpecError, Words

OWNER = "Sequence"


def real(name: str, value: Any, owner: str = OWNER) -> np.ndarray:
    """Numbers as float64, the very array where it is one already; what a masked array hides is nan."""
    hidden = np.ma.getmaskarray(value) if isinstance(value, np.ma.MaskedArray) else None
    array = _array(name, value, owner)
    if not _are_real(array):
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
    if not _are_real(array):
        raise SpecError(name, owner, "true and false, or 1 and 0", _words(array))
    wrong = array[(array != 0) & (array != 1)]
    if wrong.size:
        raise SpecError(name, owner, "true and false, or 1 and 0", wrong[0].item())
    return array.astype(bool)


def kinds(value: Any, shape: tuple[int, int], owner: str = OWNER) -> np.ndarray:
    """The kind of every trial as int64, (T, B); (B,) stands for all steps; empty where there are no kinds."""
    name, array = "condition", _array("condition", value, owner)
    if not array.size:
        return np.empty(0, np.int64)
    if not _are_real(array):
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
        raise SpecError(name, owner, "the same at all steps of a trial", hint="It is the kind of the whole trial.")
    return kind


def require_shape(
    name: str, array: np.ndarray, shape: tuple[int, ...], axes: str, owner: str = OWNER, hint: str = ""
) -> None:
    """Refuse another shape than this."""
    if array.shape != shape:
        raise SpecError(name, owner, f"{axes} = {shape}", array.shape, hint, verb="must have the shape")


def require_finite(name: str, values: np.ndarray, owner: str, scored: np.ndarray | None = None) -> None:
    """Refuse nan, infinities and sizes whose square float32 cannot hold, in the steps and trials that are scored (None: in all)."""
    with np.errstate(invalid="ignore"):
        if not values.size or max(values.max(), -values.min()) <= LARGEST:  # nan is in no order
            return
        fits = np.abs(values) <= LARGEST
    wrong = np.argwhere(~fits if scored is None else ~fits & scored[..., None])
    if len(wrong):
        t, b, k = wrong[0]
        where = " where it is scored" if scored is not None else ""
        wanted = f"a finite number of at most {LARGEST:.1e}{where}"
        raise SpecError(name, owner, wanted, values[t, b, k].item(), f"It stands at step {t}, trial {b}, channel {k}.")


def _array(name: str, value: Any, owner: str) -> np.ndarray:
    """An array; what makes none, such as rows of different lengths, is refused."""
    try:
        array = np.asarray(value)
        return array.astype(np.float64) if array.dtype == object else array
    except (ValueError, TypeError):
        raise SpecError(name, owner, "an array of numbers", value) from None


def _are_real(array: np.ndarray) -> bool:
    """Whether they are numbers without an imaginary part, bools among them; no dates, no texts."""
    return np.can_cast(array.dtype, np.float64, "same_kind")


def _words(array: np.ndarray) -> Words:
    return Words(f"an array of {array.dtype}")
