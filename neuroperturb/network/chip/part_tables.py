"""Parts of hardware as tables, and tables as parts.

A part is a frozen dataclass or a NamedTuple; its table has its fields by name. If a field accepts several kinds of part, a
catalogue lists them by name: the table has a ``kind``, a name alone stands for its table, and a list for several parts. Types are
those of the fields; errors are one sentence that names the key by its dotted path.

A custom part is given as ``module:Class`` or ``path/to/file.py:Class``; a record stores its text under ``source``, and reads it
back as an :class:`OwnPart`, which is data until :func:`bound` imports the class. A custom part that was added to a catalogue goes by its
name there, as every other kind: a process that reads such a record has to register it first.
"""

from __future__ import annotations

import contextlib
import json
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from hardware_models.numerics.checks import ParameterError
from neuroperturb.network.chip.field_values import scalar
from neuroperturb.network.chip.fields import changed, defaults, hints, is_part, is_part_class, required
from neuroperturb.network.chip.other_kinds import check_known
from neuroperturb.spec import SpecError, data_file, plugins
from neuroperturb.spec.specification import require_size
from neuroperturb.spec.user_code import HOUSE, Sought, UserCode, find, is_name

Kinds = Mapping[str, Any]  # kind → class, or an instance that is a preset
Catalogue = Mapping[tuple[type, str], Kinds]  # (class, field) → accepted kinds

LONG = 8  # numbers of a table that text does not list
FILES = ("file", "down")  # keys of a table of measured pulses that are paths
NONE = "none"  # the kind of a part that is left out
SOURCE = "source"  # key for the text of a custom part in its table


class OwnPart:
    """A custom part as data; equal to the part itself.

    code : its class;  parameters : its fields, as in a table
    catalogue : kinds accepted by nested fields
    """

    __slots__ = ("catalogue", "code", "parameters")

    def __init__(self, code: UserCode, parameters: dict[str, Any], catalogue: Catalogue):
        self.code, self.parameters, self.catalogue = code, parameters, catalogue

    @classmethod
    def of(cls, part: Any, catalogue: Catalogue) -> OwnPart:
        """From the part itself."""
        table = {name: _written(value, catalogue, kinds_of(type(part), name, catalogue)) for name, value in _held(part)}
        return cls(UserCode.of(type(part), _sought("")), table, catalogue)

    def table(self) -> dict:
        """Its entry in a table of hardware."""
        return {"kind": self.code.name, **self.parameters, SOURCE: {"sha256": self.code.sha256, "text": self.code.text}}

    def bind(self, path: str) -> Any:
        """The part itself; raises if its class is not the one this experiment was made with."""
        cls = self.code.bind(_sought(path))
        part = read(cls, self.parameters, self.catalogue, path=path)
        check(part, path, self.catalogue)
        return part

    def replace(self, **changes: Any) -> OwnPart:
        """The same class with other parameters."""
        return OwnPart(self.code, self.parameters | changes, self.catalogue)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OwnPart):
            return _is_own_class(type(other)) and OwnPart.of(other, self.catalogue) == self
        return (self.code, self.parameters) == (other.code, other.parameters)

    def __hash__(self) -> int:
        return hash((self.code, json.dumps(self.parameters, sort_keys=True)))

    def __repr__(self) -> str:
        return f"<{self.code.name} of a record>"


def is_own(part: Any, known: Kinds | None) -> bool:
    """Whether a part is of a custom class that has no name in `known`."""
    return _is_own_class(type(part)) and all(kind is not type(part) for kind in (known or {}).values())


def _is_own_class(cls: type) -> bool:
    return is_part_class(cls) and cls.__module__.split(".")[0] not in HOUSE


def is_bound(part: Any) -> bool:
    """Whether all custom classes in it are imported."""
    return not isinstance(part, OwnPart) and all(is_bound(inner) for _, inner in _inside(part))


