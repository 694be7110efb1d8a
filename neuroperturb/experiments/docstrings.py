"""Meanings of fields, out of the docstring of their class: the one place where they are written.

learning_rate : η                                                        name : text
stuck_low, stuck_high : fraction of the cells …, 0 … 1                   several names share a text
updates : so far;  first, second : moments                               several entries on a line, two spaces apart
    continued here                                                       deeper lines belong to the entry above
"""

from __future__ import annotations

import inspect
import re

ENTRY = re.compile(r"^(\w+(?:, \w+)*) : (\S.*)$")
ROLE = re.compile(r":[a-z]+:(?=`)")
# what numpydoc has in the place of a type; a setting says its own
TYPE = re.compile(r"^(?:(?:or )?(?:int|float|bool|str|list of str|tuple of two int)(?:, |(?=\s*$)))+")
QUOTED = re.compile(r"``\"?([^`\"]*)\"?``|`([^`]*)`")


def meanings(cls: type) -> dict[str, str]:
    """Field → what it means, of a class and those it is made from; the class itself wins."""
    found: dict[str, str] = {}
    for one in reversed(cls.__mro__):
        found |= _entries(vars(one).get("__doc__") or "")
    return found


def summary(cls: object) -> str:
    """The first paragraph of the docstring of a class or function, on one line."""
    text = inspect.cleandoc(cls.__doc__ or "")
    first = text.split("\n\n")[0].split("\n")
    return plain(" ".join(line.strip() for line in first if not ENTRY.match(line)))


def plain(text: str) -> str:
    """Without the marks of markup."""
    return QUOTED.sub(lambda found: found[1] or found[2] or "", ROLE.sub("", text)).replace("::", ":").strip()


def _entries(doc: str) -> dict[str, str]:
    found: dict[str, str] = {}
    names: tuple[str, ...] = ()
    for line in inspect.cleandoc(doc).splitlines():
        if line.startswith("    ") and names:
            for name in names:
                found[name] += " " + line.strip()
            continue
        names = ()
        for piece in re.split(r";  +", line):
            match = ENTRY.match(piece.strip())
            if match:
                names = tuple(match[1].split(", "))
                found |= dict.fromkeys(names, match[2])
            elif names:  # a semicolon inside a text
                found |= {name: f"{found[name]}; {piece.strip()}" for name in names}
    return {name: TYPE.sub("", plain(text)) for name, text in found.items()}
