"""Mackey–Glass: a chaotic signal to predict, or to recall.

    ds/dt = β s(t−τ) / (1 + s(t−τ)^p) − γ s(t),        u = tanh(s − 1) − mean

References
----------
.. [1] M. C. Mackey, L. Glass, Oscillation and chaos in physiological control systems, Science 197 (1977).
   doi:10.1126/science.267326
.. [2] J. García Fernández, S. Keemink, M. van Gerven, Gradient-free training of recurrent neural networks using random
   perturbations, Front. Neurosci. 18:1439155 (2024). doi:10.3389/fnins.2024.1439155
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, model_serializer, model_validator

from hardware_models.numerics.compiled import kernel
from neuroperturb.spec import SpecError, require_memory
from neuroperturb.tasks.contract import Task
from neuroperturb.tasks.randomness import check_request, generator
from neuroperturb.tasks.series import SeriesDataset, pair_up, part, validation_start

BETA, GAMMA, POWER = 0.2, 0.1, 10  # production, decay, steepness
DT = 0.1  # Euler step [time units]
SUBSTEPS = 10  # Euler steps per sample: one sample per time unit
LATER = ("tau", "test")  # parameters that tables of the first version do not have


class MackeyGlass(Task):
    """A chaotic series: predict it `horizon` samples ahead, or recall it that far back.

    The signal of [2]_: Euler with 10 sub-steps of 0.1 per sample, τ 17 by default, β 0.2, γ 0.1, p 10, history 1.2 + 0.2 (U − ½),
    the start dropped, tanh(s − 1), and the mean of the training samples subtracted. One signal per trial of the batch,
    each with its own history; training, validation and test are consecutive segments of it.

    Parameters
    ----------
    variant : ``"forecast"``, input s(t) and target s(t + horizon); ``"recall"``, input s(t + horizon) and target
        s(t), which is what [2]_ trains (a linear filter of horizon + 1 taps solves it exactly)
    horizon : int, samples between input and target
    steps : int, samples of training and validation together; the last tenth is validation
    test_steps : int, samples of the test part
    dropped : int, samples discarded at the start. With the published 100, signals of different trials and seeds still
        resemble each other at first: the histories differ little, and chaos takes about 1,000 samples to separate them
    washout : int, steps after a reset of the state that are not scored
    lead_in : int, unscored samples before validation and before test that warm the state up
    tau : int, the delay [samples]; from 17 on the signal is chaotic, at 30 more so
    test : ``"continued"``, the test part is the end of the same signals; ``"another"``, of signals with another history, with as many
        samples dropped: with 1,500 of them they have nothing in common with those of training but their law
    """

    name: Literal["mackey-glass"] = "mackey-glass"
    variant: Literal["forecast", "recall"] = "forecast"
    horizon: int = Field(default=15, ge=1)
    steps: int = Field(default=5000, ge=20)
    test_steps: int = Field(default=1000, ge=2)
    dropped: int = Field(default=100, ge=0)
    washout: int = Field(default=0, ge=0)
    lead_in: int = Field(default=200, ge=0)
    tau: int = Field(default=17, ge=1)
    test: Literal["continued", "another"] = "continued"

    @model_validator(mode="after")
    def _fits(self) -> MackeyGlass:
        train = validation_start(self.steps)
        shortest = min(train, self.steps - train, self.test_steps)
        if self.horizon >= shortest:
            parts = f"{train} training, {self.steps - train} validation and {self.test_steps} test samples"
            wanted = f"smaller than each part of the series, {parts}"
            raise SpecError("horizon", "MackeyGlass", wanted, self.horizon)
        if self.washout >= shortest - self.horizon:
            wanted = f"leave something to score in each part: at most {shortest - self.horizon - 1} steps"
            raise SpecError("washout", "MackeyGlass", wanted, self.washout, verb="must")
        return self

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, write) -> dict:
        """Parameters that came later are left out where they change nothing: a table of before stays what it was."""
        usual = type(self).model_fields
        return {k: v for k, v in write(self).items() if k not in LATER or getattr(self, k) != usual[k].default}

    def data(self, seed: int, batch_size: int) -> SeriesDataset:
        """`batch_size` independent signals, cut into training, validation and test."""
        check_request(self, seed, batch_size)
        fit, end = validation_start(self.steps), self.steps + self.test_steps
        samples = self.dropped + end
        delay = self.tau * SUBSTEPS
        require_memory(f"{batch_size} signals of {samples} samples", (3, samples + delay, batch_size))
        signal = mackey_glass(generator(seed, "mackey-glass/history"), samples, batch_size, self.tau)
        signal = signal[self.dropped :, :, None]
        mean = signal[:fit].mean()
        signal -= mean
        shift = self.horizon if self.variant == "forecast" else -self.horizon
        pairs = pair_up(signal, signal, shift)
        tested = pairs
        if self.test == "another":
            other = mackey_glass(generator(seed, "mackey-glass/another"), samples, batch_size, self.tau)
            other = other[self.dropped :, :, None] - mean
            tested = pair_up(other, other, shift)
        return SeriesDataset(
            part(pairs, (0, fit), self.washout),
            part(pairs, (fit, self.steps), self.washout, self.lead_in),
            part(tested, (self.steps, end), self.washout, self.lead_in),
            current=0,
        )


def mackey_glass(rng: np.random.Generator, samples: int, trials: int, tau: int = 17) -> np.ndarray:
    """Signals tanh(s − 1) of delay `tau`, shape (samples, trials), from their first sample and not centred."""
    delay = tau * SUBSTEPS  # [Euler steps]
    uniform = rng.random((trials, delay)).T  # (delay, trials), drawn so that trial b is the same in any larger batch
    past, s, kept = np.ascontiguousarray(1.2 + 0.2 * (uniform - 0.5)), np.full(trials, 1.2), []
    # The production depends only on the state one delay ago, so it is known in advance for a whole delay.
    for _ in range(-(-samples * SUBSTEPS // delay)):
        production, future = DT * BETA * past / (1.0 + past**POWER), np.empty_like(past)
        _advance(s, production, past, future)
        kept.append(future[SUBSTEPS - 1 :: SUBSTEPS].copy())  # a delay is a whole number of samples
    return np.tanh(np.concatenate(kept)[:samples] - 1.0)


@kernel
def _advance(s, production, past, future):
    """One delay of Euler steps, in place; past[k], the state before step k, enters the step one delay later."""
    for k in range(past.shape[0]):
        for trial in range(s.shape[0]):
            past[k, trial] = s[trial]
            s[trial] = s[trial] + production[k, trial] - DT * GAMMA * s[trial]
            future[k, trial] = s[trial]
