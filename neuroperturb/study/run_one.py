"""One run, from an experiment to its record; and the baselines of one task.  The same wherever it happens.

    experiment ─▶ data (shared between runs of one task and seed) ─▶ train, from a checkpoint if there is one ─▶ score ─▶ age ─▶ record

A record of a finished run holds no state to continue from: it is what makes files large, and a study has no use for it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from neuroperturb.baselines import Bptt
from neuroperturb.experiments.data_files import digests
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.results.run import Run
from neuroperturb.study import run_name
from neuroperturb.study.ageing import StudyAgeing
from neuroperturb.study.ageing import rows as ageing_rows
from neuroperturb.tasks import Dataset
from neuroperturb.training import comparison
from neuroperturb.training.progress import Progress
from neuroperturb.training.trainer import Trainer

CHECKPOINT_EVERY = 300.0  # seconds between saves of a run that is still going
DATASETS = 6  # kept in memory


def work(
    experiment: Experiment,
    *,
    resume: Run | None = None,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[Progress], None] = lambda progress: None,
    checkpoint: Callable[[Run], None] = lambda run: None,
    weights: bool = True,
    ageing: StudyAgeing | None = None,
) -> Run:
    """Train, and score the final weights on validation and, once, on the test data.

    Parameters
    ----------
    experiment : Experiment
    resume : a checkpoint of the same experiment
    stop : asked between two chunks; where it says yes the record is a checkpoint, ``interrupted``
    report : called with how far training is
    checkpoint : given a checkpoint every five minutes
    weights : whether the record of a run that is done keeps them
    ageing : chips that the final weights are tested on
    """
    trainer = Trainer(experiment, resume=resume, dataset=_datasets.get(experiment))
    saved = time.monotonic()
    for progress in trainer:
        report(progress)
        if stop():
            break
        if time.monotonic() - saved > CHECKPOINT_EVERY and progress.step < progress.steps:
            # not at the end: a finished record without its scores would pass for a whole one
            checkpoint(_signed(trainer.run()))
            saved = time.monotonic()
    run = _signed(trainer.run())
    if run.status == "interrupted":
        return run
    results = [{**comparison.result_row(trainer, run), "memory": memory(trainer, run)}]
    if ageing is not None and run.status == "finished":
        results += ageing_rows(run, ageing)
    run.set_results(results)
    run.state = {}
    if not weights:
        run.weights, run.initial_weights = {}, {}
    return run


def memory(trainer: Trainer, run: Run) -> int:
    """Bytes that learning keeps from step to step: every array of a checkpoint and, where the gradient goes back through
    stored steps, what it meets there: û, x̂ and f'(a) of each, (m + 2 n) numbers a trial.
    """
    kept = sum(array.nbytes for name, array in run.state.items() if name.startswith("learner."))
    rule, training = trainer.experiment.rule, trainer.experiment.training
    if not isinstance(rule, Bptt) or (training.schedule == "online" and rule.chunk is None):
        return kept  # what the online window stores is in the checkpoint
    length = len(trainer.dataset.batch(0).inputs)
    steps = min(rule.chunk or length, length)
    n, m = run.weights["W_in"].shape
    return kept + steps * training.batch_size * (m + 2 * n) * run.weights["W_in"].itemsize


def fit(experiment: Experiment, names: tuple[str, ...]) -> list[dict]:
    """Rows of what is fitted or guessed beside a rule: trivial ones always, others by name."""
    dataset = _datasets.get(experiment)
    rows = comparison.trivial_rows(dataset)
    for name, compute in comparison.fitted(experiment, dataset):
        if any(name.startswith(asked) for asked in names):
            rows.append(compute())
    return rows


def _signed(run: Run) -> Run:
    """The source of what made it, beside the versions."""
    run.versions = {**run.versions, "sources": run_name.digest(run_name.sources(run.experiment))}
    return run


class _Datasets:
    """Datasets of late: runs that differ in their rule only see the same data. Each is made once, by whoever needs it first."""

    def __init__(self):
        self._lock = threading.Lock()
        self._kept: OrderedDict = OrderedDict()

    def get(self, experiment: Experiment) -> Dataset:
        size = experiment.training.seed, experiment.training.batch_size
        key = (
            experiment.task,
            size,
            tuple(digests(experiment.task).items()),
        )  # a file may change while this process lives
        with self._lock:
            shared = self._kept.pop(key, None) or _SharedDataset()
            self._kept[key] = shared
            while len(self._kept) > DATASETS:
                self._kept.popitem(last=False)
        with shared.lock:
            if shared.dataset is None:
                shared.dataset = experiment.task.data(*size)
            return shared.dataset


class _SharedDataset:
    """A dataset, None until it is made, and the lock of whoever makes it."""

    def __init__(self):
        self.lock, self.dataset = threading.Lock(), None


_datasets = _Datasets()
