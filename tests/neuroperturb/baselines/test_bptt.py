"""Gradients through time: finite differences, a naive transcription, limits, and the training loops around them."""

import numpy as np
import pytest
from gradient_cases import Series, network, trials
from slow_cases import slow

from hardware_models.numerics.compiled import COMPILED
from neuroperturb.baselines import (
    Adam,
    Bptt,
    BpttTrainer,
    Rms,
    Sgd,
    State,
    Weights,
    chunked_gradient,
    from_matrices,
    gradient,
    run_clean,
)
from neuroperturb.rules import Cosine
from neuroperturb.spec import SpecError
from neuroperturb.tasks.contract import Sequence

pytestmark = pytest.mark.kernels
TRAINED = ("w_in", "w_rec", "w_out")


def start(rng, weights, batch):
    n = len(weights.w_rec)
    return State(0.3 * rng.normal(size=(batch, n)), 0.3 * rng.normal(size=(batch, n)))


def summed_loss(weights, sequence, loss, leak, bias, state):
    """Σ_t L_t, from the outputs alone."""
    y = run_clean(weights, sequence, leak=leak, bias=bias, state=state)[0]
    if loss == "mse":
        each = ((y - sequence.targets) ** 2).mean(-1)
    else:
        each = -(sequence.targets * (y - np.log(np.exp(y).sum(-1, keepdims=True)))).sum(-1)
    return each[sequence.mask].sum() / y.shape[1]


def central_difference(weights, name, f, step=1e-5):
    matrix = getattr(weights, name)
    slope = np.empty_like(matrix)
    for place in np.ndindex(matrix.shape):
        sides = []
        for sign in (1, -1):
            moved = matrix.copy()
            moved[place] += sign * step
            sides.append(f(weights._replace(**{name: moved})))
        slope[place] = (sides[0] - sides[1]) / (2 * step)
    return slope


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize("leak, bias", [(1.0, False), (0.4, True)])
@pytest.mark.parametrize(
    "decorrelated, gaps, batch", [(False, False, 1), (True, False, 3), (True, True, 1), (False, True, 3)]
)
def test_gradients_match_central_differences(loss, leak, bias, decorrelated, gaps, batch):
    rng = np.random.default_rng(1)
    weights = network(rng, bias=bias, decorrelated=decorrelated)
    sequence = trials(rng, batch=batch, loss=loss, gaps=gaps)
    state = start(rng, weights, batch)
    mean, gradients, outputs, after = gradient(weights, sequence, loss=loss, leak=leak, bias=bias, state=state)
    for name in TRAINED:
        wanted = central_difference(weights, name, lambda w: summed_loss(w, sequence, loss, leak, bias, state))
        error = np.abs(getattr(gradients, name) - wanted).max() / np.abs(wanted).max()
        assert error <= 1e-6, (name, error)
    total = summed_loss(weights, sequence, loss, leak, bias, state) * batch / sequence.mask.sum()
    assert mean == pytest.approx(total, rel=1e-12)
    clean, clean_after = run_clean(weights, sequence, leak=leak, bias=bias, state=state)
    np.testing.assert_allclose(outputs, clean, rtol=1e-13)
    np.testing.assert_array_equal(after.xhat, clean_after.xhat)


def naive(weights, sequence, k, loss, leak, bias, state):
    """BPTT(k) by the book: for every loss, walk back k steps; one trial at a time, plain matrices from j to i."""
    sums = {name: np.zeros_like(getattr(weights, name)) for name in TRAINED}
    steps, batch, _ = sequence.inputs.shape
    W_in, W, W_out, D_in, D = (w.T for w in weights)
    for b in range(batch):
        u, a, before, x, xhat = [], [], [], state.x[b], state.xhat[b]
        for t in range(steps):
            if sequence.reset[t]:
                x, xhat = 0 * x, 0 * xhat
            u.append(np.append(D_in @ sequence.inputs[t, b], [1.0] * bias))
            before.append(xhat)
            a.append(W_in @ u[t] + W @ xhat)
            x = (1 - leak) * x + leak * np.tanh(a[t])
            xhat = D @ x
            if not sequence.mask[t, b]:
                continue
            y, target = W_out @ xhat, sequence.targets[t, b]
            g_y = 2 * (y - target) / len(y) if loss == "mse" else np.exp(y) / np.exp(y).sum() - target
            g_y = g_y / batch
            sums["w_out"] += np.outer(xhat, g_y)
            g_x = D.T @ W_out.T @ g_y
            for s in range(t, max(t - k, -1), -1):
                g_a = leak * (1 - np.tanh(a[s]) ** 2) * g_x
                sums["w_in"] += np.outer(u[s], g_a)
                sums["w_rec"] += np.outer(before[s], g_a)
                if sequence.reset[s]:
                    break
                g_x = D.T @ W.T @ g_a + (1 - leak) * g_x
    return sums


