"""Credit: which past perturbations one step's reward is credited to."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from neuroperturb.spec import Spec


class Instant(Spec):
    """The reward of step t multiplies the perturbation of step t only (as published): no credit through time."""

    kind: Literal["instant"] = "instant"


class Trace(Spec):
    """A causal eligibility trace, e_ij(t) = λ e_ij(t−1) + p_i(t) x̂_j(t−1);  Δw_ij ∝ −δL_t e_ij(t).

    Node perturbation with λ = 1 is an unbiased estimate of the gradient of true backpropagation through time. Summed over
    an episode it equals crediting every perturbation with its reward-to-go, Σ_{s ≥ t} λ^{s−t} δL_s.

    The readout is credited at once under any λ: outputs do not recur, so no later loss is owed to their perturbation.

    decay : λ, in (0, 1].
    """

    kind: Literal["trace"] = "trace"
    decay: float = Field(1.0, gt=0, le=1)
