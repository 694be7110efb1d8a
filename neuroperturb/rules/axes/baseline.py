"""Baseline: what the perturbed loss is compared with."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from neuroperturb.spec import Spec


class CleanTwin(Spec):
    """A clean trajectory beside the noisy one: δ = noisy − clean, presynaptic activity from the clean one."""

    kind: Literal["clean_twin"] = "clean_twin"
    passes: ClassVar[int] = 2


class Antithetic(Spec):
    """Two noisy trajectories, +ξ and −ξ: δ = half their difference, presynaptic activity from their mean.

    The second-order error of a clean twin cancels, at the same cost of two passes.
    """

    kind: Literal["antithetic"] = "antithetic"
    passes: ClassVar[int] = 2


class SecondRun(Spec):
    """Two noisy trajectories with noise of their own, ξ' and ξ: δ = half their difference, presynaptic activity from their mean.

    No clean pass, and no noise that has to be turned round: all that a chip needs is to run twice. The told noise (ξ − ξ')/2 has the
    variance σ²/2, which `noise_variance` divides by; what both runs share of the noise, (ξ + ξ')/2, disturbs both alike.
    """

    kind: Literal["second_run"] = "second_run"
    passes: ClassVar[int] = 2


class RunningMean(Spec):
    """One noisy trajectory and no other: δL = L − L̄, with L̄ ← L̄ + ρ (L − L̄) over scored steps, from the first of them.

    Half the passes, and no clean one; δL holds the whole spread of the loss between inputs, not only what the noise did. The cost
    through a high-pass filter, of time constant 1/ρ scored steps.

    rate : ρ, in (0, 1]
    """

    kind: Literal["running_mean"] = "running_mean"
    passes: ClassVar[int] = 1
    rate: float = Field(0.02, gt=0, le=1)


class PerCondition(Spec):
    """One noisy trajectory: δL = L − L̄_c, a running mean for each condition c, the kind of trial (T. Miconi, eLife 6, e20899 (2017)).

    What conditions there are is the task's to say: the cues shown, the class of a digit. Of the spread of the loss between inputs
    only that within a condition is left.

    rate : ρ, in (0, 1]: L̄_c ← L̄_c + ρ (L − L̄_c), L the mean of the condition's trials in the batch
    conditions : the most there may be
    weighted : δL = L̄_c (L − L̄_c), so that conditions already learnt move less
    """

    kind: Literal["per_condition"] = "per_condition"
    passes: ClassVar[int] = 1
    rate: float = Field(0.25, gt=0, le=1)
    conditions: int = Field(16, ge=1, le=4096)
    weighted: bool = False
