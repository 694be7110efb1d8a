"""A rule of one's own as a parameter: where it is found, its numbers, and what it was made of when the experiment was written."""

from __future__ import annotations

import math
from typing import Any

from pydantic import model_validator

from neuroperturb.rules.user import source as sources
from neuroperturb.rules.user.requirements import require_form
from neuroperturb.spec import InputError, Spec, SpecError

_classes: dict[tuple[str, str], type] = {}  # (source, sha256) → class, as this process met it


class OwnFormula(Spec):
    """The functions and numbers of a rule of one's own, in the form of :mod:`neuroperturb.rules.formula.signatures`.

    source : ``module:Class`` or ``path/to/file.py:Class``
    parameters : its numbers, by name
    sha256, text : of what it was made of; no text where Python has none, and then the hash is of the compiled code. A record of
        other source than there is now can be read, and refuses to run
    """

    source: str
    parameters: dict[str, float]
    sha256: str
    text: str

    @classmethod
    def of(cls, rule: tuple) -> OwnFormula:
        """Of an object, ``MyRule(decay=0.8)``."""
        made_of = type(rule)
        require_form(rule)
        name = f"{made_of.__module__}:{made_of.__qualname__}"
        digest = sources.sha256(made_of)
        _classes[name, digest] = made_of
        return cls(source=name, parameters=_floats(rule), sha256=digest, text=sources.text(made_of))

    @classmethod
    def named(cls, name: str, parameters: dict | None = None) -> OwnFormula:
        """Of a name, ``module:Class`` or ``path/to/file.py:Class``, as it stands now."""
        made_of = sources.find(name)
        require_form(made_of)
        rule = _filled(made_of, name, {} if parameters is None else parameters)
        require_form(rule)
        digest = sources.sha256(made_of)
        _classes[name, digest] = made_of
        return cls(source=name, parameters=_floats(rule), sha256=digest, text=sources.text(made_of))

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers_are_numbers(cls, data: Any) -> Any:
        given = data.get("parameters") if isinstance(data, dict) else None
        if not isinstance(given, dict):
            return data
        return {**data, "parameters": {k: float(v) if type(v) is int else v for k, v in given.items()}}

    def bind(self) -> tuple:
        """The rule itself, ``MyRule(decay=0.8)``; refused where its source is not what this experiment was made with."""
        made_of = _classes.get((self.source, self.sha256))
        if made_of is None:
            made_of = sources.find(self.source)
            if sources.sha256(made_of) != self.sha256:
                raise InputError(
                    f"The rule {self.source!r} has changed since this experiment was written, whose record holds the source it was made "
                    f"with (sha256 {self.sha256[:12]}): put that back, or name the rule anew to run it as it is now."
                )
            _classes[self.source, self.sha256] = made_of
        rule = _filled(made_of, self.source, self.parameters)
        require_form(rule)
        return rule


def _floats(rule: tuple) -> dict[str, float]:
    return {name: float(value) for name, value in rule._asdict().items()}


def _filled(cls: type, name: str, parameters: dict) -> tuple:
    """An object of a rule's class with these numbers."""
    if not isinstance(parameters, dict):
        raise SpecError("rule.parameters", cls.__name__, "a table of numbers by name", parameters)
    for key, value in parameters.items():
        if key not in cls._fields:
            raise SpecError.unknown(f"rule.parameters.{key}", cls.__name__, cls._fields)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise SpecError(f"rule.parameters.{key}", cls.__name__, "a finite number", value)
    missing = [key for key in cls._fields if key not in parameters and key not in cls._field_defaults]
    if missing:
        hint = f"{name!r} gives it no default."
        raise SpecError.missing(f"rule.parameters.{missing[0]}", cls.__name__, hint)
    return cls(**parameters)
