"""State that stays consistent under interrupts.

    atomic operation:   set a flag ─▶ update weights, position, rows ─▶ clear the flag

Ctrl-C raises KeyboardInterrupt between any two instructions, also in the middle of an operation, and so may the exceptions of a custom
task. An operation that was interrupted leaves its flag set; the next one first restores the last consistent state
and continues from there. At most a chunk of work is lost, which is repeated with identical bits. No signal handler is changed, so that
it works in notebooks, in threads, and with other handlers.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

P, R = ParamSpec("P"), TypeVar("R")
SHARE = 30  # copying the state takes at most 1/SHARE of the time


class Guard:
    """Whether the state is consistent, and a copy of the last consistent state.

    torn : whether an operation has started but not ended
    kept : the copy, None before the first operation
    """

    def __init__(self, torn: bool = False, kept: Any = None):
        self.lock = threading.RLock()  # one operation at a time, in any thread
        self.torn, self.kept = torn, kept
        self._cost, self._due = float("inf"), -float("inf")  # seconds per copy; time of the next one

    def __reduce__(self):
        return type(self), (self.torn, self.kept)  # a lock cannot be copied

    def keep(self, copy: Callable[[], Any]) -> None:
        """Copy a consistent state, unless the last copy is too recent."""
        begun = time.perf_counter()
        if begun >= self._due:
            self.kept = copy()
            now = time.perf_counter()
            self._cost = min(self._cost, now - begun)
            self._due = now + SHARE * self._cost

    def keep_next(self) -> None:
        """Force a copy of the state before the next operation: a result must not be lost."""
        self._due = -float("inf")


def whole(operation: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """A method that updates, or reads, the state of an object with a `_guard`, `_snapshot()` and `_put_back(snapshot)`."""

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
