"""Plain data as TOML that is short to read: for examples and defaults."""

from __future__ import annotations

import json
from typing import Any


def short(table: dict, where: str = "") -> str:
    """A table as TOML, every value and list on one line, without blank lines."""
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    lines = [f"{key} = {inline(value)}" for key, value in table.items() if key not in inner]
    lines = [f"[{where}]", *lines] if where and lines else lines
    return "\n".join([*lines, *(short(value, f"{where}.{key}" if where else key) for key, value in inner.items())])


def inline(value: Any) -> str:
    """A value as TOML has it on one line.

    >>> inline([{"kind": "telegraph", "rate_up": 1.0}])
    '[{kind = "telegraph", rate_up = 1.0}]'
    """
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(inline, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {inline(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
