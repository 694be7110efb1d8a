"""What a person gave that cannot be used, in one sentence: which parameter, of which object, what it must be, what came.

    SpecError("noise_std", "PerturbationRule", "positive", -0.1)
        The 'noise_std' parameter of PerturbationRule must be positive. Got -0.1 instead.
    … .under("rule")
        The 'rule.noise_std' parameter of PerturbationRule must be positive. Got -0.1 instead.

An error carries its parts and prints itself; whoever knows the way to the object puts it in front of the path, and no text is
ever taken apart. Commands turn every :class:`InputError` into one sentence and exit code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

LONGEST = 60  # characters of a value that a sentence quotes


class InputError(ValueError):
    """Something a person gave cannot be used; the message is one sentence for them."""


class Words(str):
    """What came, in words where its repr would not help: ``Words("a table")``, quoted as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


NOTHING = Words("")  # nothing is said of what came


class SpecError(InputError):
    """A parameter that cannot be what it is.

    Parameters
    ----------
    path : dotted, as the user typed it: ``"rule.noise_std"``
    owner : class that holds the parameter; empty where a table has no class
    wanted : what it must be, as in "must be positive"
    got : what came; :class:`Words` are quoted as they are
    hint : a sentence that helps
    verb : in the place of "must be": "cannot be", "is missing", "must be left out", …
    """

    def __init__(
        self, path: str, owner: str = "", wanted: str = "", got: Any = NOTHING, hint: str = "", verb: str = "must be"
    ):
        self.path, self.owner, self.wanted, self.got, self.hint, self.verb = path, owner, wanted, got, hint, verb
        super().__init__(path, owner, wanted, got, hint, verb)

    @property
    def is_sentence(self) -> bool:  # TRANSITION
        return not self.wanted and self.verb == "must be"

    @classmethod
    def missing(cls, path: str, owner: str = "", hint: str = "") -> SpecError:
        """A parameter that has no default was left out."""
        return cls(path, owner, hint=hint, verb="is missing")

    @classmethod
    def unknown(cls, path: str, owner: str, known: Iterable[str]) -> SpecError:
        """No parameter has this name; the last step of the path is compared with those there are."""
        return cls(path, owner, hint=suggest(path.rsplit(".", 1)[-1], known), verb="is unknown")

    @classmethod
    def no_choice(cls, path: str, owner: str, got: Any, known: Iterable[str]) -> SpecError:
        """A name that stands for nothing here."""
        return cls(path, owner, repr(got), hint=suggest(str(got), known), verb="cannot be")

    def under(self, prefix: str) -> SpecError:
        """The same with the way to the object before its path."""
        path = f"{prefix}.{self.path}" if prefix and self.path else prefix or self.path
        return type(self)(path, self.owner, self.wanted, self.got, self.hint, self.verb)

    def __str__(self) -> str:
        if self.is_sentence:  # TRANSITION: a whole sentence, until every site says its parts
            return self.path
        owner = f" of {self.owner}" if self.owner else ""
        sentence = f"The {self.path!r} parameter{owner} {self.verb} {self.wanted}".rstrip() + "."
        if not (isinstance(self.got, Words) and not self.got):
            sentence += f" Got {short(self.got)} instead."
        return f"{sentence} {self.hint}".rstrip()


def short(value: Any) -> str:
    """The repr of a value, cut where it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST or isinstance(value, Words) else text[: LONGEST - 3] + "..."


def suggest(name: str, known: Iterable[str]) -> str:
    """``Did you mean 'x'?`` where something known is close, else everything known."""
    known = list(known)
    return close(name, known) or f"Known: {', '.join(known)}."


def close(name: str, known: Iterable[str]) -> str:
    """``Did you mean 'x'?``, or nothing."""
    folded = {other.casefold(): other for other in known}
    near = difflib.get_close_matches(name.casefold(), folded, 1)
    return f"Did you mean {folded[near[0]]!r}?" if near else ""
