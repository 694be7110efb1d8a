"""Codes, clocks and laws of noise: orthogonal to rounding, closed-form autocovariances, and gradients read off one frame."""

import numpy as np
import pytest

from hardware_models.numerics import random
from hardware_models.numerics.compiled import COMPILED
from neuroperturb import rules
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.rules.noise.codes import frame_of_walsh
from neuroperturb.rules.noise.law import CodePlace, NoiseSource
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.tasks.contract import Sequence

pytestmark = pytest.mark.kernels
every = pytest.mark.skipif(COMPILED, reason="compiling each takes seconds; .ci/run does these with the JIT off")

CODES = [rules.Walsh(scrambled=False), rules.Walsh(), rules.OneAtATime(), rules.Sinusoid()]
REMEMBERING = [
    rules.OrnsteinUhlenbeck(tau=0.7),
    rules.OrnsteinUhlenbeck(tau=5.0),
    rules.Telegraph(up=3.0, down=3.0),
    rules.Telegraph(up=6.0, down=2.0),
]


MANY = 4000 if COMPILED else 200  # independent units; errors are counted in standard errors


def source(law, units, place=None, stream=2, seed=1, dtype=np.float64):
    place = place or CodePlace(0, units, 1, 1)
    return NoiseSource(
        seed, stream, np.zeros((1, 1, 1), dtype), place, law.law(place.codes), np.zeros((2, units), dtype)
    )


def drawn(law, draws, units, place=None, **options):
    """(draws, rows of a draw, units) of one layer."""
    made = source(law, units, place, **options)
    rows = made.place.batch * made.place.fan
    out = np.empty((draws, rows, units), options.get("dtype", np.float64))
    for number in range(draws):
        for row in range(rows):
            law.kernel(made, number, row, out[number, row])
    return out


def frame(law, codes):
    numbers = law.law(codes)
    return getattr(numbers, "frame", None) or numbers.groups


# ----------------------------------------------------------------------------------------------------------------------
# Codes


