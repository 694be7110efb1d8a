"""Delayed match to sample, by reward alone: two cues far apart, and one answer: were they the same?

    sample ±1 at step 0, test ±1 at step `delay`, on one channel; a second channel is 1 at both, noise on the first otherwise
    the choice at the last step pays 1 if it is 0 for different cues, 1 for equal ones; nothing else says what was right

The task of :class:`neuroperturb.tasks.DelayedXOR` without its target. T. Miconi, eLife 6, e20899 (2017), trains
recurrent networks on it by reward.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from hardware_models.numerics.compiled import kernel
from neuroperturb.spec import SpecError
from neuroperturb.tasks.worlds.contract import CompiledWorld
from neuroperturb.tasks.worlds.task import WorldTask

WIDTH = 12**0.5  # of a uniform distribution of variance 1


class MatchNumbers(NamedTuple):
    """delay : step of the test;  steps of a trial;  noise : σ of the first channel between the cues"""

    delay: float
    steps: float
    noise: float


@kernel
def begin(p, u, state, seen):
    """state: sample, test, step."""
    state[0] = 1.0 if u[0] < 0.5 else -1.0
    state[1] = 1.0 if u[1] < 0.5 else -1.0
    state[2] = 0
    seen[0], seen[1] = state[0], 1
    return (1 if state[0] > 0 else 0) + (2 if state[1] > 0 else 0)


@kernel
def move(p, u, state, action, strength, seen):
    state[2] += 1
    if state[2] >= p.steps:
        seen[:] = 0
        choice = action if strength >= 0 else 1 - action
        same = 1 if state[0] == state[1] else 0
        return (1.0 if choice == same else 0.0), True
    if state[2] == p.delay:
        seen[0], seen[1] = state[1], 1
    else:
        seen[0], seen[1] = p.noise * WIDTH * (u[0] - 0.5), 0
    return 0.0, False


class DelayedMatch(WorldTask):
    """Say whether two cues, far apart, were the same, and hear only whether that was right.

    delay : steps from the sample to the test
    steps : of a trial; the choice counts at the last
    noise : standard deviation of the cue channel between the cues
    """

    name: Literal["delayed-match"] = "delayed-match"
    delay: int = Field(default=4, ge=1)
    steps: int = Field(default=7, ge=2, le=1000)
    noise: float = Field(default=0.1, ge=0)

    @model_validator(mode="after")
    def _fits(self) -> DelayedMatch:
        if self.delay >= self.steps:
            raise SpecError("delay", "DelayedMatch", f"smaller than 'steps' ({self.steps})", self.delay)
        return self

    @property
    def ceiling(self) -> float:
        return 1.0

    def world(self) -> CompiledWorld:
        numbers = MatchNumbers(float(self.delay), float(self.steps), float(self.noise))
        return CompiledWorld(
            number=2, begin=begin, move=move, numbers=numbers, choices=2, n_in=2, state=3, draws=2, kinds=4, steps=self.steps,
            ceiling=self.ceiling, **self.motor,
        )  # fmt: skip

    def scored(self, step: int) -> bool:
        return step == self.steps - 1
