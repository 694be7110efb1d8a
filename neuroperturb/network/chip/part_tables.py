"""Parts of hardware as tables, and tables as parts.

A part is a frozen dataclass or a NamedTuple; its table holds its fields by name. Where a field may hold several kinds of part, a
catalogue knows them by name: the table has a ``kind``, a name alone stands for its table, and a list for several parts. Types are
those of the fields; what does not fit is one sentence that names the key by its dotted path.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from neuroperturb.spec import SpecError, suggest

Kinds = Mapping[str, Any]  # kind → class, or an instance that is a preset
Catalogue = Mapping[tuple[type, str], Kinds]  # (class, field) → what it may hold

NONE = "none"  # the kind of a part that is left out
_HEAD = re.compile(r"^The '([\w.]+)' parameter")


def read(cls: type, value: Any, catalogue: Catalogue, *, base: Any = None, path: str = "") -> Any:
    """A part of class `cls` out of a table; what the table leaves out is the base's, or the default.

    Parameters
    ----------
    cls : a dataclass or a NamedTuple
    value : a table; anything else is refused
    catalogue : the kinds of part that each field may hold
    base : a part to change, of that class
    path : dotted path of the table, for errors
    """
    if not isinstance(value, Mapping):
        raise _refused(path, None, "a table", value)
    hints, changes = _hints(cls), {}
    for name, given in value.items():
        place = f"{path}.{name}" if path else name
        if name not in hints:
            raise SpecError(f"The {place!r} parameter of {cls.__name__} is unknown. {suggest(name, hints)}")
        changes[name] = _field(cls, name, given, catalogue, getattr(base, name, None), place)
    missing = next((name for name in _required(cls) if base is None and name not in changes), None)
    if missing is not None:
        raise SpecError(f"The {f'{path}.{missing}' if path else missing!r} parameter of {cls.__name__} is missing.")
    with under(path):
        return cls(**changes) if base is None else _changed(base, changes)


def write(part: Any, catalogue: Catalogue, kinds: Kinds | None = None, *, brief: bool = False) -> dict:
    """The table of a part, which :func:`read` reads back.

    kinds : what the part's place may hold;  brief : leave out what is as by default
    """
    table = {} if kinds is None else {"kind": kind_of(part, kinds)}
    defaults = _defaults(type(part))
    for name in _hints(type(part)):
        value = getattr(part, name)
        if value is None or (brief and same(value, defaults.get(name))):
            continue
        table[name] = _written(value, catalogue, kinds_of(type(part), name, catalogue))
    return table


def _written(value: Any, catalogue: Catalogue, kinds: Kinds | None) -> Any:
    if _is_part(value):
        return write(value, catalogue, kinds)
    if isinstance(value, tuple | list | np.ndarray):
        return [_written(v, catalogue, kinds) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def words(value: Any, catalogue: Catalogue, kinds: Kinds | None = None) -> str:
    """A part in a few words: a preset by its name, another by its kind and what is not as by default."""
    preset = next(
        (name for name, known in (kinds or {}).items() if not isinstance(known, type) and same(known, value)), None
    )
    if preset is not None:
        return preset
    if isinstance(value, tuple) and not _is_part(value):
        return "[" + ", ".join(words(v, catalogue, kinds) for v in value) + "]"
    if not _is_part(value):
        return f"{value:g}" if isinstance(value, float) else str(value)
    cls, defaults = type(value), _defaults(type(value))
    inner = [
        f"{name}={words(getattr(value, name), catalogue, kinds_of(cls, name, catalogue))}"
        for name in _hints(cls)
        if not same(getattr(value, name), defaults.get(name, ...))
    ]
    name = kind_of(value, kinds) if kinds else ""
    return f"{name}({', '.join(inner)})" if inner or not name else name


def kinds_of(cls: type, name: str, catalogue: Catalogue) -> Kinds | None:
    """What a field may hold, where the catalogue has a say."""
    return next((catalogue[owner, name] for owner in cls.__mro__ if (owner, name) in catalogue), None)


def kind_of(part: Any, kinds: Kinds) -> str:
    """The name a part's class goes by; one of the user's own goes by its class name, which no table reads back."""
    return next((name for name, known in kinds.items() if known is type(part)), type(part).__name__)


def same(a: Any, b: Any) -> bool:
    """Equal, and of one type: NamedTuples of different types may be equal tuples."""
    return type(a) is type(b) and a == b


def check(part: Any, path: str = "") -> None:
    """Let a part check itself, the parts inside it first; errors name the key by its dotted path."""
    inside = part if isinstance(part, tuple) and not _is_part(part) else None
    names = range(len(part)) if inside is not None else _hints(type(part))
    for name in names:
        value = part[name] if inside is not None else getattr(part, name)
        if _is_part(value) or isinstance(value, tuple):
            check(value, f"{path}.{name}" if path else str(name))
    if hasattr(part, "check"):
        with under(path):
            part.check()


@contextlib.contextmanager
def under(path: str) -> Iterator[None]:
    """Errors of a part name the key by its whole path."""
    try:
        yield
    except ValueError as error:
        text = str(error)
        match = _HEAD.match(text)
        if not path:
            raise
        if not match:
            raise SpecError(f"The {path!r} parameter cannot be as it is: {text}") from None
        raise SpecError(f"The '{path}.{match[1]}' parameter{text[match.end() :]}") from None


def _field(cls: type, name: str, given: Any, catalogue: Catalogue, present: Any, path: str) -> Any:
    """The value of one field."""
    if given is None or (isinstance(given, str) and given == NONE and _defaults(cls).get(name, ...) is None):
        return None
    kinds = kinds_of(cls, name, catalogue)
    if kinds is None:
        return _typed(cls, _hints(cls)[name], given, catalogue, present, path)
    if isinstance(given, list | tuple) and not _is_part(given):
        return tuple(_kind(cls, kinds, inner, catalogue, None, f"{path}.{k}") for k, inner in enumerate(given))
    return _kind(cls, kinds, given, catalogue, present, path)


def _kind(cls: type, kinds: Kinds, given: Any, catalogue: Catalogue, present: Any, path: str) -> Any:
    """A part that may be of several kinds: by name, by table, or an object as it is. The first kind is meant if none is said."""
    if _is_part(given):
        return given
    table = {"kind": given} if isinstance(given, str) else given
    if not isinstance(table, Mapping):
        raise _refused(path, cls, "a name or a table", given)
    kind = table.get("kind", next(iter(kinds)) if present is None else None)
    rest = {key: inner for key, inner in table.items() if key != "kind"}
    if kind is None:
        return read(type(present), rest, catalogue, base=present, path=path)
    if not isinstance(kind, str) or kind not in kinds:
        raise SpecError(f"The '{path}.kind' parameter cannot be {kind!r}. {suggest(str(kind), kinds)}")
    known = kinds[kind]
    if not isinstance(known, type):
        return read(type(known), rest, catalogue, base=known, path=path)
    base = present if type(present) is known else None  # of that kind already: only what is given changes
    if "file" in rest and hasattr(known, "from_csv"):
        base, rest = _from_file(known, rest, path)
    return read(known, rest, catalogue, base=base, path=path)


def _from_file(cls: type, table: dict, path: str) -> tuple[Any, dict]:
    """A part that is made of data, and what its table says besides."""
    names = {"file", *inspect.signature(cls.from_pulses).parameters}
    options = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items() if key in names - {"file"}}
    with under(path):
        part = cls.from_csv(table["file"], **options)
    return part, {key: value for key, value in table.items() if key not in names}


def _typed(cls: type, hint: Any, given: Any, catalogue: Catalogue, present: Any, path: str) -> Any:
    """A value of the type that a field has."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _typed(cls, next(h for h in inner if h is not type(None)), given, catalogue, present, path)
    if _is_part_class(hint):
        return given if _is_part(given) else read(hint, given, catalogue, base=present, path=path)
    if origin is Literal:
        if given not in inner:
            raise _refused(path, cls, " or ".join(map(repr, inner)), given)
        return given
    if origin is tuple:
        if not isinstance(given, list | tuple):
            raise _refused(path, cls, "a list", given)
        return tuple(_typed(cls, inner[0], v, catalogue, None, f"{path}.{k}") for k, v in enumerate(given))
    if hint is float and isinstance(given, int | float) and not isinstance(given, bool):
        return float(given)
    wanted = _WORDS.get(hint)
    if wanted is not None and type(given) is not hint:
        raise _refused(path, cls, wanted, given)
    return given


