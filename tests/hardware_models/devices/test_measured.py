"""Measured cells: tables from pulses made by known cells, by hand, and from files that are wrong."""

from __future__ import annotations

import csv
import dataclasses
import functools
import itertools
import math
import tomllib
from typing import NamedTuple

import numpy as np
import pytest
import tomli_w
from scipy import stats

import hardware_models as hw
from hardware_models import check_device
from hardware_models.devices import step_tables
from hardware_models.devices.pulse_data import HEADERS
from hardware_models.numerics.compiled import COMPILED

LOW, HIGH = 2.0, 20.0  # µS, of w = −1 and 1
RANGE = {"w_max": 1.0, "w_min": -1.0}
ALIKE = {"dw_min_dtod": 0.0, "up_down_dtod": 0.0, "w_max_dtod": 0.0, "w_min_dtod": 0.0}
SOFT = hw.SoftBounds(dw_min=0.02, dw_min_std=0.3, **RANGE, **ALIKE)
LINEAR = hw.LinearStep(
    dw_min=0.01, dw_min_std=0.8, gamma_up=0.5, gamma_down=0.3, gamma_up_dtod=0, gamma_down_dtod=0, **RANGE, **ALIKE
)
GRID = np.linspace(-1, 1, 33)


class Made(NamedTuple):
    """Pulses that known cells gave, (pulses, devices), and the cells."""

    before: np.ndarray
    after: np.ndarray
    ways: np.ndarray
    cells: object

    @property
    def data(self):
        devices = np.broadcast_to(np.arange(self.before.shape[1]), self.before.shape)
        up = np.broadcast_to(self.ways[:, None] > 0, self.before.shape)
        g = lambda w: LOW + (HIGH - LOW) * (w.ravel() + 1) / 2  # noqa: E731
        return hw.PulseData(g(self.before), g(self.after), up.ravel(), devices.ravel(), "µS", "made")

    def steps(self, name):
        """The step of each device at w = 0, (devices,)."""
        return getattr(self.cells, name)[0, 0, : self.before.shape[1]]


@functools.lru_cache
def measure(cell, devices=32, ramp=200, cycles=2, seed=5):
    """Ramps up and down, one device a row of the array, every pulse read before and after."""
    array = hw.SynapseArray((devices, 1), cell, dtype=np.float64, seed=seed, weight_scale=1.0)
    array.program(np.zeros((devices, 1)))
    ways, read = np.repeat([1, -1] * cycles, ramp), [array.read()[:, 0]]
    for way in ways:
        array.pulse(int(way))
        read.append(array.read()[:, 0])
    return Made(np.array(read[:-1]), np.array(read[1:]), ways, array.state.cells)


def write(path, data, header=("device", "direction", "conductance before [uS]", "conductance after [uS]")):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for before, after, up, device in zip(*data[:4], strict=True):
            writer.writerow([f"d{device}", "up" if up else "down", repr(float(before)), repr(float(after))])
    return path


def curve(cell, name):
    return cell.dw_min * np.array(getattr(cell, name))


# ----------------------------------------------------------------------------------------------------------------------
# Known cells, measured


