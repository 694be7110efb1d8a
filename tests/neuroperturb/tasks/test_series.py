"""Mackey–Glass and weather: the published signals and figures, and parts that do not leak into each other."""

import csv
import gzip
import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from neuroperturb.tasks import MackeyGlass, Weather, mackey_glass, weather
from neuroperturb.tasks.randomness import generator
from neuroperturb.tasks.series import pair_up, part, side_by_side

ROOT = Path(__file__).parents[3]
WTH = Path(os.environ.get("NEUROPERTURB_WTH", ROOT / "../shared/data/WTH.csv"))
needs_wth = pytest.mark.skipif(
    not WTH.exists(), reason=f"WTH.csv is not at {WTH}: set NEUROPERTURB_WTH to the file to check the published figures"
)


def linear_fit(data, taps=1):
    """Test loss of least squares on the last `taps` inputs and a constant."""

    def design(sequence):
        u = sequence.inputs[:, 0]
        delayed = [np.vstack([np.zeros((k, u.shape[1])), u[: len(u) - k]]) for k in range(taps)]
        return np.hstack([*delayed, np.ones((len(u), 1))])

    train, test = data.batch(0), data.test
    use = train.mask[:, 0] & (np.arange(len(train.mask)) >= taps - 1)
    weights = np.linalg.lstsq(design(train)[use], train.targets[use, 0], rcond=None)[0]
    return data.metrics((design(test) @ weights)[:, None], test)["loss"]


# --- Mackey–Glass -----------------------------------------------------------------------------------------------------


def naive_mackey_glass(history, samples):
    """The equation, one Euler step at a time, for one history (oldest first)."""
    s, past, kept = 1.2, list(history), []
    for step in range(samples * 10):
        past.append(s)
        delayed = past[step]  # 170 steps of 0.1 before s
        s = s + 0.1 * (0.2 * delayed / (1 + delayed**10) - 0.1 * s)
        if step % 10 == 9:
            kept.append(np.tanh(s - 1))
    return np.array(kept)


def test_generator_is_the_equation():
    signal = mackey_glass.mackey_glass(generator(0, "test"), 60, 3)
    uniform = generator(0, "test").random((3, 170))
    for b in range(3):
        assert signal[:, b] == pytest.approx(naive_mackey_glass(1.2 + 0.2 * (uniform[b] - 0.5), 60), abs=1e-12)


def test_trials_are_different_signals():
    task = MackeyGlass(dropped=2000)
    three, one = task.data(0, 3).batch(0).inputs[:, :, 0], task.data(0, 1).batch(0).inputs[:, 0, 0]
    assert np.abs(np.corrcoef(three.T) - np.eye(3)).max() < 0.2
    assert np.diff(three[:, 0]) == pytest.approx(np.diff(one))  # trial 0 of any batch, up to the common mean


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_published_figures_of_mackey_glass(seed):
    forecast, recall = MackeyGlass().data(seed, 1), MackeyGlass(variant="recall").data(seed, 1)
    assert forecast.batch(0).targets.var() == pytest.approx(4.7e-2, rel=0.03)
    assert forecast.trivial()["mean"]["test"] == pytest.approx(4.7e-2, rel=0.05)
    assert linear_fit(recall, 16) < 1e-29  # the answer is the oldest tap
    assert linear_fit(forecast, 16) == pytest.approx(1.1e-2, rel=0.15)


@pytest.mark.parametrize(("variant", "shift"), [("forecast", -15), ("recall", 15)])
def test_pairs_are_the_horizon_apart(variant, shift):
    data = MackeyGlass(variant=variant, steps=1000).data(0, 2)
    for sequence in (data.batch(0), data.validation, data.test):
        u, y = sequence.inputs, sequence.targets
        assert np.array_equal(u[15:], y[:-15]) if shift < 0 else np.array_equal(u[:-15], y[15:])
    persistence = np.mean((data.test.inputs - data.test.targets)[data.test.mask] ** 2)
    assert data.trivial()["persistence"]["test"] == pytest.approx(persistence)


