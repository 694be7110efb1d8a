"""A panel per cell: validation loss of every seed, their median, the control's median."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from neuroperturb.results.figures.style import COLOURS, GREY, SMALL, tidy, title
from neuroperturb.study.figures.axes import names_of
from neuroperturb.study.figures.canvas import (
    Drawn,
    Facet,
    file_name,
    fit_scale,
    heading,
    name_axes,
    panels,
    wrapped,
)
from neuroperturb.study.labels import value_label
from neuroperturb.study.summary import Line
from neuroperturb.study.table import Curve, Tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes


PANELS = 24  # most panels of a figure


def draw(facet: Facet) -> Iterator[Drawn]:
    """A figure if any run has a learning curve."""
    if any(name in facet.tables.curves for line in facet.lines for name in names_of(facet.tables, line)):
        yield curves(facet)


def curves(facet: Facet) -> Drawn:
    """Small multiples in the order of the ranking."""
    tables = facet.tables
    own = [line for line in facet.own if any(name in tables.curves for name in names_of(tables, line))]
    shown = sorted(own, key=lambda line: line.rank)[: PANELS // 2 if facet.narrow else PANELS]
    controls = {(line.grid, value_label(tables.cells[line.cell].point)): line for line in facet.lines if line.control}
    figure, axes = panels(facet, len(shown), 2.5, 2.0)
    found = [tables.curves[n] for line in shown for n in names_of(tables, line) if n in tables.curves]
    limits = _limits(np.concatenate([c.validation for c in found]) if found else np.empty(0))
    lengths = [curve.epoch[-1] for curve in found if curve.epoch.size]
    for ax, line in zip(axes, shown, strict=True):
        control = controls.get((line.grid, value_label(tables.cells[line.cell].point)))
        if control is not None:
            _median(ax, _curves(tables, control), GREY, "--", limits)
        _seeds(ax, line, tables, limits)
        ax.set_title(wrapped(line.label or "all", 24 if facet.narrow else 34), fontsize=SMALL)
        _epochs(ax, lengths)
        fit_scale(ax, "y", np.array(limits), limits)
        tidy(ax, "y")
    name_axes(axes, "epoch", "validation loss")
    note = f"the best {len(shown)} of {len(own)}" if len(shown) < len(own) else ""
    title(figure, heading(facet, note))
    caption = (
        "Validation loss per epoch. Thin lines: seeds; thick line: their median; dashed grey line: median of the control; crosses: epochs at "
        "which a seed diverged."
    )
    return Drawn(file_name("curves", facet.name), caption, figure)


def _seeds(ax: Axes, line: Line, tables: Tables, limits: tuple[float, float]) -> None:
    """Thin lines, a cross where one diverges, and the median of the others."""
    statuses = dict(zip(tables.runs["run"], tables.runs["status"]))
    _, high = limits
    for name in names_of(tables, line):
        if name not in tables.curves:
            continue
        curve = tables.curves[name]
        broken = statuses.get(name) == "diverged"
        colour = COLOURS[1] if broken else COLOURS[0]
        dot = "." if curve.epoch.size == 1 else None  # a single epoch is a dot, not a line
        ax.plot(curve.epoch, _inside(curve.validation, high), marker=dot, color=colour, lw=0.8, alpha=0.55)
        if broken:
            ax.plot(curve.epoch[-1] if curve.epoch.size else 0, high, "x", color=colour, ms=6, clip_on=False)
    _median(
        ax, [tables.curves[n] for n in names_of(tables, line) if statuses.get(n) == "finished"], COLOURS[0], "-", limits
    )


def _median(ax: Axes, found: list[Curve], colour: str, dash, limits: tuple[float, float]) -> None:
    if found:
        length = min(len(curve.epoch) for curve in found)
        middle = np.median([curve.validation[:length] for curve in found], axis=0)
        ax.plot(found[0].epoch[:length], _inside(middle, limits[1]), color=colour, lw=1.8, ls=dash)


def _curves(tables: Tables, line: Line) -> list[Curve]:
    return [tables.curves[name] for name in names_of(tables, line) if name in tables.curves]


def _limits(values: np.ndarray) -> tuple[float, float]:
    """Limits of the losses: at most one in twenty points, those that blew up, may be cut off so that they do not compress the rest."""
    good = values[np.isfinite(values)]
    if not good.size:
        return 0.0, 1.0
    high = min(good.max(), 3 * np.quantile(good, 0.95))
    low = good.min()
    return float(low * 0.95), float(high * 1.05 if high > low else low * 1.05 + 1e-12)


def _inside(values: np.ndarray, high: float) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.where(values <= high, values, np.nan)


def _epochs(ax: Axes, lengths: Sequence[int]) -> None:
    """Integer epochs; very different budgets share a logarithmic axis."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    if lengths and max(lengths) >= 8 * min(lengths) and len(set(lengths)) > 1:
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.xaxis.get_major_locator().set_params(integer=True)
