"""Baseline: the reference that the perturbed loss is compared with."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from hardware_models.numerics.compiled import kernel
from neuroperturb.rules.facts import Axes, AxisValue, BrianText, Facts, Scales, UnitWork
from neuroperturb.spec import SpecError


class Baseline(AxisValue):
    """A value of this axis.

    sign : sign of the noise in each pass
    paired : the mean of the two passes is the centre and half their difference the perturbation; else the first is the centre
    independent : whether the passes have independent noise
    timed : whether losses are expected by the step of an episode; only in a world, whose episodes are as long as one another
    sampled : whether the clean pass acts, by a draw from its policy
    noise_share : σ of the noise known to units, relative to the σ of the injected noise
    expect : kernel of a single pass, (params, dL, mask, expected, condition): replaces the loss of every trial by its difference from
        the expected one, which is then updated; None if a loss is compared with that of the other pass
    """

    sign: ClassVar[tuple[float, ...]]
    paired: ClassVar[bool] = False
    independent: ClassVar[bool] = False
    timed: ClassVar[bool] = False
    sampled: ClassVar[bool] = False
    noise_share: ClassVar[float] = 1.0

    @property
    def passes(self) -> int:
        """Number of parallel trajectories."""
        return len(self.sign)

    @property
    def expect(self) -> Callable[..., Any] | None:
        return None

    @property
    def kinds_of_trial(self) -> int:
        """Largest number of conditions that are distinguished; 0: none."""
        return 0


# ----------------------------------------------------------------------------------------------------------------------
# With another pass


class CleanTwin(Baseline):
    """A clean trajectory and a noisy one: δ = noisy − clean, presynaptic activity from the clean one."""

    kind: Literal["clean_twin"] = "clean_twin"
    sign: ClassVar[tuple[float, ...]] = (0.0, 1.0)
    facts: ClassVar[Facts] = Facts(unit_state=1, brian=BrianText())


class Antithetic(Baseline):
    """Two noisy trajectories, +ξ and −ξ: δ = half their difference, presynaptic activity from their mean.

    The second-order error of a clean twin cancels, at the same cost of two passes.
    """

    kind: Literal["antithetic"] = "antithetic"
    sign: ClassVar[tuple[float, ...]] = (-1.0, 1.0)
    paired: ClassVar[bool] = True
    facts: ClassVar[Facts] = Facts(unit_state=1, unit_work=UnitWork(2), brian=BrianText())  # mean, half difference


class SecondRun(Baseline):
    """Two noisy trajectories with independent noise, ξ' and ξ: δ = half their difference, presynaptic activity from their mean.

    No clean pass, and no noise that has to change its sign: a chip only has to run twice. The credited noise, (ξ − ξ')/2, has the
    variance σ²/2, which `noise_variance` divides by; the common part of the noise, (ξ + ξ')/2, affects both runs alike.
    """

    kind: Literal["second_run"] = "second_run"
    sign: ClassVar[tuple[float, ...]] = (1.0, 1.0)
    paired: ClassVar[bool] = True
    independent: ClassVar[bool] = True
    noise_share: ClassVar[float] = np.sqrt(0.5)
    facts: ClassVar[Facts] = Facts(unit_state=1, unit_work=UnitWork(2), separable=False, spiking=False)

    def fits(self, rule: Axes) -> SpecError | None:
        if rule.probe.injects:
            return None
        wanted = "'injected', 'activity' or 'deviation': both runs read the same weights"
        return SpecError("probe", f"a rule whose baseline is {self.kind!r}", wanted, rule.probe.kind)


# ----------------------------------------------------------------------------------------------------------------------
# With a running mean


class ExpectationNumbers(NamedTuple):
    """rate : ρ, float64 in every run"""

    rate: float


@lru_cache
def make_expect(weighted: bool):
    """expect(params, dL, mask, expected, condition): δL = L − L̄_c, or L̄_c (L − L̄_c), over the scored trials of a condition.

    expected : (2C,) for each of C conditions L̄, and 1 once it exists
    """

    @kernel
    def expect(params, dL, mask, expected, condition):
        for c in range(expected.shape[0] // 2):
            total, scored = 0.0, 0
            for b in range(dL.shape[0]):
                if mask[b] and condition[b] == c:
                    total += dL[b]
                    scored += 1
            if scored == 0:
                continue
            if expected[2 * c + 1] == 0:
                expected[2 * c], expected[2 * c + 1] = total / scored, 1.0
            before = expected[2 * c]
            for b in range(dL.shape[0]):
                if mask[b] and condition[b] == c:
                    dL[b] = before * (dL[b] - before) if weighted else dL[b] - before
            expected[2 * c] += params.rate * (total / scored - before)

    return expect


class SinglePass(Baseline):
    """A single noisy trajectory.

    rate : ρ of the running mean, in (0, 1]
    """

    rate: float
    sign: ClassVar[tuple[float, ...]] = (1.0,)

    @property
    def expect(self) -> Callable[..., Any] | None:
        return make_expect(False)

    def numbers(self, scales: Scales) -> ExpectationNumbers:
        return ExpectationNumbers(self.rate)

    def fits(self, rule: Axes) -> SpecError | None:
        if rule.probe.single_pass:
            return None
        wanted = "'injected', 'deviation' or 'weights': a single pass has no reference"
        return SpecError("probe", f"a rule whose baseline is {self.kind!r}", wanted, rule.probe.kind)


class RunningMean(SinglePass):
    """A single noisy trajectory: δL = L − L̄, with L̄ ← L̄ + ρ (L − L̄) over scored steps, from the first of them.

    Half the passes, and no clean one; δL contains all variation of the loss between inputs, not only the effect of the noise. It is the
    cost through a high-pass filter with a time constant of 1/ρ scored steps.

    rate : ρ, in (0, 1], weight of the newest loss in the running mean
    """

    kind: Literal["running_mean"] = "running_mean"
    rate: float = Field(default=0.02, gt=0, le=1)
    facts: ClassVar[Facts] = Facts(separable=False, brian=BrianText(constants=(("baseline_rate", "rate"),)))


class PerCondition(SinglePass):
    """One noisy trajectory: δL = L − L̄_c, a running mean for each condition c, the kind of trial (T. Miconi, eLife 6, e20899 (2017)).

    The task defines the conditions, the kinds of its trials: for example which cues are presented, or which class is to be named. Of the
    variation of the loss between inputs only that within a condition remains.

    rate : ρ, in (0, 1]: L̄_c ← L̄_c + ρ (L − L̄_c), L the mean of the condition's trials in the batch
    conditions : largest number of conditions
    weighted : δL = L̄_c (L − L̄_c), so that conditions already learned change less
    """

    kind: Literal["per_condition"] = "per_condition"
    rate: float = Field(default=0.25, gt=0, le=1)
    conditions: int = Field(default=16, ge=1, le=4096)
    weighted: bool = False
    facts: ClassVar[Facts] = Facts(separable=False)

    @property
    def expect(self) -> Callable[..., Any] | None:
        return make_expect(self.weighted)

    @property
    def kinds_of_trial(self) -> int:
        return self.conditions


# ----------------------------------------------------------------------------------------------------------------------
# In a world


@kernel
def expect_by_step(params, dL, mask, expected, condition):
    """δL = L − L̄_t with a running mean of each step t, the same for every trial of a batch; expected as in `make_expect`."""
    t, total, scored = condition[0], 0.0, 0
    for b in range(dL.shape[0]):
        if mask[b]:
            total += dL[b]
            scored += 1
    if scored == 0:
        return
    if expected[2 * t + 1] == 0:
        expected[2 * t], expected[2 * t + 1] = total / scored, 1.0
    before = expected[2 * t]
    for b in range(dL.shape[0]):
        if mask[b]:
            dL[b] -= before
    expected[2 * t] += params.rate * (total / scored - before)


class PerStep(SinglePass):
    """One noisy trajectory in a world: δL_t = L_t − L̄_t, with a running mean L̄_t of each step t of an episode.

    Summed from any step on it is the return from there on less the expected one: a reward-prediction error that knows the time and nothing
    else.

    rate : ρ, in (0, 1]: L̄_t ← L̄_t + ρ (L_t − L̄_t), L_t the mean of the batch
    steps : largest number of steps of an episode
    """

    kind: Literal["per_step"] = "per_step"
    rate: float = Field(default=0.25, gt=0, le=1)
    steps: int = Field(default=1024, ge=1, le=65536)
    timed: ClassVar[bool] = True
    facts: ClassVar[Facts] = Facts(separable=False, spiking=False)

    @property
    def expect(self) -> Callable[..., Any] | None:
        return expect_by_step

    @property
    def kinds_of_trial(self) -> int:
        return self.steps


class PolicyNumbers(NamedTuple):
    """rate : ρ;  spread : s of the policy;  both float64"""

    rate: float
    spread: float


class PolicyTwin(Baseline):
    """A clean network that acts and a noisy one that sees the same: reward-modulated learning by noise (García Fernández et al. 2025).

    The action a is drawn from the policy of the clean network: a choice with probability softmax(y/s), a number from N(y, s²). The noise
    would have changed its log-probability by d_t = log π̃(a_t) − log π(a_t), a second broadcast. The reward is compared with the running mean
    of its step, as in `PerStep`. A perturbation of step s is credited with Σ_{t ≥ s} d_t R_t, R_t the reward-to-go of those differences.

    J. García Fernández, N. Ahmad, M. van Gerven, "Noise-based reward-modulated learning", arXiv:2503.23972 (2025), for feed-forward
    networks, where noise affects the action of its own step only, with one running mean of the whole return, by whose size the error is divided.

    rate : ρ, in (0, 1], weight of the newest loss in the running means
    spread : s > 0, temperature of a choice, standard deviation of a number
    steps : largest number of steps of an episode
    """

    kind: Literal["policy_twin"] = "policy_twin"
    rate: float = Field(default=0.25, gt=0, le=1)
    spread: float = Field(default=1.0, gt=0)
    steps: int = Field(default=1024, ge=1, le=65536)
    sign: ClassVar[tuple[float, ...]] = (0.0, 1.0)
    timed: ClassVar[bool] = True
    sampled: ClassVar[bool] = True
    facts: ClassVar[Facts] = Facts(unit_state=1, separable=False, spiking=False)

    @property
    def expect(self) -> Callable[..., Any] | None:
        return expect_by_step

    @property
    def kinds_of_trial(self) -> int:
        return self.steps

    def numbers(self, scales: Scales) -> PolicyNumbers:
        return PolicyNumbers(self.rate, self.spread)

    def fits(self, rule: Axes) -> SpecError | None:
        if rule.probe.injects and rule.formula is None:
            return None
        wanted = "'injected' or 'activity', without a formula of its own: the two networks read the same weights"
        return SpecError("probe", f"a rule whose baseline is {self.kind!r}", wanted, rule.probe.kind)
