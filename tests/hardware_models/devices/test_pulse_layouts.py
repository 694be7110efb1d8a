"""Layouts that files of pulsed conductance have: what each says, to the number, and the layout wanted where it says nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

import hardware_models as hw
from hardware_models.devices.pulse_data import PulseDataError
from hardware_models.devices.pulse_tables import turning_points

N = np.arange(65)
UP = 2 + 18 * (1 - np.exp(-N / 20)) / (1 - np.exp(-3.2))  # µS, 64 pulses from 2 to 20
DOWN = 22 - UP  # and back
H = "device,direction,conductance before [uS],conductance after [uS]"


def rows(sep=",", dec=".", dirs=("up", "down"), dev="A1"):
    return [
        sep.join([dev, d, repr(float(b)).replace(".", dec), repr(float(a)).replace(".", dec)])
        for trace, d in ((UP, dirs[0]), (DOWN, dirs[1]))
        for b, a in itertools.pairwise(trace)
    ]


def own(**options):
    return "\n".join([H.replace(",", options.get("sep", ",")), *rows(**options)])


def columns(*parts, sep=",", dec="."):
    return "\n".join(sep.join(repr(float(v)).replace(".", dec) for v in row) for row in zip(*parts))


BOTH = np.r_[UP, DOWN]
VOLTS = np.where(np.arange(130) < 65, 1, -1)
LAYOUTS = {  # text, unit, factor of the conductances, whether the turn counts as a pulse that moves nothing
    "own": (own(), "uS"),
    "no device column": ("\n".join(["direction,before,after", *(r.split(",", 1)[1] for r in rows())]), ""),
    "two columns, traces": (columns(UP, DOWN), ""),
    "two columns, traces, decimal commas": (columns(UP, DOWN, sep=";", dec=","), ""),
    "two columns with names": ("LTP [nS],LTD [nS]\n" + columns(UP, DOWN), "nS"),
    "pulse number and two ramps": ("pulse,LTP,LTD\n" + columns(N, UP, DOWN), ""),
    "pulse number and two ramps with units": ("pulse,up (uS),down (uS)\n" + columns(N, UP, DOWN), "uS"),
    "pulse number, no header, and two ramps": (columns(N, UP, DOWN), ""),
    "pulse number, conductance": ("pulse\tconductance (S)\n" + columns(np.arange(130), BOTH, sep="\t"), "S"),
    "pulse number that begins again": ("Pulse #;G [µS]\n" + columns(np.r_[N, N], BOTH, sep=";"), "µS"),
    "conductance alone": ("G (uS)\n" + columns(BOTH), "uS"),
    "numbers and conductance without header": (columns(np.arange(130), BOTH), ""),
    "spaces": (columns(UP, DOWN, sep="   "), ""),
    "direction and conductance": ("\n".join(["dir,g", *(f"{'SET' if v > 0 else 'RESET'},{g!r}" for v, g in zip(VOLTS, BOTH.tolist()))]), ""),
    "semicolons and decimal commas": (own(sep=";", dec=","), "uS"),
    "quoted, space after comma": ('"device", "direction", "before [uS]", "after [uS]"\n' + "\n".join(rows()), "uS"),
    "first column #": ("#,device,direction,before,after\n" + "\n".join(f"{k},{r}" for k, r in enumerate(rows())), ""),
    "header behind #": ("# device,direction,before,after\n" + "\n".join(rows()), ""),
    "a comment, then the header": ("# measured on Monday, at 300 K\n" + own(), "uS"),
    "1 and 0": (own(dirs=("1", "0")), "uS"),
    "+1 and -1": (own(dirs=("+1", "-1")), "uS"),
    "P and D": (own(dirs=("P", "D")), "uS"),
    "LTP and LTD": (own(dirs=("LTP", "LTD")), "uS"),
    "volts": (own(dirs=("1.2", "-1.2")), "uS"),
    "volts with unit": (own(dirs=("2.5 V", "−1.2 V")), "uS"),
    "blank rows": (own().replace("\nA1", "\n\n,,,\nA1"), "uS"),
    "micro sign and mu": (own().replace("before [uS]", "before [µS]").replace("after [uS]", "after [μS]"), "µS"),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_says_the_same(tmp_path, name):
    text, unit = LAYOUTS[name]
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    data = hw.read_pulses(tmp_path / "a.csv")
    moved = data.before != data.after  # where the sequence turns, there may be a pulse that moved nothing
    assert np.array_equal(data.before[moved], np.r_[UP[:-1], DOWN[:-1]])
    assert np.array_equal(data.after[moved], np.r_[UP[1:], DOWN[1:]])
    assert np.array_equal(data.up[moved], np.repeat([True, False], 64))
    assert (~moved).sum() <= 1
    assert (data.unit, data.source) == (unit, "a.csv")
    assert not data.device.any()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
def test_every_encoding(tmp_path, encoding):
    (tmp_path / "a.csv").write_bytes(own().replace("uS", "µS").encode(encoding))
    assert hw.read_pulses(tmp_path / "a.csv").unit == "µS"


def test_pulse_voltage_current_and_read_voltage(tmp_path):
    """G = I / V; every line is read after its pulse, one of 0 V after none."""
    lines = ["Pulse Voltage(V),Current(A),Read Voltage(V)", "0,2e-7,0.1"]
    lines += [f"{v},{1e-7 * g!r},0.1" for v, g in zip(VOLTS[1:].tolist(), BOTH[1:].tolist())]
    (tmp_path / "a.csv").write_text("\n".join(lines), encoding="utf-8")
    data = hw.read_pulses(tmp_path / "a.csv")
    assert data.unit == "S"
    assert data.before == pytest.approx(1e-6 * BOTH[:-1], rel=1e-12)
    assert data.after == pytest.approx(1e-6 * BOTH[1:], rel=1e-12)
    assert data.up.tolist() == [True] * 64 + [False] * 65


def test_devices_keep_their_own_sequences(tmp_path):
    lines = ["device,voltage,conductance"]
    for g, h in zip(BOTH.tolist(), (BOTH / 2).tolist()):
        lines += [f"A,{1 if len(lines) < 131 else -1},{g!r}", f"B,{1 if len(lines) < 131 else -1},{h!r}"]
    (tmp_path / "a.csv").write_text("\n".join(lines), encoding="utf-8")
    data = hw.read_pulses(tmp_path / "a.csv")
    for device, trace in enumerate((BOTH, BOTH / 2)):
        assert np.array_equal(data.before[data.device == device], trace[:-1])


def test_ramps_of_two_files(tmp_path):
    """Set and reset in files of their own, a column a ramp; either alone says what is missing."""
    up, down = tmp_path / "set.csv", tmp_path / "reset.csv"
    up.write_text("rmp1,rmp2\n" + columns(UP, 1.1 * UP), encoding="utf-8")
    down.write_text("rmp1,rmp2\n" + columns(DOWN, 1.1 * DOWN), encoding="utf-8")
    data = hw.read_pulses(up, down=down)
    assert np.array_equal(data.before, np.concatenate([t[:-1] for t in (UP, DOWN, 1.1 * UP, 1.1 * DOWN)]))
    assert data.up.tolist() == ([True] * 64 + [False] * 64) * 2
    assert data.source == "set.csv, reset.csv"
    assert hw.Measured.from_csv(up, down=down) == hw.Measured.from_pulses(data)
    for path, sentence in (
        (up, "must have ramps down beside those up"),
        (down, "must have ramps up beside those down"),
    ):
        with pytest.raises(PulseDataError, match=sentence) as error:
            hw.read_pulses(path)
        assert "down='down.csv'" in str(error.value)


def test_traces():
    data = hw.PulseData.from_traces(UP, DOWN, unit="µS")
    assert np.array_equal(data.before, np.r_[UP[:-1], DOWN[:-1]])
    assert data.up.sum() == 64
    several = hw.PulseData.from_traces([UP, UP[:40]], [DOWN, DOWN[:30]], device=["b", "a"])
    assert several.device.tolist() == [1] * 128 + [0] * 68
    assert np.array_equal(hw.PulseData.from_traces(np.stack([UP, UP]), np.stack([DOWN, DOWN])).after[:64], UP[1:])
    for arguments, sentence in [
        (([UP, UP], [DOWN]), "The traces must be as many down as up, 2. Got 1 instead."),
        ((UP, [1.0]), "The traces 'down' must be conductances after 0, 1, 2 … pulses, one ramp or several."),
        ((["a", "b"], DOWN), "The traces 'up' must be conductances after 0, 1, 2 … pulses, one ramp or several."),
        ((DOWN, UP), "The pulses up must move the conductance up on average."),
        ((UP[:5], DOWN), "The pulses must be 10 or more in each direction. Got 4 up instead."),
    ]:
        with pytest.raises(PulseDataError) as error:
            hw.PulseData.from_traces(*arguments)
        assert str(error.value).startswith(sentence)
    with pytest.raises(PulseDataError, match="The 'device' of traces must be 1 names, one a pair"):
        hw.PulseData.from_traces(UP, DOWN, device=["a", "b"])


def test_frames():
    own_columns = pd.DataFrame(
        {
            "device": "A1", "direction": ["up"] * 64 + ["down"] * 64, "before [µS]": np.r_[UP[:-1], DOWN[:-1]],
            "after [µS]": np.r_[UP[1:], DOWN[1:]],
        }
    )  # fmt: skip
    traces = pd.DataFrame({"LTP": UP, "LTD": DOWN})
    bare = pd.DataFrame(np.stack([UP, DOWN], axis=1))
    truth = hw.PulseData.from_traces(UP, DOWN)
    for frame in (own_columns, traces, bare, own_columns.assign(direction=own_columns["direction"] == "up")):
        data = hw.PulseData.from_frame(frame, source="lab 3")
        assert all(np.array_equal(a, b) for a, b in zip(data[:4], truth[:4], strict=True))
        assert data.source == "lab 3"
    with pytest.raises(
        PulseDataError, match=r"has no column 'before'\. Got 'x', 'y' instead\. A file of pulses has a header"
    ):
        hw.PulseData.from_frame(pd.DataFrame({"x": ["a"] * 3, "y": [1, 2, 3]}))
    with pytest.raises(PulseDataError, match="The frame has no rows"):
        hw.PulseData.from_frame(pd.DataFrame({"before": []}))


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_noisy_legs(tmp_path, noise):
    """Three cycles with reads that are off by a third of a step: nearly every pulse finds its direction."""
    g = np.tile(BOTH, 3) + noise * np.random.default_rng(1).normal(size=390)
    (tmp_path / "a.csv").write_text("n,g\n" + columns(np.arange(390), g), encoding="utf-8")
    data = hw.read_pulses(tmp_path / "a.csv")
    truth = np.tile(np.repeat([True, False], 65), 3)[1:]
    if noise:
        assert (data.up != truth[: len(data.up)]).mean() < 0.1
    else:
        assert data.up.sum() == (~data.up).sum() == 192


def test_turning_points():
    assert turning_points(np.array([0.0, 5, 4, 9, 1, 2, 0, 8]), 5) == [0, 3, 6, 7]
    assert turning_points(np.array([9.0, 0, 9]), 5) == [0, 1, 2]
    assert turning_points(np.array([1.0, 1, 1]), 0) == [0, 2]
    assert turning_points(np.arange(4.0), 2) == [0, 3]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\n1,2\n", "The file 'a.csv' has no column 'before'. Got 'a', 'b' instead."),
        ("time,note\n1,x\n2,y\n", "The file 'a.csv' has no column 'before'. Got 'time', 'note' instead."),
        ("before,after\n1,2\n", "The file 'a.csv' has no column 'direction'. Got 'before', 'after' instead."),
        (own().replace("after [uS]", "after [S]"), "The unit of 'after' in 'a.csv' must be that of 'before', 'uS'. Got 'S' instead."),
        ("dir,g\nup,1\nsideways,2\n", "The 'direction' field in line 3 of 'a.csv' must be up or down, +1 or −1. Got 'sideways'"),
        ("voltage,current,read voltage\n1,1,0\n", "The 'read voltage' of 'a.csv' must not be 0."),
        ("1,2\n3\n", "Line 2 of 'a.csv' must have 2 fields. Got 1 instead."),
        ("1,2\n3,x\n", "The 'column 2' field in line 2 of 'a.csv' must be a finite number. Got 'x' instead."),
    ],
)  # fmt: skip
def test_a_refusal_shows_the_layout_wanted(tmp_path, text, sentence):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(PulseDataError) as error:
        hw.read_pulses(tmp_path / "a.csv")
    assert str(error.value).startswith(sentence)
    assert "'device,direction,conductance before [uS],conductance after [uS]'" in str(error.value)
    assert "\n" not in str(error.value)


# ----------------------------------------------------------------------------------------------------------------------
# Abrupt ramps


@pytest.mark.parametrize("tau", [0.5, 1, 2, 5, 20])
def test_abrupt_ramps_are_followed(tau):
    """A reset of a few pulses: the cell follows it within the quantile that its range ends at, and the goodness says so."""
    down = 2 + 18 * (np.exp(-N / tau) - np.exp(-64 / tau)) / (1 - np.exp(-64 / tau))
    data = hw.PulseData.from_traces(UP, down)
    cell = hw.Measured.from_pulses(data)
    array = hw.SynapseArray((1, 1), cell, weight_scale=1.0, dtype=np.float64)
    low, high = hw.devices.step_tables.common_range(data)
    array.program([[1.0]])
    for n in range(1, 65):
        array.pulse(-1)
        assert array.read()[0, 0] == pytest.approx(2 * (down[n] - low) / (high - low) - 1, abs=0.01)
    assert cell.goodness.endswith("ramps off by 0.22% of the range up, 0.22% down")


def test_a_ramp_that_is_off_shows_although_single_steps_are_right(monkeypatch):
    """Without the first pulse of the ramp, all others are right to the last digit, R² is 1, and the ramp is off by 15 %."""
    from hardware_models.devices import step_model, step_tables

    monkeypatch.setattr(step_model, "BEYOND", 0.0)
    down = 2 + 18 * (np.exp(-N / 2) - np.exp(-32)) / (1 - np.exp(-32))
    good = step_tables.fit(hw.PulseData.from_traces(UP, down)).goodness
    assert min(good.r2) > 0.99
    assert good.ramp == pytest.approx((0.0022, 0.151), abs=0.001)
    assert "15.12% down" in str(good)


def test_ramps_of_noisy_pulses_are_followed_in_the_mean():
    rng = np.random.default_rng(3)
    ramps = [np.cumsum(np.r_[0, 0.1 * (1 + 0.5 * rng.normal(size=50))]) for _ in range(40)]
    good = hw.devices.step_tables.fit(
        hw.PulseData.from_traces(ramps, [ramp[-1] - ramp for ramp in ramps]), limits=(0, 5)
    ).goodness
    assert max(good.ramp) < 0.05
