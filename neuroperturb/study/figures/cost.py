"""Test loss against energy, endurance used or pulses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from neuroperturb.study.figures.canvas import (
    COLOURS,
    MARKERS,
    Drawn,
    blank,
    cut,
    file_name,
    fit_scale,
    heading,
    loss_name,
    losses,
    tidy,
)
from neuroperturb.study.summary import Line

if TYPE_CHECKING:
    pass


NAMED = 24  # most points of a cost figure that the legend names
COSTS = {
    "energy": "energy [J]",
    "endurance_used": "part of the endurance that the busiest cell used",
    "pulses": "pulses",
}


def cost(facet: str, here: Sequence[Line], key: str) -> Drawn:
    """Test loss against what it cost."""
    own = [line for line in here if key in line.extra and math.isfinite(line.interval.mean) and not line.control]
    figure = blank(8, 4.2)
    ax = figure.subplots()
    for k, line in enumerate(sorted(own, key=lambda x: x.rank)):
        x, colour = line.extra[key], COLOURS[k % len(COLOURS)]
        if math.isfinite(line.interval.low):
            ax.plot([x, x], [line.interval.low, line.interval.high], color=colour, lw=1.6)
        marker, label = MARKERS[k // len(COLOURS) % len(MARKERS)], cut(line.label, 36) if k < NAMED else None
        ax.plot(x, line.interval.mean, marker, color=colour, ms=5, label=label)
    fit_scale(ax, "x", np.array([line.extra[key] for line in own]))
    fit_scale(ax, "y", losses(own))
    ax.set(xlabel=COSTS[key], ylabel=loss_name(facet))
    ax.set_title(heading(facet, ""), loc="left")
    tidy(ax, "both")
    figure.legend(loc="outside right upper", frameon=False, fontsize=7, labelspacing=0.35)
    caption = f"Test loss against {COSTS[key]}, the median over seeds, the best named first; bars are 95 % bootstrap intervals."
    return Drawn(file_name(f"cost-{key}", facet), caption, figure)
