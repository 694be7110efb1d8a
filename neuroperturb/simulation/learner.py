"""Learning by a perturbation rule, in chunks of compiled steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hardware_models.numerics.compile_clock import working
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.rnn import LEARNT, RNN, Matrices
from neuroperturb.network.scalar_losses import ScalarLoss
from neuroperturb.rules import PerturbationRule
from neuroperturb.simulation.schedule import Training
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.tasks.contract import Loss
from neuroperturb.tasks.worlds.contract import CompiledWorld

CHUNK = 0.2  # seconds of compiled steps between two checks of the clock


class Perturbed:
    """Learning by a perturbation rule, on arrays.

    Parameters
    ----------
    network, rule, training, initial : network, learning rule, schedule, and initial weights
    decorrelation, hardware : specifications
    loss : of the task
    steps, total_steps : time steps of a sequence, and of the run
    world : that outputs act in, if there is one
    simulation : class of the simulation; other neurons use another
    """

    def __init__(
        self, network: RNN, rule: PerturbationRule, training: Training, initial: Matrices, *, decorrelation: Decorrelation | None,
        hardware: Chip | None, loss: Loss | ScalarLoss, steps: int, total_steps: int, world: CompiledWorld | None = None,
        simulation: Callable[..., Simulation] = Simulation,
    ):  # fmt: skip
        self.simulation = simulation(
            network, rule, initial, decorrelation=decorrelation, loss=loss, schedule=training.schedule, batch=training.batch_size,
            steps=steps, total_steps=total_steps, dtype=training.dtype, seed=training.seed, resynchronise=training.resynchronise,
            frozen=training.frozen, hardware=hardware, **({} if world is None else {"world": world}),
        )  # fmt: skip
        self.phases = self.simulation.phases
        self._rate = 0.0  # steps per second, from the last chunk
        self._prepared = None, None

    def present(self, number: int, sequence, phase: int, first: int) -> int:
        """Present a chunk; returns the next step, -1 if the loss diverged."""
        if self._prepared[0] != number:
            self._prepared = number, self.simulation.prepare(sequence)
        data = self._prepared[1]
        T = len(data.inputs)
        self.simulation.run.counters.sequence[0] = number
        last = min(T, first + max(1, int(CHUNK * self._rate))) if self.simulation.divisible else T
        start = working()
        done = self.simulation.present(data, self.phases[phase], first, last)
        self._rate = (last - first) / max(working() - start, 1e-9) if self._rate else 16 / CHUNK
        return done if done == last else -1

    def end_sequence(self) -> None:
        """Write what an episode summed."""
        self.simulation.finish()

    @property
    def loss(self) -> np.ndarray:
        """(sum, count) of the training loss; set to zero at the start of an epoch."""
        return self.simulation.run.counters.loss

    @property
    def diverged_step(self) -> int:
        return int(self.simulation.run.counters.diverged[0])

    def row(self) -> dict:
        """Columns of the history specific to a perturbed network."""
        return {
            "twin_distance": self.simulation.twin_distance(),
            "skipped": int(self.simulation.run.counters.skipped[0]),
        }

    def stored(self) -> dict[str, np.ndarray]:
        """The learnt matrices as they lie in memory, (m, n); of ideal cells, whose scale is 1."""
        arrays = self.simulation.arrays
        return {name: arrays[name].state.cells.w[0, :, : arrays[name].shape[0]] for name in LEARNT}

    def weights(self) -> Matrices:
        return self.simulation.weights()

    def evaluate(self, sequence) -> np.ndarray:
        return self.simulation.evaluate(sequence)

    def checkpoint(self) -> dict[str, np.ndarray]:
        return self.simulation.live_state()

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.simulation.restore(state)
