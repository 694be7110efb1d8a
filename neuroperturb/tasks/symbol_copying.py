"""Copying symbols: see a string of symbols, wait, and repeat it; every step is scored.

    step      0 … length−1      … delay blank steps …      length recall steps
    input     one-hot symbol    0                          0
    flag      0                 0                          1, if there is one
    target    0                 0                          the symbols, in order

With its defaults it is the copying task of [1]_: ten symbols, strings of 100, a delay of 10, T = 210, the mean squared error of all steps.

References
----------
.. [1] J. García Fernández, S. Keemink, M. van Gerven, Gradient-free training of recurrent neural networks using random
   perturbations, Front. Neurosci. 18:1439155 (2024). doi:10.3389/fnins.2024.1439155
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from neuroperturb.tasks import metrics
from neuroperturb.tasks.contract import Sequence, Task
from neuroperturb.tasks.randomness import check_request
from neuroperturb.tasks.trials import SignTrials, blank


class SymbolCopying(Task):
    """Repeat a string of random symbols after a delay, and answer 0 before.

    Inputs and outputs are one channel a symbol. Loss: mean squared error over all steps and channels; answering 0 throughout
    scores length / (T symbols), and the best constant a little less, so that a small loss is not yet a string repeated: see
    ``error_bits``, the number of wrong symbols of a string.

    Parameters
    ----------
    variant : ``"fresh"``, new strings in every batch; ``"fixed"``, training repeats one batch of strings and the test uses others
    symbols : int, number of different symbols
    length : int, steps that present a symbol
    delay : int, blank steps between the last symbol and recall
    flag : bool, whether one more input is 1 at the steps of recall; without, a network has to know the length
    trials_per_epoch : int, strings per epoch, rounded up to whole batches
    validation_trials : int, strings to validate on after every epoch; never trained on
    test_trials : int, strings to test on at the end; never trained on
    """

    schedule: ClassVar[Literal["online", "episode"]] = "episode"
    default_batch_size: ClassVar[int] = 10

    name: Literal["symbol-copying"] = "symbol-copying"
    variant: Literal["fixed", "fresh"] = "fresh"
    symbols: int = Field(default=10, ge=2)
    length: int = Field(default=100, ge=1)
    delay: int = Field(default=10, ge=0)
    flag: bool = False
    trials_per_epoch: int = Field(default=100, ge=1)
    validation_trials: int = Field(default=100, ge=1)
    test_trials: int = Field(default=100, ge=1)

    def data(self, seed: int, batch_size: int) -> SymbolTrials:
        """Strings of symbols from the seed."""
        check_request(self, seed, batch_size)
        draw = partial(symbol_trials, symbols=self.symbols, length=self.length, delay=self.delay, flag=self.flag)
        trials = (self.trials_per_epoch, self.validation_trials, self.test_trials)
        return SymbolTrials(draw, self.name, seed, batch_size, trials, fixed=self.variant == "fixed")


class SymbolTrials(SignTrials):
    """Strings of symbols, scored by the mean squared error of every step."""

    def metrics(self, outputs: np.ndarray, sequence: Sequence) -> dict[str, float]:
        """``loss`` and ``nmse`` of all steps; ``accuracy`` of the symbols of recall, and wrong ``error_bits`` of a string."""
        recall = sequence.targets.any(axis=2)
        right = metrics.accuracy(outputs, sequence.targets, recall)
        every = (outputs, sequence.targets, sequence.mask)
        return {
            "loss": metrics.mse(*every),
            "nmse": metrics.nmse(*every),
            "accuracy": right,
            "error_bits": (1 - right) * int(recall[:, 0].sum()),
        }

    def trivial(self) -> dict[str, dict[str, float]]:
        """``guess``: the best constant; ``timed``: 0 before recall and the mean symbol in it, which needs the time and no memory."""
        found: dict[str, dict[str, float]] = {"guess": {}, "timed": {}}
        for name in ("validation", "test"):
            targets, mask = getattr(self, name).targets, getattr(self, name).mask
            recall = np.broadcast_to(targets.any(axis=2, keepdims=True) / targets.shape[2], targets.shape)
            for guess, outputs in (("guess", np.full(targets.shape, recall.mean())), ("timed", recall)):
                found[guess][name] = metrics.mse(outputs, targets, mask)
        return found


def symbol_trials(rng: np.random.Generator, trials: int, symbols: int, length: int, delay: int, flag: bool) -> Sequence:
    """Trials of length + delay + length steps."""
    recall = length + delay
    sequence = blank(recall + length, trials, symbols + flag, symbols)
    shown = np.eye(symbols)[rng.integers(0, symbols, (length, trials))]
    sequence.inputs[:length, :, :symbols] = shown
    sequence.inputs[recall:, :, symbols:] = 1.0
    sequence.targets[recall:] = shown
    sequence.mask[:] = True
    return sequence
