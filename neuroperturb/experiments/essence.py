"""The essence of an experiment: the part of its table that affects results.

Left out are notes on the origin of parameters (`from`, `publication`), the location of a custom class, and the layout, comments and
docstrings of its text, which are replaced by a hash of its behaviour. Equal experiments have equal essences.
"""

from __future__ import annotations

from typing import Any

from neuroperturb.network.chip.origin import FROM, PUBLICATION
from neuroperturb.network.chip.part_tables import SOURCE
from neuroperturb.spec.user_code import UserCode

TEXT = {"sha256", "text"}  # keys of a custom class in a table


def essence(table: dict) -> dict:
    """The essence of an experiment's table."""
    hardware = table.get("hardware")
    kept = table if hardware is None else {**table, "hardware": _without_origin(hardware)}
    return _essence(kept)


def user_code(table: Any) -> list[UserCode]:
    """The custom classes in an experiment's table."""
    if isinstance(table, list):
        return [code for inner in table for code in user_code(inner)]
    if not isinstance(table, dict):
        return []
    own = _code(table)
    return [own] * (own is not None) + [code for inner in table.values() for code in user_code(inner)]


def _code(table: dict) -> UserCode | None:
    """The essence of a rule's formula, a task or a hardware part."""
    if table.keys() >= {"source", "parameters", *TEXT}:
        return UserCode(table["source"], table["sha256"], table["text"])
    source = table.get(SOURCE)
    if isinstance(source, dict) and source.keys() == TEXT:
        return UserCode(table.get("kind", table.get("name")), source["sha256"], source["text"])
    return None


def _essence(value: Any) -> Any:
    if isinstance(value, list):
        return [_essence(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    code = _code(value)
    if code is None:
        return {key: _essence(inner) for key, inner in value.items()}
    rest = {key: _essence(inner) for key, inner in value.items() if key not in (SOURCE, *TEXT)}
    name = {key: code.label for key in ("kind", "name") if rest.get(key) == code.name}
    return {**rest, **name, "class": code.label, "does": code.does}


def _without_origin(hardware: dict) -> dict:
    """A chip's table, and those of its matrices."""
    rest = {key: inner for key, inner in hardware.items() if key not in (FROM, PUBLICATION)}
    return {
        key: _without_origin(inner) if isinstance(inner, dict) and FROM in inner else inner
        for key, inner in rest.items()
    }
