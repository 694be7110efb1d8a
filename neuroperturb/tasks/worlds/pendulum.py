"""Pendulum swing-up: bring a pendulum upright with a torque too weak to lift it at once; by default its speed is hidden.

    θ̈ = 3g/(2l) sin θ + 3u/(m l²)        θ = 0 upright,  |u| ≤ 2 N m,  u = 2 · action · strength
    θ̇ ← clip(θ̇ + θ̈ Δt, ±8),   θ ← θ + θ̇ Δt,   Δt = 0.05 s
    reward  −(θ² + 0.1 θ̇² + 0.001 u²), θ in −π … π, of the state before the step

The equations of Pendulum-v1 of Gymnasium (g = 10 m/s², m = 1 kg, l = 1 m), which starts anywhere (`start` = π, `speed` = 1); here it starts near
hanging by default, so that it has to be swung up. Inputs: cos θ, sin θ, and, unless it is hidden, θ̇/8. The loss is the cost itself: minus the return.
Gradients through it are those of these equations; a torque or a speed that is clipped passes none.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field

from hardware_models.numerics.compiled import kernel
from neuroperturb.tasks.worlds.contract import CompiledWorld, Slopes
from neuroperturb.tasks.worlds.task import WorldTask

GRAVITY, MASS, LENGTH, STEP = 10.0, 1.0, 1.0, 0.05  # m/s², kg, m, s
FASTEST, STRONGEST = 8.0, 2.0  # rad/s, N m


class PendulumNumbers(NamedTuple):
    """centre, start : θ is uniform on centre ± start;  speed : θ̇ uniform on ± speed;  hidden : 1 if θ̇ is;  steps of a trial"""

    centre: float
    start: float
    speed: float
    hidden: float
    steps: float


@kernel
def look(p, state, seen):
    """state: θ, θ̇, step."""
    seen[0], seen[1] = math.cos(state[0]), math.sin(state[0])
    if p.hidden == 0:
        seen[2] = state[1] / FASTEST


@kernel
def begin(p, u, state, seen):
    state[0], state[1] = p.centre + p.start * (2.0 * u[0] - 1.0), p.speed * (2.0 * u[1] - 1.0)
    state[2] = 0
    look(p, state, seen)
    return 0


@kernel
def wrapped(theta):
    """The angle in −π … π."""
    return (theta + math.pi) % (2 * math.pi) - math.pi


@kernel
def move(p, u, state, action, strength, seen):
    theta, turning = state[0], state[1]
    torque = min(max(STRONGEST * action * strength, -STRONGEST), STRONGEST)
    angle = wrapped(theta)
    cost = angle * angle + 0.1 * (turning * turning) + 0.001 * (torque * torque)
    turning += (3 * GRAVITY / (2 * LENGTH) * math.sin(theta) + 3.0 / (MASS * LENGTH * LENGTH) * torque) * STEP
    turning = min(max(turning, -FASTEST), FASTEST)
    state[0], state[1] = theta + turning * STEP, turning
    state[2] += 1
    look(p, state, seen)
    return -cost, state[2] >= p.steps


@kernel
def move_slopes(p, state, action, strength, moved, paid):
    """See `Slopes`."""
    theta, turning, asked = state[0], state[1], STRONGEST * action * strength
    torque = min(max(asked, -STRONGEST), STRONGEST)
    twist = STRONGEST * strength if -STRONGEST < asked < STRONGEST else 0.0  # ∂torque/∂action
    turned = turning + (3 * GRAVITY / (2 * LENGTH) * math.sin(theta) + 3.0 / (MASS * LENGTH * LENGTH) * torque) * STEP
    if -FASTEST < turned < FASTEST:
        moved[1, 0] = 3 * GRAVITY / (2 * LENGTH) * math.cos(theta) * STEP
        moved[1, 1] = 1.0
        moved[1, 3] = 3.0 / (MASS * LENGTH * LENGTH) * twist * STEP
    moved[0, 0] = 1.0
    for j in (0, 1, 3):
        moved[0, j] += STEP * moved[1, j]
    moved[2, 2] = 1.0
    paid[0], paid[1], paid[3] = -2.0 * wrapped(theta), -0.2 * turning, -0.002 * torque * twist


@kernel
def look_slopes(p, state, shown):
    shown[0, 0], shown[1, 0] = -math.sin(state[0]), math.cos(state[0])
    if p.hidden == 0:
        shown[2, 1] = 1.0 / FASTEST


class Pendulum(WorldTask):
    """Swing a pendulum up and hold it there, seeing its direction and not its speed.

    hidden : whether the speed is hidden
    centre : middle of the initial angles, which are uniform on centre ± start [rad]; 0 is upright
    start : half the range of the initial angles [rad]
    speed : the initial speed is uniform on ± speed [rad/s]
    steps : of a trial
    """

    derivatives: ClassVar[bool] = True
    name: Literal["pendulum"] = "pendulum"
    hidden: bool = True
    centre: float = math.pi
    start: float = Field(default=0.2, ge=0, le=math.pi)
    speed: float = Field(default=0.2, ge=0, le=FASTEST)
    steps: int = Field(default=100, ge=1, le=10000)

    @property
    def ceiling(self) -> float:
        return 0.0

    def world(self) -> CompiledWorld:
        numbers = PendulumNumbers(self.centre, self.start, self.speed, float(self.hidden), float(self.steps))
        return CompiledWorld(
            number=5, begin=begin, move=move, numbers=numbers, choices=0, n_in=2 if self.hidden else 3, state=3, draws=2, kinds=1,
            steps=self.steps, ceiling=self.ceiling, slopes=Slopes(move_slopes, look_slopes), **self.motor,
        )  # fmt: skip
