"""The learner of an experiment: the only place that lists all of them.

rule                 rate units                                    spiking neurons
a perturbation       Perturbed                                     Perturbed in the kernel, BrianSpiking in Brian2
bptt                 Exact; on hardware ExactOnArrays              –
rtrl, rflo, eprop    Exact                                         –
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import cast

from neuroperturb.baselines import FORWARD
from neuroperturb.baselines.learner import Exact, ExactOnArrays
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.network.rnn import Matrices
from neuroperturb.simulation.learner import Perturbed
from neuroperturb.spec import SpecError
from neuroperturb.spiking.brian_learner import BrianSpiking
from neuroperturb.spiking.simulation import SpikingSimulation
from neuroperturb.tasks.contract import Dataset
from neuroperturb.training.contract import Learner as Learner
from neuroperturb.training.contract import OnComputer
from neuroperturb.training.modified import Modified


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
    learner = made(experiment, dataset, initial, {"steps": steps, "total_steps": total_steps})
    if experiment.modifier is None:
        return learner
    return Modified(cast(OnComputer, learner), experiment.modifier, experiment.training.seed)


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
