"""Activations and leaks of units: values, derivatives, rules and gradients with them, custom functions, wrong inputs."""

import textwrap

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose
from rule_cases import draw, simulate, trials, weights

import hardware_models as hw
from hardware_models import neurons
from hardware_models.neurons import Neurons
from hardware_models.numerics.compiled import COMPILED
from neuroperturb import rules, tasks
from neuroperturb.baselines import Bptt, Rtrl, State, from_matrices, gradient, run_clean
from neuroperturb.baselines.eligibility import forward_gradient
from neuroperturb.experiments.experiment import Experiment, digest
from neuroperturb.experiments.toml import dumps, resolve
from neuroperturb.network.activation import ACTIVATIONS, TANH, OwnActivation, Relu, make_apply
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.rnn import RNN
from neuroperturb.network.timescales import LogSpaced
from neuroperturb.simulation import layout
from neuroperturb.simulation.schedule import Training
from neuroperturb.spec import InputError, SpecError
from neuroperturb.training.train import train

interpreted = pytest.mark.skipif(COMPILED, reason="compiling each takes seconds; .ci/run does these with the JIT off")
BETWEEN_KINKS = np.array([-3.1, -1.4, -0.6, -0.01, 0.02, 0.5, 1.7, 4.0])


def softsign(a):
    return a / (1 + abs(a))


def softsign_slope(a):
    return 1 / (1 + abs(a)) ** 2


OWN = OwnActivation.of(softsign, softsign_slope)
ALL = {**{name: kind() for name, kind in ACTIVATIONS.items()}, "own": OWN}


@pytest.mark.parametrize("activation", ALL.values(), ids=ALL)
def test_values_and_derivatives(activation):
    """f against NumPy, and α f' against central differences; NaN stays NaN."""
    curve, alpha = activation.curve(), 0.3
    f = np.array([curve.value(a) for a in BETWEEN_KINKS])
    assert_allclose(f, naive.ACTIVATIONS.get(activation.kind, softsign)(BETWEEN_KINKS), rtol=1e-14)
    assert_allclose(f, [curve.exact(a) for a in BETWEEN_KINKS], rtol=1e-15)
    step = 1e-6
    wanted = alpha * np.array([(curve.exact(a + step) - curve.exact(a - step)) / (2 * step) for a in BETWEEN_KINKS])
    assert_allclose([curve.slope(alpha, a, y) for a, y in zip(BETWEEN_KINKS, f, strict=True)], wanted, atol=1e-9)
    assert np.isnan(curve.value(np.nan)) and np.isnan(curve.exact(np.nan))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_float32_stays_one(name):
    curve = ACTIVATIONS[name]().curve()
    a, y, slope = (np.full((1, 1), v, np.float32) for v in (0.3, 0, 0))
    make_apply(curve)(a, np.ones(1, np.float32), y, slope)
    assert_allclose(y[0, 0], curve.exact(0.3), rtol=1e-6)
    if not COMPILED:
        assert type(curve.value(np.float32(0.3))) is np.float32


NETWORKS = {
    "relu, a leak each": RNN(size=6, bias=True, activation="relu", leak=(0.2, 0.9, 1.0, 0.5, 0.3, 0.7)),
    "sigmoid": RNN(size=6, activation="sigmoid", leak=0.6),
    "leaky-relu": RNN(size=6, activation="leaky-relu"),
    "hard-tanh, slow": RNN(size=6, bias=True, activation="hard-tanh", leak=LogSpaced(slowest=7)),
    "identity": RNN(size=6, activation="identity", leak=0.5),
    "tanh, slow": RNN(size=6, bias=True, leak=LogSpaced(slowest=20)),
    "own": RNN(size=6, activation=OWN, leak=LogSpaced(slowest=3)),
}


@interpreted
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_gradients_match_central_differences(network):
    rng = np.random.default_rng(0)
    sequence, start = trials(steps=9, batch=3), State(*(0.3 * rng.normal(size=(2, 3, 6))))
    W, units = from_matrices(weights(network)), {"leak": network.leaks, "activation": network.activation}
    options = {"bias": network.bias, "state": start, **units}

    def total(changed):
        y, scored = run_clean(changed, sequence, **options)[0], sequence.mask
        return ((y - sequence.targets)[scored] ** 2).mean(-1).sum() / y.shape[1]

    found = gradient(W, sequence, loss="mse", **options)
    for name in found[1]._fields:
        matrix, step = getattr(W, name), 1e-5
        wanted = np.empty_like(matrix)
        for place in np.ndindex(matrix.shape):
            sides = []
            for sign in (1, -1):
                moved = matrix.copy()
                moved[place] += sign * step
                sides.append(total(W._replace(**{name: moved})))
            wanted[place] = (sides[0] - sides[1]) / (2 * step)
        assert np.abs(getattr(found[1], name) - wanted).max() <= 1e-6 * np.abs(wanted).max()
    forward = forward_gradient(Rtrl(), W, sequence, loss="mse", **options)
    for a, b in zip(forward[1], found[1], strict=True):
        assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    window = gradient(W, sequence, loss="mse", window=3, **options)[1]
    assert not np.allclose(window.w_rec, found[1].w_rec)


