"""Learners of spiking networks, with the face that :mod:`neuroperturb.training.trainer` knows."""

from __future__ import annotations

from neuroperturb.baselines.trainer import Bptt
from neuroperturb.experiment.experiment import Experiment
from neuroperturb.network.lif import Brian2
from neuroperturb.simulation.learner import Perturbed
from neuroperturb.spec import SpecError
from neuroperturb.spiking.simulation import SpikingSimulation


class Spiking(Perturbed):
    """Learning by a perturbation rule, spiking neurons in the compiled kernel."""

    def _simulation(self, experiment: Experiment, *arguments, **options) -> SpikingSimulation:
        return SpikingSimulation(*arguments, lif=experiment.spiking, **options)


def learner(experiment: Experiment) -> type:
    """What learns an experiment with spiking neurons."""
    if isinstance(experiment.rule, Bptt):
        raise SpecError(
            "The 'rule' parameter must be a perturbation rule for spiking neurons, which have no exact gradient. Got 'bptt'."
        )
    if isinstance(experiment.spiking.backend, Brian2):
        from neuroperturb.spiking.brian_learner import BrianSpiking

        return BrianSpiking
    return Spiking
