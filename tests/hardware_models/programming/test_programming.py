"""Programming: what verification promises, what open loop costs, and what neither may touch."""

from dataclasses import replace

import numpy as np
import pytest

import hardware_models as hw
from hardware_models import Exact, OpenLoop, SynapseArray, WriteVerify
from hardware_models.crossbar.mean_response import pulses_to, response

pytestmark = pytest.mark.kernels

SOFT = hw.SoftBounds(dw_min=0.01, w_max=1.0, w_min=-1.0, w_max_dtod=0.1, w_min_dtod=0.1)
W = np.linspace(-0.5, 0.5, 30).reshape(5, 6)


def make(cell=SOFT, *, program=True, weights=W, **options):
    array = SynapseArray((5, 6), cell, **{"dtype": np.float64, "seed": 3, "weight_scale": 1.0, **options})
    if program:
        array.program(weights)
    return array


def without_spread(cell, **changes):
    return replace(cell, dw_min_dtod=0.0, up_down_dtod=0.0, w_max_dtod=0.0, w_min_dtod=0.0, **changes)


@pytest.mark.parametrize(
    "weight", [hw.Single(), hw.DifferentialPair(), hw.ZeroShifted()], ids=["single", "pair", "shifted"]
)
@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_verified_cells_show_their_target(noise, weight):
    """Every device within the tolerance of what it was to hold, as shown; and pulsed for it."""
    array = make(replace(SOFT, write_noise_std=noise), weight=weight, programming=WriteVerify(tolerance=0.02))
    target = weight.targets(array.state.cells, W.T).transpose(0, 2, 1)
    shown = array.state.cells.w[:, :, :5].transpose(0, 2, 1)
    assert np.abs(shown - target).max() <= 0.02
    up, down = array.pulse_counts()
    far = np.abs(target[: weight.trained]) > 0.1 if not isinstance(weight, hw.ZeroShifted) else np.abs(W)[None] > 0.1
    assert ((up + down)[: weight.trained][far] >= 5).all()
    assert not (up + down)[weight.trained :].any()


def test_verification_gives_up():
    """Cells that never move get all the pulses there are, once each round and no more."""
    array = make(replace(SOFT, corrupt_prob=1.0, corrupt_range=0.01), programming=WriteVerify(most_pulses=37))
    up, down = array.pulse_counts()
    far = np.abs(W) > 0.1
    assert ((up + down)[0][far] == 37).all()
    assert np.abs(array.read()).max() < 0.02
    assert array.shortfall.unreached == (np.abs(W - array.read()) > 0.02).sum() > 0


@pytest.mark.parametrize("name", ["ecram", "reram-array-om", "reram-array-om-corrupt", "reram-es", "pcm"])
@pytest.mark.parametrize("weight", [None, hw.DifferentialPair(), hw.OneSidedPair()], ids=["own", "pair", "one-sided"])
@pytest.mark.filterwarnings("ignore:.*were clipped")
def test_cells_that_verification_gave_up_on_are_counted(name, weight):
    """As many as are not within the tolerance of their target, however they were made; in the ledger, and summed over programmings."""
    preset, W = hw.PRESETS[name], 0.2 * np.random.default_rng(0).standard_normal((8, 9))
    weight = weight or preset.hardware.weight
    if isinstance(weight, hw.DifferentialPair) and preset.cells.w_min == 0:
        return
    array = preset.replace(weight=weight, programming=WriteVerify(most_pulses=50), time=None).array((8, 9), seed=1)
    array.program(W)
    target = array.weight.targets(array.state.cells, W.T / float(array.state.scale[0]))
    off = np.abs(array.state.cells.w[:, :, :8] - target) > 0.02 * array.cell.bound
    assert array.shortfall.unreached == off.sum()
    assert array.ledger().counts["unreached"] == off.sum()
    line = ("cells not reached in programming", str(off.sum()))
    assert (line in array.ledger().rows()) == bool(off.sum())
    array.program(W)
    assert array.shortfall.unreached >= off.sum()
    assert (array.ledger() + array.ledger()).counts["unreached"] == 2 * array.shortfall.unreached


def test_one_sided_devices_are_verified_from_below():
    cell = replace(SOFT, dw_min=0.005)
    array = make(cell, weight=hw.OneSidedPair(reset_std=0.0), programming=WriteVerify(tolerance=0.03), weights=0.2 * W)
    up, down = array.pulse_counts()
    assert (down == 1).all()  # the reset
    assert up.any()
    off = array.read() - 0.2 * W
    assert np.abs(off).mean() < 0.2


def test_programming_leaves_the_draws_of_updates():
    rng = np.random.default_rng(0)
    post, pre, counts = 0.02 * rng.normal(size=5), rng.normal(size=6), []
    for programming in (Exact(), WriteVerify()):
        array = make(programming=programming)
        before = [c.copy() for c in array.pulse_counts()]
        array.update(post, pre)
        counts.append([after - b for after, b in zip(array.pulse_counts(), before, strict=True)])
        assert array.state.writes[0] == 1
    assert np.array_equal(counts[0], counts[1])


def test_each_programming_has_draws_of_its_own():
    array = make(programming=WriteVerify())
    first = array.read()
    assert np.array_equal(first, make(programming=WriteVerify()).read())
    array.program(np.zeros((5, 6)))
    array.program(W)
    assert not np.array_equal(array.read(), first)


def test_open_loop_hits_with_the_mean_cell_and_misses_with_others():
    mean = without_spread(SOFT, dw_min_std=0.0)
    array = make(mean, programming=OpenLoop())
    assert np.abs(array.read() - W).max() <= 0.011  # half of the largest step, 0.02 at the lower bound
    up, down = array.pulse_counts()
    assert (down == 1).all()
    assert np.array_equal(up[0], pulses_to(W, response(mean)))
    spread = make(programming=OpenLoop())
    assert np.array_equal(spread.pulse_counts().up, up)
    assert np.abs(spread.read() - W).std() > 0.02


def test_pulses_to_is_the_nearest_number():
    curve = response(without_spread(SOFT))
    targets = np.linspace(-1.2, 1.2, 60)
    assert np.array_equal(pulses_to(targets, curve), np.abs(curve[:, None] - targets).argmin(axis=0))
    assert (np.diff(curve) > 0).all()


def test_exact_programming_is_the_default_and_sends_nothing():
    array = make()
    assert np.allclose(
        array.read(), np.clip(W, array.state.cells.bound_low[0, :, :5].T, array.state.cells.bound_up[0, :, :5].T)
    )
    assert not array.pulse_counts().up.any()


@pytest.mark.parametrize(
    ("cell", "programming", "sentence"),
    [
        (SOFT, WriteVerify(tolerance=0), "The 'tolerance' parameter of WriteVerify must be positive. Got 0 instead."),
        (SOFT, WriteVerify(most_pulses=0), "The 'most_pulses' parameter of WriteVerify must be a whole number from 1 to 65535."),
        (SOFT, OpenLoop(reset_std=-1.0), "The 'reset_std' parameter of OpenLoop must be 0 or more. Got -1.0 instead."),
        (hw.Ideal(), WriteVerify(), "The 'cells' parameter of SynapseArray must have pulses for WriteVerify. Got Ideal()"),
        (hw.Digital(), OpenLoop(), "The 'cells' parameter of SynapseArray must have pulses for OpenLoop. Got Digital"),
    ],
)  # fmt: skip
def test_what_cannot_be(cell, programming, sentence):
    with pytest.raises(ValueError) as error:
        make(cell, programming=programming, program=False)
    assert str(error.value).startswith(sentence)
