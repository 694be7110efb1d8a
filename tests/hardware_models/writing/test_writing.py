"""Writing: coincidence trains against their transcription and their expectation, mixed precision against a sum by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

import hardware_models as hw
from hardware_models import DifferentialPair, Digital, Ideal, SynapseArray
from hardware_models.characterise.realised_writes import report
from hardware_models.crossbar.fused import decorrelation_change
from hardware_models.crossbar.pulses import PULSE
from hardware_models.numerics import random
from hardware_models.numerics.compiled import COMPILED
from hardware_models.writing.coincidence import SAMPLES, CoincidenceTrains, ImplicitTrains, MeanCountTrains
from hardware_models.writing.mixed_precision import MixedPrecision

pytestmark = pytest.mark.kernels

STEP = hw.ConstantStep(
    dw_min=0.01,
    dw_min_std=0.0,
    dw_min_dtod=0.0,
    up_down_dtod=0.0,
    w_max=1.0,
    w_min=-1.0,
    w_max_dtod=0.0,
    w_min_dtod=0.0,
)
MANY = 4000 if COMPILED else 30
RARE = 0.01 / MANY  # one pulse in all: counts of rare pulses are not normal
SEED = 3


def make(cell=STEP, shape=(5, 6), *, W=0.0, **options):
    array = SynapseArray(
        shape, cell, **{"dtype": np.float64, "seed": SEED, "weight_scale": 1.0, "columns": 3, **options}
    )
    array.program(np.broadcast_to(W, shape))
    return array


def factors(rank=3, n=5, m=6, size=0.05):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rank, n)), rng.normal(size=(rank, m)), size * rng.normal(size=rank)


def counted(array):
    """Pulses up less pulses down, (d, n, m)."""
    up, down = array.pulse_counts()
    return up - down


# ----------------------------------------------------------------------------------------------------------------------
# Trains, from their equations


def managed(trains, s, x, d, g):
    """BL, p, q of one sample."""
    k = s * np.abs(x).max() * np.abs(d).max() / g
    slots = min(max(1, math.ceil(k)), trains.length) if trains.length_management else trains.length
    A = B = math.sqrt(s / (g * slots))
    if trains.update_management:
        top = np.abs(d).max() * min(1, slots / k)
        A, B = A * math.sqrt(np.abs(x).max() / top), B * math.sqrt(top / np.abs(x).max())
    return slots, np.minimum(B * np.abs(x), 1), np.minimum(A * np.abs(d), 1)


def fires(odds, write, row, slots):
    """Bits (slots, lines): a line fires where its word is below its odds."""
    words = np.empty((slots, len(odds)), np.uint32)
    for slot in range(slots):
        random.fill_bits(SEED, random.stream(random.Stream.TRAIN, 0), write + slot * PULSE, row, words[slot])
    return words < odds * 2.0**32


def expected_counts(trains, post, pre, reward, share=1.0, k=0, write=0):
    total = np.zeros((post.shape[1], pre.shape[1]), int)
    for r, (d, x, f) in enumerate(zip(post, pre, reward, strict=True)):
        slots, p, q = managed(trains, abs(f * share), x, d, 0.01)
        sign = np.sign(f * share * np.outer(d, x)).astype(int)
        if isinstance(trains, ImplicitTrains):
            if trains.resolution:
                p, q = (np.floor(o / trains.resolution + 0.5) * trains.resolution for o in (p, q))
            total += sign * np.floor(slots * np.outer(q, p) + 0.5).astype(int)
            continue
        row = 2 * (k * SAMPLES + r)
        on_x, on_d = fires(p, write, row, slots), fires(q, write, row + 1, slots)
        if isinstance(trains, MeanCountTrains):
            total += sign * np.floor(np.outer(on_d.sum(0), on_x.sum(0)) / slots + 0.5).astype(int)
        else:
            total += sign * (on_d[:, :, None] & on_x[:, None, :]).sum(0)
    return total


TRAINS = {
    "plain": CoincidenceTrains(update_management=False, length_management=False),
    "update": CoincidenceTrains(length_management=False, length=20),
    "length": CoincidenceTrains(update_management=False),
    "managed": CoincidenceTrains(),
    "short": CoincidenceTrains(length=4),
    "mean": MeanCountTrains(),
    "implicit": ImplicitTrains(),
    "coarse": ImplicitTrains(resolution=0.125),
}


@pytest.mark.parametrize("name", TRAINS)
def test_pulses_of_trains(name):
    """Every pulse of two writes of three samples."""
    trains, (post, pre, reward) = TRAINS[name], factors()
    array, expected = make(writing=trains), 0
    for write in range(2):
        array.update(post, pre, reward)
        expected = expected + expected_counts(trains, post, pre, reward, write=write)
    assert np.array_equal(counted(array)[0], expected)
    assert np.abs(expected).sum() > 20
    assert np.allclose(array.read(), np.clip(0.01 * expected, -1, 1), rtol=0, atol=1e-12)


def test_devices_of_a_pair_have_lines_of_their_own():
    trains, (post, pre, reward) = TRAINS["managed"], factors()
    array = make(writing=trains, weight=DifferentialPair())
    array.update(post, pre, reward)
    for k, share in enumerate((0.5, -0.5)):
        assert np.array_equal(counted(array)[k], expected_counts(trains, post, pre, reward, share, k))


# ----------------------------------------------------------------------------------------------------------------------
# What was asked for and what came of it


@pytest.mark.parametrize("managed", [True, False])
def test_where_the_rate_stands(managed):
    """With update management it makes no difference; without, it belongs in the reward, as the documentation says."""
    rng, rate, parts = np.random.default_rng(0), 0.01, []
    post, pre = rng.uniform(0.2, 1, 5), rng.uniform(0.2, 1, 6)
    for d, s in ((post, rate), (rate * post, 1.0)):
        array = make(writing=CoincidenceTrains(update_management=managed))
        found = report(array, d, pre, s, samples=MANY)
        parts.append((found.mean.sum() / found.requested.sum(), found.error.sum() / found.requested.sum()))
    (in_reward, error), (in_post, _) = parts
    assert abs(in_reward - 1) < 4 * error
    assert in_post == in_reward if managed else in_post < 0.5 * in_reward


@pytest.mark.parametrize("weight", [hw.Single(), DifferentialPair()], ids=["single", "pair"])
@pytest.mark.parametrize("name", ["plain", "managed"])
def test_trains_are_right_in_the_mean(name, weight):
    post, pre, reward = factors(2, size=0.02)
    found = report(make(writing=TRAINS[name], weight=weight), post, pre, reward, samples=MANY)
    assert np.allclose(found.requested, np.einsum("r,ri,rj->ij", reward, post, pre))
    d = len(weight.gains)
    parts = [
        slots * np.outer(q, p) * (1 - np.outer(q, p))
        for slots, p, q in (managed(TRAINS[name], abs(f) / d, x, g, 0.01) for g, x, f in zip(post, pre, reward))
    ]
    predicted = d * 0.01**2 * np.sum(parts, axis=0)
    assert (np.abs(found.bias) <= 4 * np.sqrt(predicted / MANY) + RARE).all()
    assert found.variance.mean() == pytest.approx(predicted.mean(), rel=4 * math.sqrt(8 / MANY))


def test_odds_that_are_cut_make_a_bias():
    """Line 0 asks for twice what 31 slots can write; the mean is what its cut odds make of it."""
    post, pre, reward = np.array([[4.0, 1.0]]), np.array([[1.0, 0.5]]), np.array([0.31])
    array = make(shape=(2, 2), writing=TRAINS["managed"])
    found = report(array, post, pre, reward, samples=MANY)
    slots, p, q = managed(TRAINS["managed"], 0.31, pre[0], post[0], 0.01)
    assert (slots, p[0], q[0]) == (31, 1, 1)
    mean = 0.01 * slots * np.outer(q, p)
    assert (np.abs(found.mean - mean) <= 4 * found.error + RARE).all()
    assert found.bias[0, 0] == pytest.approx(0.31 - 4 * 0.31)


def test_stochastic_rounding_is_right_in_the_mean_and_its_variance_known():
    post, pre, reward = factors(1, size=0.02)
    array = make()
    found = report(array, post, pre, reward, samples=MANY)
    part = (found.requested / 0.01) % 1
    predicted = 0.01**2 * part * (1 - part)
    assert (np.abs(found.bias) <= 4 * np.sqrt(predicted / MANY) + RARE).all()
    assert found.variance.mean() == pytest.approx(predicted.mean(), rel=4 * math.sqrt(8 / MANY))
    assert not array.read().any()
    assert array.state.writes[0] == 0
    nearest = report(make(replace(STEP, rounding="nearest")), post, pre, reward, samples=2)
    assert np.allclose(nearest.mean, 0.01 * np.floor(nearest.requested / 0.01 + 0.5), atol=1e-12)
    assert not nearest.variance.any()
    with pytest.raises(ValueError, match=r"The 'samples' parameter of report must be 2 or more\. Got 1 instead\."):
        report(array, post, pre, samples=1)


# ----------------------------------------------------------------------------------------------------------------------
# Trains in an array


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_nothing_and_what_is_no_number_send_nothing(bad):
    post, pre, _ = factors(1)
    for writing in (TRAINS["managed"], MixedPrecision(), None):
        array = make(writing=writing)
        array.update(post, pre, [bad - bad])
        array.update(
            np.full(5, bad if writing else bad - bad), pre[0]
        )  # endless requests are cut, not ignored, by cells
        assert not counted(array).any()
        array.update(post, pre)
        assert counted(array).any()
        assert np.isfinite(array.read()).all()


def test_a_sweep_writes_trains_then_reads():
    (post, pre, reward), x = factors(), np.random.default_rng(1).normal(size=(2, 6))
    together, apart = (make(writing=TRAINS["managed"]) for _ in range(2))
    apart.update(post, pre, reward)
    assert together.sweep(x, post, pre, reward).tobytes() == apart.matvec(x).tobytes()


def test_noise_of_pulses_leaves_the_trains_and_samples_have_pulses_of_their_own():
    post, pre, reward = np.ones((2, 5)), np.ones((2, 6)), np.full(2, 0.01)
    noisy, silent = (make(replace(STEP, dw_min_std=c), writing=CoincidenceTrains(length=1)) for c in (0.3, 0.0))
    for array in (noisy, silent):
        array.update(post, pre, reward)
    assert np.array_equal(counted(noisy), counted(silent))
    assert (counted(noisy) == 2).all()
    xi = sum(
        random.normal(SEED, random.stream(random.Stream.CYCLE, 0), 32 * r * PULSE, (6, 5), np.float64).T for r in (0, 1)
    )
    assert np.allclose(noisy.read(), 0.01 * (2 + 0.3 * xi), atol=1e-12)


def test_padding_stays_zero():
    array = make(writing=TRAINS["managed"], weight=DifferentialPair())
    array.update(*factors())
    assert not array.state.cells.w[:, :, 5:].any()
    assert not array.state.cells.up[:, :, 5:].any()


# ----------------------------------------------------------------------------------------------------------------------
# Mixed precision


@pytest.mark.parametrize(
    ("cell", "weight"),
    [
        (STEP, hw.Single()),
        (STEP, DifferentialPair()),
        (STEP, hw.Devices(gains=(2.0, -0.5))),
        (Digital(bits=6), hw.Single()),
    ],
    ids=["single", "pair", "uneven", "bits"],
)
def test_requests_are_summed_and_whole_steps_sent(cell, weight):
    post, pre, reward = factors(2, size=0.03)
    array, rng = make(cell, writing=MixedPrecision(), weight=weight), np.random.default_rng(4)
    gains = np.array(weight.gains)
    unit, chi, sent = cell.granularity * np.abs(gains).sum(), np.zeros((5, 6)), np.zeros((5, 6), int)
    for _ in range(30):
        f = reward * rng.normal(size=2)
        array.update(post, pre, f)
        chi += np.einsum("r,ri,rj->ij", f, post, pre)
        n = np.trunc(chi / unit)
        chi, sent = chi - n * unit, sent + n.astype(int)
    assert np.allclose(array.state.writing.chi[:, :5].T, chi, atol=1e-12)
    assert np.array_equal(counted(array), np.sign(gains)[:, None, None] * sent)
    assert np.allclose(array.read(), unit * sent, atol=1e-9)
    assert np.abs(sent).max() > 2


def test_small_requests_are_kept():
    """A thousand requests of 0.013 steps are 13 steps; nearest rounding loses them all."""
    kept, lost = make(writing=MixedPrecision()), make(replace(STEP, rounding="nearest"))
    for array in (kept, lost):
        for _ in range(1001):
            array.update(np.full(5, 0.013 * 0.01), np.ones(6))
    assert (counted(kept) == 13).all()
    assert not counted(lost).any()


def test_what_one_write_cannot_send_waits():
    array = make(replace(STEP, most_pulses=4), writing=MixedPrecision(), W=-0.5)
    array.update(np.full(5, 0.1), np.ones(6))
    assert (counted(array) == 4).all()
    for _ in range(3):
        array.update(np.zeros(5), np.ones(6))
    assert (np.abs(counted(array) - 9.5) <= 0.5).all()  # the last of ten steps is a matter of rounding


def test_granules_are_sent_whole():
    """A granule of 0.034 is three pulses of 0.01; what is left waits, and one pulse is what there was before."""
    rng, chi, sent = np.random.default_rng(2), np.zeros((5, 6)), np.zeros((5, 6), int)
    array, plain, alike = (make(writing=MixedPrecision(granule=granule)) for granule in (0.034, None, 0.01))
    for _ in range(40):
        post, pre = 0.01 * rng.normal(size=5), rng.normal(size=6)
        for one in (array, plain, alike):
            one.update(post, pre)
        chi += np.outer(post, pre)
        n = 3 * np.trunc(chi / 0.03)
        chi, sent = chi - 0.01 * n, sent + n.astype(int)
    assert np.array_equal(counted(array)[0], sent)
    assert np.allclose(array.state.writing.chi[:, :5].T, chi, atol=1e-12)
    assert np.abs(sent).max() > 2
    assert plain.read().tobytes() == alike.read().tobytes() != array.read().tobytes()


def test_a_granule_of_the_write_noise_draws_it_less_often():
    """Asked for a walk of small steps, cells whose write noise is 75 of them are nearer to it with granules of that size."""
    off = {}
    for granule in (1e-9, None):  # one pulse, and the default
        array = make(hw.PRESETS["reram-es"].cells, (20, 20), writing=MixedPrecision(granule=granule))
        for write in range(200):
            array.update(np.full(20, 0.02 if write % 40 < 20 else -0.02), np.ones(20))
        off[granule] = np.sqrt(np.mean(array.read() ** 2))
    first, second = off.values()
    assert second < first


def test_the_default_granule_is_the_write_noise_of_a_weight():
    """reram-es: 75 steps of write noise, of one cell; for the difference of two, whose step is twice, by √2 only."""
    cell = hw.PRESETS["reram-es"].cells
    for weight, fewer in ((hw.Single(), 1), (hw.DifferentialPair(), np.sqrt(2))):
        array = make(cell, (3, 2), writing=MixedPrecision(), weight=weight)
        assert array.state.writing.granule == round(cell.write_noise / cell.granularity / fewer)
    assert make(writing=MixedPrecision()).state.writing.granule == 1


@pytest.mark.parametrize(("every", "rows"), [(1, 2), (3, None), (2, 4), (1, 60)])
def test_rows_are_sent_in_turn_every_so_many_writes(every, rows):
    rng, chi, sent = np.random.default_rng(3), np.zeros((6, 5)), np.zeros((6, 5), int)
    array = make(writing=MixedPrecision(every=every, rows=rows))
    for write in range(25):
        post, pre = 0.01 * rng.normal(size=5), rng.normal(size=6)
        array.update(post, pre)
        chi += np.outer(pre, post)
        if write % every == 0:
            first = write // every * (rows or 6)
            due = sorted({(first + row) % 6 for row in range(min(rows or 6, 6))})
            n = np.trunc(chi[due] / 0.01)
            chi[due] -= 0.01 * n
            sent[due] += n.astype(int)
    assert np.array_equal(counted(array)[0], sent.T)
    assert np.allclose(array.state.writing.chi[:, :5], chi, atol=1e-12)


def test_the_accumulator_is_in_the_ledger():
    for dtype, bits in ((np.float32, 32), (np.float64, 64)):
        assert make(writing=MixedPrecision(), dtype=dtype).ledger().counts["accumulator_bits"] == bits * 30
    assert make().ledger().counts["accumulator_bits"] == 0


# ----------------------------------------------------------------------------------------------------------------------
# Digital cells


@pytest.mark.parametrize("rounding", ["stochastic", "nearest"])
def test_digital_cells_get_nothing_from_what_is_no_number(rounding):
    array = make(Digital(bits=4, rounding=rounding), W=0.4)
    before = array.read()
    array.update(np.full(5, np.nan), np.ones(6))
    assert np.array_equal(array.read(), before)
    assert not counted(array).any()
    array.update([np.inf, -np.inf, 0, 0, 0], np.ones(6))
    assert array.read()[:2, 0].tolist() == [1, -1]


@pytest.mark.parametrize("bits", range(2, 9))
def test_digital_levels_are_an_odd_number_with_zero(bits):
    array = make(Digital(bits=bits), (1, 1), W=-1.0)
    levels = [array.read()[0, 0]]
    for _ in range(2**bits):
        array.pulse(1)
        levels.append(array.read()[0, 0])
    found = np.unique(np.round(levels, 12))
    assert len(found) == 2**bits - 1
    assert np.allclose(found, -found[::-1], atol=1e-12)
    assert 0 in found


# ----------------------------------------------------------------------------------------------------------------------
# Sentences


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: make(writing=CoincidenceTrains(length=0)), "The 'length' parameter of CoincidenceTrains must be a whole number"),
        (lambda: make(writing=MeanCountTrains(length=32)), "The 'length' parameter of MeanCountTrains must be a whole number"),
        (lambda: make(writing=ImplicitTrains(resolution=-1)), "The 'resolution' parameter of ImplicitTrains must be 0 or more."),
        (lambda: make(writing=ImplicitTrains(resolution=2)), "The 'resolution' parameter of ImplicitTrains must be at most 1."),
        (lambda: make(Ideal(), writing=CoincidenceTrains()), "The 'cells' parameter of SynapseArray must have pulses for"),
        (lambda: make(writing=MixedPrecision(granule=0.0)), "The 'granule' parameter of MixedPrecision must be positive. Got 0.0 instead."),
        (lambda: make(Ideal(), writing=MixedPrecision()), "The 'cells' parameter of SynapseArray must have pulses for MixedPrecision."),
        (lambda: make(writing=CoincidenceTrains(), columns=5000), "The 'columns' parameter of SynapseArray must be at most 2048"),
        (lambda: make(writing=CoincidenceTrains()).pending(4), "The 'columns' parameter of SynapseArray must be at least the 4 rows"),
        (lambda: make(writing=CoincidenceTrains()).kernel(decorrelation_change), "The 'writing' parameter of SynapseArray cannot be Coinc"),
    ],
)  # fmt: skip
def test_what_cannot_be(build, sentence):
    with pytest.raises(ValueError) as error:
        build()
    assert str(error.value).startswith(sentence)
