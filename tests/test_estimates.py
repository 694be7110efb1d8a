"""What a rule estimates: the mean of many updates of node perturbation is a gradient, the whole one or the one-step one."""

import numpy as np
import pytest

from neuroperturb import rules
from neuroperturb.baselines import from_matrices, gradient
from neuroperturb.network import RNN, initial_weights
from neuroperturb.simulation import Simulation
from neuroperturb.tasks.contract import Sequence

NETWORK, N_IN, N_OUT = RNN(size=5, gain=1.5), 2, 2
STEPS, TRIALS, TIMES = 10, 15, 3000  # 45,000 trials of 10 steps; seeds below are fixed
RATE = 1e-9  # the sum of all changes is about 1e-5: the weights stay what they are
LEARNT = ("W_in", "W_rec", "W_out")


def everything(matrices):
    return np.concatenate([np.ravel(m) for m in matrices])


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.fixture(scope="module")
def setting():
    """Initial weights, a sequence with a loss at every step, and its gradients (papers' orientation) by window."""
    rng = np.random.default_rng(3)
    initial = initial_weights(NETWORK, N_IN, N_OUT, 11)
    sequence = Sequence(
        rng.normal(size=(STEPS, TRIALS, N_IN)), rng.normal(size=(STEPS, TRIALS, N_OUT)),
        np.ones((STEPS, TRIALS), bool), np.arange(STEPS) == 0,
    )  # fmt: skip
    by_window = {
        window: [g.T for g in gradient(from_matrices(initial), sequence, loss="mse", window=window)[1]]
        for window in (None, 1)
    }
    return initial, sequence, by_window


def mean_update(rule, setting, seed):
    """−ΔW/η of one episode, averaged over many."""
    initial, sequence, _ = setting
    simulation = Simulation(
        NETWORK,
        rule,
        initial,
        schedule="episode",
        batch=TRIALS,
        steps=STEPS,
        total_steps=STEPS,
        dtype="float64",
        seed=seed,
    )
    data = simulation.prepare(sequence)
    for _ in range(TIMES):
        assert simulation.present(data, "learn", 0, STEPS) == STEPS
    after = simulation.weights()
    return [-(getattr(after, k) - getattr(initial, k)) / RATE / TIMES for k in LEARNT]


def assert_estimates(found, gradients):
    """Direction of every matrix and of all together, and length: unbiased means both."""
    for name, estimate, exact in zip(LEARNT, found, gradients, strict=True):
        assert cosine(estimate.ravel(), exact.ravel()) >= 0.98, name
    total, exact = everything(found), everything(gradients)
    assert cosine(total, exact) >= 0.98
    assert total @ exact / (exact @ exact) == pytest.approx(1, abs=0.05)


def test_np_with_a_causal_trace_is_backpropagation_through_time(setting):
    rule = rules.make("np", "unbiased", "episode", credit=rules.Trace(decay=1.0), learning_rate=RATE)
    found = mean_update(rule, setting, seed=1)
    assert_estimates(found, setting[2][None])
    assert cosine(found[1].ravel(), setting[2][1][1].ravel()) < 0.95  # and the one-step gradient is another one


def test_np_with_instant_credit_is_the_one_step_gradient(setting):
    found = mean_update(rules.make("np", "unbiased", "episode", learning_rate=RATE), setting, seed=2)
    assert_estimates(found, setting[2][1])
    assert cosine(found[1].ravel(), setting[2][None][1].ravel()) < 0.95


@pytest.mark.kernels
def test_singular_steps_are_skipped_and_counted():
    """Pre-activations of 1e5 swallow σ = 1e-3 in float32: δa is 0, or a rounding error, and has no direction."""
    initial = initial_weights(NETWORK, N_IN, N_OUT, 11)
    initial = initial._replace(W_out=0 * initial.W_out)  # outputs 0: their perturbation is all there
    steps, trials = 12, 3
    rng = np.random.default_rng(0)
    inputs = 1e6 * (2 + rng.random((steps, trials, N_IN)))
    sequence = Sequence(inputs, np.ones((steps, trials, N_OUT)), np.ones((steps, trials), bool), np.arange(steps) == 0)
    simulation = Simulation(
        NETWORK,
        rules.make("anp", learning_rate=0.1),
        initial,
        batch=trials,
        steps=steps,
        total_steps=steps,
        dtype="float32",
    )
    assert simulation.present_all(sequence)
    after = simulation.weights()
    assert simulation.run.counters.skipped[0] == steps * trials
    for name in ("W_in", "W_rec"):
        assert np.array_equal(getattr(after, name), getattr(initial, name).astype(np.float32))
    assert np.isfinite(after.W_out).all()
    assert after.W_out.any()


@pytest.mark.kernels
def test_without_activity_there_is_nothing_to_credit():
    """Zero input and zero weights: every presynaptic factor is 0, nothing is singular, nothing but zeros results."""
    initial = initial_weights(NETWORK, N_IN, N_OUT, 11)
    initial = initial._replace(**{name: 0 * getattr(initial, name) for name in LEARNT})
    sequence = Sequence(np.zeros((12, 3, N_IN)), np.ones((12, 3, N_OUT)), np.ones((12, 3), bool), np.arange(12) == 0)
    simulation = Simulation(
        NETWORK, rules.make("anp", learning_rate=0.1), initial, batch=3, steps=12, total_steps=12, dtype="float32"
    )
    assert simulation.present_all(sequence)
    assert simulation.run.counters.skipped[0] == 0
    for name in LEARNT:
        assert not getattr(simulation.weights(), name).any()
