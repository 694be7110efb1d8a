"""What figures of a study share: panels, scales, names."""

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

USUAL = "mean squared error"  # what goes without saying


class Facet(NamedTuple):
    """What the figures of one task are drawn from.

    name : of the task, in words; "" where all cells have the one of the base
    lines : its cells, controls among them;  baselines : what stands beside them
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
    """A figure, what its file is called, and what it shows in a sentence."""

    name: str
    caption: str
    figure: Figure


def panels(
    count: int, width: float, height: float, share: bool = True, legend: bool = False, row: int | None = None
) -> tuple[Figure, list[Axes]]:
    """So many equal panels in a grid, the empty ones removed; `row` of them side by side, where that is asked for and fits."""
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
    """Names of the axes, once at the edge."""
    if not axes:
        return
    figure = axes[0].get_figure()
    figure.supxlabel(x, fontsize=9)
    figure.supylabel(y, fontsize=9)


def fit_scale(ax: Axes, which: str, values: np.ndarray, limits: tuple[float, float] | None = None) -> None:
    """Logarithmic where values are positive and span more than a factor of five; limits where they are asked for, or needed."""
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
    """How far from what is measured a baseline may lie and still be drawn: a factor of ten, or once the range."""
    low, high = limits
    return (low / 10, high * 10) if scale == "log" else (2 * low - high, 2 * high - low)


def losses(shown: Sequence[Line]) -> np.ndarray:
    """Every finite test loss."""
    found = [line.test[np.isfinite(line.test)] for line in shown]
    return np.concatenate(found) if found else np.empty(0)


def heading(facet: str, note: str) -> str:
    """What a figure is about, in a line above it."""
    return ": ".join(part for part in (facet, note) if part)


def loss_name(facet: Facet) -> str:
    """What the test loss of a task is, as its records say."""
    cells = (line.cell for line in facet.lines)
    said = [facet.tables.losses[cell] for cell in cells if cell in facet.tables.losses] or [
        of_task(facet.name.split(" ")[0])
    ]
    names = dict.fromkeys(loss["name"] for loss in said if loss["name"] != USUAL)
    return "test loss" + (f" ({', '.join(names)})" if names else "")


def file_name(kind: str, facet: str) -> str:
    """Of a file: words and hyphens."""
    text = f"{kind}-{facet}" if facet else kind
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in text.lower()).strip("-")


def cut(text: str, most: int = 34) -> str:
    """The first letters of a long text."""
    return text if len(text) <= most else text[: most - 1] + "…"


def wrapped(text: str, width: int, most: int) -> str:
    """A long text in a few lines."""
    return "\n".join(textwrap.wrap(text, width, max_lines=most, placeholder=" …"))
