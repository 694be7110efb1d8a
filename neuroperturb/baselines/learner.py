"""Learners by the gradient, with the face of :class:`neuroperturb.simulation.learner.Perturbed`."""

from __future__ import annotations

import functools

import numpy as np

from neuroperturb.baselines import BpttTrainer, ForwardTrainer, from_matrices
from neuroperturb.baselines.trainer import Bptt
from neuroperturb.experiment.experiment import Experiment
from neuroperturb.network.rnn import Matrices
from neuroperturb.tasks import Dataset


class Exact:
    """Learning by the exact gradient, a truncated one, or what can be carried forward of it; a sequence is one chunk."""

    phases = ("learn",)

    def __init__(self, experiment: Experiment, dataset: Dataset, initial: Matrices, steps: int, total_steps: int):
        del steps, total_steps  # its rates are constant
        network, training = experiment.network, experiment.training
        weights = from_matrices(initial, np.dtype(training.dtype).type)
        make = (
            BpttTrainer if isinstance(experiment.rule, Bptt) else functools.partial(ForwardTrainer, seed=training.seed)
        )
        self.trainer = make(
            weights, dataset, experiment.rule, leak=network.leak, bias=network.bias, schedule=training.schedule,
            frozen=training.frozen,
        )  # fmt: skip
        self.loss, self.diverged_step = np.zeros(2), -1

    def present(self, number: int, sequence, phase: int, first: int) -> int:
        loss = self.trainer.batch(number)
        self.loss += loss, 1
        return len(sequence.inputs) if np.isfinite(loss) else -1

    def row(self) -> dict:
        return {"twin_distance": float("nan"), "skipped": 0}

    def weights(self) -> Matrices:
        w = self.trainer.weights
        return Matrices(*(np.array(m.T, order="C") for m in w))  # copies, of a single column too

    def evaluate(self, sequence) -> np.ndarray:
        from neuroperturb.baselines import run_clean

        return run_clean(self.trainer.weights, sequence, leak=self.trainer.leak, bias=self.trainer.bias)[0]

    def checkpoint(self) -> dict[str, np.ndarray]:
        return {"loss": self.loss, **self.trainer.checkpoint()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.loss[:] = state["loss"]
        self.trainer.restore(state)


class ExactOnArrays:
    """Learning by the exact gradient, forward and written through the same arrays; a sequence is one chunk."""

    phases = ("learn",)

    def __init__(self, experiment: Experiment, dataset: Dataset, initial: Matrices, steps: int, total_steps: int):
        from neuroperturb.baselines.on_arrays import ArrayBptt

        del steps, total_steps
        training = experiment.training
        self.trainer = ArrayBptt(
            experiment.network, dataset, experiment.rule, initial, hardware=experiment.hardware, schedule=training.schedule,
            batch=training.batch_size, dtype=training.dtype, seed=training.seed, frozen=training.frozen,
        )  # fmt: skip
        self.loss, self.diverged_step = np.zeros(2), -1
        self.weights, self.evaluate = self.trainer.weights, self.trainer.evaluate
        self.simulation = self.trainer.simulation

    present, row, checkpoint, restore = Exact.present, Exact.row, Exact.checkpoint, Exact.restore
