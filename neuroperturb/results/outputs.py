"""Figures, tables and pages next to a record: written completely, replacing only files of this program, and never through a link.

Files of this program have an invisible mark:

    PNG         the text `Software`                      Markdown   a comment at the end
    SVG, PDF    the creator in their metadata
    HTML        <meta name="generator">                  parquet    a key of the schema
    CSV         none: a table is ours if its first columns are those to be written

A file without the mark belongs to the user, and is not overwritten: an error says so.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from hardware_models.saving import atomic
from neuroperturb.spec import InputError

PROGRAM = "neuroperturb"
GENERATOR = f'<meta name="generator" content="{PROGRAM}">'  # of a page
COMMENT = f"\n<!-- {PROGRAM} -->\n"  # at the end of Markdown
END = 1 << 16  # bytes searched at either end
COLUMNS = 2  # of a table that are compared

# Reports of version 0.1.0 have no marks, but contain these texts.
STYLE = b"<style>\n:root { color-scheme: light; }\nbody { font: 15px/1.5 system-ui, sans-serif;"
RANKING = b"| row | mean | 95 % interval of the mean | median | seeds |"
MARKS: dict[str, tuple[bytes, ...]] = {
    ".png": (b"tEXtSoftware\0" + PROGRAM.encode(),),
    ".svg": (f"<dc:title>{PROGRAM}</dc:title>".encode(),),
    ".pdf": (f"/Creator ({PROGRAM})".encode(),),
    ".html": (GENERATOR.encode(), STYLE),
    ".md": (COMMENT.encode(), RANKING, b"| cell | trials | given up | validation |"),
    ".parquet": (PROGRAM.encode(), b'"field_name": "at_the_edge"', b'"field_name": "control"'),
}


def write(path: str | Path, data: bytes) -> Path:
    """Write a file, and return where.

    Raises
    ------
    InputError
        A file exists that this program did not write.
    OSError
    """
    require_free(path, _columns(data) if Path(path).suffix == ".csv" else ())
    return atomic.write(path, data)


def write_text(path: str | Path, text: str) -> Path:
    """The same for text, as UTF-8."""
    return write(path, text.encode("utf-8"))


def require_free(path: str | Path, columns: Sequence[str] = ()) -> None:
    """Reject a path with a foreign file or a link; `columns`: the first ones of the table to be written."""
    path = Path(path)
    if path.is_symlink():
        raise InputError(f"The file {str(path)!r} is a link, which is not followed for writing: move it away.")
    if not path.exists():
        return
    if not path.is_file() or not _is_ours(path, columns):
        raise InputError(
            f"The file {str(path)!r} exists and was not written by neuroperturb: move it away, or choose another place."
        )


def has_mark(path: Path) -> bool:
    """Whether a figure, a page or a text was written by this program."""
    marks = MARKS.get(path.suffix, ())
    return any(mark in _ends(path) for mark in marks)


def _is_ours(path: Path, columns: Sequence[str]) -> bool:
    if path.suffix == ".csv":
        asked = list(columns[:COLUMNS])
        return bool(asked) and _columns(_ends(path))[: len(asked)] == asked
    return has_mark(path)


def _columns(data: bytes) -> list[str]:
    """Names in the first line of a table."""
    line = data.split(b"\n", 1)[0].decode("utf-8", errors="replace")
    return next(csv.reader(io.StringIO(line)), [])


def _ends(path: Path) -> bytes:
    """The beginning and the end of a file."""
    with open(path, "rb") as file:
        head = file.read(END)
        file.seek(max(len(head), path.stat().st_size - END))
        return head + file.read(END)
