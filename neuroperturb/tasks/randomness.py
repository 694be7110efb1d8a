"""Seeded, named streams of random numbers for data: (seed, stream, number) → the same draws, always.

No global generator is used, and streams have no state: batch 7 is the same whether or not batch 6 was
requested.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from neuroperturb.spec import SpecError


def generator(seed: int, stream: str, number: int = 0) -> np.random.Generator:
    """A new generator for item `number` of the stream called `stream`.

    Parameters
    ----------
    seed : int, the data seed of a run
    stream : str, what is drawn, as ``"task/part"``; streams with different names are independent
    number : int, which item of the stream (a batch, an epoch)
    """
    key = np.random.SeedSequence([seed, zlib.crc32(stream.encode()), number])  # crc32: a hash that no process salts
    return np.random.Generator(np.random.Philox(key))


class Together:
    """Generators side by side: what each draws for its own trials, along the axis of the trials.

    A few large draws cost less than many small ones, and every generator makes the draws it would make alone.

    generators : of batches;  trials : of each batch. No other axis of a draw may be as long as all trials together
    """

    def __init__(self, generators: list[np.random.Generator], trials: int):
        self._generators, self._trials = generators, trials

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> np.ndarray:
        return self._all(lambda generator, part: generator.integers(low, high, part), shape)

    def standard_normal(self, shape: tuple[int, ...]) -> np.ndarray:
        return self._all(lambda generator, part: generator.standard_normal(part), shape)

    def _all(self, draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray], shape: tuple) -> np.ndarray:
        axis = shape.index(self._trials * len(self._generators))
        part = (*shape[:axis], self._trials, *shape[axis + 1 :])
        return np.concatenate([draw(generator, part) for generator in self._generators], axis)


def check_request(task: object, seed: int, batch_size: int) -> None:
    """Reject an invalid seed or batch size, in one sentence."""
    for name, value, least in (("seed", seed, 0), ("batch_size", batch_size, 1)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise SpecError(name, f"{type(task).__name__} data", f"an integer of at least {least}", value)


def check_number(number: int) -> None:
    """Reject an invalid batch number."""
    if number < 0:
        raise SpecError("number", "a training batch", "0 or more", number)
