"""Series: forecast columns of your own table, some rows ahead."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from neuroperturb.spec import SpecError
from neuroperturb.spec.data_file import DataFile
from neuroperturb.tasks import table_file
from neuroperturb.tasks.contract import Task
from neuroperturb.tasks.randomness import check_request
from neuroperturb.tasks.series import Cut, NewRows, Scale, SeriesDataset, forecast, validation_start
from neuroperturb.tasks.table_file import WholeRows, read_table

Name = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Name, ...], Field(strict=False), BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)]
Code = Annotated[float, Field(allow_inf_nan=False)] | str


class Read(NamedTuple):
    """Rows of a file: columns of inputs, `seen`, and then of targets."""

    rows: WholeRows
    seen: tuple[str, ...]


class Series(Task):
    """Forecast columns of your own table, some rows ahead, online.

    Inputs and targets are scaled so that the training rows (validation excluded) span 0 to 1; pairs (t, t + horizon) are formed inside
    each part; the state runs on from training into the later parts through their lead-in. Nothing is filled in: a row with a missing
    value, and a row that does not follow the previous one by the usual step, end a segment. No pair spans the end of a segment, and the
    state is reset after it.

    A batch of several trials presents as many equal segments of the training rows in parallel.

    Parameters
    ----------
    path : str, a CSV or parquet file, with names of columns; searched for next to the TOML file that names it, then in the current folder
    target : str, or list of str, the columns to forecast
    inputs : list of str, the columns that the network sees; by default all but the column of times
    time : str, the column of times: dates, or numbers; by default a column with a usual name (date, time …) or of dates; False: rows are
        equally spaced
    horizon : int, rows ahead
    split : rows before it are training, with the last tenth as validation, and the rest is test: int, or the share of all rows, 0 … 1
    washout : int, rows after a reset of the state that are not scored
    lead_in : int, unscored rows before validation and before test that warm up the state
    missing : what stands for a missing value: numbers such as -9999, texts such as "NA", "" for empty cells

    Examples
    --------
    >>> Series(path="load.csv", target="load_kw", horizon=6, missing=("",)).label
    'series load_kw'
    """

    name: Literal["series"] = "series"
    how_to_give: ClassVar[dict[str, str]] = {
        "path": "Give your file in the place of the task: FILE.csv --target COLUMN."
    }
    path: DataFile
    target: Names = ()
    inputs: Names | None = None
    time: Name | Literal[False] | None = None
    horizon: int = Field(default=1, ge=1)
    split: Annotated[int, Field(ge=20)] | Annotated[float, Field(gt=0, lt=1)] = 0.8
    washout: int = Field(default=20, ge=0)
    lead_in: int = Field(default=200, ge=0)
    missing: Annotated[tuple[Code, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _each_column_once(self):
        if not self.target:
            raise SpecError.missing(
                "target", "Series", "It names the column to forecast, on the command line as --target COLUMN."
            )
        if self.inputs == ():
            raise SpecError("inputs", "Series", "at least one column", [], verb="must name")
        for key, names in (("target", self.target), ("inputs", self.inputs or ())):
            if len(set(names)) < len(names):
                raise SpecError(key, "Series", "each column once", list(names), verb="must name")
        return self

    @property
    def label(self) -> str:
        """Name in tables and figures: with the columns to forecast."""
        return f"series {', '.join(self.target)}"

    def data(self, seed: int, batch_size: int) -> SeriesDataset:
        """The rows of the file, which are not random."""
        check_request(self, seed, batch_size)
        del seed  # there is only one series
        rows, seen = self._read(self.path)
        current = [seen.index(name) for name in self.target] if set(self.target) <= set(seen) else None
        made = forecast(
            rows.values, len(seen), rows.breaks, self._cut(len(rows.values)), trials=batch_size, current=current
        )
        if rows.note is not None:
            made.files = {self.path: rows.note}
        return made

    def new_rows(self, path: str) -> NewRows:
        """Rows of another file, on the scale of the training rows, for a prediction; targets need not be among its columns."""
        (trained, columns), (new, _) = self._read(self.path), self._read(path, targets=False)
        sides, fit = (slice(len(columns)), slice(len(columns), None)), self._cut(len(trained.values)).fit
        seen, told = (Scale.of(trained.values[:fit, k]) for k in sides)
        reset = np.diff(new.segment, prepend=-1) != 0
        ahead = [f"{name} + {self.horizon}" for name in self.target]
        return NewRows(seen.apply(new.values)[:, None, :], reset, new.names, ahead, told)

    def _read(self, path: str, *, targets: bool = True) -> Read:
        """The rows of a file without missing values; `targets`: with the columns to forecast."""
        table = read_table(path, "Series")
        time = table_file.usual_time(table) if self.time is None else self.time or None
        seen = self.inputs or tuple(column for column in table.columns if column != time)
        ahead = self.target if targets else ()
        for column in ahead:
            table.require("target", column)
            if column == time:
                raise SpecError("target", "Series", "another column than the times", column)
        columns = [*(("inputs", column) for column in seen), *(("target", column) for column in ahead)]
        return Read(table_file.whole_rows(table, columns, time, self.missing), seen)

    def _cut(self, rows: int) -> Cut:
        """Where the rows are cut."""
        split = self.split if isinstance(self.split, int) else int(self.split * rows)
        if not 20 <= split < rows:
            wanted = f"at least 20 and smaller than the {rows} rows of {self.path!r} without missing values"
            raise SpecError("split", "Series", wanted, self.split)
        cut = Cut(validation_start(split), split, self.horizon, self.washout, self.lead_in)
        cut.require_fit("Series", repr(self.path), rows)
        return cut
