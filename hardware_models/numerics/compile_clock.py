"""A clock that stands still while kernels compile, so that the first run of a process takes as long as any other; and a count of them.

Numba signals when a thread requests its compiler lock and when it releases it, so that waiting for another thread's
compilation counts as compiling, too; and when a function is really compiled, in place of being found on disk.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from numba.core import event


def working() -> float:
    """Seconds on a clock of this thread that stands still while it compiles; only differences mean anything."""
    return time.perf_counter() - _compiling().seconds


class Compiled(NamedTuple):
    """What a process compiled so far: kernels, those inside others included, and seconds, one that is going on included."""

    kernels: int
    seconds: float


def compiled() -> Compiled:
    """What this process compiled since this was first called."""
    return _kernels().sum()


@contextlib.contextmanager
def when_compiling(call: Callable[[], None]) -> Iterator[None]:
    """Inside, call once, when the next kernel begins to compile; never, if all are found on disk."""
    listener = _kernels()
    listener.waiting.append(call)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            listener.waiting.remove(call)


class _Compiling(threading.local, event.Listener):
    """Seconds that each thread held, or waited for, the compiler lock."""

    def __init__(self) -> None:
        self.seconds, self._depth, self._since = 0.0, 0, 0.0

    def on_start(self, event: event.Event) -> None:
        if self._depth == 0:
            self._since = time.perf_counter()
        self._depth += 1

    def on_end(self, event: event.Event) -> None:
        if self._depth == 0:  # began before this listener did
            return
        self._depth -= 1
        if self._depth == 0:
            self.seconds += time.perf_counter() - self._since


class _Kernels(event.Listener):
    """Counts what is compiled in any thread; Numba compiles one at a time, what it calls inside it."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []
        self._kernels, self._seconds, self._depth, self._since = 0, 0.0, 0, 0.0

    def on_start(self, event: event.Event) -> None:
        if self._depth == 0:
            self._since = time.perf_counter()
            while self.waiting:
                self.waiting.pop()()
        self._depth += 1

    def on_end(self, event: event.Event) -> None:
        if self._depth == 0:  # began before this listener did
            return
        self._kernels += 1
        self._depth -= 1
        if self._depth == 0:
            self._seconds += time.perf_counter() - self._since

    def sum(self) -> Compiled:
        now = time.perf_counter() - self._since if self._depth else 0.0
        return Compiled(kernels=self._kernels, seconds=self._seconds + now)


@functools.cache
def _compiling() -> _Compiling:
    listener = _Compiling()
    event.register("numba:compiler_lock", listener)
    return listener


@functools.cache
def _kernels() -> _Kernels:
    listener = _Kernels()
    event.register("numba:compile", listener)
    return listener
