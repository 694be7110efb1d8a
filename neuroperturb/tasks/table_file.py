"""A table: CSV or parquet, named columns of numbers, and at most one column of times.

    CSV        comma, semicolon or tab, whichever divides the header most; decimal commas where it is no comma; UTF-8 or UTF-16
    parquet    through pyarrow, the extra `parquet`

Every cell is a finite number, or declared as missing: a number such as -9999, or a text such as "NA" or "". Nothing is filled in.
Errors name the file, the line (of CSV) or row (of parquet, from 1), and the column.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neuroperturb.spec import LARGEST, SpecError, Words, data_file
from neuroperturb.spec.data_file import FileNote
from neuroperturb.spec.errors import close
from neuroperturb.tasks.codes import code_for_missing
from neuroperturb.tasks.dates import LAYOUTS, seconds

DELIMITERS = ",;\t"
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # of byte order; UTF-8's own is skipped
TIMES = ("date", "datetime", "time", "timestamp", "ds", "utc")  # usual names of a column of times


class DataTable(NamedTuple):
    """Rows of a file.

    owner, path : whose parameter names the file, and the file
    unit : "line" or "row";  numbers : of each row, for errors
    columns : by name, texts of CSV, or numbers and dates of parquet;  decimal : the decimal sign of texts
    note : which file it is
    layout : name of a layout that the file must have, for errors; without one the file may have any columns
    """

    owner: str
    path: str
    unit: str
    numbers: list[int]
    columns: dict[str, list[Any]]
    decimal: str = "."
    note: FileNote | None = None
    layout: str = ""

    def wrong(self, name: str, why: str, got: object = Words(), hint: str = "") -> SpecError:
        """An error about the content of the file; name : of the parameter that does not fit it, if that is not the file itself."""
        if self.layout:
            wanted = f"name a file in the layout of {self.layout}, but {self.path!r} {why}"
            return SpecError("path", self.owner, wanted, got, hint, "must")
        verb = "names" if name == "path" else "does not fit"
        return SpecError(name, self.owner, f"{self.path!r}, which {why}", got, hint, verb)

    def place(self, row: int, column: str) -> str:
        """Where a cell is."""
        return f"in {self.unit} {self.numbers[row]}, column {column!r}"

    def require(self, name: str, column: str) -> None:
        """Reject a column that does not exist, naming those that do."""
        if column not in self.columns:
            known = list(self.columns)
            hint = close(column, known) or f"Its columns: {', '.join(known[:20])}{', …' * (len(known) > 20)}."
            raise SpecError(name, self.owner, f"a column of {self.path!r}", column, hint)


class RowStep(NamedTuple):
    """The step between rows that a table must have.

    seconds : its length;  whole : what steps are whole numbers of;  other : what is said of a table with another step
    """

    seconds: float
    whole: str
    other: str


class WholeRows(NamedTuple):
    """Rows without missing values.

    values : ndarray, shape (rows, columns);  segment : ndarray, shape (rows,), one number a stretch of rows without a gap
    names : their times, or lines;  note : which file it is, with the first and the last time
    """

    values: np.ndarray
    segment: np.ndarray
    names: list[str]
    note: FileNote | None

    @property
    def breaks(self) -> np.ndarray:
        """Rows that do not follow the previous one."""
        return 1 + np.flatnonzero(np.diff(self.segment))


def read_table(path: str, owner: str, layout: str = "") -> DataTable:
    """The table of a file, by its suffix.

    owner : whose `path` parameter it is, and the `layout` it asks for, for errors
    """
    parquet = Path(path).suffix.lower() in (".parquet", ".pq")
    nothing = DataTable(owner, path, "row" if parquet else "line", [], {}, layout=layout)
    note, content = data_file.read(path, lambda why: nothing.wrong("path", why))
    table = _parquet(nothing, content) if parquet else text_table(nothing, content)
    if not table.numbers:
        raise table.wrong("path", "has no rows below its column names")
    return table._replace(note=note._replace(rows=len(table.numbers)))


def text_table(nothing: DataTable, content: bytes) -> DataTable:
    """The table of a text; nothing : the same without rows."""
    try:
        text = content.decode(MARKS.get(content[:2], "utf-8-sig"))
    except UnicodeDecodeError:
        raise nothing.wrong("path", "is not a text file of comma-separated values") from None
    if "\0" in text:
        raise nothing.wrong("path", "is not a text file of comma-separated values")
    first = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        lines = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        why = f"cannot be read ({error})"
        if "field limit" in str(error):
            why = f"has a field of more than {csv.field_size_limit()} characters in line {reader.line_num}"
        raise nothing.wrong("path", why) from None
    if not lines:
        raise nothing.wrong("path", "is empty")
    header = [name.strip() for name in lines[0][1]]
    _check_header(nothing, header)
    for line, row in lines[1:]:
        if len(row) != len(header):
            raise nothing.wrong("path", f"has {len(row)} values instead of {len(header)} in line {line}")
    columns = {name: [row[k].strip() for _, row in lines[1:]] for k, name in enumerate(header)}
    decimal = "." if delimiter == "," else ","
    return nothing._replace(numbers=[line for line, _ in lines[1:]], columns=columns, decimal=decimal)


def _check_header(table: DataTable, header: list[str]) -> None:
    if all(_number(name, ".") is not None or _is_date(name) for name in header):
        raise table.wrong("path", f"begins with {header[0]!r}, where the names of columns belong")
    for name in header:
        if header.count(name) > 1 or not name:
            raise table.wrong("path", f"has {'two columns ' + repr(name) if name else 'a column without a name'}")


def _parquet(nothing: DataTable, content: bytes) -> DataTable:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        hint = "Install it with: pip install 'neuroperturb[parquet]'"
        raise SpecError("path", nothing.owner, "CSV where pyarrow is not installed", nothing.path, hint) from None
    try:
        found = parquet.read_table(io.BytesIO(content))
    except ArrowException as error:
        raise nothing.wrong("path", f"cannot be read ({str(error).splitlines()[0]})") from None
    _check_header(nothing, list(found.column_names) or [""])
    columns = {name: found.column(name).to_pylist() for name in found.column_names}
    return nothing._replace(numbers=list(range(1, found.num_rows + 1)), columns=columns)


def _number(cell: Any, decimal: str) -> float | None:
    """A cell as a number, None for anything else."""
    if isinstance(cell, str) and decimal == ",":
        cell = cell.replace(".", "").replace(",", ".") if "," in cell else cell
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None


# ----------------------------------------------------------------------------------------------------------------------
# Columns


def whole_rows(
    table: DataTable, columns: list[tuple[str, str]], time: str | None, missing: tuple[float | str, ...], step: RowStep | None = None
) -> WholeRows:  # fmt: skip
    """The rows of a table without missing values; a row that is left out, or does not follow the previous one, ends a segment.

    columns : of numbers, each with the parameter that names it;  time : column of times, None if rows are equally spaced
    missing : what stands for a missing value;  step : between rows, None for the usual one
    """
    values = np.column_stack([numbers(table, key, column, missing) for key, column in columns])
    after = np.empty(0, int) if time is None else breaks(table, time, times(table, time), step)
    whole = ~np.isnan(values).any(axis=1)
    if not whole.any():
        raise table.wrong("path", "has no row without a missing value")
    segment = np.searchsorted(after, np.arange(len(values)), side="right") + np.cumsum(~whole)
    cells = [str(cell) for cell in (table.numbers if time is None else table.columns[time])]
    note = table.note
    if note is not None and time is not None:
        note = note._replace(first=cells[0], last=cells[-1])
    return WholeRows(values[whole], segment[whole], [cells[row] for row in np.flatnonzero(whole)], note)


def numbers(table: DataTable, name: str, column: str, missing: tuple[float | str, ...]) -> np.ndarray:
    """A column as float64, nan where it is missing.

    name : the parameter that names the column, for errors
    missing : what stands for a missing value
    """
    table.require(name, column)
    texts = {text.casefold() for text in missing if isinstance(text, str)}
    codes = [number for number in missing if not isinstance(number, str)]
    values = np.empty(len(table.numbers))
    for row, cell in enumerate(table.columns[column]):
        if (cell is None and "" in texts) or (isinstance(cell, str) and cell.casefold() in texts):
            values[row] = math.nan
            continue
        number = _number(cell, table.decimal)
        if number in codes:
            number = math.nan
        elif number is None or not abs(number) <= LARGEST:
            raise _no_number(table, row, column, "" if cell is None else cell)
        values[row] = number
    _require_no_stranger(table, column, values, missing)
    return values


def _no_number(table: DataTable, row: int, column: str, cell: Any) -> SpecError:
    hint = f"If {str(cell)!r} stands for a missing value, declare it: missing = [{str(cell)!r}]."
    return table.wrong("path", f"has no finite number {table.place(row, column)}", str(cell)[:40], hint)


def _require_no_stranger(table: DataTable, column: str, values: np.ndarray, missing: tuple) -> None:
    """Reject a number that looks like a code for a missing value, unless it is declared."""
    known = values[~np.isnan(values)]
    number = code_for_missing(known) if len(known) else None
    if number is None:
        return
    others = known[known != number]
    where = table.place(int(np.argmax(values == number)), column)
    raise SpecError(
        "missing", table.owner, f"contain {number:g}, if that stands for a missing value of {table.path!r}", missing,
        f"{where[0].upper()}{where[1:]}, it lies far outside the others, {others.min():g} to {others.max():g}.", "must",
    )  # fmt: skip


def usual_time(table: DataTable) -> str | None:
    """The column with a usual name for times, or the first one that holds dates in all rows; None if there is none."""
    for column in table.columns:
        if column.casefold() in TIMES:
            return column
    return next((column for column, cells in table.columns.items() if _are_dates(cells)), None)


def _are_dates(cells: list) -> bool:
    return all(isinstance(cell, str) and _number(cell, ".") is None and _is_date(cell) for cell in cells[:20])


def _is_date(text: str) -> bool:
    try:
        seconds(text)
    except ValueError:
        return False
    return True


def times(table: DataTable, column: str) -> np.ndarray:
    """A column of times in seconds, or in its own unit if it holds plain numbers."""
    table.require("time", column)
    cells = table.columns[column]
    plain = all(_number(cell, table.decimal) is not None for cell in cells)
    read: Callable[[Any], float] = (lambda cell: float(_number(cell, table.decimal))) if plain else _moment
    values = np.empty(len(cells))
    for row, cell in enumerate(cells):
        try:
            values[row] = read(cell)
        except ValueError:
            raise table.wrong("time", f"has no date {LAYOUTS} {table.place(row, column)}", cell) from None
    if not np.isfinite(values).all():
        row = int(np.argmax(~np.isfinite(values)))
        raise table.wrong("time", f"has no finite number {table.place(row, column)}", cells[row])
    return values


def _moment(cell: Any) -> float:
    return seconds(cell if isinstance(cell, str) else cell.isoformat() if hasattr(cell, "isoformat") else "")


def breaks(table: DataTable, column: str, values: np.ndarray, step: RowStep | None = None) -> np.ndarray:
    """Rows that do not follow the previous one by the step, or by the usual one: after a gap, or a repeat."""
    steps = np.diff(values)
    if not len(steps):
        return np.empty(0, np.int64)
    found, count = np.unique(steps, return_counts=True)
    usual = found[np.argmax(count)]
    hint = "`time = false` takes rows as equally spaced." if step is None else ""
    step = step or RowStep(usual, f"steps of {usual:g}", f"has no usual step between the times of column {column!r}")
    usual = step.seconds
    whole = np.abs(steps / usual - np.round(steps / usual)) < 1e-6 if usual > 0 else np.zeros(len(steps), bool)
    for wrong, why in (
        (steps < 0, "goes back in time"),
        (~whole, f"is not a whole number of {step.whole} after the previous row"),
    ):
        if wrong.any():
            row = 1 + int(np.argmax(wrong))
            raise table.wrong("time", f"{why} {table.place(row, column)}", table.columns[column][row], hint)
    if np.mean(np.round(steps / usual) == 1) < 0.5:
        raise table.wrong("time", step.other, hint=hint)
    return 1 + np.flatnonzero(np.round(steps / usual) != 1)
