"""The learner of an experiment: the only place that lists all of them.

rule                 rate units                                    spiking neurons
a perturbation       Perturbed                                     Perturbed in the kernel, BrianSpiking in Brian2
bptt                 Exact; on hardware ExactOnArrays              –
rtrl, rflo, eprop    Exact                                         –
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Protocol

import numpy as np

from neuroperturb.baselines import FORWARD
from neuroperturb.baselines.learner import Exact, ExactOnArrays
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.network.rnn import Matrices
from neuroperturb.simulation.learner import Perturbed
from neuroperturb.spec import SpecError
from neuroperturb.spiking.brian_learner import BrianSpiking
from neuroperturb.spiking.simulation import SpikingSimulation
from neuroperturb.tasks.contract import Dataset, Sequence


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


def make_learner(experiment: Experiment, dataset: Dataset, initial: Matrices, steps: int, total_steps: int) -> Learner:
    """The learner of an experiment.

    Parameters
    ----------
    experiment : Experiment
    dataset : of its task
    initial : initial weights
    steps, total_steps : time steps of a sequence, and of the run
    """
    kind = "rate" if experiment.spiking is None else experiment.spiking.backend.kind
    made = LEARNERS.get((kind, experiment.rule.name))
    if made is None:
        raise SpecError(
            "rule", type(experiment).__name__, "a perturbation rule for spiking neurons, which have no exact gradient",
            experiment.rule.name,
        )  # fmt: skip
    return made(experiment, dataset, initial, {"steps": steps, "total_steps": total_steps})


def _of(experiment: Experiment) -> tuple:
    return experiment.network, experiment.rule, experiment.training


def _perturbed(
    experiment: Experiment, dataset: Dataset, initial: Matrices, length: dict[str, int], **options
) -> Learner:
    return Perturbed(
        *_of(experiment), initial, decorrelation=experiment.decorrelation, hardware=experiment.hardware, loss=dataset.loss,
        world=dataset.world, **length, **options,
    )  # fmt: skip


def _spiking(experiment: Experiment, dataset: Dataset, initial: Matrices, length: dict[str, int]) -> Learner:
    simulation = functools.partial(SpikingSimulation, lif=experiment.spiking)
    return _perturbed(experiment, dataset, initial, length, simulation=simulation)


def _in_brian(experiment: Experiment, dataset: Dataset, initial: Matrices, length: dict[str, int]) -> Learner:
    return BrianSpiking(
        *_of(experiment), initial, lif=experiment.spiking, dataset=dataset, decorrelation=experiment.decorrelation,
        hardware=experiment.hardware, **length,
    )  # fmt: skip


def _exact(experiment: Experiment, dataset: Dataset, initial: Matrices, length: dict[str, int]) -> Learner:
    total_steps = length["total_steps"]
    if experiment.hardware is None:
        return Exact(*_of(experiment), initial, dataset=dataset, total_steps=total_steps)
    return ExactOnArrays(
        *_of(experiment), initial, dataset=dataset, hardware=experiment.hardware, total_steps=total_steps
    )


LEARNERS: dict[tuple[str, str], Callable[..., Learner]] = {  # (backend of the neurons, name of the rule)
    ("rate", "perturbation"): _perturbed,
    ("kernel", "perturbation"): _spiking,
    ("brian2", "perturbation"): _in_brian,
    **{("rate", name): _exact for name in ("bptt", *FORWARD)},
}
