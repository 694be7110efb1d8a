"""Gradient learners, with the interface of :class:`neuroperturb.simulation.learner.Perturbed`; a sequence is one chunk."""

from __future__ import annotations

import numpy as np

from neuroperturb.baselines.eprop import Eprop
from neuroperturb.baselines.forward import from_matrices
from neuroperturb.baselines.forward_trainer import FORWARD, ForwardTrainer
from neuroperturb.baselines.gradient_trainer import GradientTrainer
from neuroperturb.baselines.on_arrays import ArrayBptt
from neuroperturb.baselines.rflo import Rflo
from neuroperturb.baselines.rtrl import Rtrl
from neuroperturb.baselines.through_worlds import WorldBpttTrainer
from neuroperturb.baselines.trainer import Bptt, BpttTrainer
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.rnn import LEARNT, RNN, Matrices
from neuroperturb.simulation.schedule import Training
from neuroperturb.tasks.contract import Dataset

TRAINERS = {"bptt": BpttTrainer, **dict.fromkeys(FORWARD, ForwardTrainer)}  # by the name of a rule


def trainer_of(rule: Bptt | Rtrl | Rflo | Eprop, dataset: Dataset) -> type[GradientTrainer]:
    """The class of the trainer of a rule, on data or in a world."""
    return TRAINERS[rule.name] if dataset.world is None else WorldBpttTrainer


class Exact:
    """Learning by the exact gradient, a truncated one, or a forward-mode approximation.

    Parameters
    ----------
    network, rule, training, initial : network, learning rule, schedule, and initial weights
    dataset : of the task
    total_steps : time steps of the run, for a schedule of the rate
    """

    phases = ("learn",)

    def __init__(
        self, network: RNN, rule: Bptt | Rtrl | Rflo | Eprop, training: Training, initial: Matrices, *, dataset: Dataset,
        total_steps: int = 0,
    ):  # fmt: skip
        weights = from_matrices(initial, np.dtype(training.dtype).type)
        make = trainer_of(rule, dataset)
        self.trainer = make(
            weights, dataset, rule, leak=network.leaks, bias=network.bias, activation=network.activation, schedule=training.schedule,
            sites=network.sites(dataset.n_in, dataset.n_out), frozen=training.frozen, seed=training.seed, total_steps=total_steps,
        )  # fmt: skip
        self.loss, self.diverged_step = np.zeros(2), -1

    def present(self, number: int, sequence, phase: int, first: int) -> int:
        """Present a sequence; returns the next step, -1 if the loss diverged."""
        del phase, first  # there is one of each
        loss = self.trainer.batch(number)
        self.loss += loss, 1
        return len(sequence.inputs) if np.isfinite(loss) else -1

    def end_sequence(self) -> None:
        """Nothing: a step of the optimiser is inside :meth:`present`."""

    def row(self) -> dict:
        """Columns of the history that apply only to a perturbed network: none."""
        return {"twin_distance": float("nan"), "skipped": 0}

    def stored(self) -> dict[str, np.ndarray]:
        """The learnt matrices as they lie in memory, (m, n)."""
        return dict(zip(LEARNT, self.trainer.weights[:3], strict=True))

    def weights(self) -> Matrices:
        w = self.trainer.weights
        return Matrices(*(np.array(m.T, order="C") for m in w))  # copies, of a single column too

    def evaluate(self, sequence) -> np.ndarray:
        return self.trainer.evaluate(sequence)

    def checkpoint(self) -> dict[str, np.ndarray]:
        return {"loss": self.loss, **self.trainer.checkpoint()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.loss[:] = state["loss"]
        self.trainer.restore(state)


class ExactOnArrays:
    """Learning by the exact gradient, with forward passes and writes through the same arrays.

    Parameters
    ----------
    network, rule, training, initial, dataset, total_steps : as of :class:`Exact`
    hardware : of the network
    """

    phases = ("learn",)

    def __init__(
        self, network: RNN, rule: Bptt, training: Training, initial: Matrices, *, dataset: Dataset, hardware: Chip,
        total_steps: int = 0,
    ):  # fmt: skip
        self.trainer = ArrayBptt(
            network, dataset, rule, initial, hardware=hardware, schedule=training.schedule, batch=training.batch_size,
            dtype=training.dtype, seed=training.seed, frozen=training.frozen, total_steps=total_steps,
        )  # fmt: skip
        self.loss, self.diverged_step = np.zeros(2), -1
        self.weights, self.evaluate = self.trainer.weights, self.trainer.evaluate
        self.simulation = self.trainer.simulation

    present, row, checkpoint, restore = Exact.present, Exact.row, Exact.checkpoint, Exact.restore