@pytest.mark.parametrize("k", [1, 2, 3, 5, 9, 40])
@pytest.mark.parametrize(
    "loss, leak, bias, gaps, batch", [("mse", 1.0, False, False, 1), ("cross_entropy", 0.5, True, True, 3)]
)
def test_window_matches_the_naive_transcription(k, loss, leak, bias, gaps, batch):
    rng = np.random.default_rng(2)
    weights = network(rng, bias=bias, decorrelated=gaps)
    sequence = trials(rng, batch=batch, loss=loss, gaps=gaps)
    state = start(rng, weights, batch)
    wanted = naive(weights, sequence, k, loss, leak, bias, state)
    found = gradient(weights, sequence, loss=loss, window=k, leak=leak, bias=bias, state=state)[1]
    for name in TRAINED:
        np.testing.assert_allclose(getattr(found, name), wanted[name], rtol=1e-10, atol=1e-13)


def test_window_of_the_whole_series_is_true_bptt_and_shorter_ones_are_not():
    rng = np.random.default_rng(3)
    weights, sequence = network(rng), trials(rng)
    whole, long, short = (gradient(weights, sequence, loss="mse", window=k)[1].w_in for k in (None, 9, 8))
    np.testing.assert_array_equal(whole, long)
    assert np.abs(whole - short).max() > 1e-6


def test_one_unit_two_steps_by_hand():
    """w_in 0.5, w 2, w_out 3, u 1, 0, target 0 scored at the second step:  x₁ = tanh 0.5, x₂ = tanh 2x₁, L = 9 x₂²."""
    weights = Weights(*(np.array([[value]]) for value in (0.5, 2.0, 3.0, 1.0, 1.0)))
    sequence = Sequence(
        np.array([[[1.0]], [[0.0]]]), np.zeros((2, 1, 1)), np.array([[False], [True]]), np.zeros(2, bool)
    )
    x1 = np.tanh(0.5)
    x2 = np.tanh(2 * x1)
    g_a2 = 18 * x2 * (1 - x2**2)
    loss, true, _, _ = gradient(weights, sequence, loss="mse")
    one = gradient(weights, sequence, loss="mse", window=1)[1]
    assert loss == pytest.approx(9 * x2**2)
    assert true.w_out[0, 0] == pytest.approx(6 * x2 * x2)
    assert true.w_rec[0, 0] == one.w_rec[0, 0] == pytest.approx(g_a2 * x1)
    assert true.w_in[0, 0] == pytest.approx(g_a2 * 2 * (1 - x1**2))
    assert one.w_in[0, 0] == 0  # the second step has no input, and one step back is as far as it looks


def test_chunks_are_separate_gradients_with_the_state_carried():
    rng = np.random.default_rng(4)
    weights, sequence = network(rng, decorrelated=True), trials(rng, batch=2, gaps=True)
    found = chunked_gradient(weights, sequence, chunk=4, loss="mse", leak=0.7)
    state, total = None, 0
    for first in range(0, 9, 4):
        piece = Sequence(*(part[first : first + 4] for part in sequence))
        _, gradients, _, state = gradient(weights, piece, loss="mse", leak=0.7, state=state)
        total = total + gradients.w_rec
    np.testing.assert_allclose(found[1].w_rec, total)
    whole = gradient(weights, sequence, loss="mse", leak=0.7)
    assert found[0] == pytest.approx(whole[0])
    np.testing.assert_allclose(found[2], whole[2])
    for chunk in (9, 100):
        long = chunked_gradient(weights, sequence, chunk=chunk, loss="mse", leak=0.7)[1].w_rec
        np.testing.assert_array_equal(long, whole[1].w_rec)


def test_masked_everywhere_gives_zero():
    rng = np.random.default_rng(5)
    weights, sequence = network(rng), trials(rng)
    sequence = sequence._replace(mask=np.zeros_like(sequence.mask), targets=np.full_like(sequence.targets, np.nan))
    loss, gradients, _, _ = gradient(weights, sequence, loss="mse")
    assert loss == 0 and all((g == 0).all() for g in gradients)


