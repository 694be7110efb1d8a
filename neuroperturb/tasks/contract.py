"""The contract of a task: a specification that generates data, and its datasets.

A *task* (:class:`Task`) is a frozen record of parameters. ``task.data(seed, batch_size)`` makes its :class:`Dataset`,
which provides training sequences by number, so that a run can be resumed at any of them, and one validation
and one test sequence. Everything random in a dataset is a pure function of the seed and the requested number.

All data of a task are validated in one place (:mod:`neuroperturb.tasks.door`): a :class:`Sequence` checks its dtypes and shapes when it is
created, and :meth:`Task.data` and :meth:`Dataset.batch` check its numbers.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np

from neuroperturb.spec import Spec, SpecError, Words
from neuroperturb.spec.data_file import FileNote
from neuroperturb.tasks import door

Loss = Literal["mse", "cross_entropy"]
LOSSES = {
    "mse": ("mean squared error", ""),
    "cross_entropy": ("cross-entropy", "nats"),
}  # their names and units
CONSTANT = ("guess", "mean")  # trivial baselines whose output is a constant


class _Arrays(NamedTuple):
    inputs: np.ndarray
    targets: np.ndarray
    mask: np.ndarray
    reset: np.ndarray
    condition: np.ndarray


class Sequence(_Arrays):
    """B trials of T steps, presented together.

    Other dtypes are converted if they are unambiguous, masks of 0 and 1 for example; anything else raises an error.

    inputs : float64 ndarray, shape (T, B, n_in)
    targets : float64 ndarray, shape (T, B, n_out); one-hot rows for cross-entropy
    mask : bool ndarray, shape (T, B); False where a step is not scored (washout, cue period, missing target)
    reset : bool ndarray, shape (T,); True where the state is reset to zero before the step
    condition : int ndarray, shape (T, B), the kind of every trial, 0, 1, 2 …, the same at all its steps, or (B,); empty if there
        are none. Of a world, the number of every trial, which keys its draws
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
                hint = "Write class numbers as one-hot rows, single outputs as targets[:, :, None]."
            raise SpecError("targets", "Sequence", wanted, targets.shape, hint, verb="must have the shape")
        every = f"One for all trials is np.repeat(mask[:, None], {trials}, axis=1)."
        together = "A reset applies to all trials."
        return super().__new__(
            cls,
            inputs,
            targets,
            door.yes_or_no("mask", mask, (steps, trials), "(T, B)", hint=every),
            door.yes_or_no("reset", reset, (steps,), "(T,)", hint=together),
            door.kinds(condition, (steps, trials)),
        )

    @classmethod
    def zeros(cls, steps: int, trials: int, n_in: int, n_out: int, *, conditions: bool = False) -> Sequence:
        """Trials of zeros with nothing scored yet, starting from a reset; with `conditions`, all of kind 0."""
        reset = np.zeros(steps, bool)
        reset[:1] = True
        inputs, targets = np.zeros((steps, trials, n_in)), np.zeros((steps, trials, n_out))
        kinds = np.zeros((steps, trials) if conditions else 0, np.int64)
        # valid by construction, so that nothing has to be checked
        return _Arrays.__new__(cls, inputs, targets, np.zeros((steps, trials), bool), reset, kinds)

    @classmethod
    def _make(cls, iterable: Iterable) -> Sequence:
        return cls(*iterable)  # also for `_replace`

    def split(self, trials: int) -> tuple[Usable, ...]:
        """Its trials, so many at a time, of a sequence that was found usable as a whole."""
        parts = [slice(start, start + trials) for start in range(0, self.inputs.shape[1], trials)]
        each = lambda a: [a[:, part].copy() for part in parts] if a.size else [a] * len(parts)  # noqa: E731
        columns = (
            each(self.inputs),
            each(self.targets),
            each(self.mask),
            [self.reset] * len(parts),
            each(self.condition),
        )
        return tuple(_Arrays.__new__(Usable, *arrays) for arrays in zip(*columns, strict=True))


class Usable(Sequence):
    """A part of a sequence that was checked as a whole: its numbers are not looked at again."""

    __slots__ = ()


class LossScale(NamedTuple):
    """How to interpret a loss.

    name : of the loss;  unit : "" if it has none
    guess : loss of the best constant output, by part: ``"validation"``, ``"test"``
    """

    name: str
    unit: str
    guess: dict[str, float]


