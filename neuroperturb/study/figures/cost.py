"""Test loss against energy, endurance used or pulses.

Colours are rules, or another axis with few levels; markers the next such axis; panels an axis with many levels. Cells that differ only
in a number, such as a budget, are joined by a line and labelled with it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from neuroperturb.results.figures.style import COLOURS, INK, MARKERS, NOTE, tidy, title
from neuroperturb.study.figures.axes import LEGEND, FigureAxis, axes_of, level_of
from neuroperturb.study.figures.canvas import (
    Drawn,
    Facet,
    file_name,
    fit_scale,
    heading,
    loss_name,
    losses,
    name_axes,
    panels,
    wrapped,
)
from neuroperturb.study.labels import axis_name, value_label
from neuroperturb.study.summary import Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = 24  # most panels of a figure
LABELLED = 60  # most points that are labelled with their number
COSTS = {
    "energy": "energy of training [J]",
    "endurance_used": "endurance used by the most-written cell [share]",
    "pulses": "pulses of a run",
}
NOTHING = {"endurance_used": 1e-5}  # a cost that no cell reaches is no cost: tables then say "< 0.001 %"


class Roles(NamedTuple):
    """The axes encoded by colour, marker, panel and joined lines; None where there is none."""

    colour: FigureAxis | None
    marker: FigureAxis | None
    panel: FigureAxis | None
    along: FigureAxis | None


def draw(facet: Facet) -> Iterator[Drawn]:
    """A figure for every cost that at least two cells have."""
    for key in COSTS:
        values = [line.extra[key] for line in facet.lines if key in line.extra]
        if len(values) > 1 and any(value >= NOTHING.get(key, 0) for value in values):
            yield cost(facet, key)


def cost(facet: Facet, key: str) -> Drawn:
    """Test loss against a cost."""
    own = [line for line in facet.own if key in line.extra and math.isfinite(line.interval.mean)]
    roles = _roles(own)
    named = _panels_of(own, roles.panel)
    single = len(named) == 1
    figure, axes = panels(facet, len(named), 6.5 if single else 2.6, 4.2 if single else 2.2, handles=_handles(roles))
    for ax, (panel, part) in zip(axes, named, strict=True):
        _points(ax, part, roles, key, len(own) <= LABELLED)
        ax.set_title(wrapped(panel, 24 if facet.narrow else 34))
    for ax in axes:
        fit_scale(ax, "x", np.array([line.extra[key] for line in own]))
        fit_scale(ax, "y", losses(own))
        tidy(ax, "both")
    name_axes(axes, COSTS[key], loss_name(facet))
    more = f"the best {PANELS} of {len(roles.panel.levels)}" if roles.panel and len(roles.panel.levels) > PANELS else ""
    title(figure, heading(facet, more))
    joined = f" Lines join cells that differ only in {axis_name(roles.along.key)}." if roles.along else ""
    caption = f"Test loss against {COSTS[key]}, the median over seeds; bars are 95 % bootstrap intervals.{joined}"
    return Drawn(file_name(f"cost-{key}", facet.name), caption, figure)


def _roles(own: Sequence[Line]) -> Roles:
    axes = axes_of(own)
    worded = [axis for axis in axes if not axis.numeric]
    few = [axis for axis in worded if len(axis.levels) <= len(COLOURS)]
    few.sort(key=lambda axis: (axis.key != "rule", -len(axis.levels)))
    colour, marker, *_ = [*few, None, None]
    left = [axis for axis in worded if axis not in (colour, marker)]
    numbers = [axis for axis in axes if axis.numeric]
    most = lambda some: max(some, key=lambda axis: len(axis.levels), default=None)  # noqa: E731
    return Roles(colour, marker, most(left), most(numbers))


def _panels_of(own: Sequence[Line], axis: FigureAxis | None) -> list[tuple[str, list[Line]]]:
    """Lines by the axis of the panels, the best first."""
    parts: dict = defaultdict(list)
    for line in sorted(own, key=lambda one: one.rank):
        parts[level_of(line, axis.key) if axis else ""].append(line)
    return [(value_label(level) if axis else "", part) for level, part in parts.items()][:PANELS]


def _points(ax: Axes, part: Sequence[Line], roles: Roles, key: str, labelled: bool) -> None:
    groups = defaultdict(list)
    for line in part:
        others = tuple(
            sorted((k, value_label(v)) for k, v in line.levels.items() if not roles.along or k != roles.along.key)
        )
        groups[line.grid, others].append(line)
    for group in groups.values():
        if roles.along:
            group.sort(key=lambda line: level_of(line, roles.along.key) or 0)
        colour, marker = _style(roles, group[0])
        x, y = [line.extra[key] for line in group], [line.drawn.mean for line in group]
        ax.plot(x, y, marker=marker, color=colour, ms=5, lw=0.9 if roles.along else 0)
        for line in group:
            at, (middle, low, high) = line.extra[key], line.drawn
            if math.isfinite(low):
                ax.plot([at, at], [low, high], color=colour, lw=1.6, alpha=0.5)
            if roles.along and labelled and len(group) > 1:
                ax.annotate(
                    value_label(level_of(line, roles.along.key)), (at, middle), (4, 4), textcoords="offset points",
                    fontsize=NOTE, color=colour,
                )  # fmt: skip


def _style(roles: Roles, line: Line) -> tuple[str, str]:
    place = lambda axis, of: of[axis.levels.index(level_of(line, axis.key)) % len(of)] if axis else of[0]  # noqa: E731
    return place(roles.colour, COLOURS), place(roles.marker, MARKERS)


def _handles(roles: Roles) -> list:
    """Entries of the legend: colours, markers, joined lines."""
    from matplotlib.lines import Line2D

    handles = []
    for axis, look in (
        (roles.colour, lambda k: {"color": COLOURS[k], "marker": "o"}),
        (roles.marker, lambda k: {"color": INK, "marker": MARKERS[k]}),
    ):
        if axis is not None:
            handles.append(Line2D([], [], lw=0, label=axis_name(axis.key)))
            handles += [
                Line2D([], [], lw=0, ms=5, label=wrapped(value_label(level), LEGEND), **look(k))
                for k, level in enumerate(axis.levels)
            ]
    if roles.along is not None:
        handles.append(Line2D([], [], lw=0.9, color=INK, label=wrapped(f"along {axis_name(roles.along.key)}", LEGEND)))
    return handles
