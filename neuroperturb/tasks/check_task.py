"""check_task: the requirements on a custom task, as one test that users can run themselves."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np

from neuroperturb.spec import InputError, SpecError
from neuroperturb.tasks.contract import CONSTANT, Dataset, Sequence, Task, constant_loss
from neuroperturb.tasks.user_task import OwnTask, kept

SEED, OTHER = 7, 8
BATCH = 4  # trials of a batch, where the task's own default is larger
BATCHES = 3  # training batches that are looked at
DISTINCT = 100  # values of inputs, from which on no two trials are the same by chance
ROUNDING = 1e-9


def check_task(task: Task | type[Task]) -> None:
    """Raise InputError with one sentence if a custom task violates the contract of :mod:`neuroperturb.tasks.contract`.

    A record can store its parameters; its data are finite, of the stated sizes, and scored at some steps; every batch has as many trials
    as it should, and as many steps as the first; the same seed gives the same bits in any order of requests, whatever state
    Python's and NumPy's global generators are in, and another seed other trials; training, validation and test are separate draws; the
    loss of perfect outputs is the smallest, and no constant output scores better than a constant can.

    Parameters
    ----------
    task : an object, ``MyTask()``, or a class with defaults

    Examples
    --------
    >>> from neuroperturb.tasks import DelayedXOR
    >>> check_task(DelayedXOR(trials_per_epoch=8, validation_trials=8, test_trials=8))
    """
    task = _filled(task)
    label = task.label
    kept(task)
    size = min(task.default_batch_size, BATCH)
    data = _data(task, SEED, size)
    numbers = range(min(BATCHES, data.batches_per_epoch + 1))  # beyond an epoch, if that is short
    batches = [data.batch(number) for number in numbers]
    for name, sequence in _parts(data, batches):
        _scored(label, name, sequence)
    _equally_long(label, batches, size)
    _repeats(task, size, data, batches)
    _separate(label, data, batches)
    if not _same(batches[0], batches[-1]) and _same(batches[0], _data(task, OTHER, size).batch(0)):
        raise InputError(f"{label} draws the same trials for another seed: take random numbers from the seed alone.")
    _scores(label, data)


def _filled(task: Task | type[Task]) -> Task:
    """The object; of a class, one with its defaults."""
    if isinstance(task, type) and issubclass(task, Task):
        lacking = next((name for name, field in task.model_fields.items() if field.is_required()), None)
        if lacking is not None:
            what = f"no default: write check_task({task.__name__}({lacking}=…))"
            raise SpecError(lacking, task.__name__, what, verb="has")
        task = task()
    if isinstance(task, OwnTask):
        return task.bind()
    if not isinstance(task, Task):
        raise SpecError("task", "check_task", "a subclass of neuroperturb.tasks.Task, or an object of one", task)
    return task


def _data(task: Task, seed: int, size: int) -> Dataset:
    with _global_seeds(seed):
        return task.data(seed, size)


@contextlib.contextmanager
def _global_seeds(seed: int) -> Iterator[None]:
    """Context in which global generators are in a known state; they are put back."""
    python, state = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(state)


def _parts(data: Dataset, batches: list[Sequence]) -> Iterator[tuple[str, Sequence]]:
    yield from ((f"training batch {number}", batch) for number, batch in enumerate(batches))
    yield from (("the validation data", data.validation), ("the test data", data.test))


def _scored(label: str, name: str, sequence: Sequence) -> None:
    if not sequence.mask.any():
        raise InputError(f"{label} scores no step of {name}: 'mask' must be true where the output counts.")
    if not sequence.reset[0]:
        raise InputError(
            f"{label} does not reset the state before the first step of {name}: 'reset' must be true there."
        )


def _equally_long(label: str, batches: list[Sequence], size: int) -> None:
    for number, batch in enumerate(batches):
        steps, trials = batch.inputs.shape[:2]
        if trials != size:
            raise InputError(
                f"{label} has {trials} trials in training batch {number}, where batch_size = {size} were asked for."
            )
        if steps != len(batches[0].inputs):
            raise InputError(
                f"{label} has {steps} steps in training batch {number} and {len(batches[0].inputs)} in the first: all must be equally long, "
                "so pad trials, and mask what is padded."
            )  # fmt: skip


def _same(a: Sequence, b: Sequence) -> bool:
    """Equal in every array."""
    return all(
        one.shape == two.shape and np.array_equal(one, two, equal_nan=True) for one, two in zip(a, b, strict=True)
    )


def _repeats(task: Task, size: int, data: Dataset, batches: list[Sequence]) -> None:
    """Everything again, in the opposite order, with global generators elsewhere."""
    with _global_seeds(OTHER):
        again = task.data(SEED, size)
        backwards = [again.batch(number) for number in reversed(range(len(batches)))][::-1]
    for (name, one), (_, two) in zip(_parts(data, batches), _parts(again, backwards), strict=True):
        if not _same(one, two):
            raise InputError(
                f"{task.label} makes other numbers for {name} when it is asked again: draw them from a generator of the seed and of the "
                "number of the batch, not from a global one, and not from one that earlier batches have used."
            )  # fmt: skip


def _separate(label: str, data: Dataset, batches: list[Sequence]) -> None:
    """Trials of one part that are those of another, one by one, were drawn from one stream."""
    parts = list(_parts(data, batches))
    held_out = parts[len(batches) :]
    for k, (name, one) in enumerate(parts):
        for other, two in held_out[max(0, k + 1 - len(batches)) :]:
            if _begin_alike(one, two) or _share_a_trial(one, two):
                raise InputError(
                    f"{label} draws the same trials for {name} and for {other}: give training, validation and test streams of their own."
                )  # fmt: skip


def _begin_alike(one: Sequence, two: Sequence) -> bool:
    """Whether the first trials of both are the same, as far as both have them."""
    steps, trials = (min(a, b) for a, b in zip(one.inputs.shape[:2], two.inputs.shape[:2], strict=True))
    first = [(s.inputs[:steps, :trials], s.targets[:steps, :trials]) for s in (one, two)]
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(*first, strict=True))


def _share_a_trial(one: Sequence, two: Sequence) -> bool:
    """Whether a trial is in both, of trials that are too many to meet by chance."""
    if len(np.unique(two.inputs)) < DISTINCT:
        return False
    first, second = ({s.inputs[:, b].tobytes() for b in range(s.inputs.shape[1])} for s in (one, two))
    return bool(first & second)


def _scores(label: str, data: Dataset) -> None:
    test = data.test
    scale = 1e3 if data.loss == "cross_entropy" else 1.0  # odds of a sure answer
    perfect, zero = (
        _metrics(label, data, scale * np.nan_to_num(test.targets)),
        _metrics(label, data, np.zeros(test.targets.shape)),
    )
    if perfect["loss"] > zero["loss"] + ROUNDING:
        raise InputError(
            f"{label} scores outputs that are the targets {perfect['loss']:.6g}, and outputs of 0 {zero['loss']:.6g}: a smaller loss is better."
        )  # fmt: skip
    for part, sequence in (("validation", data.validation), ("test", data.test)):
        least = constant_loss(data.loss, sequence)
        for name, losses in data.trivial().items():
            loss = losses.get(part, np.nan)
            if not np.isfinite(loss):
                raise InputError(
                    f"{label} has the trivial baseline {name!r} with a {part} loss of {loss}: it must be a finite number."
                )
            if name in CONSTANT and loss < least * (1 - ROUNDING) - ROUNDING:
                raise InputError(
                    f"{label} has the trivial baseline {name!r} with a {part} loss of {loss:.6g}, and no constant output scores less than "
                    f"{least:.6g}: they must be on one scale."
                )  # fmt: skip


def _metrics(label: str, data: Dataset, outputs: np.ndarray) -> dict[str, float]:
    """Scores on the test data, which are finite and begin with the loss."""
    found = data.metrics(outputs, data.test)
    if not isinstance(found, dict) or next(iter(found), None) != "loss":
        raise InputError(
            f"{label} must return a dict from 'metrics' whose first entry is 'loss'. Got {found!r} instead."
        )
    if not np.isfinite(found["loss"]):
        raise InputError(f"{label} scores finite outputs {found['loss']}: a loss must be a finite number.")
    return found
