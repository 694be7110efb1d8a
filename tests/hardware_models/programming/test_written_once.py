"""Arrays that are written once: statistics against closed forms and quadrature, tables by hand, and reads of whole arrays."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import integrate, stats

import hardware_models as hw
from hardware_models.ageing import Ageing, Faults, Leak
from hardware_models.numerics import random
from hardware_models.programming import (
    SONOS,
    Error,
    GenericNoise,
    Hermes,
    PCMJoshi,
    PCMLike,
    ReRamCMO,
    ReRamWan2022,
    RRAMMilo,
    StateIndependent,
    WrittenOnce,
)
from hardware_models.programming.by_pulses import Exact
from hardware_models.reading.converters import Converter
from hardware_models.reading.reading import Reading

SIGMAS, SAMPLES = 4, 200_000
DAY = 86400.0
LEVELS = (0.05, 0.1, 0.3, 0.6, 1.0)  # of g_max
TIMES = (0.0, 3600.0, DAY, 30 * DAY)


def draws(count, step):
    return random.normal(7, random.Stream.PROGRAM, step, count, np.float64)


def written(model, target, count=SAMPLES):
    return model.write(np.full(count, target), draws(count, 1), draws(count, 2))


def within(sample, mean, std):
    """Mean and standard deviation of a sample are those given, to 4 standard errors."""
    count, deviations = len(sample), sample - sample.mean()
    second, fourth = np.mean(deviations**2), np.mean(deviations**4)
    assert abs(sample.mean() - mean) < SIGMAS * math.sqrt(second / count)
    assert abs(math.sqrt(second) - std) < SIGMAS * math.sqrt((fourth - second**2) / (4 * second * count))


def clipped_moments(mu, sigma):
    """E and E² of max(N(μ, σ²), 0)."""
    a = mu / sigma
    first = mu * stats.norm.cdf(a) + sigma * stats.norm.pdf(a)
    return first, (mu**2 + sigma**2) * stats.norm.cdf(a) + mu * sigma * stats.norm.pdf(a)


def power_moment(base, mu, sigma):
    """E[base^(−|N(μ, σ²)|)] by quadrature."""
    over = lambda z: base ** -abs(mu + sigma * z) * stats.norm.pdf(z)  # noqa: E731
    return integrate.quad(over, -9, 9, points=[-mu / sigma] if -mu / sigma > -9 else None, epsabs=1e-12)[0]


# ----------------------------------------------------------------------------------------------------------------------
# Phase-change memory


@pytest.mark.parametrize("t", TIMES)
@pytest.mark.parametrize("x", LEVELS)
def test_pcm_statistics(x, t):
    """Programming, drift and reads of 200 000 cells at 5 conductances and 4 times, against the published formulas."""
    g_t = 25 * x
    sigma = 0.26348 + 1.9650 * x - 1.1731 * x**2
    mu_nu = min(max(-0.0155 * math.log(x) + 0.0244, 0.049), 0.1)
    sigma_nu = min(max(-0.0125 * math.log(x) - 0.0059, 0.008), 0.045)
    q = min(0.0088 / x**0.65, 0.2)

    model = PCMLike()
    cells = written(model, g_t)
    first, second = clipped_moments(g_t, sigma)
    within(cells.programmed, first, math.sqrt(second - first**2))
    folded = stats.foldnorm(mu_nu / sigma_nu, scale=sigma_nu)
    within(cells.own, folded.mean(), folded.std())

    base = (t + 20) / 20
    g = model.conductance(cells, t)
    mean, square = first * power_moment(base, mu_nu, sigma_nu), second * power_moment(base**2, mu_nu, sigma_nu)
    within(g, mean, math.sqrt(square - mean**2))

    noise = model.read_std(cells, t) * draws(SAMPLES, 3)
    within(noise, 0, q * math.sqrt(square * math.log((t + 20 + 250e-9) / 500e-9)))


def test_pcm_figures_of_the_reference():
    """Relative read noise at x = 0.1, 0.5, 1 after 20 s and 30 days; peak of programming noise 1.086 µS at x = 0.84."""
    model = PCMLike()
    for t, expected in ((0, (16.5, 5.8, 3.7)), (30 * DAY, (21, 7.5, 4.8))):
        relative = [model.relative_read_std(x) * model.accumulated(t) * 100 for x in (0.1, 0.5, 1.0)]
        assert np.allclose(relative, expected, rtol=0.015)
    x = np.linspace(0, 1, 10_001)
    sigma = model.programming_std(25 * x)
    assert sigma.max() == pytest.approx(1.086, abs=5e-4)
    assert x[sigma.argmax()] == pytest.approx(0.84, abs=3e-3)
    assert PCMLike(g_max=50.0).programming_std(50 * x) == pytest.approx(2 * sigma)


def clamp(v, low, high):
    return min(max(v, low), high)


def hermes(cells, x):
    """σ_prog, μ_ν, σ_ν and Q at one x, written out case by case."""
    ln = math.log(x)
    mu = clamp(-0.0387 * ln - 0.0182, 0.072, 0.13) if x < 0.0945 else -0.0436 * x**2 - 0.0126 * x + 0.0736
    if cells == 1:
        sigma = 0.15781817 + 2.32443916 * x - 2.16310839 * x**2 + 0.68841818 * x**3
        nu = clamp(-0.012 * ln - 0.0023, 0.0124, 0.04) if x < 0.3039 else -0.0165 * x**2 + 0.0116 * x + 0.0104
        q = (
            clamp(-0.0078 * ln + 0.0038, 0.0179, 0.04)
            if x < 0.1591
            else 0.0664 * x**3 - 0.1352 * x**2 + 0.0768 * x + 0.0088
        )
    else:
        sigma = 0.16603222 + 4.71806468 * x - 8.48101252 * x**2 + 4.68961419 * x**3
        nu = clamp(-0.0117 * ln - 0.0057, 0.0091, 0.04) if x < 0.3055 else -0.0118 * x**2 + 0.0093 * x + 0.0073
        q = (
            clamp(-0.0117 * ln - 0.0069, 0.015, 0.04)
            if x < 0.16
            else 0.0069 * x**3 - 0.028 * x**2 + 0.0211 * x + 0.0123
        )
    return sigma, mu, nu, q


@pytest.mark.parametrize("x", [1e-3, 0.05, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("cells, g_max, t_0", [(1, 10.35, 200), (2, 20.7, 300)])
def test_hermes_formulas(cells, g_max, t_0, x):
    model, (sigma, mu, nu, q) = Hermes(cells=cells), hermes(cells, x)
    assert (model.g_max, model.t_0) == (g_max, t_0)
    assert model.programming_std(g_max * x) == pytest.approx(sigma, rel=1e-12)
    assert model.nu_mean(x) == pytest.approx(mu, rel=1e-12)
    assert model.nu_std(x) == pytest.approx(nu, rel=1e-12)
    assert model.relative_read_std(x) == pytest.approx(q, rel=1e-12)
    assert model.drift(3.0, 0.1, 9 * t_0) == pytest.approx(3 * 10**-0.1)
    assert model.accumulated(0) == pytest.approx(math.sqrt(math.log((t_0 + 512e-9) / 1024e-9)))


@pytest.mark.parametrize("cells", [1, 2])
def test_hermes_statistics(cells):
    model = Hermes(cells=cells)
    w, x = written(model, 0.5 * model.g_max), 0.5
    within(w.programmed, x * model.g_max, model.programming_std(x * model.g_max))
    within(w.own, model.nu_mean(x), model.nu_std(x))


def test_state_independent_by_hand():
    model = StateIndependent()
    w = written(model, 12.5)
    within(w.programmed, 12.5, 0.2)
    folded = stats.foldnorm(2, scale=0.05)
    within(w.own, folded.mean(), folded.std())
    std = model.read_std(w, DAY)
    assert np.allclose(std, model.conductance(w, DAY) / 25 * math.sqrt(math.log((DAY + 20 + 250e-9) / 500e-9)))


# ----------------------------------------------------------------------------------------------------------------------
# Resistive memory


@pytest.mark.parametrize("t", [1.0, DAY, 2 * DAY])
def test_wan_spread_at_the_times_measured(t):
    """By the quartics, in µS at 40 µS; within the cells, those standard deviations."""
    quartic = {
        1.0: (0.348, 16.030, -43.853, 45.393, -16.815),
        DAY: (0.701, 22.086, -50.773, 47.095, -16.458),
        2 * DAY: (0.782, 20.274, -43.507, 37.062, -11.934),
    }[t]
    model = ReRamWan2022()
    for x in (0.25, 0.5, 1.0):
        sigma = sum(c * x**k for k, c in enumerate(quartic))
        assert model.spread(40 * x, t) == pytest.approx(sigma, rel=1e-12)
        within(model.conductance(written(model, 40 * x), t), 40 * x, sigma)


def test_wan_reference_is_40_microsiemens():
    """At another range the noise is the same part of the range: a quarter at 10 µS, not that of 25 µS."""
    small, x = ReRamWan2022(g_max=10.0), np.linspace(0, 1, 11)
    assert np.allclose(small.spread(10 * x, DAY), ReRamWan2022().spread(40 * x, DAY) / 4, rtol=1e-12)


def test_wan_between_and_beyond_its_times():
    model = ReRamWan2022()
    w = written(model, 20.0, 100)
    half = math.exp((math.log(1) + math.log(DAY)) / 2)
    assert model.spread(20.0, half) == pytest.approx((model.spread(20.0, 1) + model.spread(20.0, DAY)) / 2)
    assert np.array_equal(model.conductance(w, 0), model.conductance(w, 1))
    assert np.array_equal(model.conductance(w, 0), w.programmed)
    assert not model.read_std(w, DAY).any()
    with pytest.raises(ValueError, match="were measured for 172800 s"):
        model.conductance(w, 3 * DAY)


@pytest.mark.parametrize("acceptance, a, b", [(0.2, 0.00106879, 0.00081107), (2, 0.01129027418, 0.0112185391)])
def test_cmo_statistics(acceptance, a, b):
    model = ReRamCMO(acceptance=acceptance)
    w = written(model, 50.0)
    within(w.programmed, 50, a * 50 + b)
    assert np.array_equal(model.conductance(w, 0.5), w.programmed)
    for t in (1.0, DAY, 3.15e8):
        relaxed = model.conductance(w, t) - w.programmed
        within(relaxed, -0.08900206 * math.log(t), 0.04201137 * math.log(t) + 0.41183342)
        g = model.conductance(w, t)
        root = math.sqrt(math.log((t + 1e-6) / 2e-6))
        assert np.allclose(model.read_std(w, t), 0.0277316483 * np.log10(g) * root)
    assert not model.read_std(w, 0.0).any()


# ----------------------------------------------------------------------------------------------------------------------
# Fits of σ(g), and generic errors


def test_joshi_and_milo_by_hand():
    assert PCMJoshi().programming_std([0.0, 10.0, 25.0]) == pytest.approx(
        [0.28638599, 0.86619139, 1.06552324], abs=1e-7
    )
    assert RRAMMilo().programming_std([50.0, 225.0]) == pytest.approx([4.326971, 2.733246], abs=1e-7)
    within(written(RRAMMilo(), 100.0).programmed, 100, 4.782321 - 0.9107)


def test_sonos_by_its_table():
    """After 0, 1 and 5 days by hand, between them by the line; mean drift −13.1 nA at 400 nA after a day."""
    model = SONOS()
    w = written(model, 400.0)
    within(w.programmed, 400, 19.88665 * (1 - math.exp(-400 / 176.3115)))
    within(model.conductance(w, DAY), 386.9, 25.59102 * (1 - math.exp(-386.9 / 186.85544)))
    within(model.conductance(w, 5 * DAY), 382.6, 34.57909 * (1 - math.exp(-382.6 / 207.34309)))
    a, b = (19.88665 + 25.59102) / 2, (176.3115 + 186.85544) / 2
    assert model.spread(300.0, DAY / 2) == pytest.approx(a * (1 - math.exp(-300 / b)))
    assert model.drifted(np.array([100.0, 1600.0]), DAY) == pytest.approx([98.45, 1561.1])
    assert np.allclose(model.read_std(w, 0), 12.58037 * (1 - np.exp(-w.programmed / 215.36557)))
    with pytest.raises(ValueError, match="were measured for 432000 s"):
        model.conductance(w, 6 * DAY)


@pytest.mark.parametrize("gamma", [0.2, 0.8])
@pytest.mark.parametrize("scaling", ["independent", "proportional", "inverse"])
@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_generic_errors(distribution, scaling, gamma):
    """Standard deviation σ or width/√12, times 1, γ or 1/γ; the law itself by Kolmogorov and Smirnov."""
    error = Error(magnitude=0.005, distribution=distribution, scaling=scaling)
    model = GenericNoise(programming=error, reading=error)
    factor = {"independent": 1, "proportional": gamma, "inverse": 1 / gamma}[scaling]
    std = 5 * factor * (1 if distribution == "normal" else 12**-0.5)
    w = written(model, 1000 * gamma)
    off = w.programmed - 1000 * gamma
    within(off, 0, std)
    law = stats.norm(0, std) if distribution == "normal" else stats.uniform(-2.5 * factor, 5 * factor)
    assert stats.kstest(off[:20_000], law.cdf).pvalue > 1e-3
    exact = w._replace(programmed=w.target)
    assert np.allclose(model.read_std(exact, 0.0), std)


def test_an_inverse_error_spares_cells_without_conductance():
    assert Error(magnitude=1.0, scaling="inverse").std(np.array([0.0, 0.5])).tolist() == [0, 2]


@pytest.mark.parametrize("model", [ReRamWan2022(), ReRamCMO(), PCMLike(), Hermes(), SONOS()])
def test_time_can_be_cut_anywhere(model):
    """What a cell is at t does not depend on whether one looked before: nothing is drawn after programming."""
    w = written(model, 0.5 * model.g_max, 50)
    late = model.conductance(w, DAY)
    for t in (10.0, 1000.0):
        model.conductance(w, t)
    assert np.array_equal(model.conductance(w, DAY), late)


@pytest.mark.parametrize(
    "model, name",
    [
        (PCMLike(g_max=0.0), "g_max"),
        (PCMLike(g_min=-1.0), "g_min"),
        (PCMLike(g_min=25.0), "g_min"),
        (PCMLike(t_0=0.0), "t_0"),
        (PCMLike(t_read=30.0), "t_read"),
        (Hermes(cells=3), "cells"),
        (Hermes(t_read=np.nan), "t_read"),
        (StateIndependent(nu_spread=-0.1), "nu_spread"),
        (ReRamWan2022(g_max="40"), "g_max"),
        (ReRamCMO(acceptance=1.0), "acceptance"),
        (PCMJoshi(g_max=30.0), "g_max"),
        (SONOS(g_max=2000.0), "g_max"),
        (GenericNoise(reading=Error(magnitude=-1.0)), "magnitude"),
        (GenericNoise(programming=Error(distribution="cauchy")), "distribution"),
        (GenericNoise(programming=Error(scaling="quadratic")), "scaling"),
    ],
)
def test_impossible_models_are_refused(model, name):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of .* must be"):
        model.check()


# ----------------------------------------------------------------------------------------------------------------------
# Arrays


def made(model, W, **options):
    array = hw.SynapseArray(np.shape(W), programming=model, **{"dtype": np.float64, "seed": 4, **options})
    array.program(W)
    return array


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exactly(WrittenOnce):
    """Programmed exactly, loses `loss` µS a second, reads with a tenth of the conductance."""

    g_max: float = 20.0
    g_min: float = 4.0
    loss: float = 0.0
    relative: float = 0.1

    def programming_std(self, target):
        return np.zeros(np.shape(target))

    def conductance(self, written, t):
        return written.programmed - self.loss * t

    def read_std(self, written, t):
        return self.relative * self.conductance(written, t)


@pytest.mark.filterwarnings("ignore::hardware_models.HardwareWarning")
@pytest.mark.parametrize("weight", [hw.DifferentialPair(), hw.Single()])
def test_weights_are_mapped_to_conductances_and_back(weight):
    """By hand: a pair holds 4 + 16 |w| and 4 µS; a single cell 12 + 8 w; the largest weight is one device unit."""
    W = [[2.0, -1.0], [0.0, 0.5]]
    array = made(Exactly(relative=0.0), W, weight=weight)
    assert np.allclose(array.read(), W, rtol=1e-14)
    g = array.state.programmed.written.target
    expected = [[[20, 4], [4, 8]], [[4, 12], [4, 4]]] if len(weight.gains) == 2 else [[[20, 8], [12, 14]]]
    assert np.allclose(g, np.swapaxes(expected, 1, 2))
    fixed = made(Exactly(relative=0.0), W, weight=weight, weight_scale=1.0)
    assert fixed.read().tolist() == [[1, -1], [0, 0.5]]  # beyond what a conductance can hold


def test_the_model_says_how_cells_make_a_weight_unless_told():
    assert made(PCMLike(), [[1.0]]).weight == hw.DifferentialPair()
    assert made(ReRamCMO(), [[1.0]]).weight == hw.Single()
    assert hw.Hardware(programming=PCMLike()).array((2, 2)).weight == hw.DifferentialPair()


def test_arrays_age_by_their_model_and_besides():
    """0.08 µS a second off both cells of a pair cancel; on single cells they are 0.01 a second; a leak acts besides."""
    W = np.array([[1.0, -1.0]])
    assert np.allclose(aged(W, 10, weight=hw.DifferentialPair()), W)
    assert np.allclose(aged(W, 10, weight=hw.Single()), W - 0.1)
    leak = Ageing(leak=Leak(lifetime=10.0))
    assert np.allclose(aged(W, 10, weight=hw.Single(), time=leak), (W - 0.1) / np.e)
    dead = Ageing(faults=Faults(stuck_zero=1.0))
    assert not aged(W, 10, time=dead).any()


@pytest.mark.parametrize("weight, low, high, none", [(hw.DifferentialPair(), 0, 1, -0.25), (hw.Single(), -1, 1, -1.5)])
def test_stuck_conductances(weight, low, high, none):
    """At 4, 20 or 0 µS, by hand in device units, from fabrication or in life."""
    faults = Faults(stuck_low=0.2, dead_columns=0.2, rate_high=0.1)
    array = made(Exactly(), np.full((30, 20), 0.5), weight=weight, time=Ageing(faults=faults), weight_scale=1.0)
    assert set(np.unique(array.state.cells.stuck[~np.isnan(array.state.cells.stuck)])) == {low, none}
    array.age(1000.0)
    assert set(np.unique(array.state.cells.w[:, :, :30])) == {low, high, none}


def aged(W, seconds, **options):
    array = made(Exactly(loss=0.08), W, **options)
    array.age(seconds)
    return array.read()


@pytest.mark.parametrize("t", [0.0, DAY])
def test_pcm_on_an_array(t):
    """Weights after programming and a day, in 100 000 pairs that hold 0.6: mean and spread by closed forms of both cells."""
    shape, x = (400, 250), 0.6
    array = made(PCMLike(), np.full(shape, x), weight_scale=1.0)
    array.age(t)
    moments = [one_cell(25 * level, (t + 20) / 20) for level in (x, 0.0)]
    mean = moments[0][0] - moments[1][0]
    std = math.sqrt(sum(square - first**2 for first, square in moments))
    within(array.read().ravel(), mean / 25, std / 25)


def one_cell(g_t, base):
    """E and E² of g(t)."""
    x = max(g_t / 25, 1e-7)
    sigma = 0.26348 + 1.9650 * g_t / 25 - 1.1731 * (g_t / 25) ** 2
    mu_nu = clamp(-0.0155 * math.log(x) + 0.0244, 0.049, 0.1)
    sigma_nu = clamp(-0.0125 * math.log(x) - 0.0059, 0.008, 0.045)
    first, second = clipped_moments(g_t, sigma)
    return first * power_moment(base, mu_nu, sigma_nu), second * power_moment(base**2, mu_nu, sigma_nu)


def test_read_noise_is_that_of_its_cells():
    """y − W x is N(0, Σ_j σ_ij² x_j²), independent of column, read and output: 3 000 reads of two columns."""
    W, x = np.array([[1.0, -0.5, 0.0], [0.25, 1.0, -1.0]]), np.array([[1.0, 2.0, -1.0], [1.0, 2.0, -1.0]])
    array = made(Exactly(), W)
    y = np.array([array.matvec(x) for _ in range(3000)])
    g = array.state.programmed.written.programmed
    variance = np.einsum("kji,j->i", (0.1 * g / 16) ** 2, x[0] ** 2)
    noise = (y - x @ W.T) / np.sqrt(variance)
    assert stats.kstest(noise.ravel(), "norm").pvalue > 1e-3
    together = noise.reshape(3000, 4)
    assert np.abs(np.corrcoef(together.T) - np.eye(4)).max() < SIGMAS / math.sqrt(3000)
    assert abs((together[1:] * together[:-1]).mean()) < SIGMAS / math.sqrt(together[1:].size)
    assert np.array_equal(array.read(), W)


@pytest.mark.kernels
def test_read_noise_grows_with_time_and_goes_through_the_reading():
    """The noise is there before the converters: an ADC of step 1 leaves whole numbers, and noise among them."""
    W, still = np.full((50, 4), 1.0), Exactly(relative=0.0)
    reading = Reading(adc=Converter(bits=8, bound=127.0))
    noisy, quiet = (made(model, W, reading=reading, weight_scale=1.0) for model in (Exactly(relative=0.4), still))
    x = np.full(4, 2.0)
    assert np.allclose(quiet.matvec(x), 8)
    y = noisy.matvec(x)
    assert np.allclose(y, np.round(y))
    assert len(np.unique(y)) > 1


@pytest.mark.kernels
def test_noise_of_strength_zero_leaves_every_bit():
    W, x = np.random.default_rng(0).uniform(-1, 1, size=(6, 9)), np.random.default_rng(1).normal(size=(2, 9))
    model = GenericNoise(g_min=0.0)
    array, plain = made(model, W, weight_scale=1.0), made(Exact(), W, weight=hw.DifferentialPair())
    plain.state.cells.w[:] = array.state.cells.w
    assert array.matvec(x).tobytes() == plain.matvec(x).tobytes()


OFF = {"programming_strength": 0.0, "drift_strength": 0.0, "read_strength": 0.0}
MODELS = (PCMLike, Hermes, StateIndependent, ReRamWan2022, ReRamCMO, PCMJoshi, RRAMMilo, SONOS, GenericNoise)


@pytest.mark.kernels
@pytest.mark.parametrize("model", MODELS)
def test_a_model_with_every_strength_at_zero_holds_and_reads_exactly(model):
    """To the bit, whatever time passes, also where the model itself ends; single cells and pairs."""
    W, x = np.random.default_rng(0).uniform(-1, 1, size=(6, 9)), np.random.default_rng(1).normal(size=(2, 9))
    noise = {"programming": Error(magnitude=0.1), "reading": Error(magnitude=0.1)} if model is GenericNoise else {}
    for weight in (hw.Single(), hw.DifferentialPair()):
        array = made(model(**OFF, **noise), W, weight=weight, weight_scale=1.0)
        array.age(1e9)
        plain = made(Exact(), W, weight=weight)
        plain.state.cells.w[:, :, :6] = [W.T] if len(weight.gains) == 1 else [np.maximum(W.T, 0), np.maximum(-W.T, 0)]
        assert array.read().tobytes() == plain.read().tobytes() == W.tobytes()
        assert array.matvec(x).tobytes() == plain.matvec(x).tobytes()
        assert array.rmatvec(np.ones(6)).tobytes() == plain.rmatvec(np.ones(6)).tobytes()


@pytest.mark.parametrize("model", MODELS)
def test_a_strength_leaves_the_others_as_they_are(model):
    """Weights do not know of reads, and new ones not of drift; drift alone takes a quarter with a quarter of the strength."""
    noise = {"programming": Error(magnitude=0.1), "reading": Error(magnitude=0.1)} if model is GenericNoise else {}
    W, x = np.random.default_rng(0).uniform(0.1, 1, size=(6, 9)), np.ones(9)

    def after(seconds, **strengths):
        array = made(model(**strengths, **noise), W, weight_scale=1.0)
        array.age(seconds)
        return array

    new, old = after(0.0).read(), after(DAY).read()
    assert np.array_equal(after(DAY, read_strength=0.0).read(), old)
    assert np.array_equal(after(DAY, drift_strength=0.0).read(), new)
    assert np.allclose(after(DAY, drift_strength=0.25).read(), 0.75 * new + 0.25 * old)
    assert model().drifts == (not np.array_equal(new, old))
    assert not model(drift_strength=0.0).drifts
    assert not np.isclose(after(0.0, programming_strength=0.0).read(), new).any()
    noises = [(one := after(DAY, read_strength=s)).matvec(x) - one.read() @ x for s in (0.0, 1.0, 2.0)]
    assert np.allclose(noises[2], 2 * noises[1])
    assert np.allclose(noises[0], 0)
    assert model().reads_noisily == (not np.allclose(noises[1], 0))


def test_half_the_strength_of_programming_is_half_the_error():
    """Of every model, by the spread of cells that were meant to hold the same, far from 0."""
    W = np.full((80, 50), 0.5)
    for model in MODELS:
        noise = {"programming": Error(magnitude=0.02)} if model is GenericNoise else {}
        stds = [
            made(model(programming_strength=s, **noise), W, weight=hw.Single(), weight_scale=1.0).read().std()
            for s in (0.5, 1.0)
        ]
        assert stds[0] == pytest.approx(stds[1] / 2, rel=1e-6), model


def test_reads_along_the_other_side_have_the_noise_of_the_cells():
    """yᵀW is off by N(0, Σ_i σ_ij² y_i²), by other draws than those forwards, and through a reading likewise."""
    W, y = np.array([[1.0, -0.5, 0.0], [0.25, 1.0, -1.0]]), np.array([[1.0, 2.0], [1.0, 2.0]])
    for reading in (None, Reading()):
        array = made(Exactly(), W, reading=reading, columns=2)
        off = np.array([array.rmatvec(y) for _ in range(2000)]) - y @ W
        g = array.state.programmed.written.programmed
        noise = off / np.sqrt(np.einsum("kji,i->j", (0.1 * g / 16) ** 2, y[0] ** 2))
        assert stats.kstest(noise.ravel(), "norm").pvalue > 1e-3
        assert np.abs(np.corrcoef(noise.reshape(2000, 6).T) - np.eye(6)).max() < SIGMAS / math.sqrt(2000)


def test_compensation_scales_reads_along_both_sides():
    W = np.random.default_rng(0).normal(size=(5, 4))
    array = made(PCMLike(read_strength=0.0), W)
    array.calibrate()
    array.age(365 * DAY)
    array.compensate(per_output=True)
    assert np.allclose(array.rmatvec(np.eye(5)), array.matvec(np.eye(4)).T)


def test_programming_again_draws_again_and_chips_differ():
    W = np.ones((5, 5))
    array = made(PCMLike(), W)
    first = array.read()
    array.program(W)
    assert not np.isclose(array.read(), first).any()
    assert np.array_equal(made(PCMLike(), W).read(), first)
    assert not np.isclose(made(PCMLike(), W, seed=5).read(), first).any()


def test_compensation_of_drifted_pcm():
    """A year takes about half of the weights; what is read after compensation is within 2 % of what was, on the whole."""
    W = np.random.default_rng(0).normal(size=(60, 80))
    array = made(PCMLike(), W)
    array.calibrate()
    before = np.abs(array.matvec(np.eye(80))).sum()
    array.age(365 * DAY)
    assert 0.35 < np.abs(array.matvec(np.eye(80))).sum() / before < 0.65
    array.compensate()
    assert np.abs(array.matvec(np.eye(80))).sum() == pytest.approx(before, rel=0.02)


def test_what_conductances_cannot_make_is_refused():
    with pytest.raises(ValueError, match="The 'programming' parameter of SynapseArray must be another than PCMLike"):
        hw.SynapseArray((2, 2), hw.Digital(), programming=PCMLike())
    with pytest.raises(
        ValueError, match="The 'weight' parameter of SynapseArray must be Single or DifferentialPair for PCMLike"
    ):
        hw.SynapseArray((2, 2), programming=PCMLike(), weight=hw.Devices(gains=(1.0, 1.0)))
    array = made(ReRamWan2022(), np.ones((2, 2)))
    array.age(DAY)
    W = array.read()
    with pytest.raises(ValueError, match="were measured for 172800 s"):
        array.age(DAY + 1)
    assert array.clock == DAY
    assert np.array_equal(array.read(), W)
    array.age(DAY)  # as if it had not been tried