@pytest.mark.parametrize("variant", ["forecast", "recall"])
def test_scored_steps_of_one_part_touch_no_other(variant):
    """Samples are told apart by their values: what a scored pair of one part touches, none of another part does."""
    data = MackeyGlass(variant=variant, steps=1000, test_steps=300).data(0, 1)
    touched = [
        set(s.inputs[s.mask].ravel()) | set(s.targets[s.mask].ravel())
        for s in (data.batch(0), data.validation, data.test)
    ]
    assert [len(t) for t in touched] == [900, 100, 300]
    assert not touched[0] & touched[1] and not touched[0] & touched[2] and not touched[1] & touched[2]


def test_lead_in_runs_into_the_part_without_a_jump_and_is_not_scored():
    data = MackeyGlass(steps=1000, lead_in=40, washout=10).data(0, 1)
    train, validation = data.batch(0), data.validation
    # validation scores samples 900 … 999; its lead-in shows the 40 samples before, inputs or targets in training
    assert validation.inputs.shape[0] == 40 + 100 - 15 and not validation.mask[:40].any() and validation.mask[40:].all()
    assert np.array_equal(validation.inputs[:40], np.concatenate([train.inputs, train.targets[-15:]])[-40:])
    assert not train.mask[:10].any() and train.mask[10:].all() and validation.reset.sum() == 1


def test_a_long_series_is_kept_once():
    data = MackeyGlass(steps=20_000).data(0, 1)
    train = data.batch(0)
    assert np.shares_memory(train.inputs, train.targets) and np.shares_memory(train.inputs, data.batch(5).inputs)
    assert train.inputs.base is not None and np.shares_memory(data.validation.inputs, data.validation.targets)


# --- cutting ----------------------------------------------------------------------------------------------------------


def test_parts_by_hand():
    rows = np.arange(10.0).reshape(10, 1, 1)
    pairs = pair_up(rows, rows, 2)
    test = part(pairs, (6, 10), washout=0, lead_in=3)
    assert test.inputs.ravel().tolist() == [3, 4, 5, 6, 7] and test.targets.ravel().tolist() == [5, 6, 7, 8, 9]
    assert test.mask.ravel().tolist() == [False, False, False, True, True]
    back = part(pair_up(rows, rows, -2), (6, 10), washout=0, lead_in=3)
    assert back.inputs.ravel().tolist() == [5, 6, 7, 8, 9] and back.targets.ravel().tolist() == [3, 4, 5, 6, 7]
    assert back.mask.ravel().tolist() == [False, False, False, True, True]
    with pytest.raises(ValueError, match="washout"):
        part(pairs, (6, 10), washout=9)
    with pytest.raises(ValueError, match="horizon"):
        part(pairs, (8, 10), washout=0)


def test_stretches_side_by_side_by_hand():
    rows = np.arange(12.0).reshape(12, 1, 1)
    whole = part(pair_up(rows, rows, 1), (0, 12), washout=1)  # 11 pairs
    batch = side_by_side(whole, 2, washout=1)
    assert batch.inputs[:, :, 0].T.tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    assert (
        batch.mask.T.tolist() == [[False, True, True, True, True]] * 2 and batch.reset.tolist() == [True] + [False] * 4
    )
    with pytest.raises(ValueError, match="'batch_size' parameter must be at most 5"):
        side_by_side(whole, 6, washout=1)


# --- weather: New York ------------------------------------------------------------------------------------------------


def new_york_rows():
    packed = ROOT / "neuroperturb/tasks/data/weather_lga_2013.csv.gz"
    with gzip.open(packed, "rt") as file:
        rows = list(csv.DictReader(file))
    hours = np.array([r["hour_utc"] for r in rows], dtype="datetime64[h]").astype(int)
    return hours, np.array([float(r["temp"]) for r in rows])


