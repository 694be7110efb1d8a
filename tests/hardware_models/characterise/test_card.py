"""Device cards: every number against a closed form or the cells themselves; the page, the table, the command."""

from __future__ import annotations

import csv
import functools
import importlib
import math
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from typer.testing import CliRunner

import hardware_models as hw
from hardware_models.ageing import Ageing, Drift, Leak
from hardware_models.characterise.card import PULSES, SIDE
from hardware_models.characterise.parameter_list import parameters
from hardware_models.characterise.read_error import TYPICAL, read_error
from hardware_models.characterise.step_curves import step_curves
from hardware_models.characterise.year import YEAR, year
from hardware_models.programming import Error, GenericNoise
from hardware_models.reading.converters import Converter
from hardware_models.reading.reading import ConstantReadNoise, Reading
from neuroperturb.cli import app as cli
from neuroperturb.cli import terminal
from neuroperturb.results.figures import device_card

card_parts = importlib.import_module("hardware_models.characterise.card")  # hw.card is the function

# Soft bounds by another name, so that all cards share compiled kernels: f = 1 − w/b on either side.
ALIKE = {"dw_min_std": 0.0, "dw_min_dtod": 0.0, "up_down_dtod": 0.0, "w_max_dtod": 0.0, "w_min_dtod": 0.0}
SOFT = hw.LinearStep(
    dw_min=0.01, up_down=0.2, w_max=1.0, w_min=-0.8, gamma_up=1.0, gamma_down=1.0, gamma_up_dtod=0.0, gamma_down_dtod=0.0,
    multiplicative_noise=True, mean_bound_reference=False, **ALIKE,
)  # fmt: skip
SPREAD = replace(SOFT, dw_min_std=0.5, dw_min_dtod=0.2, up_down_dtod=0.05, w_max_dtod=0.2, w_min_dtod=0.2)
LEAKING = hw.Hardware(cells=SPREAD, time=Ageing(leak=Leak(lifetime=3600.0)))
WRITTEN = hw.Hardware(
    programming=GenericNoise(programming=Error(magnitude=0.01), reading=Error(magnitude=0.02)), weight=hw.DifferentialPair()
)  # fmt: skip


@functools.lru_cache
def card(of, seed=0):
    return hw.card(of, seed=seed)


# ----------------------------------------------------------------------------------------------------------------------
# Pulses


def test_pulses_of_equal_cells():
    """w ← w + s (1 − w/b):  after p pulses up b (1 − (1 − s/b)^p), and from there down the same towards −0.8."""
    pulses, p = card(SOFT).pulses, np.arange(PULSES + 1)
    up = 1 - (1 - 0.01) ** p
    down = -0.8 + (up[-1] + 0.8) * (1 - 0.008 / 0.8) ** p
    expected = np.concatenate([up, down[1:]])
    assert np.allclose(pulses.mean, expected, atol=2e-5)  # single precision, 800 pulses
    assert np.allclose(pulses.percentiles, expected[:, None], atol=2e-5)
    assert np.allclose(pulses.traces, expected[:, None], atol=2e-5)
    assert pulses.std.max() < 1e-6


def test_pulses_are_those_of_the_array():
    pulses = card(SPREAD).pulses
    array = hw.SynapseArray((SIDE, SIDE), SPREAD, weight_scale=1.0)
    array.program(np.zeros((SIDE, SIDE)))
    for _ in range(3):
        array.pulse(1)
    w = array.read().ravel().astype(float)
    assert pulses.mean[3] == pytest.approx(w.mean())
    assert pulses.std[3] == pytest.approx(w.std())
    assert np.allclose(pulses.percentiles[3], np.percentile(w, [5, 25, 50, 75, 95]))
    assert np.array_equal(pulses.traces[3], w[:2])


def test_steps_of_equal_cells():
    steps = card(SOFT).steps
    assert np.allclose(steps.up.mean, 0.01 * (1 - steps.w), atol=1e-9)
    assert np.allclose(steps.down.mean, 0.008 * (1 + steps.w / 0.8), atol=1e-9)
    assert np.allclose([steps.up.low, steps.up.high], steps.up.mean, atol=1e-9)
    assert not np.any([steps.up.between_pulses, steps.down.between_pulses])
    assert (steps.holding == 1).all()


