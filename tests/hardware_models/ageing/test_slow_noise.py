"""Slow noise: variances, autocorrelations and spectra against their formulas, SciPy's periodogram, and restarts."""

import numpy as np
import pytest
from scipy import signal, stats

from hardware_models.ageing import OneOverF, OrnsteinUhlenbeck, SlowNoise, Telegraph
from hardware_models.ageing.slow_noise import NO_TRAP
from hardware_models.numerics import memory, random
from hardware_models.numerics.random import Stream

SIGMAS = 4
OU = OrnsteinUhlenbeck(std=0.3, tau=7.0)
TRAP = Telegraph(amplitude=-0.5, rate_up=0.02, rate_down=0.06)


def covariance(x, lag):
    """Mean and standard error over cells of the covariance at a lag, about the true mean 0."""
    products = (x[: len(x) - lag] * x[lag:]).mean(axis=0)
    return products.mean(), products.std(ddof=1) / np.sqrt(products.size)


@pytest.mark.parametrize("lag", [0, 1, 3, 10, 30])
@pytest.mark.parametrize(
    "source, expected",
    [
        (OU, lambda t: 0.3**2 * np.exp(-t / 7)),
        (TRAP, lambda t: 0.5**2 * 0.25 * 0.75 * np.exp(-0.08 * t)),
        (
            OneOverF(std=0.3, fastest=2.0, slowest=200.0),
            lambda t: 0.3**2 / 3 * sum(np.exp(-t / tau) for tau in (2, 20, 200)),
        ),
    ],
    ids=["ornstein-uhlenbeck", "telegraph", "1/f"],
)
def test_autocovariance_is_that_of_the_formula(source, expected, lag):
    """4 standard errors over 500 independent cells."""
    mean, error = covariance(samples(source), lag)
    assert abs(mean - expected(lag)) < SIGMAS * error


def samples(source, moves=1000, cells=500):
    if source not in samples.kept:
        samples.kept[source] = SlowNoise(sources=(source,)).sample(moves, cells, seed=1)
    return samples.kept[source]


samples.kept = {}


def test_the_first_look_is_already_stationary():
    """One look at 40 000 cells: the normal law by a Kolmogorov-Smirnov test, the part of full traps by its standard error."""
    x = SlowNoise(sources=(OU,)).sample(1, 40_000)[0]
    assert stats.kstest(x / 0.3, "norm").pvalue > 1e-3
    full = np.isclose(SlowNoise(sources=(TRAP,)).sample(1, 40_000)[0], -0.5 * 0.75)
    assert abs(full.mean() - 0.25) < SIGMAS * np.sqrt(0.25 * 0.75 / 40_000)


def test_one_over_f_has_slope_minus_one_over_its_band():
    """Welch's periodogram of 32 cells over 2¹⁶ moves; a line through evenly spaced log f over 1/(2π slowest) … 1/(2π fastest)."""
    fastest, slowest = 3.0, 1000.0
    x = SlowNoise(sources=(OneOverF(std=1.0, fastest=fastest, slowest=slowest),)).sample(2**16, 32, seed=2)
    f, density = signal.welch(x, nperseg=2**15, axis=0, detrend=False)
    density = density.mean(axis=1)
    low, high = 1 / (2 * np.pi * slowest), 1 / (2 * np.pi * fastest)
    at = np.geomspace(low, high, 60)
    slope = np.polyfit(np.log(at), np.log(np.interp(at, f, density)), 1)[0]
    assert abs(slope + 1) < 0.1
    middle = np.geomspace(10 * low, high / 10, 20)
    assert np.allclose(np.interp(middle, f, density) * middle * np.log(slowest / fastest), 1, atol=0.5)
    assert x.var() == pytest.approx(1, rel=0.15)


def test_one_over_f_adds_relaxation_times_evenly_in_their_logarithm():
    source = OneOverF(std=2.0, fastest=1e-3, slowest=10.0, per_decade=2.0)
    std, tau = np.array(source.processes()).T
    assert len(tau) == 9
    assert np.allclose(np.diff(np.log10(tau)), 0.5)
    assert (tau[0], tau[-1]) == pytest.approx((1e-3, 10.0))
    assert np.sum(std**2) == pytest.approx(4)


@pytest.mark.kernels
def test_a_move_is_the_transition_of_the_process():
    """v ← e^{−Δ/τ} v + σ √(1 − e^{−2Δ/τ}) ξ; a trap by P(full after Δ), with the words that its keys give."""
    noise = SlowNoise(sources=(OU, TRAP), read_period=0.5, interval=6)
    slow, offset, shape = noise.state((2, 3, 5), 9, 4, np.float64), memory.zeros((2, 3, 5), np.float64), (2, 3, 5)
    noise.begin(slow, offset)
    v, s = slow.wander[0, :, :, :5].copy(), slow.traps[0, :, :, :5].copy()
    noise.let_pass(slow, 3.0, offset)
    stream = random.stream(Stream.SLOW, 4)
    xi, u = random.normal(9, stream, 2, shape, np.float64), random.uniform(9, stream, 2 + (32 << 40), shape, np.float64)
    rho, left = np.exp(-3 / 7), np.exp(-3 * 0.08)
    v = rho * v + 0.3 * np.sqrt(1 - rho**2) * xi
    s = (u < 0.25 + (s - 0.25) * left).astype(float)
    assert np.allclose(slow.wander[0, :, :, :5], v, rtol=1e-12, atol=1e-14)
    assert np.array_equal(slow.traps[0, :, :, :5], s)
    assert np.allclose(offset[:, :, :5], v - 0.5 * (s - 0.25), rtol=1e-12, atol=1e-14)
    assert not offset[:, :, 5:].any()


