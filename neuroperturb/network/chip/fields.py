"""Fields of a hardware part, a frozen dataclass or a NamedTuple: their types and defaults."""

from __future__ import annotations

import dataclasses
import typing
from functools import lru_cache
from typing import Any


@lru_cache
def hints(cls: type) -> dict[str, Any]:
    """Field → type, in order; without class variables, fields that a class sets itself, and notes without effect."""
    made = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    names = [field.name for field in made if field.init and field.compare] or getattr(cls, "_fields", ())
    try:
        types = typing.get_type_hints(cls)
    except NameError:  # a custom class with unresolvable annotations
        types = {}
    return {name: types.get(name, Any) for name in names}


def defaults(cls: type) -> dict[str, Any]:
    """Field → default, if it has one; default factories are called."""
    if not dataclasses.is_dataclass(cls):
        return cls._field_defaults
    missing = dataclasses.MISSING
    made = {f.name: f.default_factory() for f in dataclasses.fields(cls) if f.default_factory is not missing}
    return made | {f.name: f.default for f in dataclasses.fields(cls) if f.default is not missing}


@lru_cache
def required(cls: type) -> tuple[str, ...]:
    """Fields without a default."""
    usual = defaults(cls)
    return tuple(name for name in hints(cls) if name not in usual)


def changed(base: Any, changes: dict) -> Any:
    return dataclasses.replace(base, **changes) if dataclasses.is_dataclass(base) else base._replace(**changes)


def is_part(value: Any) -> bool:
    return is_part_class(type(value))


def is_part_class(cls: Any) -> bool:
    return isinstance(cls, type) and (dataclasses.is_dataclass(cls) or hasattr(cls, "_fields"))
