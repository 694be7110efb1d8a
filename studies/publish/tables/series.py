"""Tables of series, and of the published protocol."""

from __future__ import annotations

from pathlib import Path

from studies.publish.data import narrowed, runs
from studies.publish.tables.rows import TOOK, Lines, Row, baselines, count, median, table, took

PROTOCOL = [
    Row("NP published", {"rule": "np published*"}),
    Row("ANP published", {"rule": "anp published*"}),
    Row("decorrelated NP published", {"rule": "dnp published*"}),
    Row("decorrelated ANP published", {"rule": "danp published*"}),
    Row("the same, recurrence frozen", {"rule": "danp published*", "control": "frozen"}),
    Row("BPTT(1), the paper's BP", {"rule": "bptt window=1 optimiser=sgd"}),
    Row("BPTT(1), decorrelated", {"rule": "bptt window=1 * decorrelation_rate=*"}),
    Row("BPTT cut every 100 steps, Adam", {"rule": "bptt optimiser=adam*"}),
]
OF_BEFORE = [  # a study of its own, of five seeds on which rates were chosen
    Row("WP published, five seeds", {"rule": "wp published*"}),
    Row("decorrelated WP published, five seeds", {"rule": "dwp published*"}),
]


@table
def published_protocol(root: Path) -> Lines:
    variants = ("recall", "forecast")
    head = [f"{variant}, {rate} rate" for variant in variants for rate in ("equal", "own")]
    lines = [["Mackey–Glass, 200 units, median test loss of 20 fresh seeds", *head, *TOOK]]
    for study, row in [
        *(("published-rules", row) for row in PROTOCOL),
        *(("published-weights", row) for row in OF_BEFORE),
    ]:
        frame = runs(root, f"{study}/runs.csv", task="mackey-glass*", **{"control": "", **row.where})
        cells = [
            median(narrowed(frame, {"task": f"* {variant}", "grid": grid}))
            for variant in variants
            for grid in ("equal rate", "own rate*")
        ]
        lines.append([row.label, *cells, *took(frame)])
    for name in ("echo state*", "ridge, last 16 inputs"):
        label = name.replace("*", ", ridge readout, fitted at once")
        fits = [median(baselines(root, "published-rules", name, task=f"* {variant}")) for variant in variants]
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
