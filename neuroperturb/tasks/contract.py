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


class Task(Spec):
    """A specification of data to learn from.  Subclasses set `name` (a Literal) and the class variables."""

    schedule: ClassVar[Literal["online", "episode"]] = "online"  # the natural one; a run may choose the other
    default_batch_size: ClassVar[int] = 1

    def data(self, seed: int, batch_size: int) -> Dataset:
        """Make the data; raises an :class:`neuroperturb.spec.InputError` where they cannot be made."""
        raise NotImplementedError
