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
from neuroperturb.experiment.experiment import Experiment
from neuroperturb.results.run import Run
from neuroperturb.study import run_name as identity
from neuroperturb.study.ageing import Ageing
from neuroperturb.study.ageing import rows as ageing_rows
from neuroperturb.tasks import Dataset
from neuroperturb.training.progress import Progress
from neuroperturb.training.trainer import Trainer

CHECKPOINT_EVERY = 300.0  # seconds between saves of a run that is still going
DATASETS = 6  # kept in memory


def work(
    experiment: Experiment,
    *,
    resume: Run | None = None,
    stop: Callable[[], bool] = lambda: False,
    tell: Callable[[Progress], None] = lambda progress: None,
    checkpoint: Callable[[Run], None] = lambda run: None,
    weights: bool = True,
    ageing: Ageing | None = None,
) -> Run:
    """Train, and score the final weights on validation and, once, on the test data.

    Parameters
    ----------
    experiment : Experiment
    resume : a checkpoint of the same experiment
    stop : asked between two chunks; where it says yes the record is a checkpoint, ``interrupted``
    tell : told how far training is
    checkpoint : given a checkpoint every five minutes
    weights : whether the record of a run that is done keeps them
    ageing : chips that the final weights are tested on
    """
    trainer = Trainer(experiment, resume=resume, dataset=_shared.get(experiment))
    saved = time.monotonic()
    for progress in trainer:
        tell(progress)
        if stop():
            break
        if time.monotonic() - saved > CHECKPOINT_EVERY and progress.step < progress.steps:
            checkpoint(
                _signed(trainer.run())
            )  # not at the end: a finished record without its scores would pass for a whole one
            saved = time.monotonic()
    run = _signed(trainer.run())
    if run.status == "interrupted":
        return run
    from neuroperturb.training.comparison import result_row

    results = [{**result_row(trainer, run), "memory": memory(trainer, run)}]
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
    from neuroperturb.training import comparison

    dataset = _shared.get(experiment)
    rows = comparison.trivial_rows(dataset)
    for name, compute in comparison.fitted(experiment, dataset):
        if any(name.startswith(asked) for asked in names):
            rows.append(compute())
    return rows


def _signed(run: Run) -> Run:
    """The source of what made it, beside the versions."""
    run.versions = {**run.versions, "sources": identity.digest(identity.sources(run.experiment))}
    return run


class _Shared:
    """Datasets of late: runs that differ in their rule only see the same data. Each is made once, by whoever needs it first."""

    def __init__(self):
        self._lock = threading.Lock()
        self._kept: OrderedDict = OrderedDict()

    def get(self, experiment: Experiment) -> Dataset:
        key = (experiment.task, experiment.training.seed, experiment.training.batch_size)
        with self._lock:
            place = self._kept.pop(key, None) or _Place()
            self._kept[key] = place
            while len(self._kept) > DATASETS:
                self._kept.popitem(last=False)
        with place.lock:
            if place.dataset is None:
                place.dataset = experiment.task.data(*key[1:])
            return place.dataset


class _Place:
    def __init__(self):
        self.lock, self.dataset = threading.Lock(), None


_shared = _Shared()
