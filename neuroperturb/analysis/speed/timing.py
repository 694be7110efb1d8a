"""Time two actions alternately and take medians over the rounds, so that a busy moment affects both."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

ROUNDS = 21


def seconds(action: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def compare(one: Callable, other: Callable, rounds: int = ROUNDS) -> tuple[float, float]:
    """Median seconds of two actions, alternating; both are run once before, to compile."""
    one(), other()
    pairs = [(seconds(one), seconds(other)) for _ in range(rounds)]
    return tuple(np.median(pairs, axis=0))
