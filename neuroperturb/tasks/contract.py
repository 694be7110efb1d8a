"""What a task is: a specification that makes data, and the data it makes.

A *task* (:class:`Task`) is a frozen record of parameters. ``task.data(seed, batch_size)`` makes its :class:`Dataset`,
which hands out training sequences by number, so that a run can be resumed at any of them, and holds one validation
and one test sequence. Everything random about a dataset is a pure function of the seed and the number asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from neuroperturb.spec import Spec

Loss = Literal["mse", "cross_entropy"]
LOSSES = {
    "mse": ("mean squared error", ""),
    "cross_entropy": ("cross-entropy", "nats"),
}  # what they are called, and their units
CONSTANT = ("guess", "mean")  # trivial baselines whose output is a constant


class Sequence(NamedTuple):
    """B trials of T steps, presented together.

    inputs : ndarray, shape (T, B, n_in)
    targets : ndarray, shape (T, B, n_out); one-hot rows for cross-entropy
    mask : bool ndarray, shape (T, B); False where a step is not scored (washout, cue period, missing target)
    reset : bool ndarray, shape (T,); True where every state is set to zero before the step
    condition : int ndarray, shape (T, B), the kind of every trial, 0, 1, 2 …, the same at all its steps; empty where there are no kinds
    """

    inputs: np.ndarray
    targets: np.ndarray
    mask: np.ndarray
    reset: np.ndarray
    condition: np.ndarray = np.empty(0, np.int64)


class LossScale(NamedTuple):
    """What a reader of a loss has to know.

    name : what it is called;  unit : "" where it has none
    guess : what the best constant output scores, by part: ``"validation"``, ``"test"``
    """

    name: str
    unit: str
    guess: dict[str, float]


class Dataset(ABC):
    """Data of one task, one seed and one batch size.  All arrays float64; the trainer converts to its dtype."""

    n_in: int
    n_out: int
    loss: Loss
    batches_per_epoch: int
    validation: Sequence  # chooses hyper-parameters; a masked lead-in may warm the state up
    test: Sequence  # evaluated once, with the final weights

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

    @property
    def label(self) -> str:
        """What tables and figures call it."""
        return getattr(self, "name", type(self).__name__)

    def data(self, seed: int, batch_size: int) -> Dataset:
        """Make the data; raises an :class:`neuroperturb.spec.InputError` where they cannot be made."""
        raise NotImplementedError
