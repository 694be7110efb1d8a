"""The scale of an array: it holds what it is given, to half a level, or says what it does not."""

import warnings

import numpy as np
import pytest

import hardware_models as hw
from hardware_models.crossbar.symmetry_point import mean_symmetry_point

RNG = np.random.default_rng(0)
SIGNS = np.sign(RNG.standard_normal((16, 16)))
GIVEN = {
    "signs": SIGNS,
    "all alike": np.full((2, 3), 5.0),
    "tiny": np.full((2, 3), 1e-30),
    "huge": np.full((2, 3), 1e30),
    "around five": 5 + 1e-4 * np.arange(6.0).reshape(2, 3),
    "positive": np.array([[0.4, 0.5, 0.6], [0.45, 0.55, 0.5]]),
    "negative": -RNG.uniform(0.4, 0.6, (5, 7)),
    "identity": np.eye(100),
    "sparse": np.where(RNG.random((50, 50)) < 0.01, 1.0, 0.0),
    "heavy tail": RNG.standard_cauchy((30, 30)),
    "normal": RNG.standard_normal((40, 30)),
    "one": np.array([[-2.0]]),
    "zeros": np.zeros((3, 4)),
    "row": RNG.standard_normal((1, 20)) + 3,
}
PAIRS = {
    "single": hw.Single(),
    "pair": hw.DifferentialPair(),
    "uneven": hw.Devices(gains=(1.0, -0.5)),
    "four": hw.Devices(gains=(1.0, 1.0, -1.0, -1.0)),
}


def held(W, **options):
    array = hw.SynapseArray(np.shape(W), **{"seed": 1, **options})
    array.program(W)
    return array


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bits", [2, 3, 4, 8, 16])
@pytest.mark.parametrize("name", GIVEN)
def test_digital_cells_hold_what_they_are_given_to_half_a_level(name, bits, dtype):
    W = GIVEN[name]
    array = held(W, cell=hw.Digital(bits=bits, w_max=0.7), dtype=dtype)
    level = np.abs(W).max() / (2 ** (bits - 1) - 1)
    assert np.abs(array.read() - W).max() <= 0.5001 * level + 1e-6 * np.abs(W).max()
    assert array.shortfall == (0, 0)


@pytest.mark.parametrize("weight", PAIRS)
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_several_devices_hold_it_too(bits, weight):
    """Every device within its bounds, the largest weight at their bounds: a pair of 2 bits holds ±1, not 0."""
    part, cell = PAIRS[weight], hw.Digital(bits=bits)
    array = held(SIGNS, cell=cell, weight=part)
    assert np.abs(array.state.cells.w[:, :, :16]).max() == pytest.approx(1)
    error = 0.5 * cell.granularity * np.abs(part.gains).sum() * float(array.state.scale[0])
    assert np.abs(array.read() - SIGNS).max() <= error * (1 + 1e-6)
    assert array.shortfall.clipped == 0
    if weight in ("single", "pair"):
        assert np.allclose(array.read(), SIGNS)


@pytest.mark.parametrize("name", GIVEN)
def test_pulsed_cells_without_spread_hold_it(name):
    W, cell = GIVEN[name], hw.ConstantStep(w_max_dtod=0.0, w_min_dtod=0.0)
    array = held(W, cell=cell)
    assert np.allclose(array.read(), W, rtol=1e-6)
    assert array.shortfall.clipped == 0


def test_the_scale_is_that_of_the_weights_at_hand():
    """Programmed again, an array holds the new weights, larger or smaller, as well as it held the first."""
    array = hw.SynapseArray((2, 2), hw.Digital(bits=8))
    for size in (0.1, 10.0, 1e-3, 0.1):
        W = size * np.array([[1, -1], [0.5, 0]])
        array.program(W)
        assert np.abs(array.read() - W).max() <= 0.5001 * size / 127
    assert array.shortfall.clipped == 0
    array.program(np.zeros((2, 2)))
    assert not array.read().any() and array.state.scale[0] == 1


def test_a_zero_shifted_cell_makes_up_for_its_reference():
    cell = hw.LinearStep(
        w_max=1.2, w_min=-0.8, up_down=0.2, gamma_up=0.1, gamma_down=0.5, dw_min_dtod=0.0, up_down_dtod=0.0, w_max_dtod=0.0,
        w_min_dtod=0.0, gamma_up_dtod=0.0, gamma_down_dtod=0.0,
    )  # fmt: skip
    assert abs(mean_symmetry_point(cell)) > 0.05
    array = held(SIGNS, cell=cell, weight=hw.ZeroShifted())
    assert np.allclose(array.read(), SIGNS, atol=1e-5)
    assert array.shortfall.clipped == 0


