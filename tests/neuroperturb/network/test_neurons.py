"""Neurons as circuits: the formula, the spread, the noise, the levels; and a network of them."""

from __future__ import annotations

import numpy as np
import pytest

from hardware_models import neurons
from hardware_models.neurons import Neurons, Spread
from hardware_models.numerics import random
from hardware_models.numerics.compiled import COMPILED
from hardware_models.numerics.record import record
from neuroperturb import rules
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.dynamics import fire as ideal_fire
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.simulation import neurons as models
from neuroperturb.simulation.observation import OBSERVATION_KEY
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.tasks.contract import Sequence

pytestmark = pytest.mark.kernels
interpreted = pytest.mark.skipif(COMPILED, reason="compiling each takes seconds; .ci/run does these with the JIT off")
N = 50
ALL = Neurons(
    gain_std=0.2, midpoint_std=0.3, slope_std=0.25, saturation_std=0.15, offset_std=0.1, noise_std=0.4, state_bits=5
)  # fmt: skip


def fired(circuits, a, x, leak=1.0, dtype=np.float64, seed=1):
    """The layer after one firing, (K, n), and its state before."""
    layer = circuits.state(a.shape[1], seed, dtype=dtype)
    width = len(layer.gain)
    padded = lambda v: np.ascontiguousarray(np.pad(v, ((0, 0), (0, width - v.shape[1]))).astype(dtype))  # noqa: E731
    x, t = padded(x), np.dtype(dtype).type
    neurons.fire(record(layer), padded(a), t(leak), t(1) - t(leak), x)
    assert not x[:, a.shape[1] :].any()  # padding stays zero
    return x[:, : a.shape[1]], layer


def drive(rows=3, n=N, seed=0):
    rng = np.random.default_rng(seed)
    return 2 * rng.normal(size=(rows, n)), rng.uniform(-1, 1, size=(rows, n))


@pytest.mark.parametrize("leak", [1.0, 0.3])
def test_the_formula(leak):
    a, x = drive()
    found, layer = fired(ALL, a, x, leak)
    g, m, k, s, d = (v[:N] for v in layer[:5])
    nu = random.normal(1, layer.stream, 0, (3, N), np.float64)
    expected = (1 - leak) * x + leak * (s * np.tanh(k * (g * a - m + 0.4 * nu)) - d)
    expected = np.clip(np.floor(expected * 15 + 0.5), -15, 15) / 15
    assert np.abs(found - expected).max() < 1e-12
    assert layer.fired[0] == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_strength_zero_is_ideal_to_the_bit(dtype):
    a, x = drive(rows=4)
    a[0, :6] = [0.0, -0.0, 1e-30, -1e-30, 40, -40]
    x[0, :6] = [0.0, -0.0, -0.5, 0.5, -0.0, 0.0]
    for leak in (1.0, 0.3):
        ideal, t = x.astype(dtype), np.dtype(dtype).type
        ideal_fire((), a.astype(dtype), t(leak), t(1) - t(leak), ideal)
        assert fired(Neurons(), a, x, leak, dtype)[0].tobytes() == ideal.tobytes()


def test_spread_is_what_was_asked_for():
    n = 20_000
    layer = Neurons(gain_std=0.2, midpoint_std=0.3, slope_std=0.1, saturation_std=0.15, offset_std=0.05).state(
        n, seed=3, dtype=np.float64
    )
    for name, mean, std in (
        ("gain", 1, 0.2), ("midpoint", 0, 0.3), ("slope", 1, 0.1), ("saturation", 1, 0.15), ("offset", 0, 0.05)
    ):  # fmt: skip
        values = getattr(layer, name)[:n]
        assert abs(values.mean() - mean) < 4 * std / np.sqrt(n), name
        assert abs(values.std() / std - 1) < 4 / np.sqrt(2 * n), name
    assert np.corrcoef([v[:n] for v in layer[:5]])[np.triu_indices(5, 1)] == pytest.approx(0, abs=4 / np.sqrt(n))


def test_each_spread_has_draws_of_its_own():
    """Switching the others off changes none of the five, nor does the size of the layer or another layer."""
    names = ("gain_std", "midpoint_std", "slope_std", "saturation_std", "offset_std")
    together = ALL.state(N, 7, dtype=np.float64)
    for place, name in enumerate(names):
        alone = Neurons(**{name: getattr(ALL, name)}).state(2 * N, 7, dtype=np.float64)
        assert np.array_equal(alone[place][:N], together[place][:N])
        assert not np.array_equal(alone[place][:N], ALL.state(N, 8, dtype=np.float64)[place][:N])
        assert not np.array_equal(alone[place][:N], ALL.state(N, 7, layer=1, dtype=np.float64)[place][:N])
    assert len({int(q) for q in Spread}) == 5


