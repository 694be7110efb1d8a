"""Credit task A, delayed XOR: report the exclusive or of two distant cues at the end of the trial.

target = +1 if the cues differ, −1 if they agree  =  −cue_1 · cue_2
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from neuroperturb.spec import SpecError
from neuroperturb.tasks.contract import Sequence, Task
from neuroperturb.tasks.randomness import check_request
from neuroperturb.tasks.trials import SignTrials, blank, condition_of, signs


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value  # TOML has lists only


class DelayedXOR(Task):
    """Report whether two cues, presented at different times, differ.

    Channels: cue (±1 exactly at the two cue times, noise at every other step, the last one included) and flag (1 at
    the cue times). Scored at the last step by the mean squared error; targets ±1, so 1.0 is guessing. Frozen
    recurrence and one-step credit fail on this task, backpropagation through time succeeds.

    Meant for 20 units with a constant-1 input (the network's bias option; the task adds none) and recurrent Xavier
    weights at gain 1.1. The longer form A20 is ``DelayedXOR(steps=20, cues=(0, 8))`` with 24 units at gain 1.2, and
    A50 the same with 50 units. With 128 units or more a frozen network solves the task and it no longer tests credit.

    Parameters
    ----------
    steps : int, steps per trial (T)
    cues : tuple of two int, the steps that present a cue
    noise : float, standard deviation on the cue channel at all other steps [input units]
    trials_per_epoch : int, trials presented in one epoch, rounded up to whole batches
    validation_trials : int, fresh trials to validate on after every epoch
    test_trials : int, fresh trials to test on at the end
    """

    schedule: ClassVar[Literal["online", "episode"]] = "episode"
    default_batch_size: ClassVar[int] = 64

    name: Literal["delayed-xor"] = "delayed-xor"
    steps: int = Field(default=14, ge=2)
    cues: Annotated[tuple[int, int], BeforeValidator(_as_tuple)] = (0, 5)
    noise: float = Field(default=0.3, ge=0)
    trials_per_epoch: int = Field(default=6400, ge=1)
    validation_trials: int = Field(default=1024, ge=1)
    test_trials: int = Field(default=2048, ge=1)

    @model_validator(mode="after")
    def _fits(self) -> DelayedXOR:
        if not 0 <= self.cues[0] < self.cues[1] < self.steps:
            wanted = f"two increasing steps from 0 to {self.steps - 1} (one less than 'steps')"
            raise SpecError("cues", "DelayedXOR", wanted, self.cues)
        return self

    def data(self, seed: int, batch_size: int) -> SignTrials:
        """New trials from the seed."""
        check_request(self, seed, batch_size)
        trials = (self.trials_per_epoch, self.validation_trials, self.test_trials)
        return SignTrials(self._trials, self.name, seed, batch_size, trials, together=True)

    def _trials(self, rng: np.random.Generator, trials: int) -> Sequence:
        sequence = blank(self.steps, trials, 2, conditions=True)
        cue = signs(rng, 2, trials)
        sequence.condition[:] = condition_of(self.steps, *cue)
        sequence.inputs[:, :, 0] = self.noise * rng.standard_normal((self.steps, trials))
        for shown, at in zip(cue, self.cues, strict=True):
            sequence.inputs[at, :, 0] = shown
            sequence.inputs[at, :, 1] = 1.0
        sequence.targets[-1, :, 0] = -cue[0] * cue[1]
        sequence.mask[-1] = True
        return sequence
