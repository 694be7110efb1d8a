"""A small table of names and values, as a notebook shows an object."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

LONGEST = 200  # letters of a value; the rest is for `repr`


def html_table(caption: str, rows: Iterable[tuple[str, Any]]) -> str:
    """An HTML table with a caption and a row for each (name, value); all text is escaped, long values are cut."""
    left = "style='text-align:left'"
    lines = "".join(
        f"<tr><th {left}>{escape(name)}</th><td {left}>{escape(_cut(str(value)))}</td></tr>" for name, value in rows
    )
    return f"<table><caption>{escape(caption)}</caption>{lines}</table>"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