_WORDS = {float: "a number", int: "a whole number", bool: "true or false", str: "a string"}


@lru_cache
def _hints(cls: type) -> dict[str, Any]:
    """Field → type, in order; class variables, and what a class sets by itself, are no fields."""
    found = typing.get_type_hints(cls)
    names = [f.name for f in dataclasses.fields(cls) if f.init] if dataclasses.is_dataclass(cls) else cls._fields
    return {name: found[name] for name in names}


def _defaults(cls: type) -> dict[str, Any]:
    """Field → default, where it has one; a default that is made anew for every object is made."""
    if not dataclasses.is_dataclass(cls):
        return cls._field_defaults
    missing = dataclasses.MISSING
    made = {f.name: f.default_factory() for f in dataclasses.fields(cls) if f.default_factory is not missing}
    return made | {f.name: f.default for f in dataclasses.fields(cls) if f.default is not missing}


def _required(cls: type) -> list[str]:
    return [name for name in _hints(cls) if name not in _defaults(cls)]


def _changed(base: Any, changes: dict) -> Any:
    return dataclasses.replace(base, **changes) if dataclasses.is_dataclass(base) else base._replace(**changes)


def _is_part(value: Any) -> bool:
    return _is_part_class(type(value))


def _is_part_class(cls: Any) -> bool:
    return isinstance(cls, type) and (dataclasses.is_dataclass(cls) or hasattr(cls, "_fields"))


def _refused(path: str, cls: type | None, wanted: str, got: Any) -> SpecError:
    owner = f" of {cls.__name__}" if cls is not None else ""
    return SpecError(f"The {path!r} parameter{owner} must be {wanted}. Got {got!r} instead.")
