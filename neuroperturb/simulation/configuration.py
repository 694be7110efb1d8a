"""What a simulation is made of: specifications, arrays, and the sizes that follow from them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hardware_models.array import SynapseArray
from hardware_models.numerics import memory
from neuroperturb.network.chip.arrays import programmed
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.rnn import RNN, Matrices
from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.plan import Rule

MATRICES = Matrices._fields
STILL = Decorrelation(rate=0.0, state=False, input=False)
BLOCK_ROWS, BLOCK_STEPS = 8192, 128  # an episode is summed in blocks of at most so many rows and steps


class Setup(NamedTuple):
    """What a state is laid out for; see :class:`neuroperturb.simulation.simulation.Simulation`."""

    network: RNN
    rule: Rule
    decorrelation: Decorrelation
    chip: Chip
    arrays: dict[str, SynapseArray]
    lateral: SynapseArray
    schedule: str
    batch: int
    steps: int
    total_steps: int
    dtype: np.dtype
    seed: int
    resynchronise: int
    recorded: dict[str, np.ndarray]

    @property
    def online(self) -> bool:
        return self.schedule == "online"

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Hidden units, inputs without the bias, outputs."""
        return self.network.size, self.arrays["D_in"].shape[0], self.arrays["W_out"].shape[0]

    @property
    def chip_seed(self) -> int:
        return self.seed if self.chip.seed is None else self.chip.seed

    @property
    def passes(self) -> int:
        """Trajectories side by side."""
        return self.rule.facts.passes

    @property
    def independent(self) -> bool:
        """Whether each pass has noise of its own."""
        return self.rule.facts.independent

    @property
    def block_steps(self) -> int:
        """Steps of an episode that are summed together; late rewards are waited for."""
        steps = self.steps + self.chip.reward.delay
        return max(1, min(steps, BLOCK_STEPS, max(1, BLOCK_ROWS // self.batch)))

    @property
    def sign(self) -> np.ndarray:
        """Of the noise in each pass."""
        return np.array(self.rule.facts.sign, self.dtype)

    @property
    def rank(self) -> int:
        """Trials that a synapse distinguishes: one where they share the noise of its weight."""
        return 1 if self.rule.facts.one_draw_a_batch else self.batch

    def zeros(self, *shape: int) -> np.ndarray:
        return memory.zeros(shape, self.dtype)


def make_arrays(
    network_weights: Matrices, chip: Chip, seed: int, dtype, columns: int, decorrelation: Decorrelation = STILL
) -> dict[str, SynapseArray]:
    """An array for every matrix, programmed, with room to grow; array numbers are the order of `Matrices`."""
    largest = {"D_in": decorrelation.largest_input, "D_rec": decorrelation.largest_state}
    return {
        name: programmed(
            chip.of(name), W, largest=largest.get(name), dtype=dtype, seed=seed, number=number, columns=columns
        )
        for number, (name, W) in enumerate(zip(MATRICES, network_weights, strict=True))
    }


def make_lateral(rule: PerturbationRule, chip: Chip, size: int, seed: int, dtype, columns: int) -> SynapseArray:
    """The array of P, programmed to a multiple of the identity; of one cell where the rule has none."""
    n = size if rule.presynaptic.lateral else 1
    return programmed(
        chip.of("P"), rule.presynaptic.start * np.eye(n), largest=rule.presynaptic.largest, dtype=dtype, seed=seed,
        number=len(MATRICES), columns=columns,
    )  # fmt: skip