@pytest.mark.parametrize("horizon", [1, 24])
def test_new_york_pairs_are_real_hours_of_one_segment(horizon):
    """Each scored pair of New York, recomputed from the file row by row."""
    hours, temp = new_york_rows()
    breaks = [0, *(k for k in range(1, len(hours)) if hours[k] - hours[k - 1] != 1), len(hours)]
    low, high = temp[:6480].min(), temp[:6480].max()
    washout = 24
    for sequence, start, stop in zip(
        (lambda d: (d.batch(0), d.validation, d.test))(Weather(horizon=horizon).data(0, 1)),
        (0, 6480, 7200),
        (6480, 7200, len(hours)),
        strict=True,
    ):
        wanted = []
        for begin, end in itertools.pairwise(breaks):
            # the lead-in has warmed the state up in the segment that a part cuts through
            first = begin + washout if begin >= start or start == 0 else max(begin + washout, start)
            wanted += [(temp[t], temp[t + horizon]) for t in range(max(first, start), min(end, stop) - horizon)]
        got = np.stack([sequence.inputs[sequence.mask][:, 0], sequence.targets[sequence.mask][:, 0]], axis=1)
        assert got == pytest.approx((np.array(wanted) - low) / (high - low), abs=1e-12)


def test_new_york_resets_at_gaps_only():
    data = Weather().data(0, 1)
    assert data.batch(0).reset.sum() == 10 and data.n_in == 6 and data.n_out == 1
    since = 99
    for reset, scored in zip(data.test.reset, data.test.mask[:, 0], strict=True):
        since = 0 if reset else since + 1
        assert not (scored and since < 24)
    assert data.batch(0).inputs.min() == 0 and data.batch(0).inputs.max() == 1


def test_weather_batches_show_stretches_side_by_side():
    one, four = Weather().data(0, 1).batch(0), Weather().data(0, 4).batch(0)
    steps = len(one.inputs) // 4
    assert four.inputs.shape == (steps, 4, 6)
    assert np.array_equal(four.inputs[:, 2], one.inputs[2 * steps : 3 * steps, 0])
    assert not four.mask[:24].any() and four.mask.any(axis=0).all()


# --- weather: files ---------------------------------------------------------------------------------------------------

HEADER = [
    "date", "Visibility", "DryBulbFarenheit", "DryBulbCelsius", "WetBulbFarenheit", "DewPointFarenheit",
    "DewPointCelsius", "RelativeHumidity", "WindSpeed", "WindDirection", "StationPressure", "Altimeter",
    "WetBulbCelsius",
]  # fmt: skip


@pytest.fixture
def table():
    """300 rows in the published layout; the dry bulb counts the rows."""
    values = np.random.default_rng(0).random((300, 12)).round(3)
    values[:, 1] = np.arange(300)
    return [HEADER, *([f"1/1/2010 {k}:00", *map(str, row)] for k, row in enumerate(values))]


def write(path, rows):
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")
    return Weather(path=path, split=200, horizon=3, washout=0, lead_in=10)


def test_file_layout(tmp_path, table):
    data = write(tmp_path / "w.csv", table).data(0, 1)
    assert data.n_in == 9 and data.batch(0).inputs.shape == (177, 1, 9)
    bulb = np.arange(300) / 179  # min–max of the 180 training rows
    assert data.batch(0).targets[:, 0, 0] == pytest.approx(bulb[3:180])
    scored = data.test.mask[:, 0]
    assert data.test.inputs[scored, 0, 1] == pytest.approx(bulb[200:297])
    assert data.test.targets[scored, 0, 0] == pytest.approx(bulb[203:300])
    assert data.trivial()["persistence"]["test"] == pytest.approx((3 / 179) ** 2)
    celsius = [HEADER.index(name) for name in weather.DROPPED_COLUMNS]
    without = [[cell for k, cell in enumerate(row) if k not in celsius] for row in table]
    again = write(tmp_path / "without.csv", without).data(0, 1)
    assert np.array_equal(again.test.inputs, data.test.inputs)


