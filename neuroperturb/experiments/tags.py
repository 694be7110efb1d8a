"""Keys that say which record a table is, `kind` or `name`, and those of a rule's table that choose its preset.

They are no fields of a record: they are read before there is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import hardware_models as hw
from neuroperturb.baselines import GRADIENTS
from neuroperturb.experiments.docstrings import summary
from neuroperturb.experiments.entry import REQUIRED, KeyEntry
from neuroperturb.experiments.expand import RULE_NAMES
from neuroperturb.network.chip.catalogue import KINDS
from neuroperturb.rules import DECORRELATED, OF_WORLDS, RULES
from neuroperturb.tasks import TASKS

NAMED = ("task", "rule", "hardware")  # tables with a name; all others have a kind


def tag(key: str) -> str:
    """The key of the table at `key` that says which record it is."""
    return "name" if key in NAMED else "kind"


def of(one: KeyEntry, known: Mapping[str, Any] | None = None) -> Iterator[KeyEntry]:
    """The keys that choose the record of a field; `known`: all kinds it takes, presets too."""
    kinds = {"task": tasks, "rule": rules, "hardware": hardware}.get(one.key, lambda: _kinds(one, known))()
    if kinds:
        meaning, default = MEANINGS.get(one.key, f"which kind of {one.key}"), _default(one)
        yield _entry(one, tag(one.key), meaning, "one of its kinds", default, kinds)
    if one.key == "rule":
        for name, (meaning, form, hint) in OF_RULES.items():
            yield _entry(one, name, meaning, form, None, {})._replace(hint=hint)


MEANINGS = {
    "task": "which task; or your own, FILE.py:Class",
    "rule": "which learning rule: its preset, which the other keys of the table change; or your own, FILE.py:Class",
    "hardware": "which device: a preset, or a model of cells with its defaults; or measured pulses, FILE.csv; or your own cell, FILE.py:Class",
}
OF_RULES: dict[str, tuple[str, str, Any]] = {
    "form": (
        "another form of the preset, as it was published: 'published' of np, wp, anp and their decorrelated ones",
        "a text",
        str,
    ),
    "like": (
        "of a rule of your own: a preset whose probe, normaliser, baseline, noise, step, σ and η it takes: they differ in their formulas alone",
        "a text",
        str,
    ),
    "parameters": ("of a rule of your own: its numbers, by name", "a table", dict),
}


def tasks() -> dict[str, str]:
    """Tasks by name."""
    return {name: summary(made_of) for name, made_of in TASKS.items()}


def rules() -> dict[str, str]:
    """Rules by name, in the order of the command line."""
    said = {name: summary(made_of) for name, made_of in (RULES | OF_WORLDS | GRADIENTS).items()}
    said |= {name: f"{plain}, with decorrelated inputs and states" for name, plain in DECORRELATED.items()}
    return {name: said.get(name, "every axis at its default, a rule to build up") for name in RULE_NAMES}


def hardware() -> dict[str, str]:
    """Presets, then models of cells."""
    models = {name: summary(made_of) for name, made_of in hw.CELLS.items()}
    return {name: preset.technology for name, preset in hw.PRESETS.items()} | models


def _kinds(one: KeyEntry, known: Mapping[str, Any] | None) -> dict[str, str]:
    named = (name for name in known or {} if name not in one.kinds) if one.kinds else ()
    return one.kinds | {name: hw.PRESETS[name].technology if name in hw.PRESETS else "a preset" for name in named}


def _default(one: KeyEntry) -> Any:
    if one.default is REQUIRED or one.default is None:
        return one.default
    if one.key == "rule":
        return "anp"
    kind = getattr(one.default, "kind", None)
    return kind if isinstance(kind, str) else _registered(one.default)


def _registered(part: Any) -> str | None:
    """The kind of a part of hardware, which does not know its name."""
    return next((name for kinds in KINDS.values() for name, known in kinds.items() if known is type(part)), None)


def _entry(one: KeyEntry, name: str, meaning: str, form: str, default: Any, kinds: dict[str, str]) -> KeyEntry:
    key = f"{one.key}.{name}"
    return KeyEntry(
        key=key, owner=one.owner, meaning=meaning, form=form, hint=str, default=default, needs=one.needs, kinds=kinds
    )  # fmt: skip