@pytest.mark.parametrize(
    ("cell", "up", "down"),
    [(SOFT, lambda w: 0.02 * (1 - w), lambda w: 0.02 * (1 + w)),
     (LINEAR, lambda w: 0.01 * (1 - 0.5 * w), lambda w: 0.01 * (1 + 0.3 * w))],
    ids=["soft bounds", "linear step"],
)  # fmt: skip
@pytest.mark.parametrize("between", [0.0, 0.2])
def test_mean_and_spread_of_known_cells(tmp_path, cell, up, down, between):
    """Curves within 5 % of a step, root mean square over the range, of the mean of these very devices; spreads within 10 %."""
    made = measure(dataclasses.replace(cell, dw_min_dtod=between), ramp=240)
    found = hw.Measured.from_csv(write(tmp_path / "pulses.csv", made.data), limits=(LOW, HIGH))
    inner = slice(1, -1)  # the last step before a hard bound ends there
    for name, truth in (("up", up), ("down", down)):
        expected = truth(GRID) * made.steps(f"step_{name}").mean() / cell.dw_min
        error = (curve(found, f"mean_{name}") - expected)[inner]
        assert np.sqrt(np.mean(error**2)) < 0.05 * cell.dw_min
        noise = truth(GRID) if cell is SOFT else np.full(33, cell.dw_min)  # multiplicative, additive
        spread = found.dw_min_std * curve(found, f"spread_{name}")
        ratio = (spread**2).sum() / (cell.dw_min_std**2 * (noise**2).sum())
        assert ratio == pytest.approx(1, abs=0.2)
    assert found.dw_min_dtod == pytest.approx(made.steps("step_up").std(ddof=1) / cell.dw_min, abs=0.02)
    assert found.up_down_dtod < 0.03
    assert found.write_noise_std == found.corrupt_prob == found.w_max_dtod == 0
    assert found.source == f"pulses.csv: {made.before.size} pulses of 32 devices, 2 … 20 uS"


def test_the_asymmetry_of_devices_is_told_from_their_common_spread():
    made = measure(dataclasses.replace(SOFT, dw_min_dtod=0.3, up_down_dtod=0.15), devices=64)
    found = hw.Measured.from_pulses(made.data, limits=(LOW, HIGH))
    up, down = made.steps("step_up"), made.steps("step_down")
    up, down = up / up.mean(), down / down.mean()
    assert found.dw_min_dtod == pytest.approx(((up + down) / 2).std(ddof=1), abs=0.02)
    assert found.up_down_dtod == pytest.approx(((up - down) / 2).std(ddof=1), abs=0.02)


def test_noise_between_pulses_is_no_spread_between_devices():
    """Five steps of noise a pulse: the slopes of equal devices differ by a tenth, which their own errors explain."""
    made = measure(dataclasses.replace(LINEAR, dw_min_std=5.0), devices=64, ramp=600, cycles=1)
    tables = step_tables.fit(made.data, limits=(LOW, HIGH))
    assert tables.gain_dtod < 0.08
    assert tables.asymmetry_dtod < 0.08


def test_noisy_reads_are_told_from_noisy_pulses():
    """Reads off by 5 steps: the curve has no restoring force that is not there, and the pulses no noise."""
    made = measure(dataclasses.replace(SOFT, dw_min_std=0.0, write_noise_std=5.0))
    found = hw.Measured.from_pulses(made.data, limits=(LOW, HIGH))
    assert found.write_noise_std * found.dw_min == pytest.approx(0.1, rel=0.04)
    for name, sign in (("mean_up", -1), ("mean_down", 1)):
        error = curve(found, name) - 0.02 * (1 + sign * GRID)
        assert np.sqrt(np.mean(error**2)) < 0.1 * 0.02
    assert found.dw_min_std < 1.5  # steps; the reads alone are 5


def test_bounds_of_devices_pulsed_to_their_ends():
    made = measure(
        dataclasses.replace(SOFT, w_max_dtod=0.2, w_min_dtod=0.1, dw_min_std=0.0), devices=40, ramp=300, cycles=1
    )
    found = hw.Measured.from_pulses(made.data, own_bounds=True)
    upper, lower = (getattr(made.cells, name)[0, 0, :40] for name in ("bound_up", "bound_low"))
    share = lambda x: x.std(ddof=1) / (np.median(upper) - np.median(lower)) * 2  # noqa: E731
    assert found.w_max_dtod == pytest.approx(share(upper), rel=0.05)
    assert found.w_min_dtod == pytest.approx(share(lower), rel=0.05)
    assert hw.Measured.from_pulses(made.data).w_max_dtod == 0


