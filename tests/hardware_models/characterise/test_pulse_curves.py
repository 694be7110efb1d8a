"""Presets against recorded pulse responses, and the command that compares them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hardware_models import PRESETS, ConstantStep, SoftBoundsReference
from hardware_models.characterise import pulse_curves as curves
from neuroperturb.cli import app as cli

FILE = Path(__file__).parents[2] / "golden" / "pulses" / "pulse_curves.npz"
RECORDED = curves.load(FILE)


@pytest.mark.parametrize("name", RECORDED)
def test_presets_land_on_their_curves(name):
    deviation = curves.compare(PRESETS[name].cells, RECORDED[name], one_tile=True)
    assert deviation.mean <= 1
    assert deviation.spread <= 1
    assert deviation.percentile <= 1


def test_references_are_those_of_the_publications():
    """Soft bounds as fitted to Gong et al. 2018 have no reference; the two arrays of Gong et al. 2022 have one, 5 % off."""
    assert SoftBoundsReference().reference_std == PRESETS["reram-sb"].cells.reference_std == 0
    for name in ("reram-array-om", "reram-array-hfo2", "reram-array-om-corrupt", "reram-array-hfo2-corrupt"):
        assert PRESETS[name].cells.reference_std == 0.05
        assert PRESETS[name].cells.subtract_symmetry_point


@pytest.mark.parametrize(
    ("field", "factor"), [("dw_min", 1.05), ("w_max", 0.9), ("dw_min_dtod", 2.0), ("up_down_dtod", 3.0)]
)
def test_another_device_does_not(field, factor):
    cell = PRESETS["capacitor"].cells
    assert max(curves.compare(replace(cell, **{field: factor * getattr(cell, field)}), RECORDED["capacitor"])) > 1


def test_the_spread_over_cells_is_compared():
    cell, table = PRESETS["ecram"].cells, RECORDED["ecram"].copy()
    table[:, 3] *= 1.1
    deviation = curves.compare(cell, table, one_tile=True)
    assert deviation.spread > 1
    assert deviation.mean <= 1


def test_a_shared_table_of_noise_is_allowed_for_where_a_record_is_of_one_tile():
    """A table whose mean is 3 standard errors off shifts every pulse: no deviation of the device, if it is said to be of one tile."""
    cell = PRESETS["reram-es"].cells
    shift = 3 / np.sqrt(curves.TABLE) * curves.shift_of_mean(cell, curves.MOMENTS)
    table = RECORDED["reram-es"] + shift[:, None] * (np.arange(9) == 2)
    assert curves.compare(cell, table).mean > 1
    assert curves.compare(cell, table, one_tile=True).mean <= 1
    assert np.abs(shift).max() > 0.02 * np.ptp(table[:, 2])


def test_the_shift_of_a_mean_by_hand():
    """Steps of 0.01 (1 + 0.3 ξ), up then down, within bounds: a shift of ξ by 1 is 0.003 a pulse, up and down alike."""
    quiet = {"dw_min_dtod": 0.0, "up_down_dtod": 0.0, "w_max_dtod": 0.0, "w_min_dtod": 0.0}
    cell = ConstantStep(dw_min=0.01, dw_min_std=0.3, w_max=1.0, w_min=-1.0, **quiet)
    found = curves.shift_of_mean(cell, [(1, 0), (1, 1), (1, 40), (-1, 10), (-1, 40)])
    assert found == pytest.approx([0, 0.003, 0.12, 0.09, 0])


def test_records_by_a_simulators_names_are_of_one_tile(tmp_path):
    np.savez(tmp_path / "curves.npz", ReRamES=RECORDED["reram-es"], ecram=RECORDED["ecram"])
    assert curves.load(tmp_path / "curves.npz").of_one_tile == {"reram-es"}
    assert RECORDED.of_one_tile == set(RECORDED)
    assert "ok; one tile, allowed for" in command(FILE).output


@pytest.mark.parametrize("name", [n for n, preset in PRESETS.items() if preset.cells.send_row and n not in RECORDED])
def test_curves_of_the_other_presets_exist(name):
    """From zero, up, then down; not beyond the spread of the bounds."""
    table = curves.curve(PRESETS[name].cells, side=32)
    assert table.shape == (19, 9)
    assert np.isfinite(table).all()
    assert abs(table[0, 2]) < 4 * table[0, 3] / 32 + 1e-9 or "array" in name  # a cell may not reach 0 there
    assert table[9, 2] > table[0, 2]
    assert table[18, 2] < table[9, 2]


def test_a_curve_may_be_recorded_without_programmed_row():
    moments = curves.MOMENTS[1:4]
    assert np.array_equal(curves.curve(PRESETS["ecram"].cells, moments, side=8)[:, :2], moments)


def command(path):
    return CliRunner().invoke(cli.app, ["verify", str(path)])


def test_verify_reports_every_preset(tmp_path):
    result = command(FILE)
    assert result.exit_code == 0, result.output
    for name in RECORDED:
        assert f"{name} " in result.output
    shifted = {name: table + (np.arange(9) == 2) * 0.1 * np.ptp(table[:, 2]) for name, table in RECORDED.items()}
    np.savez(tmp_path / "shifted.npz", capacitor=shifted["capacitor"])
    result = command(tmp_path / "shifted.npz")
    assert result.exit_code == 1
    assert "MISMATCH" in result.output


def test_verify_refuses_what_it_cannot_compare(tmp_path):
    table = RECORDED["ecram"]
    for name, changed, sentence in [
        ("memristor", table, "has a curve of 'memristor', which is not a preset: reram-es"),
        ("ecram", np.where(np.arange(9) == 0, 2, table), "has a row that is not a direction ±1"),
        ("ecram", np.where(np.arange(9) == 5, np.nan, table), "has a row that is not a direction ±1"),
        ("ecram", table[:, :8], "is not a recorded case"),
    ]:
        np.savez(tmp_path / "bad.npz", **{name: changed})
        result = command(tmp_path / "bad.npz")
        assert result.exit_code == 2, result.output
        assert sentence in result.stderr
        assert result.stderr.count("\n") == 1
