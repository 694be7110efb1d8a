"""The symmetry point of a cell: the weight at which mean pulses up and down are equal.

    up(w) + down(w) − 2 w = 0        up, down the formulas of the cell without noise

Found cell by cell by bisection between the bounds, from the cell's own steps and bounds. A cell that is symmetric at 0 has its point
at 0; for one without such a point the result is the bound that alternating pulses up and down lead to.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hardware_models.crossbar.pulses import Row
from hardware_models.numerics.compiled import COMPILED, kernel

ROUNDS = 64  # halvings: more than the digits of float64


@lru_cache
def make_asymmetry(pulse_up, pulse_down):
    """asymmetry(p, w, row, out): a mean pulse up less one down of the cells of a `Row`."""

    @kernel
    def asymmetry(p, w, row, out):
        zero = type(w[0])(0)
        for i in range(w.shape[0]):
            own = (row.upper[i], row.lower[i], row.a[i], row.b[i])
            up = pulse_up(p, w[i], row.step_up[i], *own, zero)
            down = pulse_down(p, w[i], row.step_down[i], *own, zero)
            out[i] = up + down - (w[i] + w[i])

    return asymmetry if COMPILED else np.errstate(all="ignore")(asymmetry)


def symmetry_points(cell, cells, n: int, k: int = 0) -> np.ndarray:
    """Symmetry points (m, n) [device units] of device k of every weight, float64."""
    return _points(cell, cells_in_a_row(cells, n, k)).reshape(cells.w[k, :, :n].shape)


def mean_symmetry_point(cell) -> float:
    """Symmetry point of a cell without spread [device units]."""
    chip = cell.mean_chip()
    parts = (chip.step_up, chip.step_down, chip.bound_up, chip.bound_low, chip.a, chip.b)
    return _points(cell, Row(*(np.full(1, 0.0 if part is None else part.item()) for part in parts))).item()


def _points(cell, row: Row) -> np.ndarray:
    """Symmetry points of the cells of a row, by bisection."""
    asymmetry, p, found = (
        make_asymmetry(cell.pulse_up, cell.pulse_down),
        cell.numbers(np.float64),
        np.empty_like(row.upper),
    )

    def at(w):
        asymmetry(p, w, row, found)
        return found

    low, high = row.lower.copy(), row.upper.copy()
    w = np.zeros_like(low)  # 0 lies between the bounds
    for _ in range(ROUNDS):
        f = at(w)
        low, high = np.where(f >= 0, w, low), np.where(f <= 0, w, high)
        w = (low + high) / 2
    return w


def cells_in_a_row(cells, n: int, k: int = 0) -> Row:
    """Parameters of the cells of device k, one after the other, (m n,) float64."""
    parts = (cells.step_up, cells.step_down, cells.bound_up, cells.bound_low, cells.a, cells.b)
    rows = (part[0] if part.size == 1 else part[k, :, :n] for part in parts)
    shape = cells.w[k, :, :n].shape
    return Row(*(np.array(np.broadcast_to(row, shape), np.float64).ravel() for row in rows))
