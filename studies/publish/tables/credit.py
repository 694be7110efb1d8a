"""Tables of credit through time."""

from __future__ import annotations

from pathlib import Path

from studies.publish.data import narrowed, runs
from studies.publish.tables.rows import TOOK, Lines, Row, baselines, below, mean, median, table, took

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
