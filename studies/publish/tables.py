"""Every table of README and docs, by name: which rows, which columns, which number of them. The rest is data.

A table is a function of the repository's root that returns rows of text, its head first; :data:`TABLES` lists them all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from studies.publish.data import NoSuchData, narrowed, runs
from studies.publish.form import loss

Lines = list[list[str]]
TABLES: dict[str, Callable[[Path], Lines]] = {}


def made(root: Path, name: str) -> str:
    """A table as Markdown."""
    head, *lines = TABLES[name](root)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *lines])


def table(function: Callable[[Path], Lines]) -> Callable[[Path], Lines]:
    """Enter a function under its name."""
    TABLES[function.__name__.replace("_", "-")] = function
    return function


# ----------------------------------------------------------------------------------------------------------------------
# Cells and rows


class Row(NamedTuple):
    """A line: what it is called, and which rows of the results it is of."""

    label: str
    where: dict[str, str]


def mean(frame: pd.DataFrame) -> str:
    return loss(frame["test"].mean()) if len(frame) else ""


def median(frame: pd.DataFrame) -> str:
    return loss(frame["test"].median()) if len(frame) else ""


def worst(frame: pd.DataFrame) -> str:
    return loss(frame["test"].max()) if len(frame) else ""


def below(limit: float) -> Callable[[pd.DataFrame], str]:
    """The mean, and how many seeds are below a limit."""
    return lambda frame: f"{mean(frame)} ({(frame['test'] < limit).sum()})" if len(frame) else ""


def solved(frame: pd.DataFrame, limit: float = 0.5) -> str:
    return f"{(frame['test'] < limit).sum()} of {len(frame)}" if len(frame) else ""


def count(frame: pd.DataFrame, column: str) -> str:
    """A count that all rows share, or its range."""
    if column not in frame or not len(frame):
        return ""
    low, high = int(frame[column].min()), int(frame[column].max())
    return f"{low:,}" if low == high else f"{low:,} … {high:,}"


def took(frame: pd.DataFrame) -> list[str]:
    """Trials, writes, passes, seconds and memory of a run."""
    seconds, memory = frame["seconds"].median(), frame["memory"].median() / 1024
    return [count(frame, "trials"), count(frame, "writes"), count(frame, "passes"), f"{seconds:.2g}", f"{memory:,.0f}"]


TOOK = ["trials", "writes", "passes", "s a run", "KiB"]


def baselines(root: Path, study: str, name: str, **where: str) -> pd.DataFrame:
    """Rows of fitted models of the cells that fit."""
    fits, cells = runs(root, f"{study}/baselines.csv"), runs(root, f"{study}/runs.csv", **where)["cell"].unique()
    return narrowed(fits[fits["cell"].isin(cells)], {"name": name})


# ----------------------------------------------------------------------------------------------------------------------
# Credit through time

CREDIT = [
    Row("NP + P: trace, and whitened presynaptic activity", {"rule": "np-p*"}),
    Row("ANP + P", {"rule": "anp-p*"}),
    Row("NP with a trace", {"rule": "np-trace*"}),
    Row("ANP with a trace", {"rule": "anp-trace*"}),
    Row("NP + P, recurrence frozen", {"rule": "np-p*", "control": "frozen"}),
    Row("WP, held for the trial", {"rule": "wp-held*"}),
    Row("NP as published", {"rule": "np published*"}),
    Row("ANP as published", {"rule": "anp published*"}),
    Row("BPTT(1), the one-step gradient", {"rule": "bptt window=1*", "grid": "gradient"}),
    Row("true BPTT", {"rule": "bptt optimiser*", "grid": "gradient"}),
    Row("true BPTT, a tenth of the trials", {"rule": "bptt optimiser*", "grid": "a tenth of the trials"}),
]
TASKS = {"delayed XOR": "delayed-xor*", "context integration": "context-integration*", "bit copying": "bit-copying*"}
IN_THE_README = ("ANP with a trace", "NP as published", "BPTT(1), the one-step gradient")  # are left out there


def _credit(root: Path, rows: list[Row], more: list[str]) -> Lines:
    lines = [["test loss (guessing: 1), mean of 20 fresh seeds, and how many below 0.1", *TASKS, *more]]
    for row in rows:
        frame = runs(root, "credit/runs.csv", **{"control": "", **row.where})
        cells = [below(0.1)(narrowed(frame, {"task": task})) for task in TASKS.values()]
        lines.append([row.label, *cells, *took(frame)[: len(more)]])
    return lines


@table
def credit_front(root: Path) -> Lines:
    return _credit(root, [row for row in CREDIT if row.label not in IN_THE_README], TOOK[:2])


@table
def credit(root: Path) -> Lines:
    lines = _credit(root, CREDIT, TOOK)
    for name in ("ridge, last 16 inputs", "echo state*"):
        label = "echo state of as many units, ridge readout" if name.startswith("echo") else f"{name}, fitted at once"
        lines.append(
            [label, *(mean(baselines(root, "credit", name, task=task)) for task in TASKS.values()), *[""] * len(TOOK)]
        )
    return lines


@table
def credit_controls(root: Path) -> Lines:
    """Every rule beside itself with a frozen recurrence."""
    lines = [["rule", *(f"{task}{what}" for task in TASKS for what in (": mean (below 0.1)", ", median", ", frozen"))]]
    for row in CREDIT:
        if "control" in row.where:
            continue
        cells = []
        for task in TASKS.values():
            frame = runs(root, "credit/runs.csv", **row.where, task=task)
            own, frozen = (narrowed(frame, {"control": control}) for control in ("", "frozen"))
            cells += [below(0.1)(own), median(own), below(0.1)(frozen)]
        lines.append([row.label, *cells])
    return lines


# ----------------------------------------------------------------------------------------------------------------------
# Arrays


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


# ----------------------------------------------------------------------------------------------------------------------
# Series, and the published protocol

PROTOCOL = [
    Row("NP published", {"rule": "np published*"}),
    Row("ANP published", {"rule": "anp published*"}),
    Row("decorrelated NP published", {"rule": "dnp published*"}),
    Row("decorrelated ANP published", {"rule": "danp published*"}),
    Row("the same, recurrence frozen", {"rule": "danp published*", "control": "frozen"}),
    Row("WP published", {"rule": "wp published*"}),
    Row("decorrelated WP published", {"rule": "dwp published*"}),
    Row("BPTT(1), the paper's BP", {"rule": "bptt window=1 optimiser=sgd"}),
    Row("BPTT(1), decorrelated", {"rule": "bptt window=1 * decorrelation_rate=*"}),
    Row("BPTT cut every 100 steps, Adam", {"rule": "bptt optimiser=adam*"}),
]


@table
def published_protocol(root: Path) -> Lines:
    variants = ("recall", "forecast")
    head = [f"{variant}, {rate} rate" for variant in variants for rate in ("equal", "own")]
    lines = [["Mackey–Glass, 200 units, mean test loss of 5 seeds", *head, *TOOK]]
    for row in PROTOCOL:
        frame = runs(root, "published-rules/runs.csv", task="mackey-glass*", **{"control": "", **row.where})
        cells = [
            mean(narrowed(frame, {"task": f"* {variant}", "grid": grid}))
            for variant in variants
            for grid in ("equal rate", "own rate*")
        ]
        lines.append([row.label, *cells, *took(frame)])
    for name in ("echo state*", "ridge, last 16 inputs"):
        label = name.replace("*", ", ridge readout, fitted at once")
        fits = [mean(baselines(root, "published-rules", name, task=f"* {variant}")) for variant in variants]
        lines.append([label, *(cell for fit in fits for cell in ("", fit)), *[""] * len(TOOK)])
    return lines


SERIES = [
    Row("decorrelated ANP, published form", {"rule": "danp*", "grid": "online"}),
    Row("ANP", {"rule": "anp noise_std=0.001", "grid": "online"}),
    Row("ANP + P", {"rule": "anp * presynaptic=whitened*", "grid": "online"}),
    Row("BPTT, cut and rate chosen, rate down a cosine", {"grid": "gradient"}),
    Row("recursive least squares of the readout (ANP, recursive P)", {"grid": "recursive*"}),
]


@table
def series(root: Path) -> Lines:
    tasks = {"Mackey–Glass": "mackey-glass*", "weather, 24 h": "weather*"}
    lines = [
        [
            "median test loss of 20 fresh seeds",
            *(f"{task}{what}" for task in tasks for what in ("", ", frozen", ", writes")),
            "passes",
        ]
    ]
    for row in SERIES:
        frame, cells = runs(root, "series/runs.csv", **row.where), []
        for task in tasks.values():
            part = narrowed(frame, {"task": task})
            own, frozen = (narrowed(part, {"control": control}) for control in ("", "frozen"))
            cells += [median(own), median(frozen), count(own, "writes")]
        lines.append([row.label, *cells, count(frame, "passes")])
    for name, label in {
        "echo state*": "echo state, ridge readout, fitted at once",
        "ridge, last*": "ridge on past inputs",
        "persistence": "persistence",
    }.items():
        fits = [median(baselines(root, "series", name, task=task)) for task in tasks.values()]
        lines.append([label, *(cell for fit in fits for cell in (fit, "", "")), ""])
    return lines


@table
def online_series(root: Path) -> Lines:
    """The series of the first rounds: what is left of their claims, with their data."""
    rows = [
        (
            "weather, 24 h ahead",
            "weather_runs.csv",
            "weather 24 h",
            "danp published, inputs too",
            "ridge, last 48 inputs",
        ),
        (
            "weather, 1 h ahead",
            "weather_runs.csv",
            "weather 1 h",
            "danp published, inputs too",
            "ridge, last 48 inputs",
        ),
        (
            "Mackey–Glass, recall",
            "mackey_glass_runs.csv",
            "mackey-glass recall",
            "danp, tuned",
            "ridge, last 16 inputs",
        ),
        (
            "Mackey–Glass, forecast",
            "mackey_glass_runs.csv",
            "mackey-glass forecast",
            "danp, tuned",
            "echo state, 200 units",
        ),
    ]
    lines = [
        [
            "median test loss of 5 seeds",
            "decorrelated ANP",
            "the same, recurrence frozen",
            "BPTT(1), tuned",
            "fitted at once",
            "by",
        ]
    ]
    for label, file, task, rule, best in rows:
        of = lambda name, file=file, task=task: median(runs(root, f"part1/{file}", task=task, rule=name))  # noqa: E731
        lines.append([label, of(rule), of(f"{rule}, frozen"), of("bptt(1), tuned"), of(best), best])
    return lines


# ----------------------------------------------------------------------------------------------------------------------
# Spikes, and what a warning is worth


@table
def spiking(root: Path) -> Lines:
    names = {
        "np of the readout": "NP of the readout", "np": "NP, all weights", "anp, rms, of the readout": "ANP of the readout, RMS step",
        "np, 4 bits, of the readout": "NP of the readout, 4-bit weights, stochastic rounding", "np, 4 bits": "NP, all weights, the same",
        "anp, rms, 4 bits summed, of the readout": "ANP of the readout, 4-bit weights, updates summed digitally", "untrained": "untrained",
    }  # fmt: skip
    rows = [("Mackey–Glass", "series", rule, label) for rule, label in names.items()]
    for rule in ("np-trace", "np-trace, frozen", "np-trace, 4 bits summed", "np-trace, 4 bits summed, frozen"):
        label = rule.replace("np-trace", "NP with traces").replace(
            "4 bits summed", "4-bit weights, updates summed digitally"
        )
        rows.append(("delayed XOR (8 steps)", "credit", rule, label))
    lines = [["task", "100 spiking neurons", "test loss, mean of 5 seeds", "least", "greatest", "s a run"]]
    for task, study, rule, label in rows:
        part = runs(root, f"spiking/{study}_runs.csv", rule=rule)
        if part.empty:
            raise NoSuchData(f"no run of {rule!r}")
        lines.append(
            [task, label, mean(part), loss(part["test"].min()), worst(part), f"{part['seconds'].median():.2g}"]
        )
    return lines


@table
def spiking_fresh(root: Path) -> Lines:
    plain, four = {"hardware": "ideal"}, {"hardware": "digital-4*"}
    rows = [
        ("delayed XOR, 8 steps", "NP with traces and P", {"grid": "delayed XOR, P"}),
        ("delayed XOR, 8 steps", "NP with traces", {"grid": "delayed XOR", **plain}),
        ("delayed XOR, 8 steps", "NP with traces, 4-bit weights, updates summed digitally", {"grid": "delayed XOR", **four}),
        ("Mackey–Glass", "ANP, RMS step", {"grid": "series", "rule": "anp*"}),
        ("Mackey–Glass", "NP", {"grid": "series", "rule": "np*"}),
    ]  # fmt: skip
    head = [
        "task",
        "100 spiking neurons",
        "median test loss of 20 seeds",
        "worst",
        "recurrence frozen: median",
        "trials",
        "writes",
    ]
    lines = [head]
    for task, label, where in rows:
        own, frozen = (runs(root, "spiking/runs.csv", control=control, **where) for control in ("", "frozen"))
        broken = (own["test"] > 1e6).sum()
        bad = f"{broken} blew up" if broken else worst(own)
        lines.append(
            [
                task,
                label,
                loss(own["test"].median()),
                bad,
                loss(frozen["test"].median()),
                count(own, "trials"),
                count(own, "writes"),
            ]
        )
    return lines


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
