"""Figure of an ageing network: its loss against time after programming, with and without drift compensation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from neuroperturb.results.figures import formats
from neuroperturb.results.figures.style import BLUE, DARK, VERMILION, blank, folded, literal, styled, tidy

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SIZE = 6, 3.8  # inches
AS_IT_IS, COMPENSATED, NEW = VERMILION, BLUE, DARK


def save(ages: pd.DataFrame, title: str, path: str | Path) -> Path:
    """Write the figure as a PNG, SVG or PDF, by the ending of the path; whole or not at all."""
    return formats.write(figure(ages, title), path)


@styled
def figure(ages: pd.DataFrame, title: str) -> Figure:
    """Draw the result of :func:`neuroperturb.age`.

    Parameters
    ----------
    ages : columns ``age``, ``seconds``, ``loss``, ``compensated``; the first row is the new chip
    title : the network, its task and its hardware
    """
    page = blank(*SIZE)
    ax = page.subplots()
    new, old = ages.iloc[0], ages.iloc[1:]
    ax.axhline(new["loss"], color=NEW, lw=1, ls=(0, (4, 3)), label="new")
    ax.plot(old["seconds"], old["loss"], color=AS_IT_IS, marker="o", lw=2, label="uncompensated")
    ax.plot(old["seconds"], old["compensated"], color=COMPENSATED, marker="s", lw=2, label="compensated")
    ax.set(xscale="log", yscale="log", xlabel="time since programming", ylabel="test loss")
    ax.set_xticks(old["seconds"], old["age"])
    ax.set_xticks([], minor=True)
    ax.set_title(literal(folded(title, SIZE[0])))
    tidy(ax, "y")
    ax.legend()
    return page
