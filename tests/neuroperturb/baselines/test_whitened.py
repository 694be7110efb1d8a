"""Gradients on whitened presynaptic activity, against a transcription, and against least squares, which one step of them is."""

import numpy as np
import pytest
from gradient_cases import Series, network, trials

from neuroperturb.baselines import Adam, Bptt, BpttTrainer, Sgd, gradient, run_clean
from neuroperturb.experiments.toml import resolve
from neuroperturb.rules.axes.inverse import Inverse
from neuroperturb.spec import InputError, SpecError

pytestmark = pytest.mark.kernels


def states(weights, sequence, leak):
    """x̂ (T B, n) after every step, from zero."""
    x, found = np.zeros((sequence.inputs.shape[1], len(weights.w_rec))), []
    for u, reset in zip(sequence.inputs, sequence.reset, strict=True):
        x = np.zeros_like(x) if reset else x
        u = np.concatenate([u, np.ones((len(u), 1))], 1)
        x = (1 - leak) * x + leak * np.tanh(u @ weights.w_in + x @ weights.w_rec)
        found.append(x)
    return np.concatenate(found)


def test_updates_are_those_of_the_transcription():
    rng = np.random.default_rng(20)
    weights, pieces = network(rng, bias=True), [trials(rng, steps=6, batch=3, gaps=True) for _ in range(3)]
    rule = Bptt(optimiser=Sgd(learning_rate=0.1), presynaptic=Inverse(rate=0.4, ridge=0.2))
    trainer = BpttTrainer(weights, Series(*pieces), rule, schedule="episode", leak=0.6, bias=True)
    trainer.epoch()
    C = np.zeros((4, 4))
    for k, piece in enumerate(pieces, start=1):
        _, g, _, _ = gradient(weights, piece, loss="mse", leak=0.6, bias=True)
        X = states(weights, piece, 0.6)
        C = C + max(0.4, 1 / k) * (X.T @ X / len(X) - C)
        solve = lambda M, C=C: np.linalg.solve(C + 0.2 * np.eye(4), M)  # noqa: E731
        w_in, w_rec, w_out = (
            weights.w_in - 0.1 * g.w_in,
            weights.w_rec - 0.1 * solve(g.w_rec),
            weights.w_out - 0.1 * solve(g.w_out),
        )
        weights = weights._replace(w_in=w_in, w_rec=w_rec, w_out=w_out)
    for found, wanted in zip(trainer.weights[:3], weights[:3], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_one_step_of_a_readout_is_least_squares():
    rng = np.random.default_rng(21)
    weights, sequence = network(rng, bias=True), trials(rng, steps=12, batch=2)
    rule = Bptt(optimiser=Sgd(learning_rate=3 / 24), presynaptic=Inverse(ridge=1e-12))
    trainer = BpttTrainer(
        weights, Series(sequence), rule, schedule="episode", leak=0.6, bias=True, frozen=("W_in", "W_rec")
    )
    trainer.batch(0)
    best = np.linalg.lstsq(states(weights, sequence, 0.6), sequence.targets.reshape(-1, 3), rcond=None)[0]
    np.testing.assert_allclose(trainer.weights.w_out, best, rtol=1e-6)
    np.testing.assert_array_equal(trainer.weights.w_rec, weights.w_rec)


def test_a_checkpoint_keeps_the_covariance():
    rng = np.random.default_rng(22)
    weights, pieces = network(rng), Series(*(trials(rng) for _ in range(4)))
    rule = Bptt(chunk=3, optimiser=Adam(learning_rate=0.1), presynaptic=Inverse())
    whole, first, second = (BpttTrainer(weights, pieces, rule, schedule="online") for _ in range(3))
    whole.epoch()
    for number in (0, 1):
        first.batch(number)
    second.restore(first.checkpoint())
    for number in (2, 3):
        second.batch(number)
    np.testing.assert_array_equal(second.weights.w_rec, whole.weights.w_rec)
    assert not np.allclose(run_clean(whole.weights, pieces.validation)[0], run_clean(weights, pieces.validation)[0])


def test_plain_activity_is_not_in_tables():
    assert "presynaptic" not in Bptt().table()
    assert Bptt.parse(Bptt(presynaptic=Inverse(ridge=0.1)).table()).presynaptic == Inverse(ridge=0.1)


@pytest.mark.parametrize(
    "more, sentence",
    [
        ({"training": {"schedule": "online"}, "rule": {"window": 1}}, r"'rule\.presynaptic' parameter must be left out in the online schedule"),
        ({"hardware": "ecram"}, r"'rule\.presynaptic' parameter must be left out with hardware"),
        ({"task": "cart-pole"}, r"'rule\.presynaptic' parameter must be left out in a world"),
        ({"rule": {"presynaptic": "whitened"}}, r"'rule\.presynaptic\.kind' parameter cannot be 'whitened'"),
    ],
    ids=["online", "hardware", "world", "kind"],
)  # fmt: skip
def test_what_does_not_fit_gets_one_sentence(more, sentence):
    rule = {"name": "bptt", "presynaptic": "inverse", **more.get("rule", {})}
    with pytest.raises((SpecError, InputError), match=sentence):
        resolve({"task": "delayed-xor", **more, "rule": rule})
