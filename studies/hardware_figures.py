"""Figures and the table of recovered gain of studies/hardware.py, from its CSV files only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

COLOURS = {"bptt": "#4c9f70", "np-p": "#1f5fa8", "np-trace": "#d1603d", "danp": "#d1603d", "frozen": "#9a9a9a"}
WORDS = {
    "bptt": "BPTT through the same array", "np-p": "NP trace + P", "np-trace": "NP trace", "danp": "decorrelated ANP",
    "frozen": "the same rules, recurrence frozen",
}  # fmt: skip


def draw(folder: Path) -> None:
    """A figure and a table for each study that has run."""
    for study in ("credit", "weather"):
        path = folder / f"{study}_runs.csv"
        if path.exists():
            runs = pd.read_csv(path)
            _figure(runs).savefig(folder / f"{study}.png", dpi=150, bbox_inches="tight")
            table = recovered(runs)
            table.to_csv(folder / f"{study}_recovered.csv", index=False)
            (folder / f"{study}_recovered.md").write_text(_markdown(table), encoding="utf-8")


def recovered(runs: pd.DataFrame) -> pd.DataFrame:
    """Share of the ideal gain over the frozen control that every rule keeps on every array, and a paired interval of the gain.

    gain = frozen − learnt, both on that array;  share = mean gain/mean gain on ideal arrays;  intervals: Student, 95 %
    """
    from rows import paired_interval

    lines, ideal = [], {}
    for rule in _rules(runs):
        for array in _arrays(runs):
            learnt, control = _tests(runs, f"{array}: {rule}"), _tests(runs, f"{array}: {rule}, frozen")
            exact = _tests(runs, f"{array}: bptt")
            if not len(learnt) or not len(control):
                continue
            gain = control - learnt
            low, high = paired_interval(gain)
            ideal.setdefault(rule, gain.mean() if low > 0 else np.nan)  # a share of nothing is no share
            lines.append(
                {"array": array, "rule": rule, "test": learnt.mean(), "median": np.median(learnt), "frozen": control.mean(),
                 "bptt": exact.mean() if len(exact) else np.nan, "gain": gain.mean(), "low": low, "high": high,
                 "share_of_ideal": gain.mean() / ideal[rule]}
            )  # fmt: skip
    return pd.DataFrame(lines)


def _rules(runs) -> list[str]:
    names = (name.split(": ")[1] for name in runs.rule)
    return [name for name in dict.fromkeys(names) if name != "bptt" and not name.endswith(", frozen")]


def _arrays(runs) -> list[str]:
    """In the order in which the study names them."""
    from hardware import ARRAYS

    there = {name.split(": ")[0] for name in runs.rule}
    return [name for name in ARRAYS if name in there]


def _tests(runs, rule: str) -> np.ndarray:
    return runs[runs.rule == rule].sort_values("seed").test.to_numpy()


def _markdown(table: pd.DataFrame) -> str:
    lines = [
        "| array | rule | test mean (median) | frozen control | BPTT through it | gain, 95 % | of the ideal gain |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in table.itertuples():
        lines.append(
            f"| {row.array} | {row.rule} | {row.test:.3g} ({row.median:.3g}) | {row.frozen:.3g} | {row.bptt:.2g} | "
            f"{row.gain:+.2g} [{row.low:+.2g}, {row.high:+.2g}] | {_percent(row.share_of_ideal)} |"
        )
    return "\n".join(lines) + "\n"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if np.isfinite(share) else "–"


def _figure(runs) -> Figure:
    """Test loss of every seed, one line an array; the bar is the median."""
    arrays, rules = _arrays(runs), [*_rules(runs), "bptt"]
    figure = Figure(figsize=(9, 0.62 * len(arrays) + 1.4))
    axes = figure.subplots()
    kinds = [*rules, "frozen"]
    for y, array in enumerate(arrays):
        axes.axhspan(y - 0.5, y + 0.5, color="#f5f5f2" if y % 2 else "white", zorder=0)
        for k, kind in enumerate(kinds):
            names = [f"{array}: {rule}, frozen" for rule in rules] if kind == "frozen" else [f"{array}: {kind}"]
            values = np.concatenate([_tests(runs, name) for name in names])
            values = values[np.isfinite(values)]
            if not len(values):
                continue
            height = y + (k - (len(kinds) - 1) / 2) * 0.2
            axes.plot(values, np.full(len(values), height), "o", ms=4, alpha=0.6, color=COLOURS[kind], mew=0)
            axes.plot(np.median(values), height, "|", ms=11, mew=2.2, color=COLOURS[kind])
    for kind in kinds:
        axes.plot([], [], "o", color=COLOURS[kind], label=WORDS[kind])
    axes.set(xscale="log", yticks=range(len(arrays)), yticklabels=arrays, ylim=(len(arrays) - 0.5, -0.5))
    axes.set_xlabel("test loss, every seed; bar: median")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.legend(ncols=len(kinds), frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.45, 1.0))
    return figure
