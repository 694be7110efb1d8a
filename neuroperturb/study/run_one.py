"""One run, from an experiment to its record; and the baselines of one task.  The same on any worker.

    experiment ─▶ data (shared between runs of one task and seed) ─▶ train, from a checkpoint if there is one ─▶ score ─▶ age ─▶ record

The record of a finished run has no checkpoint state: it makes files large, and a study does not need it.
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
from neuroperturb.study.effort import effort
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
    stop : called between two chunks; if it returns True the record is a checkpoint, ``interrupted``
    report : called with the progress of training
    checkpoint : called with a checkpoint every five minutes
    weights : whether the record of a finished run keeps the weights
    ageing : chips that the final weights are tested on
    """
    trainer = Trainer(experiment, resume=resume, dataset=_datasets.get(experiment))
    saved = time.monotonic()
    for progress in trainer:
        report(progress)
        if stop():
            break
        if time.monotonic() - saved > CHECKPOINT_EVERY and progress.step < progress.steps:
            # not at the end: a finished record without its scores would look complete
            checkpoint(_signed(trainer.run()))
            saved = time.monotonic()
    run = _signed(trainer.run())
    if run.status == "interrupted":
        return run
    epochs = len(run.history["epoch"]) if run.status == "finished" else None
    took = {"memory": memory(trainer, run), **effort(trainer.experiment, trainer.dataset, epochs)}
    results = [{**comparison.result_row(trainer, run), **took}]
    if ageing is not None and run.status == "finished":
        results += ageing_rows(run, ageing)
    run.set_results(results)
    run.state = {}
    if not weights:
        run.weights, run.initial_weights = {}, {}
    return run


def memory(trainer: Trainer, run: Run) -> int:
    """Bytes of memory that learning needs: every array of a checkpoint and, if the gradient is propagated back through stored steps,
    û, x̂ and f'(a) of each of them, (m + 2 n) numbers per trial.
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
    """Rows of the baselines: trivial ones always, others by name."""
    dataset = _datasets.get(experiment)
    rows = comparison.trivial_rows(dataset)
    for name, compute in comparison.fitted(experiment, dataset):
        if any(name.startswith(asked) for asked in names):
            rows.append(compute())
    return rows


def _signed(run: Run) -> Run:
    """The code of custom classes, for the record's versions."""
    run.versions = {**run.versions, "sources": run_name.digest(run_name.sources(run.experiment))}
    return run


class _Datasets:
    """Cache of recent datasets: runs that differ only in their rule share data. Each is created once, by its first user."""

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
    """A dataset, None until it is created, and a lock for its creation."""

    def __init__(self):
        self.lock, self.dataset = threading.Lock(), None


_datasets = _Datasets()
