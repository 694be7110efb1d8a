"""RTRL, RFLO and e-prop against backpropagation through time, and against their own equations written out."""

import numpy as np
import pytest

from neuroperturb.baselines import (
    Bptt,
    BpttTrainer,
    Eprop,
    ForwardTrainer,
    Rflo,
    Rtrl,
    Sgd,
    State,
    Weights,
    forward_gradient,
    gradient,
    run_clean,
)
from neuroperturb.experiments import experiment as config
from neuroperturb.spec import SpecError
from neuroperturb.tasks.contract import Dataset, Sequence

pytestmark = pytest.mark.kernels
N_IN, N, N_OUT, STEPS, TRIALS = 2, 5, 3, 9, 2


def network(rng, *, bias=False, decorrelated=False, diagonal=False):
    def normal(*shape):
        return rng.normal(size=shape) * np.sqrt(2 / sum(shape))

    off = 0.2 if decorrelated else 0.0
    w_rec = np.diag(rng.uniform(-1.2, 1.2, N)) if diagonal else 1.3 * normal(N, N)
    d = [np.eye(k) + off * rng.normal(size=(k, k)) for k in (N_IN, N)]
    return Weights(normal(N_IN + bias, N), w_rec, normal(N, N_OUT), *d)


def trials(rng, loss="mse"):
    """With steps that are not scored, their targets NaN, and a reset inside."""
    targets = rng.normal(size=(STEPS, TRIALS, N_OUT))
    if loss == "cross_entropy":
        targets = np.eye(N_OUT)[rng.integers(N_OUT, size=(STEPS, TRIALS))]
    mask, reset = rng.random((STEPS, TRIALS)) < 0.7, np.zeros(STEPS, bool)
    targets[~mask] = np.nan
    reset[5] = True
    return Sequence(rng.normal(size=(STEPS, TRIALS, N_IN)), targets, mask, reset)


