r"""Total variation and net displacement of cells:  Σ|Δw|  and  Σ Δw  over all writes, for every cell.

A stage of the write path, for arrays made with ``track=True``: a row is kept as it was before it is written, and compared
afterwards, once the fate of its cells is known. Δw is the change of the stored weight, so that write noise, which is in the
visible one only, does not count. Sums are float64: in float32 a long sum of small steps would stagnate.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hardware_models.numerics import memory
from hardware_models.numerics.compiled import kernel


class TravelState(NamedTuple):
    """total, net : (d, m, n) float64, device units, Σ|Δw| and Σ Δw;  before : (n,) a row as it was"""

    total: np.ndarray
    net: np.ndarray
    before: np.ndarray


class Watch(NamedTuple):
    """keep_row(array, k, j) before a row is written, compare_row(array, k, j) after."""

    keep_row: object
    compare_row: object


def travel_state(d: int, m: int, n: int, dtype) -> TravelState:
    """Sums of an array whose cells have not moved."""
    total, net = (memory.zeros((d, m, n), np.float64) for _ in range(2))
    return TravelState(total, net, memory.zeros((1, n), dtype)[0])


@lru_cache
def make_watch(differs: bool) -> Watch:
    """The two ends of the stage; `differs`: whether the visible weight differs from the stored one, by write noise."""

    @kernel
    def keep_row(array, k, j):
        w, before = array.cells.held[k, j] if differs else array.cells.w[k, j], array.travel.before
        for i in range(before.shape[0]):  # rows of w may be longer: padded to pages
            before[i] = w[i]

    @kernel
    def compare_row(array, k, j):
        w, before = array.cells.held[k, j] if differs else array.cells.w[k, j], array.travel.before
        total, net = array.travel.total[k, j], array.travel.net[k, j]
        for i in range(total.shape[0]):
            step = np.float64(w[i]) - np.float64(before[i])
            total[i] += abs(step)
            net[i] += step

    return Watch(keep_row, compare_row)
