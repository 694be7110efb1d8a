"""The interface of an ageing mechanism: one effect of time on cells. Every member has a default that does nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from hardware_models.ageing.passage import Passage
from hardware_models.crossbar.contract import Cell, Site
from hardware_models.crossbar.state import Absent


class Mechanism:
    """Interface of the parts of `Ageing`, which calls them one after the other.

    turn : mechanisms that change cells are applied in ascending order; equal ones in the order of the fields
    counts_from_writes : whether it depends on when a cell was last written
    fails, wears : whether it may make cells stuck, and whether by pulses
    is_noisy : whether it adds an offset to the visible weight that lasts for several reads; at most one mechanism of an array may
    tick : ``(array)``, compiled: advances the offset before a read; None: there is none
    """

    turn: ClassVar[int] = 1
    counts_from_writes: ClassVar[bool] = False
    fails: bool = False
    wears: bool = False
    is_noisy: bool = False
    tick: ClassVar[Callable | None] = None

    def check(self) -> None:
        """Raise ParameterError for an invalid parameter."""

    def check_cell(self, cell: Cell, ends: tuple[float, float, float] | None) -> None:
        """Raise ParameterError if it is incompatible with the cells; ends : see `Site`."""

    def slow_state(self, shape: tuple[int, int, int], seed: int, number: int, dtype: DTypeLike) -> NamedTuple:
        """The state of the lasting offset, cells (d, m, n)."""
        del shape, seed, number, dtype
        return Absent()

    def fabricate(self, site: Site) -> None:
        """Write defects of a new chip into its cells."""

    def note_writes(self, fresh: np.ndarray, written: np.ndarray, passage: Passage) -> None:
        """Note that cells `fresh` (d, m, n) were written with `written` [device units] since the last passage."""

    def move(self, passage: Passage) -> tuple | None:
        """(factor, shift) of every cell, w ← factor · w + shift, numbers or (d, m, n); None: no change."""
        del passage

    def finish(self, site: Site, clock: float, seconds: float) -> None:
        """Called at the end of a passage of `seconds`, `clock` seconds after fabrication."""
