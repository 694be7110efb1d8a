"""Records without a seal are first read by a separate process, which HDF5 may end or block without harm.

    this process  ── path ─▶  examiner: reads all of the file, and compares its checksum  ── what it is, or nothing in time ─▶  this process

Such records are of version 0.1.0, or were edited by another program. One examiner serves for the whole life of this process; it can
be interrupted while it works.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

START = 60.0  # seconds that a machine under load may take to start Python and import HDF5
LIMIT = 4.0  # seconds per file, in addition to size / RATE
RATE = 10e6  # bytes per second
READY = "ready"


class Examined(NamedTuple):
    """Result of reading a file in the other process.

    run : whether it is marked as a run;  error : a sentence on why it cannot be read, "" if it can, None if the reason is unknown
    """

    run: bool
    error: str | None


UNREADABLE = Examined(False, None)


def examine(path: str | Path) -> Examined:
    """Have a file read by another process; the same file is read once."""
    path = Path(path).resolve()
    state = path.stat()
    return _examine(path, state.st_size, state.st_mtime_ns, state.st_ino)


@functools.lru_cache(maxsize=65536)
def _examine(path: Path, size: int, modified: int, inode: int) -> Examined:
    del modified, inode  # parts of the key
    with _lock:
        examiner = _current()
        if not examiner.alive:
            raise OSError("The process that reads records of older versions cannot be started.")
        begun, limit = time.monotonic(), LIMIT + size / RATE
        found = examiner.ask(path, limit)
        if found == UNREADABLE and time.monotonic() - begun < limit:  # HDF5 ended it, or somebody else did
            found = _current().ask(path, limit)
        return found


class _Examiner:
    """The other process, and a thread that passes on its answers."""

    def __init__(self):
        self.owner = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", f"{__name__}_process"], env=_environment(), text=True, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for this process, which ends that one
        )  # fmt: skip
        self._answers: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.alive = self._next(START) == READY

    def ask(self, path: Path, seconds: float) -> Examined:
        """Examine a file; a process that does not answer in time is ended."""
        answer = None
        try:
            with contextlib.suppress(OSError):  # it has ended: there is no answer
                self._process.stdin.write(json.dumps([os.fspath(path), seconds + 1]) + "\n")
                self._process.stdin.flush()
                answer = self._next(seconds)
        finally:  # an interrupt, too: its answer would be taken for that of another file
            if answer is None:
                self.close()
        return UNREADABLE if answer is None else Examined(*json.loads(answer))

    def close(self) -> None:
        """End the process."""
        self.alive = False
        if self.owner == os.getpid():
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError, ValueError):
                    pipe.close()

    def _next(self, seconds: float) -> str | None:
        with contextlib.suppress(queue.Empty):
            return self._answers.get(timeout=seconds)
        return None

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed
            for line in self._process.stdout:
                self._answers.put(line.rstrip("\n"))
        self._answers.put(None)


_lock = threading.Lock()
_examiners: list[_Examiner] = []


def _current() -> _Examiner:
    """The examiner of this process, started if needed; forked processes have their own."""
    if not _examiners or not _examiners[-1].alive or _examiners[-1].owner != os.getpid():
        _close()
        _examiners[:] = [_Examiner()]
    return _examiners[-1]


@atexit.register
def _close() -> None:
    while _examiners:
        _examiners.pop().close()


def _environment() -> dict[str, str]:
    """Its modules are those of this process, and none of the current folder's."""
    places = [*filter(None, sys.path), str(Path(__file__).parents[2])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