def test_devices_that_never_move_are_corrupt_cells():
    made = measure(SOFT, devices=20)
    stuck = made._replace(before=made.before.copy(), after=made.after.copy())
    stuck.before[:, :3] = stuck.after[:, :3] = 0.25
    found, healthy = (
        hw.Measured.from_pulses(m.data, limits=(LOW, HIGH))
        for m in (stuck, made._replace(before=made.before[:, 3:], after=made.after[:, 3:]))
    )
    assert found.corrupt_prob == pytest.approx(3 / 20)
    assert found.corrupt_range == pytest.approx(0.25)
    assert found.mean_up == healthy.mean_up


def test_the_range_is_the_median_of_what_devices_reach():
    made = measure(SOFT, devices=9)
    reached = [np.concatenate([made.before[:, d], made.after[:, d]]) for d in range(9)]
    low, high = (
        np.median([np.sort(r)[k] for r in reached])
        for k in (math.ceil(0.01 * reached[0].size) - 1, math.ceil(0.99 * reached[0].size) - 1)
    )
    limits = step_tables.fit(made.data).limits
    assert limits == pytest.approx([LOW + (HIGH - LOW) * (w + 1) / 2 for w in (low, high)])


# ----------------------------------------------------------------------------------------------------------------------
# By hand


def table(up, down, device=0):
    """Pulses from lists of conductances: each to the next."""
    pairs = [(g, h, True) for g, h in itertools.pairwise(up)] + [(g, h, False) for g, h in itertools.pairwise(down)]
    before, after, direction = (np.array(column) for column in zip(*pairs))
    return hw.PulseData(before, after, direction, np.full(len(before), device))


TENTHS = table([*range(11)], [*range(10, -1, -1)])


def test_equal_steps():
    """Ten steps of 1 from 0 to 10 and back: a tenth of the range each, exactly, and no noise."""
    cell = hw.Measured.from_pulses(TENTHS, nodes=5)
    assert cell.dw_min == pytest.approx(0.2, rel=1e-6)
    assert np.allclose([cell.mean_up, cell.mean_down], 1, rtol=1e-6)
    assert (cell.dw_min_std, cell.dw_min_dtod, cell.write_noise_std) == (0, 0, 0)
    assert cell.source == "pulses: 20 pulses of 1 device, 0 … 10"
    one_sided = hw.Measured.from_pulses(TENTHS, w_min=0.0, w_max=2.0, nodes=5)
    assert one_sided.dw_min == pytest.approx(0.2, rel=1e-6)


def test_half_of_the_way_at_every_pulse():
    """0, 5, 7.5 … up is half of what is left; 10, 7.5, 5.6 … down a quarter of what is there: straight lines."""
    up, down = [10 - 10 * 0.5**k for k in range(15)], [10 * 0.75**k for k in range(15)]
    found = step_tables.fit(table(up, down), nodes=9, limits=(0, 10))
    t = np.linspace(0, 1, 9)
    assert np.allclose(found.mean_up, 0.5 * (1 - t), atol=1e-6)
    assert np.allclose(found.mean_down, 0.25 * t, atol=1e-6)


def test_two_kinds_of_step():
    """Steps of 0.9 or 1.1 with equal frequency: mean 1, spread 0.1."""
    moves = np.tile(np.repeat([0.9, 1.1], 20), 400)
    before = np.tile(np.linspace(1, 9, 20), 800)
    sign = np.repeat([1, -1], 8000)
    found = step_tables.fit(hw.PulseData(before, before + sign * moves, sign > 0, np.zeros(16000, int)), limits=(0, 10))
    assert np.allclose(found.mean_up, 0.1, rtol=0.02)
    assert np.allclose(found.spread_up, 0.01, rtol=0.01)
    # residuals ±σ exactly, against a normal law: sup |F − Φ| = Φ(1) − ½
    assert found.goodness.ks == pytest.approx([stats.norm.cdf(1) - 0.5] * 2, abs=0.04)
    assert found.goodness.variance_ratio == pytest.approx([1, 1], abs=0.05)


