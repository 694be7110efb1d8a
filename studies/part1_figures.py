"""Figures of part 1, from the CSV files alone: every seed is a thin line or a dot, the median is thick."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

# Okabe and Ito's palette; lines also differ in dash, dots in shade.
BLUE, ORANGE, GREEN, SKY, PURPLE, GREY, BLACK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#56B4E9",
    "#CC79A7",
    "#8A8A8A",
    "#222222",
)


class Curve(NamedTuple):
    """How one rule is drawn."""

    rule: str
    label: str
    colour: str
    dash: str = "-"


CURVES = (
    Curve("np-trace, frozen", "the same, but recurrence frozen", GREY),
    Curve("bptt(1)", "one-step gradient, BPTT(1)", PURPLE, (0, (4, 1.5))),
    Curve("np-trace", "node perturbation, causal trace", ORANGE),
    Curve("wp-held", "weight perturbation, held", BLUE),
    Curve("bptt", "exact gradient, BPTT", BLACK),
)


def draw(folder: Path) -> None:
    """Every figure whose numbers are there."""
    for task in ("delayed-xor", "context-integration", "bit-copying"):
        if (folder / "credit_curves.csv").exists():
            learning_curves(folder, task)
    for study in ("credit", "weather", "mackey_glass"):
        if (folder / f"{study}_runs.csv").exists():
            dots(folder, study)


TITLES = {
    "delayed-xor": "Delayed XOR: 20 tanh units, two cues 5 steps apart, asked for 8 steps later",
    "context-integration": "Context-dependent integration: 16 tanh units, a cue 15 steps before the answer",
    "bit-copying": "Copying 3 fresh bits through 6 noisy steps: 20 tanh units",
}


def learning_curves(folder: Path, task: str) -> None:
    """Validation loss against trials, labelled at the right end."""
    data = pd.read_csv(folder / "credit_curves.csv")
    data = data[data.task == task]
    figure = Figure(figsize=(8.4, 4.6), layout="constrained")
    ax = figure.subplots()
    ax.axhline(1, color=GREY, lw=1, ls=(0, (2, 2)))
    ends = [(1.0, "guessing", GREY)]
    for curve in CURVES:
        runs = data[data.rule == curve.rule].pivot(index="presented", columns="seed", values="validation")
        if runs.empty:
            continue
        x = np.concatenate([[0], runs.index.to_numpy() / 1000])
        for seed in runs:
            ax.plot(x[1:], runs[seed], color=curve.colour, lw=0.8, alpha=0.35)
        ax.plot(x[1:], runs.median(axis=1), color=curve.colour, lw=2.6, ls=curve.dash, solid_capstyle="round")
        ends.append((float(runs.median(axis=1).iloc[-1]), curve.label, curve.colour))
    last = data.presented.max() / 1000
    ax.set(
        yscale="log", xlim=(0, last), xlabel="trials seen [thousands]", ylabel="mean squared error on validation trials"
    )
    ax.set_ylim(bottom=max(ax.get_ylim()[0], 1e-4), top=1.6)
    for place, (_, text, colour) in zip(_apart([np.log10(end[0]) for end in ends], 0.052 * _decades(ax)), ends):
        ax.annotate(text, (1, 10**place), (8, 0), ("axes fraction", "data"), textcoords="offset points", color=colour,
                    va="center", fontsize=10, annotation_clip=False)  # fmt: skip
    ax.set_title(TITLES[task], loc="left", fontsize=11)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    ax.grid(axis="y", color="0.92", lw=0.8)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(folder / f"{task.replace('-', '_')}.png", dpi=160)


def _decades(ax) -> float:
    low, high = ax.get_ylim()
    return float(np.log10(high / low))


def _apart(places: list[float], gap: float) -> list[float]:
    """The places, moved as little as need be to be a gap apart."""
    order, out = np.argsort(places), np.array(places, float)
    for _ in range(200):
        for low, high in itertools.pairwise(order):
            overlap = gap - (out[high] - out[low])
            if overlap > 0:
                out[low] -= overlap / 2
                out[high] += overlap / 2
    return list(out)


LEAST, MOST = 1e-5, 100.0  # an exact solution is drawn at the least; a run beyond the most has blown up


def dots(folder: Path, study: str) -> None:
    """Test loss of every row and seed, one panel a task; controls are grey."""
    runs = pd.read_csv(folder / f"{study}_runs.csv")
    tasks = list(dict.fromkeys(runs.task))
    rows = max(runs[runs.task == task].rule.nunique() for task in tasks)
    figure = Figure(figsize=(5.6 * len(tasks), 0.8 + 0.27 * rows), layout="constrained")
    for ax, task in zip(np.atleast_1d(figure.subplots(1, len(tasks))), tasks):
        part = runs[runs.task == task]
        names = (
            part.groupby("rule", sort=False).test.median().fillna(np.inf).sort_values(ascending=False, kind="stable")
        )
        exact = part.test.min() < LEAST
        for k, name in enumerate(names.index):
            test = part[part.rule == name].test
            shown = test[test < MOST].clip(lower=LEAST)
            control, plain = "frozen" in name, name.startswith(("ridge", "echo", "guess", "mean", "persistence"))
            colour = GREY if control else BLACK if plain else PURPLE if name.startswith("bptt") else ORANGE
            ax.plot(shown, np.full(len(shown), k), "o", ms=4.5, color=colour, alpha=0.55, mew=0)
            if len(shown) == len(test):
                ax.plot(max(np.median(test), LEAST), k, "|", ms=14, mew=2.2, color=colour)
            else:
                text = f"{len(test) - len(shown)} of {len(test)} blew up"
                place = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "center"}
                ax.annotate(text, (0.99, k), fontsize=8, color=colour, **place)
        ax.set_yticks(range(len(names)), names.index, fontsize=8)
        ax.set(xscale="log", xlabel="test mean squared error" + (", ≤ 1e-5 at the left edge" if exact else ""))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_title(task, loc="left", fontsize=11)
        ax.grid(axis="x", color="0.92", lw=0.8)
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(folder / f"{study}.png", dpi=130)
