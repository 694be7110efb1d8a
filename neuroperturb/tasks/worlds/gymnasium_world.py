"""Any environment of Gymnasium by name, stepped from Python: slower than a compiled world by what Python costs, and as hidden as it likes.

    task = { name = "gymnasium", environment = "CartPole-v1", scale = [2.4, 2.0, 0.2095, 2.0] }

Observations are numbers (`Box`, flattened; `Discrete`, one-hot); actions are choices (`Discrete`), or numbers (`Box`), of which ±1 is the
range if it is bounded. An environment
is reset with a seed made of that of the run and the number of the trial, so that a run can be repeated and resumed.

M. Towers et al., "Gymnasium: a standard interface for reinforcement learning environments", arXiv:2407.17032 (2024).
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from hardware_models.numerics.compiled import kernel
from neuroperturb.spec import SpecError, Words
from neuroperturb.tasks.worlds.contract import CompiledWorld
from neuroperturb.tasks.worlds.environment import NoWorld
from neuroperturb.tasks.worlds.task import WorldTask

INSTALL = "Gymnasium is not installed: pip install 'neuroperturb[gymnasium]'."


def make(name: str) -> Any:
    """An environment; one sentence where there is none."""
    try:
        import gymnasium
    except ImportError:
        raise SpecError("task", verb=f"cannot be 'gymnasium': {INSTALL}") from None
    try:
        return gymnasium.make(name)
    except gymnasium.error.Error as error:
        said = str(error).strip().split("\n")[0].rstrip(".")
        raise SpecError("environment", "GymnasiumWorld", "an environment that can be made", name, f"{said}.") from None


class Side:
    """How numbers are read from, or made for, one space: `size` of them, or `choices`."""

    def __init__(self, name: str, space: Any):
        kind = type(space).__name__
        if kind not in ("Box", "Discrete"):
            raise SpecError(
                "environment", "GymnasiumWorld", f"one whose {name} space is a Box or Discrete", Words(kind)
            )
        self.choices = int(space.n) if kind == "Discrete" else 0
        self.start = int(space.start) if kind == "Discrete" else 0
        self.size = self.choices or int(np.prod(space.shape))
        self.space = space

    def read(self, value: Any) -> np.ndarray:
        if self.choices:
            return np.eye(self.choices)[int(value) - self.start]
        return np.asarray(value, np.float64).ravel()

    def action(self, outputs: np.ndarray, choice: float) -> Any:
        if self.choices:
            return int(choice) + self.start
        low, high = np.ravel(self.space.low), np.ravel(self.space.high)
        bounded = np.isfinite(low) & np.isfinite(high)
        middle, half = np.where(bounded, (low + high) / 2, 0), np.where(bounded, (high - low) / 2, 1)
        inside = np.where(bounded, np.clip(outputs, -1, 1), outputs)
        return (middle + half * inside).reshape(self.space.shape).astype(self.space.dtype)


class Environments:
    """Environments of one name, as many as trials; see :class:`neuroperturb.tasks.worlds.contract.Outside`."""

    def __init__(self, name: str, scale: tuple[float, ...] | None):
        self._name, self._pools = name, {"learn": [], "look": []}
        self._over: dict[str, np.ndarray] = {}
        one = make(name)
        self.seen, self.acted = Side("observation", one.observation_space), Side("action", one.action_space)
        if scale is not None and len(scale) != self.seen.size:
            raise SpecError("scale", "GymnasiumWorld", f"{self.seen.size} numbers, one for each observed one", scale)
        self._scale = np.ones(self.seen.size) if scale is None else np.array(scale, float)

    def __getstate__(self) -> dict:
        return {**vars(self), "_pools": {"learn": [], "look": []}, "_over": {}}

    def fresh(self) -> Environments:
        """See `Outside`."""
        other = object.__new__(Environments)
        vars(other).update(self.__getstate__())
        return other

    def reset(self, pool: str, seed: int, numbers: np.ndarray) -> np.ndarray:
        """See `Outside`; a trial is reset with its own seed."""
        envs = self._pools[pool]
        while len(envs) < len(numbers):
            envs.append(make(self._name))
        self._over[pool] = np.zeros(len(numbers), bool)
        seeds = [int(np.random.SeedSequence([seed, int(n)]).generate_state(1)[0] >> 1) for n in numbers]
        return np.array([self._read(env.reset(seed=seed)[0]) for env, seed in zip(envs, seeds)])

    def step(self, pool: str, outputs: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `Outside`."""
        over, reward = self._over[pool], np.zeros(len(actions))
        seen = np.zeros((len(actions), self.seen.size))
        for b in np.flatnonzero(~over):
            action = self.acted.action(np.asarray(outputs[b], float), actions[b])
            told, reward[b], ended, cut, _ = self._pools[pool][b].step(action)
            seen[b], over[b] = self._read(told), ended or cut
        return seen, reward, over.copy()

    def _read(self, told: Any) -> np.ndarray:
        return self.seen.read(told) / self._scale


@kernel
def begin(p, u, state, seen):
    return 0


@kernel
def move(p, u, state, action, strength, seen):
    return 0.0, True


class GymnasiumWorld(WorldTask):
    """An environment of Gymnasium, by name.

    environment : its name, such as ``"CartPole-v1"``
    ceiling_return : the return that is best, from which the loss is counted
    scale : what observed numbers are divided by, one for each; None: by nothing
    steps : of a trial, at most
    """

    name: Literal["gymnasium"] = "gymnasium"
    how_to_give: ClassVar[dict[str, str]] = {
        "environment": "Give it by --set task.environment=CartPole-v1, and the best return by --set task.ceiling_return=200.",
        "ceiling_return": "Give it by --set task.ceiling_return=200, the best return of the environment.",
    }
    environment: str
    ceiling_return: float
    scale: tuple[float, ...] | None = None
    steps: int = Field(default=200, ge=1, le=10000)

    @property
    def ceiling(self) -> float:
        return self.ceiling_return

    @model_validator(mode="after")
    def _motor_is_its_own(self) -> GymnasiumWorld:
        if self.motor_breaks_at is not None:
            wanted = "left out: the motor belongs to the environment"
            raise SpecError("motor_breaks_at", "GymnasiumWorld", wanted, self.motor_breaks_at)
        return self

    def world(self) -> CompiledWorld:
        outside = Environments(self.environment, self.scale)
        return CompiledWorld(
            number=6, begin=begin, move=move, numbers=NoWorld(), choices=outside.acted.choices, n_in=outside.seen.size, state=0, draws=0, kinds=1,
            steps=self.steps, ceiling=self.ceiling, outside=outside, outputs=outside.acted.size,
        )  # fmt: skip
