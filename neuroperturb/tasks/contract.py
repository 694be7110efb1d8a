"""What a task is: a specification that makes data, and the data it makes.

A *task* (:class:`Task`) is a frozen record of parameters. ``task.data(seed, batch_size)`` makes its :class:`Dataset`,
which hands out training sequences by number, so that a run can be resumed at any of them, and holds one validation
and one test sequence. Everything random about a dataset is a pure function of the seed and the number asked for.

Whatever a task hands out goes through one door (:mod:`neuroperturb.tasks.door`): a :class:`Sequence` has the dtypes and shapes it
promises from the moment it is made, and :meth:`Task.data` and :meth:`Dataset.batch` look at its numbers.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from neuroperturb.spec import Spec, SpecError, Words
from neuroperturb.tasks import door

Loss = Literal["mse", "cross_entropy"]
LOSSES = {
    "mse": ("mean squared error", ""),
    "cross_entropy": ("cross-entropy", "nats"),
}  # what they are called, and their units
CONSTANT = ("guess", "mean")  # trivial baselines whose output is a constant


class _Arrays(NamedTuple):
    inputs: np.ndarray
    targets: np.ndarray
    mask: np.ndarray
    reset: np.ndarray
    condition: np.ndarray


class Sequence(_Arrays):
    """B trials of T steps, presented together.

    Other dtypes are taken as they are meant, masks of 0 and 1 for example; what has no one meaning is refused in a sentence.

    inputs : float64 ndarray, shape (T, B, n_in)
    targets : float64 ndarray, shape (T, B, n_out); one-hot rows for cross-entropy
    mask : bool ndarray, shape (T, B); False where a step is not scored (washout, cue period, missing target)
    reset : bool ndarray, shape (T,); True where every state is set to zero before the step
    condition : int ndarray, shape (T, B), the kind of every trial, 0, 1, 2 …, the same at all its steps, or (B,); empty where there
        are no kinds
    """

    __slots__ = ()

    def __new__(cls, inputs: Any, targets: Any, mask: Any, reset: Any, condition: Any = ()) -> Sequence:
        inputs, targets = door.real("inputs", inputs), door.real("targets", targets)
        if inputs.ndim != 3:
            raise SpecError("inputs", "Sequence", "(T, B, n_in)", inputs.shape, verb="must have the shape")
        steps, trials = inputs.shape[:2]
        if targets.ndim != 3 or targets.shape[:2] != (steps, trials):
            wanted, hint = f"(T, B, n_out) with (T, B) = {(steps, trials)}", ""
            if targets.shape == (steps, trials):
                hint = "Numbers of classes are shown as one-hot rows, single outputs as targets[:, :, None]."
            raise SpecError("targets", "Sequence", wanted, targets.shape, hint, verb="must have the shape")
        every = f"One for all trials is np.repeat(mask[:, None], {trials}, axis=1)."
        together = "A reset is of all trials together."
        return super().__new__(
            cls,
            inputs,
            targets,
            door.yes_or_no("mask", mask, (steps, trials), "(T, B)", hint=every),
            door.yes_or_no("reset", reset, (steps,), "(T,)", hint=together),
            door.kinds(condition, (steps, trials)),
        )

    @classmethod
    def zeros(
        cls,
        steps: int,
        trials: int,
        n_in: int,
        n_out: int,
        condition: np.ndarray = np.empty(0, np.int64),  # noqa: B008
    ) -> Sequence:
        """Trials of zeros with nothing scored yet, starting from a reset; condition (steps, trials) int64."""
        reset = np.zeros(steps, bool)
        reset[:1] = True
        inputs, targets = np.zeros((steps, trials, n_in)), np.zeros((steps, trials, n_out))
        # right by construction: the door is for what others bring
        return _Arrays.__new__(cls, inputs, targets, np.zeros((steps, trials), bool), reset, condition)

    @classmethod
    def _make(cls, iterable: Iterable) -> Sequence:
        return cls(*iterable)  # of `_replace`, too


class LossScale(NamedTuple):
    """What a reader of a loss has to know.

    name : what it is called;  unit : "" where it has none
    guess : what the best constant output scores, by part: ``"validation"``, ``"test"``
    """

    name: str
    unit: str
    guess: dict[str, float]


class Dataset(ABC):
    """Data of one task, one seed and one batch size.  All arrays float64; the trainer converts to its dtype.

    What `batch` returns is checked, in every subclass; so are `validation` and `test` of what :meth:`Task.data` returns.
    """

    n_in: int
    n_out: int
    loss: Loss
    batches_per_epoch: int
    validation: Sequence  # chooses hyper-parameters; a masked lead-in may warm the state up
    test: Sequence  # evaluated once, with the final weights

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "batch" in vars(cls):
            cls.batch = _checked_batch(cls.batch)

    @abstractmethod
    def batch(self, number: int) -> Sequence:
        """Training sequence `number` = 0, 1, 2 … (epoch · batches_per_epoch + index): the same for the same number, always."""

    @abstractmethod
    def metrics(self, outputs: np.ndarray, sequence: Sequence) -> dict[str, float]:
        """Scores of outputs, shape (T, B, n_out), over the scored steps; the first entry is ``loss``, the task's own loss."""

    @abstractmethod
    def trivial(self) -> dict[str, dict[str, float]]:
        """Baselines without a network, each ``{"validation": loss, "test": loss}``: guess, persistence, ridge …"""

    def loss_scale(self) -> LossScale:
        """Name and unit of the loss, and what a constant output scores; a dataset that reads its loss otherwise says so here."""
        name, unit = LOSSES.get(self.loss, (self.loss, ""))
        trivial = self.trivial()
        known = [trivial[constant] for constant in CONSTANT if constant in trivial]
        parts = {"validation": self.validation, "test": self.test}
        guess = {
            part: min((losses[part] for losses in known), default=constant_loss(self.loss, s))
            for part, s in parts.items()
        }
        return LossScale(name, unit, guess)


