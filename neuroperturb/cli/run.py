"""`neuroperturb run`: a request becomes a job, the job is trained, and its record and figure are saved."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Annotated

import typer

from neuroperturb.cli import job as jobs
from neuroperturb.cli import record as records
from neuroperturb.cli import training
from neuroperturb.cli.terminal import DIVERGED, DONE, INTERRUPTED, say, warn
from neuroperturb.spec import InputError

# options of some sources only
Layout = Annotated[str | None, typer.Option(help="Axes of DATA.npz: 'trial, time, feature' or 'time, trial, feature'.")]
Kind = Annotated[str | None, typer.Option(help="Of DATA.npz: regression or classification.")]
InTheLoop = Annotated[
    str | None,
    typer.Option(
        metavar="COMMAND|HOST:PORT",
        help="A chip in the loop: a program that speaks JSON lines, or a server on this machine.",
    ),
]


def run(
    source: Annotated[
        str,
        typer.Argument(
            metavar="TASK|DATA|FILE.toml|RUN.nc",
            help="What to train; see `neuroperturb list`. Your own task: FILE.py:Class.",
        ),
    ],
    target: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Column of DATA.csv to forecast; repeatable.")
    ] = None,
    layout: Layout = None,
    kind: Kind = None,
    horizon: Annotated[int | None, typer.Option(help="Rows, or steps of the series, to forecast ahead.")] = None,
    rule: Annotated[str | None, typer.Option(help="Learning rule. Default: the source's own.")] = None,
    hardware: Annotated[
        str | None,
        typer.Option(
            help="Hardware: a preset, a cell model, e.g. reram-es; see `list`; or measured pulses, FILE.csv. Your own cell: FILE.py:Class."
        ),
    ] = None,
    chip: InTheLoop = None,
    backend: Annotated[
        str | None,
        typer.Option(help="Spiking neurons, simulated by the compiled kernel (spiking) or by Brian2 (brian2)."),
    ] = None,
    show_equations: Annotated[
        bool, typer.Option("--show-equations", help="Print the equations of the spiking model, and do not train.")
    ] = False,
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change any setting, e.g. rule.noise_std=0.01; repeatable."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training data.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random in the run.")] = None,
    baselines: Annotated[
        bool,
        typer.Option(
            "--baselines",
            help="Also train ridge regression, an echo state network, BPTT and the frozen-recurrence control.",
        ),
    ] = False,
    ablate: Annotated[
        bool,
        typer.Option("--ablate", help="Also repeat the run with each non-ideality alone, and with each one removed."),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder, or file ending in .nc, for the record. Default: runs/")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the interrupted run of this experiment.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the final table only.")] = False,
) -> int:
    """Train a network, compare it with baselines, and save a record and a figure.

    TASK: a built-in task with default settings that learn.
    DATA.csv or DATA.parquet: forecast columns of your own data.
    DATA.npz: learn trials of your own, x_train and y_train.
    FILE.toml: an experiment.
    RUN.nc: repeat a run, or continue it with --resume.

    Exit code: 0 done, 2 bad input, 3 the loss diverged (recorded),
    130 interrupted (recorded; --resume continues).
    """
    chosen = {
        "task.target": json.dumps(target) if target else None, "task.horizon": horizon,
        "task.layout": None if layout is None else json.dumps(layout), "task.kind": kind, "training.epochs": epochs,
        "training.seed": seed,
    }  # fmt: skip
    settings = [*(assign or []), *(f"{key}={value}" for key, value in chosen.items() if value is not None)]
    job = jobs.prepare(jobs.Request(source, rule, hardware, backend, settings, out, resume))
    if ablate:
        jobs.check_ablation(job)
    if chip is not None and baselines:
        raise InputError(
            "The '--baselines' option must be left out with a '--chip': nobody has a model of it to train them on."
        )
    if show_equations:
        say(jobs.equations(job))
        return DONE
    return carry_out(job, baselines=baselines, ablate=ablate, quiet=quiet, chip=chip)


def carry_out(job: jobs.RunJob, *, baselines: bool, ablate: bool, quiet: bool, chip: str | None = None) -> int:
    """Train, compare, record and draw; the exit code."""
    if not quiet:
        say(jobs.configuration(job))
    with contextlib.closing(training.start(job, chip)) as trainer:
        if getattr(trainer, "warning", ""):
            warn(trainer.warning)
        interrupted = training.train(trainer, job.target, quiet)
        record = records.keep(trainer, job.target)
        if not interrupted:
            finished = record.status == "finished"
            wanted = records.Comparisons(baselines=baselines and finished, ablation=ablate and finished)
            records.compare(trainer, record, job, wanted, quiet)
        records.finish(record, job)
        return INTERRUPTED if interrupted else DIVERGED if record.status == "diverged" else DONE
