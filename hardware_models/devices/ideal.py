"""Ideal cells: any weight, written exactly.    w ← w + Δw"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hardware_models.crossbar.contract import Cell
from hardware_models.crossbar.state import ArrayState
from hardware_models.numerics.compiled import kernel


class IdealNumbers(NamedTuple):
    """An ideal cell has no parameters: granularity is 0, any change is exact."""

    granularity: float


@kernel
def write_row(array: ArrayState, numbers: IdealNumbers, k: int, j: int, change: np.ndarray) -> None:
    """Add a row of changes (device units) to row j of device k."""
    w = array.cells.w[k, j]
    for i in range(change.shape[0]):
        w[i] += change[i]


@dataclass(frozen=True)
class Ideal(Cell):
    """Ideal cells: any weight, without bounds, steps or noise."""

    write_row = staticmethod(write_row)

    def numbers(self, dtype: type[np.floating]) -> IdealNumbers:
        return IdealNumbers(dtype(0))
