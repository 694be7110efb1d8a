"""The JSON schema of an experiment's TOML, for editors that complete and check it (`neuroperturb explain --schema`).

It is as lenient as a table can be: a record may be a name, and has the keys of all its kinds. What fits what is said by `neuroperturb run`.
"""

from __future__ import annotations

import typing
from typing import Any, Literal

from neuroperturb.experiments.settings import TAGS, KeyEntry, alternatives, settings, under

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TYPES = {int: "integer", float: "number", bool: "boolean", str: "string"}


def schema() -> dict[str, Any]:
    """The schema as plain data."""
    top = [one for one in settings() if "." not in one.key]
    return {"$schema": DIALECT, "title": "neuroperturb experiment", **_table(top)}


def _table(members: list[KeyEntry]) -> dict[str, Any]:
    """A table: each key with all its forms, whichever record has it."""
    properties: dict[str, list[KeyEntry]] = {}
    for one in members:
        properties.setdefault(one.key.rpartition(".")[2], []).append(one)
    return {"type": "object", "properties": {name: _property(ones) for name, ones in properties.items()}}


def _property(ones: list[KeyEntry]) -> dict[str, Any]:
    said = list(dict.fromkeys(one.meaning for one in ones if one.meaning))
    below, kinds = under(ones[0].key), {kind: words for one in ones for kind, words in one.kinds.items()}
    forms = [form for one in ones for form in _forms(one.hint)]
    if below or kinds:
        table = _table(below)
        tag = TAGS[ones[0].key in ("task", "rule")]
        table["properties"] = (
            {tag: {"type": "string", "examples": list(kinds)}, **table["properties"]} if kinds else table["properties"]
        )
        forms = [table, {"type": "string", "examples": list(kinds)}, *forms]
    forms = [form for k, form in enumerate(forms) if form not in forms[:k]]
    return {"description": " · ".join(said), **(forms[0] if len(forms) == 1 else {"anyOf": forms} if forms else {})}


def _forms(hint: Any) -> list[dict[str, Any]]:
    return [form for one in alternatives(hint) if (form := _form(one)) is not None]


def _form(hint: Any) -> dict[str, Any] | None:
    if typing.get_origin(hint) is Literal:
        return {"enum": list(typing.get_args(hint))}
    if typing.get_origin(hint) in (tuple, list):
        return {"type": "array"}
    return {"type": TYPES[hint]} if hint in TYPES else None