def test_float32_stays_and_agrees():
    rng = np.random.default_rng(6)
    weights, sequence = network(rng, bias=True), trials(rng, batch=3)
    single = Weights(*(w.astype(np.float32) for w in weights))
    for window in (None, 3):
        wanted = gradient(weights, sequence, loss="mse", window=window, leak=0.5, bias=True)
        found = gradient(single, sequence, loss="mse", window=window, leak=0.5, bias=True)
        assert {a.dtype for a in (*found[1], found[2], *found[3])} == {np.dtype(np.float32)}
        for a, b in zip(found[1], wanted[1], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_cross_entropy_does_not_overflow():
    rng = np.random.default_rng(7)
    weights, sequence = network(rng), trials(rng, loss="cross_entropy")
    loss, gradients, _, _ = gradient(weights._replace(w_out=1e4 * weights.w_out), sequence, loss="cross_entropy")
    assert np.isfinite(loss) and all(np.isfinite(g).all() for g in gradients)


def test_run_clean_in_two_halves_is_one_run():
    rng = np.random.default_rng(8)
    weights, sequence = network(rng, decorrelated=True), trials(rng, steps=600, batch=2)
    whole, end = run_clean(weights, sequence, leak=0.3)
    head, tail = (Sequence(*(part[cut] for part in sequence)) for cut in (slice(0, 251), slice(251, None)))
    first, state = run_clean(weights, head, leak=0.3)
    second, last = run_clean(weights, tail, leak=0.3, state=state)
    np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=1e-12)
    np.testing.assert_allclose(last.x, end.x, rtol=1e-12)


def test_from_matrices_transposes():
    shapes = [(4, 2), (4, 4), (3, 4), (2, 2), (4, 4)]
    matrices = [np.random.default_rng(0).normal(size=s) for s in shapes]
    weights = from_matrices(matrices, np.float32)
    assert weights.w_in.shape == (2, 4) and weights.w_in.flags.c_contiguous and weights.w_in.dtype == np.float32
    np.testing.assert_allclose(weights.w_out, matrices[2].T, rtol=1e-6)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda w, s: gradient(w, s, loss="mse", window=0), "'window'"),
        (lambda w, s: chunked_gradient(w, s, loss="mse", chunk=0), "'chunk'"),
        (lambda w, s: gradient(w, s, loss="mse", bias=True), "'w_in'.*n_in \\+ 1"),
        (lambda w, s: run_clean(w, s, state=State(np.zeros((2, 4)), np.zeros((2, 4)))), "'state'"),
    ],
)
def test_bad_arguments_are_named(call, message):
    rng = np.random.default_rng(9)
    with pytest.raises(ValueError, match=message):
        call(network(rng), trials(rng))


OPTIMISERS = [  # no moment, the first, the second, both
    Sgd(learning_rate=0.05),
    *slow(Sgd(learning_rate=0.05, momentum=0.5)),
    *slow(Rms(learning_rate=0.01, decay=0.5)),
    Adam(learning_rate=0.01, clip_norm=0.1),
]


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=lambda o: "".join((o.kind, *o.moments)))
@pytest.mark.parametrize("window, batch, rate", [(1, 1, 0.01), (3, 2, 0.0), (3, 2, 0.02)])
def test_online_matches_the_naive_loop(optimiser, window, batch, rate):
    """Every step: ∂L_t with the activities of then and the weights of now, decorrelation, one update."""
    rng = np.random.default_rng(10)
    weights = network(rng, bias=True, decorrelated=True)
    sequence = trials(rng, steps=14, batch=batch, gaps=True)
    rule = Bptt(window=window, optimiser=optimiser, decorrelation_rate=rate)
    trainer = BpttTrainer(weights, Series(sequence), rule, leak=0.6, bias=True)
    mean = trainer.batch(0)

    W_in, W, W_out, D_in, D = (w.T.copy() for w in weights)
    state = optimiser.init((W_in.T, W.T, W_out.T))
    x = xhat = np.zeros((batch, 4))
    past, losses = [], []
    for t in range(14):
        if sequence.reset[t]:
            x, xhat, past = 0 * x, 0 * xhat, []
        u = np.concatenate([sequence.inputs[t] @ D_in.T, np.ones((batch, 1))], axis=1)
        f = np.tanh(u @ W_in.T + xhat @ W.T)
        past = [(u, xhat, 0.6 * (1 - f**2)), *past][:window]
        x = 0.4 * x + 0.6 * f
        xhat = x @ D.T
        scored = sequence.mask[t][:, None]
        error = np.where(scored, xhat @ W_out.T - sequence.targets[t], 0)
        losses += list((error**2).mean(1)[sequence.mask[t]])
        g_y = 2 * error / 3 / batch
        g_in, g_rec, g_x = 0, 0, g_y @ W_out @ D
        for drive, before, slope in past:
            g_a = g_x * slope
            g_in, g_rec = g_in + drive.T @ g_a, g_rec + before.T @ g_a
            g_x = g_a @ W @ D + 0.4 * g_x
        g_out = xhat.T @ g_y
        C = xhat.T @ xhat / batch
        D = D - rate * (C - np.diag(np.diag(C))) @ D
        if scored.any():
            state, changes = optimiser.update(state, (g_in, g_rec, g_out))
            W_in, W, W_out = (w + c.T for w, c in zip((W_in, W, W_out), changes, strict=True))
    for found, wanted in zip(trainer.weights, (W_in.T, W.T, W_out.T, D_in.T, D.T), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)
    assert mean == pytest.approx(np.mean(losses))
    assert trainer.optimiser_state.updates == sequence.mask.any(axis=1).sum()


