"""Estimated duration of a run of each cell: from its own runs, or from cells that share levels of its axes.

    ln t_cell  ≈  m + Σ_axes effect(axis, level)

The effects are means of the residuals of the other axes (backfitting), shrunk towards 0 by a fraction of a pseudo-observation. The
effect of a level without runs is 0 or, if the levels are numbers, extrapolated linearly in logarithms from the two nearest
with runs: twice the units, four times the seconds.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from neuroperturb.study.grid import Cell

SWEEPS = 5  # of the backfitting
PRIOR = 0.3  # weight of the pseudo-observation at every level


class RunTimes:
    """Seconds of the runs of a study.

    Parameters
    ----------
    cells : what is run
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        axes = dict.fromkeys(key for cell in cells for key in cell.levels)
        self._axes = [_Axis([cell.grid for cell in cells]), _Axis([cell.control for cell in cells])]
        self._axes += [_Axis([cell.levels.get(key) for cell in cells]) for key in axes]
        self._training: dict[int, list[float]] = defaultdict(list)
        self._beside: list[float] = []
        self._own = np.full(len(cells), math.nan)  # ln t of the cells that have had a run
        self._seconds: np.ndarray | None = None

    def note(self, cell: int, training: float, whole: float = math.nan) -> None:
        """Note a finished run of a cell: seconds of its training and, if known, in total, including scores and record."""
        if not training > 0:
            return
        self._training[cell].append(training)
        self._own[cell] = math.log(statistics.median(self._training[cell]))
        if whole > training:
            self._beside.append(whole - training)
        self._seconds = None

    def seconds(self) -> np.ndarray:
        """Seconds of a run of every cell, (cells,); nan while no run has ended."""
        if self._seconds is None:
            self._seconds = self._estimate()
        return self._seconds

    def _estimate(self) -> np.ndarray:
        known = np.flatnonzero(np.isfinite(self._own))
        if not known.size:
            return self._own
        told = self._told(known)
        told[known] = self._own[known]
        # the median, since the few that compiled took longer
        return np.exp(told) + (statistics.median(self._beside) if self._beside else 0.0)

    def _told(self, known: np.ndarray) -> np.ndarray:
        """ln t of every cell, by the effects of its levels."""
        own = self._own[known]
        mean = own.mean()
        effects = [np.zeros(len(axis.levels)) for axis in self._axes]
        part = [np.zeros(len(known)) for _ in self._axes]
        for _ in range(SWEEPS):
            for k, axis in enumerate(self._axes):
                rest = own - mean - sum(part[:k] + part[k + 1 :])
                effects[k] = axis.effects(known, rest)
                part[k] = effects[k][axis.codes[known]]
        return mean + sum(effect[axis.codes] for effect, axis in zip(effects, self._axes, strict=True))


class _Axis:
    """Levels of an axis, and the level of each cell."""

    def __init__(self, of_cells: list) -> None:
        self.levels = list(dict.fromkeys(of_cells))
        place = {level: code for code, level in enumerate(self.levels)}
        self.codes = np.array([place[level] for level in of_cells])
        plain = all(isinstance(v, int | float) and not isinstance(v, bool) and v > 0 for v in self.levels)
        self._logs = np.log(self.levels) if plain else None

    def effects(self, known: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """Effect of every level, from the residuals of the known cells."""
        codes = self.codes[known]
        count = np.bincount(codes, minlength=len(self.levels))
        effect = np.bincount(codes, rest, minlength=len(self.levels)) / (count + PRIOR)
        seen = np.flatnonzero(count)
        if self._logs is not None and len(seen) > 1:
            for level in np.flatnonzero(count == 0):
                near = seen[np.argsort(np.abs(self._logs[seen] - self._logs[level]))[:2]]
                slope = np.subtract(*effect[near]) / np.subtract(*self._logs[near])
                effect[level] = effect[near[0]] + slope * (self._logs[level] - self._logs[near[0]])
        return effect
