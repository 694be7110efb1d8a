"""Learning through modified weights: a learner whose matrices are others during every sequence, see :mod:`neuroperturb.network.modifiers`.

    at its begin   W ← W + ξ        at its end   W ← W − ξ,    which leaves what was learnt

In float32 that returns W bit for bit where nothing was learnt, since ξ is what rounding left of it.
"""

from __future__ import annotations

import numpy as np

from neuroperturb.network.modifiers import Draw, WeightModifier
from neuroperturb.network.rnn import LEARNT, Matrices
from neuroperturb.tasks.contract import Sequence
from neuroperturb.training.contract import OnComputer

PREFIX = "modifier."


class Modified:
    """A learner through modified weights.

    Parameters
    ----------
    learner : whose weights are on a computer
    modifier, seed : of the draws
    """

    def __init__(self, learner: OnComputer, modifier: WeightModifier, seed: int):
        self.learner, self.modifier, self.seed, self.stored = learner, modifier, seed, learner.stored
        self.phases = learner.phases
        self._xi = {name: np.zeros(w.shape) for name, w in learner.stored().items()}  # 0: not modified now

    @property
    def loss(self) -> np.ndarray:
        return self.learner.loss

    @property
    def diverged_step(self) -> int:
        return self.learner.diverged_step

    def present(self, number: int, sequence: Sequence, phase: int, first: int) -> int:
        """Present a chunk; the first one draws, and the last one puts the weights back."""
        if phase == first == 0:
            self._draw(number)
        done = self.learner.present(number, sequence, phase, first)
        if done < 0 or (phase == len(self.phases) - 1 and done == len(sequence.inputs)):
            self._shift()
            for xi in self._xi.values():
                xi[:] = 0
        return done

    def _draw(self, number: int) -> None:
        stored = self.stored()
        for k, name in enumerate(LEARNT):
            w = stored[name]
            W = w.astype(np.float64)
            if np.isfinite(W).all():
                changed = self.modifier.modified(W, Draw(self.seed, k, number, W.shape))
                w[...] = changed
                self._xi[name][:] = w.astype(np.float64) - W

    def _shift(self) -> None:
        """Take ξ off."""
        for name, w in self.stored().items():
            w[...] = w.astype(np.float64) - self._xi[name]

    def end_sequence(self) -> None:
        self.learner.end_sequence()

    def row(self) -> dict:
        return self.learner.row()

    def weights(self) -> Matrices:
        """The weights that are trained."""
        found = self.learner.weights()._asdict()
        changed = {name: (found[name] - xi.T).astype(found[name].dtype) for name, xi in self._xi.items() if xi.any()}
        return Matrices(**found | changed)

    def evaluate(self, sequence: Sequence) -> np.ndarray:
        """Outputs of the weights that are trained."""
        stored = self.stored()
        kept = {name: w.copy() for name, w in stored.items()}
        self._shift()
        try:
            return self.learner.evaluate(sequence)
        finally:
            for name, w in stored.items():
                w[...] = kept[name]

    def checkpoint(self) -> dict[str, np.ndarray]:
        return {**self.learner.checkpoint(), **{PREFIX + name: xi for name, xi in self._xi.items()}}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.learner.restore({name: value for name, value in state.items() if not name.startswith(PREFIX)})
        for name, xi in self._xi.items():
            xi[:] = state[PREFIX + name]
