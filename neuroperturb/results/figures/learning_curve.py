"""Learning curves, drawn from records only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuroperturb.experiments import experiment as config
from neuroperturb.results.columns import Record
from neuroperturb.results.figures import formats
from neuroperturb.results.figures.style import (
    DARK,
    GAP,
    NOTE,
    SKY,
    VERMILION,
    blank,
    folded,
    literal,
    spread,
    styled,
    tidy,
)
from neuroperturb.results.loss import ceiling, of_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = 7, 4.2  # inches
TRAIN, VALIDATION, OTHERS = SKY, VERMILION, DARK


@styled
def learning_curve(run: Record, ax=None):
    """Training and validation loss per epoch on a logarithmic axis, baselines as horizontal lines; of a world, the return on a linear one.

    Parameters
    ----------
    run : Record
    ax : matplotlib Axes; None for a new figure

    Returns
    -------
    ax : matplotlib Axes
    """
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=SIZE, layout="constrained")
    epochs, best = run.history["epoch"].to_numpy(), ceiling(run)
    shown = _shown if best is None else lambda column: _returns(column, best)
    ax.plot(epochs, shown(run.history["train_loss"]), color=TRAIN, lw=2, label="training")
    ax.plot(epochs, shown(run.history["validation_loss"]), color=VALIDATION, lw=2, label="validation", marker=".")
    ax.set(
        xlabel="epoch",
        ylabel=_loss_name(run) if best is None else "return of a trial",
        title=literal(folded(_title(run), SIZE[0])),
    )
    ax.set_yscale("log" if best is None else "linear")
    ax.xaxis.get_major_locator().set_params(integer=True)
    _horizontal_lines(ax, run, shown)
    if best is None:
        _readable_ticks(ax)
    tidy(ax, "y")
    ax.legend(loc="best")
    return ax


@styled
def figure(run: Record) -> Figure:
    """The learning curve as a figure of its own; no display needed."""
    page = blank(*SIZE)
    learning_curve(run, page.subplots())
    return page


def save(run: Record, path: str | Path) -> Path:
    """Write the learning curve as a PNG, SVG or PDF, by the ending of the path; whole or not at all."""
    return formats.write(figure(run), path)


def _loss_name(run: Record) -> str:
    loss = of_run(run)
    return f"{loss['name']} [{loss['unit']}]" if loss.get("unit") else loss["name"]


def _title(run: Record) -> str:
    end = f", diverged at step {run.diverged_step:,}" if run.status == "diverged" else ""
    end = ", interrupted" if run.status == "interrupted" else end
    chip = run.experiment.hardware
    where = "" if chip is None else f", {chip.title}"
    return f"{config.label(run.experiment)} on {run.experiment.task.label}{where}{end}"


def _shown(column) -> np.ndarray:
    """Values that a logarithmic axis can display."""
    values = np.asarray(column, float)
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def _returns(column, best: float) -> np.ndarray:
    """Returns, from losses in a world."""
    return best - np.asarray(column, float)


def _horizontal_lines(ax, run: Record, shown) -> None:
    """The validation loss, or return, of every baseline, labelled at the right edge."""
    rows = run.results[run.results["name"] != config.label(run.experiment)]
    lines = [(n, v) for n, v in zip(rows["name"], shown(rows["validation"]), strict=True) if np.isfinite(v)]
    for name, value in lines:
        frozen = name.startswith("frozen")
        ax.axhline(value, color=OTHERS, lw=1.6 if frozen else 0.9, ls="-" if frozen else (0, (4, 3)), zorder=1)
    ax.set_ylim(ax.get_ylim())  # the heights of the labels are fixed from here on
    along = np.log if ax.get_yscale() == "log" else np.asarray
    low, high = along(ax.get_ylim())
    heights = [float((along(value) - low) / (high - low)) for _, value in lines]
    for (name, _), height, place in zip(lines, heights, spread(heights, GAP), strict=True):
        ax.plot([1, 1.02], [height, place], transform=ax.transAxes, clip_on=False, color=OTHERS, lw=0.6)
        ax.text(1.025, place, literal(name), transform=ax.transAxes, va="center", fontsize=NOTE, color=OTHERS)


def _readable_ticks(ax) -> None:
    """Label plain numbers between the powers of ten if the axis has few of those."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = ax.get_ylim()
    if high / low < 30:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
