"""Writing by cell: every request is rounded by itself, by the cell, to whole pulses:   n = round(Δ_k / granularity).

A request of more pulses than a cell takes in one write, an infinite one too, is cut to as many: `most_pulses` of a pulsed cell, all steps
from one end to the other of one of n bits. (Trains cannot carry an infinite request, and an accumulator cannot hold it: there it sends
nothing.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

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
    """Every request by itself, by the cell's own rounding."""

    def path(self, site: Site, change_row) -> WritePath:
        del change_row  # any will do
        return WritePath(make_put(site.cell.write_row, None if len(site.weight.gains) == 1 else site.weight.share_row))


def require_pulses(writing: Writing, cell: Cell) -> None:
    """Refuse cells without pulses."""
    if cell.send_row is None:
        raise ParameterError("cell", "SynapseArray", f"pulses for {type(writing).__name__}", cell, verb="must have")
