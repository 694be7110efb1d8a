"""Hourly weather as it lies in files: the series shipped here, and the layout of WTH.csv.

Nothing is filled in and nothing is taken on trust: every row says its hour, and what stands for a missing value is declared.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import math
import re
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neuroperturb.spec import LARGEST, SpecError, Words
from neuroperturb.spec.data_file import DataPath, FileNote

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

_MONTH_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,4}):(\d{2})(?::(\d{2}))?")  # the layout's own


class Table(NamedTuple):
    """Hourly rows: values (rows, columns), column names, the target's name, the rows that follow a gap, and of which file."""

    values: np.ndarray
    columns: tuple[str, ...]
    target: str
    breaks: np.ndarray
    note: FileNote | None = None  # which file it was


def new_york() -> Table:
    """The shipped series; a break is any step between rows that is not one hour."""
    packed = resources.files("neuroperturb.tasks").joinpath("data", "weather_lga_2013.csv.gz").read_bytes()
    header, *rows = csv.reader(io.StringIO(gzip.decompress(packed).decode("ascii")))
    hours = np.array([row[0] for row in rows], dtype="datetime64[h]").astype(int)
    values = np.array([row[1:] for row in rows], dtype=np.float64)
    return Table(values, tuple(header[1:]), "temp", _breaks(hours))


def read_file(path: str, missing: tuple[float, ...] = ()) -> Table:
    """A file in the layout of WTH.csv; anything wrong is an error that names the file, and the line and column.

    missing : numbers that stand for no value; their rows are left out, as hours that the file lacks
    """
    place, content = _bytes(path)
    lines = _lines(path, content)
    header = [name.strip() for name in lines[0][1]] if lines else []
    places = _places(header, path)
    if len(lines) < 2:
        raise _wrong(path, "holds no rows")
    values = np.array([_numbers(row, line, header, places, path, missing) for line, row in lines[1:]], dtype=np.float64)
    hours = np.arange(len(values))
    note = FileNote(hashlib.sha256(content).hexdigest(), str(place.resolve()), len(values))
    if "date" in header:
        first, last = (lines[k][1][header.index("date")].strip() for k in (1, -1))
        note = note._replace(first=first, last=last)
        hours = _hours([(line, row[header.index("date")]) for line, row in lines[1:]], path)
    _require_no_stranger(values, missing, [line for line, _ in lines[1:]], path)
    kept = ~np.isin(values, missing).any(axis=1)
    if not kept.any():
        raise _wrong(path, "holds no row without a missing value")
    return Table(values[kept], FILE_COLUMNS, "DryBulbFarenheit", _breaks(hours[kept]), note)


def _bytes(path: str) -> tuple[Path, bytes]:
    """Where a file is, and what is in it."""
    typed = path if isinstance(path, DataPath) else DataPath.typed(path)
    try:
        place = typed.find()
        return place, place.read_bytes()
    except FileNotFoundError as error:
        raise _wrong(path, f"cannot be opened ({error.strerror}): looked for in {typed.sought}") from None
    except (OSError, ValueError, RuntimeError) as error:
        raise _wrong(path, f"cannot be opened ({getattr(error, 'strerror', None) or error})") from None


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
    """Rows that do not follow the one before by an hour."""
    return 1 + np.flatnonzero(np.diff(hours) != 1)


def _hours(dates: list[tuple[int, str]], path: str) -> np.ndarray:
    """Hours since the first row, whole ones, that never go back and are mostly one apart."""
    seconds = np.array([_seconds(text, line, path) for line, text in dates])
    steps = np.diff(seconds)
    for wrong, why in (
        (steps < 0, "goes back in time"),
        (steps % 3600 != 0, "is no whole number of hours after the row before"),
    ):
        if wrong.any():
            line, text = dates[1 + int(np.argmax(wrong))]
            raise _wrong(path, f"{why} in line {line}, column 'date'", text)
    if len(steps) and np.mean(steps == 3600) < 0.5:
        raise _wrong(path, "is not hourly: most of its rows are not one hour after the row before")
    return (seconds - seconds[0]) // 3600


