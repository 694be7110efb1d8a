"""The figure and the table of closed gaps of studies/whitened.py credit, from its CSV files only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

TITLES = {
    "A": "A: delayed XOR", "B": "B: context integration", "C": "C: bit copying", "A20": "A20: 20 steps", "A50": "A50: 50 units",
}  # fmt: skip
ROWS = {  # row: colour
    "np-p": "#1f5fa8", "anp-p": "#6fa8dc", "np-trace": "#d1603d", "anp-trace": "#e8a48d", "anp published": "#7f4f24",
    "np-p, no trace": "#c9b458", "np-p, frozen": "#9a9a9a", "bptt(1)": "#9a9a9a", "bptt, a tenth of the trials": "#a8d5b5",
    "bptt, a third of the trials": "#7cbf93", "bptt": "#4c9f70",
}  # fmt: skip
FAILED = 0.5  # a loss above it is no solution: half of guessing, and of what is left where a bit of three is not copied


def draw(folder: Path) -> None:
    """A figure and a table, of the tasks that have run."""
    path = folder / "credit_runs.csv"
    if not path.exists():
        return
    runs = pd.read_csv(path)
    _figure(runs).savefig(folder / "credit.png", dpi=150, bbox_inches="tight")
    table = closed(runs)
    table.to_csv(folder / "credit_closed.csv", index=False)
    (folder / "credit_closed.md").write_text(_markdown(table), encoding="utf-8")


def closed(runs: pd.DataFrame) -> pd.DataFrame:
    """How much of the gap from published ANP to true BPTT a rule closes: (published − rule)/(published − BPTT), of mean test losses.

    tenth, third, same : BPTT with so many of the rule's trials;  failed : seeds above `FAILED`
    """
    mean = runs.groupby(["task", "rule"]).test.mean()
    parts = {"tenth": "bptt, a tenth of the trials", "third": "bptt, a third of the trials", "same": "bptt"}
    lines = []
    for task in (task for task in TITLES if (task, "bptt") in mean):
        for rule in ("np-p", "anp-p", "np-trace", "anp-trace"):
            tests = runs[(runs.task == task) & (runs.rule == rule)].test
            published = mean[task, "anp published"]
            shares = {name: (published - tests.mean()) / (published - mean[task, row]) for name, row in parts.items()}
            lines.append(
                {"task": task, "rule": rule, "seeds": len(tests), "failed": int((tests > FAILED).sum()), **shares}
            )
    return pd.DataFrame(lines)


def _markdown(table: pd.DataFrame) -> str:
    lines = [
        "| task | rule | of the gap to BPTT with a tenth of the trials | a third | the same | failed seeds |",
        "|---|---|---|---|---|---|",
    ]
    for row in table.itertuples():
        shares = " | ".join(f"{100 * share:.1f} %" for share in (row.tenth, row.third, row.same))
        lines.append(f"| {row.task} | {row.rule} | {shares} | {row.failed} of {row.seeds} |")
    return "\n".join(lines) + "\n"


def _figure(runs: pd.DataFrame) -> Figure:
    """Test loss of every seed, a panel a task; the bar is the median."""
    tasks = [task for task in TITLES if (runs.task == task).any()]
    figure = Figure(figsize=(2.2 * len(tasks) + 1.6, 3.6), layout="constrained")
    for ax, task in zip(np.atleast_1d(figure.subplots(1, len(tasks), sharey=True)), tasks, strict=True):
        for y, (row, colour) in enumerate(ROWS.items()):
            tests = runs[(runs.task == task) & (runs.rule == row)].test.to_numpy()
            ax.axhspan(y - 0.5, y + 0.5, color="#f5f5f2" if y % 2 else "white", zorder=0)
            if len(tests):
                ax.plot(tests, np.full(len(tests), y), "o", ms=4, alpha=0.6, color=colour, mew=0)
                ax.plot(np.median(tests), y, "|", ms=11, mew=2.2, color=colour)
        ax.set(xscale="log", ylim=(len(ROWS) - 0.5, -0.5), yticks=range(len(ROWS)), yticklabels=list(ROWS))
        ax.set_title(TITLES[task], loc="left", fontsize=9)
        ax.tick_params(axis="y", length=0)
        ax.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("test loss, every seed; bar: median", fontsize=9)
    return figure
