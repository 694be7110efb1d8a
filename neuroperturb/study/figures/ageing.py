"""Test loss of trained weights on other chips, as these age."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from neuroperturb.results.figures.style import COLOURS, MARKERS, literal, tidy, title
from neuroperturb.study.figures.axes import FigureAxis, legend_handles
from neuroperturb.study.figures.canvas import (
    Drawn,
    Facet,
    file_name,
    fit_scale,
    heading,
    loss_name,
    name_axes,
    panels,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


NEW = 30  # a new chip is drawn at this fraction of the first age: a logarithmic axis has no zero


def draw(facet: Facet) -> Iterator[Drawn]:
    """A figure if any run has aged weights."""
    ages = facet.tables.ages
    if len(ages) and ages["cell"].isin([line.cell for line in facet.lines]).any():
        yield ageing(facet)


def ageing(facet: Facet) -> Drawn:
    """A panel per kind of chip: every run and chip a thin line, their median thick, the compensated median dashed."""
    tables = facet.tables
    kinds = list(dict.fromkeys(tables.ages["hardware"]))
    shown = [line for line in facet.own if (tables.ages["cell"] == line.cell).any()]
    named = FigureAxis("", tuple(line.label or "all" for line in shown))
    figure, axes = panels(facet, len(kinds), 3.2, 2.4, handles=legend_handles(named))
    youngest = tables.ages.loc[tables.ages["age"] > 0, "age"].min()
    for ax, kind in zip(axes, kinds, strict=True):
        for k, line in enumerate(shown):
            part = tables.ages[(tables.ages["hardware"] == kind) & (tables.ages["cell"] == line.cell)]
            part = part.assign(age=part["age"].where(part["age"] > 0, youngest / NEW))
            colour = COLOURS[k % len(COLOURS)]
            for _, one in part.groupby(["run", "chip"]):
                ax.plot(one["age"], one["test"], color=colour, lw=0.6, alpha=0.4)
            medians = part.groupby("age")[["test", "compensated"]].median()
            ax.plot(medians.index, medians["test"], color=colour, lw=2, marker=MARKERS[k % len(MARKERS)], ms=4)
            ax.plot(medians.index, medians["compensated"], color=colour, lw=1.4, ls="--")
        ax.set_title(literal(kind))
        ax.set_xscale("log")
        fit_scale(ax, "y", tables.ages["test"].to_numpy(float))
        tidy(ax, "both")
        _name_ages(ax, youngest)
    name_axes(axes, "time since programming", loss_name(facet))
    title(figure, heading(facet))
    caption = (
        "Test loss of trained weights on other chips as these age. Thin lines: runs and chips; thick lines: their medians; dashed lines: "
        "the medians with drift compensation (reads rescaled to their initial magnitude)."
    )
    return Drawn(file_name("ageing", facet.name), caption, figure)


def _name_ages(ax: Axes, youngest: float) -> None:
    """Labels of the ages that are on the axis."""
    from matplotlib.ticker import NullLocator

    low, high = ax.get_xlim()
    named = {"new": youngest / NEW, "1 min": 60.0, "1 h": 3600.0, "1 d": 86400.0, "1 mo": 2.63e6, "1 y": 3.156e7}
    there = {text: at for text, at in named.items() if low <= at <= high and (text == "new" or at >= 0.9 * youngest)}
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(list(there.values()), list(there))
