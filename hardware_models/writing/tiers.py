"""Tiers: arrays of the same cells that make a weight together, the finest first:   W = Σ_k gain_k w[k],  and the last has gain 1.

A writing that learns on an array of its own, and moves what it learnt into another one, puts this mapping in the place of a single cell
a weight. Every tier is a chip draw of its own; all but the last start at rest, at 0 or at the symmetry point of each cell, and the last
one is programmed to what that leaves of the weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from hardware_models.crossbar.contract import Cell, Site, Weight, Writing
from hardware_models.crossbar.state import Cells
from hardware_models.crossbar.symmetry_point import symmetry_points
from hardware_models.crossbar.weights import Devices
from hardware_models.numerics.checks import ParameterError
from hardware_models.numerics.compiled import kernel


@dataclass(frozen=True, kw_only=True)
class Tiers(Devices):
    """Several tiers a weight, all of them trained.

    gains : contribution of each tier, the finest first; the last one is 1
    cell : of all tiers
    shifted : whether tiers rest at the symmetry points of their cells, and not at 0
    of : the mapping in the place of which this is
    """

    gains: tuple[float, ...] = (1.0,)
    cell: Cell
    shifted: bool
    of: Weight

    @property
    def given(self) -> Weight:
        return self.of

    def check(self) -> None:
        """Its writing did."""

    def shares(self) -> np.ndarray:
        """What is programmed or pulsed directly is the last tier."""
        return np.eye(len(self.gains))[-1]

    def rest(self, cells: Cells, n: int) -> np.ndarray:
        """States of all tiers but the last, where they hold nothing, (d − 1, m, n) [device units]."""
        fine = range(len(self.gains) - 1)
        if not self.shifted or self.cell.pulse_up is None:  # without formulas: symmetric
            return np.zeros((len(fine), cells.w.shape[1], n))
        return np.stack([symmetry_points(self.cell, cells, n, k) for k in fine])

    def targets(self, cells: Cells, target: np.ndarray) -> np.ndarray:
        rest = self.rest(cells, target.shape[-1])
        last = target - np.einsum("k,kji->ji", self.gains[:-1], rest)
        return np.concatenate([rest, last[None]])


def rest_of(site: Site) -> np.ndarray:
    """Where the tiers of an array rest, see `Tiers.rest`."""
    return cast(Tiers, site.weight).rest(site.state.cells, site.shape[0])


@kernel
def visit_of(write, every, rows, j, m):
    """How often row j of m was visited before, if it is in this write; −1 if it is not. Visits start at row 0, `rows` rows a turn."""
    if (write + 1) % every != 0:
        return -1
    first = ((write + 1) // every - 1) * rows  # rows visited in all turns before
    visits = first // m  # whole rounds
    place = first % m
    if place <= j < place + rows:
        return visits
    return visits + 1 if j + m < place + rows else -1


def require_one_device(writing: Writing, site: Site) -> None:
    """Reject weights of several devices."""
    if len(site.weight.given.gains) > 1:
        name = type(writing).__name__
        raise ParameterError(
            "weight", "SynapseArray", f"one device for {name}, which has arrays of its own", site.weight.given
        )
