"""What fits into memory: said before anything is allocated, in one sentence, instead of a process that is killed."""

from __future__ import annotations

import os
from pathlib import Path

from neuroperturb.spec.errors import InputError

LITTLE = 2**24  # bytes that nobody is asked for: finding out what is free takes longer than a small batch
CGROUP = Path("/sys/fs/cgroup")


def require_memory(what: str, *arrays: tuple[float, ...], each: int = 8) -> None:
    """Refuse arrays of these shapes, of `each` bytes an element, where they cannot fit together.

    what : that needs them, with the settings that a person would lower: "4 steps of 10 trials"
    """
    needed = required_bytes(*arrays, each=each)
    if needed <= LITTLE:
        return
    free = available()
    if needed > free:
        raise InputError(
            f"There is not enough memory: Unable to allocate {_words(needed)} for {what}, where {_words(free)} are free."
        )


def required_bytes(*arrays: tuple[float, ...], each: int = 8) -> int:
    """Bytes of arrays of these shapes; Python's integers, which cannot overflow."""
    total = 0
    for shape in arrays:
        size = each
        for length in shape:
            size *= int(length)
        total += size
    return total


def available() -> int:
    """Bytes that can be had without killing anything: of the machine, and of the container that this runs in."""
    free = [_of_the_machine()]
    try:
        most, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        free.append(max(most - used, 0))
    except (OSError, ValueError):  # no such container, or "max"
        pass
    return min(free)


def _of_the_machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        table = {key: int(rest.split()[0]) for key, _, rest in (line.partition(":") for line in lines)}
        return 1024 * (table["MemAvailable"] + table["SwapFree"])
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 2**46  # nothing is known: what no machine has


def _words(size: int) -> str:
    """``3.2 GB``."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} EB"
