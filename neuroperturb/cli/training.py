"""Train a job: display progress, save checkpoints, stop on request."""

from __future__ import annotations

import re
import shlex
import tempfile
import time
from pathlib import Path

from hardware_models.numerics import compile_ahead
from neuroperturb.cli.job import RunJob
from neuroperturb.cli.progress import preparing, show
from neuroperturb.cli.record import keep
from neuroperturb.cli.terminal import stop_request
from neuroperturb.experiments.data_files import of_experiment
from neuroperturb.results import folders
from neuroperturb.results.file import is_run
from neuroperturb.spec import InputError
from neuroperturb.spec.data_file import require_the_same
from neuroperturb.tasks import Dataset
from neuroperturb.training.black_box.trainer import BlackBox
from neuroperturb.training.resumption import require_simulated
from neuroperturb.training.trainer import Trainer

ADDRESS = re.compile(r"[\w.\[\]:]*:\d+")
CHECKPOINT_EVERY = 300.0  # seconds between saves of a run that is still going


def read(job: RunJob, *, simulated: bool = True) -> Dataset:
    """The data of a job, which are those of the record that it repeats or goes on from; `simulated`: without a chip in the loop."""
    for before, purpose in ((job.original, "Repeating a run"), (job.previous, "Going on from a record")):
        if before is not None:
            if simulated:
                require_simulated(before)
            require_the_same(before.data, of_experiment(job.experiment), purpose)
    training = job.experiment.training
    return job.experiment.task.data(training.seed, training.batch_size)


def start(job: RunJob, dataset: Dataset, chip: str | None = None, *, quiet: bool = False) -> Trainer:
    """The trainer of a job whose record can be written; `chip`: one in the loop, the command of a program or ``host:port``."""
    if chip is None:
        # on hardware a rule is diagnosed, which compiles what training needs
        with preparing(quiet), compile_ahead.allowed():
            trainer = Trainer(job.experiment, resume=job.previous, dataset=dataset)
    else:
        trainer = BlackBox(job.experiment, _door(chip), resume=job.previous, dataset=dataset)
    _check_writable(job.target)
    return trainer


def _door(chip: str) -> str | list[str]:
    """An address as it is, a command as its words."""
    try:
        words = shlex.split(chip)
    except ValueError as error:
        raise InputError(
            f"The '--chip' option must be a command or host:port. Got {chip!r} instead ({error})."
        ) from None
    return chip if ADDRESS.fullmatch(chip) else words


def train(trainer: Trainer, target: Path, quiet: bool) -> bool:
    """Train to the end and display progress; True if interrupted."""
    saved = time.monotonic()
    with stop_request() as stop, show(quiet) as display, compile_ahead.allowed():
        for progress in trainer:
            display(progress)
            if stop:
                return True
            if time.monotonic() - saved > CHECKPOINT_EVERY:
                keep(trainer, target)
                saved = time.monotonic()
    return False


def _check_writable(target: Path) -> None:
    """Find out before training, not after, whether the record can be written; leave nothing behind."""
    if target.is_dir() or (target.exists() and not is_run(target)):
        raise InputError(
            f"The '--out' option names {str(target)!r}, which exists and is not a run: choose another name."
        )
    try:
        folders.make(target.parent)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise InputError(
            f"The folder {str(target.parent)!r} cannot be written to ({error.strerror}): choose another with '--out'."
        ) from None
