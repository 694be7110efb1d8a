"""Writing: how the changes that updates ask for become changes of cells.

    writing=None        every request by itself: the cell rounds it, Δ_k / granularity, to whole pulses
    CoincidenceTrains   pulses where random trains on the lines of row and column coincide    (:mod:`hardware_models.trains`)
    MixedPrecision      requests are summed digitally, whole steps are sent                    (:mod:`hardware_models.mixed_precision`)

A way of writing is an object with ``check()``, ``check_array(array)``, ``state(array)`` and ``path(array, change_row)``, the compiled
parts of a :class:`hardware_models.sweep.WritePath`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from hardware_models.compiled import kernel
from hardware_models.sweep import WritePath

if TYPE_CHECKING:
    from hardware_models.array import SynapseArray


class NoState(NamedTuple):
    """A way of writing that keeps nothing; a kernel wants a record all the same."""

    unused: int = 0


@lru_cache
def make_put(write_row, share_row):
    """put_row of the cell's own rounding; share_row : None for a single device."""
    if share_row is None:

        @kernel
        def put_row(array, pending, k, j, change):
            write_row(array, array.numbers, k, j, change)

        return put_row

    @kernel
    def put_share(array, pending, k, j, change):
        share_row(array, k, change, array.scratch.share)
        write_row(array, array.numbers, k, j, array.scratch.share)

    return put_share


@dataclass(frozen=True)
class ByCell:
    """Every request by itself, by the cell's own rounding."""

    by_sample: ClassVar[bool] = False  # whether rows of an update are written one by one, and need room of their own

    def check(self) -> None:
        """Nothing can be wrong with it."""

    def check_array(self, array: SynapseArray) -> None:
        """It suits every cell."""

    def state(self, array: SynapseArray) -> NoState:
        return NoState()

    def path(self, array: SynapseArray, change_row) -> WritePath:
        del change_row  # any will do
        return WritePath(
            make_put(array.cell.write_row, None if len(array.weight.gains) == 1 else array.weight.share_row)
        )


def require_pulses(writing, cell) -> None:
    """Refuse cells without pulses."""
    if not hasattr(cell, "send_row"):
        raise ValueError(
            f"The 'cell' parameter of SynapseArray must have pulses for {type(writing).__name__}. Got {cell!r} instead."
        )


# ----------------------------------------------------------------------------------------------------------------------
# What was asked for and what came of it


class Realised(NamedTuple):
    """Changes of every weight, (n, m), weight units, over repetitions of one write.

    requested : what was asked for
    mean, variance : of what came of it;  bias : mean − requested;  error : standard error of the mean
    """

    requested: np.ndarray
    mean: np.ndarray
    bias: np.ndarray
    variance: np.ndarray
    error: np.ndarray


def report(array: SynapseArray, post, pre, reward=None, *, samples: int = 1000) -> Realised:
    """Write the same update again and again, each time to the weights as they are now; the array itself stays as it is.

    Parameters
    ----------
    array : SynapseArray
    post, pre, reward : the update, as in :meth:`SynapseArray.update`
    samples : 2 or more

    Examples
    --------
    >>> array = SynapseArray((2, 3), hw.SoftBounds(), writing=hw.CoincidenceTrains(), seed=1)
    >>> array.program(np.zeros((2, 3)))
    >>> report(array, [0.1, -0.2], [1.0, 0.5, 0.0]).bias
    """
    if not (isinstance(samples, int) and samples >= 2):
        raise ValueError(f"The 'samples' parameter of report must be 2 or more. Got {samples!r} instead.")
    rows, columns = np.atleast_2d(np.asarray(post, float)), np.atleast_2d(np.asarray(pre, float))
    factors = np.broadcast_to(1.0 if reward is None else np.asarray(reward, float), len(rows))
    twin, W = _twin(array), array.read()
    total, square = np.zeros(array.shape), np.zeros(array.shape)
    for _ in range(samples):
        for own, cells in zip(twin.state.cells, array.state.cells, strict=True):
            if own.shape == cells.shape:  # what time does to the array is not part of its twin
                own[...] = cells
        twin.update(rows, columns, factors)
        change = twin.read().astype(np.float64) - W
        total += change
        square += change * change
    mean = total / samples
    variance = np.maximum(square - samples * mean * mean, 0) / (samples - 1)
    requested = np.einsum("r,ri,rj->ij", factors, rows, columns)
    return Realised(requested, mean, mean - requested, variance, np.sqrt(variance / samples))


def _twin(array: SynapseArray) -> SynapseArray:
    """An array of the same chip and scale that nothing was written to."""
    return type(array)(
        array.shape, array.cell, weight=array.weight, writing=array.writing, dtype=array.dtype, seed=array.state.seed,
        number=array.number, weight_scale=float(array.state.scale[0]), columns=array.columns,
    )  # fmt: skip
