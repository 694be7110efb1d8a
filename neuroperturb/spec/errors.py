"""What a person gave that cannot be used, in one sentence: which parameter, of which object, what it must be, what came.

>>> print(SpecError("noise_std", "PerturbationRule", "positive", -0.1).under("rule"))
The 'rule.noise_std' parameter of PerturbationRule must be positive. Got -0.1 instead.
>>> print(SpecError.unknown("rule.noize_std", "PerturbationRule", ["noise_std"]))
The 'rule.noize_std' parameter of PerturbationRule is unknown. Did you mean 'noise_std'?

An error carries its parts and prints itself, as those of hardware do; whoever knows the way to the object puts it in front of the name,
and no text is ever taken apart. What is no parameter (a file, an option, the code of a rule) is an :class:`InputError` with a sentence
of its own. Commands turn every InputError into one line and exit code 2; any other exception is a bug.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from hardware_models.numerics.checks import LARGEST as LARGEST
from hardware_models.numerics.checks import InputError as InputError
from hardware_models.numerics.checks import ParameterError
from hardware_models.numerics.checks import Words as Words


class SpecError(ParameterError):
    """A parameter that cannot be what it is; its name is dotted, as the user typed it: ``"rule.noise_std"``."""

    @classmethod
    def missing(cls, name: str, owner: str = "", hint: str = "") -> SpecError:
        """A parameter that has no default was left out."""
        return cls(name, owner, hint=hint, verb="is missing")

    @classmethod
    def unknown(cls, name: str, owner: str, known: Iterable[str]) -> SpecError:
        """No parameter has this name; its last step is compared with those there are."""
        return cls(name, owner, hint=suggest(name.rsplit(".", 1)[-1], known), verb="is unknown")

    @classmethod
    def no_choice(cls, name: str, owner: str, got: Any, known: Iterable[str]) -> SpecError:
        """What came stands for nothing here."""
        return cls(name, owner, repr(got), hint=suggest(str(got), known), verb="cannot be")


def suggest(name: str, known: Iterable[str]) -> str:
    """``Did you mean 'x'?`` where something known is close, else everything known."""
    known = list(known)
    return close(name, known) or f"Known: {', '.join(known)}."


def close(name: str, known: Iterable[str]) -> str:
    """``Did you mean 'x'?``, or nothing."""
    folded = {other.casefold(): other for other in known}
    near = difflib.get_close_matches(name.casefold(), folded, 1)
    return f"Did you mean {folded[near[0]]!r}?" if near else ""
