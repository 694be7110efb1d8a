"""A compiled world, stepped from Python: `reset(seed)`, `step(action) -> observation, reward, done`, thousands of trials at once.

>>> from neuroperturb.tasks import CartPole
>>> from neuroperturb.tasks.worlds import Environment
>>> world = Environment(CartPole(), trials=2)
>>> world.reset(seed=1).shape
(2, 2)
>>> observation, reward, done = world.step([0, 1])
>>> reward.tolist()
[1.0, 1.0]
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from hardware_models.numerics import random
from hardware_models.numerics.compiled import kernel, separate
from hardware_models.numerics.record import Record, record
from neuroperturb.spec import SpecError, Words
from neuroperturb.tasks.worlds.contract import VALIDATE, CompiledWorld, HasWorld, Outside


class WorldState(NamedTuple):
    """B trials of a world, for kernels; without a world every array is empty.

    numbers : of the world;  seed, stream : key of its draws;  ceiling, breaks_at, broken : see `CompiledWorld`
    trial (B,) number of each;  moment (1,) step of the trials, −1 before they begin;  kind (B,)
    state (B, S);  seen (B, n_in) in the dtype of the network;  done (B,) 1 if it is over;  reward (B,) of the last step
    action (B,);  gain (B,) log-probability that the noise would have added to the action
    u : draws of one step;  strength (1,) of the motor
    """

    numbers: tuple
    seed: int
    stream: int
    ceiling: float
    breaks_at: int
    broken: float
    trial: np.ndarray
    moment: np.ndarray
    kind: np.ndarray
    state: np.ndarray
    seen: np.ndarray
    done: np.ndarray
    reward: np.ndarray
    action: np.ndarray
    gain: np.ndarray
    u: np.ndarray
    strength: np.ndarray


class NoWorld(NamedTuple):
    """Numbers of no world."""


def make_state(world: CompiledWorld | None, seed: int, trials: int, dtype: DTypeLike = np.float64) -> WorldState:
    """The state of `trials` trials before they begin; empty without a world."""
    many, seen, state, row = (0, 0, 0, 0) if world is None else (trials, world.n_in, world.state, world.row)
    one, whole = int(world is not None), lambda: np.zeros(many, np.int64)
    return WorldState(
        numbers=NoWorld() if world is None else world.numbers,
        seed=int(seed),
        stream=0 if world is None else world.stream,
        ceiling=0.0 if world is None else float(world.ceiling),
        breaks_at=-1 if world is None else world.breaks_at,
        broken=1.0 if world is None else float(world.broken),
        trial=whole(),
        moment=np.full(one, -1, np.int64),
        kind=whole(),
        state=np.zeros((many, state)),
        seen=np.zeros((many, seen), dtype),
        done=whole(),
        reward=np.zeros(many),
        action=np.zeros(many),
        gain=np.zeros(many),
        u=np.zeros(row),
        strength=np.ones(one),
    )


@lru_cache
def make_begin(begin):
    """begin_all(world): every trial starts; the motor is broken from its trial on."""
    begin, fill = separate(begin), separate(random.fill_uniform)

    @kernel
    def begin_all(world):
        world.moment[0] = 0
        if world.breaks_at >= 0 and world.trial[0] < VALIDATE:  # later ones find the motor as learning left it
            world.strength[0] = world.broken if world.trial[0] >= world.breaks_at else 1.0
        for b in range(world.trial.shape[0]):
            fill(world.seed, world.stream, world.trial[b], 0, world.u)
            world.done[b] = 0
            world.kind[b] = begin(world.numbers, world.u, world.state[b], world.seen[b])

    return begin_all


@lru_cache
def make_move(move):
    """move_all(world, b): trial b takes its action; `u` holds its draws of this step."""
    move = separate(move)

    @kernel
    def move_one(world, b):
        if world.done[b] != 0:
            world.reward[b] = 0.0
            return
        seen = world.seen[b]
        reward, done = move(world.numbers, world.u, world.state[b], world.action[b], world.strength[0], seen)
        world.reward[b] = reward
        if done:
            world.done[b] = 1
            seen[:] = 0

    return move_one


@kernel
def draw_step(world, b):
    """The draws of this step of one trial: the row of the first step is 1, since 0 is that of its beginning."""
    random.fill_uniform(world.seed, world.stream, world.trial[b], world.moment[0] + 1, world.u)


draw = separate(draw_step)


@lru_cache
def make_step(move):
    """step(world): every trial takes its action."""
    move_one = separate(make_move(move))

    @kernel
    def step(world):
        for b in range(world.trial.shape[0]):
            draw(world, b)
            move_one(world, b)
        world.moment[0] += 1

    return step


class Environment:
    """Trials of a world, stepped together.

    Parameters
    ----------
    task : a world, such as ``CartPole()``
    trials : int, number of parallel trials
    first : int, number of the first of them

    Attributes
    ----------
    state : float64 (trials, …), the world's own state, as documented in its file; for looking, and for experiments that set it
    """

    def __init__(self, task: HasWorld, trials: int = 1, first: int = 0):
        if trials < 1 or first < 0:
            raise SpecError("trials", "Environment", "at least 1, the first of number 0 or more", (trials, first))
        self.world, self._trials, self._first = task.world(), trials, first
        if self.world.outside is not None:
            raise SpecError(
                "task",
                "Environment",
                "a compiled world: others are stepped by their own means",
                Words(type(task).__name__),
            )
        self._begin, self._step = make_begin(self.world.begin), make_step(self.world.move)
        self._all: WorldState | None = None
        self._handle: Record | WorldState | None = None

    def reset(self, seed: int = 0) -> np.ndarray:
        """Begin every trial anew; the observation, (trials, n_in)."""
        self._all = make_state(self.world, seed, self._trials)
        self._all.trial[:] = self._first + np.arange(self._trials)
        self._handle = record(self._all)
        self._begin(self._handle)
        return self._all.seen.copy()

    @property
    def state(self) -> np.ndarray:
        return self._begun().state

    def step(self, action: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Act in every trial: observation (trials, n_in), reward (trials,), done (trials,) bool."""
        now = self._begun()
        acted = np.broadcast_to(np.asarray(action, np.float64), (self._trials,))
        choices = self.world.choices
        if choices and not (np.isin(acted, np.arange(choices)).all()):
            raise SpecError("action", "Environment.step", f"choices 0 … {choices - 1}", np.asarray(action).tolist())
        if now.moment[0] >= self.world.steps:
            wanted = f"at most {self.world.steps} steps after a reset"
            raise SpecError("action", "Environment.step", wanted, int(now.moment[0]), verb="can take")
        now.action[:] = acted
        self._step(self._handle)
        return now.seen.copy(), now.reward.copy(), now.done != 0

    def _begun(self) -> WorldState:
        if self._all is None:
            raise SpecError("reset", "Environment", verb="must be called before its first step")
        return self._all


