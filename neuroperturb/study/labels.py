"""Values of axes as people say them."""

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
    """A level of an axis whose name does not stand beside it: a number alone says nothing."""
    return level if isinstance(level, str) else f"{last(key)} {value_label(level)}"


def settings_label(settings: Mapping[str, Any]) -> str:
    """Settings by the last steps of their keys: ``learning_rate=0.01, seed=1``."""
    return ", ".join(f"{last(key)}={value_label(value)}" for key, value in settings.items())


def last(key: str) -> str:
    """The last step of a dotted key."""
    return key.rsplit(".", 1)[-1]
