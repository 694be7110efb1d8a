"""Wear: a cell is stuck at its present value after N_f pulses, up and down together:  N_f = median · e^{sigma ξ}

ξ standard normal, of the cell. A worn cell still counts the pulses sent to it; it is stuck after the write that contained its last
good pulse, and keeps the result of that write. A log-normal spread is an assumption; published endurances differ widely, and
few are well measured: M. Lanza et al., "Standards for the characterization of endurance in resistive switching devices",
ACS Nano 15, 17214 (2021), doi:10.1021/acsnano.1c06980.

Fate: effect of faults and wear on a row of cells after a write. A stuck cell has its stuck value, both visible and stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hardware_models.ageing.mechanism import Mechanism
from hardware_models.ageing.passage import CellSpread, cell_shape
from hardware_models.crossbar.contract import Cell, Site
from hardware_models.numerics import random
from hardware_models.numerics.checks import refuse, require_not_negative, require_positive
from hardware_models.numerics.compiled import kernel

NEVER = np.iinfo(np.uint32).max  # a limit that no counter reaches


@dataclass(frozen=True, kw_only=True)
class Wear(Mechanism):
    """Cells that wear out.

    median : pulses that half of the cells survive, positive; inf: no wear
    sigma : spread of ln N_f between cells, 0 or more
    """

    median: float
    sigma: float = 0.0

    @property
    def is_off(self) -> bool:
        """Whether no cell ever wears out."""
        return self.median == np.inf

    def check(self) -> None:
        require_positive(self, "median", endless=True)
        require_not_negative(self, "sigma")

    @property
    def wears(self) -> bool:
        return not self.is_off

    fails = wears

    def check_cell(self, cell: Cell, ends: tuple[float, float, float] | None) -> None:
        """Reject cells that count no pulses."""
        if not cell.is_pulsed and not self.is_off:
            refuse(self, "median", f"inf where cells have no pulses, like {cell!r}")

    def fabricate(self, site: Site) -> None:
        if not self.is_off:
            limit = site.state.cells.limit
            limit[:] = NEVER
            limit[:, :, : site.shape[0]] = self.limits(cell_shape(site), site.state.seed, site.number)

    def limits(self, shape: tuple[int, int, int], seed: int, number: int) -> np.ndarray:
        """N_f of the cells (d, m, n), uint32; at least one pulse."""
        xi = random.normal(seed, random.stream(random.Stream.CHIP, number), int(CellSpread.WEAR), shape, np.float64)
        return np.clip(np.ceil(self.median * np.exp(self.sigma * xi)), 1, NEVER).astype(np.uint32)


@lru_cache
def make_hold(wearing: bool, differs: bool):
    """hold_row(array, k, j): apply faults and wear to row j of device k, after it was written.

    wearing : cells may wear out;  differs : the visible weight differs from the stored one, by write noise
    """

    @kernel
    def hold_row(array, k, j):
        cells, n = array.cells, array.size[0]
        w, stuck = cells.w[k, j], cells.stuck[k, j]
        if wearing:
            up, down, limit = cells.up[k, j], cells.down[k, j], cells.limit[k, j]
            for i in range(n):
                fails = (stuck[i] != stuck[i]) & (np.uint32(up[i] + down[i]) >= limit[i])
                stuck[i] = w[i] if fails else stuck[i]
        for i in range(n):
            w[i] = stuck[i] if stuck[i] == stuck[i] else w[i]
        if differs:
            held = cells.held[k, j]
            for i in range(n):
                held[i] = stuck[i] if stuck[i] == stuck[i] else held[i]

    return hold_row


def hold(cells, n: int) -> None:
    """The same for stuck cells of a whole array, from Python: after programming and after a passage of time."""
    stuck = cells.stuck[:, :, :n]
    if cells.stuck.size > 1:
        for weights in (cells.w, cells.held) if cells.held.size > 1 else (cells.w,):
            weights[:, :, :n] = np.where(np.isnan(stuck), weights[:, :, :n], stuck)
