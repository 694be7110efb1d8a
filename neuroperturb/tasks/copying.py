"""Copying memory: see a string of bits, wait, and repeat it.

    step      0 … length−1      … delay blank steps …      length recall steps
    bits      ±1                0                          0
    flag      0                 0                          1
    target    ·                 ·                          the bits, in order (scored)

References
----------
.. [1] S. Hochreiter, J. Schmidhuber, Long short-term memory, Neural Computation 9 (1997).
   doi:10.1162/neco.1997.9.8.1735
.. [2] J. García Fernández, S. Keemink, M. van Gerven, Gradient-free training of recurrent neural networks using random
   perturbations, Front. Neurosci. 18:1439155 (2024). doi:10.3389/fnins.2024.1439155
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from neuroperturb.tasks.contract import Sequence, Task
from neuroperturb.tasks.randomness import check_request
from neuroperturb.tasks.trials import SignTrials, blank, signs


class Copying(Task):
    """Repeat a string of random bits after a delay.

    Inputs are `width` channels of bits, ±1, and one recall flag; outputs are `width` bits. Loss: mean squared error
    over the recall steps, so 1.0 is guessing.

    Parameters
    ----------
    variant : ``"fresh"``, new strings in every batch; ``"fixed"``, training repeats one batch of strings and the test uses others, so
        that it measures whether memorising one batch has taught copying. It has only this repetition in common with the published
        experiment [2]_, which has ten one-hot symbols, a delay of 10 and strings of 100 steps, T = 210, and scores every
        step; here bits are ±1, strings have 10 of them by default, and only recall is scored. The losses of the two are
        not comparable
    length : int, steps that present bits
    width : int, bits per step
    delay : int, blank steps between the last bit and recall
    trials_per_epoch : int, strings per epoch, rounded up to whole batches
    validation_trials : int, strings to validate on after every epoch; never trained on
    test_trials : int, strings to test on at the end; never trained on
    """

    schedule: ClassVar[Literal["online", "episode"]] = "episode"
    default_batch_size: ClassVar[int] = 10

    name: Literal["copying"] = "copying"
    variant: Literal["fixed", "fresh"] = "fresh"
    length: int = Field(default=10, ge=1)
    width: int = Field(default=1, ge=1)
    delay: int = Field(default=10, ge=0)
    trials_per_epoch: int = Field(default=1000, ge=1)
    validation_trials: int = Field(default=256, ge=1)
    test_trials: int = Field(default=512, ge=1)

    def data(self, seed: int, batch_size: int) -> SignTrials:
        """Strings of bits from the seed."""
        check_request(self, seed, batch_size)
        draw = partial(copying_trials, length=self.length, width=self.width, delay=self.delay)
        trials = (self.trials_per_epoch, self.validation_trials, self.test_trials)
        return SignTrials(draw, self.name, seed, batch_size, trials, fixed=self.variant == "fixed")


def copying_trials(
    rng: np.random.Generator, trials: int, length: int, width: int, delay: int, noise: float = 0.0
) -> Sequence:
    """Trials of length + delay + length steps; `noise` is the standard deviation of the bit channels in the delay."""
    recall = length + delay
    sequence = blank(recall + length, trials, width + 1, width)
    bits = signs(rng, length, trials, width)
    sequence.inputs[:length, :, :width] = bits
    sequence.inputs[length:recall, :, :width] = noise * rng.standard_normal((delay, trials, width))
    sequence.inputs[recall:, :, width] = 1.0
    sequence.targets[recall:] = bits
    sequence.mask[recall:] = True
    return sequence
