"""Values of axes as people say them."""

from __future__ import annotations

from typing import Any


def told(key: str, level: float | str) -> str:
    """A level of an axis where the axis is not named beside it: a number alone says nothing."""
    return level if isinstance(level, str) else f"{key.rsplit('.', 1)[-1]} {words(level)}"


def words(value: Any) -> str:
    """A value of an axis as people say it: ``danp published``, ``reram-es bits=4``."""
    if isinstance(value, dict):
        named = [key for key in ("name", "kind", "form", "variant") if isinstance(value.get(key), str)]
        rest = [f"{key}={words(inner)}" for key, inner in value.items() if key not in named]
        return " ".join([*(value[key] for key in named), *rest])
    if isinstance(value, list | tuple):
        return "+".join(map(words, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
