"""Writing by cell: every request is rounded separately, by the cell, to whole pulses:   n = round(Δ_k / granularity).

Requests, also infinite ones, are limited to the largest number of pulses per write: `most_pulses` of a pulsed cell, all steps from
one end to the other of one of n bits. (With trains or an accumulator an infinite request sends nothing.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from hardware_models.crossbar.contract import Cell, Site, Writing
from hardware_models.crossbar.sweep import WritePath
from hardware_models.numerics.checks import ParameterError
from hardware_models.numerics.compiled import kernel


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
class ByCell(Writing):
    """Every request separately, with the cell's own rounding."""

    takes_turns: ClassVar[bool] = True

    def path(self, site: Site, change_row) -> WritePath:
        del change_row  # any will do
        return WritePath(make_put(site.cell.write_row, None if len(site.weight.gains) == 1 else site.weight.share_row))


def require_pulses(writing: Writing, cell: Cell) -> None:
    """Reject cells without pulses."""
    if cell.send_row is None:
        raise ParameterError("cells", "SynapseArray", f"pulses for {type(writing).__name__}", cell, verb="must have")
