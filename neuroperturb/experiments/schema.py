"""The JSON schema of an experiment's TOML, for editors that complete and check it (`neuroperturb explain --schema`).

A record is a name or a table; its table has the keys of all its kinds, each with the values that one of them takes. Names are those that
ship and those of installed packages, or code of one's own, ``FILE.py:Class``, whose tables may have any key. What fits together is said
by `neuroperturb run`.
"""

from __future__ import annotations

import inspect
import typing
from typing import Any, Literal

import hardware_models as hw
from hardware_models.devices import measured
from hardware_models.saving import chip_cells
from neuroperturb.experiments import tags
from neuroperturb.experiments.bounds import bounds
from neuroperturb.experiments.expand import SHORT
from neuroperturb.experiments.settings import MATRICES, KeyEntry, alternatives, dimension_of, is_list, settings, under
from neuroperturb.network.chip import fields as parts
from neuroperturb.network.chip.cells_file import NAME as CELLS_FILE
from neuroperturb.network.chip.origin import FROM, PUBLICATION
from neuroperturb.network.chip.part_tables import FILES, NONE, SOURCE
from neuroperturb.spec import plugins

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TYPES = {int: "integer", float: "number", bool: "boolean", str: "string", dict: "object"}
TEXT = {"type": "string"}
OWN = {"type": "string", "pattern": r"^.+:[A-Za-z_]\w*$"}  # code of one's own
MATRIX = "#/$defs/matrix"
MORE_NAMES: dict[str, list[dict[str, Any]]] = {  # names that are not those of records
    "hardware": [{"type": "string", "pattern": rf"(?i)\{measured.ENDING}$"}],
    "hardware.name": [{"type": "string", "pattern": rf"(?i)\{measured.ENDING}$"}],
    "hardware.cells": [{"type": "string", "pattern": rf"(?i)\{chip_cells.ENDING}$"}],
    "hardware.writing": [{"const": "recommended"}],
}
CLOSED = {"training", "decorrelation", "modifier", "spiking"}  # tables without code of one's own
PLUGINS = {"task": "task", "rule": "rule", "hardware": "cells", "hardware.cells": "cells"}


def schema() -> dict[str, Any]:
    """The schema as plain data."""
    top = [one for one in settings() if "." not in one.key]
    of_matrices = [one for one in under("hardware") if one.name in parts.hints(hw.Hardware) or one.name == "name"]
    matrix = _record("hardware", _table(of_matrices) | {"description": "hardware of one matrix"}, _names("hardware"))
    return {
        "$schema": DIALECT,
        "title": "neuroperturb experiment",
        **_table(top),
        "required": ["task"],
        "$defs": {"matrix": {"anyOf": matrix}},
    }


def _table(members: list[KeyEntry]) -> dict[str, Any]:
    """A table: each key with all its forms, whichever record has it."""
    properties: dict[str, list[KeyEntry]] = {}
    for one in members:
        properties.setdefault(one.name, []).append(one)
    made = {name: _property(ones) for name, ones in properties.items()}
    if members:
        made |= {key: {} for key in _other_keys(members[0].table)}
    return {"type": "object", "properties": made, "additionalProperties": False}


def _other_keys(table: str) -> list[str]:
    """Keys that stand for others, or are notes."""
    made_from = [getattr(cls, "from_pulses", None) for cls in hw.CELLS.values()] if table == "hardware.cells" else []
    options = [name for function in made_from if function for name in inspect.signature(function).parameters]
    return {
        "hardware": [FROM, PUBLICATION, CELLS_FILE],
        "hardware.cells": [*FILES, "pulses_up", "pulses_down", *options, SOURCE],
        "loss": ["name"],
    }.get(table, [])


def _property(ones: list[KeyEntry]) -> dict[str, Any]:
    said = list(dict.fromkeys(one.meaning for one in ones if one.meaning))
    forms = [form for one in ones for form in _forms(one)]
    forms = [form for k, form in enumerate(forms) if form not in forms[:k]]
    return {"description": " · ".join(said), **(forms[0] if len(forms) == 1 else {"anyOf": forms} if forms else {})}


def _forms(one: KeyEntry) -> list[dict[str, Any]]:
    """All that a key may be."""
    key = one.key
    if one.name in MATRICES and one.table == "hardware":
        return [{"$ref": MATRIX}]
    if one.kinds and one.name == tags.tag(one.table):
        return _names(one.table)
    none = [{"const": NONE}] if one.default is None and key.startswith("hardware.") else []
    below = under(key)
    names = _names(f"{key}.{SHORT[key]}" if key in SHORT and not one.kinds else key)
    made = _record(key, _table(below), names) if below else []
    listed = is_list(one)
    items = made if listed else []
    plain = [form for hint in alternatives(one.hint) if (form := _form(hint, one, items)) is not None]
    return [*([] if listed else made), *plain, *none]


def _record(key: str, table: dict[str, Any], names: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A table of known keys, or one of code of one's own with any; or a name alone."""
    free = key.partition(".")[0] not in CLOSED and OWN in names
    own = {"type": "object", "properties": {tags.tag(key): OWN}, "required": [tags.tag(key)]}
    named = {"type": "object", "properties": {"name": OWN}, "required": ["name"]}
    return [table, *([own] if free else []), *([named] if key == "loss" else []), *names]


def _names(key: str) -> list[dict[str, Any]]:
    """What may stand for a record: the names of its kinds, and code of one's own."""
    chosen = next((one for one in under(key) if one.name == tags.tag(key) and one.kinds), None)
    if chosen is None:
        return []
    installed = plugins.names(PLUGINS[key]) if key in PLUGINS else []
    closed = key.partition(".")[0] in CLOSED
    kinds = {"enum": [*dict.fromkeys([*_all_kinds(key), *installed])]}
    return [kinds, *([] if closed else [OWN]), *MORE_NAMES.get(key, [])]


def _all_kinds(key: str) -> list[str]:
    tag = f"{key}.{tags.tag(key)}"
    return [kind for one in settings() if one.key == tag for kind in one.kinds]


def _form(hint: Any, one: KeyEntry, items: list[dict[str, Any]]) -> dict[str, Any] | None:
    if typing.get_origin(hint) is Literal:
        return {"enum": list(typing.get_args(hint))}
    if typing.get_origin(hint) in (tuple, list) or hint is tuple:
        inner = [each for each in typing.get_args(hint) if each is not Ellipsis]
        each = items or [form for way in inner[:1] for other in alternatives(way) if (form := _form(other, one, []))]
        return {"type": "array", **({"items": {"anyOf": each} if len(each) > 1 else each[0]} if each else {})}
    dimension = dimension_of(one.hint)
    if dimension is not None and hint is float:
        return {"type": "string", "pattern": dimension.pattern}
    if hint is False:
        return {"const": False}
    if hint not in TYPES:
        return None
    found = {"type": TYPES[hint]} | (bounds(one) if hint in (int, float) else {})
    usual = one.default if isinstance(one.default, int | float) and not isinstance(one.default, bool) else None
    return found if usual is None or _within(usual, found) else {"anyOf": [found, {"const": usual}]}


def _within(value: float, found: dict[str, Any]) -> bool:
    return (
        found.get("minimum", value) <= value <= found.get("maximum", value)
        and not value <= found.get("exclusiveMinimum", value - 1)
        and not value >= found.get("exclusiveMaximum", value + 1)
    )
