"""The configuration of a simulation: specifications, arrays, and the sizes that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hardware_models.array import SynapseArray
from hardware_models.crossbar.sites import Sites
from hardware_models.numerics import memory
from neuroperturb.network.chip.arrays import programmed
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.rnn import RNN, Matrices
from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.plan import Rule
from neuroperturb.tasks.worlds.contract import CompiledWorld

MATRICES = Matrices._fields
MIN_COLUMNS = 64  # smallest number of columns per read of an array: an evaluation processes more trials in blocks
NOWHERE: Mapping[str, Sites | None] = {}  # of a network whose synapses are all there
STILL = Decorrelation(rate=0.0, state=False, input=False)
BLOCK_ROWS, BLOCK_STEPS = 8192, 128  # largest number of rows and steps in a block of an episode


class Setup(NamedTuple):
    """Configuration of a state; see :class:`neuroperturb.simulation.simulation.Simulation`."""

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
    world: CompiledWorld | None = None

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
        """Number of parallel trajectories."""
        return self.rule.facts.passes

    @property
    def independent(self) -> bool:
        """Whether the passes have independent noise."""
        return self.rule.facts.independent

    @property
    def block_steps(self) -> int:
        """Steps of an episode that are summed together, including the delay of the reward."""
        steps = self.steps + self.chip.reward.delay
        if self.rule.structure.passes.sampled:  # its credit needs the whole episode
            return max(1, steps)
        return max(1, min(steps, BLOCK_STEPS, max(1, BLOCK_ROWS // self.batch)))

    @property
    def whole(self) -> bool:
        """Whether the longest sequence of an episode, with what its rewards are late, is summed at once."""
        return self.steps + self.chip.reward.delay <= self.block_steps

    @property
    def sign(self) -> np.ndarray:
        """Sign of the noise in each pass."""
        return np.array(self.rule.facts.sign, self.dtype)

    @property
    def rank(self) -> int:
        """Number of trials that a synapse distinguishes: one if they share the noise of its weight."""
        return 1 if self.rule.facts.one_draw_a_batch else self.batch

    def zeros(self, *shape: int) -> np.ndarray:
        return memory.zeros(shape, self.dtype)


def columns_for(batch: int) -> int:
    """Columns of the arrays of a run: two trajectories of every trial."""
    return max(2 * batch, MIN_COLUMNS)


def make_arrays(
    network_weights: Matrices, chip: Chip, seed: int, dtype, columns: int, decorrelation: Decorrelation = STILL,
    sites: Mapping[str, Sites | None] = NOWHERE,
) -> dict[str, SynapseArray]:  # fmt: skip
    """A programmed array for every matrix, with room to grow; array numbers follow the order of `Matrices`."""
    largest = {"D_in": decorrelation.largest_input, "D_rec": decorrelation.largest_state}
    return {
        name: programmed(
            chip.of(name),
            W,
            largest=largest.get(name),
            dtype=dtype,
            seed=seed,
            number=number,
            columns=columns,
            sites=sites.get(name),
            matrix=name,
        )
        for number, (name, W) in enumerate(zip(MATRICES, network_weights, strict=True))
    }


def make_lateral(rule: PerturbationRule, chip: Chip, size: int, seed: int, dtype, columns: int) -> SynapseArray:
    """The array of P, programmed to a multiple of the identity; of one cell if the rule has none."""
    n = size if rule.presynaptic.lateral else 1
    return programmed(
        chip.of("P"), rule.presynaptic.start * np.eye(n), largest=rule.presynaptic.largest, dtype=dtype, seed=seed,
        number=len(MATRICES), columns=columns, matrix="P",
    )  # fmt: skip