def test_noise_of_two_columns_is_independent_and_referred_to_the_input():
    n, sigma = 20_000, 0.01
    a, x = np.zeros((2, n)), np.zeros((2, n))
    found, layer = fired(Neurons(noise_std=sigma), a, x)
    assert np.std(found) == pytest.approx(sigma, rel=4 / np.sqrt(4 * n) + sigma**2)
    assert abs(np.corrcoef(found)[0, 1]) < 4 / np.sqrt(n)
    again, _ = fired(Neurons(noise_std=sigma), a, x)
    assert np.array_equal(found, again)
    layer.fired[0] = 5
    x = np.zeros_like(found[:, : len(layer.gain)]) if len(layer.gain) == n else np.zeros((2, len(layer.gain)))
    neurons.fire(record(layer), np.zeros_like(x), 1.0, 0.0, x)
    assert abs(np.corrcoef(found[0], x[0, :n])[0, 1]) < 4 / np.sqrt(n)


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_levels_of_the_state(bits):
    a = np.linspace(-4, 4, 999)[None, :]
    found, _ = fired(Neurons(state_bits=bits), a, np.zeros_like(a))
    top = 2 ** (bits - 1) - 1
    assert np.array_equal(np.unique(np.round(found * top)), np.arange(-top, top + 1))
    assert np.abs(found * top - np.round(found * top)).max() < 1e-12
    assert np.abs(found - np.tanh(a)).max() <= 0.5 / top + 1e-12
    wide, _ = fired(Neurons(state_bits=bits, saturation_std=3.0), a, np.zeros_like(a))
    assert np.abs(wide).max() == 1  # what a unit gives beyond ±1 is clipped
    lost, _ = fired(Neurons(state_bits=bits), np.full((1, 3), np.nan), np.zeros((1, 3)))
    assert np.isnan(lost).all()


@pytest.mark.parametrize(
    ("field", "value"), [("gain_std", -0.1), ("noise_std", float("nan")), ("slope_std", float("inf")), ("state_bits", 1)]
)  # fmt: skip
def test_what_cannot_be(field, value):
    with pytest.raises(ValueError, match=f"The '{field}' parameter of Neurons must be .* Got .* instead"):
        Neurons(**{field: value}).check()


# in a network


def series(T=12, B=3, seed=2):
    rng = np.random.default_rng(seed)
    return Sequence(
        rng.normal(size=(T, B, 2)), rng.normal(size=(T, B, 2)), np.ones((T, B), bool), np.arange(T) == 0
    )  # fmt: skip


def network(hardware, *, rule="np", batch=3, dtype="float64", seed=5):
    net = RNN(size=9, leak=0.7, bias=True)
    chosen = rules.make(rule, noise_std=0.01, learning_rate=0.01)
    return Simulation(net, chosen, initial_weights(net, 2, 2, 5), batch=batch, steps=12, total_steps=12, dtype=dtype,
                      seed=seed, hardware=hardware)  # fmt: skip


def test_an_evaluation_runs_on_the_same_neurons():
    """Against a transcription of the network in NumPy; reads of an evaluation are numbered from `OBSERVATION_KEY` on."""
    found = network(Chip(neurons=ALL)).evaluate(series())
    sim = network(Chip(neurons=ALL))
    W_in, W_rec, W_out, *_ = sim.weights()
    g, m, k, s, d = (v[:9] for v in sim.run.neurons.circuits[:5])
    x = np.zeros((3, 9))
    for t, u in enumerate(series().inputs):
        a = np.column_stack([u, np.ones(3)]) @ W_in.T + x @ W_rec.T
        nu = random.normal(5, sim.run.neurons.circuits.stream, OBSERVATION_KEY + t, (3, 9), np.float64)
        x = 0.3 * x + 0.7 * (s * np.tanh(k * (g * a - m + 0.4 * nu)) - d)
        x = np.clip(np.floor(x * 15 + 0.5), -15, 15) / 15
        assert np.abs(found[t] - x @ W_out.T).max() < 1e-9


@interpreted
def test_zero_strength_in_a_network_is_ideal_to_the_bit(monkeypatch):
    ideal = network(None, dtype="float32")
    assert ideal.present_all(series())
    weights = ideal.weights()
    monkeypatch.setattr(models, "has_circuits", lambda chip: True)
    compiled = network(Chip(), dtype="float32")
    assert compiled.present_all(series())
    assert compiled.run.neurons.circuits.fired[0] == 12
    for left, right in zip(weights, compiled.weights(), strict=True):
        assert left.tobytes() == right.tobytes()


@interpreted
def test_a_look_leaves_the_noise_of_the_run_alone():
    plain, watched = network(Chip(neurons=ALL)), network(Chip(neurons=ALL))
    for sim in (plain, watched):
        data = sim.prepare(series())
        for t in range(12):
            assert sim.present(data, "learn", t, t + 1) == t + 1
            if sim is watched:
                outputs = sim.evaluate(series())
                assert np.array_equal(outputs, sim.evaluate(series()))
    left, right = plain.checkpoint(), watched.checkpoint()
    assert left.keys() == right.keys()
    assert [name for name in left if left[name].tobytes() != right[name].tobytes()] == []


def test_another_chip_is_another_network_and_another_seed_is_not():
    one, other = (network(Chip(neurons=Neurons(midpoint_std=0.5), seed=k)).evaluate(series()) for k in (1, 2))
    assert np.abs(one - other).max() > 0.01
    again = network(Chip(neurons=Neurons(midpoint_std=0.5), seed=1), seed=99).evaluate(series())
    assert np.array_equal(one, again)
