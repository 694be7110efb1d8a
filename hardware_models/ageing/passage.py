"""A passage of time, as a mechanism meets it: how long, how old every cell was, and draws that belong to cell and moment.

Every mechanism moves a cell along a line,  w ← factor · w + shift, so that mechanisms compose, and so that write noise, the
difference between what a cell shows and what it holds, takes part in it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from hardware_models.numerics import random

CALL = 1 << 8  # step of a draw of a passage: number of the passage · CALL + what it is for


class Spread(IntEnum):
    """Address, in the CHIP stream, of what differs between cells and lasts; below 32 are those of the cells themselves."""

    NU = 32
    LIFETIME = 33
    RESET = 34
    DIFFUSION = 35
    RETENTION = 36
    WEAR = 37


class Event(IntEnum):
    """What a draw of the TIME stream is for."""

    DIFFUSION = 0
    NU = 1


class Passage(NamedTuple):
    """Time that passes for the cells (d, m, n) of array `number` of chip `seed`.

    seconds : how long it takes;  age : (d, m, n) or a number, seconds from the last write to its beginning
    call : number of this passage
    """

    seconds: float
    age: np.ndarray | float
    call: int
    shape: tuple[int, int, int]
    seed: int
    number: int

    def of_chip(self, what: Spread) -> np.ndarray:
        """Standard normal numbers (d, m, n), the same in every passage."""
        return self._normal(random.Stream.CHIP, int(what))

    def of_moment(self, what: Event) -> np.ndarray:
        """Standard normal numbers (d, m, n) of this passage."""
        return self._normal(random.Stream.TIME, self.call * CALL + int(what))

    def _normal(self, stream, step: int) -> np.ndarray:
        return random.normal(self.seed, random.stream(stream, self.number), step, self.shape, np.float64)
