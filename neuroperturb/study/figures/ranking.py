"""Test loss of every cell, its seeds and interval, with controls and baselines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from neuroperturb.results.figures.style import COLOURS, GREY, INK, NARROW, NOTE, blank, tidy, title
from neuroperturb.results.grid import number
from neuroperturb.study.figures.canvas import (
    Drawn,
    Facet,
    file_name,
    fit_scale,
    heading,
    loss_name,
    losses,
    reach,
    wrapped,
)
from neuroperturb.study.summary import Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes


ROWS = 40  # most rows of a ranking


def draw(facet: Facet) -> Iterator[Drawn]:
    """A figure if any seed has a test loss."""
    if any(np.isfinite(line.test).any() for line in facet.lines):
        yield ranking(facet)


def ranking(facet: Facet) -> Drawn:
    """A row per cell, the best on top: seeds as dots, mean and interval as a bar."""
    rows = sorted([*facet.lines, *facet.baselines], key=lambda line: line.rank)
    shown = rows[:ROWS]
    lost = [{"broken": len(line.broken), "blown up: median": line.blown} for line in shown]
    broken = ["".join(f" ({count} {how})" for how, count in some.items() if count) for some in lost]
    names = [wrapped((line.label or "all") + more, 24 if facet.narrow else 60) for line, more in zip(shown, broken)]
    widest = max((len(row) for name in names for row in name.split("\n")), default=0)
    tallest = max((name.count("\n") for name in names), default=0)
    size = (
        (NARROW, 1.2 + (0.27 + 0.1 * tallest) * len(shown))
        if facet.narrow
        else (5 + 0.075 * widest, 1.1 + 0.27 * len(shown))
    )
    figure = blank(*size)
    ax = figure.subplots()
    for y, line in enumerate(shown):
        colour = GREY if line.cell < 0 else COLOURS[5] if line.control else COLOURS[0]
        middle, low, high = line.drawn
        if math.isfinite(low):
            ax.plot([low, high], [y, y], color=colour, lw=2, alpha=0.5, solid_capstyle="butt")
        ax.plot(middle, y, "|", color=colour, ms=11, mew=2)
        good = line.held
        ax.plot(good, np.full(good.shape, y), "o", color=colour, ms=4, mec="white", mew=0.6, zorder=4)
    ax.set_yticks(range(len(shown)), names)
    for tick, line in zip(ax.get_yticklabels(), shown):
        tick.set_color(GREY if line.cell < 0 else INK)
    ax.set_ylim(len(shown) - 0.4, -0.6)
    own = losses([line for line in shown if line.cell >= 0])
    fit_scale(ax, "x", own)
    _squeeze(ax, shown, own)
    ax.set_xlabel(loss_name(facet))
    note = f"the best {len(shown)} of {len(rows)}" if len(shown) < len(rows) else ""
    title(figure, heading(facet, note))
    tidy(ax, "x")
    caption = (
        "Test loss of every cell. Dots: seeds; bars: mean and 95 % bootstrap interval, the median alone where seeds blew up; light blue: controls; "
        "grey: baselines; a number with an arrow: a value beyond the axis."
    )
    return Drawn(file_name("ranking", facet.name), caption, figure)


def _squeeze(ax: Axes, shown: Sequence[Line], own: np.ndarray) -> None:
    """Limits of a ranking: baselines far from every cell are replaced by their value at the edge."""
    if not own.size:
        return
    low, high = reach((own.min(), own.max()), ax.get_xscale())
    reached = [line.drawn.mean for line in shown if low <= line.drawn.mean <= high]
    least, most = min([own.min(), *reached]), max([own.max(), *reached])
    logarithmic = ax.get_xscale() == "log"
    pad = (most / least) ** 0.04 if logarithmic else 0.04 * (most - least) or 1.0
    left, right = (least / pad, most * pad) if logarithmic else (least - pad, most + pad)
    ax.set_xlim(left, right)
    for y, line in enumerate(shown):
        mean = line.drawn.mean
        if math.isfinite(mean) and not left <= mean <= right:
            below = mean < left
            ax.text(
                left if below else right, y, f" ◂ {number(mean)}" if below else f"{number(mean)} ▸ ",
                va="center", ha="left" if below else "right", fontsize=NOTE, color=GREY,
            )  # fmt: skip
