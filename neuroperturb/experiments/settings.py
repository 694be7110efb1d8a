"""Every setting of an experiment, generated from the specifications: key, meaning, type, range, default, where it applies.

An experiment is a tree of records: specifications of this package, and hardware parts. A field that can hold records of several kinds
has the settings of all of them, each with the kind it needs.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import hardware_models as hw
from neuroperturb.experiments import tags
from neuroperturb.experiments.docstrings import meanings, summary
from neuroperturb.experiments.entry import REQUIRED as REQUIRED
from neuroperturb.experiments.entry import KeyEntry as KeyEntry
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.toml_text import inline
from neuroperturb.network.activation import ACTIVATIONS
from neuroperturb.network.chip import fields as parts
from neuroperturb.network.chip import part_tables
from neuroperturb.network.chip.catalogue import KINDS
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.initial import INITIAL
from neuroperturb.network.quantities import Dimension
from neuroperturb.network.rnn import RNN
from neuroperturb.rules import PerturbationRule
from neuroperturb.spec import Spec
from neuroperturb.tasks import TASKS

TAGS = ("kind", "name")  # fields that say which record a table is
ANY_PRESET = PerturbationRule.model_fields["name"].default  # a rule's record that is chosen by the names of its presets
BY_NAME: dict[tuple[type, str], dict[str, Any]] = {  # fields whose records are read by their names
    (Experiment, "task"): TASKS, (RNN, "activation"): ACTIVATIONS, (RNN, "initial"): INITIAL,
}  # fmt: skip
NOTES = {"origins"}  # fields without effect
WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
PARTS = {  # of an experiment: what its records mean as a whole
    "task": "what is learned: a task by name, or a table with its name and settings",
    "network": "the recurrent network",
    "rule": "the learning rule, by name, or a table with its name and settings",
    "decorrelation": "decorrelation of inputs and states, learned beside the weights",
    "training": "schedule, passes, batches, seeds",
    "hardware": "what the network runs on, by name, or a table; left out: ideal arrays and neurons",
    "spiking": "spiking neurons in the place of rate units",
    "modifier": "how weights differ in every batch from those that are trained, for arrays that are programmed later",
    "loss": "what is learned from, in the place of the task's own loss, by which outputs are scored in any case",
}


@cache
def settings() -> tuple[KeyEntry, ...]:
    """Every setting, parents before children."""
    return tuple(_of_spec(Experiment, "", ()))


def under(key: str) -> list[KeyEntry]:
    """The settings directly below a key."""
    depth = key.count(".") + 1
    return [one for one in settings() if one.key.startswith(key + ".") and one.key.count(".") == depth]


def is_list(one: KeyEntry) -> bool:
    """Whether a setting is a list of records, each of which is given whole."""
    return bool(one.kinds) and all(tuple in (hint, typing.get_origin(hint)) for hint in alternatives(one.hint))


def default_of(one: KeyEntry) -> str:
    """What a setting that has a default is when it is left out, as a file has it."""
    kind, dimension = getattr(one.default, "kind", None), dimension_of(one.hint)
    if one.default is None or isinstance(kind, str):
        return "none" if one.default is None else str(kind)
    if dimension is not None and isinstance(one.default, float):
        return repr(dimension.write(one.default))
    if not isinstance(one.default, bool | int | float | str | tuple) or hasattr(one.default, "_fields"):
        return "that of each of its settings"
    return inline(one.default)


# ----------------------------------------------------------------------------------------------------------------------
# Walking


def _of_spec(cls: type[Spec], prefix: str, needs: tuple[str, ...]) -> Iterator[KeyEntry]:
    said = meanings(cls) | (PARTS if cls is Experiment else {})
    for name, field in cls.model_fields.items():
        if name in TAGS and isinstance(field.default, str):
            continue
        members = _members(cls, name, field.annotation)
        key = f"{prefix}{name}"
        entry = KeyEntry(
            key=key, owner=cls.__name__, meaning=said.get(name, "") or _fallback(members), form=_form(field, members),
            hint=_typed(field), default=_default(field), needs=needs, kinds={kind: summary(one) for kind, one in members.items() if kind},
        )  # fmt: skip
        yield entry
        yield from tags.of(entry)
        yield from _below(key, members, needs)


def _of_part(cls: type, prefix: str, needs: tuple[str, ...]) -> Iterator[KeyEntry]:
    said, usual = meanings(cls), parts.defaults(cls)
    for name, hint in parts.hints(cls).items():
        if name in NOTES:
            continue
        members = _part_members(cls, name, hint)
        key = f"{prefix}{name}"
        entry = KeyEntry(
            key=key, owner=cls.__name__, meaning=said.get(name, "") or _fallback(members), form=_part_form(name, hint, members),
            hint=hint, default=usual.get(name, REQUIRED), needs=needs, kinds={kind: summary(one) for kind, one in members.items() if kind},
        )  # fmt: skip
        yield entry
        yield from tags.of(entry, part_tables.kinds_of(cls, name, KINDS))
        if name not in MATRICES:  # which have the keys of the chip again
            yield from _below(key, members, needs)


MATRICES = {name for name in parts.hints(Chip) if parts.hints(Chip)[name] == hw.Hardware | None}


def _below(key: str, members: dict[str, type], needs: tuple[str, ...]) -> Iterator[KeyEntry]:
    for kind, one in members.items():
        inner = (*needs, f"{key}.{tags.tag(key)} = {kind!r}") if _must_be_said(kind, one, members) else needs
        walk = _of_spec if issubclass(one, Spec) else _of_part
        yield from walk(one, f"{key}.", inner)


def _must_be_said(kind: str, one: type, members: dict[str, type]) -> bool:
    """Whether a table needs its kind: a specification always, a part of hardware where there are several."""
    return kind not in ("", ANY_PRESET) and (issubclass(one, Spec) or len(members) > 1)


def _members(cls: type[Spec], name: str, annotation: Any) -> dict[str, type]:
    """Records that a field can hold, by kind; "" where there is only one."""
    if (cls, name) in BY_NAME:
        return dict(BY_NAME[cls, name])
    if Chip in alternatives(annotation):
        return {"": Chip}
    found = [one for one in alternatives(annotation) if isinstance(one, type) and issubclass(one, Spec)]
    if len(found) == 1 and not _kind(found[0]):
        return {"": found[0]}
    return {_kind(one): one for one in found}


def _part_members(cls: type, name: str, hint: Any) -> dict[str, type]:
    """The same of a hardware part; presets, which are objects, are left to `neuroperturb list`."""
    for owner in cls.__mro__:
        if (owner, name) in KINDS:
            return {kind: one for kind, one in KINDS[owner, name].items() if isinstance(one, type)}
    found = [one for one in alternatives(hint) if parts.is_part_class(one) and not issubclass(one, Spec)]
    return {"": found[0]} if len(found) == 1 and found[0] is not hw.Hardware else {}


def alternatives(annotation: Any) -> list[Any]:
    """The types that an annotation allows."""
    if typing.get_origin(annotation) is typing.Annotated:
        return alternatives(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [inner for one in typing.get_args(annotation) for inner in alternatives(one)]
    return [annotation]


def dimension_of(hint: Any) -> Dimension | None:
    """The dimension of a quantity that is written with its unit; None for a plain number."""
    return next((one for one in getattr(hint, "__metadata__", ()) if isinstance(one, Dimension)), None)


def _kind(cls: type[Spec]) -> str:
    for tag in TAGS:
        field = cls.model_fields.get(tag)
        if field is not None and isinstance(field.default, str) and field.default is not PydanticUndefined:
            return field.default
    return ""


# ----------------------------------------------------------------------------------------------------------------------
# Words


def _fallback(members: dict[str, type]) -> str:
    return summary(members[""]) if set(members) == {""} else ""


def _default(field: FieldInfo) -> Any:
    if field.default is not PydanticUndefined:
        return field.default
    return field.default_factory() if field.default_factory is not None else REQUIRED  # type: ignore[call-arg]


def _typed(field: FieldInfo) -> Any:
    """The type of a field with what is said of it beside: its bounds, its dimension."""
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _form(field: FieldInfo, members: dict[str, type]) -> str:
    dimension = dimension_of(_typed(field))
    words = f"a {dimension.words}" if dimension else _plain_words(field.annotation)
    return (
        " or ".join(filter(None, [", ".join(filter(None, [words, _bounds(field)])), _kinds_form(members)])) or "a value"
    )


def _part_form(name: str, hint: Any, members: dict[str, type]) -> str:
    return "a name or a table, as `hardware`" if name in MATRICES else _kinds_form(members) or _words(hint)


def _kinds_form(members: dict[str, type]) -> str:
    return "" if not members else "a table" if set(members) == {""} else "one of its kinds"


def _bounds(field: FieldInfo) -> str:
    signs = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
    said = [
        f"{words} {_number(getattr(one, sign))}"
        for one in field.metadata
        for sign, words in signs.items()
        if hasattr(one, sign)
    ]
    return ", ".join(said)


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) or abs(value) < 2**53 else f"{value:,}"


def _words(hint: Any) -> str:
    return _plain_words(hint) or "a value"


def _plain_words(hint: Any) -> str:
    """What it may be that is no record; empty where there is nothing else."""
    made = [_one_word(one) for one in alternatives(hint) if one is not type(None)]
    return " or ".join(dict.fromkeys(filter(None, made)))


def _one_word(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        return " or ".join(repr(choice) for choice in typing.get_args(hint))
    if typing.get_origin(hint) in (tuple, list):
        inner = [one for one in typing.get_args(hint) if one is not Ellipsis]
        return f"a list of {_words(inner[0])}" if inner else "a list"
    return WORDS.get(hint, "")
