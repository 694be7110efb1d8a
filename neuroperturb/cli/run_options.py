"""The options of `neuroperturb run`, each with its help."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from neuroperturb.cli import names, setting_names

Layout = Annotated[str | None, typer.Option(help="Axes of DATA.npz: 'trial, time, feature' or 'time, trial, feature'.")]
Kind = Annotated[str | None, typer.Option(help="Of DATA.npz: regression or classification.")]
InTheLoop = Annotated[
    str | None,
    typer.Option(
        metavar="COMMAND|HOST:PORT",
        help="A chip in the loop: a program that speaks JSON lines, or a server on this machine.",
    ),
]

Target = Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="Column of DATA.csv to forecast; repeatable.")]
Horizon = Annotated[int | None, typer.Option(help="Rows, or steps of the series, to forecast ahead.")]
Hardware = Annotated[
    str | None,
    typer.Option(
        autocompletion=names.hardware,
        help="Hardware: a preset, a cell model, e.g. reram-es; see `list`; or measured pulses, FILE.csv. Your own cell: FILE.py:Class.",
    ),
]
Writing = Annotated[
    str | None,
    typer.Option(
        autocompletion=names.writings,
        help="How the cells of the hardware are written: recommended, or a kind, e.g. mixed-precision.",
    ),
]

MeasuredChip = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.npz",
        help="Cells of a measured chip for the hardware: steps, bounds and stuck values by name, e.g. W_rec.step_up.",
    ),
]

Backend = Annotated[
    str | None,
    typer.Option(help="Spiking neurons, simulated by the compiled kernel (spiking) or by Brian2 (brian2)."),
]
Source = Annotated[
    str,
    typer.Argument(
        autocompletion=setting_names.tasks,
        metavar="TASK|DATA|FILE.toml|RUN.nc",
        help="What to train; see `neuroperturb list`. Your own task: FILE.py:Class.",
    ),
]
Rule = Annotated[
    str | None, typer.Option(autocompletion=setting_names.rules, help="Learning rule. Default: the source's own.")
]
ShowEquations = Annotated[
    bool, typer.Option("--show-equations", help="Print the equations of the spiking model, and do not train.")
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        autocompletion=setting_names.assignments,
        metavar="KEY=VALUE",
        help="Change any setting, e.g. rule.noise_std=0.01; repeatable.",
    ),
]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training data.")]
Seed = Annotated[int | None, typer.Option(help="Seed of everything random in the run.")]
Baselines = Annotated[
    bool,
    typer.Option(
        "--baselines",
        help="Also train ridge regression, an echo state network, BPTT and the frozen-recurrence control.",
    ),
]
Ablate = Annotated[
    bool,
    typer.Option("--ablate", help="Also repeat the run with each non-ideality alone, and with each one removed."),
]
Out = Annotated[Path | None, typer.Option(help="Folder, or file ending in .nc, for the record. Default: runs/")]
Resume = Annotated[bool, typer.Option("--resume", help="Resume the interrupted run of this experiment.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", help="Print only the final table, the answer, and where the files are.")
]


def of_data(
    target: list[str] | None, layout: str | None, kind: str | None, horizon: int | None
) -> list[str]:  # fmt: skip
    """What the options of a file of data say, as assignments of settings."""
    return settings(
        {
            "task.target": json.dumps(target) if target else None,
            "task.horizon": horizon,
            "task.layout": None if layout is None else json.dumps(layout),
            "task.kind": kind,
        }
    )


def settings(chosen: dict[str, Any]) -> list[str]:
    """Assignments of the options that were given."""
    return [f"{key}={value}" for key, value in chosen.items() if value is not None]
