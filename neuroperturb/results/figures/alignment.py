"""Figure of how rules follow the gradient: rows are references, columns are matrices.

A dot is the mean update with its 95 % interval, a dash its limit for infinitely many samples, an open circle the mean of single updates.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from neuroperturb.network.rnn import ALL, LEARNT
from neuroperturb.results.figures.style import COLOURS, INK, blank, literal, styled, title

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

REFERENCES = {"bptt": "cosine with BPTT", "bptt(1)": "cosine with BPTT(1)"}
NAMES = {"W_in": "input weights", "W_rec": "recurrent weights", "W_out": "readout weights", ALL: "all weights"}
AXES = {
    "samples": "averaged samples",
    "noise_std": "perturbation σ",
    "size": "hidden units",
    "steps": "time steps per trial",
    "hardware": "",
}
SPREAD = 0.5  # fraction of the space between two ticks of an axis that the rules share


@styled
def figure(frame: pd.DataFrame, over: str | None, heading: str) -> Figure:
    """Draw a table of alignments as a new figure; no display needed.

    Parameters
    ----------
    frame : columns ``rule``, ``value``, ``matrix``, ``reference``, ``metric``, ``cosine``, ``cosine_low``, ``cosine_high``, ``limit``
        and ``single``, as :func:`neuroperturb.align` returns them
    over : the quantity in `value`; None for a single point
    heading : title of the page

    Returns
    -------
    matplotlib Figure
    """
    matrices, plain = (*LEARNT, ALL), frame[frame["metric"] == "plain"]
    page = blank(10, 5.6)
    axes = page.subplots(len(REFERENCES), len(matrices), sharex=True, sharey=True)
    for row, (reference, label) in zip(axes, REFERENCES.items(), strict=True):
        for ax, matrix in zip(row, matrices, strict=True):
            _panel(ax, plain[(plain["matrix"] == matrix) & (plain["reference"] == reference)], over)
            ax.set_title(NAMES[matrix] if reference == "bptt" else "")
        row[0].set_ylabel(label)
    axes[0, 0].set_ylim(*_limits(plain))
    for ax in axes[-1]:
        ax.set_xlabel(AXES.get(over or "", ""))
    title(page, "\n".join(textwrap.wrap(heading, 110)))
    page.legend(handles=_marks(), loc="outside upper right", ncols=3)
    if over is not None:
        page.legend(handles=_rules(list(dict.fromkeys(plain["rule"]))), loc="outside lower left", ncols=5)
    return page


def _panel(ax, rows: pd.DataFrame, over: str | None) -> None:
    rules, values = list(dict.fromkeys(rows["rule"])), list(dict.fromkeys(rows["value"]))
    numeric = over is not None and all(isinstance(v, int | float) and v > 0 for v in values)
    places = rules if over is None else values
    for k, rule in enumerate(rules):
        shift = k if over is None else SPREAD * ((k + 0.5) / len(rules) - 0.5)
        at = np.array(values, float) if numeric else shift + np.arange(len(values))
        _marks_of(ax, at, rows[rows["rule"] == rule], COLOURS[k % len(COLOURS)], numeric)
    for level in (0, 1):
        ax.axhline(level, color="0.8", lw=0.8, zorder=0)
    if numeric:
        ax.set_xscale("log")
        ax.set_xticks(values, [f"{v:g}" for v in values], rotation=45 if len(values) > 5 else 0)
        ax.set_xticks([], minor=True)
    else:
        ax.set_xticks(
            range(len(places)), [literal(place) for place in places], rotation=30, ha="right", rotation_mode="anchor"
        )
        ax.set_xlim(-0.6, len(places) - 0.4)


def _marks_of(ax, at: np.ndarray, own: pd.DataFrame, colour: str, joined: bool) -> None:
    """One rule: mean with its interval, limit, single update."""
    error = [np.abs(own["cosine"] - own[end]) for end in ("cosine_low", "cosine_high")]
    ax.errorbar(
        at, own["cosine"], yerr=error, color=colour, marker="o", ms=4.5, lw=1.3, ls="-" if joined else "", elinewidth=1
    )
    ax.plot(at, own["limit"], color=colour, marker="_", ms=11, ls="", mew=1)
    ax.plot(at, own["single"], color=colour, marker="o", ms=4, mfc="none", lw=0.8, ls=":" if joined else "", mew=0.9)


def _limits(frame: pd.DataFrame) -> tuple[float, float]:
    shown = frame[["cosine", "single"]].to_numpy(float)
    lowest, highest = float(np.nanmin(shown)), float(np.nanmax(shown))  # of few samples an estimate may lie beyond ±1
    return min(-0.05, lowest - 0.1), max(1.08, highest + 0.1)


def _rules(rules: list[str]) -> list:
    """Legend of the rules: colours."""
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=COLOURS[k % len(COLOURS)], marker="o", ms=4.5, label=literal(rule))
        for k, rule in enumerate(rules)
    ]


def _marks() -> list:
    """Legend of the markers."""
    from matplotlib.lines import Line2D

    shapes = {
        "mean update, 95 %": ("o", INK, 4.5),
        "expected update": ("_", INK, 9),
        "single update": ("o", "none", 4.5),
    }
    return [
        Line2D([], [], color=INK, marker=marker, mfc=fill, ls="", ms=size, label=label)
        for label, (marker, fill, size) in shapes.items()
    ]