# ----------------------------------------------------------------------------------------------------------------------
# What does not fit


def test_a_scale_that_is_too_small_is_said_and_counted():
    sentence = (
        r"^2 of 4 weights \(50 %\) were clipped: with a weight_scale of 0\.5 the mean cell holds up to 0\.5, and the largest weight "
        r"is 3; from 3 on they fit\.$"
    )
    array = hw.SynapseArray((2, 2), hw.Digital(bits=4), weight_scale=0.5)
    with pytest.warns(hw.HardwareWarning, match=sentence):
        array.program([[0.5, -0.2], [3, -1]])
    assert np.allclose(array.read(), np.array([[7, -3], [7, -7]]) / 14)
    assert array.shortfall.clipped == array.ledger().counts["clipped"] == 2
    with pytest.warns(hw.HardwareWarning, match=r"^1 of 4 weights"):
        array.program([[0.5, -0.2], [0.3, -1]])
    assert array.ledger().counts["clipped"] == 3  # of all programmings
    assert ("weights clipped in programming", "3") in array.ledger().rows()
    array.program(np.full((2, 2), 0.5))
    assert array.shortfall.clipped == 3


@pytest.mark.parametrize("options", [
    {"cell": hw.ConstantStep(w_max_dtod=0.0, w_min_dtod=0.0)},
    {"cell": hw.ConstantStep(w_max_dtod=0.0, w_min_dtod=0.0), "programming": hw.OpenLoop()},
    {"cell": hw.ConstantStep(w_max_dtod=0.0, w_min_dtod=0.0), "weight": hw.OneSidedPair()},
    {"programming": hw.PCMLike()},
    {"programming": hw.PCMLike(), "weight": hw.Single()},
], ids=["pulses", "open loop", "one-sided", "written once", "written once, single"])  # fmt: skip
def test_every_way_of_programming_says_it(options):
    W = np.array([[5.0, -0.1, 0.2], [0.1, -5.0, 0.2]])
    array = hw.SynapseArray(W.shape, **options, weight_scale=1.0)
    with pytest.warns(hw.HardwareWarning, match="2 of 6 weights"):
        array.program(W)
    assert array.shortfall.clipped == 2
    if "cell" in options and "programming" not in options:
        array = hw.SynapseArray(W.shape, **options)
        array.program(W)
        assert array.shortfall.clipped == 0


def test_half_a_level_beyond_the_bound_is_rounding():
    array = held([[1.07, -1.0]], cell=hw.Digital(bits=4), weight_scale=1.0)
    assert array.shortfall.clipped == 0
    with pytest.warns(hw.HardwareWarning):
        held([[1.08, -1.0]], cell=hw.Digital(bits=4), weight_scale=1.0)


def test_cells_that_differ_are_counted_and_said_where_they_are_many():
    """Bounds that differ by 30 %: of weights that are all at the bound of the mean cell about half are clipped."""
    cell = hw.ConstantStep(w_max_dtod=0.3, w_min_dtod=0.3)
    with pytest.warns(hw.HardwareWarning, match="others hold less, and a larger scale makes room"):
        array = held(np.ones((40, 40)), cell=cell)
    assert array.shortfall.clipped == (array.read() < 1 - 1e-5).sum()
    assert 0.4 < array.shortfall.clipped / 1600 < 0.6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        few = held(np.ones((40, 40)), cell=cell, weight_scale=2 / 0.6)
    assert 0 < few.shortfall.clipped < 160


def test_dead_cells_are_counted_and_no_reason_to_warn():
    cell = hw.ConstantStep(w_max_dtod=0.0, w_min_dtod=0.0, corrupt_prob=0.3)
    array = held(np.zeros((40, 40)), cell=cell)
    assert 0.2 < array.shortfall.clipped / 1600 < 0.4


@pytest.mark.parametrize("scale", [1e-50, 1e50])
def test_a_scale_that_float32_does_not_know_is_refused(scale):
    with pytest.raises(
        hw.ParameterError, match=r"'weight_scale' parameter of SynapseArray must be from 1e-19 to 1e\+19"
    ):
        hw.SynapseArray((2, 2), weight_scale=scale)


def test_weights_that_float32_does_not_know_are_refused():
    with pytest.raises(hw.ParameterError, match="'weights' parameter of program must be finite in float32"):
        held(np.full((2, 2), 1e39))


def test_hardware_takes_a_scale_where_it_has_none():
    made_of = hw.Hardware(cells=hw.Digital(bits=4))
    assert made_of.array((2, 2), weight_scale=3.0)._fixed_scale == 3
    assert hw.Hardware(cells=hw.Digital(bits=4), weight_scale=2.0).array((2, 2), weight_scale=3.0)._fixed_scale == 2
