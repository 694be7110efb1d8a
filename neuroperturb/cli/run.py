"""`neuroperturb run`: a request becomes a job, the job is trained, and a record with its picture is left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuroperturb.cli import job as jobs
from neuroperturb.cli import record as records
from neuroperturb.cli import training
from neuroperturb.cli.terminal import DIVERGED, DONE, INTERRUPTED, say, warn


def run(
    source: Annotated[
        str,
        typer.Argument(
            metavar="TASK|FILE.toml|RUN.nc",
            help="What to train; see `neuroperturb list`. A task of your own: FILE.py:Class.",
        ),
    ],
    rule: Annotated[str | None, typer.Option(help="Learning rule, in the place of the source's own.")] = None,
    hardware: Annotated[
        str | None,
        typer.Option(
            help="What it runs on: a preset or a kind of cell, e.g. reram-es; see `list`. Measured pulses: FILE.csv. A cell of your own: FILE.py:Class."
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(help="Spiking neurons, simulated by the compiled kernel (spiking) or by Brian2 (brian2)."),
    ] = None,
    show_equations: Annotated[
        bool, typer.Option("--show-equations", help="Print the model of spiking neurons, and do not train.")
    ] = False,
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any setting, e.g. rule.noise_std=0.01; repeatable."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Presentations of the training data.")] = None,
    seed: Annotated[int | None, typer.Option(help="Makes everything random about the run.")] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Also ridge, echo state, BPTT and the frozen-recurrence control.")
    ] = False,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Also the run with each non-ideality alone, and with each one removed.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder, or file ending in .nc, of the record. Default: runs/")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the interrupted run of this experiment.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the final table only.")] = False,
) -> int:
    """Train, compare, and leave a record and a picture.

    TASK starts from settings that learn; FILE.toml holds an experiment; RUN.nc repeats a run, or continues it with
    --resume.

    Exit code: 0 done, 2 bad input, 3 the loss stopped being finite (recorded), 130 interrupted (recorded; --resume
    continues).
    """
    settings = [
        *(assign or []),
        *(f"training.{k}={v}" for k, v in (("epochs", epochs), ("seed", seed)) if v is not None),
    ]
    job = jobs.prepare(jobs.Request(source, rule, hardware, backend, settings, out, resume))
    if ablate:
        jobs.check_ablation(job)
    if show_equations:
        say(jobs.equations(job))
        return DONE
    return carry_out(job, baselines=baselines, ablate=ablate, quiet=quiet)


def carry_out(job: jobs.RunJob, *, baselines: bool, ablate: bool, quiet: bool) -> int:
    """Train, compare, record and draw; the exit code."""
    if not quiet:
        say(jobs.configuration(job))
    trainer = training.start(job)
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
