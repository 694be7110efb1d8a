"""Values of fields of parts: numbers, texts, choices."""

from __future__ import annotations

import typing
from typing import Any, Literal

from neuroperturb.spec import SpecError
from neuroperturb.spec.specification import require_size

WORDS = {float: "a number", int: "a whole number", bool: "true or false", str: "a string"}


def scalar(owner: type, hint: Any, given: Any, path: str) -> Any:
    """A value that is not composite, of the type of its field; raises SpecError for any other."""
    if typing.get_origin(hint) is Literal:
        if given not in typing.get_args(hint):
            raise SpecError(path, owner.__name__, " or ".join(map(repr, typing.get_args(hint))), given)
        return given
    if hint is float and isinstance(given, int | float) and not isinstance(given, bool):
        if isinstance(given, int):
            require_size(path, given, owner.__name__)
        return float(given)
    wanted = WORDS.get(hint)
    if wanted is not None and type(given) is not hint and not (hint is str and isinstance(given, str)):  # a typed path
        raise SpecError(path, owner.__name__, wanted, given)
    return given
