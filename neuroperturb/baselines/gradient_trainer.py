"""Common parts of gradient training: weights, a schedule, an optimiser, and checkpoints.

The state is carried from sequence to sequence, unless a sequence starts with a reset. Without a scored step there is no
update, and the optimiser does not advance.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from hardware_models.crossbar.sites import Sites
from neuroperturb.baselines.bptt import Gradients
from neuroperturb.baselines.forward import Leaks, Weights, run_clean
from neuroperturb.baselines.optimisers import OptimiserState
from neuroperturb.network.activation import TANH, Activation
from neuroperturb.spec import SpecError
from neuroperturb.tasks.contract import Dataset, Sequence

TRAINED = ("W_in", "W_rec", "W_out")


class GradientTrainer(ABC):
    """A network, a dataset and a rule that differentiates; each call to :meth:`batch` learns from one training sequence.

    Parameters
    ----------
    weights : Weights, presynaptic-major; copied; their dtype is the dtype of the run
    dataset : Dataset
    rule : with an `optimiser`
    leak, bias, activation : of the network; the activation must have a derivative
    sites : of W_in, W_rec and W_out, which synapses exist, and of which sign, by name; None for a matrix of all
    schedule : "online" or "episode"
    frozen : names among W_in, W_rec, W_out that keep their values
    seed : of a random feedback matrix, if the rule has one
    total_steps : time steps of the whole run, for a schedule of the rate; 0 if it has no end: the rate stays

    Attributes
    ----------
    weights : Weights, as learned so far
    number : int, number of training sequences presented by :meth:`epoch`
    step : int, number of training steps presented
    """

    def __init__(
        self,
        weights: Weights,
        dataset: Dataset,
        rule: Any,
        *,
        leak: Leaks = 1.0,
        bias: bool = False,
        activation: Activation = TANH,
        sites: Mapping[str, Sites | None] | None = None,
        schedule: Literal["online", "episode"] = "online",
        frozen: tuple[str, ...] = (),
        seed: int = 0,
        total_steps: int = 0,
    ):
        for name in frozen:
            if name not in TRAINED:
                wanted = f"names among {', '.join(TRAINED)}"
                raise SpecError("frozen", type(self).__name__, wanted, name, verb="must hold")
        if schedule not in ("online", "episode"):
            raise SpecError("schedule", type(self).__name__, "'online' or 'episode'", schedule)
        activation.require_derivative()
        self.activation = activation
        self.sites = tuple((sites or {}).get(name) for name in TRAINED)
        self.weights = Weights(*(np.array(matrix, weights.w_rec.dtype, order="C") for matrix in weights))
        self.dataset, self.rule, self.leak, self.bias, self.schedule = dataset, rule, leak, bias, schedule
        self.trained = tuple(name not in frozen for name in TRAINED)
        self.number, self.step, self.seed, self.total_steps = 0, 0, seed, total_steps
        self.optimiser_state = rule.optimiser.init(self.weights[:3])

    def epoch(self) -> float:
        """Learn from the next `batches_per_epoch` training sequences; returns the mean of their losses."""
        count, total = self.dataset.batches_per_epoch, 0.0
        for _ in range(count):
            total += self.batch(self.number)
            self.number += 1
        return total / count

    @abstractmethod
    def batch(self, number: int) -> float:
        """Learn from training sequence `number`; returns its mean loss while learning, over scored steps and trials."""

    def score(self, part: Literal["validation", "test"] = "validation") -> dict[str, float]:
        """The dataset's metrics of the present network, from zero state."""
        sequence: Sequence = getattr(self.dataset, part)
        return self.dataset.metrics(self.evaluate(sequence), sequence)

    def evaluate(self, sequence: Sequence) -> np.ndarray:
        """Outputs of the present network, (T, B, n_out), from zero state."""
        return run_clean(self.weights, sequence, leak=self.leak, bias=self.bias, activation=self.activation)[0]

    def done(self, steps: int = 0) -> float:
        """The fraction of the run that is complete `steps` after the last step presented."""
        return min((self.step + steps) / self.total_steps, 1.0) if self.total_steps else 0.0

    def update(self, gradients: Gradients) -> None:
        """One update of the trained matrices."""
        kept = Gradients(*(g if on else np.zeros_like(g) for g, on in zip(gradients, self.trained, strict=True)))
        kept = Gradients(*(g if at is None else g * at.present.T for g, at in zip(kept, self.sites, strict=True)))
        with np.errstate(over="ignore", invalid="ignore"):  # a diverging run shows as a loss that is not finite
            self.optimiser_state, changes = self.rule.optimiser.update(self.optimiser_state, kept, self.done())
            for matrix, change, at in zip(self.weights[:3], changes, self.sites, strict=True):
                matrix += change
                if at is not None:
                    matrix[...] = at.settled(matrix.T).T

    def checkpoint(self) -> dict[str, np.ndarray]:
        """Copies of all state, by name; :meth:`restore` continues from them, bit for bit."""
        kept = {f"weights.{k}": np.array(matrix) for k, matrix in enumerate(self.weights)}
        return {
            **kept,
            "number": np.array(self.number),
            "step": np.array(self.step),
            **self.optimiser_state.checkpoint(),
        }

    def restore(self, kept: dict[str, np.ndarray]) -> None:
        """Restore a checkpoint."""
        for k, matrix in enumerate(self.weights):
            matrix[...] = kept[f"weights.{k}"]
        self.number, self.step = int(kept["number"]), int(kept.get("step", 0))  # records of before have no schedule
        self.optimiser_state = OptimiserState.restore(kept)