@interpreted
@pytest.mark.parametrize(
    "network", [n for n in NETWORKS.values() if n.activation != OWN], ids=lambda n: n.activation.kind
)
@pytest.mark.parametrize("schedule, batch", [("online", 3), ("episode", 17)])
def test_rules_as_their_naive_transcription(network, schedule, batch):
    """By rows and, in an episode of many trials, with the trials innermost."""
    rule = rules.make("np-trace", None, schedule, noise_std=0.1, learning_rate=0.05)
    sequence, initial = trials(steps=9, batch=batch), weights(network)
    if schedule == "episode":
        initial = initial._replace(D_in=np.eye(2), D_rec=np.eye(6))
    draws, recorded = draw(rule, network, sequence)
    simulation = simulate(network, rule, initial, sequence, schedule=schedule, recorded=recorded)
    assert layout.trials_innermost(simulation.setup, simulation.neurons) == (schedule == "episode")
    assert simulation.present_all(sequence)
    wanted, _ = naive.learn(network, rule, initial, sequence, draws, schedule=schedule)
    for name, w in wanted.items():
        assert_allclose(getattr(simulation.weights(), name), w, rtol=1e-10, atol=1e-12)
    assert not np.array_equal(wanted["W_rec"], initial.W_rec)


TASK = tasks.DelayedXOR(trials_per_epoch=16, validation_trials=16, test_trials=16)
ONE_EPOCH = Training(epochs=1, batch_size=8)


@interpreted
@pytest.mark.parametrize(
    "rule", [rules.make("anp", None, "episode"), rules.make("wp", None, "episode"), Bptt()], ids=("anp", "wp", "bptt")
)
@pytest.mark.parametrize(
    "hardware",
    [None, Chip(cells=hw.Digital(bits=6), neurons=Neurons(slope_std=0.1, noise_std=0.01))],
    ids=("ideal", "chip"),
)
def test_runs(rule, hardware):
    network = RNN(size=6, bias=True, activation="relu", leak=LogSpaced(slowest=10))
    run = train(network, TASK, rule, training=ONE_EPOCH, hardware=hardware)
    assert run.status == "finished"
    assert all(np.isfinite(w).all() for w in run.weights.values())


def test_circuits_have_the_activation():
    """Without any spread, circuits are the units they replace; with half the amplitude, half of them."""
    layer = Neurons(saturation_std=0.1).state(3, seed=0, dtype=np.float64)

    a, x = np.zeros((1, len(layer.gain))), np.zeros((1, len(layer.gain)))
    a[0, :3] = [-0.5, 0.5, 2.0]
    neurons.make_fire(Relu().curve().value)(layer, a, 1.0, 0.0, x)
    assert_allclose(x[0, :3], layer.saturation[:3] * [0, 0.5, 2.0])