def test_goodness_of_the_right_model():
    """A fifth held out: its variance as predicted, its distribution within what sampling allows."""
    good = step_tables.fit(measure(LINEAR, ramp=240).data, limits=(LOW, HIGH)).goodness
    assert good.pulses == 4 * 240 * 32
    for ratio, ks in zip(good.variance_ratio, good.ks, strict=True):
        assert ratio == pytest.approx(1, abs=0.08)
        assert ks < 0.04
    noise = measure(dataclasses.replace(LINEAR, dw_min_std=0.0), ramp=240)
    assert min(step_tables.fit(noise.data, limits=(LOW, HIGH)).goodness.r2) > 0.98


def test_ks_distance_is_that_of_scipy():
    rng = np.random.default_rng(3)
    one, other = np.round(rng.normal(size=300), 1), np.round(rng.normal(0.3, 1.2, size=170), 1)  # with ties
    assert step_tables.ks_distance(one, other) == pytest.approx(stats.ks_2samp(one, other).statistic, abs=1e-12)


# ----------------------------------------------------------------------------------------------------------------------
# The cell


CELL = hw.Measured(
    dw_min=0.02, dw_min_std=0.4, **RANGE, **ALIKE, mean_up=(2.0, 1.0, 0.1), mean_down=(0.3, 1.0, 1.8),
    spread_up=(0.5, 1.0, 1.5), spread_down=(1.0, 0.2, 2.0), source="by hand",
)  # fmt: skip


@pytest.mark.kernels
def test_trajectories_from_the_tables():
    cell = dataclasses.replace(CELL, dw_min_std=0.0, w_max_dtod=0.2, dw_min_dtod=0.2)
    array = hw.SynapseArray((4, 3), cell, dtype=np.float64, seed=2, weight_scale=1.0)
    array.program(np.zeros((4, 3)))
    w, c = array.state.cells.w[0, :, :4].copy(), array.state.cells
    for pulses in (9, -25, 3):
        array.pulse(pulses)
        sign, heights = (1, cell.mean_up) if pulses > 0 else (-1, cell.mean_down)
        step = (c.step_up if pulses > 0 else c.step_down)[0, :, :4]
        upper, lower = c.bound_up[0, :, :4], c.bound_low[0, :, :4]
        for _ in range(abs(pulses)):
            w += sign * step * np.interp((w - lower) / (upper - lower), [0, 0.5, 1], heights)
            w = np.clip(w, lower, upper)
        assert np.allclose(c.w[0, :, :4], w, rtol=0, atol=1e-12)


@pytest.mark.kernels
@pytest.mark.parametrize("direction", [1, -1])
def test_mean_and_variance_of_a_pulse(direction):
    side, w = 1000 if COMPILED else 30, -0.25  # t = 0.375, between the first two nodes
    array = hw.SynapseArray((side, side), CELL, dtype=np.float64, seed=2, weight_scale=1.0)
    array.program(np.full((side, side), w))
    array.pulse(direction)
    moved = direction * (array.read() - w)
    mean, spread = ((1.25, 0.875) if direction > 0 else (0.825, 0.4)) * np.array([0.02, 0.02 * 0.4])
    assert abs(moved.mean() - mean) < 4 * spread / side
    assert abs(moved.var() / spread**2 - 1) < 4 * math.sqrt(2) / side


@pytest.mark.kernels
def test_variance_adds_per_pulse():
    side = 300 if COMPILED else 30
    cell = hw.Measured(dw_min=0.01, dw_min_std=0.5, **RANGE, **ALIKE)
    array = hw.SynapseArray((side, side), cell, dtype=np.float64, seed=2, weight_scale=1.0)
    array.program(np.zeros((side, side)))
    array.pulse(16)
    moved = array.read()
    assert abs(moved.mean() - 0.16) < 4 * 0.02 / side
    assert abs(moved.var() / 0.02**2 - 1) < 4 * math.sqrt(2) / side