def test_steps_of_different_cells():
    """Over the cells that hold a weight: mean, 16 and 84 %, and the noise c |step| of each."""
    steps, chip = card(SPREAD).steps, SPREAD.fabricate((1, SIDE, SIDE), 0, 0)
    for k in (0, 11, 20, 33, 40):
        w = steps.w[k]
        holds = (chip.bound_low <= w) & (w <= chip.bound_up)
        up, down = (chip.step_up * (1 - chip.a * w))[holds], (chip.step_down * (1 - chip.b * w))[holds]
        for found, size in ((steps.up, up), (steps.down, down)):
            assert found.mean[k] == pytest.approx(size.mean(), rel=1e-5)
            assert (found.low[k], found.high[k]) == pytest.approx(tuple(np.quantile(size, [0.16, 0.84])), rel=1e-4)
            assert found.between_pulses[k] == pytest.approx(0.5 * np.sqrt(np.mean(size**2)), rel=1e-5)
        assert steps.holding[k] == pytest.approx(holds.mean())
    assert steps.holding[20] > steps.holding[40]


def test_symmetry_point():
    """w* = (s_up − s_down) / (s_up/b_max − s_down/b_min), cell by cell."""
    one = card(SOFT).symmetry
    assert one.mean == pytest.approx(0.002 / (0.01 / 1.0 + 0.008 / 0.8), abs=1e-6)
    assert (one.share, one.std) == (1.0, pytest.approx(0, abs=1e-7))
    found, chip = card(SPREAD).symmetry, SPREAD.fabricate((1, SIDE, SIDE), 0, 0)
    expected = (chip.step_up - chip.step_down) / (chip.step_up / chip.bound_up - chip.step_down / chip.bound_low)
    assert np.allclose(found.points, expected.ravel(), atol=1e-5)
    never = card(replace(SOFT, gamma_up=0.0, gamma_down=0.0)).symmetry  # steps up are larger everywhere
    assert never.share == 0
    assert math.isnan(never.mean)


def test_states_and_asymmetry():
    size = card(SOFT).size
    assert (size.low, size.high) == (-0.8, 1.0)
    assert size.step == pytest.approx(0.009)
    assert size.states == size.distinct == pytest.approx(1.8 / 0.009)
    assert (size.asymmetry, size.asymmetry_std) == (pytest.approx(0.002 / 0.018), pytest.approx(0, abs=1e-7))
    noisy = card(replace(SOFT, dw_min_std=3.0)).size
    sigma = 3 * math.sqrt((0.01**2 + 0.008**2) / 2)
    assert noisy.distinct == pytest.approx(1.8 / (2 * sigma), rel=1e-6)
    chip = SPREAD.fabricate((1, SIDE, SIDE), 0, 0)
    ratio = (chip.step_up - chip.step_down) / (chip.step_up + chip.step_down)
    assert card(SPREAD).size.asymmetry_std == pytest.approx(ratio.std(), rel=1e-4)


def test_cells_of_bits():
    """15 levels, one a pulse."""
    cell = hw.Digital(bits=4)
    array = hw.SynapseArray((SIDE, SIDE), cell, weight_scale=1.0)
    steps = step_curves(array)
    assert np.allclose(steps.up.mean, 1 / 7)
    size = card_parts._size(cell, steps)
    assert (size.states, size.distinct, size.low, size.high) == (15, 15, -1, 1)
    assert card_parts.pulse_response(array, pulses=8).mean == pytest.approx(
        [min(k, 7) / 7 for k in range(9)] + [1 - k / 7 for k in range(1, 9)], abs=1e-6
    )


# ----------------------------------------------------------------------------------------------------------------------
# Programming, reads, time


def test_programming_of_cells_written_once():
    """Two cells of 10 µS each, over a range of 900 µS: √2/90 at every target, within 4 standard errors."""
    found, expected = card(WRITTEN).programmed, math.sqrt(2) * 10 / 900
    cells = SIDE * SIDE
    assert np.sqrt(np.mean(found.std**2)) == pytest.approx(expected, rel=4 / math.sqrt(2 * cells) + 1 / 256)
    assert np.abs(found.mean_error).max() < 4.5 * expected / math.sqrt(cells / 32)  # 32 levels
    assert found.target[[0, -1]].tolist() == [-1, 1]
    assert card(SPREAD).programmed is None


def test_a_read_is_exact_where_nothing_is_wrong():
    exact = read_error(hw.Hardware(cells=SOFT, reading=Reading()))
    assert exact.rms < 1e-6
    assert exact.parts == {}
    assert not exact.typical


