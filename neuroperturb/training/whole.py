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
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import numpy as np

P, R = ParamSpec("P"), TypeVar("R")
SHARE = 30  # copying the state takes at most 1/SHARE of the time


class Picture(NamedTuple):
    """Copies of arrays, one after the other.

    places : of each name its shape and dtype;  memory : uint8
    """

    places: dict[str, tuple[tuple[int, ...], np.dtype]]
    memory: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name, copied once more: their places here suit no processor."""
        found, start = {}, 0
        for name, (shape, dtype) in self.places.items():
            end = start + dtype.itemsize * int(np.prod(shape))
            found[name] = self.memory[start:end].view(dtype).reshape(shape).copy()
            start = end
        return found


class Camera:
    """Pictures of a state: of hundreds of small arrays one copy of all takes a tenth of the time of a copy of each."""

    def __init__(self) -> None:
        self._of: dict[str, np.ndarray] | None = None

    def take(self, state: dict[str, np.ndarray]) -> Picture:
        """A copy of all arrays of a state; the same dict next time promises the same arrays, which may have moved."""
        if state is not self._of:
            kept = {name: np.ascontiguousarray(a) for name, a in state.items()}
            self._places = {name: (a.shape, a.dtype) for name, a in state.items()}
            self._bytes = [a.reshape(-1).view(np.uint8) for a in kept.values() if a.size]
            whole = all(a is state[name] for name, a in kept.items())  # else what has been copied is only good for now
            self._of = state if whole else None
        return Picture(self._places, np.concatenate(self._bytes) if self._bytes else np.zeros(0, np.uint8))


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
