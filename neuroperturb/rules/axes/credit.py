"""Credit: which past perturbations one step's reward is credited to.

    instant     g = r p x̂                               no credit through time
    trace       e ← λ e + p x̂;   g = r e                 NP with λ = 1 is unbiased

g is a synapse's estimate of the negative gradient, from which the optimiser step makes a write.
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

from pydantic import Field

from neuroperturb.rules.facts import Axes, AxisValue, BrianText, Facts
from neuroperturb.spec import SpecError


class Credit(AxisValue):
    """A value of this axis."""

    @property
    def formula(self) -> tuple:
        """The record with its scalar function `synapse`."""
        raise NotImplementedError

    @property
    def discount(self) -> float:
        """λ: decay of the credit of earlier steps; 0 if they get none."""
        return 0.0


class InstantCredit(NamedTuple):
    """The function of a synapse without a trace."""

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        return trace, post * (reward * pre)


class Instant(Credit):
    """The reward of step t multiplies the perturbation of step t only (as published): no credit through time."""

    kind: Literal["instant"] = "instant"
    facts: ClassVar[Facts] = Facts(brian=BrianText("estimate = reward_post*factor_post*{pre}"))

    @property
    def formula(self) -> InstantCredit:
        return InstantCredit()


class TraceCredit(NamedTuple):
    """The function of a synapse with an eligibility trace.

    decay : λ
    """

    decay: float = 1.0
    symbols = (("decay", "λ"),)

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        trace = params.decay * trace + post * pre
        return trace, reward * trace


class Trace(Credit):
    """A causal eligibility trace, e_ij(t) = λ e_ij(t−1) + p_i(t) x̂_j(t−1);  Δw_ij ∝ −δL_t e_ij(t).

    Node perturbation with λ = 1 is an unbiased estimate of the gradient of true backpropagation through time. Summed over
    an episode it equals crediting every perturbation with its reward-to-go, Σ_{s ≥ t} λ^{s−t} δL_s.

    The readout is credited at once for any λ: outputs do not feed back, so no later loss depends on their perturbation.

    decay : λ, in (0, 1], what a trace keeps of itself from one step to the next.
    """

    kind: Literal["trace"] = "trace"
    decay: float = Field(default=1.0, gt=0, le=1)
    facts: ClassVar[Facts] = Facts(
        brian=BrianText(
            "trace = (1 - learn_post)*trace + learn_post*(decay*(1 - fresh_post)*trace + factor_post*{pre})\n"
            "estimate = reward_post*trace",
            variables=("trace",),
            constants=(("decay", "decay"),),
        )
    )

    @property
    def formula(self) -> TraceCredit:
        return TraceCredit(self.decay)

    @property
    def discount(self) -> float:
        return self.decay

    def fits(self, rule: Axes) -> SpecError | None:
        if rule.formula is None:
            return None
        wanted = "left out: its synapse function defines the credit"
        return SpecError("credit", "a custom rule", wanted, self.kind)
