"""Hourly weather from files: the included series, and the layout of WTH.csv.

Nothing is filled in and everything is checked: every row has its hour, and codes for missing values are declared.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
from importlib import resources
from typing import NamedTuple

import numpy as np

from neuroperturb.spec import LARGEST, SpecError, Words, data_file
from neuroperturb.spec.data_file import FileNote
from neuroperturb.tasks.codes import code_for_missing
from neuroperturb.tasks.dates import LAYOUTS, whole_seconds

FILE_COLUMNS = (
    "Visibility",
    "DryBulbFarenheit",  # sic, here and below: the layout's own spelling
    "WetBulbFarenheit",
    "DewPointFarenheit",
    "RelativeHumidity",
    "WindSpeed",
    "WindDirection",
    "StationPressure",
    "Altimeter",
)
DROPPED_COLUMNS = ("DryBulbCelsius", "DewPointCelsius", "WetBulbCelsius")  # the same temperatures again


class Table(NamedTuple):
    """Hourly rows: values (rows, columns), column names, the target's name, the rows that follow a gap, and of which file."""

    values: np.ndarray
    columns: tuple[str, ...]
    target: str
    breaks: np.ndarray
    note: FileNote | None = None  # which file it was


def new_york() -> Table:
    """The included series; a break is any step between rows that is not one hour."""
    packed = resources.files("neuroperturb.tasks").joinpath("data", "weather_lga_2013.csv.gz").read_bytes()
    header, *rows = csv.reader(io.StringIO(gzip.decompress(packed).decode("ascii")))
    hours = np.array([row[0] for row in rows], dtype="datetime64[h]").astype(int)
    values = np.array([row[1:] for row in rows], dtype=np.float64)
    return Table(values, tuple(header[1:]), "temp", _breaks(hours))


def read_file(path: str, missing: tuple[float, ...] = ()) -> Table:
    """A file in the layout of WTH.csv; errors name the file, the line and the column.

    missing : numbers that stand for a missing value; their rows are left out, like hours that the file lacks
    """
    note, content = data_file.read(path, lambda why: _wrong(path, why))
    lines = _lines(path, content)
    header = [name.strip() for name in lines[0][1]] if lines else []
    places = _places(header, path)
    if len(lines) < 2:
        raise _wrong(path, "holds no rows")
    values = np.array([_numbers(row, line, header, places, path, missing) for line, row in lines[1:]], dtype=np.float64)
    hours = np.arange(len(values))
    note = note._replace(rows=len(values))
    if "date" in header:
        first, last = (lines[k][1][header.index("date")].strip() for k in (1, -1))
        note = note._replace(first=first, last=last)
        hours = _hours([(line, row[header.index("date")]) for line, row in lines[1:]], path)
    _require_no_stranger(values, missing, [line for line, _ in lines[1:]], path)
    kept = ~np.isin(values, missing).any(axis=1)
    if not kept.any():
        raise _wrong(path, "holds no row without a missing value")
    return Table(values[kept], FILE_COLUMNS, "DryBulbFarenheit", _breaks(hours[kept]), note)


def _lines(path: str, content: bytes) -> list[tuple[int, list[str]]]:
    """(number of the line, fields) of every line that is not empty."""
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        return [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        if "field limit" not in str(error):
            raise _wrong(path, f"is not a text file of comma-separated values ({error})") from None
        raise _wrong(
            path, f"has a field of more than {csv.field_size_limit()} characters in line {reader.line_num}"
        ) from None
    except ValueError:  # bytes that are not UTF-8, a path with a null character
        raise _wrong(path, "is not a text file of comma-separated values") from None


def _breaks(hours: np.ndarray) -> np.ndarray:
    """Rows that do not follow the previous one by an hour."""
    return 1 + np.flatnonzero(np.diff(hours) != 1)


def _hours(dates: list[tuple[int, str]], path: str) -> np.ndarray:
    """Whole hours since the first row, non-decreasing and mostly one apart."""
    seconds = np.array([_seconds(text, line, path) for line, text in dates])
    steps = np.diff(seconds)
    for wrong, why in (
        (steps < 0, "goes back in time"),
        (steps % 3600 != 0, "is not a whole number of hours after the previous row"),
    ):
        if wrong.any():
            line, text = dates[1 + int(np.argmax(wrong))]
            raise _wrong(path, f"{why} in line {line}, column 'date'", text)
    if len(steps) and np.mean(steps == 3600) < 0.5:
        raise _wrong(path, "is not hourly: most of its rows are not one hour after the previous row")
    return (seconds - seconds[0]) // 3600


def _seconds(text: str, line: int, path: str) -> int:
    """Seconds of the date of a line."""
    try:
        return whole_seconds(text)
    except ValueError:
        raise _wrong(path, f"has no date {LAYOUTS} in line {line}, column 'date'", text) from None


def _require_no_stranger(values: np.ndarray, missing: tuple[float, ...], lines: list[int], path: str) -> None:
    """Reject a number that looks like a code for a missing value, unless it is declared."""
    for k, name in enumerate(FILE_COLUMNS):
        column = values[:, k]
        known = column[~np.isin(column, missing)]
        number = code_for_missing(known)
        if number is not None:
            line = lines[int(np.argmax(column == number))]
            others = known[known != number]
            raise SpecError(
                "missing", "Weather", f"contain {number:g}, if that stands for a missing value of {path!r}", missing,
                f"In line {line}, column {name!r}, it lies far outside the others, {others.min():g} to {others.max():g}.", "must",
            )  # fmt: skip


def _wrong(path: str, why: str, got: object = Words()) -> SpecError:
    """An error about a file that cannot be read."""
    wanted = f"name a file in the layout of WTH.csv, but {path!r} {why}"
    return SpecError("path", "Weather", wanted, got, verb="must")


def _places(header: list[str], path: str) -> list[int]:
    """Position of each input column in the header; a column that is absent, repeated or unknown is an error."""
    missing = [name for name in FILE_COLUMNS if name not in header]
    if missing:
        raise _wrong(path, f"lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
    known = {"date", *FILE_COLUMNS, *DROPPED_COLUMNS}
    wrong = [name for name in header if name not in known or header.count(name) > 1]
    if wrong:
        raise _wrong(path, f"has a column that is unknown or repeated, {wrong[0]!r}")
    return [header.index(name) for name in FILE_COLUMNS]


def _numbers(row: list[str], line: int, header: list[str], places: list[int], path: str, missing: tuple) -> list[float]:
    """One row's input columns as numbers of a plausible size, or declared codes."""
    if len(row) != len(header):
        raise _wrong(path, f"has {len(row)} values instead of {len(header)} in line {line}")
    numbers = []
    for name, place in zip(FILE_COLUMNS, places, strict=True):
        try:
            number = float(row[place])
        except ValueError:
            number = math.nan
        if not (abs(number) <= LARGEST or number in missing):
            raise _wrong(path, f"has no finite number in line {line}, column {name!r}", row[place])
        numbers.append(number)
    return numbers
