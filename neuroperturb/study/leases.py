"""Who is doing which run: lease files, safe on a network file system.

    claims/NAME     made by linking a finished file to that name: exactly one of many who try succeeds, and what they find is whole
                    (where links are not to be had: created exclusively)

A lease says machine, process and when that process started. It is stale, and whoever finds it may take it, when

* its process was one of this machine (same boot, same process namespace) and is gone, or
* it has not been touched for ten minutes by the clock of the file system; owners touch theirs every half minute.

Leases save work and guard nothing: a run done twice gives the same bits, and each file is written whole. So the one thing that a
lease cannot exclude, a process that was silent for ten minutes and goes on, costs a run's time.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import socket
import time
import uuid
from pathlib import Path

STALE = 600.0  # seconds without a sign of life
TOUCH_EVERY = 30.0
PASSING = re.compile(r"\..+\.(?P<machine>[0-9a-f]{8})-(?P<pid>\d+)-(?P<started>\d*)-[0-9a-f]{8}")


class Leases:
    """The leases of one process in one folder.

    Parameters
    ----------
    folder : Path, must exist
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._tokens: dict[str, str] = {}  # of the leases held
        self._me = {
            "machine": machine(),
            "pid": os.getpid(),
            "started": started(os.getpid()),
            "host": socket.gethostname(),
        }
        self._touched = time.monotonic()

    def take(self, name: str) -> bool:
        """Whether this process may do the run, now and until it gives the lease back."""
        lease = self.folder / name
        return self._create(lease) or (self._remove_stale(lease) and self._create(lease))

    @property
    def held(self) -> list[str]:
        """Names of the runs that this process has."""
        return list(self._tokens)

    def give(self, name: str) -> None:
        """Give a lease back, unless this process was taken for dead and the lease is another's by now."""
        token = self._tokens.pop(name, None)
        if token is not None and _read(self.folder / name).get("token") == token:
            (self.folder / name).unlink(missing_ok=True)

    def give_all(self) -> None:
        """Give everything back."""
        for name in self.held:
            with contextlib.suppress(OSError):
                self.give(name)

    def touch(self) -> None:
        """Say that the owner lives; call it often, it does something every half minute."""
        if time.monotonic() - self._touched < TOUCH_EVERY:
            return
        self._touched = time.monotonic()
        for name in self.held:
            with contextlib.suppress(OSError):
                os.utime(self.folder / name)

    def others(self, name: str) -> bool:
        """Whether another process that seems alive has the run."""
        lease = self.folder / name
        return name not in self._tokens and lease.exists() and not self._stale(lease, _read(lease))

    def tidy(self) -> None:
        """Remove what dead processes left: stale leases, and files on their way to a name."""
        for path in self.folder.iterdir():
            if path.name.startswith("."):
                if time.time() - _modified(path) > STALE or _gone(_maker(path.name)):
                    path.unlink(missing_ok=True)
            elif path.name not in self._tokens:
                self._remove_stale(path)

    # files

    def _create(self, lease: Path) -> bool:
        token = uuid.uuid4().hex
        made = self._link(lease, json.dumps({**self._me, "token": token}))
        if made:
            self._tokens[lease.name] = token
        return made

    def _link(self, lease: Path, text: str) -> bool:
        part = lease.with_name(passing(lease.name))
        try:
            part.write_text(text)
            try:
                os.link(part, lease)
            except FileExistsError:
                return False
            except OSError:
                # Over a network a link may be made and its answer lost; where there are no links there is no second one.
                return part.stat().st_nlink == 2 or _exclusive(lease, text)
            return True
        finally:
            part.unlink(missing_ok=True)

    def _stale(self, lease: Path, owner: dict) -> bool:
        if owner.get("machine") == self._me["machine"]:
            return _gone(owner)
        modified = _modified(lease)
        return 0 < modified < self._now() - STALE

    def _remove_stale(self, lease: Path) -> bool:
        """Take a lease away if it is stale, unless somebody else just did and made it theirs: that one is put back."""
        judged, aside = _read(lease), lease.with_name(passing(lease.name))
        if not self._stale(lease, judged):
            return False
        try:
            os.rename(lease, aside)
        except OSError:
            return False
        if _read(aside) != judged:
            with contextlib.suppress(OSError):
                os.link(aside, lease)
            aside.unlink(missing_ok=True)
            return False
        aside.unlink(missing_ok=True)
        return True

    def _now(self) -> float:
        """The time by the clock of the file system, which need not be this machine's."""
        probe = self.folder / passing("clock")
        try:
            probe.touch()
            return probe.stat().st_mtime
        finally:
            probe.unlink(missing_ok=True)


@functools.cache
def machine() -> str:
    """What process numbers of this process are unique in: a boot, and a namespace of it."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def started(pid: int) -> str:
    """When a process started, in the kernel's ticks: its number may be another's later."""
    with contextlib.suppress(OSError, IndexError):
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return "" if state in "ZX" else rest[18]
    return ""


def passing(name: str) -> str:
    """What to call a file that is on its way to a name, or there for a moment.

    It says who makes it, before anything is in it: killed between making and writing, a process leaves it empty.
    """
    return f".{name}.{_mark(machine())}-{os.getpid()}-{started(os.getpid())}-{uuid.uuid4().hex[:8]}"


def _maker(name: str) -> dict:
    """Who made a file of such a name; nothing where another machine did."""
    match = PASSING.fullmatch(name)
    if match is None or match["machine"] != _mark(machine()):
        return {}
    return {"machine": machine(), "pid": int(match["pid"]), "started": match["started"]}


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _gone(owner: dict) -> bool:
    """Whether the process of a lease of this machine has ended."""
    if owner.get("machine") != machine():
        return False
    try:
        os.kill(owner["pid"], 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return started(owner["pid"]) != owner["started"]


def _exclusive(lease: Path, text: str) -> bool:
    try:
        descriptor = os.open(lease, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        return False
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
    except OSError:  # half a lease is nobody's
        lease.unlink(missing_ok=True)
        raise
    return True


def _read(path: Path) -> dict:
    """Who has it; nothing where the file is gone, empty or not one of ours."""
    try:
        owner = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) and "pid" in owner else {}


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
