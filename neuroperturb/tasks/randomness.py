"""Seeded, named streams of random numbers for data: (seed, stream, number) → the same draws, always.

No global generator is used, and streams have no state: batch 7 is the same whether or not batch 6 was
requested.
"""

from __future__ import annotations

import zlib

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


def check_request(task: object, seed: int, batch_size: int) -> None:
    """Reject an invalid seed or batch size, in one sentence."""
    for name, value, least in (("seed", seed, 0), ("batch_size", batch_size, 1)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise SpecError(name, f"{type(task).__name__} data", f"an integer of at least {least}", value)


def check_number(number: int) -> None:
    """Reject an invalid batch number."""
    if number < 0:
        raise SpecError("number", "a training batch", "0 or more", number)
