"""The contract of a world: two compiled functions of one trial, and the sizes of what they read and write.

    begin(p, u, state, seen) -> kind                              a new trial: its state, what is seen first, and its kind 0, 1 …
    move(p, u, state, action, strength, seen) -> (reward, done)   one step: the state moves, what is seen next is written

    p          parameters, a record of numbers
    u          float64 (draws,), uniform on (0, 1): drawn anew for every step of every trial
    state      float64 (state,), of this trial alone
    action     a choice 0 … choices − 1, or, if `choices` is 0, a number
    strength   of the motor: 1 healthy, −1 reversed, 0 dead; what a choice does with less than its full strength is the world's own affair
    seen       (n_in,) the observation, in the dtype of the network

A trial that is done has no further step: its reward is 0 and it shows zeros until the other trials of its batch end, too. Draws are keyed by
the seed, the world's number, the number of the trial and its step, and by nothing else: a trial is the same in any batch.

A world that can be differentiated through has two more functions, :class:`Slopes`; their arrays arrive as zeros:

    move(p, state, action, strength, moved, paid)    moved[i, j] = ∂s'_i/∂s_j, moved[i, S] = ∂s'_i/∂action;  paid[j] = ∂r/∂s_j, paid[S] = ∂r/∂action
    look(p, state, shown)                            shown[k, i] = ∂seen_k/∂s_i

with s, S = len(s), the state before the step and s' after it. Of two choices `action` is then a number between them, 0 … 1, and `move` takes it:
the mean of what the two do. Where the reward itself has no slope, as a reward for not falling, `paid` is that of a surrogate which the world names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from hardware_models.numerics import random

LEARN, VALIDATE, TEST = 0, 2**45, 2**46  # numbers of the first trial of each part: trials are counted up to 2⁴⁸
SPARE = 2  # draws of a policy that chooses at random, after those of the world


class Outside(Protocol):
    """A batch of worlds that Python steps. `pool` keeps apart those of training and of looking."""

    def fresh(self) -> Outside:
        """The same worlds with a state of their own, for another run."""
        ...

    def reset(self, pool: str, seed: int, numbers: np.ndarray) -> np.ndarray:
        """Begin trials of a seed by number: what is seen, (B, n_in)."""
        ...

    def step(self, pool: str, outputs: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Act, given the outputs (B, n_out) and, of choices, the chosen one (B,): what is seen, the rewards, and whether it is over."""
        ...


class Slopes(NamedTuple):
    """Derivatives of a world: kernels `move` and `look`, see above."""

    move: Callable[..., Any]
    look: Callable[..., Any]


class CompiledWorld(NamedTuple):
    """A world for compiled loops.

    number : 0 … 255, of its random stream: never changed, never given again
    begin, move : kernels, see above;  numbers : their parameters
    choices : number of choices; 0 if an action is a number
    n_in, state, draws : sizes of an observation, a state, and the draws of a step
    kinds : number of kinds of trials
    steps : of a trial, at most;  ceiling : return that no trial exceeds
    outside : what steps it in Python instead of `move`; None for a compiled world
    breaks_at, broken : trial from which on the motor is broken, −1 for never, and its strength then
    slopes : derivatives of a step; None where it has none
    """

    number: int
    begin: Callable[..., Any]
    move: Callable[..., Any]
    numbers: tuple
    choices: int
    n_in: int
    state: int
    draws: int
    kinds: int
    steps: int
    ceiling: float
    breaks_at: int = -1
    broken: float = 1.0
    outside: Outside | None = None
    outputs: int = 0  # of a world whose actions are several numbers
    slopes: Slopes | None = None

    @property
    def n_out(self) -> int:
        """Outputs of a network that acts: one for each choice, or the number itself."""
        return max(1, self.choices, self.outputs)

    @property
    def stream(self) -> int:
        return random.stream(random.Stream.DATA, self.number)

    @property
    def row(self) -> int:
        """Length of a row of draws."""
        return self.draws + SPARE


class HasWorld(Protocol):
    """What makes a world, such as a task."""

    def world(self) -> CompiledWorld:
        """The compiled world."""
        ...
