"""A custom rule as a parameter: its location, its numbers, and its source when the experiment was written.

Published rules with their own synapse formula have the same form, and are given by name: ``source = "hebbian"``.
"""

from __future__ import annotations

from typing import Any

from pydantic import model_serializer, model_validator

from hardware_models.numerics.checks import is_finite
from neuroperturb.rules.published.hebbian import CubedTrace
from neuroperturb.rules.published.seen_input import SeenInput
from neuroperturb.rules.user.requirements import require_form
from neuroperturb.rules.user.source import RULE
from neuroperturb.spec import Spec, SpecError
from neuroperturb.spec.source_text import what_it_does
from neuroperturb.spec.user_code import UserCode, find, is_name

BUILT_IN: dict[str, type] = {"hebbian": CubedTrace, "wp0": SeenInput}
# Records of version 0.1.0 store them by module and class, with their text: accepted if the code still does the same.
OLD_NAMES = {
    "neuroperturb.rules.hebbian:CubedTrace": (
        "hebbian",
        "5a2f7ea340f9becc5d8b7b4a23502826f4bffd1dabd7cf50e48a38017ab285fb",
    ),
    "neuroperturb.rules.seen_input:SeenInput": (
        "wp0",
        "3b7f0bb4e5e51345f5a0fb6b3c98b65ccdc20488e9e5cbdfc7accdc9b0ce598f",
    ),
}


class OwnFormula(Spec):
    """The functions and numbers of a custom rule, in the form of :mod:`neuroperturb.rules.formula.signatures`.

    source : ``module:Class`` or ``path/to/file.py:Class``, or the name of a published one
    parameters : its numbers, by name
    sha256, text : of its source; without text if Python has none, and then the hash is of the compiled code. A record with a source
        different from today's can be read, but not run. A published rule has neither
    """

    source: str
    parameters: dict[str, float]
    sha256: str = ""
    text: str = ""

    @classmethod
    def of(cls, rule: tuple) -> OwnFormula:
        """From an object, ``MyRule(decay=0.8)``."""
        made_of = type(rule)
        require_form(rule)
        name = next((name for name, known in BUILT_IN.items() if known is made_of), None)
        if name is not None:
            return cls(source=name, parameters=_floats(rule))
        code = UserCode.of(made_of, RULE)
        return cls(source=code.name, parameters=_floats(rule), sha256=code.sha256, text=code.text)

    @classmethod
    def named(cls, name: str, parameters: dict | None = None) -> OwnFormula:
        """From a name, ``module:Class`` or ``path/to/file.py:Class``, with its present source."""
        made_of = find(name, RULE)
        require_form(made_of)
        return cls.of(_filled(made_of, name, {} if parameters is None else parameters))

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers_are_numbers(cls, data: Any) -> Any:
        given = data.get("parameters") if isinstance(data, dict) else None
        if not isinstance(given, dict):
            return data
        return {**data, "parameters": {k: float(v) if type(v) is int and is_finite(v) else v for k, v in given.items()}}

    @model_validator(mode="before")
    @classmethod
    def _published_ones_go_by_name(cls, data: Any) -> Any:
        source = data.get("source") if isinstance(data, dict) else None
        name, did = OLD_NAMES.get(source, ("", "")) if isinstance(source, str) else ("", "")
        if name and isinstance(data.get("text"), str) and what_it_does(data["text"]) == did:
            return {"source": name, "parameters": data.get("parameters", {})}
        return data

    @model_validator(mode="after")
    def _is_somewhere(self):
        if not is_name(self.source) and self.source not in BUILT_IN:
            raise SpecError.no_choice("source", "OwnFormula", self.source, BUILT_IN)
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_absent(self, write) -> dict:
        absent = () if self.code else ("sha256", "text")
        return {key: value for key, value in write(self).items() if key not in absent}

    @property
    def code(self) -> UserCode | None:
        """The class as data; None for a published rule."""
        return UserCode(self.source, self.sha256, self.text) if is_name(self.source) else None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OwnFormula):
            return NotImplemented
        return (self.code or self.source, self.parameters) == (other.code or other.source, other.parameters)

    def __hash__(self) -> int:
        return hash((self.code or self.source, *sorted(self.parameters.items())))

    def bind(self) -> tuple:
        """The rule itself, ``MyRule(decay=0.8)``; raises if its source is not the one this experiment was made with."""
        made_of = self.code.bind(RULE) if self.code else BUILT_IN[self.source]
        rule = _filled(made_of, self.source, self.parameters)
        require_form(rule)
        return rule


def _floats(rule: tuple) -> dict[str, float]:
    return {name: float(value) for name, value in rule._asdict().items()}


def _filled(cls: type, name: str, parameters: dict) -> tuple:
    """An instance of a rule's class with these numbers."""
    path, owner = "rule.parameters", cls.__name__
    if not isinstance(parameters, dict):
        raise SpecError(path, owner, "a table of numbers by name", parameters)
    for key, value in parameters.items():
        if key not in cls._fields:
            raise SpecError.unknown(f"{path}.{key}", owner, cls._fields)
        if not is_finite(value):
            raise SpecError(f"{path}.{key}", owner, "a finite number", value)
    missing = [key for key in cls._fields if key not in parameters and key not in cls._field_defaults]
    if missing:
        raise SpecError(f"{path}.{missing[0]}", owner, verb=f"is missing: {name!r} has no default for it")
    return cls(**parameters)
