"""A passage of time: its duration, the age of every cell, and random draws keyed by cell and passage.

Every mechanism is an affine map,  w ← factor · w + shift, so that mechanisms compose, and so that write noise, the
difference between the visible weight and the stored one, ages with it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from hardware_models.crossbar.contract import Site
from hardware_models.numerics import random

CALL = 1 << 8  # step of a draw of a passage: number of the passage · CALL + its purpose


class CellSpread(IntEnum):
    """Address, in the CHIP stream, of permanent differences between cells; below 32 are those of the cells themselves."""

    NU = 32
    LIFETIME = 33
    RESET = 34
    DIFFUSION = 35
    RETENTION = 36
    WEAR = 37


class Event(IntEnum):
    """Purpose of a draw of the TIME stream."""

    DIFFUSION = 0
    NU = 1


class Passage(NamedTuple):
    """A passage of time for the cells (d, m, n) of array `number` of chip `seed`.

    seconds : its duration;  age : (d, m, n) or a number, seconds from the last write to its beginning
    nu : (d, m, n) drift exponents of the cells, (1, 1, 1) if none drift;  call : number of this passage
    """

    seconds: float
    age: np.ndarray | float
    nu: np.ndarray
    call: int
    shape: tuple[int, int, int]
    seed: int
    number: int

    def of_chip(self, what: CellSpread) -> np.ndarray:
        """Standard normal numbers (d, m, n), the same in every passage."""
        return self._normal(random.Stream.CHIP, int(what))

    def of_moment(self, what: Event) -> np.ndarray:
        """Standard normal numbers (d, m, n) of this passage."""
        return self._normal(random.Stream.TIME, self.call * CALL + int(what))

    def _normal(self, stream, step: int) -> np.ndarray:
        return random.normal(self.seed, random.stream(stream, self.number), step, self.shape, np.float64)


def bounds(site: Site) -> tuple:
    """Lower bound, upper bound and 0 of every cell [device units], numbers or (d, m, n); infinite if there is none."""
    cells, n = site.state.cells, site.shape[0]
    if cells.bound_up.size > 1:
        return cells.bound_low[:, :, :n].astype(np.float64), cells.bound_up[:, :, :n].astype(np.float64), 0.0
    bound = np.inf if site.cell.bound is None else site.cell.bound
    return -bound, bound, 0.0


def cell_shape(site: Site) -> tuple[int, int, int]:
    """(d, m, n)"""
    return len(site.weight.gains), site.shape[1], site.shape[0]
