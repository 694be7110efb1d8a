"""The history of a run: a row for each epoch, with its losses and weight changes."""

from __future__ import annotations

import numpy as np

from neuroperturb.network.rnn import LEARNT, Matrices, spectral_radius
from neuroperturb.training.learner import Learner

NAN = float("nan")


class History:
    """Rows of epochs, and the reference for the next one.

    rows : dicts, see :data:`neuroperturb.results.columns.HISTORY`
    before : weights at the start of the epoch
    seconds : of the epoch so far, without compilation
    """

    def __init__(self, weights: Matrices):
        self.rows: list[dict] = []
        self.before, self.seconds = weights, 0.0

    def last(self, column: str) -> float:
        """Validation loss of the last row; nan before the first."""
        return self.rows[-1][column] if self.rows else NAN

    def stalled(self, patience: int | None) -> bool:
        """Whether none of the last `patience` epochs has a smaller validation loss than the best before them; never if it is None."""
        if patience is None or len(self.rows) <= patience:
            return False
        losses = [row["validation_loss"] for row in self.rows]
        return not min(losses[-patience:]) < min(losses[:-patience])

    def end_epoch(self, learner: Learner, *, step: int, validation_loss: float, diverged: bool) -> None:
        """Add the row of an epoch, and start the next."""
        weights, loss = learner.weights(), learner.loss
        with np.errstate(all="ignore"):  # a diverged run has rows too
            moved = {
                f"d{name}": float(np.linalg.norm(getattr(weights, name) - getattr(self.before, name)))
                for name in LEARNT
            }
            self.rows.append(
                {
                    "epoch": len(self.rows) + 1,
                    "step": step,
                    "train_loss": NAN if diverged or loss[1] == 0 else float(loss[0] / loss[1]),
                    "validation_loss": validation_loss,
                    **moved,
                    "spectral_radius": spectral_radius(weights.W_rec),
                    **learner.row(),
                    "seconds": self.seconds,
                }
            )
        self.before, self.seconds = weights, 0.0
        loss[:] = 0

    def checkpoint(self) -> dict[str, np.ndarray]:
        """Weights at the start of the epoch, by name; rows are in the record itself."""
        return {name: np.array(w) for name, w in self.before._asdict().items()}

    def restore(self, rows: list[dict], before: dict[str, np.ndarray]) -> None:
        """Continue from the rows and the checkpoint of a record."""
        self.rows = rows
        kept = Matrices(*(np.array(before[name]) for name in Matrices._fields))
        for name, own, other in zip(Matrices._fields, self.before, kept, strict=True):
            if own.shape != other.shape:
                raise ValueError(f"{name} at the start of its epoch is {other.shape} and not {own.shape}")
        self.before = kept
