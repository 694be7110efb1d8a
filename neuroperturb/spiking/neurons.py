"""Spiking neurons for a simulation: their activity, parameters and time step, and unsupported settings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroperturb.network.activation import TANH
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.dynamics import Layers, NeuronNumbers
from neuroperturb.network.lif import LIF
from neuroperturb.network.rnn import LEARNT, RNN
from neuroperturb.rules import PerturbationRule
from neuroperturb.simulation.configuration import Setup
from neuroperturb.spec import SpecError
from neuroperturb.spiking.kernel import SpikingPlan
from neuroperturb.spiking.model import EVALUATION, SpikingActivity, spiking_activity, spiking_numbers


class SpikingNeurons(NamedTuple):
    """Leaky integrate-and-fire neurons in the compiled kernel; a model for :class:`neuroperturb.simulation.simulation.Simulation`.

    lif : the neurons
    recorded_steps : steps of the task whose spikes are recorded while learning, from the first
    """

    lif: LIF
    recorded_steps: int = 0

    def require_fit(
        self, network: RNN, rule: PerturbationRule, *, decorrelation: Decorrelation | None = None, resynchronise: int = 0,
        hardware: Chip | None = None,
    ) -> None:  # fmt: skip
        require_fit(
            network, rule, decorrelation=decorrelation, resynchronise=resynchronise, hardware=hardware, lif=self.lif
        )

    def activity(self, setup: Setup, passes: int, batch: int, *, recorded_steps: int = 0) -> SpikingActivity:
        """At rest; input spikes have separate step numbers."""
        return self._activity(setup, passes, batch, EVALUATION, recorded_steps)

    def state(self, setup: Setup) -> tuple[SpikingActivity, NeuronNumbers]:
        alpha, t = setup.network.leak, setup.dtype.type
        numbers = spiking_numbers(self.lif, setup.seed, setup.dtype, setup.sizes[0])
        act = self._activity(setup, setup.passes, setup.batch, 0, self.recorded_steps)
        return act, NeuronNumbers(t(alpha), t(1) - t(alpha), setup.sign, numbers)

    def _activity(self, setup: Setup, passes: int, batch: int, clock: int, steps: int) -> SpikingActivity:
        rows = steps * self.lif.substeps
        return spiking_activity(
            passes,
            batch,
            setup.sizes,
            setup.network.bias,
            setup.dtype,
            clock=clock,
            rows=rows,
            adapts=self.lif.adapts,
            slots=self.lif.slots,
        )

    def forward_plan(self, setup: Setup, sweeps: Layers) -> SpikingPlan:
        injected = setup.rule.structure.noise.injected
        return SpikingPlan(
            sweeps, self.lif.encoding.kind, injected, self.lif.adapts, self.lif.slots > 0, self.lif.late_by_synapse
        )

    def is_plain(self, setup: Setup) -> bool:
        del setup  # they spike
        return False

    def has_circuits(self, chip: Chip) -> bool:
        del chip  # it may hold none
        return False

    def has_own_traces(self) -> bool:
        return True  # s̄ of synapses, r of the readout

    def separation(self, act: SpikingActivity, batch: int) -> np.ndarray:
        r = act.xh.astype(np.float64)
        return r[batch:] - r[:batch]


def require_fit(
    network: RNN, rule: PerturbationRule, *, decorrelation: Decorrelation | None = None, resynchronise: int = 0,
    hardware: Chip | None = None, lif: LIF | None = None,
) -> None:  # fmt: skip
    """Reject settings that spiking neurons do not support, in one sentence."""
    _require_rule(rule)
    if decorrelation is not None:
        raise SpecError("decorrelation", wanted="left out for spiking neurons: spikes cannot be decorrelated")
    if network.leak != 1:
        wanted = "1 for spiking neurons, whose leak is 'spiking.tau_membrane'"
        raise SpecError("network.leak", wanted=wanted, got=network.leak)
    if network.activation != TANH:
        wanted = "left out for spiking neurons, which have thresholds in place of it"
        raise SpecError("network.activation", wanted=wanted, got=network.activation.kind)
    if resynchronise and rule.baseline.paired:
        wanted = "0 for an antithetic pair of spiking neurons: two spike trains have no mean to continue from"
        raise SpecError("training.resynchronise", wanted=wanted, got=resynchronise)
    if lif is not None:
        lif.require_neurons(network.size)
    if hardware is not None:
        _require_chip(hardware)


def _require_rule(rule: PerturbationRule) -> None:
    """Reject values of a rule's axes that spiking neurons do not support."""
    for axis, wanted in WANTED.items():
        value = getattr(rule, axis)
        if not value.facts.spiking:
            raise SpecError(f"rule.{axis}", wanted=wanted, got=value.kind)


WANTED = {
    "probe": "'injected' or 'activity' for spiking neurons: a spike reads a row of unperturbed weights",
    "baseline": "'clean_twin', 'antithetic', 'running_mean' or 'per_condition' for spiking neurons",
    "presynaptic": "'activity', 'whitened' or 'inverse' for spiking neurons",
}


def _require_chip(chip: Chip) -> None:
    """Reject hardware whose reads involve more than the row of weights of a spike."""
    if chip.neurons != type(chip.neurons)():
        wanted = "left out for spiking neurons, which are themselves circuits"
        raise SpecError("hardware.neurons", wanted=wanted)
    for name in LEARNT:
        made_of = chip.of(name)
        for part in ("reading", "time"):
            if getattr(made_of, part) is not None and name != "W_out":
                model = type(getattr(made_of, part)).__name__
                wanted = f"left out for spiking neurons: spikes read single rows of {name}, but {model} is a model of reads of a whole array"
                raise SpecError(f"hardware.{part}", wanted=wanted)
