"""Mean test loss over two axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from neuroperturb.results.figures.style import NOTE, PALE, literal, title
from neuroperturb.results.grid import number
from neuroperturb.study.figures.axes import FigureAxis, axes_of, has_level, in_a_row, level_of, split
from neuroperturb.study.figures.canvas import (
    Drawn,
    Facet,
    file_name,
    heading,
    loss_name,
    name_axes,
    panels,
    wrapped,
)
from neuroperturb.study.labels import axis_name, value_label
from neuroperturb.study.summary import Line, floor_of

if TYPE_CHECKING:
    from matplotlib.colors import Colormap, Normalize

MAP_VALUES = 120  # most cells of a heat map that are labelled with their number
MAP_WIDTH = 2.6  # inches of the narrowest
BETTER, BETWEEN, WORSE = (
    ("#053061", "#2166ac", "#67a9cf"),
    "#eaf2f8",
    ("#f4a582", "#b2182b"),
)  # from the best on; after white
BEST, WORST = 10.0, 3.0  # the ends of the colours: a tenth of the loss of a constant output, and three times it


def draw(facet: Facet) -> Iterator[Drawn]:
    """A figure for both axes if there are two, else for every pair of numeric axes."""
    axes = axes_of(facet.own)
    for down, across in combinations(axes if len(axes) == 2 else [axis for axis in axes if axis.numeric], 2):
        yield heat_map(facet, down, across, [axis for axis in axes if axis not in (down, across)])


def heat_map(facet: Facet, down: FigureAxis, across: FigureAxis, rest: Sequence[FigureAxis]) -> Drawn:
    """Mean test loss over two axes; a panel for every combination of the others; blue is better than a constant output, red worse."""
    chosen, note = split(facet.own, rest)
    floor = floor_of(facet.tables, facet.name)
    means = np.array([line.interval.mean for _, part in chosen for line in part])
    scale = scale_of(means[np.isfinite(means)], floor.loss)
    names = [wrapped(value_label(level), 15) for level in across.levels]
    wide = 0.95 if any("\n" in name or len(name) > 8 for name in names) else 0.6
    rows = [wrapped(value_label(level), 22 if facet.narrow else 40) for level in down.levels]
    longest = max(len(line) for row in rows for line in row.split("\n"))
    tallest = max(row.count("\n") for row in rows)
    size = (wide * len(across.levels) + 0.9 + 0.06 * longest, (0.42 + 0.12 * tallest) * len(down.levels) + 0.8)
    row = in_a_row(chosen, rest)
    figure, axes = panels(facet, len(chosen), max(size[0], MAP_WIDTH), size[1], share=False, row=row)
    image = None
    for ax, (panel, part) in zip(axes, chosen, strict=True):
        grid, said = _grid(part, down, across)
        corners = (np.arange(size + 1) - 0.5 for size in grid.shape[::-1])
        shown = np.ma.masked_invalid(grid)
        image = ax.pcolormesh(*corners, shown, norm=scale.norm, cmap=scale.colours, edgecolors="white", lw=1.2)
        ax.invert_yaxis()
        ax.set_facecolor(PALE)
        if grid.size <= MAP_VALUES:
            for (i, j), text in np.ndenumerate(said):
                ax.text(j, i, text, ha="center", va="center", fontsize=NOTE, color=_ink(image, grid[i, j]))
        ax.set_xticks(range(len(across.levels)), names)
        ax.set_yticks(range(len(down.levels)), rows)
        ax.set_title(wrapped(panel, 40))
        ax.spines[:].set_visible(False)
    name_axes(axes, axis_name(across.key), axis_name(down.key))
    if image is not None:
        _colour_bar(figure, image, axes, scale, floor.name, loss_name(facet), facet.narrow)
    title(figure, heading(facet, note))
    worst = f"white is {floor.name}, red is worse; " if scale.diverges else ""
    caption = (
        f"Mean test loss over {axis_name(down.key)} and {axis_name(across.key)}; {worst}“n ✕” marks a cell with n broken seeds, "
        "grey a cell with no others."
    )
    return Drawn(file_name(f"map-{down.key}-{across.key}", facet.name), caption, figure)


class ColourScale(NamedTuple):
    """How losses become colours.

    diverges : whether the loss of a constant output is known, and in the middle: white
    """

    norm: Normalize
    colours: Colormap
    diverges: bool


def scale_of(means: np.ndarray, floor: float) -> ColourScale:
    """Blue to white from a tenth of the loss of a constant output, or the best cell if it is better, to that loss; red up to three times it.

    The ends do not depend on the worst cells, so that cells that all learned nothing are all pale, and one that blew up hides no others.
    """
    from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize

    if not means.size or not floor > 0 or not means.min() > 0:
        low, high = (means.min(), means.max()) if means.size else (0.0, 1.0)
        norm = (LogNorm if low > 0 and high / low > 5 else Normalize)(low, high)
        return ColourScale(norm, LinearSegmentedColormap.from_list("plain", [*BETTER, BETWEEN]), False)
    low, high = min(means.min(), floor / BEST), floor * WORST
    middle = float(np.log(floor / low) / np.log(high / low))
    below = [(middle * k / len(BETTER), colour) for k, colour in enumerate(BETTER)]
    above = [(middle + (1 - middle) * (k + 1) / len(WORSE), colour) for k, colour in enumerate(WORSE)]
    colours = LinearSegmentedColormap.from_list("guessing", [*below, (middle, "white"), *above], N=512)
    return ColourScale(LogNorm(low, high), colours, True)


def _ink(image, value: float) -> str:
    """Black or white, whichever is legible on the colour of a value."""
    red, green, blue, _ = image.cmap(image.norm(value)) if np.isfinite(value) else (1, 1, 1, 1)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


def _colour_bar(figure, image, axes: Sequence, scale: ColourScale, nobody: str, loss: str, narrow: bool) -> None:
    """The scale, with a mark and a name at the loss of a constant output."""
    from matplotlib.ticker import LogLocator, NullFormatter

    place = {"location": "bottom", "shrink": 0.9, "aspect": 30} if narrow else {"shrink": 0.8}
    bar = figure.colorbar(image, ax=list(axes), pad=0.02, extend="max" if scale.diverges else "neither", **place)
    along = bar.ax.xaxis if narrow else bar.ax.yaxis
    if scale.diverges:
        low, high = scale.norm.vmin, scale.norm.vmax
        along.set_major_locator(LogLocator(subs=(1, 3) if high / low < 1000 else (1,)))
        along.set_major_formatter(lambda value, _: f"{value:g}")
        along.set_minor_formatter(NullFormatter())
    bar.set_label(literal(f"{loss}; white: {nobody}" if scale.diverges else loss))


def _grid(part: Sequence[Line], down: FigureAxis, across: FigureAxis) -> tuple[np.ndarray, np.ndarray]:
    """Means, and their labels; of several cells at one place, the best."""
    grid = np.full((len(down.levels), len(across.levels)), np.nan)
    said = np.full(grid.shape, "", dtype=object)
    for line in sorted(
        (line for line in part if has_level(line, down) and has_level(line, across)), key=lambda x: x.rank, reverse=True
    ):
        place = down.levels.index(level_of(line, down.key)), across.levels.index(level_of(line, across.key))
        grid[place] = line.interval.mean
        shown = number(line.interval.mean)
        said[place] = f"{shown}\n{len(line.broken)} ✕".strip() if line.broken else shown
    return grid, said
