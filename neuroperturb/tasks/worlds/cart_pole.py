"""Cart-pole: keep a pole upright by pushing its cart left or right; by default its velocities are hidden.

    a = (F + m l θ̇² sin θ)/M                                  F = ±force · strength,  M = m_c + m,  l half the length of the pole
    θ̈ = (g sin θ − cos θ · a) / (l (4/3 − m cos² θ/M)),   ẍ = a − m l θ̈ cos θ/M
    x ← x + τ ẋ,  ẋ ← ẋ + τ ẍ,  θ ← θ + τ θ̇,  θ̇ ← θ̇ + τ θ̈          Euler, all from the state before the step

A reward of 1 for each step, that on which it falls included (|x| > 2.4 m or |θ| > 12°). The initial state is uniform on ±0.05. In this form, step by
step, it is CartPole-v1 of Gymnasium. Inputs are scaled: x/2.4, θ/12°, and, unless they are hidden, ẋ/2, θ̇/2.

Gradients through it see a push that is a number, F = force · strength · (2a − 1) with a = 0 … 1, the mean of the two pushes, and, since the
reward has no slope, that of a surrogate, 1 − (x/2.4)² − (θ/12°)² in the state before the step.

A. G. Barto, R. S. Sutton, C. W. Anderson, "Neuronlike adaptive elements that can solve difficult learning control problems", IEEE Trans. Syst.
Man Cybern. 13, 834 (1983), doi:10.1109/TSMC.1983.6313077; frictionless: R. V. Florian, "Correct equations for the dynamics of the cart-pole
system" (2005).
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field

from hardware_models.numerics.compiled import kernel
from neuroperturb.tasks.worlds.contract import CompiledWorld, Slopes
from neuroperturb.tasks.worlds.task import WorldTask

GRAVITY, CART, POLE, HALF, TAU = 9.8, 1.0, 0.1, 0.5, 0.02  # m/s², kg, kg, m, s
EDGE, TILT = 2.4, 12 * 2 * math.pi / 360  # m, rad
SPEED = 2.0  # m/s and rad/s: scale of velocities where they are seen
TOTAL, MOMENT = CART + POLE, POLE * HALF


class CartPoleNumbers(NamedTuple):
    """force [N];  hidden : 1 if velocities are;  steps of a trial"""

    force: float
    hidden: float
    steps: float


@kernel
def look(p, state, seen):
    """state: x, ẋ, θ, θ̇, step."""
    seen[0], seen[1] = state[0] / EDGE, state[2] / TILT
    if p.hidden == 0:
        seen[2], seen[3] = state[1] / SPEED, state[3] / SPEED


@kernel
def begin(p, u, state, seen):
    for i in range(4):
        state[i] = 0.1 * u[i] - 0.05
    state[4] = 0
    look(p, state, seen)
    return 0


@kernel
def move(p, u, state, action, strength, seen):
    x, speed, theta, turning = state[0], state[1], state[2], state[3]
    force = p.force * strength * (2.0 * action - 1.0)
    cos, sin = math.cos(theta), math.sin(theta)
    push = (force + MOMENT * (turning * turning) * sin) / TOTAL
    bend = (GRAVITY * sin - cos * push) / (HALF * (4.0 / 3.0 - POLE * (cos * cos) / TOTAL))
    pull = push - MOMENT * bend * cos / TOTAL
    state[0], state[1] = x + TAU * speed, speed + TAU * pull
    state[2], state[3] = theta + TAU * turning, turning + TAU * bend
    state[4] += 1
    look(p, state, seen)
    fallen = abs(state[0]) > EDGE or abs(state[2]) > TILT
    return 1.0, fallen or state[4] >= p.steps


@kernel
def move_slopes(p, state, action, strength, moved, paid):
    """See `Slopes`; with P push, B bend, A pull of `move` and ∂ by θ, θ̇ and the action."""
    x, theta, turning = state[0], state[2], state[3]
    force, pushed = p.force * strength * (2.0 * action - 1.0), p.force * strength * 2.0 / TOTAL
    cos, sin = math.cos(theta), math.sin(theta)
    weight = HALF * (4.0 / 3.0 - POLE * (cos * cos) / TOTAL)
    push = (force + MOMENT * (turning * turning) * sin) / TOTAL
    bend = (GRAVITY * sin - cos * push) / weight
    push_tilt, push_turn = MOMENT * (turning * turning) * cos / TOTAL, 2.0 * MOMENT * turning * sin / TOTAL
    heavier = HALF * 2.0 * POLE * cos * sin / TOTAL  # ∂weight/∂θ
    bend_tilt = (GRAVITY * cos + sin * push - cos * push_tilt - bend * heavier) / weight
    bend_turn, bent = -cos * push_turn / weight, -cos * pushed / weight
    moved[0, 0], moved[0, 1] = 1.0, TAU
    moved[1, 1] = 1.0
    moved[1, 2] = TAU * (push_tilt - MOMENT * (bend_tilt * cos - bend * sin) / TOTAL)
    moved[1, 3] = TAU * (push_turn - MOMENT * bend_turn * cos / TOTAL)
    moved[1, 5] = TAU * (pushed - MOMENT * bent * cos / TOTAL)
    moved[2, 2], moved[2, 3] = 1.0, TAU
    moved[3, 2], moved[3, 3], moved[3, 5] = TAU * bend_tilt, 1.0 + TAU * bend_turn, TAU * bent
    moved[4, 4] = 1.0
    paid[0], paid[2] = -2.0 * x / (EDGE * EDGE), -2.0 * theta / (TILT * TILT)


@kernel
def look_slopes(p, state, shown):
    shown[0, 0], shown[1, 2] = 1.0 / EDGE, 1.0 / TILT
    if p.hidden == 0:
        shown[2, 1], shown[3, 3] = 1.0 / SPEED, 1.0 / SPEED


class CartPole(WorldTask):
    """Keep a pole on a cart upright, seeing where they are and not how fast.

    hidden : whether the two velocities are hidden
    force : of a push [N]
    steps : of a trial, at most; CartPole-v1 has 500
    """

    derivatives: ClassVar[bool] = True
    name: Literal["cart-pole"] = "cart-pole"
    hidden: bool = True
    force: float = Field(default=10.0, gt=0)
    steps: int = Field(default=200, ge=1, le=10000)

    @property
    def ceiling(self) -> float:
        return float(self.steps)

    def world(self) -> CompiledWorld:
        return CompiledWorld(
            number=4, begin=begin, move=move, numbers=CartPoleNumbers(self.force, float(self.hidden), float(self.steps)), choices=2,
            n_in=2 if self.hidden else 4, state=5, draws=4, kinds=1, steps=self.steps, ceiling=self.ceiling,
            slopes=Slopes(move_slopes, look_slopes), **self.motor,
        )  # fmt: skip