def test_two_short_moves_are_one_long_move_in_law():
    """ρ and √(1 − ρ²) of Δ and Δ' compose to those of Δ + Δ'; chances of traps by the Chapman-Kolmogorov equation."""
    noise = SlowNoise(sources=(OU, TRAP))
    a, b, c = (noise.pace(seconds, np.float64) for seconds in (0.4, 2.1, 2.5))
    assert (1 - a.loss) * (1 - b.loss) == pytest.approx(1 - c.loss, rel=1e-14)
    assert a.kick**2 * (1 - b.loss) ** 2 + b.kick**2 == pytest.approx(c.kick**2, rel=1e-14)
    assert (1 - a.rise) * b.rise + a.rise * b.stay == pytest.approx(c.rise, rel=1e-14)
    assert a.stay * b.stay + (1 - a.stay) * b.rise == pytest.approx(c.stay, rel=1e-14)


@pytest.mark.parametrize("tau", [1.0, 1e3, 1e8])
def test_float32_keeps_the_variance_of_slow_processes(tau):
    """The stationary variance of the rounded recursion is kick² / (loss (2 − loss)): σ² to 1e-6 for any τ."""
    pace = SlowNoise(sources=(OrnsteinUhlenbeck(std=0.3, tau=tau),)).pace(1.0, np.float32)
    loss, kick = float(pace.loss[0]), float(pace.kick[0])
    assert kick**2 / (loss * (2 - loss)) == pytest.approx(0.3**2, rel=1e-6)
    assert loss == pytest.approx(-np.expm1(-1 / tau), rel=1e-6)


def test_only_a_share_of_the_cells_has_a_trap():
    share, cells = 0.3, 20_000
    slow = SlowNoise(sources=(Telegraph(amplitude=1.0, rate_up=1.0, rate_down=1.0, share=share),)).state(
        (1, 1, cells), 3
    )
    trapped = (slow.traps[0, 0, 0, :cells] != NO_TRAP).mean()
    assert abs(trapped - share) < SIGMAS * np.sqrt(share * (1 - share) / cells)


@pytest.mark.kernels
def test_switching_a_source_on_leaves_the_others_as_they_were():
    """Sums of sources are sums of what each shows alone, whatever their order and company."""
    flicker = OneOverF(std=0.2, fastest=1.0, slowest=10.0)
    show = lambda *sources: SlowNoise(sources=sources).sample(6, 3, seed=5)  # noqa: E731
    alone = [show(source) for source in (OU, flicker, TRAP)]
    assert np.allclose(show(TRAP, flicker, OU), sum(alone), rtol=1e-12, atol=1e-14)
    silent = OrnsteinUhlenbeck(std=0.0, tau=1.0)
    assert np.array_equal(show(OU, silent), alone[0])
    assert not np.allclose(show(OU, OU), 2 * alone[0])  # two of a kind differ


@pytest.mark.kernels
def test_restart_in_the_middle():
    """State and offset kept and put back: the same bits as without the break."""
    noise, shape = SlowNoise(sources=(OU, TRAP)), (1, 2, 4)
    one, offset = noise.state(shape, 1, dtype=np.float32), memory.zeros(shape, np.float32)
    noise.begin(one, offset)
    for _ in range(3):
        noise.let_pass(one, 1.0, offset)
    two = noise.state(shape, 1, dtype=np.float32)
    for kept, place in zip(one, two, strict=True):
        if isinstance(kept, np.ndarray):
            place[...] = kept
    again = offset.copy()
    for _ in range(2):
        noise.let_pass(one, 1.0, offset)
        noise.let_pass(two, 1.0, again)
    assert offset.tobytes() == again.tobytes()


@pytest.mark.parametrize(
    "source, name",
    [
        (OrnsteinUhlenbeck(std=-0.1, tau=1.0), "std"),
        (OrnsteinUhlenbeck(std=0.1, tau=0.0), "tau"),
        (OneOverF(std=np.nan, fastest=1.0, slowest=2.0), "std"),
        (OneOverF(std=0.1, fastest=2.0, slowest=2.0), "slowest"),
        (OneOverF(std=0.1, fastest=1.0, slowest=2.0, per_decade=0.0), "per_decade"),
        (Telegraph(amplitude=np.inf, rate_up=1.0, rate_down=1.0), "amplitude"),
        (Telegraph(amplitude=1.0, rate_up=0.0, rate_down=1.0), "rate_up"),
        (Telegraph(amplitude=1.0, rate_up=1.0, rate_down="fast"), "rate_down"),
        (Telegraph(amplitude=1.0, rate_up=1.0, rate_down=1.0, share=1.1), "share"),
    ],
)
def test_impossible_sources_are_refused(source, name):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of {type(source).__name__} must be"):
        SlowNoise(sources=(source,)).check()


@pytest.mark.parametrize(
    "options, name",
    [
        ({"sources": [OU]}, "sources"),
        ({"sources": (0.3,)}, "sources"),
        ({"sources": (OU,) * 17}, "sources"),
        ({"read_period": 0}, "read_period"),
        ({"interval": 0.5}, "interval"),
    ],
)
def test_impossible_noise_is_refused(options, name):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of SlowNoise must be"):
        SlowNoise(**options).check()
