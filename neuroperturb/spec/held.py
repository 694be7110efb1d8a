"""Data of a running program, held under the hash of what they are: ``memory:3f2a…``, for as long as somebody keeps them.

They take the place of a file wherever an experiment names one. A record that names them can be read anywhere, and be run where the same
data have been made again.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

PREFIX = "memory:"

_held: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def is_name(path: str) -> bool:
    """Whether a path stands for data in memory."""
    return path.startswith(PREFIX)


def keep(name: str, content: Any) -> Any:
    """Hold this content, or what is held under its name already; whoever needs it keeps the result."""
    with _lock:
        return _held.setdefault(name, content)


def find(name: str) -> Any:
    """What is held under a name; None where nothing is."""
    return _held.get(name)
