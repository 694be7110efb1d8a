"""Folders for results, with their parents."""

from __future__ import annotations

import contextlib
from pathlib import Path


def make(path: Path) -> Path:
    """Create a folder and its missing parents, all of them or none; raises OSError as `Path.mkdir` does."""
    missing, here = [], path
    while not here.is_dir():
        missing.append(here)
        if here == here.parent:
            break
        here = here.parent
    made: list[Path] = []
    try:
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            made.append(folder)
    except OSError:
        for folder in reversed(made):
            with contextlib.suppress(OSError):  # another process has put something there meanwhile
                folder.rmdir()
        raise
    return path
