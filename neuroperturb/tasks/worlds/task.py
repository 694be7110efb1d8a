"""A world as a task: its dataset has numbers of trials where others have inputs and targets.

    loss = ceiling − return,  the return of a trial being the sum of its rewards

so that smaller is better as everywhere else, 0 is the best there is, and a logarithmic axis can show it.
"""

from __future__ import annotations

import functools
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from neuroperturb.spec import SpecError, require_memory
from neuroperturb.tasks.contract import Dataset, Sequence, Task
from neuroperturb.tasks.randomness import check_number, check_request
from neuroperturb.tasks.worlds.contract import LEARN, TEST, VALIDATE, CompiledWorld
from neuroperturb.tasks.worlds.environment import random_returns


class ReturnScale(NamedTuple):
    """How to interpret the loss of a world: `ceiling` minus it is the return of a trial; name, unit, guess as in LossScale."""

    name: str
    unit: str
    guess: dict[str, float]
    ceiling: float


class WorldTask(Task):
    """A world to act in, for a reward: subclasses set `name`, :meth:`world`, :meth:`scored` and :attr:`ceiling`.

    trials_per_epoch : int, trials presented in one epoch, rounded up to whole batches
    validation_trials : int, trials to validate on after every epoch
    test_trials : int, trials to test on at the end
    motor_breaks_at : int, number of the training trial from which on the motor is broken; None: never
    motor_strength : float, of the broken motor, −1 … 1: the force of a cart, the torque of a pendulum; −1 reverses it, and choices, too
    """

    schedule: ClassVar[Literal["online", "episode"]] = "episode"
    default_batch_size: ClassVar[int] = 64
    closed_loop: ClassVar[bool] = True

    trials_per_epoch: int = Field(default=1280, ge=1)
    validation_trials: int = Field(default=256, ge=1)
    test_trials: int = Field(default=512, ge=1)
    motor_breaks_at: int | None = Field(default=None, ge=0, lt=VALIDATE)
    motor_strength: float = Field(default=-1.0, ge=-1, le=1)

    @property
    def ceiling(self) -> float:
        """The return that no trial exceeds."""
        raise NotImplementedError

    def world(self) -> CompiledWorld:
        """The compiled world."""
        raise NotImplementedError

    def scored(self, step: int) -> bool:
        """Whether a reward may come at this step; elsewhere nothing is sent to the synapses."""
        del step
        return True

    @property
    def motor(self) -> dict[str, Any]:
        """When the motor breaks, as `CompiledWorld` takes it."""
        at = -1 if self.motor_breaks_at is None else self.motor_breaks_at
        return {"breaks_at": at, "broken": float(self.motor_strength)}

    @model_validator(mode="after")
    def _motor_breaks_if_it_is_weak(self) -> WorldTask:
        if self.motor_breaks_at is None and self.motor_strength != -1.0:
            raise SpecError("motor_breaks_at", type(self).__name__, "given with 'motor_strength'", None)
        return self

    def data(self, seed: int, batch_size: int) -> WorldTrials:
        """Numbers of trials, in a world of this seed."""
        check_request(self, seed, batch_size)
        return WorldTrials(self, seed, batch_size)


class WorldTrials(Dataset):
    """Trials of a world by number; the rewards are made while a network acts.

    world : CompiledWorld;  seed : of its draws;  ceiling : see :class:`WorldTask`;  batch_size : trials of a training sequence
    """

    loss = "mse"  # of no use here: what a trial is scored by is the world's reward

    def __init__(self, task: WorldTask, seed: int, batch_size: int) -> None:
        self.world, self.seed, self.ceiling = task.world(), seed, float(task.ceiling)
        self.n_in, self.n_out = self.world.n_in, self.world.n_out
        self.batch_size, self._task = batch_size, task
        self.batches_per_epoch = -(-task.trials_per_epoch // batch_size)
        self.validation = self._trials(VALIDATE, task.validation_trials)
        self.test = self._trials(TEST, task.test_trials)

    def batch(self, number: int) -> Sequence:
        """Training trials `number` · B … (`number` + 1) · B − 1."""
        check_number(number)
        return self._trials(LEARN + number * self.batch_size, self.batch_size)

    def _trials(self, first: int, trials: int) -> Sequence:
        """A sequence whose `condition` is the number of every trial; its inputs come from the world."""
        steps = self.world.steps
        require_memory(f"{trials} trials of {steps} steps", (steps, trials, self.n_in + self.n_out + 1))
        sequence = Sequence.zeros(steps, trials, self.n_in, self.n_out, conditions=True)
        sequence.condition[:] = first + np.arange(trials)
        sequence.mask[:] = np.array([self._task.scored(t) for t in range(steps)])[:, None]
        return sequence

    def metrics(self, outputs: np.ndarray, sequence: Sequence) -> dict[str, float]:
        """``loss``, ceiling − return, and ``return``; `outputs` are the rewards of every step, (T, B, 1)."""
        del sequence
        total = np.asarray(outputs, np.float64).sum(axis=(0, 2))
        return {"loss": float(self.ceiling - total.mean()), "return": float(total.mean())}

    def trivial(self) -> dict[str, dict[str, float]]:
        """``random``: choices, or numbers of variance 1, drawn at random."""
        return self._random

    @functools.cached_property
    def _random(self) -> dict[str, dict[str, float]]:
        parts = {"validation": self.validation, "test": self.test}
        played = {part: random_returns(self.world, self.seed, s.condition[0]) for part, s in parts.items()}
        return {"random": {part: float(self.ceiling - returns.mean()) for part, returns in played.items()}}

    def loss_scale(self) -> ReturnScale:  # type: ignore[override]
        """The loss is what the return falls short of the ceiling; its guess level is that of the random policy."""
        return ReturnScale(f"{self.ceiling:g} − return", "", self.trivial()["random"], self.ceiling)
