"""From a gradient g to a change of the weights: gradient descent, RMSProp, Adam.

Each is one formula, ``formula(numbers, g, first, second) -> (first, second, change)``, written once: NumPy applies it
to whole matrices, the compiled online loop of the trainer to one weight at a time.  `first` and `second` are moments.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field, model_serializer

from neuroperturb.rules.axes.rate import AnyRate, Constant
from neuroperturb.spec import Spec


class OptimiserState(NamedTuple):
    """updates : int, number so far; first, second : moments, tuples of arrays shaped like the weights."""

    updates: int
    first: tuple
    second: tuple

    def checkpoint(self) -> dict[str, np.ndarray]:
        """Copies, by name."""
        moments = {f"{name}.{k}": a for name in ("first", "second") for k, a in enumerate(getattr(self, name))}
        return {name: np.array(value) for name, value in {"updates": self.updates, **moments}.items()}

    @classmethod
    def restore(cls, kept: dict[str, np.ndarray]) -> OptimiserState:
        """From the result of :meth:`checkpoint`, which may contain other entries."""
        return cls(int(kept["updates"]), *(numbered(kept, name) for name in ("first", "second")))


def numbered(kept: dict[str, np.ndarray], name: str) -> tuple[np.ndarray, ...]:
    """Copies of the arrays ``name.0``, ``name.1`` … of a checkpoint."""
    found = []
    while f"{name}.{len(found)}" in kept:
        found.append(np.array(kept[f"{name}.{len(found)}"]))
    return tuple(found)


class Numbers(NamedTuple):
    """Parameters of a formula at one update; complements are passed so that a kernel preserves its dtype."""

    eta: float
    eps: float
    beta1: float
    rest1: float  # 1 − beta1
    beta2: float
    rest2: float  # 1 − beta2


class Optimiser(Spec):
    """Gradient in, change of the weights out.

    products : multiply–adds of a synapse at an update;  keeps : whether a synapse has a first and a second moment
    moments : the same in words;  aged : whether the number of updates enters;  divides : whether by a square root of a moment

    learning_rate : η, size of a step along the gradient
    rate : schedule of η, a factor by the completed fraction of the run, as perturbation rules have
    clip_norm : gradients whose joint norm over all matrices exceeds it are scaled down to it; None never clips
    """

    formula: ClassVar  # (numbers, g, first, second) -> (first, second, change)
    aged: ClassVar[bool] = False
    divides: ClassVar[bool] = False
    products: ClassVar[int]  # of a synapse at an update
    learning_rate: float = Field(default=1e-3, gt=0)
    clip_norm: float | None = Field(default=None, gt=0)
    rate: AnyRate = Constant()

    @property
    def keeps(self) -> tuple[bool, bool]:
        """Whether a synapse has a first and a second moment."""
        raise NotImplementedError

    @property
    def moments(self) -> tuple[str, ...]:
        """State of a synapse, in words."""
        return tuple(
            word for word, kept in zip(("a running mean", "a running square"), self.keeps, strict=True) if kept
        )

    def numbers(self, update: int) -> Numbers:
        """The formula's numbers at update 1, 2, 3 …, at the full rate."""
        raise NotImplementedError

    @model_serializer(mode="wrap")
    def _without_what_is_absent(self, write) -> dict:
        """Leave out a constant rate, so that tables and digests are those of before there were others."""
        return {key: value for key, value in write(self).items() if key != "rate" or self.rate != Constant()}

    def scheduled(self, update: int, done: float) -> Numbers:
        """The formula's numbers at update 1, 2, 3 … once a fraction `done` of the run is complete."""
        numbers = self.numbers(update)
        return numbers._replace(eta=numbers.eta * self.rate.factor(done))

    def init(self, weights: tuple[np.ndarray, ...]) -> OptimiserState:
        """No updates, zero moments.  `weights` is any tuple of arrays."""
        return OptimiserState(0, tuple(np.zeros_like(w) for w in weights), tuple(np.zeros_like(w) for w in weights))

    def update(
        self, state: OptimiserState, gradients: tuple[np.ndarray, ...], done: float = 0.0
    ) -> tuple[OptimiserState, tuple[np.ndarray, ...]]:
        """New state, and the changes to add to the weights, in the same kind of tuple and dtype as `gradients`.

        done : completed fraction of the run, in [0, 1]
        """
        numbers, scale = self.scheduled(state.updates + 1, done), self.scale(gradients)
        parts = [
            self.formula(numbers, g * scale, first, second)
            for g, first, second in zip(gradients, state.first, state.second, strict=True)
        ]
        first, second, changes = zip(*parts, strict=True)
        return OptimiserState(state.updates + 1, first, second), _like(gradients, changes)

    def scale(self, gradients: tuple[np.ndarray, ...]) -> float:
        """min(1, clip_norm / ‖g‖)."""
        if self.clip_norm is None:
            return 1.0
        norm = float(np.sqrt(sum(float(np.vdot(g, g)) for g in gradients)))
        return self.clip_norm / norm if norm > self.clip_norm else 1.0


