"""Axes of a study for figures: their levels, and the lines at each level."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from neuroperturb.results.figures.style import COLOURS, DASHES, MARKERS
from neuroperturb.study.figures.canvas import wrapped
from neuroperturb.study.labels import axis_name, value_label
from neuroperturb.study.summary import Line
from neuroperturb.study.table import Tables

LEGEND = 26  # characters of a line of a legend


class FigureAxis(NamedTuple):
    """One axis of the declaration for figures: its levels in order."""

    key: str
    levels: tuple

    @property
    def numeric(self) -> bool:
        return all(isinstance(level, int | float) for level in self.levels)


def axes_of(here: Sequence[Line]) -> list[FigureAxis]:
    """Axes with two levels or more; several grids of one study form an axis, too, unless another axis distinguishes them."""
    found: dict[str, dict] = {}
    for line in here:
        levels = ({"grid": line.grid} if line.grid else {}) | line.levels
        for key, level in levels.items():
            found.setdefault(key, {})[level] = None
    axes = [FigureAxis(key, tuple(levels)) for key, levels in found.items() if key != "task"]
    axes = [axis._replace(levels=tuple(sorted(axis.levels))) if axis.numeric else axis for axis in axes]
    axes = [axis for axis in axes if len(axis.levels) > 1]
    return [axis for axis in axes if axis.key != "grid" or not _tells_grids(here, axes)]


def _tells_grids(here: Sequence[Line], axes: Sequence[FigureAxis]) -> bool:
    """Whether another axis already distinguishes the grids."""
    for axis in axes:
        grids = defaultdict(set)
        for line in here:
            grids[level_of(line, axis.key)].add(line.grid)
        if axis.key != "grid" and all(len(seen) == 1 for seen in grids.values()):
            return True
    return False


def named(key: str, level: float | str) -> str:
    """A level with the name of its axis, if it would mean nothing without: ``bits per cell: 4``, ``ecram``."""
    return level if isinstance(level, str) else f"{axis_name(key)}: {value_label(level)}"


def split(own: Sequence[Line], rest: Sequence[FigureAxis]) -> tuple[list[tuple[str, list[Line]]], str]:
    """Lines by the axes that a figure does not show; if those are many, only at the values of the best cell (by validation)."""
    parts = []
    for levels in product(*(axis.levels for axis in rest)):
        part = [x for x in own if all(level_of(x, axis.key) == level for axis, level in zip(rest, levels))]
        if any(np.isfinite(x.test).any() or x.broken for x in part):  # no empty panels
            parts.append((", ".join(named(a.key, v) for a, v in zip(rest, levels)), part))
    if len(parts) <= 12:
        return parts, ""
    best = min(parts, key=lambda named: min(_validation(line) for line in named[1]))
    return [("", best[1])], f"at {best[0]}, best by validation loss"


def in_a_row(parts: Sequence, rest: Sequence[FigureAxis]) -> int | None:
    """Number of panels of :func:`split` in a row: the levels of the last axis; None if some are missing."""
    levels = len(rest[-1].levels) if rest else 1
    return levels if len(parts) % levels == 0 and len(parts) > 1 else None


def _validation(line: Line) -> float:
    good = np.isfinite(line.validation)
    return float(line.validation.mean()) if good.all() and good.size else math.inf


def level_of(line: Line, key: str) -> float | str | None:
    """The level of a line on an axis; None if it has none."""
    return line.grid if key == "grid" else line.levels.get(key)


def has_level(line: Line, axis: FigureAxis) -> bool:
    """Whether a line has a level on an axis."""
    return level_of(line, axis.key) in axis.levels


def names_of(tables: Tables, line: Line) -> tuple[str, ...]:
    """Learning curves of the runs of a line, by seed."""
    return tables.cells[line.cell].shown(tables.chosen[line.cell])


def slant(axis: FigureAxis, room: int = 3) -> int:
    """Rotation of the names of levels: long ones are horizontal only if there are at most `room` of them."""
    return 30 if max(len(value_label(level)) for level in axis.levels) > 6 and len(axis.levels) > room else 0


def positive(axis: FigureAxis) -> bool:
    """Whether levels are numbers to place on a true scale; others are spaced evenly."""
    return axis.numeric and min(axis.levels) > 0


def legend_handles(series: FigureAxis) -> list:
    """A line and a marker for every level."""
    from matplotlib.lines import Line2D

    style = lambda k: {  # noqa: E731
        "color": COLOURS[k % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)], "ls": DASHES[k // len(COLOURS) % len(DASHES)],
    }  # fmt: skip
    return [
        Line2D([], [], ms=4.5, lw=1.4, label=wrapped(value_label(level), LEGEND), **style(k))
        for k, level in enumerate(series.levels)
    ]
