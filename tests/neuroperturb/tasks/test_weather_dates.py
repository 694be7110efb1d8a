"""Weather files whose rows are not consecutive hours, and numbers that stand for a missing value."""

import csv
import warnings
from datetime import datetime, timedelta

import numpy as np
import pytest

from neuroperturb.experiments.toml import resolve
from neuroperturb.spec import SpecError
from neuroperturb.tasks import Weather
from neuroperturb.tasks.weather_file import FILE_COLUMNS, read_file

START, HOUR, ROWS = datetime(2010, 1, 1), timedelta(hours=1), 400
HOURLY = [START + i * HOUR for i in range(ROWS)]


def write(path, dates=HOURLY, cells=(), layout=lambda d: d.isoformat(sep=" ")):
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(("date", *FILE_COLUMNS))
        for i, date in enumerate(dates):
            row = [f"{60 + 15 * np.sin(2 * np.pi * i / 24) + k + 0.3 * np.sin(i * (k + 1)):.3f}" for k in range(9)]
            for r, k, text in cells:
                row[k] = text if r == i else row[k]
            out.writerow([layout(date), *row])
    return str(path)


def task(path, **change):
    return Weather(**{"path": path, "split": 300, "horizon": 1, "washout": 0, "lead_in": 10} | change)


LAYOUTS = {
    "the layout's own": lambda d: f"{d.month}/{d.day}/{d.year} {d.hour}:{d.minute:02}",
    "iso": lambda d: d.isoformat(),
    "hours to 24": lambda d: f"{(d - HOUR):%m/%d/%Y} {(d - HOUR).hour + 1}:00",
    "a time zone": lambda d: (d + 2 * HOUR).isoformat() + "+02:00",
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_hours_are_read_in_every_layout(tmp_path, layout):
    assert not len(read_file(write(tmp_path / "w.csv", layout=layout)).breaks)


@pytest.mark.parametrize(
    ("dates", "breaks"),
    [
        ([d if i < 100 else d + 500 * HOUR for i, d in enumerate(HOURLY)], [100]),
        ([d if i < 100 else d + HOUR for i, d in enumerate(HOURLY)], [100]),  # clocks put forward
        ([*HOURLY[:100], HOURLY[99], *HOURLY[100:-1]], [100]),  # clocks put back
    ],
    ids=["500 h", "one hour", "an hour twice"],
)
def test_a_gap_or_a_repeat_ends_a_segment(tmp_path, dates, breaks):
    path = write(tmp_path / "w.csv", dates)
    assert read_file(path).breaks.tolist() == breaks
    whole, data = task(write(tmp_path / "hourly.csv")).data(1, 1), task(path).data(1, 1)
    assert len(data.train.reset) == len(whole.train.reset) - 1  # no pair reaches across
    assert np.flatnonzero(data.train.reset).tolist() == [0, 99]
    assert data.batch(0).inputs[98, 0].tolist() == whole.batch(0).inputs[98, 0].tolist()
    assert data.batch(0).inputs[99, 0].tolist() == whole.batch(0).inputs[100, 0].tolist()


@pytest.mark.parametrize(
    ("dates", "sentence"),
    [
        ([START + i * HOUR / 6 for i in range(ROWS)], "not a whole number of hours after the previous row in line 3"),
        (HOURLY[::-1], "goes back in time in line 3"),
        ([*HOURLY[:50], HOURLY[10], *HOURLY[51:]], "goes back in time in line 52, column 'date'"),
        ([START + i * 3 * HOUR for i in range(ROWS)], "is not hourly"),
        ([START] * ROWS, "is not hourly"),
        ([d + timedelta(minutes=30) * (i > 9) for i, d in enumerate(HOURLY)], "line 12"),
    ],
    ids=["10 minutes", "backwards", "out of order", "3 hours", "no time", "half an hour"],
)
def test_another_order_or_step_is_refused(tmp_path, dates, sentence):
    with pytest.raises(SpecError, match=f"'path' parameter of Weather .*{sentence}"):
        task(write(tmp_path / "w.csv", dates)).data(1, 1)


@pytest.mark.parametrize("text", ["", "yesterday", "13/1/2010 0:00", "2010-02-30 00:00", "1e9"])
def test_a_date_that_is_none_is_named(tmp_path, text):
    path = write(tmp_path / "w.csv", layout=lambda d: text if d == HOURLY[7] else d.isoformat())
    with pytest.raises(SpecError, match=r"has no date .*line 9, column 'date'"):
        task(path).data(1, 1)


SENTINELS = ["-9999", "9999", "-999.9", "999", "-99", "1e6", "-5000"]


@pytest.mark.parametrize("text", SENTINELS)
@pytest.mark.parametrize("rows", [[50], [350], range(0, ROWS, 3)], ids=["training", "test", "a third of all"])
def test_a_number_far_outside_the_rest_is_refused_until_it_is_declared(tmp_path, text, rows):
    path = write(tmp_path / "w.csv", cells=[(r, 1, text) for r in rows])
    with pytest.raises(
        SpecError, match=r"'missing' parameter of Weather must contain .*'DryBulbFarenheit', it lies far outside"
    ):
        task(path).data(1, 1)
    table = read_file(path, (float(text),))
    assert len(table.values) == ROWS - len(rows) and table.values.max() < 100 and table.values.min() > 0
    assert table.breaks.tolist() == [r - k for k, r in enumerate(rows) if 0 < r < ROWS - 1]


def test_a_declared_hole_is_a_missing_hour(tmp_path):
    holed = write(tmp_path / "holed.csv", cells=[(50, 1, "-9999"), (350, 4, "-99")])
    data = task(holed, missing=[-9999, -99], split=299).data(1, 1)
    whole = task(write(tmp_path / "whole.csv")).data(1, 1)
    assert np.flatnonzero(data.train.reset).tolist() == [0, 49]
    assert data.test.mask.sum() == whole.test.mask.sum() - 2
    assert data.trivial()["persistence"]["test"] == pytest.approx(whole.trivial()["persistence"]["test"], rel=0.05)


def test_rare_but_true_values_are_kept(tmp_path):
    calm = [(i, 5, "0") for i in range(ROWS)]
    path = write(tmp_path / "w.csv", cells=[*calm, (7, 5, "12"), (9, 5, "40"), (30, 2, "110")])
    assert len(read_file(path).values) == ROWS


@pytest.mark.parametrize("text", ["1e308", "-1e308", "1e400", "1e200"])
def test_a_number_beyond_all_sizes_is_one_sentence(tmp_path, text):
    path = write(tmp_path / "w.csv", cells=[(20, 3, text)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(SpecError, match=r"has no finite number in line 22, column 'DewPointFarenheit'"):
            task(path).data(1, 1)


def test_a_field_that_is_too_long_is_named(tmp_path):
    path = write(tmp_path / "w.csv", cells=[(20, 3, "1" * 140_000)])
    with pytest.raises(SpecError, match=r"has a field of more than 131072 characters in line 2\d"):
        task(path).data(1, 1)


def test_what_is_missing_is_part_of_the_table_only_where_it_is_set():
    assert "missing" not in Weather().table()
    config = resolve({"task": {"name": "weather", "missing": [-9999]}, "rule": "np"})
    assert config.task == Weather(missing=(-9999.0,)) and config.table()["task"]["missing"] == [-9999.0]
    assert "missing" not in resolve({"task": "weather", "rule": "np"}).table()["task"]