def assert_same(found, expected):
    """Loss, gradients, outputs and the state after, to 1e-10."""
    assert found[0] == pytest.approx(expected[0], abs=1e-12)
    for a, b in zip([*found[1], found[2], *found[3]], [*expected[1], expected[2], *expected[3]], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def start(rng):
    return State(*(0.3 * rng.normal(size=(2, TRIALS, N))))


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize("leak, bias, decorrelated", [(1.0, False, False), (0.4, True, True)])
def test_real_time_recurrent_learning_is_backpropagation_through_time(loss, leak, bias, decorrelated):
    rng = np.random.default_rng(1)
    weights, sequence = network(rng, bias=bias, decorrelated=decorrelated), trials(rng, loss)
    options = {"loss": loss, "leak": leak, "bias": bias, "state": start(rng)}
    assert_same(forward_gradient(Rtrl(), weights, sequence, **options), gradient(weights, sequence, **options))


def test_rflo_without_a_leak_and_with_the_readout_as_feedback_is_the_one_step_gradient():
    rng = np.random.default_rng(2)
    weights, sequence = network(rng, decorrelated=True), trials(rng)
    options = {"loss": "mse", "state": start(rng)}
    found = forward_gradient(Rflo(feedback="readout"), weights, sequence, **options)
    assert_same(found, gradient(weights, sequence, window=1, **options))


def test_rflo_with_a_leak_and_random_feedback_is_its_equation():
    rng = np.random.default_rng(3)
    weights, sequence, leak = network(rng), trials(rng), 0.3
    _, found, y, _ = forward_gradient(Rflo(), weights, sequence, loss="mse", leak=leak, seed=7)
    B = Rflo().fixed_feedback(weights, 7)
    expected = np.zeros((N, N))
    for b in range(TRIALS):
        x, P = np.zeros(N), np.zeros((N, N))
        for t in range(STEPS):
            if sequence.reset[t]:
                x, P = np.zeros(N), np.zeros((N, N))
            f = np.tanh(sequence.inputs[t, b] @ weights.w_in + x @ weights.w_rec)
            P = (1 - leak) * P + leak * np.outer(x, 1 - f**2)
            x = (1 - leak) * x + leak * f
            if sequence.mask[t, b]:
                expected += P * (2 * (y[t, b] - sequence.targets[t, b]) / (N_OUT * TRIALS) @ B)
    np.testing.assert_allclose(found.w_rec, expected, rtol=1e-10, atol=1e-12)
    assert not np.array_equal(B, Rflo().fixed_feedback(weights, 8))


@pytest.mark.parametrize("leak", [1.0, 0.4])
def test_eprop_is_backpropagation_through_time_for_diagonal_recurrence(leak):
    rng = np.random.default_rng(4)
    weights, sequence = network(rng, diagonal=True, bias=True), trials(rng)
    options = {"loss": "mse", "leak": leak, "bias": True, "state": start(rng)}
    assert_same(forward_gradient(Eprop(), weights, sequence, **options), gradient(weights, sequence, **options))


def test_eprop_leaves_out_what_goes_through_other_units():
    """With full recurrence its direction is another one, and without autapses it is RFLO."""
    rng = np.random.default_rng(5)
    weights, sequence = network(rng), trials(rng)
    exact, eprop = (f.w_rec for f in (gradient(weights, sequence, loss="mse")[1],
                                      forward_gradient(Eprop(), weights, sequence, loss="mse")[1]))  # fmt: skip
    cosine = np.vdot(exact, eprop) / np.linalg.norm(exact) / np.linalg.norm(eprop)
    assert 0.2 < cosine < 0.98
    weights = weights._replace(w_rec=weights.w_rec - np.diag(np.diagonal(weights.w_rec)))
    options = {"loss": "mse", "leak": 0.5}
    found = forward_gradient(Eprop(), weights, sequence, **options)
    assert_same(found, forward_gradient(Rflo(feedback="readout"), weights, sequence, **options))


def test_a_network_too_large_for_rtrl_is_refused():
    with pytest.raises(SpecError, match=r"'network.size' parameter must be smaller with the rule 'rtrl'"):
        Rtrl().zeros(1, 1001, 1000, np.float32)


# ----------------------------------------------------------------------------------------------------------------------
# Training by them


class Twice(Dataset):
    """Two sequences, the second of which goes on from the first: it has no reset."""

    n_in, n_out, loss, batches_per_epoch = N_IN, N_OUT, "mse", 2

    def __init__(self, rng):
        self.sequences = [trials(rng) for _ in range(2)]
        self.sequences[1].reset[:] = False
        self.validation = self.test = self.sequences[0]

    def batch(self, number):
        return self.sequences[number % 2]

    def metrics(self, outputs, sequence):
        return {"loss": float(np.nanmean((outputs - sequence.targets) ** 2))}

    def trivial(self):
        return {}


def trained(rule, weights, data, **options):
    kind = BpttTrainer if isinstance(rule, Bptt) else ForwardTrainer
    trainer = kind(weights, data, rule, leak=0.6, **options)
    losses = [trainer.epoch() for _ in range(3)]
    return losses, trainer


def test_an_episode_by_rtrl_is_one_by_backpropagation_through_time():
    """Where every sequence starts afresh: a trace crosses from one sequence to the next, backpropagation does not."""
    rng = np.random.default_rng(6)
    weights, data, sgd = network(rng), Twice(rng), Sgd(learning_rate=0.05)
    for sequence in data.sequences:
        sequence.reset[0] = True
    options = {"schedule": "episode", "frozen": ("W_in",)}
    (found, one), (expected, other) = (trained(rule(optimiser=sgd), weights, data, **options) for rule in (Rtrl, Bptt))
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    for a, b in zip(one.weights, other.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(one.weights.w_in, weights.w_in)
    assert found[-1] < found[0]


def test_online_rflo_without_a_leak_is_the_online_one_step_gradient():
    rng = np.random.default_rng(7)
    weights, data, sgd = network(rng), Twice(rng), Sgd(learning_rate=0.05)
    one = ForwardTrainer(weights, data, Rflo(feedback="readout", optimiser=sgd))
    other = BpttTrainer(weights, data, Bptt(window=1, optimiser=sgd))
    for number in range(4):
        assert one.batch(number) == pytest.approx(other.batch(number), rel=1e-10)
    for a, b in zip(one.weights, other.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rule", [Rtrl(), Rflo(), Eprop()])
def test_a_checkpoint_goes_on_bit_for_bit(rule):
    rng = np.random.default_rng(8)
    weights, data = network(rng), Twice(rng)
    whole, first = (ForwardTrainer(weights, data, rule, leak=0.6, seed=4) for _ in range(2))
    for number in range(3):
        whole.batch(number)
    first.batch(0)
    second = ForwardTrainer(network(rng), data, rule, leak=0.6, seed=4)
    second.restore(first.checkpoint())
    for number in (1, 2):
        second.batch(number)
    for a, b in zip(whole.checkpoint().values(), second.checkpoint().values(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["rtrl", "rflo", "eprop"])
def test_they_are_rules_of_an_experiment(name):
    table = {
        "task": "delayed-xor",
        "rule": {"name": name, "optimiser": {"learning_rate": 0.02}},
        "network": {"size": 6},
    }
    experiment = config.Experiment.parse(table)
    assert config.Experiment.parse(experiment.table()) == experiment
    assert experiment.rule.optimiser.learning_rate == 0.02
    assert config.label(experiment) == name
    with pytest.raises(SpecError, match=f"'hardware' parameter must be left out with the rule '{name}'"):
        config.Experiment.parse({**table, "hardware": "ideal"})


def test_a_run_by_eprop_learns_and_is_recorded():
    from neuroperturb import RNN, Training, tasks, train

    task = tasks.ContextIntegration(trials_per_epoch=256)
    options = {"training": Training(epochs=6, batch_size=32)}
    run = train(RNN(size=12, bias=True), task, Eprop(optimiser={"kind": "adam", "learning_rate": 0.02}), **options)
    losses = run.history["train_loss"].to_numpy()
    assert run.status == "finished"
    assert losses[-1] < 0.9 * losses[0]
    data = task.data(run.experiment.training.seed, 32)
    weights = Weights(*(np.array(run.weights[k].T, order="C") for k in ("W_in", "W_rec", "W_out", "D_in", "D_rec")))
    outputs = run_clean(weights, data.validation, bias=True)[0]
    assert data.metrics(outputs, data.validation)["loss"] == pytest.approx(
        run.history["validation_loss"].iloc[-1], rel=1e-4
    )
