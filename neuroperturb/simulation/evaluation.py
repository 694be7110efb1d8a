"""Clean passes of the network: for evaluations, which do not affect the run, and for learners that need every step."""

from __future__ import annotations

from typing import Any

import numpy as np

from hardware_models.numerics.record import record
from neuroperturb.simulation.configuration import Setup
from neuroperturb.simulation.handles import Handles
from neuroperturb.simulation.loops import Loops
from neuroperturb.simulation.neurons import NeuronModel
from neuroperturb.simulation.observation import Observation
from neuroperturb.simulation.prepared import Prepared
from neuroperturb.tasks.worlds.contract import CompiledWorld
from neuroperturb.tasks.worlds.environment import make_state

CHUNK = 1000  # steps between two points at which Python can be interrupted


class Evaluation:
    """Clean passes through one network.

    block : number of trials per read of its arrays
    """

    def __init__(
        self, setup: Setup, model: NeuronModel, handles: Handles, loops: Loops, observing: Observation, block: int
    ):
        self._setup, self._model, self._handles, self._loops = setup, model, handles, loops
        self._observing, self._block = observing, block

    def outputs(self, data: Prepared) -> np.ndarray:
        """Outputs (T, B, n_out) from zero state, unless the sequence does not start with a reset; the run is not affected."""
        B = data.inputs.shape[1]
        block = B if self._observing.plain else self._block
        with self._observing():
            outputs = [self._of_trials(data, slice(b, min(b + block, B))) for b in range(0, B, block)]
        return outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=1)

    def _of_trials(self, data: Prepared, trials: slice) -> np.ndarray:
        if self._setup.world is not None:
            return self._play(self._setup.world, data.condition[trials], len(data.inputs))
        inputs = np.ascontiguousarray(data.inputs[:, trials])
        act = self._model.activity(self._setup, 1, inputs.shape[1])
        return self.run(act, inputs, data.reset, chunk=CHUNK)

    def _play(self, world: CompiledWorld, numbers: np.ndarray, steps: int) -> np.ndarray:
        """Rewards (T, B, 1) of trials by number; the motor is as the run has it."""
        setup = self._setup
        trials = make_state(world, setup.seed, len(numbers), setup.dtype)
        trials.trial[:], trials.strength[:] = numbers, self._handles.state.world.strength
        rewards = np.zeros((steps, len(numbers), 1))
        act = self._model.activity(setup, 1, len(numbers))
        outside = () if world.outside is None else (world.outside,)
        self._loops.evaluate(*self._handles.clean_pass(act), record(trials), rewards, *outside)
        return rewards

    def run(self, act: Any, inputs: np.ndarray, reset: np.ndarray, *, chunk: int) -> np.ndarray:
        """Outputs of a clean pass that updates `act`, an activity of one pass."""
        T, B = inputs.shape[:2]
        outputs = np.zeros((T, B, self._setup.sizes[2]), self._setup.dtype)
        network = self._handles.clean_pass(act)
        for t in range(0, T, chunk):
            part = slice(t, min(t + chunk, T))
            self._loops.evaluate(*network, inputs[part], reset[part], outputs[part])
        return outputs

    def record(self, data: Prepared, act: Any, passed: Any) -> None:
        """A clean pass that is part of the run, from the state in `act`; every step is stored in `passed`."""
        self._loops.record(*self._handles.clean_pass(act), data.inputs, data.reset, record(passed))
