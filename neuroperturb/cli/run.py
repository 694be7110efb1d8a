"""`neuroperturb run`: a request becomes a job, the job is trained, and its record and figure are saved."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from neuroperturb.cli import job as jobs
from neuroperturb.cli import record as records
from neuroperturb.cli import run_options as options
from neuroperturb.cli import training
from neuroperturb.cli.figure_formats import Format
from neuroperturb.cli.terminal import DIVERGED, DONE, INTERRUPTED, say, warn
from neuroperturb.experiments.remarks import remarks
from neuroperturb.results.figures import formats
from neuroperturb.spec import InputError


def run(
    source: options.Source,
    target: options.Target = None,
    layout: options.Layout = None,
    kind: options.Kind = None,
    horizon: options.Horizon = None,
    rule: options.Rule = None,
    hardware: options.Hardware = None,
    writing: options.Writing = None,
    cells: options.MeasuredChip = None,
    chip: options.InTheLoop = None,
    backend: options.Backend = None,
    show_equations: options.ShowEquations = False,
    assign: options.Assignments = None,
    epochs: options.Epochs = None,
    seed: options.Seed = None,
    baselines: options.Baselines = False,
    ablate: options.Ablate = False,
    out: options.Out = None,
    resume: options.Resume = False,
    kinds: Format = None,
    quiet: options.Quiet = False,
) -> int:
    """Train a network, compare it with baselines, and save a record and a figure.

    TASK: a built-in task with default settings that learn.
    DATA.csv or DATA.parquet: forecast columns of your own data.
    DATA.npz: learn trials of your own, x_train and y_train.
    FILE.toml: an experiment.
    RUN.nc: repeat a run, or continue it with --resume.

    Exit code: 0 done, 2 bad input, 3 the loss diverged (recorded),
    130 interrupted (recorded; --resume continues).

    Example: neuroperturb run delayed-xor --rule np-p --hardware ecram --baselines
    """
    of_data = options.of_data(target, layout, kind, horizon)
    settings = [*(assign or []), *of_data, *options.settings({"training.epochs": epochs, "training.seed": seed})]
    request = jobs.Request(
        source=source,
        rule=rule,
        hardware=hardware,
        writing=writing,
        cells=cells,
        backend=backend,
        settings=settings,
        out=out,
        resume=resume,
    )
    drawn = formats.chosen(kinds)
    job = jobs.prepare(request)
    if ablate:
        jobs.check_ablation(job)
    if chip is not None and baselines:
        raise InputError(
            "The '--baselines' option must be left out with a '--chip': nobody has a model of it to train them on."
        )
    if show_equations:
        say(jobs.equations(job))
        return DONE
    return carry_out(job, baselines=baselines, ablate=ablate, quiet=quiet, chip=chip, kinds=drawn)


def carry_out(
    job: jobs.RunJob,
    *,
    baselines: bool,
    ablate: bool,
    quiet: bool,
    chip: str | None = None,
    kinds: Sequence[str] = ("png",),
) -> int:
    """Train, compare, record and draw; the exit code."""
    dataset = training.read(job, simulated=chip is None)  # what is wrong with a file is said first, and alone
    if not quiet:
        say(jobs.configuration(job))
        for remark in remarks(job.experiment):
            warn(remark)
    with contextlib.closing(training.start(job, dataset, chip, quiet=quiet)) as trainer:
        interrupted = training.train(trainer, job.target, quiet)
        record = records.keep(trainer, job.target)
        if not interrupted:
            finished = record.status == "finished"
            wanted = records.Comparisons(baselines=baselines and finished, ablation=ablate and finished)
            records.compare(trainer, record, job, wanted, quiet)
        records.finish(record, job, kinds, quiet=quiet)
        return INTERRUPTED if interrupted else DIVERGED if record.status == "diverged" else DONE
