"""A T-maze: a cue at the start says on which side the reward is, a corridor later.

    start (cue ±1) ─ corridor ─ … ─ corridor ─ junction       position 0 … length

    input     the cue, at the start only;  1 in the corridor;  1 at the junction
    choices   0 forward, 1 left, 2 right: forward moves on in the corridor and does nothing at the junction;
              left and right end the trial at the junction and do nothing in the corridor
    reward    4 on the cued side, −0.1 on the other; −0.1 for every step on which the position did not change

B. Bakker, "Reinforcement learning with long short-term memory", NIPS 14 (2001), with one cue instead of an oracle's answer: a corridor of
length N needs N steps forward and the cue after N steps.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from hardware_models.numerics.compiled import kernel
from neuroperturb.spec import SpecError
from neuroperturb.tasks.worlds.contract import CompiledWorld
from neuroperturb.tasks.worlds.task import WorldTask

GOOD, WASTED = 4.0, -0.1


class MazeNumbers(NamedTuple):
    """length of the corridor;  steps of a trial"""

    length: float
    steps: float


@kernel
def look(p, state, seen):
    """state: cue, position, step. What is seen from here."""
    junction = state[1] >= p.length
    seen[0] = state[0] if state[1] == 0 else 0.0
    seen[1] = 0.0 if junction else 1.0
    seen[2] = 1.0 if junction else 0.0


@kernel
def begin(p, u, state, seen):
    state[0] = 1.0 if u[0] < 0.5 else -1.0
    state[1], state[2] = 0, 0
    look(p, state, seen)
    return 1 if state[0] > 0 else 0


@kernel
def move(p, u, state, action, strength, seen):
    state[2] += 1
    late = state[2] >= p.steps
    turn = 0.0 if action == 0 else (-1.0 if action == 1 else 1.0)
    if strength < 0:
        turn = -turn
    if state[1] >= p.length and turn != 0:
        return (GOOD if turn == state[0] else WASTED), True
    reward = WASTED
    if state[1] < p.length and turn == 0:
        state[1] += 1
        reward = 0.0
    look(p, state, seen)
    return reward, late


class TMaze(WorldTask):
    """Walk down a corridor, and turn to the side that a cue at its start said.

    length : steps from the start to the junction
    steps : of a trial, at most
    """

    name: Literal["t-maze"] = "t-maze"
    length: int = Field(default=4, ge=1)
    steps: int = Field(default=10, ge=2, le=1000)

    @model_validator(mode="after")
    def _fits(self) -> TMaze:
        if self.length >= self.steps:
            raise SpecError("length", "TMaze", f"smaller than 'steps' ({self.steps})", self.length)
        return self

    @property
    def ceiling(self) -> float:
        return GOOD

    def world(self) -> CompiledWorld:
        return CompiledWorld(
            number=3, begin=begin, move=move, numbers=MazeNumbers(float(self.length), float(self.steps)), choices=3, n_in=3, state=3,
            draws=1, kinds=2, steps=self.steps, ceiling=self.ceiling, **self.motor,
        )  # fmt: skip
