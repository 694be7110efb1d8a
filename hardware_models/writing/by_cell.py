"""Writing: how the changes that updates ask for become changes of cells.

    writing=None        every request by itself: the cell rounds it, Δ_k / granularity, to whole pulses
    CoincidenceTrains   pulses where random trains on the lines of row and column coincide    (:mod:`hardware_models.writing.coincidence`)
    MixedPrecision      requests are summed digitally, whole steps are sent                    (:mod:`hardware_models.writing.mixed_precision`)

A way of writing is an object with ``check()``, ``check_array(array)``, ``state(array)`` and ``path(array, change_row)``, the compiled
parts of a :class:`hardware_models.crossbar.sweep.WritePath`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from hardware_models.crossbar.sweep import WritePath
from hardware_models.numerics.compiled import kernel

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
