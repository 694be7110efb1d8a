"""Optimisers, ridge regression, echo-state network, against transcriptions, closed forms, measured figures."""

import os
from pathlib import Path

import numpy as np
import pytest

from neuroperturb.baselines import Adam, Bptt, EchoState, Gradients, Ridge, Rms, Sgd
from neuroperturb.baselines.linear import NormalEquations
from neuroperturb.spec import SpecError
from neuroperturb.tasks import MackeyGlass, SequentialDigits, Weather
from neuroperturb.tasks.contract import Dataset, Sequence

WTH = Path(os.environ.get("NEUROPERTURB_WTH", Path(__file__).parents[3] / "../shared/data/WTH.csv"))


# Optimisers


def naive_steps(optimiser, gradients):
    """Textbook scalar updates, one weight at a time; returns the changes of every step."""
    moment = power = 0.0
    for t, g in enumerate(gradients, start=1):
        if isinstance(optimiser, Sgd):
            moment = optimiser.momentum * moment + g
            yield -optimiser.learning_rate * moment
        elif isinstance(optimiser, Rms):
            power = optimiser.decay * power + (1 - optimiser.decay) * g**2
            yield -optimiser.learning_rate * g / (power**0.5 + optimiser.epsilon)
        else:
            moment = optimiser.beta1 * moment + (1 - optimiser.beta1) * g
            power = optimiser.beta2 * power + (1 - optimiser.beta2) * g**2
            unbiased, spread = moment / (1 - optimiser.beta1**t), power / (1 - optimiser.beta2**t)
            yield -optimiser.learning_rate * unbiased / (spread**0.5 + optimiser.epsilon)


OPTIMISERS = [
    Sgd(learning_rate=0.1),
    Sgd(learning_rate=0.1, momentum=0.9),
    Rms(learning_rate=0.01, decay=0.9, epsilon=1e-3),
    Adam(learning_rate=0.01, beta1=0.8, beta2=0.95, epsilon=1e-3),
]


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=lambda o: o.kind)
def test_optimisers_match_the_textbook(optimiser):
    rng = np.random.default_rng(0)
    history = [Gradients(rng.normal(size=(2, 3)), rng.normal(size=(3, 3)), np.zeros((3, 1))) for _ in range(20)]
    state = optimiser.init(history[0])
    found = []
    for gradients in history:
        before = [part.copy() for part in (*state.first, *state.second)]
        after, changes = optimiser.update(state, gradients)
        for old, kept in zip(before, (*state.first, *state.second), strict=True):
            np.testing.assert_array_equal(old, kept)  # the state handed in is not touched
        state = after
        found.append(changes)
    assert state.updates == 20 and isinstance(found[0], Gradients)
    wanted = list(naive_steps(optimiser, [g.w_rec[1, 2] for g in history]))
    np.testing.assert_allclose([c.w_rec[1, 2] for c in found], wanted, rtol=1e-12)
    assert all((c.w_out == 0).all() for c in found)  # no gradient, no change


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=lambda o: o.kind)
def test_optimisers_keep_float32(optimiser):
    gradients = (np.ones((2, 2), np.float32),)
    state, changes = optimiser.replace(clip_norm=0.5).update(optimiser.init(gradients), gradients)
    assert {a.dtype for a in (*changes, *state.first, *state.second)} == {np.dtype(np.float32)}


def test_first_adam_step_is_the_learning_rate():
    g = (np.array([[1e-3, -50.0]]),)
    _, (change,) = Adam(learning_rate=0.01, epsilon=1e-12).update(Adam().init(g), g)
    np.testing.assert_allclose(change, [[-0.01, 0.01]], rtol=1e-6)


def test_clipping_scales_the_joint_norm():
    gradients = (np.array([[3.0]]), np.array([[4.0]]))  # norm 5
    plain = Sgd(learning_rate=1.0)
    for clip, factor in ((None, 1.0), (10.0, 1.0), (5.0, 1.0), (1.0, 0.2)):
        _, changes = plain.replace(clip_norm=clip).update(plain.init(gradients), gradients)
        np.testing.assert_allclose(np.ravel(changes), [-3 * factor, -4 * factor])


