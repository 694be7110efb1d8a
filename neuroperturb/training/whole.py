"""State that an interrupt cannot tear.

    whole operation:   note that it has begun ─▶ move weights, position, rows ─▶ note that it has ended

Ctrl-C raises KeyboardInterrupt between any two instructions, in the middle of an operation as well, and so may whatever a task of one's
own raises. An operation that did not come to its end leaves its note behind; the next one first puts back the last state that was whole
and goes on from there. What is lost is a chunk of work, which is then done again, to the same bits. No signal handler is touched: it
holds in notebooks, in threads, and under handlers of others.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

P, R = ParamSpec("P"), TypeVar("R")
SHARE = 30  # copying the state takes at most one part in so many of the time


class Guard:
    """Whether the state is whole, and a copy of when it last was.

    torn : whether an operation has begun and not ended
    kept : the copy, None before the first operation
    """

    def __init__(self, torn: bool = False, kept: Any = None):
        self.lock = threading.RLock()  # one operation at a time, whoever asks
        self.torn, self.kept = torn, kept
        self._cost, self._due = float("inf"), -float("inf")  # of a copy, seconds; when the next one is

    def __reduce__(self):
        return type(self), (self.torn, self.kept)  # a lock is nobody else's

    def keep(self, copy: Callable[[], Any]) -> None:
        """Copy a whole state, where that is not done too often."""
        begun = time.perf_counter()
        if begun >= self._due:
            self.kept = copy()
            now = time.perf_counter()
            self._cost = min(self._cost, now - begun)
            self._due = now + SHARE * self._cost

    def keep_next(self) -> None:
        """Whatever it takes, copy the state before the next operation: something that must not be lost has been done."""
        self._due = -float("inf")


def whole(operation: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """A method that moves, or reads, the state of an object with a `_guard`, `_snapshot()` and `_put_back(snapshot)`."""

    @functools.wraps(operation)
    def call(self, *arguments: P.args, **options: P.kwargs) -> R:
        guard = self._guard
        with guard.lock:
            if guard.torn:
                self._put_back(guard.kept)
                guard.torn = False
            guard.keep(self._snapshot)
            guard.torn = True
            result = operation(self, *arguments, **options)
            guard.torn = False
        return result

    return call
