"""Specifications: frozen records of parameters that validate themselves, with one-sentence errors.

Every choice a user makes (a task, a rule, one axis of a rule, a network) is a :class:`Spec`: an immutable object that
is also a TOML table. Invalid input raises a :class:`SpecError` that names the parameter, what it must be and what
was given.
"""

from __future__ import annotations

import math
import re
import typing
from typing import Any, ClassVar, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from hardware_models.numerics.checks import ParameterError
from neuroperturb.spec.errors import LARGEST, InputError, SpecError, close, suggest


class Spec(BaseModel):
    """A frozen, validated record of parameters; unknown names and wrong types are errors.

    A class may say in `how_to_give` how users give a parameter that has no default, for the error where it is missing.
    """

    how_to_give: ClassVar[dict[str, str]] = {}

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, ser_json_inf_nan="strings", validate_default=True
    )

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise explain(error, type(self)) from None

    # Tells pydantic that nested records need not pass through this __init__, so that errors keep their whole path.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, data: Any) -> Any:
        """Convert lists to tuples, since TOML and JSON have no tuples, and NumPy's numbers to Python's."""
        return {key: plain(value) for key, value in data.items()} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _is_of_a_size_that_computes(self) -> Any:
        """Integers must fit into 64 bits, and squares of numbers into float32."""
        for name in type(self).model_fields:
            require_size(name, getattr(self, name), type(self).__name__)
        return self

    @classmethod
    def parse(cls, data: dict, where: str = "") -> Any:
        """Build from a plain table (TOML or JSON); errors name the dotted key, prefixed by `where`."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise explain(error, cls, where) from None

    def table(self) -> dict:
        """The record as plain data that :meth:`parse` reads back."""
        return self.model_dump(mode="json")

    def replace(self, **changes: Any) -> Any:
        """A copy with some parameters changed, validated like a new one."""
        return type(self)(**{**{name: getattr(self, name) for name in type(self).model_fields}, **changes})


def plain(value: Any) -> Any:
    """A value as native Python data: tuples for lists and arrays, numbers for NumPy's, exactly."""
    if isinstance(value, np.floating):
        return float(value)
    if isinstance(value, np.generic | np.ndarray) and value.dtype.kind in "biufU":
        return plain(value.tolist())
    return tuple(plain(one) for one in value) if type(value) in (list, tuple) else value


def require_size(name: str, value: Any, owner: str) -> None:
    """Reject an integer beyond 64 bits, and a finite number whose square overflows float32; also inside tuples."""
    if isinstance(value, tuple):
        for one in value:
            require_size(name, one, owner)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise SpecError(name, owner, f"at most {2**63 - 1} in magnitude", value)
    elif isinstance(value, float) and LARGEST < abs(value) < math.inf:
        raise SpecError(name, owner, f"at most {LARGEST:g} in magnitude", value)


# ----------------------------------------------------------------------------------------------------------------------
# From pydantic's report to one sentence


class _Place(NamedTuple):
    key: str  # dotted, as the user typed it
    owner: type[BaseModel]  # the record that contains the last key
    leaf: type[BaseModel] | None  # the record at the key itself, if it is one
    choices: dict[str, type[BaseModel]]  # the records it may be, by tag


_WANTED = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "string_type": "a string",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "finite_number": "a finite number",
}


def explain(error: ValidationError, cls: type[BaseModel], where: str = "") -> InputError:
    """One sentence from pydantic's report: which parameter of which object must be what, and what was given."""
    first = error.errors(include_url=False)[0]
    kind, got = first["type"], first.get("input")
    place = _locate(cls, first["loc"], where)
    owner = place.owner.__name__
    if kind == "extra_forbidden":
        return SpecError.unknown(place.key, owner, place.owner.model_fields)
    if kind == "value_error":
        return _at(first["ctx"]["error"], place)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tag = first["ctx"]["discriminator"].strip("'")
        value = got.get(tag) if isinstance(got, dict) else getattr(got, tag, got)
        key = f"{place.key}.{tag}"
        if value is None:
            return SpecError.missing(key, hint=suggest("", place.choices))
        return SpecError.no_choice(key, "", value, place.choices)
    if kind == "missing":
        hint = getattr(place.owner, "how_to_give", {}).get(place.key.rpartition(".")[2], "")
        return SpecError.missing(place.key, owner, hint)
    if kind == "literal_error":
        expected = first["ctx"]["expected"]
        return SpecError(place.key, owner, expected, got, hint=close(str(got), re.findall(r"'([^']*)'", expected)))
    wanted = _WANTED.get(kind) or first["msg"].removeprefix("Input should be ")
    return SpecError(place.key, owner, wanted, got)


def _at(error: Exception, place: _Place) -> InputError:
    """A validator's own error, with the full dotted name; other messages are left unchanged."""
    if not isinstance(error, ParameterError):
        if isinstance(error, InputError) or not place.key:
            return InputError(str(error))
        return SpecError(place.key, place.owner.__name__, verb=f"is invalid: {str(error).rstrip('.')}")
    # A field's validator names the field itself, or a key inside a part; a record's validator names one of its fields.
    itself = place.leaf is None and error.name == place.key.rsplit(".", 1)[-1]
    above = place.key.rpartition(".")[0] if itself else place.key
    return error.under(above)


def _locate(cls: type[BaseModel], loc: tuple, where: str) -> _Place:
    """Follow pydantic's path through the records; it contains the tags of unions, which users do not type."""
    steps, owner = [where] if where else [], cls
    here: dict[str, type[BaseModel]] = {"": cls}  # the records the present step may be, by tag
    for part in loc:
        if len(here) > 1 and part in here:
            here = {"": here[part]}
        elif isinstance(part, int):
            steps.append(str(part))
        else:
            if len(here) == 1:
                owner = next(iter(here.values()))
            steps.append(part)
            field = owner.model_fields.get(part)
            here = _records(field.annotation) if field else {}
    leaf = next(iter(here.values())) if len(here) == 1 else None
    return _Place(".".join(steps), owner, leaf, here)


def _records(annotation: Any) -> dict[str, type[BaseModel]]:
    """The record classes an annotation allows, by tag: the literal default of their `kind` or `name`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields
        tag = next((str(fields[name].default) for name in ("kind", "name") if name in fields), annotation.__name__)
        return {tag: annotation}
    found: dict[str, type[BaseModel]] = {}
    for inner in typing.get_args(annotation):
        found |= _records(inner)
    return found
