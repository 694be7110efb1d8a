"""One `run` command: from its arguments to a job, through training, to a record and what stands beside it."""

from __future__ import annotations

import itertools
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from neuroperturb.cli.progress import show
from neuroperturb.cli.terminal import one_sentence, say, stop_request
from neuroperturb.experiment.toml import plain, read_table, resolve

if TYPE_CHECKING:
    from neuroperturb.experiment.experiment import Experiment
    from neuroperturb.results.run import Run
    from neuroperturb.training.trainer import Trainer

CHECKPOINT_EVERY = 300.0  # seconds between saves of a run that is still going


class Job(NamedTuple):
    """What one `run` command does."""

    experiment: Experiment
    target: Path
    previous: Run | None  # continued
    original: Run | None  # repeated, to be compared with


def prepare(
    source: str, rule: str | None, hardware: str | None, backend: str | None, overrides: list[str], out: Path | None, resume: bool
) -> Job:  # fmt: skip
    """What the arguments of `run` ask for, checked as far as can be without training."""
    from neuroperturb.experiment import recipes

    original = _record(source)
    table = plain(original.experiment) if original else _table(source, backend)
    if rule is not None:
        table = recipes.with_rule(table, rule)
    if hardware is not None:
        table = {**table, "hardware": hardware}
    if backend is not None:
        from neuroperturb.spiking.recipes import with_backend

        table = with_backend(table, backend)
    experiment = resolve(table, overrides, Path(source).parent if Path(source).is_file() else None)
    repeated = original is not None and experiment == original.experiment
    if original is not None and resume and out is None:
        target = Path(source)
    else:
        target = _target(experiment, out, Path(source) if repeated else None)
    previous = _continued(original or _existing(target), experiment, target) if resume else None
    return Job(experiment, target, previous, original if repeated and not resume else None)


def check_ablation(job: Job) -> None:
    """Whether there is anything to take apart."""
    from neuroperturb.spec import SpecError
    from neuroperturb.training import ablation

    chip = job.experiment.hardware
    if chip is None or not ablation.sources(chip):
        raise SpecError(
            "The '--ablate' option takes hardware apart, and this run has none: choose some with '--hardware'."
        )


def equations(job: Job) -> str:
    """The model of spiking neurons, as text."""
    from neuroperturb.spec import SpecError

    if job.experiment.spiking is None:
        raise SpecError(
            "The '--show-equations' option prints spiking neurons, and this run has none: choose a '--backend'."
        )
    from neuroperturb.spiking.brian_show import show

    return show(job.experiment)


def _table(source: str, backend: str | None) -> dict:
    from neuroperturb import tasks
    from neuroperturb.experiment import recipes
    from neuroperturb.spec import SpecError, suggest

    if source in tasks.TASKS and backend is not None:
        from neuroperturb.spiking.recipes import recipe

        return recipe(source)
    if source in tasks.TASKS:
        return recipes.recipe(source)
    if source.endswith(".toml") or Path(source).is_file():
        return read_table(source)
    raise SpecError(f"There is no task or file {source!r}. {suggest(source, tasks.TASKS)}")


def _record(source: str) -> Run | None:
    """The run in a file, where the source is one."""
    if not source.endswith(".nc"):
        return None
    from neuroperturb.results.run import load

    return load(source)


def _target(experiment: Experiment, out: Path | None, repeated: Path | None) -> Path:
    """Where the record goes: a file name says what it is, and differs for different experiments."""
    from neuroperturb.experiment import experiment as config

    if out is not None and out.suffix == ".nc":
        return out
    if repeated is not None and out is None:
        return repeated.with_name(f"{repeated.stem}-repeat.nc")
    words = f"{experiment.task.name}-{config.label(experiment)}-{config.digest(experiment)}"
    return (out or Path("runs")) / (re.sub(r"[^\w.]+", "-", words) + ".nc")


def _existing(target: Path) -> Run:
    from neuroperturb.results.run import load
    from neuroperturb.spec import SpecError

    if not target.exists():
        raise SpecError(f"There is nothing to resume: no run of this experiment at {str(target)!r}.")
    return load(target)


