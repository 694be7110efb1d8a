"""Tables of spiking networks."""

from __future__ import annotations

from pathlib import Path

from studies.publish.data import NoSuchData, runs
from studies.publish.form import loss
from studies.publish.tables.rows import Lines, count, mean, table, worst


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
        broken = (own["status"] == "diverged").sum()
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
