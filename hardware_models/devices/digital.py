"""Digital cells of n bits:  2ⁿ − 1 evenly spaced, symmetric levels with zero,  w = k s,  |k| ≤ 2ⁿ⁻¹ − 1,  s = w_max/(2ⁿ⁻¹ − 1).

A requested change Δ becomes a whole number of steps, round(Δ/s), nearest or stochastic; the level is clipped at the ends, and steps
are counted as pulses. A request, also an infinite one, is limited to the number of steps from one end to the other; a NaN request has
no effect.
Stochastic rounding, ⌊Δ/s + U⌋ with U uniform in (0, 1), is unbiased (Gupta et al., "Deep learning with limited
numerical precision", ICML 2015, §3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from hardware_models.crossbar.contract import Cell
from hardware_models.crossbar.pulses import Moment, count_pulses, make_round, of_write
from hardware_models.crossbar.state import ArrayState
from hardware_models.numerics.checks import refuse, require_positive, require_whole
from hardware_models.numerics.compiled import kernel


class DigitalNumbers(NamedTuple):
    granularity: float  # distance between neighbouring levels [device units]
    levels: float  # largest level, 2ⁿ⁻¹ − 1
    most_pulses: float  # largest number of steps of one write: from one end to the other


@kernel
def move_row(array: ArrayState, numbers: DigitalNumbers, k: int, j: int, steps: np.ndarray, moment: Moment) -> None:
    """Change row j of device k by whole steps, clip at the ends, count pulses."""
    cells, step, top = array.cells, numbers.granularity, numbers.levels
    w = cells.w[k, j]
    for i in range(steps.shape[0]):
        level = np.floor(w[i] / step + type(step)(0.5))  # a stored weight is a level: only rounding error here
        w[i] = min(max(level + steps[i], -top), top) * step
    count_pulses(steps, cells.up[k, j], cells.down[k, j])


@lru_cache
def make_write_row(stochastic: bool):
    """write_row(array, numbers, k, j, change): a row of changes (device units) to row j of device k."""
    round_row = make_round(stochastic)

    @kernel
    def write_row(array, numbers, k, j, change):
        round_row(array, numbers, k, j, change, array.scratch.steps)
        move_row(array, numbers, k, j, array.scratch.steps, of_write(array, 0))

    return write_row


@dataclass(frozen=True)
class Digital(Cell):
    """Digital weights of n bits.

    bits : resolution of a stored weight, 2 … 16 bits: 2^bits − 1 evenly spaced values from −w_max to w_max
    rounding : ``"stochastic"`` or ``"nearest"`` (then a change below half a step is lost)
    w_max : largest magnitude [device units]
    """

    bits: int = 8
    rounding: Literal["stochastic", "nearest"] = "stochastic"
    w_max: float = 1.0

    is_pulsed: ClassVar[bool] = True

    @property
    def bound(self) -> float:
        """The smaller of the two bounds [device units]."""
        return self.w_max

    send_row = staticmethod(move_row)

    @property
    def write_row(self) -> Callable[..., Any]:
        return make_write_row(self.rounding == "stochastic")

    @property
    def levels(self) -> int:
        """The largest level, 2ⁿ⁻¹ − 1."""
        return 2 ** (self.bits - 1) - 1

    @property
    def granularity(self) -> float:
        """Distance between neighbouring levels [device units], the unit of a requested change."""
        return self.w_max / self.levels

    def numbers(self, dtype: type[np.floating]) -> DigitalNumbers:
        return DigitalNumbers(dtype(self.granularity), dtype(self.levels), dtype(2 * self.levels))

    def program(self, weight: np.ndarray, dtype: type[np.floating]) -> np.ndarray:
        """The levels nearest to weights [device units]."""
        numbers = self.numbers(dtype)
        return np.clip(np.round(weight / numbers.granularity), -numbers.levels, numbers.levels) * numbers.granularity

    def check(self) -> None:
        require_whole(self, "bits", 2, 16)
        if self.rounding not in ("stochastic", "nearest"):
            refuse(self, "rounding", "'stochastic' or 'nearest'")
        require_positive(self, "w_max")
