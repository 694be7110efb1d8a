"""Kernels that a command needs, compiled by two processes.

    with ahead(later, beside=now):    # if anything compiles in here, a child does `now`, and then `later`, at the same time
        now()

Of a large kernel the child compiles those inside it, from the second on, that this process has not begun: the others are passed over, as if
they could not be compiled, which Numba notes and goes on. `later` is what is needed afterwards.

The child is forked where the first kernel is found missing, and works on its copy of everything. What it compiles goes to the cache on
disk, where this process finds it when it gets there; a kernel that the child is compiling right then is waited for, not compiled twice: the
two share a board with the keys of those.

Nothing happens but where it pays and is safe: Linux, a processor that has nothing to do, kernels cached, no thread but a display's, and a
command that allows it, since a library does not fork its user's process. The child says nothing and ends with the block. Whatever becomes of it, only
time is lost.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator

from numba.core.errors import TypingError

from hardware_models.numerics import kernel_cache
from hardware_models.numerics.compile_clock import when_compiling
from hardware_models.numerics.lean_compiler import keep_symbols_apart

IDLE = 0.5  # processors that must be free at least, in the mean of the last minute
KEY = 32  # bytes of a key
MOST = 32  # kernels inside one another that have a place on the board
PATIENCE = 10.0  # seconds that a process waits in all for kernels of its child, which a busy machine may hardly run
PAUSE = 0.002  # seconds between two looks
LEAVE = 0.5  # seconds that a child has to end by itself

_threads = 0  # at most, of a process that forks; 0 where it may not


@contextlib.contextmanager
def allowed() -> Iterator[None]:
    """Inside, this process may fork: it is a command's own, and the threads it has now, of a display, hold nothing a child needs."""
    global _threads
    before, _threads = _threads, threading.active_count()
    try:
        yield
    finally:
        _threads = before


@contextlib.contextmanager
def ahead(later: Callable[[], object], beside: Callable[[], object] | None = None) -> Iterator[None]:
    """Inside, a child does the same work as soon as a kernel compiles, so that what it needs is compiled.

    later : what this process does afterwards
    beside : what it does in here, whose kernels the two share
    """
    if not _pays():
        yield
        return
    children: list[_Child] = []

    def begin() -> None:
        with contextlib.suppress(OSError):  # no memory, too many processes
            children.append(_Child(later, beside))

    try:
        with when_compiling(begin):
            yield
    finally:
        for child in children:
            child.end()


def _pays() -> bool:
    return (
        0 < threading.active_count() <= _threads
        and sys.platform == "linux"
        and os.getloadavg()[0] + IDLE < len(os.sched_getaffinity(0))
        and len(os.sched_getaffinity(0)) > 1
        and not kernel_cache.problem()
    )


class _Child:
    """A forked process that works; made in it, this never returns."""

    def __init__(self, later: Callable[[], object], beside: Callable[[], object] | None):
        self._board, self._here, self._waited = _Board(), _Board(), 0.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads of BLAS, which starts its own anew
            self._pid = os.fork()
        if self._pid == 0:
            _work(later, beside, _There(self._board, parent=self._here))
        self._ended = False
        kernel_cache.elsewhere = self

    def wait(self, key: str) -> bool:
        """Whether the kernel was being compiled there, and may now be on disk; if not, it is compiled here."""
        if key not in self._board.read():
            self._here.add(key)
            return False
        since = time.monotonic()
        while (
            not self._has_ended() and key in self._board.read() and self._waited + time.monotonic() - since < PATIENCE
        ):
            time.sleep(PAUSE)
        self._waited += time.monotonic() - since
        return True

    def part(self) -> None:
        """It is compiled here."""

    def done(self, key: str) -> None:
        """It is on disk."""
        self._here.drop(key)

    def _has_ended(self) -> bool:
        self._ended = self._ended or os.waitpid(self._pid, os.WNOHANG)[0] != 0
        return self._ended

    def end(self) -> None:
        """End the child, if it has not ended."""
        kernel_cache.elsewhere = None
        for ending, seconds in ((signal.SIGTERM, LEAVE), (signal.SIGKILL, float("inf"))):
            if self._has_ended():
                return
            os.kill(self._pid, ending)
            end = time.monotonic() + seconds
            while not self._has_ended() and time.monotonic() < end:
                time.sleep(PAUSE)


class _There:
    """A child, in it."""

    def __init__(self, board: _Board, parent: _Board):
        self._board, self._parent = board, parent
        self._passed: set[str] | None = None  # kernels that the parent compiles, while the two share work

    def wait(self, key: str) -> bool:
        """False: it is compiled now, here; unless it is inside another one, and the parent has begun it, or will first of all."""
        if self._passed is not None and self._board.keys:
            first = not self._passed
            if first or key in self._passed or key in self._parent.read():
                self._passed.add(key)
                raise TypingError("its parent compiles it")
        self._board.add(key)
        return False

    def part(self) -> None:
        """It is compiled here, unless it is a part of the outermost kernel, which is the parent's."""
        if self._passed is not None and len(self._board.keys) == 1:
            raise TypingError("its parent compiles it")

    def done(self, key: str) -> None:
        """It is on disk."""
        self._board.drop(key)

    def share(self, work: Callable[[], object]) -> None:
        """Compile what the work needs, and the parent, which does the same work, has not begun."""
        self._passed = set()
        with contextlib.suppress(TypingError):  # of what was passed over: the outermost kernel is the parent's
            work()
        self._passed = None
        self._board.clear()


class _Board:
    """Keys of the kernels that a process is compiling, the inner ones last: one writes, another reads."""

    def __init__(self) -> None:
        self.keys: list[str] = []  # the writer's
        self._memory = mmap.mmap(-1, 1 + MOST * KEY)

    def add(self, key: str) -> None:
        """One that begins."""
        self.keys.append(key)
        self._write()

    def drop(self, key: str) -> None:
        """One that ended, and with it those inside it that could not be compiled."""
        while key in self.keys:
            self.keys.pop()
        self._write()

    def clear(self) -> None:
        """Nothing is compiled any more."""
        self.keys.clear()
        self._write()

    def _write(self) -> None:
        keys = self.keys[:MOST]
        self._memory[1 : 1 + KEY * len(keys)] = b"".join(map(bytes.fromhex, keys))
        self._memory[0] = len(keys)

    def read(self) -> set[str]:
        """What is on it. A key that is just being written is some other key, and nobody's."""
        count = self._memory[0]
        keys = bytes(self._memory[1 : 1 + KEY * count])
        return {keys[KEY * k : KEY * (k + 1)].hex() for k in range(count)}


def _work(later: Callable[[], object], beside: Callable[[], object] | None, there: _There) -> None:
    """The child: silent, and gone at the first signal or error."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _leave)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nowhere, standard)
        keep_symbols_apart()  # from here on, its functions are others than those of its parent
        kernel_cache.elsewhere = there
        if beside is not None:
            there.share(beside)
        later()
    except BaseException:
        pass  # its parent compiles what is missing
    finally:
        os._exit(0)


def _leave(number: int, frame: object) -> None:
    raise SystemExit
