"""Optimiser step: from a synapse's estimate g of its gradient to its change; all state is local to the synapse.

    (params, state, gradient, correction) -> (state, Δw)        scalar, the form of :mod:`neuroperturb.rules.formula.signatures`
    (params, state, second, gradient, correction) -> (state, second, Δw)        of a synapse that holds two numbers

`rate`, the first number of every record, is η; at a write kernels replace it by the current value of the schedule. A record with a state
may also have a scalar that is broadcast at the k-th write, ``correction(params, k)``; it is 1 otherwise.
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from neuroperturb.rules.facts import AxisValue, BrianText, Facts


class Step(AxisValue):
    """A value of this axis.

    linear : Δw = η g, so that the reward can be scaled by η instead
    kept : what a synapse holds for it, in addition to its weight
    """

    linear: ClassVar[bool] = False
    kept: ClassVar[tuple[str, ...]] = ()

    def formula(self, learning_rate: float) -> tuple:
        """The record with its scalar function `step`; η its first number."""
        raise NotImplementedError


class PlainStep(NamedTuple):
    """rate : η"""

    rate: float
    symbols = (("rate", "η"),)

    @staticmethod
    def step(params, state, gradient, correction):
        return state, params.rate * gradient


class Plain(Step):
    """Δw = −η g."""

    kind: Literal["plain"] = "plain"
    linear: ClassVar[bool] = True
    facts: ClassVar[Facts] = Facts(brian=BrianText("dw = eta_post*estimate"))

    def formula(self, learning_rate: float) -> PlainStep:
        return PlainStep(learning_rate)


class RMSStep(NamedTuple):
    """rate : η;  decay : β"""

    rate: float
    decay: float
    symbols = (("rate", "η"), ("decay", "β"))

    @staticmethod
    def step(params, state, gradient, correction):
        one = type(gradient)(1)
        tiny = type(gradient)(1e-30)  # avoids 0/0 for a synapse that never had a gradient
        state = params.decay * state + (one - params.decay) * gradient * gradient
        return state, params.rate * gradient / (np.sqrt(state * correction) + tiny)

    @staticmethod
    def correction(params, writes):
        """1/(1 − βᵏ)"""
        one = type(writes)(1)
        return one / (one - params.decay**writes)


class RMS(Step):
    """v ← β v + (1 − β) g²;   Δw = −η g / √(v / (1 − βᵏ))   at the k-th write.

    One number per synapse and no reduction. The factor 1 − βᵏ corrects the zero initialisation (Kingma and Ba 2015, §3), so that the
    first step is η for every synapse; it depends on k alone and is broadcast.

    decay : β, in [0, 1), share that the running mean of squares keeps of itself.
    """

    kind: Literal["rms"] = "rms"
    kept: ClassVar[tuple[str, ...]] = ("a running square v_ij",)
    decay: float = Field(default=0.99, ge=0, lt=1)
    facts: ClassVar[Facts] = Facts(
        brian=BrianText(
            "mean_square = (1 - writing_post)*mean_square + writing_post*(beta*mean_square + (1 - beta)*estimate**2)\n"
            "dw = writing_post*eta_post*estimate/(sqrt(mean_square*correction_post) + 1e-30)",
            variables=("mean_square",),
            constants=(("beta", "decay"),),
        )
    )

    def formula(self, learning_rate: float) -> RMSStep:
        return RMSStep(learning_rate, self.decay)


class MomentumStep(NamedTuple):
    """rate : η;  decay : β"""

    rate: float
    decay: float
    symbols = (("rate", "η"), ("decay", "β"))

    @staticmethod
    def step(params, state, gradient, correction):
        state = params.decay * state + gradient
        return state, params.rate * state


class Momentum(Step):
    """m ← β m + g;   Δw = −η m   (the heavy ball of B. T. Polyak, 1964, doi:10.1016/0041-5553(64)90137-5, eq. 9).

    One number per synapse, and products only. A constant g moves a weight by η/(1 − β) g at every write.

    decay : β, in [0, 1), share that the running sum keeps of itself
    """

    kind: Literal["momentum"] = "momentum"
    kept: ClassVar[tuple[str, ...]] = ("a running sum m_ij",)
    decay: float = Field(default=0.9, ge=0, lt=1)
    facts: ClassVar[Facts] = Facts(
        symbols=(("state", "m_ij"),),
        brian=BrianText(
            "running_sum = (1 - writing_post)*running_sum + writing_post*(momentum*running_sum + estimate)\n"
            "dw = writing_post*eta_post*running_sum",
            variables=("running_sum",),
            constants=(("momentum", "decay"),),
        ),
    )

    def formula(self, learning_rate: float) -> MomentumStep:
        return MomentumStep(learning_rate, self.decay)


class AdamStep(NamedTuple):
    """rate : η;  first, second_decay : β₁, β₂;  epsilon : ε"""

    rate: float
    first: float
    second_decay: float
    epsilon: float
    symbols = (("rate", "η"), ("first", "β₁"), ("second_decay", "β₂"), ("epsilon", "ε"))

    @staticmethod
    def step(params, state, second, gradient, correction):
        one = type(gradient)(1)
        state = params.second_decay * state + (one - params.second_decay) * gradient * gradient
        second = params.first * second + (one - params.first) * gradient
        return state, second, params.rate * correction * second / (np.sqrt(state) + params.epsilon)

    @staticmethod
    def correction(params, writes):
        """√(1 − β₂ᵏ)/(1 − β₁ᵏ)"""
        one = type(writes)(1)
        return np.sqrt(one - params.second_decay**writes) / (one - params.first**writes)


class LocalAdam(Step):
    """m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²;   Δw = −η c_k m/(√v + ε),  c_k = √(1 − β₂ᵏ)/(1 − β₁ᵏ)   at the k-th write.

    Two numbers per synapse and no reduction; c_k depends on k alone and is broadcast. D. P. Kingma, J. Ba, Adam, ICLR 2015,
    arXiv:1412.6980, in the order of the end of §2.

    first : β₁, in [0, 1), share that the mean keeps of itself;  second : β₂, in [0, 1), the same of the mean of squares
    epsilon : ε, above 0, in units of the gradient
    """

    kind: Literal["adam"] = "adam"
    kept: ClassVar[tuple[str, ...]] = ("a running square v_ij", "a running mean m_ij")
    first: float = Field(default=0.9, ge=0, lt=1)
    second: float = Field(default=0.999, ge=0, lt=1)
    epsilon: float = Field(default=1e-8, gt=0)
    facts: ClassVar[Facts] = Facts(symbols=(("correction", "√(1 − β₂ᵏ)/(1 − β₁ᵏ), k writes"),))

    def formula(self, learning_rate: float) -> AdamStep:
        return AdamStep(learning_rate, self.first, self.second, self.epsilon)


class BoundedRMSStep(NamedTuple):
    """rate : η;  decay : β;  bound : c"""

    rate: float
    decay: float
    bound: float
    symbols = (("rate", "η"), ("decay", "β"), ("bound", "c"))

    @staticmethod
    def step(params, state, gradient, correction):
        one = type(gradient)(1)
        tiny = type(gradient)(1e-30)  # as in RMSStep
        state = params.decay * state + (one - params.decay) * gradient * gradient
        ratio = gradient / (np.sqrt(state * correction) + tiny)
        return state, params.rate * max(-params.bound, min(params.bound, ratio))

    correction = RMSStep.correction


class BoundedRMS(Step):
    """v ← β v + (1 − β) g²;   Δw = −η clip(g / √(v / (1 − βᵏ)), ±c)   at the k-th write.

    With `rms` an estimate that is much larger than all of those remembered moves a weight by η/√(1 − β): 10 η by default, 32 η with β 0.999.
    Estimates by perturbation have such outliers, and one of them can undo what was learnt (studies/delay.toml). Here none moves a
    weight by more than c η; c = 1 and β = 0 is the sign of the estimate. v takes the estimate as it is.

    One number per synapse and no reduction.

    decay : β, in [0, 1), share that the running mean of squares keeps of itself
    bound : c, above 0, in roots of the mean square
    """

    kind: Literal["bounded-rms"] = "bounded-rms"
    kept: ClassVar[tuple[str, ...]] = ("a running square v_ij",)
    decay: float = Field(default=0.999, ge=0, lt=1)
    bound: float = Field(default=3.0, gt=0)
    facts: ClassVar[Facts] = Facts(
        brian=BrianText(
            "mean_square = (1 - writing_post)*mean_square + writing_post*(beta*mean_square + (1 - beta)*estimate**2)\n"
            "dw = writing_post*eta_post*clip(estimate/(sqrt(mean_square*correction_post) + 1e-30), -bound, bound)",
            variables=("mean_square",),
            constants=(("beta", "decay"), ("bound", "bound")),
        )
    )

    def formula(self, learning_rate: float) -> BoundedRMSStep:
        return BoundedRMSStep(learning_rate, self.decay, self.bound)


class LargestRMSStep(NamedTuple):
    """rate : η;  decay : β"""

    rate: float
    decay: float
    symbols = (("rate", "η"), ("decay", "β"))

    @staticmethod
    def step(params, state, second, gradient, correction):
        one = type(gradient)(1)
        tiny = type(gradient)(1e-30)  # as in RMSStep
        state = params.decay * state + (one - params.decay) * gradient * gradient
        second = max(second, state)
        return state, second, params.rate * gradient / (np.sqrt(second * correction) + tiny)

    correction = RMSStep.correction


class LargestRMS(Step):
    """v ← β v + (1 − β) g²,  u ← max(u, v);   Δw = −η g / √(u / (1 − βᵏ))   at the k-th write.

    The running mean of squares divides by the largest that it has been, so that steps shrink with the estimates, as a network learns, and a rule
    does not fall back from what it has learnt: `rms` makes them as long as before. S. J. Reddi, S. Kale, S. Kumar, On the convergence of
    Adam and beyond, ICLR 2018, arXiv:1904.09237, algorithm 2 with β₁ = 0; the factor 1 − βᵏ corrects the zero initialisation, as in `rms`, and is
    applied after the maximum, so that no single estimate at the beginning sets u for good.

    Two numbers per synapse and no reduction.

    decay : β, in [0, 1), share that the running mean of squares keeps of itself.
    """

    kind: Literal["largest-rms"] = "largest-rms"
    kept: ClassVar[tuple[str, ...]] = ("a running square v_ij", "the largest of it, u_ij")
    decay: float = Field(default=0.999, ge=0, lt=1)

    def formula(self, learning_rate: float) -> LargestRMSStep:
        return LargestRMSStep(learning_rate, self.decay)


class ClippedStep(NamedTuple):
    """rate : η;  bound : of |g|"""

    rate: float
    bound: float
    symbols = (("rate", "η"),)

    @staticmethod
    def step(params, state, gradient, correction):
        return state, params.rate * max(-params.bound, min(params.bound, gradient))


class Clipped(Step):
    """Δw = −η clip(g, ±bound): no single estimate changes a synapse by more than η · bound.

    bound : of |g|, in units of the gradient
    """

    kind: Literal["clipped"] = "clipped"
    bound: float = Field(default=1.0, gt=0)

    def formula(self, learning_rate: float) -> ClippedStep:
        return ClippedStep(learning_rate, self.bound)
