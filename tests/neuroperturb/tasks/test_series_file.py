"""Tables of your own: what is read, what ends a segment, and what is refused in one sentence."""

import re

import numpy as np
import pytest

from neuroperturb.spec import SpecError
from neuroperturb.tasks import Series, Weather
from neuroperturb.tasks.weather_file import FILE_COLUMNS

ROWS = 60
HOURS = np.datetime64("2020-01-01T00", "s") + np.timedelta64(3600, "s") * np.arange(ROWS)
X, Y = np.sin(np.arange(ROWS)), np.cos(np.arange(ROWS) / 3)
SHORT = {"washout": 0, "lead_in": 3}


def lines(delimiter=",", times=HOURS, decimal=".", header=("date", "x", "y")):
    rows = [
        [str(t), repr(float(x)).replace(".", decimal), repr(float(y)).replace(".", decimal)]
        for t, x, y in zip(times, X, Y, strict=True)
    ]
    return [delimiter.join(row) for row in [list(header), *rows]]


def write(path, text, encoding="utf-8"):
    path.write_bytes("\n".join(text).encode(encoding))
    return str(path)


def data(path, **settings):
    return Series(path=path, **{"target": "y", **SHORT, **settings}).data(0, 1)


def test_rows_become_pairs_scaled_by_the_training_rows(tmp_path):
    found = data(write(tmp_path / "a.csv", lines()), horizon=2)
    split, fit = 48, 44
    low, high = X[:fit].min(), X[:fit].max()
    np.testing.assert_allclose(found.train.inputs[:, 0, 0], (X[: fit - 2] - low) / (high - low))
    low, high = Y[:fit].min(), Y[:fit].max()
    np.testing.assert_allclose(found.train.targets[:, 0, 0], (Y[2:fit] - low) / (high - low))
    assert found.train.mask.all()
    assert found.test.mask.sum() == ROWS - split - 2
    assert set(found.trivial()) == {"mean", "persistence"}
    np.testing.assert_array_equal(found.train.inputs[2:, 0, 1], found.train.targets[:-2, 0, 0])


@pytest.mark.parametrize(
    ("delimiter", "decimal", "encoding"),
    [(",", ".", "utf-8-sig"), (";", ",", "utf-8"), ("\t", ".", "utf-16"), (";", ".", "utf-8"), ("\t", ",", "utf-8")],
)
def test_layouts_of_the_world_read_the_same(tmp_path, delimiter, decimal, encoding):
    plain = data(write(tmp_path / "a.csv", lines()))
    other = data(write(tmp_path / "b.csv", lines(delimiter, decimal=decimal), encoding))
    np.testing.assert_array_equal(plain.train.inputs, other.train.inputs)
    np.testing.assert_array_equal(plain.test.targets, other.test.targets)


def test_parquet_reads_the_same(tmp_path):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table({"date": HOURS, "x": X, "y": Y}), tmp_path / "a.parquet")
    plain, other = data(write(tmp_path / "a.csv", lines())), data(str(tmp_path / "a.parquet"))
    np.testing.assert_array_equal(plain.train.inputs, other.train.inputs)


@pytest.mark.parametrize("name", ["date", "Timestamp", "ds", "when"])
def test_a_column_of_times_is_found(tmp_path, name):
    assert data(write(tmp_path / "a.csv", lines(header=(name, "x", "y")))).n_in == 2


def test_a_gap_and_a_repeat_end_a_segment(tmp_path):
    times = HOURS.copy()
    times[10:] += np.timedelta64(7200, "s")
    times[30:] -= np.timedelta64(3600, "s")  # the same hour again
    found = data(write(tmp_path / "a.csv", lines(times=times)), horizon=2)
    assert np.flatnonzero(found.train.reset).tolist() == [0, 8, 26]
    together = data(write(tmp_path / "a.csv", lines(times=times)), horizon=2, time=False, inputs=["x"])
    assert np.flatnonzero(together.train.reset).tolist() == [0]


def test_a_missing_value_ends_a_segment(tmp_path):
    text = lines()
    text[21] = f"{HOURS[20]},NA,0.5"
    path = write(tmp_path / "a.csv", text)
    with pytest.raises(
        SpecError,
        match=re.escape(
            """in line 22, column 'x'. Got 'NA' instead. If 'NA' stands for a missing value, declare it: missing = ['NA']"""
        ),
    ):
        data(path)
    found = data(path, missing=["NA"], split=47)
    assert np.flatnonzero(found.train.reset).tolist() == [0, 19]
    assert not np.isnan(found.train.inputs).any()


