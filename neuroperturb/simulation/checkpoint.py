"""Checkpoints: copies of every array of a state, by name.

Names are the dotted paths through the nested NamedTuples, and part of the format of records: a field with an array must keep its
name. Names that no longer exist in the state are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from neuroperturb.spec import InputError

SKIPPED = {"scratch", "source", "source_y", "sites", "turned"}  # work space, and what the experiment determines
Named = Iterable[tuple[str, np.ndarray]]


def arrays_of(record: Any, prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """(dotted name, array) of every array in nested NamedTuples."""
    for name, value in zip(record._fields, record, strict=True):
        if name in SKIPPED:
            continue
        if isinstance(value, np.ndarray):
            yield prefix + name, value
        elif hasattr(value, "_fields"):
            yield from arrays_of(value, f"{prefix}{name}.")


def save(named: Named) -> dict[str, np.ndarray]:
    """A copy of every array."""
    return {name: a.copy() for name, a in named if a.size}


def restore(named: Named, saved: dict[str, np.ndarray]) -> None:
    """Restore a checkpoint, in place."""
    for name, a in named:
        if a.size:
            if name not in saved or saved[name].shape != a.shape:
                raise InputError(f"The checkpoint does not fit this run: {name!r} is missing or has another shape.")
            a[...] = saved[name]
