"""The parameters of hardware by name: those that are not as they are by default."""

from __future__ import annotations

import dataclasses
from typing import Any

from hardware_models.hardware import Hardware


def parameters(hardware: Hardware) -> list[tuple[str, str]]:
    """(name, value) of all non-default parameters, nested ones by their dotted names."""
    rows = [("cells", type(hardware.cells).__name__), *_own(hardware.cells, "")]
    for name in ("weight", "writing", "programming", "reading", "time"):
        part = getattr(hardware, name)
        if part is not None and part != getattr(Hardware(), name):
            rows += [(name, type(part).__name__), *_own(part, name + ".")]
    return rows


def _own(part, prefix: str):
    for name, (value, default) in _values(part).items():
        if name in ("source", "goodness") or (type(value) is type(default) and value == default):
            continue
        if dataclasses.is_dataclass(value):
            yield prefix + name, type(value).__name__
            yield from _own(value, prefix + name + ".")
        else:
            yield prefix + name, _word(value)


def _values(part) -> dict[str, tuple[Any, Any]]:
    """Value and default of every field."""
    return {field.name: (getattr(part, field.name), field.default) for field in dataclasses.fields(part)}


def _word(value) -> str:
    if isinstance(value, tuple):
        return f"({len(value)} numbers)" if len(value) > 4 else "(" + ", ".join(map(_word, value)) + ")"
    return f"{value:g}" if isinstance(value, float) else str(value)