def test_a_code_is_refused_until_it_is_declared(tmp_path):
    text = lines()
    text[21] = f"{HOURS[20]},-9999,0.5"
    path = write(tmp_path / "a.csv", text)
    with pytest.raises(SpecError, match="'missing' parameter of Series must contain -9999"):
        data(path)
    assert np.flatnonzero(data(path, missing=[-9999]).train.reset).tolist() == [0, 19]


def test_targets_need_not_be_inputs(tmp_path):
    found = data(write(tmp_path / "a.csv", lines()), inputs=["x"], target=["y"])
    assert (found.n_in, found.n_out) == (1, 1)
    assert set(found.trivial()) == {"mean"}


WRONG = {
    "no such file": (None, {}, "cannot be opened .* searched for in"),
    "no header": (lines()[1:], {}, "begins with '2020-01-01T00:00:00', where the names of columns belong"),
    "a column that is not there": (lines(), {"target": "z"}, "'target' parameter of Series must be a column of .* Its columns: date, x, y"),
    "a name nearly right": (lines(), {"target": "Y"}, "Did you mean 'y'"),
    "a short line": ([*lines()[:5], "2020-01-01,1", *lines()[5:]], {}, "has 2 values instead of 3 in line 6"),
    "two columns of one name": (lines(header=("date", "y", "y")), {}, "two columns 'y'"),
    "text in a column": ([*lines()[:5], "2020-01-01T04:00,1,high", *lines()[6:]], {}, "no finite number in line 6, column 'y'. Got 'high' instead"),
    "back in time": (lines(times=HOURS[::-1]), {}, "goes back in time in line 3"),
    "half a step": ([*lines()[:5], "2020-01-01T03:30,1,1", *lines()[5:]], {}, "whole number of steps of 3600"),
    "no date": ([*lines()[:25], "soon,1,1", *lines()[26:]], {}, "has no date .* in line 26, column 'date'. Got 'soon'"),
    "no rows": (lines()[:1], {}, "has no rows below its column names"),
    "empty": ([""], {}, "is empty"),
    "a horizon that does not fit": (lines(), {"horizon": 30}, "'horizon' parameter of Series must be smaller than the"),
    "a split beyond the end": (lines(), {"split": 60}, "'split' parameter of Series must be at least 20 and smaller than the 60 rows"),
    "the times as target": (lines(), {"target": "date"}, "'target' parameter of Series must be another column than the times"),
    "infinite": ([*lines()[:5], "2020-01-01T04:00,1,inf", *lines()[6:]], {}, "no finite number in line 6"),
    "too large": ([*lines()[:5], "2020-01-01T04:00,1,1e308", *lines()[6:]], {}, "no finite number in line 6"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_used_is_one_sentence(tmp_path, case):
    text, settings, message = WRONG[case]
    path = str(tmp_path / "a.csv")
    if text is not None:
        write(tmp_path / "a.csv", text)
    with pytest.raises(SpecError, match=message) as error:
        data(path, **settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x89PNG\r\n\x1a\n\0\0\0", b"a,b\n1,\xe9\n", bytes(1000)])
def test_what_is_no_text_is_one_sentence(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(SpecError, match="'path' parameter of Series"):
        data(str(tmp_path / "a.csv"))


def test_weather_is_an_instance_of_it(tmp_path):
    rng = np.random.default_rng(1)
    values = rng.standard_normal((400, len(FILE_COLUMNS))).cumsum(axis=0)
    times = np.datetime64("2010-01-01T00", "s") + 3600 * (np.arange(400) + 5 * (np.arange(400) > 100))
    rows = [",".join([str(t), *map(repr, map(float, v))]) for t, v in zip(times, values, strict=True)]
    path = write(tmp_path / "w.csv", [",".join(["date", *FILE_COLUMNS]), *rows])
    settings = {"path": path, "horizon": 3, "split": 300, "washout": 5, "lead_in": 20}
    weather = Weather(**settings).data(0, 2)
    series = Series(target="DryBulbFarenheit", **settings).data(0, 2)
    for part in ("train", "validation", "test"):
        for a, b in zip(getattr(weather, part), getattr(series, part), strict=True):
            np.testing.assert_array_equal(a, b)
    assert weather.trivial() == series.trivial()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": ()}, "'target' parameter of Series is missing. It names the column to forecast"),
        ({"inputs": ()}, "'inputs' parameter of Series must name at least one column"),
        ({"inputs": ["x", "x"]}, "'inputs' parameter of Series must name each column once"),
    ],
)
def test_columns_are_named_once_and_one_is_forecast(settings, message):
    with pytest.raises(SpecError, match=re.escape(message)):
        Series(path="a.csv", **{"target": "y", **settings})
