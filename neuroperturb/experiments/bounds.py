"""The range of a setting's values, as JSON schema has it: of a specification from its fields, of a part of hardware from its docstring.

A part checks its numbers itself, and says the range in words; the words are read here, and a test holds them to what the part takes.
"""

from __future__ import annotations

import re
from typing import Any

from neuroperturb.experiments.entry import KeyEntry

KEYWORDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
NUMBER = r"([-−]?\d[\d.]*(?:e\d+)?)"
WORDS = (  # in a docstring → keywords
    (re.compile(rf"(?:^|, ){NUMBER} … {NUMBER}(?=$|[,;.: \[])"), ("minimum", "maximum")),
    (re.compile(rf"(?:^|, ){NUMBER} or more(?=$|[,;.: \[])"), ("minimum",)),
    (re.compile(rf"(?:^|, )above {NUMBER} and at most {NUMBER}(?=$|[,;.: \[])"), ("exclusiveMinimum", "maximum")),
)


def bounds(one: KeyEntry) -> dict[str, Any]:
    """Keywords of JSON schema; none where no range is known."""
    noted = {
        keyword: getattr(note, sign)
        for note in getattr(one.hint, "__metadata__", ())
        for sign, keyword in KEYWORDS.items()
        if hasattr(note, sign)
    }
    return noted or (_read(one.meaning) if one.key.startswith("hardware.") else {})


def _read(meaning: str) -> dict[str, Any]:
    for words, keywords in WORDS:
        found = words.search(meaning)
        if found:
            return dict(zip(keywords, map(_number, found.groups()), strict=True))
    return {}


def _number(text: str) -> float:
    value = float(text.replace("−", "-"))
    return int(value) if value.is_integer() else value
