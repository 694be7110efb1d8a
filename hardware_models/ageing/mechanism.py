"""A mechanism of ageing: one effect of time on cells. Every member has a default here that does nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from hardware_models.ageing.passage import Passage
from hardware_models.crossbar.contract import Cell, Site
from hardware_models.crossbar.state import Absent


class Mechanism:
    """What `Ageing` requires of the parts in its fields; it calls them one after the other.

    turn : of those that move cells the lower come first; equal ones in the order of the fields
    counts_from_writes : whether it depends on when a cell was last written
    fails, wears : whether cells may be stuck by it, and whether pulses make them so
    is_noisy : whether it adds an offset to the visible weight that outlasts a step; at most one mechanism of an array may
    tick : ``(array)``, compiled: the offset moves on before a read; None: there is none
    """

    turn: ClassVar[int] = 1
    counts_from_writes: ClassVar[bool] = False
    fails: bool = False
    wears: bool = False
    is_noisy: bool = False
    tick: ClassVar[Callable | None] = None

    def check(self) -> None:
        """Raise ParameterError where a parameter cannot be."""

    def check_cell(self, cell: Cell, ends: tuple[float, float, float] | None) -> None:
        """Raise ParameterError where it does not fit cells; ends : see `Site`."""

    def slow_state(self, shape: tuple[int, int, int], seed: int, number: int, dtype: DTypeLike) -> NamedTuple:
        """The state of the offset that outlasts a step, cells (d, m, n)."""
        del shape, seed, number, dtype
        return Absent()

    def fabricate(self, site: Site) -> None:
        """Write defects of a new chip into its cells."""

    def note_writes(self, fresh: np.ndarray, written: np.ndarray, passage: Passage) -> None:
        """Cells `fresh` (d, m, n) were written since the last passage and hold `written` [device units]."""

    def move(self, passage: Passage) -> tuple | None:
        """(factor, shift) of every cell, w ← factor · w + shift, numbers or (d, m, n); None: they stay."""
        del passage

    def finish(self, site: Site, clock: float, seconds: float) -> None:
        """The end of a passage of `seconds`, `clock` seconds after fabrication."""
