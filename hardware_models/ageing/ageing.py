"""Ageing: the changes of an array's cells while time passes, in this order.

    re-clock   cells whose w has changed since the last passage were written since, and count as written now
    leak, drift, retention, diffusion      w ← clip(factor · w + shift), one after the other; each alone needs no small steps:
                                           age(a) then age(b) is age(a + b) (diffusion: in distribution)
    faults     cells that have failed by now are stuck;  slow noise advances by the whole time

A new mechanism is a :class:`hardware_models.ageing.mechanism.Mechanism` in a separate file and a field of `Ageing`.

Time only passes in ``array.age(seconds)``, so that a write happens at a definite time, and writing needs no clock: a cell that
received pulses but did not change, at a bound, counts as not written. Cells of n bits are restored to their level whenever
their row is written, which undoes their losses so far.

Everything is NumPy, passes over the cells and keyed draws: 0.03 µs per cell for drift, 0.25 µs with every mechanism; deterministic,
and independent of other options. A mechanism of strength zero changes no bit.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from hardware_models.ageing.diffusion import Diffusion
from hardware_models.ageing.drift import Drift
from hardware_models.ageing.faults import Faults
from hardware_models.ageing.leak import Leak
from hardware_models.ageing.mechanism import Mechanism
from hardware_models.ageing.passage import Passage, bounds, cell_shape
from hardware_models.ageing.retention import Retention
from hardware_models.ageing.slow_noise import SlowNoise
from hardware_models.ageing.wear import Wear, hold, make_hold
from hardware_models.crossbar.contract import Cell, Site, Time
from hardware_models.crossbar.state import Absent
from hardware_models.numerics.checks import refuse, under


class AgeingState(NamedTuple):
    """Ageing state of an array; together with `Cells` and slow noise it is sufficient for a restart.

    clock : (1,) float64, seconds since fabrication;  calls : (1,) int64, passages of time so far
    written : (d, m, n) float64, seconds, when each cell was last written;  seen : (d, m, n), w after the last passage
    nu : (d, m, n) float64, drift exponents;  these three are (1, 1, 1) if nothing depends on the last write
    reference : (n,) float64, reference read-out for compensation, NaN before the first one
    """

    clock: np.ndarray
    calls: np.ndarray
    written: np.ndarray
    seen: np.ndarray
    nu: np.ndarray
    reference: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Ageing(Time):
    """Ageing mechanisms of cells; None: the mechanism is absent.

    drift : weights shrink by a power law of the time since their last write, as in phase-change memory; None: they do not
    leak : weights relax exponentially to a resting state, as on a capacitor; None: they do not
    retention : weights relax to a resting state by a stretched exponential, as trapped charge; None: they do not
    diffusion : weights wander at random, by √time; None: they do not
    faults : cells that are stuck and lines that are dead, from the beginning or in life; None: none
    wear : cells stop changing after so many pulses; None: none
    slow : read noise that is correlated between reads: relaxation, 1/f, telegraph noise; None: none
    """

    drift: Drift | None = None
    leak: Leak | None = None
    retention: Retention | None = None
    diffusion: Diffusion | None = None
    faults: Faults | None = None
    wear: Wear | None = None
    slow: SlowNoise | None = None

    def check(self) -> None:
        for name, kind in kinds_of_mechanisms(type(self)).items():
            part = getattr(self, name)
            if not isinstance(part, kind | None):
                refuse(self, name, f"a {kind.__name__} or None")
            if part is not None:
                part.check()

    def check_cell(self, cell: Cell, ends: tuple[float, float, float] | None = None) -> None:
        for name in kinds_of_mechanisms(type(self)):
            if getattr(self, name) is not None:
                with under(name):
                    getattr(self, name).check_cell(cell, ends)

    # used when an array is created

    @property
    def mechanisms(self) -> list[Mechanism]:
        """The mechanisms present, in the order in which they act on cells."""
        parts = (getattr(self, name) for name in kinds_of_mechanisms(type(self)))
        return sorted((part for part in parts if part is not None), key=lambda part: part.turn)

    @property
    def fails(self) -> bool:
        return any(part.fails for part in self.mechanisms)

    @property
    def wears(self) -> bool:
        return any(part.wears for part in self.mechanisms)

    @property
    def is_noisy(self) -> bool:
        return any(part.is_noisy for part in self.mechanisms)

    @property
    def tick(self) -> Callable[..., Any] | None:
        return next((part.tick for part in self.mechanisms if part.is_noisy), None)

    @property
    def counts_from_writes(self) -> bool:
        """Whether anything depends on when a cell was last written."""
        return any(part.counts_from_writes for part in self.mechanisms)

    def slow_state(self, shape: tuple[int, int, int], seed: int, number: int, dtype: DTypeLike) -> NamedTuple:
        noisy = (part.slow_state(shape, seed, number, dtype) for part in self.mechanisms if part.is_noisy)
        return next(noisy, Absent())

    def hold_row(self, differs: bool) -> Callable[..., Any] | None:
        return make_hold(self.wears, differs) if self.fails else None

    def fabricate(self, site: Site) -> AgeingState:
        for part in self.mechanisms:
            part.fabricate(site)
        hold(site.state.cells, site.shape[0])
        of_cells = cell_shape(site) if self.counts_from_writes else (1, 1, 1)
        return AgeingState(
            clock=np.zeros(1), calls=np.zeros(1, np.int64), written=np.zeros(of_cells), seen=np.full(of_cells, np.nan, site.dtype),
            nu=np.zeros(of_cells), reference=np.full(site.shape[0], np.nan),
        )  # fmt: skip

    # used later

    def rewritten(self, state: AgeingState) -> None:
        state.seen[:] = np.nan

    def pass_time(self, site: Site, state: AgeingState, seconds: float, drifted: np.ndarray | None = None) -> None:
        cells, n = site.state.cells, site.shape[0]
        passage = Passage(
            seconds=seconds, age=0.0, nu=state.nu, call=int(state.calls[0]), shape=cell_shape(site), seed=site.state.seed,
            number=site.number,
        )  # fmt: skip
        self._move(site, self._reclock(site, state, passage), drifted)
        state.calls[0] += 1
        state.clock[0] += seconds
        for part in self.mechanisms:
            part.finish(site, float(state.clock[0]), seconds)
        hold(cells, n)
        if self.counts_from_writes:
            state.seen[:] = cells.w[:, :, :n]

    def _reclock(self, site: Site, state: AgeingState, passage: Passage) -> Passage:
        if not self.counts_from_writes:
            return passage
        w = site.state.cells.w[:, :, : site.shape[0]]
        fresh = w != state.seen
        state.written[fresh] = state.clock[0]
        for part in self.mechanisms:
            part.note_writes(fresh, w, passage)
        return passage._replace(age=state.clock[0] - state.written)

    def _move(self, site: Site, passage: Passage, drifted) -> None:
        moves = [] if drifted is None else [(1.0, drifted)]
        moves += [move for part in self.mechanisms if (move := part.move(passage)) is not None]
        if not moves:
            return
        factor, shift = 1.0, 0.0
        for f, s in moves:
            factor, shift = f * factor, f * shift + s
        cells, n = site.state.cells, site.shape[0]
        differs, (low, high, _) = cells.held.size > 1, bounds(site)
        held = (cells.held if differs else cells.w)[:, :, :n].astype(np.float64)
        free = factor * held + shift
        moved = np.clip(free, low, high)
        if differs:
            cells.held[:, :, :n] = moved
            moved = factor * cells.w[:, :, :n] + shift + (moved - free)  # write noise scales with the weight
        cells.w[:, :, :n] = moved


@lru_cache
def kinds_of_mechanisms(cls: type[Ageing]) -> dict[str, type[Mechanism]]:
    """Field → its class of mechanism."""
    hints = typing.get_type_hints(cls)
    return {field.name: typing.get_args(hints[field.name])[0] for field in fields(cls)}


# Names in tables
KINDS: dict[str, type[Ageing]] = {"ageing": Ageing}