def _seconds(text: str, line: int, path: str) -> int:
    """Seconds of a date, as ``1/31/2010 23:00`` or ``2010-01-31 23:00:00``; without a time zone, or in any."""
    text = text.strip()
    try:
        match = _MONTH_FIRST.fullmatch(text)
        if match:
            month, day, year, hour, minute, second = (int(part or 0) for part in match.groups())
            date = datetime(year, month, day, 0, minute, second) + timedelta(hours=hour)  # 24:00 is the next day's 0:00
        else:
            date = datetime.fromisoformat(text)
        if date.microsecond:
            raise ValueError
        shift = date.utcoffset() or timedelta()
        return round((date.replace(tzinfo=None) - shift - datetime(1970, 1, 1)).total_seconds())
    except (ValueError, OverflowError):
        layouts = "such as 1/31/2010 23:00 or 2010-01-31 23:00:00"
        raise _wrong(path, f"has no date {layouts} in line {line}, column 'date'", text) from None


def _require_no_stranger(values: np.ndarray, missing: tuple[float, ...], lines: list[int], path: str) -> None:
    """Refuse a number that looks like one put for a missing value, until it is declared."""
    for k, name in enumerate(FILE_COLUMNS):
        column = values[:, k]
        known = column[~np.isin(column, missing)]
        number = _stranger(known)
        if number is not None:
            line = lines[int(np.argmax(column == number))]
            others = known[known != number]
            raise SpecError(
                "missing", "Weather", f"hold {number:g}, where that stands for a missing value of {path!r}", missing,
                f"In line {line}, column {name!r}, it lies far outside the others, {others.min():g} to {others.max():g}.", "must",
            )  # fmt: skip


def _stranger(column: np.ndarray) -> float | None:
    """A number far outside the rest: ten times as far from the next as the rest is wide, half as far where it is all nines.

    The rest grows from the median outwards, by the nearest value, until it holds half of all rows; from there on gaps count.
    """
    levels, rows = np.unique(column, return_counts=True)
    if len(levels) < 2:
        return None
    low = high = int(np.searchsorted(np.cumsum(rows), (len(column) + 1) // 2))
    while low > 0 or high < len(levels) - 1:
        below = levels[low] - levels[low - 1] if low > 0 else math.inf
        above = levels[high + 1] - levels[high] if high < len(levels) - 1 else math.inf
        number, gap = (levels[low - 1], below) if below <= above else (levels[high + 1], above)
        width, most = levels[high] - levels[low], 2 * rows[low : high + 1].sum() >= len(column)
        nines = set(f"{abs(number):.10g}".replace(".", "")) == {"9"} and abs(number) >= 99
        if gap > (0.5 if nines else 10.0) * width and most and (width > 0 or nines):
            return float(number)
        low, high = (low - 1, high) if below <= above else (low, high + 1)
    return None


def _wrong(path: str, why: str, got: object = Words()) -> SpecError:
    """What keeps a file from being read."""
    wanted = f"name a file in the layout of WTH.csv, but {path!r} {why}"
    return SpecError("path", "Weather", wanted, got, verb="must")


def _places(header: list[str], path: str) -> list[int]:
    """Where each input column stands in the header; a column that is absent, repeated or unknown is refused."""
    missing = [name for name in FILE_COLUMNS if name not in header]
    if missing:
        raise _wrong(path, f"lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
    known = {"date", *FILE_COLUMNS, *DROPPED_COLUMNS}
    wrong = [name for name in header if name not in known or header.count(name) > 1]
    if wrong:
        raise _wrong(path, f"has a column that is unknown or repeated, {wrong[0]!r}")
    return [header.index(name) for name in FILE_COLUMNS]


def _numbers(row: list[str], line: int, header: list[str], places: list[int], path: str, missing: tuple) -> list[float]:
    """One row's input columns as numbers of a possible size, or declared ones."""
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
