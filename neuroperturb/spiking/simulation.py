"""A spiking network on its arrays, learning by one rule: a simulation of spiking neurons with access to the spikes."""

from __future__ import annotations

from typing import Any

import numpy as np

from neuroperturb.network.lif import LIF
from neuroperturb.network.rnn import RNN, Matrices
from neuroperturb.rules import PerturbationRule
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.spiking.neurons import SpikingNeurons
from neuroperturb.tasks.contract import Sequence


class SpikingSimulation(Simulation):
    """The state of a spiking network and its learning; parameters as in :class:`neuroperturb.simulation.simulation.Simulation`, and

    lif : the neurons
    recorded_steps : steps of the task whose spikes are recorded while learning, from the first
    """

    def __init__(
        self,
        network: RNN,
        rule: PerturbationRule,
        initial: Matrices,
        *,
        lif: LIF,
        recorded_steps: int = 0,
        **options: Any,
    ):
        super().__init__(network, rule, initial, neurons=SpikingNeurons(lif, recorded_steps), **options)

    def raster(self, sequence: Sequence) -> np.ndarray:
        """Spikes of the clean network, bool (B, T · substeps, n), from rest unless the sequence does not start with a reset."""
        data = self.prepare(sequence)
        T, B = data.inputs.shape[:2]
        act = self.neurons.activity(self.setup, 1, B, recorded_steps=T)
        with self.observing():
            self.clean_outputs(data, act)
        return act.raster.astype(bool)

    def recorded(self) -> np.ndarray:
        """Spikes of the recorded steps of learning, bool (K, steps · substeps, n)."""
        return self.run.act.raster.astype(bool)