def test_errors_of_a_read():
    """An ADC is off by step/√12, output noise by its σ, weight noise by σ |x|: each alone, and squares add."""
    reading = Reading(
        adc=Converter(bits=8, bound=10.0), output_noise_std=0.05, weight_noise=ConstantReadNoise(std=0.01)
    )
    found = read_error(hw.Hardware(cells=SOFT, reading=reading))
    signal = np.sqrt(np.mean(found.exact**2))
    x = math.sqrt(SIDE / 3)  # size of SIDE inputs, uniform in ±1
    expected = {"ADC": 10 / 127 / math.sqrt(12), "weight noise": 0.01 * x, "output noise": 0.05}
    assert set(found.parts) == set(expected)
    for name, error in expected.items():
        assert found.parts[name] * signal == pytest.approx(error, rel=4 / math.sqrt(2 * SIDE**2) + 0.01)
    together = math.sqrt(sum(error**2 for error in expected.values()))
    assert found.rms * signal == pytest.approx(together, rel=0.05)
    assert np.std(found.exact) == pytest.approx(0.8 / 4 * x, rel=0.05)  # weights: a quarter of the smaller bound


def test_hardware_without_a_reading_gets_a_typical_one():
    found = card(SPREAD).read
    assert found.typical
    assert found.parts.keys() == {"DAC", "ADC", "output noise"}
    assert found.rms == read_error(hw.Hardware(cells=SPREAD, reading=TYPICAL)).rms


def test_noise_of_cells_is_a_part_of_the_read():
    """Every device reads with 20 µS of noise, two a weight of 900 µS."""
    found = card(WRITTEN).read
    expected = math.sqrt(2) * 20 / 900 * math.sqrt(SIDE / 3) / np.sqrt(np.mean(found.exact**2))
    assert found.parts["cells"] == pytest.approx(expected, rel=4 / math.sqrt(2 * SIDE**2) + 0.02)
    squares = sum(part**2 for part in found.parts.values())
    assert found.rms**2 == pytest.approx(squares, rel=0.1)


def test_a_year_of_drift():
    """All cells shrink alike: what is left is ((t + t0)/t0)^−ν, and one factor makes up for it."""
    found = year(hw.Hardware(cells=SOFT, time=Ageing(drift=Drift(nu=0.05, t0=20.0))))
    left = ((found.times + 20) / 20) ** -0.05
    assert found.times[-1] == pytest.approx(YEAR)
    assert np.allclose(found.left, left, rtol=1e-5)
    assert np.allclose(found.error, 1 - left, atol=1e-5)
    assert found.compensated.max() < 1e-5
    assert np.allclose(found.percentiles[:, -1], left[:, None], rtol=1e-5)
    assert found.levels.tolist() == pytest.approx([-0.8, -0.35, 0.1, 0.55, 1.0])


def test_a_year_that_changes_nothing_and_one_that_ends():
    assert year(hw.Hardware(cells=SOFT)) is None
    assert year(hw.Hardware(cells=SOFT, time=Ageing())) is None
    assert year(hw.PRESETS["generic-noise"].hardware) is None
    sonos = year(hw.PRESETS["sonos"].hardware)
    assert 86400 < sonos.times[-1] <= 5 * 86400
    gone = card(LEAKING).year
    assert gone.left[-1] == 0
    assert gone.error[-1] == gone.compensated[-1] == 1


# ----------------------------------------------------------------------------------------------------------------------
# Words and pages


def test_a_card_is_of_a_chip():
    assert np.array_equal(hw.card(SPREAD, seed=3).symmetry.points, card(SPREAD, 3).symmetry.points)
    assert not np.array_equal(card(SPREAD).symmetry.points, card(SPREAD, 3).symmetry.points)


def test_the_table_says_everything():
    lines = str(card("capacitor")).splitlines()
    assert lines[0] == "capacitor: capacitor cell, leaks within seconds"
    assert lines[1].startswith("Y. Li et al.")
    assert max(map(len, lines)) <= 118
    starts = [line.split("  ")[0] for line in str(card(LEAKING)).splitlines()]
    for name in ("range", "step", "states", "asymmetry", "symmetry", "pulses", "read", "1 year", "parameters"):
        assert name in starts
    assert "0.0% after a year" in str(card(LEAKING))
    assert "no drift" in str(card(SOFT))
    assert "closed loop  default threshold 0.1, the write noise" in str(card("reram-es"))
    assert "none: cells are programmed" in str(card(WRITTEN))


@pytest.mark.parametrize("name", hw.PRESETS)
def test_parameters_of_every_preset(name):
    rows = dict(parameters(hw.PRESETS[name].hardware))
    assert rows["cells"] == type(hw.PRESETS[name].cells).__name__
    assert all(value for value in rows.values())


def test_parameters_are_what_differs_from_the_defaults():
    made_of = hw.Hardware(cells=hw.Digital(bits=4), time=Ageing(leak=Leak(lifetime=2.0)), weight=hw.DifferentialPair())
    assert parameters(made_of) == [
        ("cells", "Digital"), ("bits", "4"), ("weight", "DifferentialPair"), ("time", "Ageing"), ("time.leak", "Leak"),
        ("time.leak.lifetime", "2"),
    ]  # fmt: skip
    tables = hw.Measured(mean_up=(1.0,) * 9, mean_down=(1.0,) * 9, source="a.csv")
    assert parameters(hw.Hardware(cells=tables))[1:] == [("mean_up", "(9 numbers)"), ("mean_down", "(9 numbers)")]


