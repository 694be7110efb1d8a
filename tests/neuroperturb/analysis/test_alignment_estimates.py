"""What rules estimate, through the kernels that train: the whole gradient, the one-step one, or something beside them."""

import functools

import numpy as np
import pytest
from slow_cases import slow
from typer.testing import CliRunner

import neuroperturb
from neuroperturb import rules
from neuroperturb.analysis.alignment.estimate import Estimator, Setting, measure
from neuroperturb.cli.app import app
from neuroperturb.network.rnn import LEARNT, RNN, initial_weights
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.tasks.contract import Sequence

NETWORK, N_IN, N_OUT = RNN(size=5, gain=1.5), 2, 2
STEPS = 10
SAMPLES = 15_000  # of one trial of 10 steps with a loss at each; seeds are fixed
RULES = {
    "np instant": lambda: rules.make("np", schedule="episode"),
    "np trace": lambda: rules.make("np", schedule="episode", credit=rules.Trace(decay=1.0)),
    "wp held": lambda: rules.make("wp-held", schedule="episode", noise_std=1e-3),
    "anp instant": lambda: rules.make("anp", schedule="episode"),
}


def setting(trials=1, seed=3):
    rng = np.random.default_rng(seed)
    initial = initial_weights(NETWORK, N_IN, N_OUT, 11)
    sequence = Sequence(
        rng.normal(size=(STEPS, trials, N_IN)), rng.normal(size=(STEPS, trials, N_OUT)),
        np.ones((STEPS, trials), bool), np.arange(STEPS) == 0,
    )  # fmt: skip
    return Setting(NETWORK, initial, sequence)


@functools.cache
def aligned(name):
    """Rows of one rule by (matrix, reference, metric)."""
    rows = measure(RULES[name](), setting(), SAMPLES)
    return {(row["matrix"], row["reference"], row["metric"]): row for row in rows}


def of(name, reference, matrix="W_rec"):
    return aligned(name)[matrix, reference, "plain"]


@pytest.mark.parametrize(
    "name, reference, other",
    [("np trace", "bptt", "bptt(1)"), ("np instant", "bptt(1)", "bptt"), *slow(("wp held", "bptt", "bptt(1)"))],
)
def test_the_mean_update_is_the_gradient_it_stands_for(name, reference, other):
    """Direction of every matrix and of all together, and length: unbiased means both. And it is that gradient, not the other."""
    for matrix in ("W_in", "W_rec", "W_out", "all"):
        row = of(name, reference, matrix)
        assert row["cosine"] >= 0.98, matrix
        assert row["limit"] >= row["cosine"]
    row = of(name, reference, "all")
    assert row["gain"] == pytest.approx(1, abs=0.05)
    assert row["gain_low"] - 0.02 < 1 < row["gain_high"] + 0.02  # an interval, and the second order in σ
    assert row["bias"] < 0.01
    assert of(name, other)["cosine_high"] < 0.95
    assert of(name, other)["bias_low"] > 0.05
    assert row["single_high"] < 0.5 < row["cosine"]  # one sample says next to nothing
    assert row["variance"] > 1


def test_activity_differences_say_less_of_the_gradient_through_time_and_say_it_quietly():
    """The published rule: biased and of low variance. Its direction is coloured, and credit is of the same step."""
    anp, trace = of("anp instant", "bptt", "all"), of("np trace", "bptt", "all")
    assert anp["cosine_high"] < trace["cosine_low"] - 0.05
    assert of("anp instant", "bptt(1)", "all")["cosine_low"] > anp["cosine_high"]
    assert anp["variance_high"] < trace["variance_low"] / 3


def test_copies_of_a_trial_are_samples():
    """What a pass asks for is the mean of what it asks for when one copy at a time is scored, under the same draws."""
    estimator = Estimator(RULES["np trace"](), setting(trials=2), samples=320)
    assert estimator.copies == 8
    kept = estimator.simulation.checkpoint()
    mean = estimator.mean()
    parts = []
    for copy in range(8):
        estimator.simulation.restore(kept)
        parts.append(estimator.single(copy))
    for name, update in mean.items():
        np.testing.assert_allclose(np.mean([part[name] for part in parts], axis=0), update, rtol=1e-9, atol=1e-12)
        assert not np.allclose(parts[0][name], parts[1][name])


def test_samples_are_fresh_weights_stay_and_rules_that_share_are_not_copied():
    estimator = Estimator(RULES["np instant"](), setting(), samples=800)
    before = estimator.weights()
    first, second = estimator.mean(), estimator.mean()
    assert not np.allclose(first["W_rec"], second["W_rec"])
    for a, b in zip(before, estimator.weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)
    published = rules.make("np", "published", "episode", noise_std=1e-2)
    assert Estimator(published, setting(), 400).copies == 10  # one scalar a batch of one is a trial's own
    assert Estimator(published, setting(trials=2), 400).copies == 1


def test_align_is_one_table_one_figure_and_one_file(tmp_path):
    options = {"over": "steps", "values": "2,10", "samples": 800, "size": 5, "out": tmp_path}
    given = [str(word) for key, value in options.items() for word in (f"--{key}", value)]
    result = CliRunner().invoke(app, ["align", "np", *given])
    assert result.stderr.splitlines() == [f"neuroperturb: measuring np unbiased, steps {steps}" for steps in (2, 10)]
    assert {path.name for path in tmp_path.iterdir()} == {"alignment.csv", "alignment.png"}
    again = neuroperturb.align("np unbiased", over="steps", values=[2, 10], samples=800, size=5)
    assert str(again) == result.stdout.split("\n\nfigure")[0]
    exact = again.frame.query("matrix == 'W_rec' and reference == 'bptt' and metric == 'plain'")
    assert exact["limit"].iloc[0] > exact["limit"].iloc[1]  # two steps hold little to credit through time


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
