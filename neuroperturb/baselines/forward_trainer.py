"""Training by gradients that travel forward: an update at every step, or one a sequence.

    online     Δw(t) = −η ∂L_t at every step, as far as the method knows it; traces are of the weights as they were
    episode    one update a sequence, weights fixed meanwhile

The state, and with it the traces, is carried from sequence to sequence; where a sequence starts afresh, its own reset says so. Where
nothing was scored there is no update, and the optimiser does not age.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from neuroperturb.baselines.bptt import Gradients
from neuroperturb.baselines.eligibility import Walk, steps
from neuroperturb.baselines.eprop import Eprop
from neuroperturb.baselines.forward import State, Weights, run_clean, zero_state
from neuroperturb.baselines.optimisers import OptimiserState
from neuroperturb.baselines.rflo import Rflo
from neuroperturb.baselines.rtrl import Rtrl
from neuroperturb.spec import SpecError
from neuroperturb.tasks.contract import Dataset, Sequence

FORWARD = {"rtrl": Rtrl, "rflo": Rflo, "eprop": Eprop}
TRAINED = ("W_in", "W_rec", "W_out")


class ForwardTrainer:
    """A network, a dataset and one of :data:`FORWARD`; each call to :meth:`batch` learns from one training sequence.

    Parameters
    ----------
    weights : Weights, presynaptic-major; copied; their dtype is the dtype of the run
    dataset : Dataset
    rule : Rtrl, Rflo or Eprop
    leak, bias : of the network
    schedule : "online" or "episode"
    frozen : names out of W_in, W_rec, W_out that keep their values
    seed : of a random feedback matrix

    Attributes
    ----------
    weights : Weights, as learnt so far
    number : int, how many training sequences were presented by :meth:`epoch`
    """

    def __init__(
        self,
        weights: Weights,
        dataset: Dataset,
        rule: Rtrl | Rflo | Eprop,
        *,
        leak: float = 1.0,
        bias: bool = False,
        schedule: Literal["online", "episode"] = "online",
        frozen: tuple[str, ...] = (),
        seed: int = 0,
    ):
        for name in frozen:
            if name not in TRAINED:
                raise SpecError(
                    "frozen", type(self).__name__, f"names out of {', '.join(TRAINED)}", name, verb="must hold"
                )
        self.weights = Weights(*(np.array(matrix, weights.w_rec.dtype, order="C") for matrix in weights))
        self.dataset, self.rule, self.leak, self.bias, self.schedule = dataset, rule, leak, bias, schedule
        self.trained = tuple(name not in frozen for name in TRAINED)
        self.optimiser_state = rule.optimiser.init(self.weights[:3])
        self.number = 0
        self._feedback = rule.fixed_feedback(self.weights, seed)
        self._walk: Walk | None = None

    def epoch(self) -> float:
        """Learn from the next `batches_per_epoch` training sequences; returns the mean of their losses."""
        count, total = self.dataset.batches_per_epoch, 0.0
        for _ in range(count):
            total += self.batch(self.number)
            self.number += 1
        return total / count

    def batch(self, number: int) -> float:
        """Learn from training sequence `number`; returns its mean loss while learning, over scored steps and trials."""
        sequence = self.dataset.batch(number)
        walk, online = self._going_on(sequence.inputs.shape[1]), self.schedule == "online"
        total, sums = 0.0, Gradients(*(np.zeros_like(w) for w in self.weights[:3]))
        with np.errstate(over="ignore", invalid="ignore"):  # a diverging run shows as a loss that is not finite
            for step in steps(self.weights, sequence, self.bias):
                loss, gradients, _ = walk.step(*step)
                total += loss
                if not online:
                    for whole, part in zip(sums, gradients, strict=True):
                        whole += part
                elif step[2].any():
                    self._update(gradients)
            if not online and sequence.mask.any():
                self._update(sums)
        return total / max(int(sequence.mask.sum()), 1)

    def score(self, part: Literal["validation", "test"] = "validation") -> dict[str, float]:
        """The dataset's metrics of the network as it is, run from zero state."""
        sequence: Sequence = getattr(self.dataset, part)
        return self.dataset.metrics(run_clean(self.weights, sequence, leak=self.leak, bias=self.bias)[0], sequence)

    def checkpoint(self) -> dict[str, np.ndarray]:
        """Copies of all state, by name; :meth:`restore` goes on from them, bit for bit."""
        updates, *moments = self.optimiser_state
        kept = {f"weights.{k}": m for k, m in enumerate(self.weights)} | {"number": self.number, "updates": updates}
        for name, arrays in zip(("first", "second"), moments, strict=True):
            kept |= {f"{name}.{k}": a for k, a in enumerate(arrays)}
        if self._walk is not None:
            kept |= {"x": self._walk.state.x, "xhat": self._walk.state.xhat, "trace": self._walk.trace}
        return {name: np.array(value) for name, value in kept.items()}

    def restore(self, kept: dict[str, np.ndarray]) -> None:
        """Put a checkpoint back."""
        for k, matrix in enumerate(self.weights):
            matrix[...] = kept[f"weights.{k}"]
        self.number = int(kept["number"])
        moments = (tuple(np.array(kept[f"{name}.{k}"]) for k in range(len(TRAINED))) for name in ("first", "second"))
        self.optimiser_state, self._walk = OptimiserState(int(kept["updates"]), *moments), None
        if "trace" in kept:
            walk = self._going_on(len(kept["x"]))
            for part, name in ((walk.state.x, "x"), (walk.state.xhat, "xhat"), (walk.trace, "trace")):
                part[...] = kept[name]

    def _going_on(self, batch: int) -> Walk:
        """The walk of the last sequence, or a new one of another batch size."""
        if self._walk is None or len(self._walk.state.x) != batch:
            state: State = zero_state(self.weights, batch)
            self._walk = Walk(
                self.rule, self.weights, state, loss=self.dataset.loss, leak=self.leak, feedback=self._feedback
            )
        return self._walk

    def _update(self, gradients: Gradients) -> None:
        kept = Gradients(*(g if on else np.zeros_like(g) for g, on in zip(gradients, self.trained, strict=True)))
        self.optimiser_state, changes = self.rule.optimiser.update(self.optimiser_state, kept)
        for matrix, change in zip(self.weights[:3], changes, strict=True):
            matrix += change
