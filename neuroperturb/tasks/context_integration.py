"""Credit task B, context-dependent integration: a cue selects which of two noisy streams to integrate.

    stream_c(t) = strength · s_c + noise · N(0, 1)   from t = onset,  s_c = ±1 for the trial;      target = s_attended

A small version of the task of V. Mante, D. Sussillo, K. V. Shenoy, W. T. Newsome, Context-dependent computation by
recurrent dynamics in prefrontal cortex, Nature 503 (2013). doi:10.1038/nature12742
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from neuroperturb.spec import SpecError
from neuroperturb.tasks.contract import Sequence, Task
from neuroperturb.tasks.randomness import check_request
from neuroperturb.tasks.trials import SignTrials, blank, condition_of, signs


class ContextIntegration(Task):
    """Integrate the noisy stream that a context cue, presented once, selects.

    Channels: context (±1 at step 0, then 0; +1 attends the first stream, −1 the second) and the two streams, 0 before
    `onset`. The target is the sign s_c of the mean of the attended stream (not the sign of its noisy sum),
    scored at the last step by the mean squared error; targets ±1, so 1.0 is guessing.

    Meant for 16 units with a constant-1 input (the network's bias option; the task adds none) and recurrent Xavier
    weights at gain 1.0.

    Parameters
    ----------
    steps : int, steps per trial (T)
    onset : int, first step of the streams
    strength : float, mean of a stream [input units]
    noise : float, standard deviation of a stream at each step [input units]
    trials_per_epoch : int, trials presented in one epoch, rounded up to whole batches
    validation_trials : int, fresh trials to validate on after every epoch
    test_trials : int, fresh trials to test on at the end
    """

    schedule: ClassVar[Literal["online", "episode"]] = "episode"
    default_batch_size: ClassVar[int] = 64

    name: Literal["context-integration"] = "context-integration"
    steps: int = Field(default=16, ge=2)
    onset: int = Field(default=3, ge=0)
    strength: float = Field(default=0.5, gt=0)
    noise: float = Field(default=0.5, ge=0)
    trials_per_epoch: int = Field(default=6400, ge=1)
    validation_trials: int = Field(default=1024, ge=1)
    test_trials: int = Field(default=2048, ge=1)

    @model_validator(mode="after")
    def _fits(self) -> ContextIntegration:
        if self.onset >= self.steps:
            raise SpecError("onset", "ContextIntegration", f"smaller than 'steps' ({self.steps})", self.onset)
        return self

    def data(self, seed: int, batch_size: int) -> SignTrials:
        """Fresh trials from the seed."""
        check_request(self, seed, batch_size)
        trials = (self.trials_per_epoch, self.validation_trials, self.test_trials)
        return SignTrials(self._trials, self.name, seed, batch_size, trials, together=True)

    def _trials(self, rng: np.random.Generator, trials: int) -> Sequence:
        sequence = blank(self.steps, trials, 3, conditions=True)
        context, s = signs(rng, trials), signs(rng, trials, 2)
        sequence.condition[:] = condition_of(self.steps, context, *s.T)
        streams = self.noise * rng.standard_normal((self.steps - self.onset, trials, 2))
        sequence.inputs[0, :, 0] = context
        sequence.inputs[self.onset :, :, 1:] = self.strength * s + streams
        sequence.targets[-1, :, 0] = np.where(context > 0, s[:, 0], s[:, 1])
        sequence.mask[-1] = True
        return sequence