def test_rules_are_tables_and_refuse_nonsense():
    rule = Bptt(window=5, optimiser=Rms(learning_rate=0.1, clip_norm=1.0))
    assert Bptt.parse(rule.table()) == rule
    assert Bptt.parse({"optimiser": {"kind": "sgd", "learning_rate": 0.5}}).optimiser == Sgd(learning_rate=0.5)
    for spec in (Ridge(taps=3), EchoState(leaks=[0.5])):
        assert type(spec).parse(spec.table()) == spec
    for make in (
        lambda: Bptt(window=0),
        lambda: Sgd(learning_rate=0.0),
        lambda: Adam(clip_norm=-1.0),
        lambda: Ridge(taps=0),
        lambda: Ridge(strengths=()),
        lambda: EchoState(density=0.0),
    ):
        with pytest.raises(SpecError, match=r"must|should"):
            make()


# Ridge


class Made(Dataset):
    """Sequences as given."""

    def __init__(self, train, validation, test, loss="mse"):
        self.train, self.validation, self.test, self.loss = train, validation, test, loss
        self.n_in, self.n_out = train[0].inputs.shape[2], train[0].targets.shape[2]
        self.batches_per_epoch = len(train)

    def batch(self, number):
        return self.train[number % len(self.train)]

    def metrics(self, outputs, sequence):
        return {"loss": float(((outputs - sequence.targets) ** 2).mean(-1)[sequence.mask].mean())}

    def trivial(self):
        return {}


def filtered(rng, steps=120, batch=2, reset_every=None):
    """Targets that a 3-tap filter solves wherever 3 inputs are known, plus noise; some steps are not scored."""
    inputs = rng.normal(size=(steps, batch, 2))
    reset = np.zeros(steps, bool)
    reset[0 :: reset_every or steps] = True
    targets = 0.3 + inputs[..., :1] + 0.01 * rng.normal(size=(steps, batch, 1))
    for lag, w in ((1, 0.5), (2, -0.7)):
        for t in range(lag, steps):
            if not reset[t - lag + 1 : t + 1].any():
                targets[t] += w * inputs[t - lag, :, 1:]
    mask = rng.random((steps, batch)) < 0.8
    targets[~mask] = np.nan
    return Sequence(inputs, targets, mask, reset)


def rows(sequences, taps, at_least):
    """Windows of the scored rows with at least that many inputs since a reset: an explicit loop."""
    features, targets = [], []
    for s in sequences:
        age = 0
        for t in range(len(s.inputs)):
            age = 1 if s.reset[t] or t == 0 else age + 1
            for b in np.flatnonzero(s.mask[t]):
                if age >= at_least:
                    features.append(np.concatenate([[1.0], *(s.inputs[t - lag, b] for lag in range(taps))]))
                    targets.append(s.targets[t, b])
    return np.array(features), np.array(targets)


@pytest.mark.parametrize("taps", [1, 3])
def test_ridge_without_penalty_is_least_squares(taps):
    rng = np.random.default_rng(1)
    parts = [filtered(rng, reset_every=10) for _ in range(4)]
    data = Made(parts[:2], *parts[2:])
    model = Ridge(taps=taps, strengths=(0.0,)).fit(data)
    for depth in range(1, taps + 1):
        x, y = rows(parts[:2], depth, depth)
        np.testing.assert_allclose(model.coefficients(depth), np.linalg.lstsq(x, y)[0], rtol=1e-9, atol=1e-12)
    outputs = model.predict(data.test)
    x, y = rows([data.test], taps, taps)
    steps = [t for t in range(120) if t % 10 + 1 >= taps for b in np.flatnonzero(data.test.mask[t])]
    trials = [b for t in range(120) if t % 10 + 1 >= taps for b in np.flatnonzero(data.test.mask[t])]
    np.testing.assert_allclose(outputs[steps, trials], x @ model.coefficients(taps))
    if taps == 3:
        assert np.mean((outputs[steps, trials] - y) ** 2) < 2e-4  # the noise is 1e-4


def test_ridge_penalty_is_the_closed_form_and_leaves_the_mean_free():
    rng = np.random.default_rng(2)
    x = np.concatenate([np.ones((50, 1)), rng.normal(size=(50, 3))], axis=1)
    y = rng.normal(size=(50, 2)) + 5
    equations = NormalEquations()
    equations.add(x[:20], y[:20])
    equations.add(x[20:], y[20:])
    squares = np.array([0, *np.mean(x[:, 1:] ** 2, axis=0)])  # the strength is relative to them
    stacked = np.concatenate(
        [x, np.diag(np.sqrt(50 * 0.3 * squares))]
    )  # ‖y − x w‖² + R λ Σ ⟨x²⟩ w² as one least squares
    wanted = np.linalg.lstsq(stacked, np.concatenate([y, np.zeros((4, 2))]))[0]
    np.testing.assert_allclose(equations.solve(0.3), wanted, rtol=1e-10)
    np.testing.assert_allclose(equations.solve(1e9)[0], y.mean(axis=0), rtol=1e-6)


