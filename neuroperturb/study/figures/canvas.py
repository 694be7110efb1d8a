"""Common parts of the figures of a study: panels, scales, names."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from neuroperturb.results.figures.style import NARROW, PAIRED, WIDE, WIDEST, blank, legend, literal
from neuroperturb.results.loss import of_task
from neuroperturb.study.labels import value_label
from neuroperturb.study.summary import Line
from neuroperturb.study.table import Tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NARROW_TITLE = 40  # characters of a line of a title on a phone
SMALL_PANEL = 2.8  # inches: two panels up to this width share a row of a phone
USUAL = "mean squared error"  # the loss that needs no label


class Facet(NamedTuple):
    """Data for the figures of one task.

    name : of the task; "" if all cells have that of the base
    lines : its cells, including controls;  baselines : of the task
    narrow : whether the figure is for a phone
    """

    name: str
    lines: list[Line]
    baselines: list[Line]
    tables: Tables
    narrow: bool = False

    @property
    def own(self) -> list[Line]:
        """The cells without their controls."""
        return [line for line in self.lines if not line.control]


class Drawn(NamedTuple):
    """A figure, its file name, a caption, and the task that it is of."""

    name: str
    caption: str
    figure: Figure
    task: str = ""


def panels(
    facet: Facet,
    count: int,
    width: float,
    height: float,
    share: bool = True,
    handles: Sequence = (),
    head: str = "",
    row: int | None = None,
) -> tuple[Figure, list[Axes]]:
    """`count` equal panels in a grid, empty ones removed, and their legend; `row` of them per row, if given and if they fit."""
    longest = max((len(line) for one in handles for line in one.get_label().split("\n")), default=0)
    beside = 0.55 + 0.068 * longest if handles else 0.0  # inches of a legend; below narrow panels in two columns
    lines = sum(1 + one.get_label().count("\n") for one in handles)
    below = 0.17 * (-(-lines // 2) if longest <= PAIRED else lines) + 0.25 if handles and facet.narrow else 0.0
    if facet.narrow:
        columns = 2 if count > 1 and width <= SMALL_PANEL else 1
        width, beside = (NARROW - 0.4) / columns, 0.0
    else:
        columns = row if row and row * width <= WIDEST else min(max(count, 1), max(1, int(WIDE // width)))
    rows = -(-max(count, 1) // columns)
    figure = blank(columns * width + 0.4 + beside, rows * height + 0.6 + below)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share)
    flat = list(grid.flat)
    for ax in flat[count:]:
        ax.remove()
    for k, ax in enumerate(flat[:count]):  # the lowest panel of a column has the numbers
        ax.tick_params(labelbottom=not share or k + columns >= count)
    legend(figure, handles, head, facet.narrow)
    return figure, flat[:count]


def name_axes(axes: Sequence[Axes], x: str, y: str) -> None:
    """Labels of the axes, only at the outer edges."""
    if not axes:
        return
    figure = axes[0].get_figure()
    if (
        len(axes) == 1 or figure.get_figwidth() <= NARROW
    ):  # what is below the panels would come between them and a label of the figure
        for ax in axes:
            ax.set_xlabel(literal(x) if ax.get_subplotspec().is_last_row() or ax is axes[-1] else "")
    else:
        figure.supxlabel(literal(x))
    figure.supylabel(literal(y))


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
    """Every finite test loss but those of seeds that blew up."""
    found = [line.held for line in shown]
    return np.concatenate(found) if found else np.empty(0)


def heading(facet: Facet, note: str = "") -> str:
    """Title line of a figure: task, hardware if all cells have the same, note."""
    task = facet.name or _base(facet, "task")
    hardware = (
        ""
        if any(key.split(".")[0] == "hardware" for line in facet.lines for key in line.levels)
        else _base(facet, "hardware")
    )
    where = " on ".join(filter(None, [task, hardware]))
    text = ": ".join(part for part in (where, note) if part)
    return "\n".join(textwrap.wrap(text, NARROW_TITLE)) if facet.narrow else text


def _base(facet: Facet, key: str) -> str:
    """The task or the hardware that all cells have; empty if the declaration does not say."""
    base = facet.tables.study.get("base")
    said = base.get(key, "") if isinstance(base, dict) else ""
    return str(said.get("name") or said.get("from") or value_label(said)) if isinstance(said, dict) else str(said)


def loss_name(facet: Facet) -> str:
    """Name of the test loss of a task and its unit, from its records."""
    cells = (line.cell for line in facet.lines)
    said = [facet.tables.losses[cell] for cell in cells if cell in facet.tables.losses] or [
        of_task(facet.name.split(" ")[0])
    ]
    names = dict.fromkeys(loss["name"] for loss in said if loss["name"] != USUAL)
    units = {loss["unit"] for loss in said}
    unit = next(iter(units)) if len(units) == 1 else ""
    return "test loss" + (f" ({', '.join(names)})" if names else "") + (f" [{unit}]" if unit else "")


def file_name(kind: str, facet: str) -> str:
    """A file name of words and hyphens."""
    text = f"{kind}-{facet}" if facet else kind
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in text.lower()).strip("-")


def wrapped(text: str, width: int) -> str:
    """A long text in lines, whole: a label that ends in dots names nothing."""
    return literal("\n".join(textwrap.wrap(str(text), width)) or str(text))
