"""Baseline: what the perturbed loss is compared with."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from neuroperturb.spec import Spec


class CleanTwin(Spec):
    """A clean trajectory beside the noisy one: δ = noisy − clean, presynaptic activity from the clean one."""

    kind: Literal["clean_twin"] = "clean_twin"


class Antithetic(Spec):
    """Two noisy trajectories, +ξ and −ξ: δ = half their difference, presynaptic activity from their mean.

    The second-order error of a clean twin cancels, at the same cost of two passes.
    """

    kind: Literal["antithetic"] = "antithetic"


class RunningMean(Spec):
    """One noisy trajectory and no other: δL = L − L̄, with L̄ ← L̄ + ρ (L − L̄) over scored steps, from the first of them.

    Half the passes, and no clean one; δL holds the whole spread of the loss between inputs, not only what the noise did.

    rate : ρ, in (0, 1]
    """

    kind: Literal["running_mean"] = "running_mean"
    rate: float = Field(0.02, gt=0, le=1)
