"""The interface between the training loop and a learner."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from neuroperturb.network.rnn import Matrices
from neuroperturb.tasks.contract import Sequence


class Learner(Protocol):
    """The interface between the training loop and a learner.

    phases : names of the passes over a sequence; the last one learns
    loss : (sum, count) of the training loss; set to zero at the start of an epoch
    diverged_step : step of the run with a non-finite loss, -1 for none
    """

    phases: tuple[str, ...]
    loss: np.ndarray
    diverged_step: int

    def present(self, number: int, sequence: Sequence, phase: int, first: int) -> int:
        """Present a chunk of a sequence from step `first`; returns the next step, -1 if the loss diverged."""

    def end_sequence(self) -> None:
        """Write what a sequence summed, where that is a step of its own; :meth:`present` does it, after the last chunk."""

    def row(self) -> dict:
        """Additional columns of the history."""

    def weights(self) -> Matrices:
        """The present weights."""

    def evaluate(self, sequence: Sequence) -> np.ndarray:
        """Outputs of the clean network, (T, B, n_out)."""

    def checkpoint(self) -> dict[str, np.ndarray]:
        """All state by name, for the caller to copy; :meth:`restore` continues from it, bit for bit."""

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Restore a checkpoint."""


class OnComputer(Learner, Protocol):
    """A learner whose weights are numbers in memory."""

    def stored(self) -> dict[str, np.ndarray]:
        """W_in, W_rec and W_out as they lie in memory, (m, n), W[j, i] from j to i; of a network without hardware."""