def in_other_units(sequence, factors, unit):
    return sequence._replace(inputs=sequence.inputs * factors, targets=sequence.targets * unit)


@pytest.mark.parametrize("factors", [1e-8, 1e6, [1e-6, 1.0], [1.0, 1e4]], ids=str)
@pytest.mark.parametrize("unit", [1.0, 1e3])
def test_the_units_of_inputs_and_targets_change_no_ridge(factors, unit):
    rng = np.random.default_rng(7)
    parts = [filtered(rng, reset_every=10) for _ in range(3)]
    parts = [s._replace(inputs=np.concatenate([s.inputs, s.inputs**2], axis=2)[..., :2]) for s in parts]
    other = [in_other_units(s, factors, unit) for s in parts]
    for ridge in (Ridge(taps=3), Ridge(taps=2, strengths=(0.1,))):
        one, another = ridge.scores(Made(parts[:1], *parts[1:])), ridge.scores(Made(other[:1], *other[1:]))
        assert another == pytest.approx({part: loss * unit**2 for part, loss in one.items()}, rel=1e-5)


def test_an_input_that_is_always_0_costs_nothing():
    rng = np.random.default_rng(8)
    parts = [filtered(rng) for _ in range(3)]
    dead = [s._replace(inputs=np.concatenate([s.inputs, 0 * s.inputs[..., :1]], axis=2)) for s in parts]
    assert Ridge().scores(Made(dead[:1], *dead[1:])) == pytest.approx(Ridge().scores(Made(parts[:1], *parts[1:])))


def test_the_units_of_inputs_change_no_echo_state_readout_of_equal_states():
    rng = np.random.default_rng(9)
    parts = [filtered(rng, steps=60, batch=1) for _ in range(3)]
    other = [in_other_units(s, 1e-6, 1.0) for s in parts]
    settings = {"units": 5, "spectral_radii": (0.9,), "leaks": (1.0,), "strengths": (0.1,)}
    one = EchoState(**settings, input_scales=(1.0,)).scores(Made(parts[:1], *parts[1:]), 0)
    another = EchoState(**settings, input_scales=(1e6,)).scores(Made(other[:1], *other[1:]), 0)
    assert another == pytest.approx(one, rel=1e-6)


def test_a_window_never_reaches_across_a_reset():
    rng = np.random.default_rng(3)
    parts = [filtered(rng, reset_every=10) for _ in range(3)]
    model = Ridge(taps=3).fit(Made(parts[:1], *parts[1:]))
    moved = parts[2].inputs.copy()
    moved[9] += 100.0  # the last step before a reset
    before, after = model.predict(parts[2]), model.predict(parts[2]._replace(inputs=moved))
    changed = np.flatnonzero((before != after).any(axis=(1, 2)))
    assert set(changed) <= {9}


def test_depths_that_training_lacks_are_fitted_on_deeper_rows():
    rng = np.random.default_rng(6)
    parts = [filtered(rng, reset_every=10) for _ in range(3)]
    late = parts[0].mask & (np.arange(120) % 10 >= 2)[:, None]
    model = Ridge(taps=3, strengths=(0.0,)).fit(Made([parts[0]._replace(mask=late)], *parts[1:]))
    assert list(model.models) == [3]
    x, y = rows([parts[0]._replace(mask=late)], 1, 1)
    np.testing.assert_allclose(model.coefficients(1), np.linalg.lstsq(x, y)[0], rtol=1e-9)
    assert (model.predict(parts[2])[parts[2].mask] != 0).all()


