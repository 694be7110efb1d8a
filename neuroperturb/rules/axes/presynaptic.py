"""Presynaptic factor: what a synapse takes for the activity of the unit it comes from.

The update of node perturbation is noise × activity: its variance is coloured by the covariance C of the activity, and lands
where it disturbs the network most. A lateral matrix P ≈ (C + ρI)⁻¹, learnt beside the network and never in its forward pass,
makes the update a right-sided natural gradient: z = P x takes the place of x (learning-rules §8).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from neuroperturb.spec import Spec


class Activity(Spec):
    """The activity itself, x̂_j."""

    kind: Literal["activity"] = "activity"


class Whitened(Spec):
    """z = P x with  P ← P + ε (P − z' z'ᵀ),  z' = P (x + √ρ ν),  ν ~ N(0, I) private to each unit; mean over the batch.

    Local: a lateral synapse from j to i sees z'_i, z'_j and itself. At rest P (C + ρI) P = P, so P = (C + ρI)⁻¹. Stable while
    ε ‖z'‖² < 1.

    rate : ε, in (0, 1)
    ridge : ρ > 0, variance of the private noise; P cannot exceed 1/ρ
    """

    kind: Literal["whitened"] = "whitened"
    rate: float = Field(0.03, gt=0, lt=1)
    ridge: float = Field(0.03, gt=0)


class Recursive(Spec):
    """k = P x/(1 + xᵀP x) with  P ← (1 + g) (P − P x xᵀP/(1 + xᵀP x)): recursive least squares; mean over the batch.

    One more broadcast scalar, 1 + xᵀP x, a sum over the layer.

    growth : g ≥ 0, forgets the past at this rate
    initial : P starts at `initial` · I
    """

    kind: Literal["recursive"] = "recursive"
    growth: float = Field(2e-4, ge=0)
    initial: float = Field(1.0, gt=0)
