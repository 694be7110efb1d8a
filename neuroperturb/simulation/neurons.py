"""Neurons as a simulation knows them: a model lays out its own activity and state, and has its own time step.

Rate units are here; spiking ones, with a room of their own, are :class:`neuroperturb.spiking.neurons.SpikingNeurons`.
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
    """What a simulation needs of its neurons."""

    def require_fit(
        self, network: RNN, rule: PerturbationRule, *, decorrelation: Decorrelation | None, resynchronise: int, hardware: Chip | None
    ) -> None:  # fmt: skip
        """Refuse, in one sentence, what these neurons cannot do."""

    def activity(self, setup: Setup, passes: int, batch: int) -> Any:
        """Activity of `passes` times `batch` columns, as before the first step, for reads that are no part of the run."""

    def state(self, setup: Setup) -> tuple[Any, NeuronNumbers]:
        """Activity of the run itself, and the numbers and state of the neurons."""

    def forward_plan(self, setup: Setup, sweeps: Layers) -> Any:
        """What a time step is compiled for: `injected`, whether noise is added, and `make()`, the kernel."""

    def is_plain(self, setup: Setup) -> bool:
        """Whether a time step is W_in, W_rec, x ← (1 − α) x + α tanh(a) and W_out, and nothing else."""

    def has_circuits(self, chip: Chip) -> bool:
        """Whether they are circuits whose state moves when they are read."""

    def separation(self, act: Any, batch: int) -> np.ndarray:
        """What sets the second pass apart from the first, (B, n) float64."""


def has_circuits(chip: Chip) -> bool:
    """Whether hidden units are anything but x ← (1 − α) x + α tanh(a)."""
    return chip.neurons != type(chip.neurons)()


def _is_identity(array: SynapseArray) -> bool:
    return np.array_equal(array.read(), np.eye(array.shape[0]))


class RateNeurons(NamedTuple):
    """x ← (1 − α) x + α tanh(a), or circuits of :mod:`hardware_models.neurons` in their place."""

    def require_fit(self, network, rule, *, decorrelation, resynchronise, hardware) -> None:
        del network, rule, decorrelation, resynchronise, hardware  # they can do everything

    def activity(self, setup: Setup, passes: int, batch: int) -> NetworkActivity:
        n, n_in, n_out = setup.sizes
        act = make_activity(passes, batch, n_in, n, n_out, setup.network.bias, setup.dtype)
        if not setup.independent:
            return act
        return act._replace(xi=setup.zeros(2 * batch, n), xi_y=setup.zeros(2 * batch, n_out))

    def state(self, setup: Setup) -> tuple[NetworkActivity, NeuronNumbers]:
        alpha, t, circuits = setup.network.leak, setup.dtype.type, Absent()
        if has_circuits(setup.chip):
            circuits = setup.chip.neurons.state(setup.network.size, setup.chip_seed, dtype=setup.dtype)
        numbers = NeuronNumbers(t(alpha), t(1) - t(alpha), setup.sign, circuits)
        return self.activity(setup, setup.passes, setup.batch), numbers

    def forward_plan(self, setup: Setup, sweeps: Layers) -> ForwardPlan:
        """A matrix D takes part where it is wanted, or where it came as something else than the identity."""
        return ForwardPlan(
            sweeps,
            decorrelate_input=setup.decorrelation.input or not _is_identity(setup.arrays["D_in"]),
            decorrelate_state=setup.decorrelation.state or not _is_identity(setup.arrays["D_rec"]),
            injected=setup.rule.structure.noise.injected,
            circuits=has_circuits(setup.chip),
        )

    def is_plain(self, setup: Setup) -> bool:
        decorrelating = setup.decorrelation.input or setup.decorrelation.state
        identities = all(_is_identity(setup.arrays[name]) for name in DECORRELATING)
        return identities and not decorrelating and not has_circuits(setup.chip)

    def has_circuits(self, chip: Chip) -> bool:
        return has_circuits(chip)

    def separation(self, act: NetworkActivity, batch: int) -> np.ndarray:
        return (act.x[batch:] - act.x[:batch]).astype(np.float64)
