"""Who is doing which run: lease files, safe on a network file system.

    claims/NAME     created by hard-linking a finished file to that name: exactly one of many contenders succeeds, and the file is
                    always complete (without hard links: created exclusively)

A lease names the machine, the process and its start time. It is stale, and anyone may take it, when

* its process ran on this machine (same boot, same process namespace) and is gone, or
* it has not been touched for ten minutes by the clock of the file system; owners touch theirs every 30 seconds, or
* this process has watched it for ten minutes, by a clock that only goes forward, and it was not touched: the other one may have been set back.

Leases only save work: a run done twice gives identical bits, and each file is written whole. The one case that a lease cannot
exclude, a process that was suspended for ten minutes and continues, costs only the time of a run.
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
        self._watched: dict[
            str, tuple[float, float]
        ] = {}  # leases of other machines: when touched, and since when that is known

    def take(self, name: str) -> bool:
        """Whether this process may do the run, from now until it releases the lease."""
        lease = self.folder / name
        return self._create(lease) or (self._remove_stale(lease) and self._create(lease))

    @property
    def held(self) -> list[str]:
        """Names of the runs leased by this process."""
        return list(self._tokens)

    def give(self, name: str) -> None:
        """Release a lease, unless this process was considered dead and another process has taken it."""
        token = self._tokens.pop(name, None)
        if token is not None and _read(self.folder / name).get("token") == token:
            (self.folder / name).unlink(missing_ok=True)

    def give_all(self) -> None:
        """Release all leases."""
        for name in self.held:
            with contextlib.suppress(OSError):
                self.give(name)

    def touch(self) -> None:
        """Renew all leases; may be called often, acts every 30 seconds."""
        if time.monotonic() - self._touched < TOUCH_EVERY:
            return
        self._touched = time.monotonic()
        for name in self.held:
            with contextlib.suppress(OSError):
                os.utime(self.folder / name)

    def others(self, name: str) -> bool:
        """Whether another live process has the run."""
        lease = self.folder / name
        return name not in self._tokens and lease.exists() and not self._stale(lease, _read(lease))

    def tidy(self) -> None:
        """Remove leftovers of dead processes: stale leases, and temporary files."""
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
                # On a network file system a link may succeed although its reply is lost; a link count of 2 proves success.
                return part.stat().st_nlink == 2 or _exclusive(lease, text)
            return True
        finally:
            part.unlink(missing_ok=True)

    def _stale(self, lease: Path, owner: dict) -> bool:
        if owner.get("machine") == self._me["machine"]:
            return _gone(owner)
        modified = _modified(lease)
        if modified <= 0:
            return False
        known, since = self._watched.get(lease.name, (0.0, 0.0))
        if known != modified:
            self._watched[lease.name] = modified, time.monotonic()
            return modified < self._now() - STALE
        return modified < self._now() - STALE or time.monotonic() - since > STALE

    def _remove_stale(self, lease: Path) -> bool:
        """Remove a lease if it is stale; if another process has just replaced it with its own, put that one back."""
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
        """The time by the clock of the file system, which may differ from this machine's."""
        probe = self.folder / passing("clock")
        try:
            probe.touch()
            return probe.stat().st_mtime
        finally:
            probe.unlink(missing_ok=True)


@functools.cache
def machine() -> str:
    """The scope in which process ids are unique: a boot, and a process namespace."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def started(pid: int) -> str:
    """Start time of a process, in the kernel's ticks: its id may be reused later."""
    with contextlib.suppress(OSError, IndexError):
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return "" if state in "ZX" else rest[18]
    return ""


def passing(name: str) -> str:
    """The name of a temporary file, to be renamed or deleted soon.

    It names its creator before anything is written: a process killed between creation and writing leaves it empty.
    """
    return f".{name}.{_mark(machine())}-{os.getpid()}-{started(os.getpid())}-{uuid.uuid4().hex[:8]}"


def _maker(name: str) -> dict:
    """The creator of a file of such a name; None if it was another machine."""
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
    """The owner; None if the file is gone, empty or not a lease."""
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
