"""Cells of a measured chip: set by name or from a file, checked, kept by copies and files, and what pulses then do."""

import copy

import numpy as np
import pytest

import hardware_models as hw
from hardware_models import SynapseArray
from hardware_models.numerics.checks import InputError, ParameterError

pytestmark = pytest.mark.kernels
SHAPE = (3, 4)
SOFT = hw.SoftBounds(dw_min=0.02, dw_min_std=0.0, rounding="nearest")


def make(cell=SOFT, **options):
    array = SynapseArray(SHAPE, cell, **{"dtype": np.float64, "seed": 3, "weight_scale": 1.0, **options})
    array.program(np.zeros(SHAPE))
    return array


def values(low, high):
    return np.random.default_rng(1).uniform(low, high, SHAPE)


def test_what_is_set_is_what_pulses_do():
    array, up, bound = make(), values(0.01, 0.05), values(0.5, 1.0)
    array.cells.set("step_up", up)
    array.cells.set("bound_up", bound)
    array.pulse(2)
    w = up + up * (1 - up / bound)
    assert np.allclose(array.read(), w, atol=1e-12)
    assert np.array_equal(array.cells.get("step_up"), up[None])
    assert np.array_equal(array.cells.get("bound_up"), bound[None])


def test_a_stuck_cell_stays_where_it_is():
    array, stuck = make(), np.full(SHAPE, np.nan)
    stuck[1, 2], stuck[0, 0] = 0.3, -0.2
    array.cells.set("stuck", stuck)
    assert np.array_equal(array.cells.get("stuck")[0], stuck, equal_nan=True)
    array.pulse(5)
    array.program(np.full(SHAPE, 0.1))
    array.update(np.full(3, -0.1), np.ones(4))
    assert array.read()[1, 2] == 0.3
    assert array.read()[0, 0] == -0.2
    assert (array.read()[np.isnan(stuck)] < 0.1).all()


def test_weights_stay_within_new_bounds():
    for cell in (SOFT, hw.SoftBounds(dw_min=0.02, write_noise_std=0.1)):
        array = make(cell)
        array.program(np.full(SHAPE, 0.25))
        array.cells.set("bound_up", 0.2)
        held = array.state.cells.held if cell.write_noise else array.state.cells.w
        assert (held[:, :, :3] == 0.2).all()
        assert (array.read() <= 0.25).all()


def test_devices_are_set_together_or_one_by_one():
    array, one = make(weight=hw.DifferentialPair()), np.stack([values(0.01, 0.02), values(0.03, 0.04)])
    array.cells.set("step_down", one)
    assert np.array_equal(array.cells.get("step_down"), one)
    array.cells.set("step_down", one[0])
    assert np.array_equal(array.cells.get("step_down"), one[[0, 0]])
    assert array.cells.get("step_down").shape == array.pulse_counts().down.shape


def test_copies_and_files_keep_them(tmp_path):
    array = make()
    array.cells.set("step_up", values(0.01, 0.05))
    for other in (copy.deepcopy(array), SynapseArray.load(array.save(tmp_path / "array.nc"))):
        assert np.array_equal(other.cells.get("step_up"), array.cells.get("step_up"))
        other.pulse(1)
        assert np.allclose(other.read(), array.cells.get("step_up")[0])
    chip = array.cells.save(tmp_path / "chip.npz")
    fresh = make(seed=9)
    fresh.cells.load(chip)
    assert fresh.cells.names == ("step_up", "step_down", "bound_up", "bound_low", "stuck")
    for name in fresh.cells.names:
        assert np.array_equal(fresh.cells.get(name), array.cells.get(name), equal_nan=True)


def test_extra_numbers_of_a_model():
    cell = hw.PRESETS["ecram"].cells
    assert "a" in make(cell).cells.names
    assert make(hw.Digital(bits=4)).cells.names == ()


def test_a_file_that_does_not_fit_changes_nothing(tmp_path):
    array = make()
    before = {name: array.cells.get(name) for name in array.cells.names}
    for wrong in (
        {"step_up": values(0, 1), "colour": np.ones(2)},
        {"step_up": 0.5, "bound_up": -values(2, 3)},
        {"bound_up": np.nan},
    ):
        np.savez(tmp_path / "chip.npz", **wrong)
        with pytest.raises(ParameterError):
            array.cells.load(tmp_path / "chip.npz")
    (tmp_path / "chip.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="does not hold NumPy arrays"):
        array.cells.load(tmp_path / "chip.npz")
    np.savez(tmp_path / "chip.npz", step_up=np.array([print], dtype=object))
    with pytest.raises(InputError, match="does not hold NumPy arrays"):
        array.cells.load(tmp_path / "chip.npz")
    with pytest.raises(InputError, match="cannot be read"):
        array.cells.load(tmp_path / "none.npz")
    with pytest.raises(InputError, match=r"ends in \.npz"):
        array.cells.save(tmp_path / "chip.csv")
    for name, was in before.items():
        assert np.array_equal(array.cells.get(name), was, equal_nan=True)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("colour", 1.0, "The 'name' parameter of cells must be one of 'step_up', 'step_down', 'bound_up', 'bound_low', 'stuck'"),
        ("step_up", -0.1, "The 'step_up' parameter of cells must be 0 or more, and finite"),
        ("step_up", np.ones((4, 3)), r"The 'step_up' parameter of cells must be a number, or shape \(3, 4\) or \(1, 3, 4\)"),
        ("step_up", "large", r"The 'step_up' parameter of cells must be numbers of shape"),
        ("bound_up", np.inf, "The 'bound_up' parameter of cells must be finite"),
        ("bound_up", -5.0, "The 'bound_up' parameter of cells must be at least 'bound_low' of every cell"),
        ("bound_low", 5.0, "The 'bound_low' parameter of cells must be at most 'bound_up' of every cell"),
        ("stuck", np.inf, "The 'stuck' parameter of cells must be finite, or NaN"),
    ],
)  # fmt: skip
def test_sentences(name, value, words):
    with pytest.raises(ParameterError, match=words):
        make().cells.set(name, value)


def test_cells_without_parameters_of_their_own():
    with pytest.raises(ParameterError, match="Cells of Digital have no parameters of their own"):
        make(hw.Digital(bits=4)).cells.get("step_up")
