"""User-chosen names in files that other programs open: text stays text, never run as a formula or rendered as markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet takes text that begins with one of these for a formula
MARKS = re.compile(r"([\\`*\[\]|])")
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def cell(value: Any) -> Any:
    """A value that a spreadsheet displays unchanged: text it would compute gets a leading apostrophe, numbers stay."""
    if not isinstance(value, str) or not value.startswith(FORMULA) or _is_number(value):
        return value
    return "'" + value


def csv(frame: pd.DataFrame) -> str:
    """A table as CSV, with texts and column names made neutral."""
    safe = frame.rename(columns=cell)
    for place, kind in enumerate(frame.dtypes):
        if str(kind) in ("object", "string", "str", "category"):
            safe.isetitem(place, frame.iloc[:, place].map(cell))
    return safe.to_csv(index=False, lineterminator="\n")


def markdown(text: str) -> str:
    """Text for Markdown, also in a table cell: it starts no markup, no new column and no new line."""
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
