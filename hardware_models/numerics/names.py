"""What was probably meant by a name that is not known: for the hints of errors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST = 3  # names in a hint
SHORTEST = 3  # characters of a beginning that says something


def suggest(name: str, known: Iterable[str]) -> str:
    """``Did you mean 'x'?`` if a known name is near, else all known names."""
    known = list(known)
    return close(name, known) or f"Known: {', '.join(known)}."


def close(name: str, known: Iterable[str]) -> str:
    """``Did you mean 'x'?``, or an empty string.

    >>> close("ReRAM", ["ecram", "reram-es", "reram-sb"])
    "Did you mean 'reram-es' or 'reram-sb'?"
    """
    return question(near(name, known))


def near(name: str, known: Iterable[str]) -> list[str]:
    """Names that may be meant, whatever their case: the same; those that begin so or have it as a part; one that is spelt alike."""
    folded = {other.casefold(): other for other in known}
    typed = name.casefold()
    if typed in folded:
        return [folded[typed]]
    begin = [other for other in folded if other.startswith(typed)] if len(typed) >= SHORTEST else []
    parts = [other for other in folded if typed in other.split("-")] if len(typed) >= SHORTEST else []
    alike = difflib.get_close_matches(typed, folded, 1) if len(begin) < 2 else []  # one beginning may be chance
    return [folded[other] for other in dict.fromkeys([*begin, *parts, *alike])][:MOST]


def listed(names: Iterable[str]) -> str:
    """Names to choose from, in quotes.

    >>> listed(["a", "b", "c"])
    "'a', 'b' or 'c'"
    """
    *rest, last = map(repr, names)
    return f"{', '.join(rest)} or {last}" if rest else last


def question(names: list[str]) -> str:
    """The question whether one of these is meant; empty if there is none."""
    return f"Did you mean {listed(names)}?" if names else ""
