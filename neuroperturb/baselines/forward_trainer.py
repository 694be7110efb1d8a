"""Training with forward-mode gradients: an update at every step, or one per sequence.

    online     Δw(t) = −η ∂L_t at every step, as approximated by the method; traces are those of earlier weights
    episode    one update per sequence, weights fixed meanwhile

Traces are carried from sequence to sequence, like the state.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neuroperturb.baselines.bptt import Gradients
from neuroperturb.baselines.eligibility import Walk, steps
from neuroperturb.baselines.eprop import Eprop
from neuroperturb.baselines.forward import State, Weights, zero_state
from neuroperturb.baselines.gradient_trainer import GradientTrainer
from neuroperturb.baselines.rflo import Rflo
from neuroperturb.baselines.rtrl import Rtrl
from neuroperturb.tasks.contract import Dataset

FORWARD = {"rtrl": Rtrl, "rflo": Rflo, "eprop": Eprop}


class ForwardTrainer(GradientTrainer):
    """Training by one of :data:`FORWARD`; parameters as in :class:`neuroperturb.baselines.gradient_trainer.GradientTrainer`."""

    def __init__(self, weights: Weights, dataset: Dataset, rule: Rtrl | Rflo | Eprop, **options: Any):
        super().__init__(weights, dataset, rule, **options)
        self._feedback = rule.fixed_feedback(self.weights, self.seed)
        self._walk: Walk | None = None

    def batch(self, number: int) -> float:
        """Learn from training sequence `number`; returns its mean loss while learning, over scored steps and trials."""
        sequence = self.dataset.batch(number)
        walk, online = self._going_on(sequence.inputs.shape[1]), self.schedule == "online"
        total, sums = 0.0, Gradients(*(np.zeros_like(w) for w in self.weights[:3]))
        with np.errstate(over="ignore", invalid="ignore"):  # a diverging run shows as a loss that is not finite
            for step in steps(self.weights, sequence, self.bias):
                loss, gradients, _ = walk.step(*step)
                total += loss
                self.step += 1
                if not online:
                    for whole, part in zip(sums, gradients, strict=True):
                        whole += part
                elif step[2].any():
                    self.update(gradients)
            if not online and sequence.mask.any():
                self.update(sums)
        return total / max(int(sequence.mask.sum()), 1)

    def checkpoint(self) -> dict[str, np.ndarray]:
        kept = super().checkpoint()
        if self._walk is not None:
            state = {"x": self._walk.state.x, "xhat": self._walk.state.xhat, "trace": self._walk.trace}
            kept |= {name: np.array(value) for name, value in state.items()}
        return kept

    def restore(self, kept: dict[str, np.ndarray]) -> None:
        super().restore(kept)
        self._walk = None
        if "trace" in kept:
            walk = self._going_on(len(kept["x"]))
            for part, name in ((walk.state.x, "x"), (walk.state.xhat, "xhat"), (walk.trace, "trace")):
                part[...] = kept[name]

    def _going_on(self, batch: int) -> Walk:
        """The traced network of the last sequence, or a new one for another batch size."""
        if self._walk is None or len(self._walk.state.x) != batch:
            state: State = zero_state(self.weights, batch)
            self._walk = Walk(
                self.rule,
                self.weights,
                state,
                loss=self.dataset.loss,
                leak=self.leak,
                activation=self.activation,
                feedback=self._feedback,
            )
        return self._walk
