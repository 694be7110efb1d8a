"""Faults: stuck cells and dead lines, from fabrication on, from a failure in life, or from one accident.

    at fabrication   a cell is stuck at its lower bound, its upper bound or 0 with probabilities stuck_low, stuck_high, stuck_zero
                     an input line j is dead with dead_rows, all its cells, of every device, reading 0
                     an output line i of one device is dead with dead_columns, all its cells reading 0
    an accident      at the time `accident` a cell fails with probability broken_low, broken_high, broken_zero, together with the others
    in life          a cell fails at a time of density r e^{−r t}, r = rate_low, rate_high, rate_zero, and is stuck there ever after

0 is that of the weight; for conductances that are programmed once, it is zero conductance, and the bounds are those of their range.
Of several faults of one cell the first counts, and of those at fabrication the one listed first; a dead line overrides all others.
Times and places are drawn once, with the chip, independent of how time is divided. A stuck cell keeps its value whatever is
written or programmed, but still counts its pulses. Stuck cells of a
4 Mb array, and their causes: C.-Y. Chen et al., "RRAM defect modeling and failure analysis based on March test and a novel
squeeze-search scheme", IEEE Trans. Comput. 64, 180 (2015), doi:10.1109/TC.2014.12.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from hardware_models.ageing.mechanism import Mechanism
from hardware_models.ageing.passage import bounds, cell_shape
from hardware_models.crossbar.contract import Cell, Site
from hardware_models.numerics import random
from hardware_models.numerics.checks import refuse, require_not_negative, require_share

PLACES = ("low", "high", "zero")


class FaultDraw(IntEnum):
    """Address of a draw in the FAULT stream: which cells, which lines, and when, in the order of `PLACES`."""

    CELL = 0
    ROW = 3
    COLUMN = 4
    TIME = 5
    ACCIDENT = 8


@dataclass(frozen=True, kw_only=True)
class Faults(Mechanism):
    """Stuck cells and dead lines.

    stuck_low : share of all cells that are stuck at their lower bound from fabrication on, 0 … 1
    stuck_high : share of all cells that are stuck at their upper bound from fabrication on, 0 … 1
    stuck_zero : share of all cells that are stuck at a weight of 0 from fabrication on, 0 … 1
    dead_rows : share of the input lines that are dead, 0 … 1; all weights of such an input read as 0
    dead_columns : share of the output lines, of each device of a weight, that are dead, 0 … 1; they read as 0
    rate_low : rate at which a cell in use gets stuck at its lower bound [1/s], 0 or more
    rate_high : rate at which a cell in use gets stuck at its upper bound [1/s], 0 or more
    rate_zero : rate at which a cell in use gets stuck at 0 [1/s], 0 or more
    broken_low : share of all cells that get stuck at their lower bound together, at the time `accident`, 0 … 1
    broken_high : share of all cells that get stuck at their upper bound together, at the time `accident`, 0 … 1
    broken_zero : share of all cells that get stuck at 0 together, at the time `accident`, 0 … 1
    accident : time at which the `broken_…` cells fail [s], more than 0 if there are any

    Examples
    --------
    30 % of the cells fail at 0 after 100 s:

    >>> Faults(broken_zero=0.3, accident=100.0).fails
    True
    """

    stuck_low: float = 0.0
    stuck_high: float = 0.0
    stuck_zero: float = 0.0
    dead_rows: float = 0.0
    dead_columns: float = 0.0
    rate_low: float = 0.0
    rate_high: float = 0.0
    rate_zero: float = 0.0
    broken_low: float = 0.0
    broken_high: float = 0.0
    broken_zero: float = 0.0
    accident: float = 0.0

    @property
    def is_off(self) -> bool:
        """Whether no cell ever fails."""
        return not any(vars(self).values())

    def check(self) -> None:
        require_share(self, "stuck_low stuck_high stuck_zero dead_rows dead_columns broken_low broken_high broken_zero")
        require_not_negative(self, "rate_low rate_high rate_zero accident")
        if (self.accident > 0) != any((self.broken_low, self.broken_high, self.broken_zero)):
            refuse(self, "accident", "more than 0 if cells fail at that time, and 0 if none do")

    @property
    def fails(self) -> bool:
        return not self.is_off

    def check_cell(self, cell: Cell, ends: tuple[float, float, float] | None) -> None:
        """Reject cells without bounds if cells can be stuck at one."""
        for name in ("stuck_low", "stuck_high", "rate_low", "rate_high", "broken_low", "broken_high"):
            if ends is None and cell.bound is None and getattr(self, name) > 0:
                refuse(self, name, f"0 where cells have no bounds, like {cell!r}")

    def fabricate(self, site: Site) -> None:
        if not self.is_off:
            stuck = site.state.cells.stuck[:, :, : site.shape[0]]
            stuck[:] = self.at_fabrication(site.ends or bounds(site), cell_shape(site), site.state.seed, site.number)

    def finish(self, site: Site, clock: float, seconds: float) -> None:
        """Make the cells stuck that have failed by now, except for those stuck already."""
        if not self.is_off:
            stuck = site.state.cells.stuck[:, :, : site.shape[0]]
            failed = self.by(clock, site.ends or bounds(site), cell_shape(site), site.state.seed, site.number)
            stuck[:] = np.where(np.isnan(stuck), failed, stuck)

    def at_fabrication(
        self, places: Sequence[np.ndarray | float], shape: tuple[int, int, int], seed: int, number: int
    ) -> np.ndarray:
        """The values at which cells (d, m, n) are stuck, NaN for others; places : their lower bound, upper bound and 0."""
        d, m, n = shape
        uniform = lambda step, size: random.uniform(seed, _stream(number), step, size, np.float64)  # noqa: E731
        stuck = np.full(shape, np.nan)
        for k, (kind, place) in reversed(list(enumerate(zip(PLACES, places, strict=True)))):
            share = getattr(self, f"stuck_{kind}")
            if share > 0:
                stuck = np.where(uniform(FaultDraw.CELL + k, shape) < share, place, stuck)
        if self.dead_rows > 0:
            stuck[:, uniform(FaultDraw.ROW, m) < self.dead_rows, :] = places[2]
        if self.dead_columns > 0:
            stuck = np.where((uniform(FaultDraw.COLUMN, (d, n)) < self.dead_columns)[:, None, :], places[2], stuck)
        return stuck

    def by(
        self, clock: float, places: Sequence[np.ndarray | float], shape: tuple[int, int, int], seed: int, number: int
    ) -> np.ndarray:
        """The values of cells that have failed in life by some time, NaN for others."""
        uniform = lambda step, size: random.uniform(seed, _stream(number), step, size, np.float64)  # noqa: E731
        first, stuck = np.full(shape, np.inf), np.full(shape, np.nan)
        for k, (kind, place) in enumerate(zip(PLACES, places, strict=True)):
            rate, share = getattr(self, f"rate_{kind}"), getattr(self, f"broken_{kind}")
            if share > 0:
                fails = uniform(FaultDraw.ACCIDENT + k, shape) < share
                stuck = np.where(fails & (self.accident < first), place, stuck)
                first = np.where(fails, np.minimum(self.accident, first), first)
            if rate > 0:
                time = -np.log(uniform(FaultDraw.TIME + k, shape)) / rate
                stuck, first = np.where(time < first, place, stuck), np.minimum(time, first)
        return np.where(first <= clock, stuck, np.nan)


def _stream(number: int) -> int:
    return random.stream(random.Stream.FAULT, number)