def test_online_window_and_state_cross_from_sequence_to_sequence():
    rng = np.random.default_rng(11)
    weights, sequence = network(rng), trials(rng, steps=12)
    pieces = [Sequence(*(part[cut] for part in sequence)) for cut in (slice(0, 5), slice(5, 12))]
    rule = Bptt(window=4, optimiser=Sgd(learning_rate=0.05))
    whole, split = BpttTrainer(weights, Series(sequence), rule), BpttTrainer(weights, Series(*pieces), rule)
    whole.epoch()
    split.epoch()
    assert split.number == 2
    np.testing.assert_allclose(whole.weights.w_rec, split.weights.w_rec, rtol=1e-12)
    np.testing.assert_allclose(whole.state.x, split.state.x, rtol=1e-12)


@pytest.mark.parametrize(
    "schedule, chunk, window", [("episode", None, None), ("episode", None, 2), ("online", 5, None)]
)
def test_pieces_are_gradient_then_update(schedule, chunk, window):
    rng = np.random.default_rng(12)
    weights, sequence = network(rng), trials(rng, steps=10, batch=2)
    rule = Bptt(window=window, chunk=chunk, optimiser=Sgd(learning_rate=0.1))
    trainer = BpttTrainer(weights, Series(sequence), rule, schedule=schedule)
    trainer.batch(0)
    state = None
    for first in range(0, 10, chunk or 10):
        piece = Sequence(*(part[first : first + (chunk or 10)] for part in sequence))
        _, g, _, state = gradient(weights, piece, loss="mse", window=window, state=state)
        weights = weights._replace(**{name: getattr(weights, name) - 0.1 * getattr(g, name) for name in TRAINED})
    for name in TRAINED:
        np.testing.assert_allclose(getattr(trainer.weights, name), getattr(weights, name), rtol=1e-12)


def test_episode_decorrelation_is_the_mean_over_a_clean_pass():
    rng = np.random.default_rng(13)
    weights, sequence = network(rng, decorrelated=True, bias=True), trials(rng, steps=6, batch=3)
    rule = Bptt(decorrelation_rate=0.1, optimiser=Sgd(learning_rate=1e-12))
    trainer = BpttTrainer(weights, Series(sequence), rule, schedule="episode", bias=True)
    trainer.batch(0)
    reader = weights._replace(w_out=np.eye(4))
    xhat = run_clean(reader, sequence._replace(targets=np.zeros((6, 3, 4))), bias=True)[0]
    for found, d, z in (
        (trainer.weights.d_rec, weights.d_rec, xhat),
        (trainer.weights.d_in, weights.d_in, sequence.inputs @ weights.d_in),
    ):
        C = np.einsum("tbi,tbj->ij", z, z) / 18
        np.testing.assert_allclose(found.T, d.T - 0.1 * (C - np.diag(np.diag(C))) @ d.T, rtol=1e-10)