def test_strength_is_chosen_on_validation_and_refit_uses_its_rows():
    rng = np.random.default_rng(4)
    inputs = rng.normal(size=(40, 1, 20))

    def part(rows):
        targets = inputs[rows][..., :1] + 2.0 * rng.normal(size=(len(inputs[rows]), 1, 1))
        steps = len(targets)
        return Sequence(inputs[rows], targets, np.ones((steps, 1), bool), np.arange(steps) == 0)

    data = Made([part(slice(0, 24))], part(slice(24, 32)), part(slice(32, 40)))
    losses = {s: Ridge(strengths=(s,)).scores(data)["validation"] for s in (1e-6, 1.0, 100.0)}
    best = min(losses, key=losses.get)
    assert Ridge(strengths=(1e-6, 1.0, 100.0)).fit(data).strength == best != 1e-6
    x, y = rows([data.train[0], data.validation], 1, 1)
    solved = NormalEquations()
    solved.add(x, y)
    test_x, test_y = rows([data.test], 1, 1)
    wanted = np.mean((test_x @ solved.solve(best) - test_y) ** 2)
    assert Ridge(strengths=(best,)).scores(data)["test"] == pytest.approx(wanted)
    assert Ridge(strengths=(best,), refit=False).scores(data)["test"] != pytest.approx(wanted)


def test_classes_are_scored_as_logits():
    data = SequentialDigits().data(0, 32)
    guess = np.log(10)
    scores = EchoState(units=20, spectral_radii=(1.0,), leaks=(0.3,), input_scales=(1.0,)).scores(data, 0)
    assert scores["test"] < 0.7 * guess
    assert Ridge(taps=16).scores(data)["test"] < 0.7 * guess


# Echo-state network


def test_reservoir_readout_is_least_squares_on_the_states():
    rng = np.random.default_rng(5)
    parts = [filtered(rng, steps=60, batch=1, reset_every=30) for _ in range(3)]
    data = Made(parts[:1], *parts[1:])
    spec = EchoState(units=5, spectral_radii=(0.9,), leaks=(0.5,), input_scales=(0.7,), strengths=(0.0,), washout=4)
    model = spec.fit(data, seed=1)
    w, x, features = model.weights, np.zeros(5), []
    for t in range(60):
        if parts[0].reset[t]:
            x = np.zeros(5)
        u = parts[0].inputs[t, 0]
        x = 0.5 * x + 0.5 * np.tanh(u @ w.w_in[:2] + w.w_in[2] + x @ w.w_rec)
        features.append(np.concatenate([[1.0], u, x]))
    used = parts[0].mask[:, 0] & (np.arange(60) % 30 >= 4)
    wanted = np.linalg.lstsq(np.array(features)[used], parts[0].targets[used, 0])[0]
    np.testing.assert_allclose(model.readout, wanted, rtol=1e-6, atol=1e-9)


def test_reservoir_weights_are_what_was_asked_for():
    spec = EchoState(units=60, density=0.2, bias_scale=0.1)
    w = spec.weights(3, 0, 1.1, 0.5)
    assert np.abs(np.linalg.eigvals(w.w_rec)).max() == pytest.approx(1.1)
    assert 0.15 < (w.w_rec != 0).mean() < 0.25
    assert np.abs(w.w_in[:3]).max() <= 0.5 and 0 < np.abs(w.w_in[3]).max() <= 0.1
    np.testing.assert_array_equal(spec.weights(3, 0, 1.1, 0.5).w_rec, w.w_rec)
    assert (spec.weights(3, 1, 1.1, 0.5).w_rec != w.w_rec).any()


def test_reservoir_foretells_mackey_glass():
    """learning-rules §5 measured 5e-5 with 200 units and 5,000 steps, where a 16-tap filter stays at 1.1e-2."""
    data = MackeyGlass().data(0, 1)
    spec = EchoState(spectral_radii=(0.8, 1.2), leaks=(1.0,), input_scales=(1.0,))
    assert spec.scores(data, 0)["test"] <= 5e-5
    assert Ridge(taps=16).scores(data)["test"] == pytest.approx(1.1e-2, rel=0.1)


# Weather, the published file


@pytest.mark.skipif(not WTH.is_file(), reason=f"set NEUROPERTURB_WTH: no published weather file at {WTH}")
@pytest.mark.parametrize("horizon, present, two_days", [(1, 5.64e-4, 4.17e-4), (24, 4.14e-3, 2.99e-3)])
def test_ridge_on_the_published_weather(horizon, present, two_days):
    """learning-rules §5; fitted on the rows before 33,600, validation included."""
    data = Weather(path=str(WTH), horizon=horizon).data(0, 1)
    assert Ridge(taps=1).scores(data)["test"] == pytest.approx(present, rel=5e-3)
    assert Ridge(taps=48).scores(data)["test"] == pytest.approx(two_days, rel=1.5e-2)