def bound(part: Any, path: str = "") -> Any:
    """The part with all custom classes imported."""
    if isinstance(part, OwnPart):
        return part.bind(path)
    found = {name: bound(inner, _step(path, name)) for name, inner in _inside(part) if not is_bound(inner)}
    if not found:
        return part
    if is_part(part):
        return changed(part, found)
    return tuple(found.get(str(k), inner) for k, inner in enumerate(part))


def _inside(part: Any) -> Iterator[tuple[str, Any]]:
    """Parts of a part, or of several, by name."""
    if isinstance(part, OwnPart):
        return
    if is_part(part):
        yield from ((name, getattr(part, name)) for name in hints(type(part)))
    elif isinstance(part, tuple):
        yield from ((str(k), inner) for k, inner in enumerate(part))


def _sought(path: str) -> Sought:
    noun = "cell" if path.rsplit(".", 1)[-1] == "cells" else "part"
    return Sought(noun, f"{path}.kind", _is_own_class, "It has no dataclass or NamedTuple.")


PART = _sought("hardware.cells")


def _step(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def read(
    cls: type, value: Any, catalogue: Catalogue, *, base: Any = None, path: str = "", note: Mapping[str, Any] | None = None
) -> Any:  # fmt: skip
    """A part of class `cls` from a table; fields that the table leaves out are those of the base, or the defaults.

    Parameters
    ----------
    cls : a dataclass or a NamedTuple
    value : a table; anything else is an error
    catalogue : the kinds of part that each field accepts
    base : a part to change, of that class
    path : dotted path of the table, for errors
    note : fields that are not in tables
    """
    if not isinstance(value, Mapping):
        raise SpecError(path, wanted="a table", got=value)
    types_of, changes = hints(cls), {}
    for name, given in value.items():
        place = _step(path, name)
        if name not in types_of:
            raise SpecError.unknown(place, cls.__name__, types_of)
        changes[name] = _field(cls, name, given, catalogue, getattr(base, name, None), place)
    missing = next((name for name in required(cls) if base is None and name not in changes), None)
    if missing is not None:
        raise SpecError.missing(_step(path, missing), cls.__name__)
    with under(path):
        changes |= note or {}
        return cls(**changes) if base is None else changed(base, changes)


def write(part: Any, catalogue: Catalogue, kinds: Kinds | None = None, *, brief: bool = False) -> dict:
    """The table of a part, which :func:`read` reads back.

    kinds : kinds accepted at the part's place;  brief : leave out defaults
    """
    if isinstance(part, OwnPart):
        return part.table()
    if kinds is not None and is_own(part, kinds):
        return OwnPart.of(part, catalogue).table()
    table = {} if kinds is None else {"kind": kind_of(part, kinds)}
    usual = defaults(type(part))
    for name in hints(type(part)):
        value = getattr(part, name)
        if value is None or (brief and same(value, usual.get(name))):
            continue
        table[name] = _written(value, catalogue, kinds_of(type(part), name, catalogue))
    return table


def _held(part: Any) -> Iterator[tuple[str, Any]]:
    """Fields of a part that are not None, by name: TOML has no None."""
    values = ((name, getattr(part, name)) for name in hints(type(part)))
    return ((name, value) for name, value in values if value is not None)


def _written(value: Any, catalogue: Catalogue, kinds: Kinds | None) -> Any:
    if is_part(value) or isinstance(value, OwnPart):
        return write(value, catalogue, kinds)
    if isinstance(value, tuple | list | np.ndarray):
        return [_written(v, catalogue, kinds) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def words(value: Any, catalogue: Catalogue, kinds: Kinds | None = None, usual: Any = None) -> str:
    """A short description of a part: a preset by its name, others by their kind and the fields that differ from the default, or from `usual`."""
    preset = next(
        (name for name, known in (kinds or {}).items() if not isinstance(known, type) and same(known, value)), None
    )
    if preset is not None:
        return preset
    if isinstance(value, OwnPart):
        inner = [
            f"{name}={told:g}" if isinstance(told, float) else f"{name}={told}"
            for name, told in value.parameters.items()
        ]
        return f"{value.code.label}({', '.join(inner)})"
    if isinstance(value, tuple) and not is_part(value):
        if len(value) > LONG and not any(map(is_part, value)):
            return f"[{len(value)} numbers]"
        return "[" + ", ".join(words(v, catalogue, kinds) for v in value) + "]"
    if not is_part(value):
        return f"{value:g}" if isinstance(value, float) else str(value)
    cls = type(value)
    usual = defaults(cls) if type(usual) is not cls else {name: getattr(usual, name) for name in hints(cls)}
    inner = [
        f"{name}={words(getattr(value, name), catalogue, kinds_of(cls, name, catalogue))}"
        for name in hints(cls)
        if not same(getattr(value, name), usual.get(name, ...))
    ]
    name = kind_of(value, kinds) if kinds else ""
    return f"{name}({', '.join(inner)})" if inner or not name else name


def kinds_of(cls: type, name: str, catalogue: Catalogue) -> Kinds | None:
    """Kinds accepted by a field, if it is in the catalogue."""
    return next((catalogue[owner, name] for owner in cls.__mro__ if (owner, name) in catalogue), None)


def label(part: Any, kinds: Kinds) -> str:
    """Name of a part: its kind, or the class of a custom one."""
    return part.code.label if isinstance(part, OwnPart) else kind_of(part, kinds)


def kind_of(part: Any, kinds: Kinds) -> str:
    """The kind of a part's class; in descriptions a custom one has its class name."""
    return next((name for name, known in kinds.items() if known is type(part)), type(part).__name__)


def same(a: Any, b: Any) -> bool:
    """Equal, and of one type: NamedTuples of different types may be equal tuples."""
    return type(a) is type(b) and a == b


def check_field(owner: Any, name: str, catalogue: Catalogue, path: str = "") -> None:
    """Check the part in a field, and that a record can store it; errors name the key by its dotted path."""
    part, path = getattr(owner, name), _step(path, name)
    if _is_own_class(type(part)):
        _require_kept(type(owner), name, part, path, catalogue)
    if is_part(part) or isinstance(part, tuple):
        check(part, path, catalogue)


def check(part: Any, path: str, catalogue: Catalogue) -> None:
    """Check a part, and the parts inside it first."""
    if not is_bound(part):
        return  # it is checked when its class is imported
    for name, inner in _inside(part):
        if isinstance(inner, int | float):
            with under(path):
                require_size(name, inner, type(part).__name__ if is_part(part) else "")
        if is_part(part):
            check_field(part, name, catalogue, path)
        elif is_part(inner):
            check(inner, _step(path, name), catalogue)
    if hasattr(part, "check"):
        with under(path):
            part.check()


def _require_kept(owner: type, name: str, part: Any, path: str, catalogue: Catalogue) -> None:
    """Reject a custom part that a record could not store, before anything is trained on it."""
    if kinds_of(owner, name, catalogue) is None:
        raise SpecError(
            path,
            owner.__name__,
            verb=f"cannot be a {type(part).__name__}: a record cannot store a custom class there",
        )
    for field, value in _held(part):
        if not _is_plain(_written(value, catalogue, kinds_of(type(part), field, catalogue))):
            raise SpecError(
                _step(path, field),
                type(part).__name__,
                "a number, a text, a list or a part, which a record can store",
                value,
            )


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict | list):
        return all(map(_is_plain, value.values() if isinstance(value, dict) else value))
    return isinstance(value, bool | int | float | str)


@contextlib.contextmanager
def under(path: str) -> Iterator[None]:
    """Context in which errors of a part name the key by its full path."""
    try:
        yield
    except SpecError as error:
        raise error.under(path) from None
    except ParameterError as error:
        raise told(error).under(path) from None
    except ValueError as error:
        if not path:
            raise
        raise SpecError(path, verb=f"is invalid: {str(error).rstrip('.')}") from None


def told(error: ParameterError) -> SpecError:
    """An error of hardware as a SpecError with the same fields."""
    return SpecError(error.name, **error.parts)


def _field(cls: type, name: str, given: Any, catalogue: Catalogue, present: Any, path: str) -> Any:
    """The value of one field."""
    if given is None or (isinstance(given, str) and given == NONE and defaults(cls).get(name, ...) is None):
        return None
    kinds = kinds_of(cls, name, catalogue)
    if kinds is None:
        return _typed(cls, hints(cls)[name], given, catalogue, present, path)
    if isinstance(given, list | tuple) and not is_part(given):
        hint = hints(cls)[name]
        if tuple not in (hint, typing.get_origin(hint)):
            raise SpecError(path, cls.__name__, "a name or a table", given)
        return tuple(_kind(cls, kinds, inner, catalogue, None, f"{path}.{k}") for k, inner in enumerate(given))
    return _kind(cls, kinds, given, catalogue, present, path)


def _kind(cls: type, kinds: Kinds, given: Any, catalogue: Catalogue, present: Any, path: str) -> Any:
    """A part of one of several kinds: by name, by table, or an object itself. The first kind is the default."""
    if is_part(given) or isinstance(given, OwnPart):
        return given
    table = {"kind": given} if isinstance(given, str) else given
    if not isinstance(table, Mapping):
        raise SpecError(path, cls.__name__, "a name or a table", given)
    kind = table.get("kind", next(iter(kinds)) if present is None else None)
    kind = plugins.located("cells", kind, kinds) if path.rpartition(".")[2] == "cells" else kind
    rest = {key: inner for key, inner in table.items() if key != "kind"}
    if kind is None and isinstance(present, OwnPart):
        return present.replace(**rest)
    if kind is None:
        check_known(type(present), rest, kinds, path)
        return read(type(present), _fields_of(type(present), rest, present, path), catalogue, base=present, path=path)
    if is_name(kind):
        return _own(kind, rest, catalogue, present, path)
    if not isinstance(kind, str) or kind not in kinds:
        raise SpecError.no_choice(f"{path}.kind", "", kind, kinds)
    known = kinds[kind]
    if not isinstance(known, type):
        return read(type(known), _fields_of(type(known), rest, known, path), catalogue, base=known, path=path)
    if "kind" not in table:
        check_known(known, rest, kinds, path)
    base = present if type(present) is known else None  # of that kind already: only the given fields change
    return read(known, _fields_of(known, rest, base, path), catalogue, base=base, path=path)


def _own(name: str, table: dict, catalogue: Catalogue, present: Any, path: str) -> Any:
    """A custom part: from a record as data, from user input with its present class."""
    if SOURCE in table:
        source = table[SOURCE]
        if not isinstance(source, Mapping) or not {"sha256", "text"} == source.keys():
            raise SpecError(_step(path, SOURCE), wanted="a table of 'sha256' and 'text'", got=source)
        rest = {key: inner for key, inner in table.items() if key != SOURCE}
        return OwnPart(UserCode(name, source["sha256"], source["text"]), rest, catalogue)
    cls = find(name, _sought(path))
    if not is_part_class(cls):
        raise SpecError(f"{path}.kind", verb=f"names {name!r}, which is not a dataclass or NamedTuple")
    return read(cls, table, catalogue, base=present if type(present) is cls else None, path=path)


def _fields_of(cls: type, table: dict, base: Any, path: str) -> dict:
    """The fields of a table in which other keys may stand in their place, such as a file of measured pulses."""
    if not hasattr(cls, "fields_of"):
        return table
    table = {
        key: data_file.located(value) if key in FILES and isinstance(value, str) else value
        for key, value in table.items()
    }
    with under(path):
        return cls.fields_of(table, base)


def _typed(cls: type, hint: Any, given: Any, catalogue: Catalogue, present: Any, path: str) -> Any:
    """A value of the type that a field has."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _typed(cls, next(h for h in inner if h is not type(None)), given, catalogue, present, path)
    if is_part_class(hint):
        return given if is_part(given) else read(hint, given, catalogue, base=present, path=path)
    if origin is tuple:
        if not isinstance(given, list | tuple):
            raise SpecError(path, cls.__name__, "a list", given)
        return tuple(_typed(cls, inner[0], v, catalogue, None, f"{path}.{k}") for k, v in enumerate(given))
    return scalar(cls, hint, given, path)
