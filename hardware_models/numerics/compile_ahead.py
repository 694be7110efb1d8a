"""Kernels that a command needs later, compiled by a second process meanwhile.

    with ahead(work):    # if anything compiles in here, a child does `work` at the same time
        ...

The child is forked where the first kernel is found missing, and works on its copy of everything. What it compiles goes to the cache on
disk, where this process finds it when it gets there; a kernel that the child is compiling right then is waited for, not compiled twice: the
two share a board with the keys of those.

Nothing happens but where it pays and is safe: Linux, a processor that has nothing to do, kernels cached, one thread, and a command that
allows it, since a library does not fork its user's process. The child says nothing and ends with the block. Whatever becomes of it, only
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

from hardware_models.numerics import kernel_cache
from hardware_models.numerics.compile_clock import when_compiling
from hardware_models.numerics.lean_compiler import keep_symbols_apart

IDLE = 0.5  # processors that must be free at least, in the mean of the last minute
KEY = 32  # bytes of a key
MOST = 32  # kernels inside one another that have a place on the board
PATIENCE = 10.0  # seconds that a process waits in all for kernels of its child, which a busy machine may hardly run
PAUSE = 0.002  # seconds between two looks
LEAVE = 0.5  # seconds that a child has to end by itself

_allowed = False


@contextlib.contextmanager
def allowed() -> Iterator[None]:
    """Inside, this process may fork: it is a command's own."""
    global _allowed
    _allowed = True
    try:
        yield
    finally:
        _allowed = False


@contextlib.contextmanager
def ahead(work: Callable[[], object]) -> Iterator[None]:
    """Inside, a child does the work as soon as a kernel compiles, so that what it needs is compiled."""
    if not _pays():
        yield
        return
    children: list[_Child] = []

    def begin() -> None:
        with contextlib.suppress(OSError):  # no memory, too many processes
            children.append(_Child(work))

    try:
        with when_compiling(begin):
            yield
    finally:
        for child in children:
            child.end()


def _pays() -> bool:
    return (
        _allowed
        and sys.platform == "linux"
        and os.getloadavg()[0] + IDLE < len(os.sched_getaffinity(0))
        and len(os.sched_getaffinity(0)) > 1
        and threading.active_count() == 1
        and not kernel_cache.problem()
    )


class _Child:
    """A forked process that works; made in it, this never returns."""

    def __init__(self, work: Callable[[], object]):
        self._board, self._waited = mmap.mmap(-1, 1 + MOST * KEY), 0.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads of BLAS, which starts its own anew
            self._pid = os.fork()
        if self._pid == 0:
            _work(work, self._board)
        self._ended = False
        kernel_cache.elsewhere = self

    def wait(self, key: str) -> bool:
        """Whether the kernel was being compiled there, and may now be on disk."""
        if key not in _open(self._board):
            return False
        since = time.monotonic()
        while (
            not self._has_ended() and key in _open(self._board) and self._waited + time.monotonic() - since < PATIENCE
        ):
            time.sleep(PAUSE)
        self._waited += time.monotonic() - since
        return True

    def done(self, key: str) -> None:
        """Nothing: the child looks on disk."""

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


class _Here:
    """What the child writes on the board: keys of the kernels that it is compiling, the inner ones last."""

    def __init__(self, board: mmap.mmap):
        self._board, self._keys = board, list[str]()

    def wait(self, key: str) -> bool:
        """It is compiled now, here."""
        self._keys.append(key)
        self._write()
        return False

    def done(self, key: str) -> None:
        """It is on disk."""
        while key in self._keys:  # one inside it that could not be compiled went with it
            self._keys.pop()
        self._write()

    def _write(self) -> None:
        keys = self._keys[:MOST]
        self._board[1 : 1 + KEY * len(keys)] = b"".join(map(bytes.fromhex, keys))
        self._board[0] = len(keys)


def _open(board: mmap.mmap) -> set[str]:
    """Keys on the board. One that is just being written is some other key, and nobody's."""
    count = board[0]
    keys = bytes(board[1 : 1 + KEY * count])
    return {keys[KEY * k : KEY * (k + 1)].hex() for k in range(count)}


def _work(work: Callable[[], object], board: mmap.mmap) -> None:
    """The child: silent, and gone at the first signal or error."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _leave)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nowhere, standard)
        keep_symbols_apart()  # from here on, its functions are others than those of its parent
        kernel_cache.elsewhere = _Here(board)
        work()
    except BaseException:
        pass  # its parent compiles what is missing
    finally:
        os._exit(0)


def _leave(number: int, frame: object) -> None:
    raise SystemExit