@pytest.mark.kernels
def test_it_keeps_the_contract_of_cells():
    check_device(CELL)
    check_device(hw.Measured())


def test_a_fitted_cell_keeps_it_and_repeats_what_was_measured():
    """The mean trajectory of new devices made from the tables is that of the devices measured, to 2 % of the range."""
    made = measure(dataclasses.replace(SOFT, dw_min_dtod=0.2), devices=128, cycles=1)
    found = hw.Measured.from_pulses(made.data, limits=(LOW, HIGH))
    check_device(found)
    again = measure(found, devices=128, cycles=1, seed=77)
    assert np.abs(again.after.mean(axis=1) - made.after.mean(axis=1)).max() < 0.04


def test_the_cell_is_its_record():
    found = hw.Measured.from_pulses(measure(SOFT, ramp=50).data)
    fields = dataclasses.asdict(found)
    text = tomllib.loads(tomli_w.dumps(fields))
    again = hw.Measured(**{k: tuple(v) if isinstance(v, list) else v for k, v in text.items()})
    assert again == found
    assert hash(again) == hash(found)
    assert found.goodness.startswith("R² ")
    assert not {"source", "goodness"} & set(found.numbers(np.float32)._fields)


# ----------------------------------------------------------------------------------------------------------------------
# Files


ROWS = [(f"d{k % 2}", way, 5 + k % 7, 5 + k % 7 + way) for way in (1, -1) for k in range(12)]
TEXT = "device,direction,before,after\n" + "\n".join(",".join(map(str, row)) for row in ROWS) + "\n"


def test_known_forms_of_a_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(TEXT, encoding="utf-8")
    plain = hw.read_pulses(path)
    assert plain.before[:3].tolist() == [5, 6, 7]
    assert plain.up.tolist() == [True] * 12 + [False] * 12
    assert plain.device.tolist() == [0, 1] * 12
    forms = {
        "bom": "\ufeff" + TEXT,
        "semicolons, comments and empty lines": "# lab 3\n" + TEXT.replace(",", ";").replace("\n", "\n\n"),
        "words": TEXT.replace(",1,", ",up,").replace(",-1,", ",RESET,"),
        "another order": "after, Before ,ID,Dir\n" + "\n".join(f"{h},{g},{d},{float(way):+}" for d, way, g, h in ROWS),
        "more columns": "run," + TEXT.replace("\nd", "\n7,d"),
    }
    for name, text in forms.items():
        path.write_text(text, encoding="utf-8")
        assert all(np.array_equal(x, y) for x, y in zip(hw.read_pulses(path), plain)), name
    path.write_text(
        TEXT.replace("before", "G_before (nS)").replace("after", "conductance-after [nS]"), encoding="utf-8"
    )
    assert hw.read_pulses(path).unit == "nS"


