"""Short, newly drawn trials: the form of every task whose trials come from a random recipe.

A recipe is a function ``draw(rng, trials) -> Sequence``. Training batch k, the validation trials and the test trials
are three separate streams of the same recipe, so validation and test are new trials, never used in training.

Short batches are drawn several at a time where a recipe allows it, each by its own generator: the numbers are those of one at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from neuroperturb.spec import require_memory
from neuroperturb.tasks import metrics
from neuroperturb.tasks.contract import Dataset, Sequence, Usable, require_usable
from neuroperturb.tasks.randomness import Together, check_number, generator

Recipe = Callable[[Any, int], Sequence]
AT_ONCE, MOST_NUMBERS = 16, 1 << 18  # batches that are drawn together, and their inputs


class SignTrials(Dataset):
    """Newly drawn trials with targets of ±1, scored by the mean squared error: 1.0 is guessing.

    Parameters
    ----------
    draw : Recipe
    name : str, the task's name, used for its streams
    seed, batch_size : int
    trials : tuple of int, trials per epoch, in validation and in test
    fixed : bool, always present batch 0
    together : bool, whether `draw` can be given a :class:`~neuroperturb.tasks.randomness.Together` in place of a generator
    """

    loss = "mse"

    def __init__(
        self, draw: Recipe, name: str, seed: int, batch_size: int, trials: tuple[int, int, int], fixed: bool = False,
        together: bool = False,
    ) -> None:  # fmt: skip
        self._draw, self._name, self._seed, self._batch_size = draw, name, seed, batch_size
        self.batches_per_epoch = -(-trials[0] // batch_size)  # rounded up: every batch is full
        self.validation = draw(generator(seed, f"{name}/validation"), trials[1])
        self.test = draw(generator(seed, f"{name}/test"), trials[2])
        self.n_in, self.n_out = self.test.inputs.shape[2], self.test.targets.shape[2]
        self._fixed = self._train(0) if fixed else None
        sizes = self.test.inputs.shape[0], self.n_in, self.n_out
        several = (
            together
            and AT_ONCE * batch_size > max(sizes)
            and AT_ONCE * batch_size * sizes[0] * self.n_in <= MOST_NUMBERS
        )
        self._at_once = AT_ONCE if several else 1
        self._drawn: tuple[int, tuple[Usable, ...]] = -1, ()

    def batch(self, number: int) -> Sequence:
        """Training batch `number`, a function of the seed and that number only."""
        check_number(number)
        if self._fixed is not None:
            return self._fixed
        if self._at_once == 1:
            return self._train(number)
        group, place = divmod(number, self._at_once)
        if self._drawn[0] != group:
            self._drawn = group, self._group(group)
        return self._drawn[1][place]

    def _group(self, group: int) -> tuple[Usable, ...]:
        """Several batches, drawn and checked together."""
        count, size, first = self._at_once, self._batch_size, group * self._at_once
        streams = [generator(self._seed, f"{self._name}/train", first + k) for k in range(count)]
        drawn = self._draw(Together(streams, size), count * size)
        owner = f"training batches {first} to {first + count - 1}"
        return require_usable(self, drawn, owner).split(size)

    def _train(self, number: int) -> Sequence:
        return self._draw(generator(self._seed, f"{self._name}/train", number), self._batch_size)

    def metrics(self, outputs: np.ndarray, sequence: Sequence) -> dict[str, float]:
        """``loss`` (mean squared error), ``nmse``, ``accuracy`` of the sign and wrong ``error_bits`` per trial."""
        scored = (outputs, sequence.targets, sequence.mask)
        return {
            "loss": metrics.mse(*scored),
            "nmse": metrics.nmse(*scored),
            "accuracy": metrics.sign_accuracy(*scored),
            "error_bits": metrics.error_bits(*scored),
        }

    def trivial(self) -> dict[str, dict[str, float]]:
        """``guess``: the best constant answer to ±1 is 0, with a loss of exactly 1."""
        parts = {"validation": self.validation, "test": self.test}
        return {"guess": {n: metrics.mse(np.zeros_like(s.targets), s.targets, s.mask) for n, s in parts.items()}}


def blank(steps: int, trials: int, n_in: int, n_out: int = 1, *, conditions: bool = False) -> Sequence:
    """Trials of zeros with nothing scored yet, starting with a reset, for a recipe to fill in; with `conditions`, all of kind 0."""
    require_memory(f"{trials} trials of {steps} steps", (steps, trials, n_in), (steps, trials, n_out), (steps, trials))
    return Sequence.zeros(steps, trials, n_in, n_out, conditions=conditions)


def signs(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """±1 with equal probability."""
    return 2.0 * rng.integers(0, 2, shape) - 1.0


def condition_of(steps: int, *cues: np.ndarray) -> np.ndarray:
    """The number, 0 … 2ᵏ − 1, of the combination of k cues of ±1, each of shape (B,); (steps, B)."""
    number = sum((np.asarray(cue) > 0).astype(np.int64) << k for k, cue in enumerate(cues))
    return np.repeat(number[None], steps, axis=0)
