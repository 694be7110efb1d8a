"""Names of people's own in files that other programs open: text stays text, and nothing in it is carried out or shown as markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the beginning of one
MARKS = re.compile(r"([\\`*\[\]|])")
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def cell(value: Any) -> Any:
    """What a spreadsheet shows as it is: text that it would compute gets an apostrophe before it, numbers stay."""
    if not isinstance(value, str) or not value.startswith(FORMULA) or _is_number(value):
        return value
    return "'" + value


def csv(frame: pd.DataFrame) -> str:
    """A table as CSV, texts and names of columns neutral."""
    safe = frame.rename(columns=cell)
    for place, kind in enumerate(frame.dtypes):
        if str(kind) in ("object", "string", "str", "category"):
            safe.isetitem(place, frame.iloc[:, place].map(cell))
    return safe.to_csv(index=False, lineterminator="\n")


def markdown(text: str) -> str:
    """Text inside Markdown, a table's cell included: no markup, no other column, no other line."""
    words = " ".join(text.split())
    for mark, entity in ENTITIES.items():
        words = words.replace(mark, entity)
    return MARKS.sub(r"\\\1", words)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