def test_every_name_of_a_column(tmp_path):
    for what, names in HEADERS.items():
        for name in names:
            (tmp_path / "a.csv").write_text(TEXT.replace(what, name), encoding="utf-8")
            assert len(hw.read_pulses(tmp_path / "a.csv").before) == 24


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: "", "The file 'a.csv' is empty."),
        (lambda t: "# nothing\n\n", "The file 'a.csv' is empty."),
        (lambda t: t.replace("after", "later"), "The file 'a.csv' has no column 'after'. Got 'device', 'direction',"),
        (lambda t: t.replace("after", "before"), "The file 'a.csv' must have one column 'before'. Got 2 instead."),
        (lambda t: t.replace("before", "before [nS]"), "The unit of 'after' in 'a.csv' must be that of 'before', 'nS'. Got ''"),
        (lambda t: t.replace("d0,1,7,8", "d0,1,7,8x"), "The 'after' field in line 4 of 'a.csv' must be a finite number. Got '8x'"),
        (lambda t: t.replace("d0,1,7,8", "d0,1,,8"), "The 'before' field in line 4 of 'a.csv' must be a finite number. Got ''"),
        (lambda t: t.replace("d0,1,7,8", "d0,1,inf,8"), "The 'before' field in line 4 of 'a.csv' must be a finite number. Got 'inf'"),
        (lambda t: t.replace("d0,1,7,8", "d0,1,7,nan"), "The 'after' field in line 4 of 'a.csv' must be a finite number. Got 'nan'"),
        (lambda t: t.replace("d0,1,7,8", "d0,2,7,8"), "The 'direction' field in line 4 of 'a.csv' must be up or down, +1 or −1."),
        (lambda t: t.replace("d0,1,7,8", ",1,7,8"), "The 'device' field in line 4 of 'a.csv' must be a name. Got nothing"),
        (lambda t: t.replace("d0,1,7,8", "d0,1,7"), "Line 4 of 'a.csv' must have 4 fields. Got 3 instead."),
        (lambda t: t.replace(",-1,", ",1,"), "The pulses of 'a.csv' must be 10 or more in each direction. Got 0 down instead."),
        (lambda t: t[: t.index("d0,-1")], "The pulses of 'a.csv' must be 10 or more in each direction. Got 0 down instead."),
        (lambda t: "\n".join(t.splitlines()[:6]), "The pulses of 'a.csv' must be 10 or more in each direction. Got 5 up instead."),
        (lambda t: t.splitlines()[0], "The pulses of 'a.csv' must be 10 or more in each direction. Got 0 up instead."),
        (lambda t: t.replace(",1,", ",x,").replace(",-1,", ",1,").replace(",x,", ",-1,"),
         "The pulses of 'a.csv' up must move the conductance up on average. Got a mean step of -1: is the 'direction' field"),
    ],
)  # fmt: skip
def test_files_that_are_wrong(tmp_path, change, sentence):
    path = tmp_path / "a.csv"
    path.write_text(change(TEXT), encoding="utf-8")
    with pytest.raises(ValueError) as error:
        hw.Measured.from_csv(path)
    assert str(error.value).startswith(sentence)
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ValueError, match=r"none\.csv' cannot be read: No such file"):
        hw.Measured.from_csv(tmp_path / "none.csv")
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"^The file 'a\.csv' is not text in UTF-8\.$"):
        hw.Measured.from_csv(tmp_path / "a.csv")


def same_place():
    up = TENTHS.up
    return TENTHS._replace(before=np.where(up, 3.0, TENTHS.before), after=np.where(up, 4.0, TENTHS.after))


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: hw.Measured.from_pulses(TENTHS, nodes=1), "The 'nodes' parameter of fit must be 2"),
        (lambda: hw.Measured.from_pulses(TENTHS, limits=(3, 3)), "The 'limits' parameter of fit must"),
        (lambda: hw.Measured.from_pulses(TENTHS, w_min=1.0), "The 'w_min' parameter of Measured must"),
        (lambda: hw.Measured.from_pulses(same_place()), "The pulses, up, must start from two or more conductances."),
        (lambda: hw.Measured(mean_up=(1.0,)).check(), "The 'mean_up' parameter of Measured must be a tuple of two or more"),
        (lambda: hw.Measured(mean_down=(1.0, -1.0)).check(), "The 'mean_down' parameter of Measured must be a tuple of two or more"),
        (lambda: hw.Measured(spread_up=(1.0,) * 3).check(), "The 'spread_up' parameter of Measured must be as long as 'mean_up', 2."),
        (lambda: hw.Measured(mean_up=(0.0, 0.0), mean_down=(0.0, 0.0)).check(), "The formulas of Measured must move a cell at w = 0."),
    ],
)  # fmt: skip
def test_what_cannot_be(build, sentence):
    with pytest.raises(ValueError) as error:
        build()
    assert str(error.value).startswith(sentence)
