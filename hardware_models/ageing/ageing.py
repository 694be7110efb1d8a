"""Ageing: what happens to the cells of an array while time passes, in this order.

    re-clock   cells whose w is not what it was after the last passage were written since, now as far as time is concerned
    leak, drift, retention, diffusion      w ← clip(factor · w + shift), one after the other; each alone needs no small steps:
                                           age(a) then age(b) is age(a + b) (diffusion: in distribution)
    faults     cells that failed by now are stuck;  slow noise moves on by the whole time

Time only passes in ``array.age(seconds)``, so that a write happens at a definite time, and writing needs no clock: a cell that was
sent pulses but did not move, at a bound, is taken for one that was not written. Cells of n bits restore their level whenever their
row is written, and what they lost till then.

All of it is NumPy, passes over the cells and keyed draws: 0.03 µs a cell for drift, 0.25 µs with every mechanism; deterministic,
and the same whatever else is switched on. A mechanism of strength zero leaves every bit as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hardware_models.ageing.diffusion import Diffusion
from hardware_models.ageing.drift import Drift
from hardware_models.ageing.faults import Faults
from hardware_models.ageing.leak import Leak
from hardware_models.ageing.passage import Passage
from hardware_models.ageing.retention import Retention
from hardware_models.ageing.slow_noise import SlowNoise
from hardware_models.ageing.wear import NEVER, Wear, hold, make_hold
from hardware_models.numerics.checks import refuse

if TYPE_CHECKING:
    from hardware_models.array import SynapseArray


MECHANISMS = {
    "drift": Drift, "leak": Leak, "retention": Retention, "diffusion": Diffusion, "faults": Faults, "wear": Wear, "slow": SlowNoise,
}  # fmt: skip


class AgeingState(NamedTuple):
    """What an array remembers of time; together with `Cells` and slow noise all that a restart needs.

    clock : (1,) float64, seconds since fabrication;  calls : (1,) int64, passages of time so far
    written : (d, m, n) float64, seconds, when each cell was last written;  seen : (d, m, n), w after the last passage
    nu : (d, m, n) float64, drift exponents;  these three are (1, 1, 1) where nothing depends on the last write
    reference : (n,) float64, read-out that compensation goes back to, NaN before the first one
    """

    clock: np.ndarray
    calls: np.ndarray
    written: np.ndarray
    seen: np.ndarray
    nu: np.ndarray
    reference: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Ageing:
    """What time does to cells; None: that does not happen.

    drift, leak, retention, diffusion : how weights change by themselves
    faults, wear : cells and lines that fail
    slow : noise that outlasts a read
    """

    drift: Drift | None = None
    leak: Leak | None = None
    retention: Retention | None = None
    diffusion: Diffusion | None = None
    faults: Faults | None = None
    wear: Wear | None = None
    slow: SlowNoise | None = None

    def check(self) -> None:
        """Raise ValueError where a parameter cannot be."""
        for name, kind in MECHANISMS.items():
            part = getattr(self, name)
            if not isinstance(part, kind | None):
                refuse(self, name, f"a {kind.__name__} or None")
            if part is not None:
                part.check()

    def check_cell(self, cell, ends=None) -> None:
        """Raise ValueError where a mechanism does not fit a cell model; ends : see `fabricate`."""
        if self.faults is not None and ends is None:
            self.faults.check_bounds(cell)
        if self.wear is not None:
            self.wear.check_cell(cell)

    # what an array is built with

    @property
    def fails(self) -> bool:
        """Whether cells may be stuck at all."""
        return (self.faults is not None and not self.faults.is_off) or self.wears

    @property
    def counts_from_writes(self) -> bool:
        """Whether anything depends on when a cell was last written."""
        return self.drift is not None or self.retention is not None

    @property
    def wears(self) -> bool:
        return self.wear is not None and not self.wear.is_off

    @property
    def is_noisy(self) -> bool:
        """Whether cells show slow noise."""
        return self.slow is not None and not self.slow.is_off

    def hold_row(self, shown: bool):
        """The fate of a row after it was written, compiled; None where no cell can be stuck."""
        return make_hold(self.wears, shown) if self.fails else None

    def fabricate(self, array, cell, shape, seed: int, number: int, ends=None) -> AgeingState:
        """Faults, limits and first slow noise of this chip, into the state of its array: cells (d, m, n) that are new.

        ends : where cells are that are stuck low, high and at 0 [device units]; None: at their bounds
        """
        cells, n, dtype = array.cells, shape[2], array.cells.w.dtype
        if self.faults is not None and self.fails:
            cells.stuck[:, :, :n] = self.faults.at_fabrication(ends or places(cells, cell, n), shape, seed, number)
        if self.wears:
            cells.limit[:] = NEVER
            cells.limit[:, :, :n] = self.wear.limits(shape, seed, number)
        hold(cells, n)
        if self.is_noisy:
            self.slow.begin(array.slow, cells.slow)
        of_cells = shape if self.counts_from_writes else (1, 1, 1)
        return AgeingState(
            np.zeros(1), np.zeros(1, np.int64), np.zeros(of_cells), np.full(of_cells, np.nan, dtype), np.zeros(of_cells),
            np.full(n, np.nan),
        )  # fmt: skip

    # what an array calls

    def rewritten(self, state: AgeingState) -> None:
        """Every cell was programmed, also one that happens to hold what it held."""
        state.seen[:] = np.nan

    def pass_time(self, array: SynapseArray, state: AgeingState, seconds: float, drifted=None) -> None:
        """Let time pass for an array; drifted : what cells move besides, by the way they were programmed [device units]."""
        arrays, cells = array.state, array.state.cells
        d, m, n = len(arrays.gain), array.shape[1], array.shape[0]
        passage = Passage(seconds, 0.0, int(state.calls[0]), (d, m, n), arrays.seed, array.number)
        passage = self._reclock(cells, state, passage)
        self._move(cells, array.cell, state, passage, drifted)
        state.calls[0] += 1
        state.clock[0] += seconds
        if self.faults is not None and self.fails:
            ends = array.ends or places(cells, array.cell, n)
            failed = self.faults.by(state.clock[0], ends, (d, m, n), arrays.seed, array.number)
            stuck = cells.stuck[:, :, :n]
            cells.stuck[:, :, :n] = np.where(np.isnan(stuck), failed, stuck)
        hold(cells, n)
        if self.counts_from_writes:
            state.seen[:] = cells.w[:, :, :n]
        if self.is_noisy and seconds > 0:
            self.slow.let_pass(arrays.slow, seconds, cells.slow)

    def _reclock(self, cells, state: AgeingState, passage: Passage) -> Passage:
        if not self.counts_from_writes:
            return passage
        w = cells.w[:, :, : passage.shape[2]]
        fresh = w != state.seen
        state.written[fresh] = state.clock[0]
        if self.drift is not None and fresh.any():
            state.nu[fresh] = self.drift.exponents(w.astype(np.float64), passage)[fresh]
        return passage._replace(age=state.clock[0] - state.written)

    def _move(self, cells, cell, state: AgeingState, passage: Passage, drifted) -> None:
        moves = [] if drifted is None else [(1.0, drifted)]
        moves += [part.move(passage) for part in (self.leak,) if part is not None]
        moves += [self.drift.move(state.nu, passage)] if self.drift is not None else []
        moves += [part.move(passage) for part in (self.retention, self.diffusion) if part is not None]
        if not moves:
            return
        factor, shift = 1.0, 0.0
        for f, s in moves:
            factor, shift = f * factor, f * shift + s
        n, shown = passage.shape[2], cells.held.size > 1
        low, high, _ = places(cells, cell, n)
        held = (cells.held if shown else cells.w)[:, :, :n].astype(np.float64)
        free = factor * held + shift
        moved = np.clip(free, low, high)
        if shown:
            cells.held[:, :, :n] = moved
            moved = factor * cells.w[:, :, :n] + shift + (moved - free)  # write noise shrinks with what it is noise of
        cells.w[:, :, :n] = moved


def places(cells, cell, n: int) -> tuple:
    """Lower bound, upper bound and 0 of every cell [device units], numbers or (d, m, n); infinite where there is none."""
    if cells.bound_up.size > 1:
        return cells.bound_low[:, :, :n].astype(np.float64), cells.bound_up[:, :, :n].astype(np.float64), 0.0
    bound = np.inf if cell.bound is None else cell.bound
    return -bound, bound, 0.0