@pytest.mark.parametrize("batch", [1, 2, 5, 100])
@pytest.mark.parametrize("law", CODES, ids=repr)
def test_codes_of_two_layers_are_orthogonal_over_every_frame(law, batch):
    """Hidden units and outputs share the code: ΞᵀΞ/L = I over any whole frame, wherever it lies among draws and trials."""
    hidden, output = CodePlace(0, 9, 1, batch), CodePlace(6, 9, 1, batch)
    L = frame(law, 9)
    draws = -(-3 * L // batch)
    xi = np.concatenate([drawn(law, draws, 6, hidden), drawn(law, draws, 3, output, stream=258)], axis=2).reshape(-1, 9)
    for start in (0, L, 2 * L):
        slots = xi[start : start + L]
        assert np.abs(slots.T @ slots / L - np.eye(9)).max() < 1e-14
        if law == CODES[0] or law.kind == "sinusoid":
            assert np.abs(slots.mean(0)).max() < 1e-14, "a constant drops out"


@pytest.mark.parametrize("law", CODES, ids=repr)
def test_codes_of_weights_are_orthogonal(law):
    """Rows of a draw are trial · m + j, and synapse (i, j) of the second matrix comes after all of the first."""
    first, second = CodePlace(0, 6 + 8, 2, 2), CodePlace(6, 6 + 8, 4, 2)
    L = frame(law, 14)
    a = drawn(law, L, 3, first).reshape(2 * L, 2 * 3)
    b = drawn(law, L, 2, second, stream=258).reshape(2 * L, 4 * 2)
    xi = np.concatenate([a, b], axis=1)[:L]
    assert np.abs(xi.T @ xi / L - np.eye(14)).max() < 1e-14


def test_walsh_is_the_hadamard_matrix():
    H = np.ones((1, 1))
    while len(H) < frame_of_walsh(7):
        H = np.block([[H, H], [H, -H]])
    assert np.array_equal(drawn(rules.Walsh(scrambled=False), 8, 7)[:, 0], H[:, 1:8])
    scrambled = drawn(rules.Walsh(), 8, 7)[:, 0]
    signs = scrambled[:, :1] * H[:, 1:2]
    assert np.array_equal(scrambled, signs * H[:, 1:8])
    assert set(signs.ravel()) == {-1.0, 1.0}


def test_a_scrambled_code_is_white_in_time():
    xi = drawn(rules.Walsh(), 4000, 5)[:, 0]
    for t in (1, 2, 8):
        assert np.abs((xi[t:] * xi[:-t]).mean(0)).max() < 4 / np.sqrt(4000)


def test_one_group_at_a_time():
    xi = drawn(rules.OneAtATime(size=3), 600, 7)[:, 0]
    assert np.array_equal(
        np.abs(xi[:4]),
        np.sqrt(3) * np.array([[1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 0], [0] * 6 + [1], [1, 1, 1, 0, 0, 0, 0]]),
    )
    assert np.allclose((xi**2).mean(0), 1)
    assert np.abs(xi.mean(0)).max() < 4 / np.sqrt(600)
    within = (xi[:, 0] * xi[:, 1])[::3]
    assert abs(within.mean()) < 4 * 3 / np.sqrt(200)


def test_a_sinusoid_has_its_own_frequency():
    """The spectrum of code k over a frame is one line, at k."""
    L = frame(rules.Sinusoid(), 6)
    power = np.abs(np.fft.rfft(drawn(rules.Sinusoid(), L, 6)[:, 0], axis=0)) ** 2
    assert np.array_equal(power.argmax(0), np.arange(1, 7))
    assert np.allclose(power.max(0), L**2 / 2)
    assert np.allclose(power.sum(0), L**2 / 2)


def estimate(law, seed, units, dtype=np.float64):
    """ĝ over one frame of a linear system δL = σ g·ξ (its own gradient g, σ = 1), and g."""
    g = np.random.default_rng(seed).normal(size=units)
    xi = drawn(law, frame_of_walsh(units), units, seed=seed, dtype=dtype)[:, 0]
    return (xi @ g) @ xi / len(xi), g


def test_a_frame_of_walsh_has_no_cross_talk_and_random_noise_has():
    """Rademacher leaves (1/L) Σ_{l ≠ k} g_l² of variance; Walsh leaves rounding."""
    for seed in range(3):
        found, g = estimate(rules.Walsh(), seed, 60)
        assert np.abs(found - g).max() < 1e-14 * 60
    errors = np.array([np.subtract(*estimate(rules.Rademacher(), seed, 60)) for seed in range(100)])
    expected = np.mean([(g @ g) / 64 for g in (estimate(rules.Rademacher(), s, 60)[1] for s in range(100))]) * 59 / 60
    spread = np.sqrt(2 / 60 * 2) / np.sqrt(100)  # of a mean of squares; codes of one frame share g
    assert np.mean(errors**2) == pytest.approx(expected, rel=4 * spread)


# ----------------------------------------------------------------------------------------------------------------------
# Read off a network


NETWORK, N_IN, N_OUT = RNN(size=5), 2, 2
CODED = NETWORK.size + N_OUT


def same_again(steps, batch):
    """One input and target at every step of every trial, each step from rest."""
    rng = np.random.default_rng(0)
    u, target = rng.normal(size=N_IN), rng.normal(size=N_OUT)
    shape = (steps, batch, 1)
    return Sequence(np.tile(u, shape), np.tile(target, shape), np.ones((steps, batch), bool), np.ones(steps, bool))


def gradient(initial, sequence):
    """∇L with respect to W_in and W_out, by hand."""
    u, target = sequence.inputs[0, 0], sequence.targets[0, 0]
    x = np.tanh(initial.W_in @ u)
    error = 2 * (initial.W_out @ x - target) / N_OUT
    return {"W_in": np.outer((1 - x**2) * (initial.W_out.T @ error), u), "W_out": np.outer(error, x)}


def found_gradient(rule, sequence, schedule="episode"):
    T, B = sequence.mask.shape
    initial = initial_weights(NETWORK, N_IN, N_OUT, 1)
    sim = Simulation(
        NETWORK, rule, initial, schedule=schedule, batch=B, steps=T, total_steps=T, dtype="float64", seed=3
    )
    assert sim.present_all(sequence)
    W = sim.weights()
    return {k: -(getattr(W, k) - getattr(initial, k)) / rule.learning_rate / T for k in ("W_in", "W_out")}, gradient(
        initial, sequence
    )


def off(found, exact):
    return max(np.linalg.norm(found[k] - exact[k]) / np.linalg.norm(exact[k]) for k in exact)


@every
@pytest.mark.parametrize("batch", [1, 2, 8])
def test_a_network_reads_its_gradient_off_one_frame(batch):
    """Over time, over both, over the batch: 8 trials of ±ξ give the gradient of 24 weights to the curvature of tanh, σ²."""
    rule = rules.make(
        "np", None, "episode", noise=rules.Walsh(), baseline=rules.Antithetic(), noise_std=1e-4, learning_rate=1.0
    )
    found, exact = found_gradient(rule, same_again(8 // batch, batch))
    assert frame_of_walsh(CODED) == 8
    assert off(found, exact) < 1e-6


@every
@pytest.mark.parametrize(
    "law", [rules.Gaussian(), rules.Rademacher(), rules.Sparse(), rules.OrnsteinUhlenbeck()], ids=repr
)
def test_random_noise_does_not(law):
    rule = rules.make("np", None, "episode", noise=law, baseline=rules.Antithetic(), noise_std=1e-4, learning_rate=1.0)
    assert off(*found_gradient(rule, same_again(1, 8))) > 0.1


@every
@pytest.mark.parametrize("law", [rules.OneAtATime(), rules.Sinusoid()], ids=repr)
def test_the_other_codes_do(law):
    rule = rules.make("np", None, "episode", noise=law, baseline=rules.Antithetic(), noise_std=1e-4, learning_rate=1.0)
    assert off(*found_gradient(rule, same_again(1, frame(law, CODED)))) < 1e-6


@every
def test_weights_perturbed_in_code_read_their_gradient_off_one_frame():
    codes = 5 * 2 + 5 * 5 + 2 * 5
    rule = rules.make(
        "wp-held",
        None,
        "episode",
        noise=rules.Walsh(),
        baseline=rules.Antithetic(),
        step=rules.Plain(),
        noise_std=1e-4,
        learning_rate=1.0,
    )
    found, exact = found_gradient(rule, same_again(1, frame_of_walsh(codes)))
    assert off(found, exact) < 1e-6


@every
def test_one_pass_needs_no_baseline_where_the_code_sums_to_nothing():
    """A lock-in: whatever is compared with drops out of a frame, to the curvature of the loss, σ."""
    rule = rules.make(
        "np",
        None,
        "episode",
        noise=rules.Walsh(scrambled=False),
        baseline=rules.RunningMean(),
        noise_std=1e-6,
        learning_rate=1.0,
    )
    assert off(*found_gradient(rule, same_again(1, 8))) < 1e-4


# ----------------------------------------------------------------------------------------------------------------------
# Laws


def rate_of(law):
    return law.law(1).rate


@pytest.mark.parametrize("law", REMEMBERING, ids=repr)
def test_mean_variance_and_autocovariance(law):
    """Means over independent units, so that standard errors are those of independent numbers."""
    lags = np.array([0, 1, 2, 4, 9])
    xi = drawn(law, 40, MANY)[:, 0]
    for start in (0, 17, 30):  # in the middle of a span and across its border
        first = xi[start]
        assert abs(first.mean()) < 4 * first.std() / np.sqrt(MANY)
        for lag in lags:
            product = first * xi[start + lag]
            assert abs(product.mean() - np.exp(-lag * rate_of(law))) < 4 * product.std() / np.sqrt(MANY) + 1e-12


def test_ornstein_uhlenbeck_depends_on_the_present_alone():
    """Markov: given ξ(t), ξ(t − 1) and ξ(t + 1) are uncorrelated, wherever t lies in the hierarchy; and it is Gaussian."""
    law = rules.OrnsteinUhlenbeck(tau=4.0)
    xi, c = drawn(law, 14, MANY)[:, 0], np.exp(-1 / 4)
    for t in range(1, 13):
        product = (xi[t - 1] - c * xi[t]) * (xi[t + 1] - c * xi[t])
        assert abs(product.mean()) < 4 * product.std() / np.sqrt(MANY), t
    kurtosis = (xi**4).mean(1)
    assert np.abs(kurtosis - 3).max() < 4 * np.sqrt(96 / MANY)


def test_a_junction_dwells_as_long_as_it_is_told():
    """Seen once a draw, a level is left with the chance (1 − e^{−rate}) of the other's share."""
    law = rules.Telegraph(up=20.0, down=10.0)
    xi = drawn(law, 64, MANY // 2)[:, 0]
    above = xi > 0
    assert np.allclose(np.unique(xi), [-np.sqrt(2), np.sqrt(1 / 2)])
    forget = 1 - np.exp(-(1 / 20 + 1 / 10))
    for level, chance in ((True, forget / 3), (False, forget * 2 / 3)):
        held = above[:-1] == level
        left = (above[1:] != level)[held].mean()
        assert abs(left - chance) < 4 * np.sqrt(chance * (1 - chance) / held.sum())


def test_noise_is_held_for_a_share_of_what_its_unit_remembers():
    """ξ_i(t) is draw ⌊t/h_i⌋ h_i; h_i is the power of two nearest to τ_i/2, at least `least`; outputs have the least."""
    law = rules.Remembered(share=0.5, least=2)
    held = law.law_of(4, np.array([1.0, 3.0, 8.0, 20.0]))
    assert list(held.lengths) == [2, 2, 4, 8]
    place = NoiseSource(1, 2, np.zeros((1, 1, 1)), CodePlace(0, 4, 1, 1), held, np.zeros((2, 4)))
    xi = np.empty((32, 4))
    for t in range(32):
        law.kernel(place, t, 0, xi[t])
    fresh = np.empty((32, 4))
    for t in range(32):
        random.fill_normal(1, 2, t, 0, fresh[t])
    for i, length in enumerate(held.lengths):
        assert np.array_equal(xi[:, i], fresh[np.arange(32) // length * length, i])


@pytest.mark.skipif(COMPILED, reason="compiling it takes seconds; .ci/run does it with the JIT off")
@pytest.mark.parametrize("rule", ["np-trace", "np-p"])
def test_every_unit_of_a_network_holds_its_own(rule):
    network = RNN(size=3, leak={"kind": "log-spaced", "slowest": 16})
    rule = rules.make(rule, schedule="episode", noise=rules.Remembered(share=1.0, least=1))
    sim = Simulation(
        network, rule, initial_weights(network, 2, 1, 3), schedule="episode", batch=2, steps=16, total_steps=16, seed=7
    )
    rng = np.random.default_rng(0)
    reset = np.arange(16) == 0
    data = sim.prepare(Sequence(rng.normal(size=(16, 2, 2)), np.ones((16, 2, 1)), np.ones((16, 2), bool), reset))
    noise = []
    for t in range(16):
        sim.gather(data, t, t + 1)
        noise.append(sim.run.act.xi[0, :3].copy())
    different = [len({*column}) for column in np.transpose(noise)]
    assert different == [16, 4, 1]


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_a_sparse_mask(share):
    xi = drawn(rules.Sparse(share=share), 10, MANY).ravel()
    height = 1 / np.sqrt(share)
    assert set(np.round(np.unique(xi), 12)) <= {round(-height, 12), 0.0, round(height, 12)}
    on = xi != 0
    assert abs(on.mean() - share) <= 4 * np.sqrt(share * (1 - share) / xi.size)
    assert abs(xi.mean()) < 4 / np.sqrt(xi.size)


@pytest.mark.parametrize(
    "law",
    [pytest.param(law, marks=[] if law.kind == "walsh" else every) for law in (*CODES, *REMEMBERING, rules.Sparse())],
    ids=repr,
)
def test_float32_sees_the_same_noise(law):
    a, b = (drawn(law, 9, 40, dtype=t) for t in (np.float32, np.float64))
    assert a.dtype == np.float32
    levels = law.kind in ("telegraph", "sparse")  # a draw within rounding of a threshold may fall on either side
    assert (np.abs(a - b) < 1e-5).mean() > (0.99 if levels else 0.9999)


def test_parameters_that_cannot_be():
    with pytest.raises(ValueError, match="'share' parameter of Sparse"):
        rules.Sparse(share=0.0)
    with pytest.raises(ValueError, match="'tau' parameter of OrnsteinUhlenbeck"):
        rules.OrnsteinUhlenbeck(tau=-1.0)
    with pytest.raises(ValueError, match="'size' parameter of OneAtATime"):
        rules.OneAtATime(size=0)
