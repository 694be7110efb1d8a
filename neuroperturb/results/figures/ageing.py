"""Figure of an ageing network: its loss against time after programming, with and without drift compensation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from neuroperturb.results.figures import png
from neuroperturb.results.figures.style import BLUE, DARK, VERMILION, blank, tidy

if TYPE_CHECKING:
    import pandas as pd

AS_IT_IS, COMPENSATED, NEW = VERMILION, BLUE, DARK


def save(ages: pd.DataFrame, title: str, path: str | Path) -> Path:
    """Draw the result of :func:`neuroperturb.age`, and write it as a PNG, whole or not at all.

    Parameters
    ----------
    ages : columns ``age``, ``seconds``, ``loss``, ``compensated``; the first row is the new chip
    title : the network and its task
    path : file name of the PNG
    """
    figure = blank(6, 3.8)
    ax = figure.subplots()
    new, old = ages.iloc[0], ages.iloc[1:]
    ax.axhline(new["loss"], color=NEW, lw=1, ls=(0, (4, 3)), label="new")
    ax.plot(old["seconds"], old["loss"], color=AS_IT_IS, marker="o", lw=2, label="uncompensated")
    ax.plot(old["seconds"], old["compensated"], color=COMPENSATED, marker="s", lw=2, label="compensated")
    ax.set(xscale="log", yscale="log", xlabel="time after programming", ylabel="test loss")
    ax.set_xticks(old["seconds"], old["age"])
    ax.set_xticks([], minor=True)
    ax.set_title(title, loc="left", fontsize=10)
    tidy(ax, "y")
    ax.legend(frameon=False)
    return png.write(figure, path)
