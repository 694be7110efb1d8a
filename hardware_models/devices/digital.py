"""Digital cells of n bits:  2ⁿ − 1 evenly spaced, symmetric levels with zero,  w = k s,  |k| ≤ 2ⁿ⁻¹ − 1,  s = w_max/(2ⁿ⁻¹ − 1).

A requested change Δ becomes a whole number of steps, round(Δ/s), nearest or stochastic; the level is clipped at the ends.
Stochastic rounding, ⌊Δ/s + U⌋ with U uniform in (0, 1), is right in the mean (Gupta et al., "Deep learning with limited
numerical precision", ICML 2015, §3).
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from hardware_models import random
from hardware_models.compiled import kernel


class DigitalNumbers(NamedTuple):
    step: float  # distance between neighbouring levels [device units]
    levels: float  # largest level, 2ⁿ⁻¹ − 1


@kernel
def move_row(array, numbers, k, j, steps):
    """Move row j of device k by whole steps, clip at the ends, count what was sent."""
    cells, step, top = array.cells, numbers.step, numbers.levels
    w, up, down = cells.w[k, j], cells.up[k, j], cells.down[k, j]
    for i in range(steps.shape[0]):
        level = (
            np.floor(w[i] / step + type(step)(0.5)) + steps[i]
        )  # a stored weight is a level: only rounding error here
        w[i] = min(max(level, -top), top) * step
    for i in range(steps.shape[0]):
        up[i] += np.uint32(max(steps[i], type(step)(0)))
        down[i] += np.uint32(max(-steps[i], type(step)(0)))


@kernel
def write_row_nearest(array, numbers, k, j, change):
    steps, step = array.scratch.steps, numbers.step
    half = type(step)(0.5)
    for i in range(change.shape[0]):
        steps[i] = np.floor(change[i] / step + half)
    move_row(array, numbers, k, j, steps)


@kernel
def write_row_stochastic(array, numbers, k, j, change):
    steps, step = array.scratch.steps, numbers.step
    row = k * array.cells.w.shape[1] + j
    random.fill_uniform(array.seed, array.rounding, array.writes[0], row, array.scratch.draws)
    draws = array.scratch.draws
    for i in range(change.shape[0]):
        steps[i] = np.floor(change[i] / step + draws[i])
    move_row(array, numbers, k, j, steps)


class Digital(NamedTuple):
    """Weights of n bits.

    bits : 2 … 16
    rounding : ``"stochastic"`` or ``"nearest"`` (then a change below half a step is lost)
    w_max : largest magnitude [device units]
    """

    bits: int = 8
    rounding: Literal["stochastic", "nearest"] = "stochastic"
    w_max: float = 1.0

    is_pulsed = True

    @property
    def bound(self) -> float:
        """The smaller of the two bounds [device units]."""
        return self.w_max

    send_row = staticmethod(move_row)

    @property
    def write_row(self):
        return write_row_stochastic if self.rounding == "stochastic" else write_row_nearest

    def numbers(self, dtype) -> DigitalNumbers:
        levels = 2 ** (self.bits - 1) - 1
        return DigitalNumbers(dtype(self.w_max / levels), dtype(levels))

    def program(self, weight, dtype):
        """The level nearest to a weight (device units)."""
        numbers = self.numbers(dtype)
        return np.clip(np.round(weight / numbers.step), -numbers.levels, numbers.levels) * numbers.step

    def check(self) -> None:
        """Raise ValueError where a parameter cannot be."""
        if not (isinstance(self.bits, int) and 2 <= self.bits <= 16):
            raise ValueError(
                f"The 'bits' parameter of Digital must be a whole number from 2 to 16. Got {self.bits!r} instead."
            )
        if self.rounding not in ("stochastic", "nearest"):
            raise ValueError(
                f"The 'rounding' parameter of Digital must be 'stochastic' or 'nearest'. Got {self.rounding!r} instead."
            )
        if not 0 < self.w_max < math.inf:
            raise ValueError(f"The 'w_max' parameter of Digital must be positive. Got {self.w_max!r} instead.")
