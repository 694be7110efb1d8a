"""Common parts of the figures of a study: panels, scales, names."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from neuroperturb.results.figures.style import WIDE, WIDEST, blank
from neuroperturb.results.loss import of_task
from neuroperturb.study.summary import Line
from neuroperturb.study.table import Tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

USUAL = "mean squared error"  # the loss that needs no label


class Facet(NamedTuple):
    """Data for the figures of one task.

    name : of the task; "" if all cells have that of the base
    lines : its cells, including controls;  baselines : of the task
    """

    name: str
    lines: list[Line]
    baselines: list[Line]
    tables: Tables

    @property
    def own(self) -> list[Line]:
        """The cells without their controls."""
        return [line for line in self.lines if not line.control]


class Drawn(NamedTuple):
    """A figure, its file name, and a caption."""

    name: str
    caption: str
    figure: Figure


def panels(
    count: int, width: float, height: float, share: bool = True, legend: bool = False, row: int | None = None
) -> tuple[Figure, list[Axes]]:
    """`count` equal panels in a grid, empty ones removed; `row` of them per row, if given and if they fit."""
    columns = row if row and row * width <= WIDEST else min(max(count, 1), max(1, int(WIDE // width)))
    rows = -(-max(count, 1) // columns)
    figure = blank(columns * width + 0.4 + 1.4 * legend, rows * height + 0.6)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share)
    flat = list(grid.flat)
    for ax in flat[count:]:
        ax.remove()
    for k, ax in enumerate(flat[:count]):  # the lowest panel of a column has the numbers
        ax.tick_params(labelbottom=not share or k + columns >= count, labelsize=7)
    return figure, flat[:count]


def name_axes(axes: Sequence[Axes], x: str, y: str) -> None:
    """Labels of the axes, only at the outer edges."""
    if not axes:
        return
    figure = axes[0].get_figure()
    figure.supxlabel(x, fontsize=9)
    figure.supylabel(y, fontsize=9)


def fit_scale(ax: Axes, which: str, values: np.ndarray, limits: tuple[float, float] | None = None) -> None:
    """Make an axis logarithmic if its values are positive and span more than a factor of five; set limits if given or needed."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    good = values[np.isfinite(values)]
    axis, set_scale = getattr(ax, f"{which}axis"), getattr(ax, f"set_{which}scale")
    if good.size and good.min() > 0 and good.max() / good.min() > 5:
        set_scale("log")
        if good.max() / good.min() < 100:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    if limits is not None:
        getattr(ax, f"set_{which}lim")(*limits)


def reach(limits: tuple[float, float], scale: str) -> tuple[float, float]:
    """How far from the data a baseline may lie and still be drawn: a factor of ten, or once the range."""
    low, high = limits
    return (low / 10, high * 10) if scale == "log" else (2 * low - high, 2 * high - low)


def losses(shown: Sequence[Line]) -> np.ndarray:
    """Every finite test loss."""
    found = [line.test[np.isfinite(line.test)] for line in shown]
    return np.concatenate(found) if found else np.empty(0)


def heading(facet: str, note: str) -> str:
    """Title line of a figure."""
    return ": ".join(part for part in (facet, note) if part)


def loss_name(facet: Facet) -> str:
    """Name of the test loss of a task, from its records."""
    cells = (line.cell for line in facet.lines)
    said = [facet.tables.losses[cell] for cell in cells if cell in facet.tables.losses] or [
        of_task(facet.name.split(" ")[0])
    ]
    names = dict.fromkeys(loss["name"] for loss in said if loss["name"] != USUAL)
    return "test loss" + (f" ({', '.join(names)})" if names else "")


def file_name(kind: str, facet: str) -> str:
    """A file name of words and hyphens."""
    text = f"{kind}-{facet}" if facet else kind
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in text.lower()).strip("-")


def cut(text: str, most: int = 34) -> str:
    """The beginning of a long text."""
    return text if len(text) <= most else text[: most - 1] + "…"


def wrapped(text: str, width: int, most: int) -> str:
    """A long text in a few lines."""
    return "\n".join(textwrap.wrap(text, width, max_lines=most, placeholder=" …"))