def _sgd(
    numbers: Numbers, g: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    first = numbers.beta1 * first + g
    return first, second, -numbers.eta * first


def _rms(
    numbers: Numbers, g: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    second = numbers.beta2 * second + numbers.rest2 * g * g
    return first, second, -numbers.eta * g / (np.sqrt(second) + numbers.eps)


def _adam(
    numbers: Numbers, g: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    first = numbers.beta1 * first + numbers.rest1 * g
    second = numbers.beta2 * second + numbers.rest2 * g * g
    return first, second, -numbers.eta * first / (np.sqrt(second) + numbers.eps)


class Sgd(Optimiser):
    """Gradient descent:   m ← β m + g,   Δw = −η m.   β = 0 is the plain form.

    momentum : β, from 0 to below 1, what a step keeps of the one before
    """

    kind: Literal["sgd"] = "sgd"
    formula = staticmethod(_sgd)
    products: ClassVar[int] = 2
    momentum: float = Field(default=0.0, ge=0, lt=1)

    @property
    def keeps(self) -> tuple[bool, bool]:
        return self.momentum > 0, False

    def numbers(self, update: int) -> Numbers:
        del update  # the same at every update
        return Numbers(self.learning_rate, 0.0, self.momentum, 1.0 - self.momentum, 0.0, 1.0)


class Rms(Optimiser):
    """RMSProp:   v ← β v + (1 − β) g²,   Δw = −η g / (√v + ε).

    decay : β, from 0 to below 1, what the mean of squares keeps of itself;  epsilon : ε, above 0, least root that is divided by

    References
    ----------
    .. [1] T. Tieleman, G. Hinton, Lecture 6.5, COURSERA: Neural Networks for Machine Learning (2012).
    """

    kind: Literal["rms"] = "rms"
    formula = staticmethod(_rms)
    products: ClassVar[int] = 4
    divides: ClassVar[bool] = True
    decay: float = Field(default=0.99, ge=0, lt=1)
    epsilon: float = Field(default=1e-8, gt=0)

    @property
    def keeps(self) -> tuple[bool, bool]:
        return False, True

    def numbers(self, update: int) -> Numbers:
        del update  # RMSProp does not correct its early bias
        return Numbers(self.learning_rate, self.epsilon, 0.0, 1.0, self.decay, 1.0 - self.decay)


class Adam(Optimiser):
    """Adam:   m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²,   Δw = −η m̂ / (√v̂ + ε).

    beta1 : β₁, from 0 to below 1, what the mean keeps of itself;  beta2 : β₂, from 0 to below 1, the same of the mean of squares
    epsilon : ε, above 0, least root that is divided by

    m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) correct the early bias.

    The corrections are included in the numbers by the identity η m̂/(√v̂ + ε) = η' m/(√v + ε') with c = √(1 − β₂ᵗ), ε' = c ε and
    η' = c η/(1 − β₁ᵗ).

    References
    ----------
    .. [1] D. P. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR (2015). arXiv:1412.6980, algorithm 1.
    """

    kind: Literal["adam"] = "adam"
    formula = staticmethod(_adam)
    products: ClassVar[int] = 6
    aged: ClassVar[bool] = True
    divides: ClassVar[bool] = True
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.999, ge=0, lt=1)
    epsilon: float = Field(default=1e-8, gt=0)

    @property
    def keeps(self) -> tuple[bool, bool]:
        return True, True

    def numbers(self, update: int) -> Numbers:
        c = np.sqrt(1.0 - self.beta2**update)
        eta = float(self.learning_rate * c / (1.0 - self.beta1**update))
        return Numbers(eta, float(self.epsilon * c), self.beta1, 1.0 - self.beta1, self.beta2, 1.0 - self.beta2)


AnyOptimiser = Annotated[Sgd | Rms | Adam, Field(discriminator="kind")]


def _like(template, arrays):
    """The arrays in a tuple of the template's type."""
    return type(template)._make(arrays) if hasattr(template, "_make") else tuple(arrays)