def begin_outside(state: WorldState, outside: Outside, pool: str) -> None:
    """Every trial starts, in Python."""
    state.moment[0], state.done[:] = 0, 0
    state.seen[:] = outside.reset(pool, state.seed, state.trial)


def act_outside(state: WorldState, outside: Outside, pool: str, outputs: np.ndarray) -> None:
    """Every trial that is not over takes its action, in Python; the moment is left to the caller."""
    over = state.done != 0
    seen, reward, done = outside.step(pool, outputs, state.action)
    state.reward[:] = np.where(over, 0.0, reward)
    state.done[:] = over | done
    state.seen[:] = np.where(state.done[:, None] != 0, 0, seen)


class Play:
    """Trials that a policy written in NumPy plays.

    Parameters
    ----------
    world : CompiledWorld
    seed : int
    trials : int ndarray, numbers of the trials
    """

    def __init__(self, world: CompiledWorld, seed: int, trials: np.ndarray):
        self._world, self.state = world, make_state(world, seed, len(trials))
        self.state.trial[:] = trials
        self._handle, self._step = record(self.state), make_step(world.move)
        if world.outside is None:
            make_begin(world.begin)(self._handle)
        else:
            begin_outside(self.state, world.outside, "look")

    def act(self, outputs: np.ndarray) -> np.ndarray:
        """Rewards of the largest output, or of the outputs themselves; outputs (trials, n_out)."""
        self.state.action[:] = np.argmax(outputs, axis=1) if self._world.choices else outputs[:, 0]
        if self._world.outside is None:
            self._step(self._handle)
        else:
            act_outside(self.state, self._world.outside, "look", outputs)
        return self.state.reward


def random_returns(world: CompiledWorld, seed: int, trials: np.ndarray) -> np.ndarray:
    """Returns of a policy that knows nothing, (B,): uniform choices, or normal numbers."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, world.number]))
    play, total = Play(world, seed, trials), np.zeros(len(trials))
    for _ in range(world.steps):
        total += play.act(rng.standard_normal((len(trials), world.n_out)))
    return total