def constant_loss(loss: Loss, sequence: Sequence) -> float:
    """The least loss of a constant output: variance about the mean target, or entropy of the mean target; nan where nothing is scored."""
    targets = np.asarray(sequence.targets, float)[np.asarray(sequence.mask, bool)]
    if not targets.size:
        return float("nan")
    mean = targets.mean(axis=0)
    if loss == "mse":
        return float(((targets - mean) ** 2).mean())
    return float(-(mean[mean > 0] * np.log(mean[mean > 0])).sum())


class Task(Spec):
    """A specification of data to learn from.  Subclasses set `name` (a Literal) and the class variables."""

    schedule: ClassVar[Literal["online", "episode"]] = "online"  # the natural one; a run may choose the other
    default_batch_size: ClassVar[int] = 1

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "data" in vars(cls):
            cls.data = _checked_data(cls.data)

    @property
    def label(self) -> str:
        """What tables and figures call it."""
        return getattr(self, "name", type(self).__name__)

    def data(self, seed: int, batch_size: int) -> Dataset:
        """Make the data; raises an :class:`neuroperturb.spec.InputError` where they cannot be made."""
        raise NotImplementedError


def _checked_batch(batch):
    @functools.wraps(batch)
    def checked(self, number: int) -> Sequence:
        return require_usable(self, batch(self, number), f"training batch {number}")

    checked.py_func = batch  # what the author wrote: the text of a class is made of that
    return checked


def _checked_data(data):
    @functools.wraps(data)
    def checked(self, seed: int, batch_size: int) -> Dataset:
        dataset = data(self, seed, batch_size)
        require_dataset(dataset, type(self).__name__)
        return dataset

    checked.py_func = data
    return checked


def require_dataset(dataset: Any, task: str) -> None:
    """Refuse data that no run can use: sizes that are none, an unknown loss, a validation or test part that is not one."""
    if not isinstance(dataset, Dataset):
        raise SpecError("data", task, "a Dataset", Words(type(dataset).__name__), verb="must return")
    for name, least in (("n_in", 1), ("n_out", 1), ("batches_per_epoch", 1)):
        value = getattr(dataset, name, None)
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise SpecError(name, type(dataset).__name__, f"an integer of at least {least}", value)
    if dataset.loss not in ("mse", "cross_entropy"):
        raise SpecError("loss", type(dataset).__name__, "'mse' or 'cross_entropy'", dataset.loss)
    for part in ("validation", "test"):
        require_usable(dataset, getattr(dataset, part, None), f"the {part} data")


def require_usable(dataset: Dataset, sequence: Any, owner: str) -> Sequence:
    """The sequence, if a network of the dataset's sizes can be shown it and scored by its loss."""
    if not isinstance(sequence, Sequence):
        raise SpecError("sequence", owner, "a Sequence", Words(type(sequence).__name__))
    for name, size in (("inputs", dataset.n_in), ("targets", dataset.n_out)):
        array = getattr(sequence, name)
        if array.shape[2] != size or not array.size:
            raise SpecError(name, owner, f"of shape (T, B, {size})", array.shape)
    door.require_finite("inputs", sequence.inputs, owner)
    door.require_finite("targets", sequence.targets, owner, sequence.mask)
    if dataset.loss == "cross_entropy":
        _require_odds(sequence, owner)
    return sequence


def _require_odds(sequence: Sequence, owner: str) -> None:
    rows = sequence.targets[sequence.mask]
    wrong = (rows < 0).any(axis=1) | (np.abs(rows.sum(axis=1) - 1) > 1e-6)
    if wrong.any():
        wanted = "one-hot rows, or odds of 0 or more that sum to 1, where the loss is cross-entropy"
        raise SpecError("targets", owner, wanted, rows[np.argmax(wrong)].tolist())