class Dataset(ABC):
    """Data of one task, one seed and one batch size.  All arrays float64; the trainer converts to its dtype.

    The results of `batch` are checked, in every subclass; so are `validation` and `test` of the result of :meth:`Task.data`.
    """

    n_in: int
    n_out: int
    loss: Loss
    batches_per_epoch: int
    validation: Sequence  # chooses hyper-parameters; a masked lead-in may warm the state up
    test: Sequence  # evaluated once, with the final weights
    world: Any = (
        None  # of a task that is acted in: a tasks.worlds.CompiledWorld; its sequences then hold numbers of trials
    )
    files: Mapping[str, FileNote] = MappingProxyType({})  # of data that it was read from, by path as typed

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
        """Name and unit of the loss, and the loss of a constant output; override for a dataset with its own loss."""
        name, unit = LOSSES.get(self.loss, (self.loss, ""))
        trivial = self.trivial()
        known = [trivial[constant] for constant in CONSTANT if constant in trivial]
        parts = {"validation": self.validation, "test": self.test}
        guess = {
            part: min(losses[part] for losses in known) if known else constant_loss(self.loss, s)
            for part, s in parts.items()
        }
        return LossScale(name, unit, guess)


def constant_loss(loss: Loss, sequence: Sequence) -> float:
    """The smallest loss of a constant output: variance about the mean target, or entropy of the mean target; nan if nothing is scored."""
    targets = np.asarray(sequence.targets, float)[np.asarray(sequence.mask, bool)]
    if not targets.size:
        return float("nan")
    mean = targets.mean(axis=0)
    if loss == "mse":
        return float(((targets - mean) ** 2).mean())
    return float(-(mean[mean > 0] * np.log(mean[mean > 0])).sum())


class NewInputs(Protocol):
    """Rows of a file to predict from.

    inputs : (T, B, n_in), as the task scales them;  reset : (T,) bool
    """

    @property
    def inputs(self) -> np.ndarray: ...

    @property
    def reset(self) -> np.ndarray: ...

    def columns(self, outputs: np.ndarray) -> dict[str, Any]:
        """Columns of a table of the outputs, (T, B, n_out), by name."""
        ...


class Task(Spec):
    """A specification of data to learn from.  Subclasses set `name` (a Literal) and the class variables."""

    schedule: ClassVar[Literal["online", "episode"]] = "online"  # the default; a run may choose the other
    default_batch_size: ClassVar[int] = 1
    ridge_taps: ClassVar[int] = 16  # latest inputs that a ridge beside a run sees
    closed_loop: ClassVar[bool] = False  # whether outputs are actions that change what is seen next
    derivatives: ClassVar[bool] = False  # of a closed loop: whether a step has derivatives by state and action

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "data" in vars(cls):
            cls.data = _checked_data(cls.data)

    @property
    def label(self) -> str:
        """Name in tables and figures."""
        return getattr(self, "name", type(self).__name__)

    def data(self, seed: int, batch_size: int) -> Dataset:
        """Generate the data; raises an :class:`neuroperturb.spec.InputError` if that is impossible."""
        raise SpecError(
            "data",
            type(self).__name__,
            verb="is missing",
            hint="A task generates its data there: data(seed, batch_size).",
        )

    def new_rows(self, path: str) -> NewInputs:
        """Rows of a file to predict from, of tasks that read such files."""
        del path
        raise SpecError("run", "forecast", "of a task that reads a file of your own, 'series' or 'arrays'", self.label)


def _checked_batch(batch):
    @functools.wraps(batch)
    def checked(self, number: int) -> Sequence:
        sequence = batch(self, number)
        return sequence if type(sequence) is Usable else require_usable(self, sequence, f"training batch {number}")

    checked.py_func = batch  # the author's code, for the source text of a class
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
    """Reject unusable data: invalid sizes, an unknown loss, an invalid validation or test part."""
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
    """The sequence, if it fits a network of the dataset's sizes and its loss."""
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
    for targets, mask in zip(
        sequence.targets, sequence.mask, strict=True
    ):  # step by step: together they would be copied
        rows = targets[mask]
        wrong = (rows < 0).any(axis=1) | (np.abs(rows.sum(axis=1) - 1) > 1e-6)
        if wrong.any():
            wanted = "one-hot rows, or probabilities of 0 or more that sum to 1, for the cross-entropy loss"
            raise SpecError("targets", owner, wanted, rows[np.argmax(wrong)].tolist())
