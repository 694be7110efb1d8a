"""A clock that stands still while kernels compile: the first run of a process takes as long as any other.

Numba signals when a thread requests its compiler lock and when it releases it, so that waiting for another thread's
compilation counts as compiling, too.
"""

from __future__ import annotations

import functools
import threading
import time

from numba.core import event


def working() -> float:
    """Seconds on a clock of this thread that stands still while it compiles; only differences mean anything."""
    return time.perf_counter() - _compiling().seconds


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


@functools.cache
def _compiling() -> _Compiling:
    listener = _Compiling()
    event.register("numba:compiler_lock", listener)
    return listener
