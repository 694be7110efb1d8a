"""A custom function as a parameter: its location, and its source when the experiment was written.

key = "mine.py:function"      or    [key]  kind = "mine.py:function"

[key.source]                  added by a record
sha256 = "…"
text = "…"

Opening a record imports and runs nothing; :meth:`OwnFunction.bind` imports the function, and rejects one that has changed.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import model_serializer

from neuroperturb.spec.errors import SpecError
from neuroperturb.spec.source_text import itself, plain
from neuroperturb.spec.specification import Spec
from neuroperturb.spec.user_code import Sought, UserCode, find, is_name

SOURCE = "source"  # key under which a record stores the text


def sought(path: str, noun: str = "function") -> Sought:
    """A function given by name at a dotted key."""
    return Sought(noun, path, lambda thing: True, "It defines no function.", itself, "function")


class OwnFunction(Spec):
    """A function of one's own as data; equal to another that does the same.

    kind : ``module:function`` or ``path/to/file.py:function``;  sha256, text : of its source
    """

    kind: str
    sha256: str
    text: str

    @classmethod
    def of(cls, function: Callable) -> OwnFunction:
        """From the function itself, compiled or not."""
        made: Any = plain(function)
        code = UserCode.of(made, sought("kind"))
        return cls(kind=code.name, sha256=code.sha256, text=code.text)

    @classmethod
    def read(cls, given: Any, path: str) -> OwnFunction:
        """From a name, a table, or the function itself; `path` is the key it was given at."""
        if isinstance(given, cls):
            return given
        table = given if isinstance(given, Mapping) else {"kind": given}
        name: Any = table.get("kind")
        if isinstance(plain(name), types.FunctionType):
            return cls.of(name)
        if not is_name(name):
            raise SpecError(path, wanted="a function: module:function or path/to/file.py:function", got=given)
        for key in table:
            if key not in ("kind", SOURCE):
                raise SpecError.unknown(f"{path}.{key}", cls.__name__, ("kind",))
        return cls.stored(name, table[SOURCE], path) if SOURCE in table else cls.of(find(name, sought(path)))

    @classmethod
    def stored(cls, name: str, source: Any, path: str) -> OwnFunction:
        """From a record: its name, and the table of its source."""
        if not isinstance(source, Mapping) or source.keys() != {"sha256", "text"}:
            raise SpecError(f"{path}.{SOURCE}", wanted="a table of 'sha256' and 'text'", got=source)
        return cls(kind=name, sha256=source["sha256"], text=source["text"])

    @model_serializer
    def _flat(self) -> dict:
        return {"kind": self.kind, SOURCE: {"sha256": self.sha256, "text": self.text}}

    @property
    def code(self) -> UserCode:
        """The function as data."""
        return UserCode(self.kind, self.sha256, self.text)

    def __eq__(self, other: object) -> bool:
        return self.code == other.code if isinstance(other, OwnFunction) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.code)

    def bind(self, path: str) -> Callable:
        """The function itself; raises if it is not the one this experiment was made with."""
        return self.code.bind(sought(path))
