"""Step against weight: how far a pulse up and a pulse down move every cell of a chip, by its own formulas.

    u_i(w) = up_i(w, ξ = 0) − w        d_i(w) = w − down_i(w, ξ = 0)        of the cells i whose bounds hold w
    σ_i(w) = |up_i(w, ξ = 1) − up_i(w, ξ = 0)|, and the same for down: between pulses, for formulas linear in ξ

before clipping: at a bound, part of a step is lost.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hardware_models.numerics.compiled import COMPILED, kernel


class Steps(NamedTuple):
    """Sizes of steps in one direction at each weight, (w,), device units; NaN where no cell holds the weight.

    mean, low, high : over cells, and within low and high the middle two thirds of them, 16 to 84 %
    between_pulses : standard deviation between pulses, root mean square over cells
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    between_pulses: np.ndarray


class StepCurves(NamedTuple):
    """Steps over the range of the mean cell.

    w : weights [device units];  up, down : `Steps`, positive where pulses move as they should
    holding : (w,) share of the cells whose bounds hold the weight
    middle : (2, cells) up and down steps at w = 0, of the cells that hold it
    """

    w: np.ndarray
    up: Steps
    down: Steps
    holding: np.ndarray
    middle: np.ndarray

    def at(self, w: float) -> tuple[Steps, Steps]:
        """Steps up and down at one weight, linear between those that are here."""
        return tuple(Steps(*(float(np.interp(w, self.w, kind)) for kind in steps)) for steps in (self.up, self.down))


@lru_cache
def make_moves(pulse_up, pulse_down):
    """moves(p, w, xi, s_up, s_down, upper, lower, a, b, up, down): what a pulse does to cells in one row, all at w."""

    @kernel
    def moves(p, w, xi, s_up, s_down, upper, lower, a, b, up, down):
        for i in range(up.shape[0]):
            up[i] = pulse_up(p, w, s_up[i], upper[i], lower[i], a[i], b[i], xi) - w
            down[i] = w - pulse_down(p, w, s_down[i], upper[i], lower[i], a[i], b[i], xi)

    return moves if COMPILED else np.errstate(all="ignore")(moves)


def step_curves(array, points: int = 41) -> StepCurves:
    """Step curves of the first device of every weight of an array of pulsed cells."""
    cell = array.cell
    if not hasattr(cell, "pulse_up"):
        return _even_steps(cell, points)
    w, rows = np.linspace(cell.w_min, cell.w_max, points), _rows(array)
    holds = (rows[3] <= w[:, None]) & (w[:, None] <= rows[2]) & (rows[3] < rows[2])
    p, moves = cell.numbers(np.float64), make_moves(cell.pulse_up, cell.pulse_down)

    def at(w, xi):
        out = np.empty((2, rows.shape[1]))
        moves(p, np.float64(w), np.float64(xi), *rows, *out)
        return out

    mean, noisy = (np.array([at(w_k, xi) for w_k in w]) for xi in (0, 1))
    up, down = (_over_cells(mean[:, k], noisy[:, k] - mean[:, k], holds) for k in range(2))
    at_zero = (rows[3] <= 0) & (rows[2] >= 0) & (rows[3] < rows[2])
    return StepCurves(w, up, down, holds.mean(axis=1), at(0.0, 0)[:, at_zero])


def _over_cells(mean, noise, holds) -> Steps:
    rows = []
    for sizes, noises, these in zip(mean, noise, holds):
        size = sizes[these]
        if len(size):
            rows.append((size.mean(), *np.quantile(size, [0.16, 0.84]), np.sqrt(np.mean(noises[these] ** 2))))
        else:
            rows.append((np.nan,) * 4)
    return Steps(*np.array(rows).T)


def _rows(array) -> np.ndarray:
    """s_up, s_down, upper, lower, a, b of every cell, (6, cells)."""
    cells, (n, m) = array.state.cells, array.shape
    parts = (cells.step_up, cells.step_down, cells.bound_up, cells.bound_low, cells.a, cells.b)
    return np.array(
        [np.broadcast_to(part[0, :, :n] if part.size > 1 else part[0], (m, n)).ravel() for part in parts], np.float64
    )


def _even_steps(cell, points: int) -> StepCurves:
    """Of cells of n bits: one level up or down, all cells alike."""
    w, step = np.linspace(-cell.bound, cell.bound, points), float(cell.granularity)
    steps = Steps(*(np.full(points, step) for _ in range(3)), np.zeros(points))
    return StepCurves(w, steps, steps, np.ones(points), np.full((2, 1), step))
