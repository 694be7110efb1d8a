"""How cells make a weight: one-sided pairs by hand, references against the closed form of the symmetry point."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import hardware_models as hw
from hardware_models import PRESETS, CoincidenceTrains, OneSidedPair, SynapseArray, WriteVerify, ZeroShifted
from hardware_models.crossbar.mean_response import response
from hardware_models.crossbar.pulses import LONGEST, PULSE
from hardware_models.crossbar.refresh import REFRESH
from hardware_models.crossbar.weights import OFFSET, REFERENCE
from hardware_models.numerics import random
from hardware_models.numerics.compiled import COMPILED
from hardware_models.presets import PCM

pytestmark = pytest.mark.kernels

SEED = 3
# Soft bounds without a lower half: the mean cell is at 1 − 0.9ʳ after r pulses.
RISING = hw.PowStep(
    dw_min=0.1, dw_min_std=0.0, dw_min_dtod=0.0, up_down_dtod=0.0, w_max=1.0, w_min=0.0, w_max_dtod=0.0, w_min_dtod=0.0,
    gamma_up_dtod=0.0, gamma_down_dtod=0.0, rounding="nearest",
)  # fmt: skip
SOFT = hw.SoftBounds(dw_min=0.02, dw_min_std=0.0, up_down=0.2, up_down_dtod=0.1, w_max=0.9, w_min=-0.7)


def make(cell, weight, shape=(5, 6), *, W=0.0, **options):
    array = SynapseArray(
        shape, cell, weight=weight, **{"dtype": np.float64, "seed": SEED, "weight_scale": 1.0, **options}
    )
    array.program(np.broadcast_to(W, shape))
    return array


def held(array):
    """Devices (d, n, m)."""
    return array.state.cells.w[:, :, : array.shape[0]].transpose(0, 2, 1).copy()


# ----------------------------------------------------------------------------------------------------------------------
# One-sided pairs


def test_a_one_sided_pair_is_programmed_with_one_device_at_rest():
    W = np.linspace(-0.8, 0.8, 30).reshape(5, 6)
    one, other = held(make(RISING, OneSidedPair(), W=W))
    assert np.allclose(one, np.maximum(W, 0))
    assert np.allclose(other, np.maximum(-W, 0))
    spread = make(replace(hw.SoftBounds(dw_min=0.01), w_min_dtod=0.1), OneSidedPair(), W=np.full((5, 6), 0.1))
    assert np.allclose(spread.read(), 0.1)  # lower bounds differ, the difference is right all the same


def test_each_device_gets_its_own_sign_of_requests_and_only_goes_up():
    array, rng = make(RISING, OneSidedPair(refresh_every=10**6)), np.random.default_rng(0)
    expected, unit = np.zeros((2, 5, 6)), RISING.granularity
    for _ in range(5):
        post, pre = 3 * unit * rng.normal(size=5), rng.normal(size=6)
        array.update(post, pre)
        for k, request in enumerate((np.outer(post, pre), -np.outer(post, pre))):
            for at in np.ndindex(5, 6):
                for _ in range(math.floor(max(request[at], 0) / unit + 0.5)):
                    expected[k][at] += 0.1 * (1 - expected[k][at])
    assert np.allclose(held(array), expected, atol=1e-12)
    assert np.allclose(array.read(), expected[0] - expected[1], atol=1e-12)
    assert not array.pulse_counts().down.any()
    array.pulse(np.where(np.eye(5, 6) > 0, -1, 1))
    up = array.pulse_counts().up
    assert (np.diagonal(up[1]) >= 1).all()


def test_refresh_by_hand():
    """Full pairs are reset at the second write, where each is pulsed to its difference; all others stay as they are."""
    weight = OneSidedPair(refresh_every=2, larger=0.6, smaller=0.3, reset_std=0.02, reset=0.01, reset_dtod=0.03)
    array = make(RISING, weight)
    rng, cells = np.random.default_rng(1), array.state.cells
    cells.w[:, :, :5] = rng.uniform(0, 1, size=(2, 6, 5))
    before = held(array)
    nothing = np.zeros(5), np.zeros(6)
    array.update(*nothing)
    assert np.array_equal(held(array), before)
    array.update(*nothing)
    due = (before.max(axis=0) > 0.6) & (before.min(axis=0) > 0.3)
    assert 3 < due.sum() < 27
    curve = 1 - 0.9 ** np.arange(200)
    stream = random.stream(random.Stream.PROGRAM, 0)
    step = REFRESH + 1 + LONGEST * PULSE
    xi = random.normal(SEED, stream, step, (2, 6, 5), np.float64).transpose(0, 2, 1)
    zeta = random.normal(SEED, random.stream(random.Stream.CHIP, 0), OFFSET, (2, 6, 5), np.float64).transpose(0, 2, 1)
    for k, apart in enumerate((before[0] - before[1], before[1] - before[0])):
        pulses = np.abs(curve[:, None, None] - np.maximum(apart, 0)).argmin(axis=0)
        w = np.maximum(0.01 + 0.03 * zeta[k] + 0.02 * xi[k], 0)
        expected = 1 - (1 - w) * 0.9**pulses
        assert np.allclose(held(array)[k], np.where(due, expected, before[k]), atol=1e-12)
        assert np.array_equal(array.pulse_counts().up[k], np.where(due, pulses, 0))
        assert np.array_equal(array.pulse_counts().down[k], due)
    after = array.read()[due] - (before[0] - before[1])[due]
    assert np.abs(after).max() < 0.2  # open loop: to half a step at the start, and what the reset left


def resets(array, times=40):
    """Where resets leave the devices of full pairs, (times, 2, n, m)."""
    found = []
    for _ in range(times):
        array.state.cells.w[:, :, :5] = 0.9 * array.cell.w_max
        array.update(np.zeros(5), np.zeros(6))
        found.append(held(array))
    return np.array(found)


def test_a_device_is_reset_to_a_place_of_its_own():
    """Phase-change memory: 0.01 ± 0.02 between devices, ± 0.01 between resets, none below the bound; 4 standard errors."""
    mean_of = lambda mean, std: mean * stats.norm.cdf(mean / std) + std * stats.norm.pdf(mean / std)  # noqa: E731
    array = PRESETS["pcm"].replace(weight_scale=1.0).array((5, 6), seed=SEED, dtype=np.float64)
    found, offset = resets(array), array.state.weight.offset[:, :, :5].transpose(0, 2, 1)
    assert found.min() == 0
    high = offset > 0.04  # far from the bound
    between = (found - offset)[:, high]
    assert abs(between.mean()) < 4 * 0.01 / np.sqrt(between.size)
    assert between.std() == pytest.approx(0.01, rel=4 / np.sqrt(2 * between.size))
    everywhere = PRESETS["pcm"].array((64, 64), seed=SEED).state.weight.offset[:, :, :64]
    assert everywhere.mean() == pytest.approx(0.01, abs=4 * 0.02 / np.sqrt(everywhere.size))
    assert everywhere.std() == pytest.approx(0.02, rel=4 / np.sqrt(2 * everywhere.size))
    expected = mean_of(offset, 0.01)
    assert np.abs(found.mean(axis=0) - expected).max() < 5 * 0.01 / np.sqrt(len(found))


def test_write_verify_resets_to_the_same_places():
    """Weights that are 0 get no pulses after the reset: the devices are where it left them."""
    weight = OneSidedPair(reset_std=0.0, reset=0.02, reset_dtod=0.005)
    array = make(RISING, weight, programming=WriteVerify(tolerance=0.2), W=np.zeros((5, 6)))
    assert np.allclose(held(array), array.state.weight.offset[:, :, :5].transpose(0, 2, 1), atol=1e-12)


def test_refresh_keeps_training_going():
    """Pulses up and down in turn fill both devices; with refresh the weight can still be moved after."""
    ways = np.tile([1, -1], 30)
    ends = []
    for every in (10**6, 5):
        array = make(RISING, OneSidedPair(refresh_every=every, reset_std=0.0))
        for way in ways:
            array.update(np.full(5, way * 2 * RISING.granularity), np.ones(6))
        before = array.read()
        array.update(np.full(5, 4 * RISING.granularity), np.ones(6))
        ends.append(np.abs(array.read() - before).mean())
    assert ends[0] < 0.01 < 0.1 < ends[1]


def test_trains_pulse_the_device_of_their_sign():
    array = make(RISING, OneSidedPair(refresh_every=10**6), writing=CoincidenceTrains(length=1))
    array.update(np.array([0.1, -0.1, 0, 0, 0]), np.array([1.0, -1, 0, 0, 0, 0]))
    up, down = array.pulse_counts()
    unit = np.zeros((5, 6), int)
    unit[0, 0] = unit[1, 1] = 1
    opposite = np.zeros((5, 6), int)
    opposite[0, 1] = opposite[1, 0] = 1
    assert up.shape == (2, 5, 6)
    assert (up[0] <= unit).all()
    assert (up[1] <= opposite).all()
    assert not down.any()


def test_the_response_of_the_mean_cell():
    assert np.allclose(response(RISING)[:50], 1 - 0.9 ** np.arange(50), atol=1e-12)
    noisy = replace(RISING, dw_min_std=0.5, dw_min_dtod=0.3, w_max_dtod=0.2)
    assert np.allclose(response(noisy), response(RISING))
    curve = response(PCM)
    assert curve[1] == pytest.approx(0.01 * (1 + 27.235), rel=1e-12)
    assert curve[10] / 2 == pytest.approx(0.46, abs=0.005)  # ten pulses reach 46 % of the range


# ----------------------------------------------------------------------------------------------------------------------
# References


def closed_form(chip):
    s_up, s_down = chip.step_up, chip.step_down
    return (s_up - s_down) / (s_up / chip.bound_up - s_down / chip.bound_low)


def test_the_reference_is_at_the_symmetry_point_of_its_cell():
    array, chip = make(SOFT, ZeroShifted()), SOFT.fabricate((2, 6, 5), SEED, 0)
    reference = np.clip(closed_form(chip)[0], chip.bound_low[1], chip.bound_up[1])
    assert np.allclose(held(array)[1], reference.T, atol=1e-12)
    W = 0.1 * np.random.default_rng(0).normal(size=(5, 6))
    array.program(W)
    assert np.allclose(held(array)[1], reference.T, atol=1e-12)
    inside = (chip.bound_low[0].T < W + reference.T) & (W + reference.T < chip.bound_up[0].T)
    assert inside.mean() > 0.8
    assert np.allclose(array.read()[inside], W[inside], atol=1e-12)


def test_it_is_the_reference_that_soft_bounds_with_reference_have_inside():
    """The same chip, pulses and weights: once with a number subtracted, once with a second device."""
    inside = hw.SoftBoundsReference(
        dw_min=0.02, dw_min_std=0.0, up_down=0.2, up_down_dtod=0.1, w_max=0.9, w_min=-0.7, w_max_dtod=0.1, w_min_dtod=0.1,
        reference_std=0.0, subtract_symmetry_point=True,
    )  # fmt: skip
    beside = replace(inside, subtract_symmetry_point=False)
    one, pair = make(inside, hw.Single()), make(beside, ZeroShifted())
    for pulses in (5, -20, 40):
        one.pulse(pulses)
        pair.pulse(pulses)
        assert np.allclose(one.read(), pair.read(), atol=1e-12)
    assert not pair.pulse_counts().up[1].any()


def test_only_the_device_is_trained():
    array = make(SOFT, ZeroShifted())
    before = held(array)
    array.update(np.full(5, 0.3), np.ones(6))
    assert (held(array)[0] > before[0]).all()
    assert np.array_equal(held(array)[1], before[1])
    assert np.allclose(array.read(), held(array)[0] - held(array)[1])


def test_pulses_up_and_down_in_turn_leave_the_weight_near_zero():
    cell = replace(
        hw.ExpStep(dw_min=0.01, up_down=0.2),
        dw_min_std=0.0,
        A_up=-1.2,
        A_down=-0.1,
        gamma_up=5,
        gamma_down=5,
        es_a=-0.5,
        es_b=-0.5,
    )
    single, shifted = make(cell, hw.Single()), make(cell, ZeroShifted())
    for array in (single, shifted):
        for _ in range(2000 if COMPILED else 200):
            array.pulse(1)
            array.pulse(-1)
    healthy = np.abs(shifted.read()) < 0.05
    assert np.median(np.abs(single.read())) > 0.1
    assert healthy.mean() > 0.8  # references of other cells are clipped to bounds of their own


def test_the_error_of_references():
    side = 100 if COMPILED else 20
    cell = replace(SOFT, dw_min_dtod=0.0, up_down_dtod=0.0, w_max_dtod=0.0, w_min_dtod=0.0)
    exact, off = (make(cell, ZeroShifted(reference_std=std), (side, side)) for std in (0.0, 0.05))
    error = held(off)[1] - held(exact)[1]
    xi = random.normal(SEED, random.stream(random.Stream.CHIP, 0), REFERENCE, (side, side), np.float64).T
    assert np.allclose(error, 0.05 * xi, atol=1e-12)
    assert np.allclose(off.read(), 0, atol=1e-12)  # programmed around it


def test_cells_that_are_symmetric_everywhere_stay_at_zero():
    flat = hw.ConstantStep(dw_min_dtod=0.0, up_down_dtod=0.0)
    assert not held(make(flat, ZeroShifted()))[1].any()


@pytest.mark.parametrize(
    ("cell", "weight", "sentence"),
    [
        (SOFT, OneSidedPair(refresh_every=0), "The 'refresh_every' parameter of OneSidedPair must be a whole number of writes"),
        (SOFT, OneSidedPair(larger=2.0), "The 'larger' parameter of OneSidedPair must be from 0 to 1. Got 2.0 instead."),
        (SOFT, OneSidedPair(smaller=0.9), "The 'smaller' parameter of OneSidedPair must be at most 'larger', 0.75. Got 0.9"),
        (SOFT, OneSidedPair(reset_std=-1), "The 'reset_std' parameter of OneSidedPair must be 0 or more. Got -1 instead."),
        (SOFT, ZeroShifted(reference_std=math.nan), "The 'reference_std' parameter of ZeroShifted must be 0 or more. Got nan"),
        (hw.Digital(), OneSidedPair(), "The 'cells' parameter of SynapseArray must have pulses for OneSidedPair. Got Digital"),
        (hw.Ideal(), ZeroShifted(), "The 'cells' parameter of SynapseArray must have pulses for ZeroShifted. Got Ideal()"),
        (hw.SoftBoundsReference(subtract_symmetry_point=True), ZeroShifted(), "The 'cells.subtract_symmetry_point' parameter of cells must"),
    ],
)  # fmt: skip
def test_what_cannot_be(cell, weight, sentence):
    with pytest.raises(ValueError) as error:
        SynapseArray((2, 3), cell, weight=weight)
    assert str(error.value).startswith(sentence)
