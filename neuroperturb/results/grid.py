"""Numbers and tables as text: plain, for files and pipes; for a terminal, as wide as it is and in its colours.

A table that is too wide for a terminal first folds its last column, if that holds words, and then goes on below itself, each part with the first
column. Nothing here asks what the terminal is: the command line says so, once, with :func:`on_terminal`.
"""

from __future__ import annotations

import contextlib
import contextvars
import io
import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

PROSE = 100  # characters of a line of prose where nothing else is known
LEAST = 24  # characters of a column of words that folds
GAP = 2  # characters between two columns
FOLDS = ("settings", "device")  # columns of words
COLOUR, LABEL = re.compile(r"\x1b\[[\d;]*m"), re.compile(r"\s*\S.*?\s{2,}(?=\S)")
COMMAND = re.compile(r"neuroperturb (?:[^,;:]|:(?=\S))+")  # a line that is nothing but one
TONES = {"dim": "dim", "good": "green", "bad": "red", "part": "yellow", "own": "bold", "head": "dim"}


class Terminal(NamedTuple):
    """What text is written for; width : in characters, None for a file or a pipe."""

    width: int | None = None
    colours: bool = False


_terminal: contextvars.ContextVar[Terminal] = contextvars.ContextVar("terminal", default=Terminal())  # noqa: B039 (a tuple)


@contextlib.contextmanager
def on_terminal(width: int, colours: bool) -> Iterator[None]:
    """Inside, texts are for a terminal."""
    token = _terminal.set(Terminal(width, colours))
    try:
        yield
    finally:
        _terminal.reset(token)


def line_width(most: int = PROSE) -> int:
    """Characters of a line of prose."""
    width = _terminal.get().width
    return most if width is None else max(20, min(most, width))


def prose(text: str, indent: str = "", hanging: str | None = None) -> str:
    """A paragraph in lines that fit; `hanging`: the indent of all lines but the first."""
    rest = indent if hanging is None else hanging
    return textwrap.fill(text, line_width(), initial_indent=indent, subsequent_indent=rest, break_on_hyphens=False)


def spoken(text: str, tone: str = "") -> str:
    """A paragraph in lines that fit, in the colour of a tone; the lines below it are commands, which stay whole to be pasted."""
    words, *commands = text.split("\n")
    return "\n".join([tinted(prose(words), tone), *commands])


def fit(text: str) -> str:
    """A text whose long lines are broken under what follows their label; unchanged where there is no terminal."""
    width = _terminal.get().width
    return text if width is None else "\n".join(_fit(line, width) for line in text.split("\n"))


def _fit(line: str, width: int) -> str:
    from rich.cells import cell_len  # x̂ is two characters in one place

    if cell_len(COLOUR.sub("", line)) <= width:
        return line
    label = LABEL.match(line)
    hanging = len(label[0]) if label and len(label[0]) <= width // 2 else len(line) - len(line.lstrip())
    if COMMAND.fullmatch(line[hanging:]):  # which can be pasted, in however many lines
        hanging, width, end = hanging + 4, width - 2, " \\\n"
    else:
        end = "\n"
    return end.join(
        textwrap.wrap(line, width, subsequent_indent=" " * hanging, break_long_words=False, break_on_hyphens=False)
    )


def tinted(text: str, tone: str) -> str:
    """A text in the colour of a tone, on a terminal that has colours."""
    if not _terminal.get().colours or not tone:
        return text
    codes = {"dim": 2, "good": 32, "bad": 31, "part": 33, "own": 1, "head": 2}
    return f"\x1b[{codes[tone]}m{text}\x1b[0m"


def number(value: float) -> str:
    """Three significant digits; empty for a missing value."""
    if value is None or value != value:
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0 or (abs(value) >= 100 and abs(value) < 1e6):
        return f"{value:.0f}"
    return f"{value:#.3g}" if 1e-2 <= abs(value) < 100 else f"{value:.2e}"


def grid(columns: Mapping[str, Sequence], tones: Sequence[str] = (), keys: int = 1) -> str:
    """Columns of text under their names: the first and the last aligned left, numbers aligned right.

    Parameters
    ----------
    columns : by name
    tones : of the rows, see :data:`TONES`
    keys : first columns that a table which goes on below itself repeats
    """
    cells = {name: [str(cell) for cell in column] for name, column in columns.items()}
    # a column that says nothing is left out; the first names the rows, and a table without rows has its head
    cells = {name: column for k, (name, column) in enumerate(cells.items()) if k == 0 or not column or any(column)}
    width = _terminal.get().width
    if width is None:
        return _plain(cells)
    return "\n\n".join(_rich(part, tones, width) for part in _parts(cells, width, keys))


def _plain(columns: dict[str, list[str]]) -> str:
    cells = [[name, *column] for name, column in columns.items()]
    widths = [max(map(len, column)) for column in cells]
    last = len(cells) - 1
    lines = []
    for row in zip(*cells, strict=True):
        aligned = [
            cell.ljust(width) if k == 0 or (k == last and list(columns)[k] in FOLDS) else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(aligned).rstrip())
    return "\n".join([lines[0], "  ".join("─" * width for width in widths if width), *lines[1:]])


def _parts(columns: dict[str, list[str]], width: int, keys: int) -> Iterator[dict[str, list[str]]]:
    """The columns in parts that fit, each with the first columns."""
    names = list(columns)
    natural = {name: max(len(name), *map(len, column), 0) for name, column in columns.items()}
    needed = {name: min(wide, LEAST) if name in FOLDS else wide for name, wide in natural.items()}
    first = names[:keys]
    labels = min(sum(needed[name] + GAP for name in first) - GAP, width // 2)
    part, used = list(first), labels
    for name in names[keys:]:
        if used + GAP + needed[name] > width and len(part) > keys:
            yield {one: columns[one] for one in part}
            part, used = list(first), labels
        part.append(name)
        used += GAP + needed[name]
    yield {one: columns[one] for one in part}


def _rich(columns: dict[str, list[str]], tones: Sequence[str], width: int) -> str:
    from rich.box import Box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rule = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")
    table = Table(
        box=rule,
        pad_edge=False,
        show_edge=False,
        padding=(0, GAP - 1, 0, 0),
        header_style=TONES["head"],
        collapse_padding=True,
    )
    longest = max(map(len, [next(iter(columns)), *next(iter(columns.values()))]))
    for k, name in enumerate(columns):
        left = k == 0 or name in FOLDS
        table.add_column(
            Text(name),
            justify="left" if left else "right",
            no_wrap=not left or (k == 0 and longest <= width // 2),
            overflow="fold",
        )
    rows = list(zip(*columns.values(), strict=True))
    for row, tone in zip(rows, [*tones, *[""] * (len(rows) - len(tones))], strict=True):
        table.add_row(*map(Text, row), style=TONES.get(tone, ""))
    page = Console(
        file=io.StringIO(), width=width, force_terminal=_terminal.get().colours, highlight=False, legacy_windows=False
    )
    page.print(table)
    return "\n".join(line.rstrip() for line in page.file.getvalue().rstrip("\n").split("\n"))