def test_later_rows_do_not_touch_training(tmp_path, table):
    before = write(tmp_path / "a.csv", table).data(0, 1)
    changed = [row if k <= 180 else [row[0], *(str(1 + float(c)) for c in row[1:])] for k, row in enumerate(table)]
    after = write(tmp_path / "b.csv", changed).data(0, 1)
    assert np.array_equal(before.batch(0).inputs, after.batch(0).inputs)
    assert np.array_equal(before.batch(0).targets, after.batch(0).targets)


def spoil(table, row, column, value):
    rows = [list(r) for r in table]
    rows[row][HEADER.index(column)] = value
    return rows


@pytest.mark.parametrize("value", ["nan", "", "M", "inf"])
def test_a_value_that_is_no_number_is_named(tmp_path, table, value):
    task = write(tmp_path / "w.csv", spoil(table, 41, "WindSpeed", value))
    with pytest.raises(ValueError, match=r"'path'.*w\.csv.*line 42, column 'WindSpeed'"):
        task.data(0, 1)
    write(tmp_path / "w.csv", spoil(table, 41, "DewPointCelsius", value)).data(0, 1)  # a column that is dropped


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (lambda t: [[c for k, c in enumerate(r) if k != 11] for r in t], "lacks the column Altimeter"),
        (lambda t: [[*r, r[1]] for r in t], "two columns 'Visibility'"),
        (lambda t: [[*r, "Colour"] for r in t], "a column that is unknown, 'Colour'"),
        (lambda t: [*t[:9], t[9][:5], *t[10:]], "5 values instead of 13 in line 10"),
        (lambda t: t[:1], "has no rows below its column names"),
        (lambda t: [[]], "is empty"),
        (lambda t: [["a", "b"], ["1", "2"]], "lacks the columns Visibility"),
    ],
)
def test_a_wrong_layout_is_named(tmp_path, table, rows, sentence):
    task = write(tmp_path / "w.csv", rows(table))
    with pytest.raises(ValueError, match=f"'path' parameter of Weather .*{sentence}") as raised:
        task.data(0, 1)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_none_is_named(tmp_path):
    (tmp_path / "bytes.csv").write_bytes(bytes(range(256)) * 9)
    for path, why in (("none.csv", "cannot be opened"), ("bytes.csv", "not a text file"), (".", "cannot be opened")):
        with pytest.raises(ValueError, match=f"'path' parameter of Weather .*{why}"):
            Weather(path=str(tmp_path / path)).data(0, 1)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"horizon": 300}, "'horizon' parameter of Weather must be smaller than the 300 hourly rows"),
        ({"horizon": 20}, "'horizon' parameter of Weather must be smaller than the 20 validation rows"),
        ({"split": 300}, "'split' parameter of Weather must be smaller than the 300 rows"),
        ({"split": None}, "'split' parameter of Weather .* Got 33600"),
        ({"split": 298}, "smaller than the 2 test rows"),
        ({"washout": 250}, "'washout' parameter must be shorter"),
    ],
)
def test_parts_that_do_not_fit_are_named(tmp_path, table, change, sentence):
    task = write(tmp_path / "w.csv", table).replace(**change)
    with pytest.raises(ValueError, match=sentence):
        task.data(0, 1)


@needs_wth
@pytest.mark.parametrize(("horizon", "persistence", "ridge"), [(1, 5.97e-4, 5.64e-4), (24, 5.81e-3, 4.14e-3)])
def test_published_figures_of_the_weather_file(horizon, persistence, ridge):
    data = Weather(path=str(WTH), horizon=horizon).data(0, 1)
    assert data.trivial()["persistence"]["test"] == pytest.approx(persistence, rel=2e-3)
    assert linear_fit(data) == pytest.approx(ridge, rel=2e-3)
    assert data.batch(0).inputs.shape == (30_240 - horizon, 1, 9)
    assert data.validation.mask.sum() == 3360 - horizon and data.test.mask.sum() == 35_064 - 33_600 - horizon
