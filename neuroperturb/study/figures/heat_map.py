"""Mean test loss over two axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from neuroperturb.results.figures.style import PALE
from neuroperturb.results.grid import number
from neuroperturb.study.figures.axes import FigureAxis, axes_of, has_level, in_a_row, level_of, split
from neuroperturb.study.figures.canvas import (
    Drawn,
    Facet,
    cut,
    file_name,
    heading,
    loss_name,
    name_axes,
    panels,
    wrapped,
)
from neuroperturb.study.labels import value_label
from neuroperturb.study.summary import Line, floor_of

if TYPE_CHECKING:
    from matplotlib.colors import Normalize

MAP_VALUES = 120  # most cells of a heat map that are labelled with their number
MAP_WIDTH = 2.6  # inches of the narrowest


def draw(facet: Facet) -> Iterator[Drawn]:
    """A figure for both axes if there are two, else for every pair of numeric axes."""
    axes = axes_of(facet.own)
    for down, across in combinations(axes if len(axes) == 2 else [axis for axis in axes if axis.numeric], 2):
        yield heat_map(facet, down, across, [axis for axis in axes if axis not in (down, across)])


def heat_map(facet: Facet, down: FigureAxis, across: FigureAxis, rest: Sequence[FigureAxis]) -> Drawn:
    """Mean test loss over two axes; a panel for every combination of the others. The loss of a constant output is the darkest colour."""
    chosen, note = split(facet.own, rest)
    floor = floor_of(facet.tables, facet.name)
    means = np.array([line.interval.mean for _, part in chosen for line in part])
    norm, capped = _norm(means[np.isfinite(means)], floor.loss)
    names = [wrapped(value_label(level), 15, 3) for level in across.levels]
    wide = 0.95 if any("\n" in name or len(name) > 8 for name in names) else 0.6
    rows = [cut(value_label(level), 40) for level in down.levels]
    size = (wide * len(across.levels) + 0.9 + 0.05 * max(map(len, rows)), 0.42 * len(down.levels) + 0.8)
    figure, axes = panels(len(chosen), max(size[0], MAP_WIDTH), size[1], share=False, row=in_a_row(chosen, rest))
    image = None
    for ax, (title, part) in zip(axes, chosen, strict=True):
        grid, said = _grid(part, down, across)
        image = ax.imshow(grid, norm=norm, cmap="cividis_r", aspect="auto")
        ax.set_facecolor(PALE)
        if grid.size <= MAP_VALUES:
            for (i, j), text in np.ndenumerate(said):
                dark = np.isfinite(grid[i, j]) and norm(grid[i, j]) > 0.55
                ax.text(j, i, text, ha="center", va="center", fontsize=6.5, color="white" if dark else "black")
        ax.set_xticks(range(len(across.levels)), names, fontsize=7)
        ax.set_yticks(range(len(down.levels)), rows, fontsize=7)
        ax.set_title(title, fontsize=8, loc="left")
        ax.spines[:].set_visible(False)
    name_axes(axes, across.key, down.key)
    if image is not None:
        bar = figure.colorbar(image, ax=list(axes), shrink=0.8, pad=0.02, extend="max" if capped else "neither")
        bar.set_label(loss_name(facet) + f"; darkest: {floor.name} and worse" * capped, fontsize=8)
        bar.ax.tick_params(labelsize=7)
    figure.suptitle(heading(facet.name, note), fontsize=10, x=0.01, ha="left")
    worst = f"the darkest cells are no better than {floor.name}; " if capped else ""
    caption = f"Mean test loss over {down.key} and {across.key}; {worst}“n ✕” marks a cell with n broken seeds, grey a cell with no others."
    return Drawn(file_name(f"map-{down.key}-{across.key}", facet.name), caption, figure)


def _norm(means: np.ndarray, floor: float) -> tuple[Normalize, bool]:
    """Colour range from the best cell to the worst or, if some are worse than a constant output, to that; and whether it is capped."""
    from matplotlib.colors import LogNorm, Normalize

    if not means.size:
        return Normalize(0, 1), False
    low, high = means.min(), means.max()
    capped = bool(low < floor < high)  # not where the floor is unknown
    high = floor if capped else high
    return (LogNorm if low > 0 and high / low > 5 else Normalize)(low, high), capped


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
