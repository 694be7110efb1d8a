"""A two-armed contextual bandit: the context is seen, the chances it stands for are not.

    context c = 0 … C − 1, uniform;  one-hot input at the first step, nothing afterwards
    the choice at the last step pays 1 with probability `good` if it is arm (c mod 2), with probability 1 − `good` if it is the other one

With `steps` = 1 this is the one-step bandit, on which the mean update of a rule has a closed form; with more, the context has to be held.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from hardware_models.numerics.compiled import kernel
from neuroperturb.tasks.worlds.contract import CompiledWorld
from neuroperturb.tasks.worlds.task import WorldTask


class BanditNumbers(NamedTuple):
    """contexts C;  good : probability that the better arm pays;  steps of a trial"""

    contexts: float
    good: float
    steps: float


@kernel
def begin(p, u, state, seen):
    """state: context, step."""
    context = int(u[0] * p.contexts)
    state[0], state[1] = context, 0
    seen[:] = 0
    seen[context] = 1
    return context


@kernel
def move(p, u, state, action, strength, seen):
    seen[:] = 0
    state[1] += 1
    if state[1] < p.steps:
        return 0.0, False
    arm = action if strength >= 0 else 1 - action
    chance = p.good if arm == int(state[0]) % 2 else 1 - p.good
    return (1.0 if u[0] < chance else 0.0), True


class Bandit(WorldTask):
    """Choose one of two arms by a context that was shown.

    contexts : C, number of contexts; arm (c mod 2) is the better one
    good : probability that the better arm pays, 0.5 … 1
    steps : of a trial; the context is shown at the first, the choice counts at the last
    """

    name: Literal["bandit"] = "bandit"
    contexts: int = Field(default=4, ge=1, le=64)
    good: float = Field(default=0.9, ge=0.5, le=1)
    steps: int = Field(default=1, ge=1, le=1000)

    @property
    def ceiling(self) -> float:
        return 1.0

    def world(self) -> CompiledWorld:
        numbers = BanditNumbers(float(self.contexts), float(self.good), float(self.steps))
        return CompiledWorld(
            number=1, begin=begin, move=move, numbers=numbers, choices=2, n_in=self.contexts, state=2, draws=1, kinds=self.contexts,
            steps=self.steps, ceiling=self.ceiling, **self.motor,
        )  # fmt: skip

    def scored(self, step: int) -> bool:
        return step == self.steps - 1