PULSED = ["Response to pulses", "Step against weight"]
READ = ["Read error", "Sources of the read error"]


@pytest.mark.parametrize(
    ("of", "without", "titles"),
    [
        (SOFT, (), [*PULSED, "Symmetry point", *READ, "Parameters"]),
        (SOFT, ("symmetry",), [*PULSED, *READ, "Parameters"]),  # as cells of bits
        (LEAKING, (), [*PULSED, "Symmetry point", *READ, "A year", "Parameters"]),
        (WRITTEN, (), ["Programming", *READ, "Parameters"]),
    ],
    ids=["soft", "bits", "leaking", "written"],
)
def test_the_page_shows_what_there_is(of, without, titles, tmp_path):
    shown, before = replace(card(of), **dict.fromkeys(without)), dict(matplotlib.rcParams)
    page = device_card.figure(shown)
    assert [ax.get_title(loc="left").split(":")[0] for ax in page.axes] == titles
    path = device_card.save(shown, tmp_path / "a.png")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert dict(matplotlib.rcParams) == before


def command(*arguments):
    return CliRunner().invoke(cli.app, ["device", *map(str, arguments)])


def test_the_command_prints_and_draws(tmp_path):
    result = command("capacitor", "--out", tmp_path / "new", "--seed", 3)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("capacitor: capacitor cell")
    assert f"figure  {tmp_path / 'new' / 'capacitor.png'}" in result.output
    assert (tmp_path / "new" / "capacitor.png").exists()


def test_measured_pulses_have_a_card(tmp_path, monkeypatch):
    rows = [(f"d{k % 3}", way, 5 + k % 7, 5 + k % 7 + way * (1 + k % 2)) for way in (1, -1) for k in range(60)]
    with open(tmp_path / "lab.csv", "w", newline="") as file:
        csv.writer(file).writerows([("device", "direction", "before", "after"), *rows])
    assert card_parts._described(hw.Measured.from_csv(tmp_path / "lab.csv"))[:2] == (
        "lab.csv", "120 pulses of 3 devices, 3 … 13",
    )  # fmt: skip
    shown = card(SOFT)
    monkeypatch.setattr(hw, "card", lambda of, seed: replace(shown, name=f"{type(of).__name__} on {seed}"))
    result = command(tmp_path / "lab.csv", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("str on 0")  # the card reads the pulses itself, to draw them
    assert (tmp_path / "lab.png").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ecrm"], "There is no device 'ecrm'. Did you mean 'ecram'?"),
        (["soft-bound"], "There is no device 'soft-bound'. Did you mean 'soft-bounds' or 'soft-bounds-reference'?"),
        (["xyzzy"], "There is no device 'xyzzy'. Known: reram-es, reram-sb"),
        (["none.csv"], "The file 'none.csv' cannot be read: No such file or directory."),
        (["bad.csv"], "The file 'bad.csv' has no column 'before'."),
        (["capacitor", "--out", "bad.csv"], "'bad.csv', which is a file: choose a folder"),
    ],
)
def test_bad_input_is_one_sentence(arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text("device,direction\n")
    result = command(*arguments)
    assert result.exit_code == terminal.BAD_INPUT
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_card_of_measured_pulses_shows_them(tmp_path):
    """Every pulse as a point, in the units of the cell: on its curves, where pulses have no noise."""
    up = 2 + 18 * (1 - np.exp(-np.arange(41) / 10)) / (1 - np.exp(-4))
    data = hw.PulseData.from_traces(up, 22 - up, unit="µS")
    shown = hw.card(data)
    points, cell = shown.measured, shown.hardware.cells
    assert cell == hw.Measured.from_pulses(data)
    assert len(points.up) == len(points.down) == 40
    curves, inner = shown.steps, slice(1, -2)
    assert np.allclose(np.interp(points.up_from, curves.w, curves.up.mean)[inner], points.up[inner], atol=0.003)
    assert np.allclose(np.interp(points.down_from, curves.w, curves.down.mean)[inner], points.down[inner], atol=0.003)
    path = tmp_path / "pulses.csv"
    path.write_text("\n".join(f"{g!r},{h!r}" for g, h in zip(up.tolist(), (22 - up).tolist())), encoding="utf-8")
    by_file = hw.card(str(path))
    assert np.array_equal(by_file.measured.up, points.up)
    assert "ramps off by" in by_file.publication
    assert card("ideal").measured is None