@pytest.mark.parametrize("rule, schedule", [(Bptt(window=2), "online"), (Bptt(chunk=4), "online"), (Bptt(), "episode")])
def test_frozen_matrices_stay_and_the_readout_learns(rule, schedule):
    rng = np.random.default_rng(14)
    weights = network(rng)
    trainer = BpttTrainer(weights, Series(trials(rng)), rule, schedule=schedule, frozen=("W_in", "W_rec"))
    first = trainer.epoch()
    for _ in range(20):
        last = trainer.epoch()
    np.testing.assert_array_equal(trainer.weights.w_in, weights.w_in)
    np.testing.assert_array_equal(trainer.weights.w_rec, weights.w_rec)
    assert last < first and (trainer.weights.w_out != weights.w_out).all()
    assert trainer.score("validation").keys() == {"loss"}


@pytest.mark.skipif(not COMPILED, reason="learning takes a minute without the compiler")
def test_bptt_learns_what_one_step_cannot():
    """The product of two signs, shown four steps apart, asked for two steps later: the readout alone cannot know it."""

    class Product(Series):
        def batch(self, number):
            signs = np.random.default_rng(number).choice([-1.0, 1.0], size=(2, 64, 1))
            inputs = np.zeros((7, 64, 1))
            inputs[0], inputs[4] = signs
            mask, reset = np.zeros((7, 64), bool), np.zeros(7, bool)
            mask[-1], reset[0] = True, True
            return Sequence(inputs, np.broadcast_to(signs[0] * signs[1], inputs.shape), mask, reset)

    weights = network(np.random.default_rng(15), n_in=1, n=8, n_out=1, bias=True)
    data = Product(trials(np.random.default_rng(0), n_in=1, n_out=1))  # for its sizes
    losses = {}
    for window in (None, 1):
        rule = Bptt(window=window, optimiser=Adam(learning_rate=0.02))
        trainer = BpttTrainer(weights, data, rule, schedule="episode", bias=True)
        losses[window] = [trainer.batch(number) for number in range(600)][-1]
    assert losses[None] < 0.05 < 0.5 < losses[1], losses


@pytest.mark.parametrize(
    "options, message",
    [
        ({"rule": Bptt()}, "'window' parameter of Bptt is missing.*'chunk'"),
        ({"rule": Bptt(window=1), "frozen": ("w_rec",)}, "'frozen'.*'w_rec'"),
        ({"rule": Bptt(window=1), "schedule": "batch"}, "'schedule'.*'batch'"),
    ],
)
def test_trainer_refuses_in_one_sentence(options, message):
    rng = np.random.default_rng(16)
    with pytest.raises(SpecError, match=message):
        BpttTrainer(network(rng), Series(trials(rng)), **options)


def test_divergence_is_a_loss_that_is_not_finite():
    rng = np.random.default_rng(17)
    rule = Bptt(window=1, optimiser=Sgd(learning_rate=1e19))
    trainer = BpttTrainer(network(rng), Series(trials(rng, steps=60)), rule)
    assert not np.isfinite(trainer.epoch())


@pytest.mark.parametrize("schedule, chunk, window", [("episode", None, None), ("online", 5, None), ("online", None, 1)])
def test_a_schedule_turns_the_rate_down_by_the_steps_of_the_run(schedule, chunk, window):
    """η f(k/T): k steps after the update's own piece, T of the run, here two sequences of 10."""
    rng = np.random.default_rng(14)
    weights, sequence = network(rng), trials(rng, steps=10)
    rule = Bptt(window=window, chunk=chunk, optimiser=Sgd(learning_rate=0.1, rate=Cosine(final=0.2)))
    trainer = BpttTrainer(weights, Series(sequence), rule, schedule=schedule, total_steps=20)
    trainer.batch(0)
    state, length = None, chunk or (10 if schedule == "episode" else 1)
    for first in range(0, 10, length):
        piece = Sequence(*(part[first : first + length] for part in sequence))
        _, g, _, state = gradient(weights, piece, loss="mse", window=window, state=state)
        rate = 0.1 * (0.2 + 0.8 * (1 + np.cos(np.pi * (first + length) / 20)) / 2)
        weights = weights._replace(**{name: getattr(weights, name) - rate * getattr(g, name) for name in TRAINED})
    for name in TRAINED:
        np.testing.assert_allclose(getattr(trainer.weights, name), getattr(weights, name), rtol=1e-10)
    again = BpttTrainer(weights, Series(sequence), rule, schedule=schedule, total_steps=20)
    again.restore(trainer.checkpoint())
    assert again.done() == trainer.done() == 0.5


def test_a_constant_rate_is_not_in_tables():
    assert "rate" not in Bptt().model_dump()["optimiser"]
    assert Bptt(optimiser=Adam(rate=Cosine())).model_dump()["optimiser"]["rate"]["kind"] == "cosine"
