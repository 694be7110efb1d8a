"""Plain data as TOML that is short to read: for examples and defaults."""

from __future__ import annotations

from typing import Any

import tomli_w


def short(table: dict, where: str = "") -> str:
    """A table as TOML, every value and list on one line, without blank lines."""
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    lines = [f"{_key(key)} = {inline(value)}" for key, value in table.items() if key not in inner]
    lines = [f"[{where}]", *lines] if where and lines else lines
    below = (short(value, f"{where}.{_key(key)}" if where else _key(key)) for key, value in inner.items())
    return "\n".join([*lines, *below])


def inline(value: Any) -> str:
    """A value as TOML has it on one line.

    >>> inline([{"kind": "telegraph", "rate_up": float("inf"), "of all": True}])
    '[{kind = "telegraph", rate_up = inf, "of all" = true}]'
    """
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(inline, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {inline(inner)}" for key, inner in value.items()) + "}"
    return tomli_w.dumps({"v": value}).strip().removeprefix("v = ")


def _key(key: str) -> str:
    return tomli_w.dumps({key: 0}).strip().removesuffix(" = 0")
