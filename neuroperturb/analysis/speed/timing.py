"""Time two actions alternately and take medians over the rounds, so that a busy moment affects both."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

ROUNDS = 21


def seconds(action: Callable[[], object], clock: Callable[[], float] = time.thread_time) -> float:
    """Seconds of one call, by default of this thread on a processor: what others do meanwhile does not count."""
    start = clock()
    action()
    return clock() - start


def compare(
    one: Callable, other: Callable, rounds: int = ROUNDS, clock: Callable = time.thread_time
) -> tuple[float, float]:
    """Median seconds of two actions, alternating; both are run once before, to compile.

    clock : :func:`time.perf_counter` where the actions use several threads
    """
    one(), other()
    pairs = [(seconds(one, clock), seconds(other, clock)) for _ in range(rounds)]
    return tuple(np.median(pairs, axis=0))
