"""Labels of values of axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def value_label(value: Any) -> str:
    """A value of an axis: ``danp published``, ``reram-es bits=4``."""
    if isinstance(value, dict):
        named = [key for key in ("name", "kind", "form", "variant") if isinstance(value.get(key), str)]
        rest = [f"{key}={value_label(inner)}" for key, inner in value.items() if key not in named]
        return " ".join([*(value[key] for key in named), *rest])
    if isinstance(value, list | tuple):
        return "+".join(map(value_label, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def level_label(key: str, level: float | str) -> str:
    """Label of a level without the name of its axis next to it: a bare number would be meaningless, so the key is added."""
    return level if isinstance(level, str) else f"{last(key)} {value_label(level)}"


def settings_label(settings: Mapping[str, Any]) -> str:
    """Settings by the last parts of their keys: ``learning_rate=0.01, seed=1``."""
    return ", ".join(f"{last(key)}={value_label(value)}" for key, value in settings.items())


def last(key: str) -> str:
    """The last part of a dotted key."""
    return key.rsplit(".", 1)[-1]
