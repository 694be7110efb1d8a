"""Hourly weather from files: the included series, and the layout of WTH.csv. Both are tables like any other, whose step is an hour.

Nothing is filled in and everything is checked: every row has its hour, and codes for missing values are declared.
"""

from __future__ import annotations

import gzip
from importlib import resources
from typing import NamedTuple

import numpy as np

from neuroperturb.tasks.table_file import DataTable, RowStep, WholeRows, read_table, text_table, whole_rows

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
DATE, LAYOUT = "date", "WTH.csv"
HOURLY = RowStep(3600.0, "hours", "is not hourly: most of its rows are not one hour after the previous row")


class Observations(NamedTuple):
    """Hourly rows of a station, the names of their columns, and that of the one to forecast."""

    rows: WholeRows
    columns: tuple[str, ...]
    target: str

    @property
    def values(self) -> np.ndarray:
        return self.rows.values

    @property
    def breaks(self) -> np.ndarray:
        return self.rows.breaks


def new_york() -> Observations:
    """The included series; a break is any step between rows that is not one hour."""
    packed = resources.files("neuroperturb.tasks").joinpath("data", "weather_lga_2013.csv.gz").read_bytes()
    table = text_table(DataTable("Weather", "the New York series", "line", [], {}), gzip.decompress(packed))
    hour, *columns = table.columns
    return _observed(table, tuple(columns), "temp", hour, ())


def read_file(path: str, missing: tuple[float, ...] = ()) -> Observations:
    """A file in the layout of WTH.csv; errors name the file, the line and the column.

    missing : numbers that stand for a missing value; their rows are left out, like hours that the file lacks
    """
    table = read_table(path, "Weather", LAYOUT)
    _require_layout(table)
    return _observed(table, FILE_COLUMNS, "DryBulbFarenheit", DATE if DATE in table.columns else None, missing)


def _observed(
    table: DataTable, columns: tuple[str, ...], target: str, hour: str | None, missing: tuple[float, ...]
) -> Observations:
    rows = whole_rows(table, [("path", column) for column in columns], hour, missing, HOURLY)
    return Observations(rows, columns, target)


def _require_layout(table: DataTable) -> None:
    """A column that is absent or unknown is an error; repeated ones are refused in any table."""
    lacking = [name for name in FILE_COLUMNS if name not in table.columns]
    if lacking:
        raise table.wrong("path", f"lacks the column{'s' * (len(lacking) > 1)} {', '.join(lacking)}")
    known = {DATE, *FILE_COLUMNS, *DROPPED_COLUMNS}
    unknown = [name for name in table.columns if name not in known]
    if unknown:
        raise table.wrong("path", f"has a column that is unknown, {unknown[0]!r}")
