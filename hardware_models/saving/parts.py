"""Parts of an array as plain data, for files.

    ConstantStep(dw_min=0.01)   ⇄   {"class": "ConstantStep", "dw_min": 0.01, …}

Classes of this package are stored by name, custom classes as ``module:Class``. Reading imports nothing: the caller passes custom classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

from hardware_models import ageing, devices, programming, writing
from hardware_models.costs import model as costs
from hardware_models.crossbar import weights
from hardware_models.numerics.checks import InputError
from hardware_models.reading import converters, reading, wiring

CLASS = "class"
HOUSE = "hardware_models"
ROOMS = (ageing, devices, programming, writing, costs, weights, converters, reading, wiring)


class PartError(InputError):
    """A part that cannot be stored in a file, or cannot be read from it."""


@cache
def _own_classes() -> dict[str, type]:
    """Every class of parts of this package, by name."""
    found = (value for room in ROOMS for value in vars(room).values())
    return {cls.__name__: cls for cls in found if _is_part_class(cls) and cls.__module__.startswith(HOUSE)}


def _is_part_class(cls: Any) -> bool:
    return isinstance(cls, type) and (dataclasses.is_dataclass(cls) or hasattr(cls, "_fields"))


def _fields(cls: type) -> tuple[str, ...]:
    made = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    return tuple(field.name for field in made if field.init) or getattr(cls, "_fields", ())


def _name(cls: type) -> str:
    return cls.__name__ if _own_classes().get(cls.__name__) is cls else f"{cls.__module__}:{cls.__qualname__}"


def written(value: Any, name: str = "") -> Any:
    """Convert a part to tables, lists, numbers and text.

    name : name of the parameter, for errors
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: written(inner, key) for key, inner in value.items()}
    if _is_part_class(type(value)):
        of_fields = {field: written(getattr(value, field), f"{name}.{field}") for field in _fields(type(value))}
        return {CLASS: _name(type(value)), **of_fields}
    if isinstance(value, tuple | list | np.ndarray):
        return [written(one, name) for one in value]
    raise PartError(
        f"Only numbers, text and parts can be stored in a file. Got {type(value).__name__} for {name!r} instead."
    )


def read(value: Any, classes: Iterable[type] = ()) -> Any:
    """Convert the result of `written` back to a part; lists become tuples.

    classes : custom classes
    """
    if isinstance(value, list):
        return tuple(read(one, classes) for one in value)
    if not isinstance(value, dict):
        return value
    known = _own_classes() | {_name(cls): cls for cls in classes}
    name = value.get(CLASS)
    if name not in known:
        cls = str(name).rpartition(":")[2]
        raise PartError(
            f"The class {str(name)!r} is unknown, and loading a file imports nothing: pass the class itself, "
            f"classes=[{cls.rpartition('.')[2] or 'Mine'}]."
        )
    return known[name](**{key: read(inner, classes) for key, inner in value.items() if key != CLASS})
