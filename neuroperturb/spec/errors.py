"""Errors about user input, in one sentence: the parameter, its owner, what it must be, and what was given.

>>> print(SpecError("noise_std", "PerturbationRule", "positive", -0.1).under("rule"))
The 'rule.noise_std' parameter of PerturbationRule must be positive. Got -0.1 instead.
>>> print(SpecError.unknown("rule.noize_std", "PerturbationRule", ["noise_std"]))
The 'rule.noize_std' parameter of PerturbationRule is unknown. Did you mean 'noise_std'?

An error stores its parts and formats itself, like those of hardware; callers prepend the path of the object to the name, and messages
are never parsed. Errors that are not about a parameter (a file, an option, the code of a rule) are an :class:`InputError` with its own
sentence. Commands turn every InputError into one line and exit code 2; any other exception is a bug.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hardware_models.numerics.checks import LARGEST as LARGEST
from hardware_models.numerics.checks import InputError as InputError
from hardware_models.numerics.checks import ParameterError
from hardware_models.numerics.checks import Words as Words
from hardware_models.numerics.names import close as close
from hardware_models.numerics.names import suggest as suggest


class SpecError(ParameterError):
    """An invalid parameter; its name is dotted, as the user typed it: ``"rule.noise_std"``."""

    @classmethod
    def missing(cls, name: str, owner: str = "", hint: str = "") -> SpecError:
        """A parameter that has no default was left out."""
        return cls(name, owner, hint=hint, verb="is missing")

    @classmethod
    def unknown(cls, name: str, owner: str, known: Iterable[str]) -> SpecError:
        """No parameter has this name; its last part is compared with the existing ones."""
        return cls(name, owner, hint=suggest(name.rsplit(".", 1)[-1], known), verb="is unknown")

    @classmethod
    def no_choice(cls, name: str, owner: str, got: Any, known: Iterable[str]) -> SpecError:
        """The given value is not a valid choice."""
        return cls(name, owner, repr(got), hint=suggest(str(got), known), verb="cannot be")
