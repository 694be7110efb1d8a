"""Tables of arrays, of their writings, and of what the warning of a run is worth."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from studies.publish.data import narrowed, runs
from studies.publish.tables.rows import TOOK, Lines, count, mean, median, solved, table, took, worst


def _of_array(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Runs by what their hardware is called, which its first word says."""
    return {
        str(name): part
        for name, part in frame.groupby(frame["hardware"].map(lambda text: text.split(" ")[0]), sort=False)
    }


def _cells_a_weight(hardware: str) -> str:
    words = dict(word.split("=", 1) for word in hardware.split(" ") if "=" in word)
    return f"{words['pairs']} pairs" if "pairs" in words else words.get("devices", "1")


def _plain(root: Path, name: str) -> pd.DataFrame:
    """NP + P written plainly on single cells."""
    return runs(root, "robustness/runs.csv", hardware=name, control="")


@table
def closed_loop(root: Path) -> Lines:
    every = runs(root, "closed-loop/runs.csv")
    own = narrowed(every, {"grid": "np-p", "control": ""})
    effort = f"closed loop: NP + P, {count(own, 'trials')} trials, {count(own, 'writes')} writes"
    lines = [["array", "cells a weight", "written plainly", effort, "solved", "frozen", "BPTT through it"]]
    for name, part in _of_array(every).items():
        rule, frozen = (narrowed(part, {"grid": "np-p", "control": control}) for control in ("", "frozen"))
        exact = mean(narrowed(part, {"grid": "bptt"}))
        lines.append(
            [
                name,
                _cells_a_weight(rule["hardware"].iloc[0]),
                mean(_plain(root, name)),
                f"**{mean(rule)}**",
                solved(rule),
                mean(frozen),
                exact,
            ]
        )
    return lines


WRITINGS = {"plain pulses": "", "digital sum (mixed precision)": "mixed-precision", "closed loop": "closed-loop"}


@table
def arrays_direct(root: Path) -> Lines:
    """One cell a weight, by the way it is written."""
    every = runs(root, "robustness/runs.csv", control="")
    effort = f"one cell a weight, {count(every, 'trials')} trials, {count(every, 'writes')} writes"
    lines = [[effort, *(f"{head}{what}" for head in WRITINGS for what in ("", ", below 0.5"))]]
    for name, part in _of_array(every).items():
        written = [
            narrowed(part, {"hardware": f"{name} writing={kind}" if kind else name}) for kind in WRITINGS.values()
        ]
        lines.append([name, *(cell for one in written for cell in (mean(one), solved(one)))])
    return lines


@table
def without_accumulator(root: Path) -> Lines:
    lines = [
        ["array", "writing", "NP + P, mean", "median", "worst", "solved", "frozen", "pulses a cell", "trials", "writes"]
    ]
    for name, part in _of_array(runs(root, "no-accumulator/runs.csv")).items():
        own, frozen = (narrowed(part, {"control": control}) for control in ("", "frozen"))
        writing = own["hardware"].iloc[0].removeprefix(name).strip()
        pulses = f"{own['pulses_per_cell'].mean():,.0f}"
        lines.append(
            [
                name,
                f"`{writing}`" if writing else "plain pulses",
                f"**{mean(own)}**",
                median(own),
                worst(own),
                solved(own),
                mean(frozen),
                pulses,
                *took(own)[:2],
            ]
        )
    return lines


def _closed_loop(root: Path, file: str, limit: float, beside: dict[str, dict[str, str]]) -> Lines:
    lines = [["array", "cells a weight", "NP + P, mean", "median", "worst", "solved", *beside, "pulses a cell", *TOOK]]
    for name, part in _of_array(runs(root, f"closed-loop/{file}")).items():
        own = narrowed(part, {"grid": "np-p", "control": ""})
        cells = [
            _cells_a_weight(own["hardware"].iloc[0]),
            f"**{mean(own)}**",
            median(own),
            worst(own),
            solved(own, limit),
        ]
        cells += [mean(narrowed(part, where)) for where in beside.values()]
        lines.append([name, *cells, f"{own['pulses_per_cell'].mean():,.0f}", *took(own)])
    return lines


FROZEN = {"frozen": {"grid": "np-p", "control": "frozen"}}


@table
def closed_loop_all(root: Path) -> Lines:
    return _closed_loop(root, "runs.csv", 0.5, {**FROZEN, "BPTT through it": {"grid": "bptt"}})


@table
def closed_loop_context(root: Path) -> Lines:
    return _closed_loop(root, "context-runs.csv", 0.3, {**FROZEN, "BPTT through it": {"grid": "bptt"}})


@table
def closed_loop_noise(root: Path) -> Lines:
    return _closed_loop(root, "noise-runs.csv", 0.5, {})


@table
def warnings(root: Path) -> Lines:
    lines = [["task", "runs", "told rightly", "false alarms", "misses"]]
    fresh = runs(root, "warning/runs.csv")
    fresh = fresh.assign(learnt=fresh["test"] < 0.5)
    tasks = {
        "delayed XOR, on which its limits were drawn": narrowed(fresh, {"task": "delayed-xor*"}),
        "bit copying": narrowed(fresh, {"task": "bit-copying*"}),
        "weather, 24 hours ahead, in runs of before": runs(root, "verdict/weather.csv"),
    }
    for task, frame in tasks.items():
        warned, learnt = frame["limit"].fillna("") != "", frame["learnt"].astype(str) == "True"
        lines.append(
            [
                task,
                str(len(frame)),
                str((warned != learnt).sum()),
                str((warned & learnt).sum()),
                str((~warned & ~learnt).sum()),
            ]
        )
    return lines