MINE = """
    import numpy as np

    SHARPNESS = 2.0

    def bend(a):
        return np.tanh(SHARPNESS * a)

    def bend_slope(a):
        return SHARPNESS * (1 - np.tanh(SHARPNESS * a) ** 2)
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(textwrap.dedent(MINE))
    return tmp_path / "mine.py"


def read(network):
    return resolve({"task": "delayed-xor", "network": network})


def test_a_function_by_name(mine):
    """Its text is in the record, opening which runs nothing; layout and comments are no change, code is one."""
    made = read({"activation": {"kind": "mine.py:bend", "derivative": "mine.py:bend_slope"}})
    assert made.network.activation.curve().value(0.5) == pytest.approx(np.tanh(1))
    assert "SHARPNESS = 2.0" in made.network.activation.text
    table = made.table()
    again = Experiment.parse(table)
    assert again == made and digest(again) == digest(made) and again.network.activation.derivative is not None
    mine.write_text("# a comment\n" + textwrap.dedent(MINE))
    assert digest(read({"activation": "mine.py:bend"})) != digest(made)  # without its derivative
    assert digest(read({"activation": {"kind": "mine.py:bend", "derivative": "mine.py:bend_slope"}})) == digest(made)
    mine.write_text(textwrap.dedent(MINE).replace("SHARPNESS = 2.0", "SHARPNESS = 3.0"))
    other = read({"activation": {"kind": "mine.py:bend", "derivative": "mine.py:bend_slope"}})
    assert digest(other) != digest(made)


def test_a_function_that_has_changed_is_not_run(mine):
    text = textwrap.dedent(MINE).replace("bend", "bow")
    mine.write_text(text)
    table = read({"activation": "mine.py:bow"}).table()
    table["network"]["activation"]["source"] = {"sha256": "0" * 64, "text": "def bow(a):\n    return 4 * a\n"}
    with pytest.raises(InputError, match="has changed"):
        Experiment.parse(table).network.activation.curve()


@interpreted
def test_a_rule_runs_without_a_derivative_and_a_gradient_does_not(mine):
    network = read({"size": 6, "activation": "mine.py:bend"}).network
    run = train(network, TASK, rules.make("np-trace", None, "episode"), training=ONE_EPOCH)
    assert run.status == "finished"
    with pytest.raises(SpecError, match=r"network\.activation\.derivative.*gradients through time"):
        resolve({"task": "delayed-xor", "rule": "bptt", "network": {"activation": "mine.py:bend"}})


def test_a_function_that_gives_no_number(mine):
    mine.write_text("def text(a):\n    return 'no number'\n\n\ndef broken(a):\n    return a + nothing\n")
    for name in ("text", "broken"):
        with pytest.raises(InputError, match=r"'network\.activation' parameter must be a function of one number"):
            read({"activation": f"mine.py:{name}"}).network.activation.curve()


def test_tables_of_before_are_what_they_were():
    """Parameters that came later leave no trace where they have their defaults."""
    assert RNN().table() == {"size": 100, "leak": 1.0, "bias": False, "gain": 1.0, "spectral_radius": None}
    assert RNN(activation=TANH).table() == RNN().table()


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_tables_read_back(network):
    made = Experiment(task=tasks.DelayedXOR(), network=network)
    assert Experiment.parse(made.table()) == made
    assert resolve_text(dumps(made)) == made


def resolve_text(text):
    import tomllib

    return resolve(tomllib.loads(text))


def test_leaks():
    assert_allclose(1 / RNN(size=3, leak={"kind": "log-spaced", "slowest": 16.0}).leaks, [1, 4, 16])
    assert_allclose(1 / RNN(size=3, leak={"kind": "log-spaced", "fastest": 2.0, "slowest": 32.0}).leaks, [2, 8, 32])
    assert LogSpaced(slowest=16).table() == {"kind": "log-spaced", "slowest": 16.0}
    assert LogSpaced(slowest=16, fastest=2).table() == {"kind": "log-spaced", "slowest": 16.0, "fastest": 2.0}
    assert RNN(size=2, leak=np.array([0.5, 1.0])).leak == (0.5, 1.0)


WRONG = [
    ({"activation": "rellu"}, "'network.activation.kind' parameter of RNN cannot be 'rellu'. Did you mean 'relu'?"),
    ({"activation": {"kind": "relu", "slope": 1}}, "'network.activation.slope' parameter of Relu is unknown"),
    ({"activation": 3}, "'network.activation' parameter of RNN must be a name, a table or a function"),
    ({"activation": "nowhere.py:f"}, "names a file 'nowhere.py' that does not exist"),
    ({"activation": "mine.py:bent"}, "names no function 'bent' in 'mine.py'. Did you mean 'bend'?"),
    ({"activation": {"kind": "mine.py:bend", "derivative": 3}}, "'network.activation.derivative'"),
    ({"leak": 0}, "'network.leak' parameter of RNN must be greater than 0. Got 0"),
    ({"leak": 1.5}, "'network.leak' parameter of RNN must be less than or equal to 1"),
    ({"leak": [0.5, 2.0], "size": 2}, "'network.leak.1' parameter of RNN must be less than or equal to 1. Got 2.0"),
    ({"leak": [0.5, 1.0]}, "'network.leak' parameter of RNN must be one number for each of 100 units"),
    ({"leak": {"kind": "log-spaced", "slowest": 0.5}}, "'network.leak.slowest' parameter of LogSpaced must be greater"),
    (
        {"leak": {"kind": "log-spaced", "slowest": 5, "fastest": 6}},
        "'network.leak.fastest' parameter of LogSpaced must be at most 'slowest'",
    ),
    ({"leak": {"kind": "linear"}}, "'network.leak.kind' parameter of RNN cannot be 'linear'"),
]


@pytest.mark.parametrize("network, sentence", WRONG, ids=lambda w: str(w)[:40])
def test_wrong_inputs_get_one_sentence(network, sentence, mine):
    with pytest.raises(InputError) as told:
        read(network)
    assert sentence in str(told.value)
    assert "\n" not in str(told.value)
