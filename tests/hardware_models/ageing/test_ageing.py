"""Ageing: each mechanism against its formula, cut anywhere; faults, wear and compensation on every kind of cell."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

import hardware_models as hw
from hardware_models.ageing import (
    Ageing,
    Diffusion,
    Drift,
    Faults,
    Leak,
    OneOverF,
    OrnsteinUhlenbeck,
    Retention,
    SlowNoise,
    StateDrift,
    Wear,
)
from hardware_models.ageing.wear import NEVER
from hardware_models.numerics import random
from hardware_models.numerics.random import Stream

SIGMAS = 4
PULSED = hw.SoftBounds(dw_min=0.02, dw_min_std=0.3, w_max=1.0, w_min=-1.0, write_noise_std=2.0)
CELLS = {"ideal": hw.Ideal(), "digital": hw.Digital(bits=6), "pulsed": PULSED}
EXACT = {"rtol": 1e-12, "atol": 1e-14}


def made(cell=hw.Ideal(), shape=(7, 10), *, W=None, **options):  # noqa: B008
    array = hw.SynapseArray(shape, cell, **{"dtype": np.float64, "seed": 3, "weight_scale": 1.0, **options})
    array.program(weights(shape) if W is None else W)
    return array


def weights(shape, seed=0):
    return np.random.default_rng(seed).uniform(-0.9, 0.9, size=shape)


def spread_of_chip(step, shape, number=0):
    """Standard normal numbers of the cells of chip 3, (n, m)."""
    n, m = shape
    return random.normal(3, random.stream(Stream.CHIP, number), step, (1, m, n), np.float64)[0].T


# ----------------------------------------------------------------------------------------------------------------------
# Mechanisms, against their formulas


def test_drift_is_a_power_law_with_an_exponent_of_each_cell():
    W = weights((7, 10))
    array = made(time=Ageing(drift=Drift(nu=0.05, nu_dtod=0.3, t0=20.0)))
    nu = np.abs(0.05 * (1 + 0.3 * spread_of_chip(32, (7, 10))))
    for t in (0.0, 1.0, 3600.0, 3e7):
        array.age(t - array.clock)
        assert np.allclose(array.read(), W * ((t + 20) / 20) ** -nu, **EXACT)


@pytest.mark.kernels
def test_drift_starts_afresh_with_every_write():
    """By hand: two cells, one rewritten after 30 s; t0 = 10 s, ν = 0.5; after 90 s ages are 90 and 60 s."""
    array = made(shape=(2, 1), W=[[1.0], [1.0]], time=Ageing(drift=Drift(nu=0.5, t0=10.0)))
    array.age(30)
    assert np.allclose(array.read(), 0.5, **EXACT)
    array.update([0.5, 0.0], [1.0])
    array.age(60)
    assert np.allclose(array.read()[:, 0], [7**-0.5, 10**-0.5], **EXACT)
    array.program([[1.0], [1.0]])
    array.age(30)
    assert np.allclose(array.read(), 0.5, **EXACT)


def test_programming_to_the_same_weight_is_a_write():
    array = made(shape=(1, 1), W=[[0.0]], time=Ageing(retention=Retention(lifetime=10.0, stretch=0.5, state=1.0)))
    array.age(10)
    left = array.read()
    array.program(left)
    array.age(10)
    assert array.read() == pytest.approx(1 - np.exp(-2))


def test_exponents_may_depend_on_what_was_written():
    """ν = 0.03 + 0.02 ln(1/|w|), also for cells rewritten later; below w_least no more."""
    W = np.array([[1.0, -0.5, 1e-6]])
    array = made(shape=(1, 3), W=W, time=Ageing(drift=StateDrift(nu=0.03, slope=0.02, t0=1.0, w_least=0.01)))
    nu = 0.03 + 0.02 * np.log(1 / np.maximum(np.abs(W), 0.01))
    array.age(5)
    array.age(4)
    assert np.allclose(array.read(), W * 10.0**-nu, **EXACT)
    array.program(W / 2)
    array.age(9)
    nu = 0.03 + 0.02 * np.log(1 / np.maximum(np.abs(W / 2), 0.01))
    assert np.allclose(array.read(), W / 2 * 10.0**-nu, **EXACT)


def test_exponents_may_differ_from_write_to_write():
    array = made(shape=(200, 200), W=np.ones((200, 200)), time=Ageing(drift=Drift(nu=0.1, nu_std=0.2)))
    seen = []
    for _ in range(2):
        array.age(np.e**10 - 1)
        seen.append(-np.log(array.read()).ravel() / 10)
        array.program(np.ones((200, 200)))
    for nu in seen:
        assert abs(nu.mean() - 0.1) < SIGMAS * 0.02 / 200
        assert abs(nu.std() - 0.02) < SIGMAS * 0.02 / np.sqrt(2 * 40_000)
    assert abs(np.corrcoef(*seen)[0, 1]) < SIGMAS / 200


def test_leak_is_exponential_towards_rest():
    W, shape = weights((7, 10)), (7, 10)
    array = made(time=Ageing(leak=Leak(lifetime=100.0, lifetime_dtod=0.3, reset=0.2, reset_dtod=0.1)))
    tau = np.abs(100 * (1 + 0.3 * spread_of_chip(33, shape)))
    rest = 0.2 + 0.1 * spread_of_chip(34, shape)
    array.age(30)
    array.age(70)
    assert np.allclose(array.read(), np.clip(rest + (W - rest) * np.exp(-100 / tau), None, None), **EXACT)


def test_leak_of_batches():
    """1 000 mini-batches of a factor 1 − 1/50 each, 3 s apart, are 3 000 s of the leak made of them."""
    array = made(time=Ageing(leak=Leak.of_batches(50, period=3.0, reset=0.1)))
    expected = 0.1 + (weights((7, 10)) - 0.1) * (1 - 1 / 50) ** 100
    array.age(300)
    assert np.allclose(array.read(), expected, rtol=1e-10)
    for lifetime in (1.0, 0.0, np.nan):
        with pytest.raises(ValueError, match=r"'lifetime' parameter of Leak\.of_batches"):
            Leak.of_batches(lifetime, period=1.0)


def test_retention_is_a_stretched_exponential_from_the_last_write():
    W, shape = weights((7, 10)), (7, 10)
    array = made(time=Ageing(retention=Retention(lifetime=100.0, lifetime_dtod=0.2, stretch=0.4, state=-0.3)))
    tau = np.abs(100 * (1 + 0.2 * spread_of_chip(36, shape)))
    for t in (1.0, 50.0, 1000.0):
        array.age(t - array.clock)
        assert np.allclose(array.read(), -0.3 + (W + 0.3) * np.exp(-((t / tau) ** 0.4)), **EXACT)
    array.program(W)
    array.age(7.0)
    assert np.allclose(array.read(), -0.3 + (W + 0.3) * np.exp(-((7 / tau) ** 0.4)), **EXACT)


def test_diffusion_spreads_with_the_root_of_time():
    """Standard deviation 0.01 √t over 40 000 cells, in one stretch and in three; draws differ from stretch to stretch."""
    shape = (200, 200)
    for cuts in ((25.0,), (4.0, 1.0, 20.0)):
        array = made(shape=shape, W=np.zeros(shape), time=Ageing(diffusion=Diffusion(std=0.01)))
        for seconds in cuts:
            array.age(seconds)
        w = array.read().ravel()
        assert abs(w.std() - 0.05) < SIGMAS * 0.05 / np.sqrt(2 * w.size)
        assert stats.kstest(w / 0.05, "norm").pvalue > 1e-3


def test_diffusion_stays_within_the_bounds_of_a_cell():
    array = made(dataclasses.replace(PULSED, write_noise_std=0.0), time=Ageing(diffusion=Diffusion(std=5.0, dtod=0.2)))
    array.age(1.0)
    cells = array.state.cells
    w = cells.w[:, :, :7]
    assert (w <= cells.bound_up[:, :, :7]).all()
    assert (w >= cells.bound_low[:, :, :7]).all()
    assert (w == cells.bound_up[:, :, :7]).any()


WHOLE = Ageing(
    drift=Drift(nu=0.05, nu_dtod=0.3, t0=10.0), leak=Leak(lifetime=1e4, lifetime_dtod=0.2, reset=0.1),
    retention=Retention(lifetime=1e6, lifetime_dtod=0.1), faults=Faults(rate_zero=1e-6), wear=Wear(median=100.0, sigma=0.5),
)  # fmt: skip


@pytest.mark.parametrize("part", ["drift", "leak", "retention", "faults"])
@pytest.mark.parametrize("name", CELLS)
def test_time_can_be_cut_anywhere(name, part):
    one, many = (made(CELLS[name], time=Ageing(**{part: getattr(WHOLE, part)})) for _ in range(2))
    one.age(1e5)
    for seconds in (0.0, 10.0, 1e4, 1e5 - 10010.0):
        many.age(seconds)
    assert np.allclose(one.read(), many.read(), rtol=1e-11, atol=1e-13)


def test_write_noise_ages_with_what_it_is_noise_of():
    """Drift multiplies what a cell holds and what it shows by the same number."""
    array = made(PULSED, time=Ageing(drift=Drift(nu=0.5, t0=1.0)))
    cells = array.state.cells
    held, shown = cells.held.copy(), cells.w.copy()
    array.age(3.0)
    assert np.allclose(cells.held, held / 2, **EXACT)
    assert np.allclose(cells.w, shown / 2, **EXACT)


STILL = Ageing(
    drift=Drift(nu=0.0, nu_dtod=0.3), leak=Leak(lifetime=np.inf, reset=0.3), diffusion=Diffusion(std=0.0, dtod=0.2),
    retention=Retention(lifetime=np.inf, state=0.3), faults=Faults(), wear=Wear(median=np.inf, sigma=0.4),
    slow=SlowNoise(sources=(OrnsteinUhlenbeck(std=0.0, tau=1.0),)),
)  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CELLS)
def test_strength_zero_leaves_every_bit(name, dtype):
    """Every mechanism present and without strength: sweeps are the very same code, and time changes no bit of what it meets."""
    plain, still = (made(CELLS[name], dtype=dtype, time=time) for time in (None, STILL))
    assert plain.kernel().sweep is still.kernel().sweep
    assert plain.kernel(batch=True).sweep is still.kernel(batch=True).sweep
    for _ in range(3):
        still.age(1e6)
        for one, other in zip(plain.state.cells, still.state.cells, strict=True):
            assert one.tobytes() == other.tobytes()


@pytest.mark.kernels
def test_ideal_runs_with_and_without_what_has_no_strength():
    plain, still = (made(time=time) for time in (None, STILL))
    rng = np.random.default_rng(1)
    for _ in range(4):
        post, pre, x = 0.1 * rng.normal(size=7), rng.normal(size=10), rng.normal(size=(2, 10))
        assert plain.sweep(x, post, pre).tobytes() == still.sweep(x, post, pre).tobytes()
        still.age(1e6)
        assert plain.read().tobytes() == still.read().tobytes()


def test_switching_one_mechanism_on_leaves_the_draws_of_the_others():
    """Diffusion, failures and limits are those of an array that has nothing else."""
    alone = made(PULSED, time=Ageing(diffusion=Diffusion(std=1e-3)))
    beside = made(
        PULSED, time=Ageing(diffusion=Diffusion(std=1e-3), wear=Wear(median=1e6), faults=Faults(stuck_zero=0.2))
    )
    for array in (alone, beside):
        array.age(1.0)
    healthy = np.isnan(beside.state.cells.stuck[0, :, :7].T)
    assert 0 < healthy.mean() < 1
    assert np.array_equal(alone.read()[healthy], beside.read()[healthy])


# ----------------------------------------------------------------------------------------------------------------------
# Stuck cells and dead lines


@pytest.mark.parametrize("name", ["digital", "pulsed"])
def test_stuck_cells_stay_at_their_bounds_whatever_is_written(name):
    shape, faults = (100, 80), Faults(stuck_low=0.1, stuck_high=0.05, stuck_zero=0.02)
    array = made(CELLS[name], shape, time=Ageing(faults=faults, wear=Wear(median=1e6)))
    cells, (n, m) = array.state.cells, shape
    low, high = (-1, 1) if name == "digital" else (cells.bound_low[0, :, :n].T, cells.bound_up[0, :, :n].T)
    stuck = cells.stuck[0, :, :n].T.copy()
    for place, share in ((low, 0.1), (high, 0.05 * 0.9), (0, 0.02 * 0.9 * 0.95)):
        assert abs((stuck == place).mean() - share) < SIGMAS * np.sqrt(share * (1 - share) / stuck.size)
    push = (lambda: array.update(np.ones(n), np.full(m, 0.3))) if name == "digital" else (lambda: array.pulse(3))
    for write in (push, lambda: array.program(weights(shape, 5))):
        write()
        W = array.read()
        assert np.array_equal(W[~np.isnan(stuck)], stuck[~np.isnan(stuck)])
        assert (W[np.isnan(stuck)] != weights(shape)[np.isnan(stuck)]).mean() > 0.9
    assert (cells.up[0, :, :n].T > 0)[~np.isnan(stuck)].all()  # they count their pulses all the same


def test_programming_by_pulses_spends_them_on_stuck_cells_in_vain():
    array = made(PULSED, programming=hw.WriteVerify(most_pulses=50), time=Ageing(faults=Faults(stuck_high=0.3)))
    cells = array.state.cells
    stuck, up = ~np.isnan(cells.stuck[0, :, :7]), cells.bound_up[0, :, :7]
    assert np.array_equal(cells.w[0, :, :7][stuck], up[stuck])
    far = stuck & (up - weights((7, 10)).T > 0.1)
    assert far.any()
    assert (cells.down[0, :, :7][far] == 50).all()


@pytest.mark.kernels
def test_stuck_at_zero_on_ideal_cells():
    array = made(time=Ageing(faults=Faults(stuck_zero=0.3)))
    zero = array.read() == 0
    assert 0 < zero.mean() < 1
    array.sweep(np.ones((2, 10)), np.ones(7), np.ones(10))
    W = array.read()
    assert (W[zero] == 0).all()
    assert np.allclose(W[~zero], (weights((7, 10)) + 1)[~zero])
    assert np.allclose(array.matvec(np.ones(10)), W.sum(axis=1))


def test_dead_lines():
    """All cells of a dead input line are 0 on both devices of a pair; a dead output line is one of one device."""
    shape = (300, 200)
    pair = hw.DifferentialPair()
    rows = made(shape=shape, W=np.ones(shape), weight=pair, time=Ageing(faults=Faults(dead_rows=0.1)))
    dead = rows.read() == 0
    assert (dead.all(axis=0) | ~dead.any(axis=0)).all()
    assert abs(dead[0].mean() - 0.1) < SIGMAS * np.sqrt(0.09 / 200)
    columns = made(shape=shape, W=np.ones(shape), weight=pair, time=Ageing(faults=Faults(dead_columns=0.1)))
    W = columns.read()
    assert (W[:, :1] == W).all()
    assert set(np.unique(W)) == {0.0, 0.5, 1.0}
    assert abs((W[:, 0] < 1).mean() - 0.19) < SIGMAS * np.sqrt(0.19 * 0.81 / 300)


def test_an_accident_breaks_a_share_of_the_cells_at_once_and_no_other():
    shape, faults = (100, 80), Faults(broken_zero=0.3, accident=50.0)
    array = made(hw.Digital(bits=6), shape, W=np.full(shape, 0.5), time=Ageing(faults=faults))
    array.age(49.0)
    assert not np.isnan(array.read()).any() and (array.read() == array.read()[0, 0]).all()
    array.age(2.0)
    broken = array.read() == 0
    assert abs(broken.mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / broken.size)
    array.age(1e6)
    assert np.array_equal(array.read() == 0, broken)
    at_once = made(hw.Digital(bits=6), shape, W=np.full(shape, 0.5), time=Ageing(faults=faults))
    at_once.age(51.0)
    assert np.array_equal(at_once.read(), array.read())


def test_failures_in_life_come_at_their_rate():
    """1 − e^{−rt} of the cells after t, the same cells stay failed; of competing failures the earlier one."""
    shape = (100, 100)
    array = made(
        hw.Digital(bits=6), shape, W=np.full(shape, 0.5), time=Ageing(faults=Faults(rate_low=2e-3, rate_high=1e-3))
    )
    failed = np.zeros(shape, bool)
    for t in (100.0, 400.0, 1000.0):
        array.age(t - array.clock)
        W = array.read()
        low, high, total = W == -1, W == 1, 1 - np.exp(-3e-3 * t)
        for part, share in ((low, 2 / 3 * total), (high, total / 3)):
            assert abs(part.mean() - share) < SIGMAS * np.sqrt(share * (1 - share) / W.size)
        assert (failed <= (low | high)).all()
        failed = low | high


# ----------------------------------------------------------------------------------------------------------------------
# Wear


def test_limits_are_log_normal():
    array = made(hw.Digital(bits=6), (200, 200), time=Ageing(wear=Wear(median=1e5, sigma=0.7)))
    limit = array.state.cells.limit[0, :, :200]
    z = np.log(limit / 1e5) / 0.7
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-3
    assert (Wear(median=1e12).limits((1, 1, 4), 0, 0) == NEVER).all()


@pytest.mark.kernels
@pytest.mark.parametrize("name", ["digital", "pulsed"])
def test_worn_cells_stick_where_they_are_and_count_on(name):
    """Every cell lasts exactly 5 pulses: it moves with the fifth, and never again, by updates or by pulses."""
    W = np.zeros((4, 3))
    array = made(CELLS[name], (4, 3), W=W, time=Ageing(wear=Wear(median=5.0)))
    fresh = made(CELLS[name], (4, 3), W=W)
    for k in range(1, 9):
        array.pulse(+1)
        if k <= 5:
            fresh.pulse(+1)
            assert np.array_equal(array.read(), fresh.read())
        assert np.array_equal(array.read(), fresh.read())
    assert (array.state.cells.up[0, :, :4] == 8).all()
    if name == "digital":
        array.update(np.ones(4), np.ones(3))
    array.program(np.full((4, 3), 0.7))
    assert np.array_equal(array.read(), fresh.read())


@pytest.mark.kernels
def test_wear_of_each_device_of_a_pair():
    array = made(
        hw.Digital(bits=6),
        (50, 40),
        W=np.zeros((50, 40)),
        weight=hw.DifferentialPair(),
        time=Ageing(wear=Wear(median=3.0, sigma=0.5)),
    )
    for _ in range(6):
        array.pulse(+1)
    cells = array.state.cells
    stuck = ~np.isnan(cells.stuck[:, :, :50])
    assert np.array_equal(stuck, cells.limit[:, :, :50] <= 6)
    expected = np.minimum(cells.limit[:, :, :50], 6) / 31
    assert np.allclose(cells.w[0, :, :50], expected[0])
    assert np.allclose(cells.w[1, :, :50], -expected[1])


# ----------------------------------------------------------------------------------------------------------------------
# Slow noise and compensation on an array


def test_slow_noise_is_shared_by_columns_and_moves_with_reads():
    noise = SlowNoise(sources=(OneOverF(std=0.05, fastest=1.0, slowest=100.0),), interval=2)
    array = made(W=np.zeros((7, 10)), time=Ageing(slow=noise), columns=10)
    first, second, third = (array.matvec(np.eye(10)) for _ in range(3))
    assert first.std() == pytest.approx(0.05, rel=0.6)
    x = np.random.default_rng(0).normal(size=(2, 10))
    both = array.matvec(np.vstack([x[0], x[0]]))
    assert np.array_equal(both[0], both[1])
    assert np.array_equal(second, third) != np.array_equal(first, second)
    assert np.allclose(array.matvec(np.eye(10)).T, array.rmatvec(np.eye(7)))  # from the other side, too
    assert not array.read().any()  # what is stored does not move


def test_slow_noise_of_an_array_is_that_of_its_source():
    """Variance and autocovariance of what outputs read: Σ_j σ² x_j² e^{−t/τ}, 4 standard errors over 400 outputs."""
    noise = SlowNoise(sources=(OrnsteinUhlenbeck(std=0.1, tau=4.0),))
    array = made(shape=(400, 3), W=np.zeros((400, 3)), time=Ageing(slow=noise))
    y = np.array([array.matvec([1.0, 2.0, -1.0]) for _ in range(300)])
    for lag in (0, 2, 8):
        products = (y[: 300 - lag] * y[lag:]).mean(axis=0)
        expected = 0.01 * 6 * np.exp(-lag / 4)
        assert abs(products.mean() - expected) < SIGMAS * products.std() / 20


def test_time_moves_slow_noise_on():
    noise = SlowNoise(sources=(OrnsteinUhlenbeck(std=1.0, tau=10.0),), read_period=1e-9)
    array = made(shape=(100, 100), W=np.zeros((100, 100)), time=Ageing(slow=noise), columns=100)
    look = lambda: array.matvec(np.eye(100)).ravel()  # noqa: E731
    first = look()
    assert np.corrcoef(first, look())[0, 1] > 1 - 1e-6
    array.age(5.0)
    assert np.corrcoef(first, look())[0, 1] == pytest.approx(np.exp(-0.5), abs=SIGMAS / 100)


@pytest.mark.parametrize("per_output", [False, True])
def test_compensation_undoes_drift_that_all_cells_share(per_output):
    array = made(time=Ageing(drift=Drift(nu=0.3, t0=1.0)))
    x = np.random.default_rng(0).normal(size=10)
    y, W = array.matvec(x), array.read()
    array.calibrate()
    array.age(1e4)
    assert np.allclose(array.matvec(x), y * 10001**-0.3)
    reads = int(array.state.columns[0])
    array.compensate(per_output=per_output)
    assert array.state.columns[0] == reads + 10
    assert np.allclose(array.matvec(x), y, rtol=1e-12)
    assert np.allclose(array.read(), W * 10001**-0.3)  # no weight changed
    array.age(1e6)
    array.compensate(per_output=per_output)
    assert np.allclose(array.matvec(x), y, rtol=1e-12)
    array.program(W)
    array.calibrate()  # from here on nothing is made up for
    assert np.allclose(array.matvec(x), W @ x, rtol=1e-12)


@pytest.mark.kernels
def test_compensation_by_hand():
    """Rows of weights (1, 3) and (2, 2); input line 2 dies: Σ|y| falls from 8 to 3, row sums from 4 to 1 and from 4 to 2."""
    array = made(shape=(2, 2), W=[[1.0, 3.0], [2.0, 2.0]])
    array.calibrate()
    array.state.cells.w[0, 1] = 0
    array.compensate()
    assert array.matvec([1.0, 0.0]).tolist() == pytest.approx([8 / 3, 16 / 3])
    array.compensate(per_output=True)
    assert array.matvec([1.0, 0.0]).tolist() == pytest.approx([4.0, 4.0])


def test_compensation_needs_a_reference():
    with pytest.raises(ValueError, match="calibrate"):
        made().compensate()


@pytest.mark.parametrize("per_output", [False, True])
def test_programming_ends_compensation(per_output):
    """A freshly programmed array reads what it was programmed with, whatever was made up for before, along both sides."""
    array = made(time=hw.Ageing(drift=hw.Drift(nu=0.1)), shape=(3, 3), W=np.eye(3))
    for _ in range(2):
        array.calibrate()
        array.age(1e4)
        array.compensate(per_output=per_output)
        assert array.matvec(np.ones(3)) == pytest.approx(1)
        array.program(np.eye(3))
        assert array.read().diagonal().tolist() == [1, 1, 1]
        assert array.matvec(np.ones(3)).tolist() == array.rmatvec(np.ones(3)).tolist() == [1, 1, 1]
    array.age(1e4)
    with pytest.raises(ValueError, match="calibrate"):  # of the weights before
        array.compensate()


def test_compensation_can_be_taken_back():
    array = made(time=hw.Ageing(drift=hw.Drift(nu=0.1)), shape=(3, 3), W=np.eye(3))
    array.calibrate()
    array.age(1e4)
    drifted = array.matvec(np.ones(3))
    array.compensate()
    array.uncompensate()
    assert np.array_equal(array.matvec(np.ones(3)), drifted)
    array.compensate()  # what it goes back to is still known
    assert array.matvec(np.ones(3)) == pytest.approx(1)


# ----------------------------------------------------------------------------------------------------------------------
# Restarts, and what cannot be


@pytest.mark.kernels
def test_a_restart_finds_everything_in_its_state():
    """Cells, ageing and slow noise kept and put back into another array: the same bits ever after."""
    slow = SlowNoise(sources=(OneOverF(std=0.02, fastest=1.0, slowest=100.0),))
    everything = dataclasses.replace(
        WHOLE, diffusion=Diffusion(std=1e-4), slow=slow, drift=Drift(nu=0.1, nu_dtod=0.2, nu_std=0.1)
    )
    one, two = (made(hw.Digital(bits=6), time=everything) for _ in range(2))

    def live(array, rounds):
        rng = np.random.default_rng(7)
        for _ in range(rounds):
            array.sweep(rng.normal(size=10), 0.1 * rng.normal(size=7), rng.normal(size=10))
            array.age(100.0)

    live(one, 3)
    copy(one.state, two.state)
    copy(one.ageing, two.ageing)
    live(one, 2)
    live(two, 2)
    assert one.read().tobytes() == two.read().tobytes()
    assert one.matvec(np.ones(10)).tobytes() == two.matvec(np.ones(10)).tobytes()


def copy(source, target):
    for kept, place in zip(source, target, strict=True):
        if isinstance(kept, np.ndarray):
            place[...] = kept
        elif hasattr(kept, "_fields"):
            copy(kept, place)


@pytest.mark.parametrize("seconds", [-1.0, np.nan, np.inf, "hour"])
def test_time_must_pass_forward(seconds):
    with pytest.raises(ValueError, match="'seconds' parameter of age"):
        made().age(seconds)


@pytest.mark.parametrize(
    "part, name",
    [
        (Drift(nu=-0.1), "nu"),
        (Drift(nu=0.1, nu_dtod=-0.1), "nu_dtod"),
        (Drift(nu=0.1, t0=0.0), "t0"),
        (StateDrift(nu=0.1, slope=np.nan), "slope"),
        (StateDrift(nu=0.1, slope=0.1, w_ref=0.0), "w_ref"),
        (Leak(lifetime=0.0), "lifetime"),
        (Leak(lifetime=1.0, reset=np.inf), "reset"),
        (Diffusion(std=-1.0), "std"),
        (Retention(lifetime=1.0, stretch=1.5), "stretch"),
        (Retention(lifetime=-1.0), "lifetime"),
        (Faults(stuck_low=1.5), "stuck_low"),
        (Faults(dead_rows=-0.1), "dead_rows"),
        (Faults(rate_zero=-1.0), "rate_zero"),
        (Faults(broken_zero=0.3), "accident"),
        (Faults(accident=3.0), "accident"),
        (Wear(median=0.0), "median"),
        (Wear(median=10.0, sigma=-1.0), "sigma"),
    ],
)
def test_impossible_mechanisms_are_refused(part, name):
    field = next(f for f, kind in Ageing.__annotations__.items() if type(part).__name__.removeprefix("State") in kind)
    with pytest.raises(ValueError, match=f"The '{name}' parameter of {type(part).__name__} must be"):
        made(hw.Digital(), time=Ageing(**{field: part}))


def test_mechanisms_that_do_not_fit_the_cells_are_refused():
    with pytest.raises(
        ValueError, match=r"The 'time\.faults\.stuck_low' parameter of Faults must be 0 where cells have no bounds"
    ):
        made(time=Ageing(faults=Faults(stuck_low=0.1)))
    with pytest.raises(
        ValueError, match=r"The 'time\.wear\.median' parameter of Wear must be inf where cells have no pulses"
    ):
        made(time=Ageing(wear=Wear(median=10.0)))
    with pytest.raises(ValueError, match="The 'drift' parameter of Ageing must be a Drift or None"):
        made(time=Ageing(drift=0.1))
    with pytest.raises(ValueError, match="The 'leak' parameter of Ageing must be a Leak or None"):
        made(time=Ageing(leak=Drift(nu=0.1)))
