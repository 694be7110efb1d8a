"""Figures, from records only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neuroperturb import config, png
from neuroperturb.run import Run

# Okabe and Ito's palette: told apart with any colour vision, and in grey by lightness and dash.
TRAIN, VALIDATION, OTHERS = "#56B4E9", "#D55E00", "#4D4D4D"
GAP = 0.05  # least distance of two labels, as a fraction of the axis


def learning_curve(run: Run, ax=None):
    """Training and validation loss per epoch on a logarithmic axis, what else was tried as horizontal lines.

    Parameters
    ----------
    run : Run
    ax : matplotlib Axes; None for a new figure

    Returns
    -------
    ax : matplotlib Axes
    """
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    epochs = run.history["epoch"].to_numpy()
    ax.plot(epochs, _shown(run.history["train_loss"]), color=TRAIN, lw=2, label="training")
    ax.plot(epochs, _shown(run.history["validation_loss"]), color=VALIDATION, lw=2, label="validation", marker=".")
    ax.set(yscale="log", xlabel="epoch", ylabel=_loss_name(run), title=_title(run))
    ax.xaxis.get_major_locator().set_params(integer=True)
    _horizontal_lines(ax, run)
    _readable_ticks(ax)
    ax.grid(axis="y", which="major", color="0.9", lw=0.8)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="best")
    return ax


def save(run: Run, path: str | Path) -> Path:
    """Write the learning curve as a PNG, whole or not at all."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    FigureCanvasAgg(figure)  # no pyplot: nothing global, no display needed
    learning_curve(run, figure.subplots())
    return png.write(figure, path)


def _title(run: Run) -> str:
    end = f", diverged at step {run.diverged_step:,}" if run.status == "diverged" else ""
    end = ", interrupted" if run.status == "interrupted" else end
    return f"{config.label(run.experiment)} on {run.experiment.task.name}{end}"


def _loss_name(run: Run) -> str:
    return "cross-entropy" if run.experiment.task.name == "digits" else "mean squared error"


def _shown(column) -> np.ndarray:
    """Values a logarithmic axis can show."""
    values = np.asarray(column, float)
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def _horizontal_lines(ax, run: Run) -> None:
    """The validation loss of everything beside the rule, labelled at the right edge."""
    rows = run.results[run.results["name"] != config.label(run.experiment)]
    lines = [(n, v) for n, v in zip(rows["name"], _shown(rows["validation"]), strict=True) if np.isfinite(v)]
    for name, value in lines:
        frozen = name.startswith("frozen")
        ax.axhline(value, color=OTHERS, lw=1.6 if frozen else 0.9, ls="-" if frozen else (0, (4, 3)), zorder=1)
    ax.set_ylim(ax.get_ylim())  # labels sit at fixed heights from here on
    low, high = np.log(ax.get_ylim())
    heights = [(np.log(value) - low) / (high - low) for _, value in lines]
    for (name, _), height, place in zip(lines, heights, spread(heights, GAP), strict=True):
        ax.plot([1, 1.02], [height, place], transform=ax.transAxes, clip_on=False, color=OTHERS, lw=0.6)
        ax.text(1.025, place, name, transform=ax.transAxes, va="center", fontsize=8, color=OTHERS)


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Heights moved apart, in their order, so that neighbours are at least `gap` apart, inside [0, 1]."""
    order = np.argsort(heights, kind="stable")
    groups = [[height, 1] for height in np.asarray(heights, float)[order]]  # centre, how many
    k = 0
    while k < len(groups):
        centre, size = groups[k]
        room = gap * (size - 1) / 2
        groups[k][0] = centre = min(max(centre, room), 1 - room)
        if k and centre - groups[k - 1][0] < gap * (size + groups[k - 1][1]) / 2 - 1e-12:
            before, others = groups.pop(k - 1)
            groups[k - 1] = [(before * others + centre * size) / (others + size), others + size]
            k -= 1  # the larger group may reach the one before it
        else:
            k += 1
    result = np.empty(len(order))
    result[order] = [centre + gap * (i - (size - 1) / 2) for centre, size in groups for i in range(size)]
    return result.tolist()


def _readable_ticks(ax) -> None:
    """Plain numbers between the powers of ten where the axis holds few of those."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = ax.get_ylim()
    if high / low < 30:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
