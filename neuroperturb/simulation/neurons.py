"""The interface between a simulation and its neurons: a model allocates its activity and state, and has its own time step.

Rate units are here; spiking ones are :class:`neuroperturb.spiking.neurons.SpikingNeurons`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from hardware_models.array import SynapseArray
from hardware_models.crossbar.state import Absent
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.dynamics import ForwardPlan, Layers, NetworkActivity, NeuronNumbers, make_activity
from neuroperturb.network.rnn import DECORRELATING, RNN
from neuroperturb.rules import PerturbationRule
from neuroperturb.simulation.configuration import Setup


class NeuronModel(Protocol):
    """The interface of neurons."""

    def require_fit(
        self, network: RNN, rule: PerturbationRule, *, decorrelation: Decorrelation | None, resynchronise: int, hardware: Chip | None
    ) -> None:  # fmt: skip
        """Reject, in one sentence, settings that these neurons do not support."""

    def activity(self, setup: Setup, passes: int, batch: int) -> Any:
        """Initial activity of `passes` times `batch` columns, for reads outside the run."""

    def state(self, setup: Setup) -> tuple[Any, NeuronNumbers]:
        """Activity of the run itself, and the numbers and state of the neurons."""

    def forward_plan(self, setup: Setup, sweeps: Layers) -> Any:
        """The plan of a time step: `injected`, whether noise is added, and `make()`, which returns the kernel."""

    def is_plain(self, setup: Setup) -> bool:
        """Whether a time step is W_in, W_rec, x ← (1 − α) x + α f(a) and W_out, and nothing else."""

    def has_circuits(self, chip: Chip) -> bool:
        """Whether they are circuits whose state changes when they are read."""

    def has_own_traces(self) -> bool:
        """Whether recurrent synapses have a trace of their own, `before` of this step; else it is that of the readout, a step before."""

    def separation(self, act: Any, batch: int) -> np.ndarray:
        """The difference between the second pass and the first, (B, n) float64."""


def has_circuits(chip: Chip) -> bool:
    """Whether hidden units are anything other than x ← (1 − α) x + α f(a)."""
    return chip.neurons != type(chip.neurons)()


def _is_identity(array: SynapseArray) -> bool:
    return np.array_equal(array.read(), np.eye(array.shape[0]))


class RateNeurons(NamedTuple):
    """x ← (1 − α) x + α f(a), or circuits of :mod:`hardware_models.neurons` instead."""

    def require_fit(self, network, rule, *, decorrelation, resynchronise, hardware) -> None:
        del network, rule, decorrelation, resynchronise, hardware  # they support everything

    def activity(self, setup: Setup, passes: int, batch: int) -> NetworkActivity:
        n, n_in, n_out = setup.sizes
        act = make_activity(passes, batch, n_in, n, n_out, setup.network.bias, setup.dtype)
        if not setup.independent:
            return act
        return act._replace(xi=setup.zeros(2 * batch, n), xi_y=setup.zeros(2 * batch, n_out))

    def state(self, setup: Setup) -> tuple[NetworkActivity, NeuronNumbers]:
        circuits = Absent()
        if has_circuits(setup.chip):
            circuits = setup.chip.neurons.state(setup.network.size, setup.chip_seed, dtype=setup.dtype)
        numbers = NeuronNumbers(*setup.network.leak_pair(setup.dtype), setup.sign, circuits)
        return self.activity(setup, setup.passes, setup.batch), numbers

    def forward_plan(self, setup: Setup, sweeps: Layers) -> ForwardPlan:
        """A matrix D is used if it is enabled, or if it was given as something other than the identity."""
        return ForwardPlan(
            sweeps,
            decorrelate_input=setup.decorrelation.input or not _is_identity(setup.arrays["D_in"]),
            decorrelate_state=setup.decorrelation.state or not _is_identity(setup.arrays["D_rec"]),
            injected=setup.rule.structure.noise.injected,
            circuits=has_circuits(setup.chip),
            value=setup.network.activation.curve().value,
            shared_leak=setup.network.shared_leak,
        )

    def is_plain(self, setup: Setup) -> bool:
        decorrelating = setup.decorrelation.input or setup.decorrelation.state
        identities = all(_is_identity(setup.arrays[name]) for name in DECORRELATING)
        return identities and not decorrelating and not has_circuits(setup.chip)

    def has_circuits(self, chip: Chip) -> bool:
        return has_circuits(chip)

    def has_own_traces(self) -> bool:
        return False

    def separation(self, act: NetworkActivity, batch: int) -> np.ndarray:
        return (act.x[batch:] - act.x[:batch]).astype(np.float64)