def _continued(previous: Run, experiment: Experiment, target: Path) -> Run:
    """Check that a record can be continued as this experiment: `epochs` may grow, where no schedule depends on it."""
    from neuroperturb.spec import SpecError

    old, new = previous.experiment.training.epochs, experiment.training.epochs
    same = experiment.replace(training=experiment.training.replace(epochs=old)) == previous.experiment
    if not same:
        raise SpecError(
            "The '--resume' option continues a run with its own settings; leave out the others, --epochs excepted."
        )
    rate = getattr(experiment.rule, "rate", None)
    if new != old and rate is not None and rate.kind != "constant":
        raise SpecError(
            "The '--epochs' option cannot change a run whose learning rate follows a schedule over all epochs."
        )
    if previous.status == "diverged" or (previous.status == "finished" and new <= old):
        raise SpecError(f"There is nothing to resume: the run {str(target)!r} is {previous.status}.")
    return previous


def trainer(job: Job) -> Trainer:
    """What trains, on a record that can be written."""
    from neuroperturb.training.trainer import Trainer

    training = job.experiment.training
    made = Trainer(
        job.experiment, resume=job.previous, dataset=job.experiment.task.data(training.seed, training.batch_size)
    )
    _check_writable(job.target)
    return made


def _check_writable(target: Path) -> None:
    """Find out before training, not after, whether the record can be written; leave nothing behind."""
    from neuroperturb.results.file import is_run
    from neuroperturb.spec import SpecError

    if target.is_dir() or (target.exists() and not is_run(target)):
        raise SpecError(f"The '--out' option names {str(target)!r}, which exists and is no run: choose another name.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise SpecError(
            f"The folder {str(target.parent)!r} cannot be written to ({error.strerror}): choose another with '--out'."
        ) from None


def train(trainer: Trainer, target: Path, quiet: bool) -> bool:
    """Train to the end, showing progress; True if it was stopped before."""
    saved = time.monotonic()
    with stop_request() as stop, show(quiet) as display:
        for progress in trainer:
            display(progress)
            if stop:
                return True
            if time.monotonic() - saved > CHECKPOINT_EVERY:
                keep(trainer, target)
                saved = time.monotonic()
    return False


def keep(trainer: Trainer, target: Path) -> Run:
    """The record so far, written."""
    record = trainer.run()
    _save(record, target)
    return record


def compare(trainer: Trainer, record: Run, job: Job, wanted: list[bool], quiet: bool) -> None:
    """Add the row of the rule and those beside it; what is done is saved even if the rest is stopped.

    wanted : whether to compare with baselines, and with an ablation
    """
    from neuroperturb.training import ablation, comparison

    dataset = trainer.dataset
    rows = [comparison.result_row(trainer, record), *comparison.trivial_rows(dataset)]
    plans = [room.plan(job.experiment, dataset) for room, on in zip((comparison, ablation), wanted, strict=True) if on]
    try:
        for name, compute in itertools.chain(*plans):
            if not quiet:
                say(f"comparing with {name}")
            rows.append(compute())
    finally:
        record.set_results(rows)
        _save(record, job.target)


def finish(record: Run, job: Job) -> None:
    """Say how it ended, and draw it."""
    from neuroperturb.results import text as report
    from neuroperturb.results.figures import learning_curve as plots
    from neuroperturb.results.run import differences

    say("\n" + report.headline(record))
    for part in (report.results_table(record), report.hardware(record), report.ablation_table(record)):
        if part:
            say("\n" + part)
    if job.original is not None and job.original.status == record.status == "finished":
        changed = [key for key in differences(job.original, record) if not key.startswith("results/")]
        same_machine = job.original.cpu == record.cpu and job.original.versions == record.versions
        where = "" if same_machine else " (recorded with another processor or other versions, so bits may differ)"
        say("repeat    bit for bit the same" if not changed else f"repeat    differs in {', '.join(changed)}{where}")
    with one_sentence():
        say(f"record    {job.target}")
        if len(record.history):
            say(f"figure    {plots.save(record, job.target.with_suffix('.png'))}")


def configuration(job: Job) -> str:
    """The settings of the run, as text."""
    from neuroperturb.results.text import configuration

    return configuration(job.experiment) + "\n"


def _save(record: Run, target: Path) -> None:
    with one_sentence():
        record.save(target)
