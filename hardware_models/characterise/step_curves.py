"""Step against weight: the change of every cell of a chip by a pulse up and a pulse down, from its own formulas.

    u_i(w) = up_i(w, ξ = 0) − w        d_i(w) = w − down_i(w, ξ = 0)        of the cells i whose bounds include w
    σ_i(w) = |up_i(w, ξ = 1) − up_i(w, ξ = 0)|, and the same for down: between pulses, for formulas linear in ξ

before clipping: at a bound, part of a step is lost.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hardware_models.crossbar.symmetry_point import cells_in_a_row
from hardware_models.numerics.compiled import COMPILED, kernel


class Steps(NamedTuple):
    """Sizes of steps in one direction at each weight, (w,), device units; NaN if no cell can have the weight.

    mean, low, high : over cells; low and high are the 16 % and 84 % percentiles
    between_pulses : standard deviation between pulses, root mean square over cells
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    between_pulses: np.ndarray


class StepCurves(NamedTuple):
    """Steps over the range of the mean cell.

    w : weights [device units];  up, down : `Steps`, positive in the intended direction
    holding : (w,) fraction of the cells whose bounds include the weight
    middle : (2, cells) up and down steps at w = 0, of the cells that can have it
    """

    w: np.ndarray
    up: Steps
    down: Steps
    holding: np.ndarray
    middle: np.ndarray

    def at(self, w: float) -> tuple[Steps, Steps]:
        """Steps up and down at one weight, linearly interpolated."""
        return tuple(Steps(*(float(np.interp(w, self.w, kind)) for kind in steps)) for steps in (self.up, self.down))


@lru_cache
def make_moves(pulse_up, pulse_down):
    """moves(p, w, xi, row, up, down): changes of the cells of a `Row`, all at w, by a pulse, into up and down (cells,)."""

    @kernel
    def moves(p, w, xi, row, up, down):
        for i in range(up.shape[0]):
            own = (row.upper[i], row.lower[i], row.a[i], row.b[i])
            up[i] = pulse_up(p, w, row.step_up[i], *own, xi) - w
            down[i] = w - pulse_down(p, w, row.step_down[i], *own, xi)

    return moves if COMPILED else np.errstate(all="ignore")(moves)


def step_curves(array, points: int = 41) -> StepCurves:
    """Step curves of the first device of every weight of an array of pulsed cells."""
    cell = array.cell
    if cell.pulse_up is None:
        return _even_steps(cell, points)
    w, row = np.linspace(*cell.span, points), cells_in_a_row(array.state.cells, array.shape[0])
    range_there = row.lower < row.upper
    holds = (row.lower <= w[:, None]) & (w[:, None] <= row.upper) & range_there
    p, moves = cell.numbers(np.float64), make_moves(cell.pulse_up, cell.pulse_down)

    def at(w, xi):
        out = np.empty((2, len(row.upper)))
        moves(p, np.float64(w), np.float64(xi), row, *out)
        return out

    mean, noisy = (np.array([at(w_k, xi) for w_k in w]) for xi in (0, 1))
    up, down = (_over_cells(mean[:, k], noisy[:, k] - mean[:, k], holds) for k in range(2))
    at_zero = (row.lower <= 0) & (row.upper >= 0) & range_there
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


def _even_steps(cell, points: int) -> StepCurves:
    """Step curves of cells of n bits: one level up or down, identical for all cells."""
    w, step = np.linspace(-cell.bound, cell.bound, points), float(cell.granularity)
    steps = Steps(*(np.full(points, step) for _ in range(3)), np.zeros(points))
    return StepCurves(w, steps, steps, np.ones(points), np.full((2, 1), step))
