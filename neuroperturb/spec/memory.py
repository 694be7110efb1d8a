"""Memory checks before allocation: a one-sentence error instead of a killed process."""

from __future__ import annotations

import os
from pathlib import Path

from neuroperturb.spec.errors import InputError

LITTLE = 2**24  # bytes that nobody is asked for: finding out what is free takes longer than a small batch
CGROUP = Path("/sys/fs/cgroup")


def require_memory(what: str, *arrays: tuple[float, ...], each: int = 8) -> None:
    """Reject arrays of these shapes, of `each` bytes per element, if they do not fit into memory together.

    what : their purpose, with the settings that the user could reduce: "4 steps of 10 trials"
    """
    needed = required_bytes(*arrays, each=each)
    if needed <= LITTLE:
        return
    free = available()
    if needed > free:
        raise InputError(
            f"There is not enough memory: Unable to allocate {_words(needed)} for {what}, with {_words(free)} free."
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
    """Bytes available on the machine and in the container."""
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
        return 2**46  # unknown: more than any machine has


def _words(size: int) -> str:
    """``3.2 GB``."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} EB"
