"""Mean test loss over two axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from neuroperturb.report import number
from neuroperturb.study.figures.canvas import (
    PALE,
    Drawn,
    cut,
    file_name,
    heading,
    loss_name,
    losses,
    name_axes,
    panels,
    wrapped,
)
from neuroperturb.study.figures.levels import Axis, has_level, level_of, split
from neuroperturb.study.summary import Line
from neuroperturb.study.words import words

if TYPE_CHECKING:
    pass


MAP_VALUES = 120  # most cells of a heat map that say their number


def heat_map(facet: str, own: Sequence[Line], down: Axis, across: Axis, rest: Sequence[Axis]) -> Drawn:
    """Mean test loss over two axes; a panel for every combination of those that are left."""
    from matplotlib.colors import LogNorm, Normalize

    chosen, note = split(own, rest)
    values = losses([line for _, part in chosen for line in part])
    logarithmic = values.size > 0 and values.min() > 0 and values.max() / values.min() > 5
    norm = (LogNorm if logarithmic else Normalize)(*((values.min(), values.max()) if values.size else (0, 1)))
    names = [wrapped(words(level), 15, 3) for level in across.levels]
    wide = 0.95 if any("\n" in name or len(name) > 8 for name in names) else 0.6
    size = (wide * len(across.levels) + 2.4, 0.42 * len(down.levels) + 1.1)
    figure, axes = panels(len(chosen), *size, share=False)
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
        ax.set_yticks(range(len(down.levels)), [cut(words(v), 40) for v in down.levels], fontsize=7)
        ax.set_title(title, fontsize=8, loc="left")
        ax.spines[:].set_visible(False)
    name_axes(axes, across.key, down.key)
    if image is not None:
        figure.colorbar(image, ax=list(axes), label=loss_name(facet), shrink=0.8, pad=0.02)
    figure.suptitle(heading(facet, note), fontsize=10, x=0.01, ha="left")
    caption = f"Mean test loss over {down.key} and {across.key}; “n ✕” are cells of which n seeds broke, grey ones have nothing left."
    return Drawn(file_name(f"map-{down.key}-{across.key}", facet), caption, figure)


def _grid(part: Sequence[Line], down: Axis, across: Axis) -> tuple[np.ndarray, np.ndarray]:
    """Means, and what is written on them; of several cells at one place, the best."""
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
