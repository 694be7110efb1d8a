"""Test loss against one axis, a line per series."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from neuroperturb.results.figures.style import (
    COLOURS,
    DASHES,
    GREY,
    MARKERS,
    NARROW,
    NOTE,
    literal,
    spread,
    tidy,
    title,
)
from neuroperturb.results.grid import number
from neuroperturb.study.figures.axes import (
    LEGEND,
    FigureAxis,
    axes_of,
    has_level,
    in_a_row,
    legend_handles,
    level_of,
    positive,
    slant,
    split,
)
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
    reach,
    wrapped,
)
from neuroperturb.study.labels import axis_name, value_label
from neuroperturb.study.summary import Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def series_for(axis: FigureAxis, axes: Sequence[FigureAxis]) -> FigureAxis | None:
    """The series of a figure: rules if they are an axis, else the axis with the fewest levels that fits the palette."""
    others = sorted((a for a in axes if a != axis), key=lambda a: (a.key != "rule", a.numeric, len(a.levels)))
    return others[0] if others and len(others[0].levels) <= 4 * len(COLOURS) else None


def draw(facet: Facet) -> Iterator[Drawn]:
    """A figure for every axis."""
    axes = axes_of(facet.own)
    for axis in axes:
        series = series_for(axis, axes)
        yield against_axis(facet, axis, series, [other for other in axes if other not in (axis, series)])


def against_axis(facet: Facet, axis: FigureAxis, series: FigureAxis | None, rest: Sequence[FigureAxis]) -> Drawn:
    """Test loss against an axis; a panel for every combination of the other axes, if those are few."""
    chosen, note = split(facet.own, rest)
    single, count = len(chosen) == 1, len(series.levels) if series else 1
    width = max(6 if single else 3.4, 0 if axis.numeric else min(10, 1.5 + 0.5 * len(axis.levels)))
    handles, head = (legend_handles(series), axis_name(series.key)) if series else ((), "")
    height, row = 3.8 if single else 2.7, in_a_row(chosen, rest)
    handles = [*handles, *(_named_lines(facet.baselines) if facet.narrow else ())]
    figure, axes = panels(facet, len(chosen), width, height, handles=handles, head=head, row=row)
    width = min(width, NARROW) if facet.narrow else width
    place = 72 * (width - 1.2) / len(axis.levels)  # width of a level in points
    spots = axis.levels if positive(axis) else tuple(range(len(axis.levels)))
    for ax, (panel, part) in zip(axes, chosen, strict=True):
        for k, level in enumerate(series.levels if series else (None,)):
            mine = [line for line in part if series is None or level_of(line, series.key) == level]
            _line(ax, mine, axis, spots, k, count, min(2.5 if axis.numeric else 9.0, 0.8 * place / count))
        ax.autoscale_view()
        ax.margins(x=0.1)
        ax.set_title(wrapped(panel, 34))
        _x(ax, axis, spots)
        fit_scale(ax, "y", losses(part))
        tidy(ax, "y")
    for ax in axes:  # limits are shared, and fixed from here on
        _beside(ax, facet.baselines, named=len(axes) == 1 and not facet.narrow)
    name_axes(axes, axis_name(axis.key), loss_name(facet))
    title(figure, heading(facet, note))
    caption = (
        f"Test loss against {axis_name(axis.key)}. Dots: seeds; markers: their means; bars: 95 % bootstrap intervals; crosses: cells with broken "
        "seeds, or with some that blew up, at the median; dashed grey lines: baselines."
    )
    return Drawn(file_name(f"axis-{axis.key}", facet.name), caption, figure)


def _beside(ax: Axes, beside: Sequence[Line], named: bool) -> None:
    """Baselines as horizontal lines; their names at the right edge, if there is room, else they are in the legend.

    One that is far from all data would compress them: it is replaced by an arrow and its value.
    """
    shown = [line for line in beside if math.isfinite(line.interval.mean)]
    if ax.get_yscale() == "log" and ax.get_ylim()[0] <= 0:  # limits of a linear axis that became logarithmic since
        least = min([line.interval.mean for line in shown if line.interval.mean > 0], default=1e-3)
        ax.set_ylim(bottom=min(least, ax.dataLim.minposy) / 2)
    low, high = reach(ax.get_ylim(), ax.get_yscale())
    for line in shown:
        if low <= line.interval.mean <= high:
            ax.axhline(line.interval.mean, color=GREY, lw=0.8, ls=(0, (2, 2)), zorder=1)
    ax.set_ylim(ax.get_ylim())  # the heights of the names are fixed from here on
    if not named:
        return
    means = [min(max(line.interval.mean, ax.get_ylim()[0]), ax.get_ylim()[1]) for line in shown]
    heights = [ax.transAxes.inverted().transform(ax.transData.transform((0, mean)))[1] for mean in means]
    for line, height, place in zip(shown, heights, spread(heights, 0.045), strict=True):
        mean = line.interval.mean
        far = f"  {number(mean)} {'↓' if mean < low else '↑'}" if not low <= mean <= high else ""
        name = literal(line.label + far)
        ax.plot([1, 1.02], [height, place], transform=ax.transAxes, clip_on=False, color=GREY, lw=0.6)
        ax.text(1.025, place, name, transform=ax.transAxes, va="center", fontsize=NOTE, color=GREY)


def _named_lines(beside: Sequence[Line]) -> list:
    """Baselines as entries of a legend, each with its loss."""
    from matplotlib.lines import Line2D

    shown = [line for line in beside if math.isfinite(line.interval.mean)]
    style = {"color": GREY, "lw": 0.8, "ls": (0, (2, 2))}
    return [
        Line2D([], [], label=wrapped(f"{line.label}: {number(line.interval.mean)}", LEGEND), **style) for line in shown
    ]


def _line(ax: Axes, mine: Sequence[Line], axis: FigureAxis, spots: tuple, k: int, of: int, apart: float) -> None:
    """Series k of several, `apart` points from the next so that bars do not overlap: means, intervals, seeds; a cross marks a cell
    with broken seeds.
    """
    from matplotlib.transforms import ScaledTranslation

    colour, marker, dash = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)], DASHES[k // len(COLOURS) % len(DASHES)]
    moved = ax.transData + ScaledTranslation(apart * (k - (of - 1) / 2) / 72, 0, ax.get_figure().dpi_scale_trans)
    at = sorted(
        ((axis.levels.index(level_of(line, axis.key)), line) for line in mine if has_level(line, axis)),
        key=lambda pair: pair[0],
    )
    if axis.numeric:
        ax.plot(
            [spots[i] for i, _ in at],
            [line.drawn.mean for _, line in at],
            color=colour,
            ls=dash,
            lw=1.3,
            transform=moved,
        )
    for i, line in at:
        x, good, (middle, low, high) = spots[i], line.held, line.drawn
        ax.update_datalim([(x, y) for y in good])  # what is moved by points is not seen by the limits
        if math.isfinite(low):
            ax.plot([x, x], [low, high], color=colour, lw=2, alpha=0.5, transform=moved)
        ax.plot(
            np.full(good.shape, x), good, "o", color=colour, ms=3.6, mec="white", mew=0.5, zorder=3, transform=moved
        )
        mark = {"marker": "x", "ms": 7} if line.broken or line.blown else {"marker": marker, "ms": 5}
        ax.plot([x], [middle], color=colour, zorder=4, transform=moved, **mark)
        if not good.size:
            ax.plot(x, 0.98, "x", color=colour, ms=7, transform=ax.get_xaxis_transform(), zorder=4)


def _x(ax: Axes, axis: FigureAxis, spots: tuple) -> None:
    from matplotlib.ticker import NullLocator

    if positive(axis) and max(spots) / min(spots) >= 8:
        ax.set_xscale("log")
    ax.xaxis.set_minor_locator(NullLocator())
    few = spots if len(spots) <= 9 or not axis.numeric else spots[:: -(-len(spots) // 9)]
    names = [wrapped(value_label(level), 18) for level in axis.levels]
    ax.set_xticks(
        few,
        [names[spots.index(x)] for x in few],
        rotation=slant(axis),
        ha="right" if slant(axis) else "center",
    )
