"""Sparse, signed and layered networks: what does not exist is not written, perturbed, counted or priced, by any rule or baseline."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from rule_cases import draw, simulate, trials

import hardware_models as hw
from hardware_models.array import SynapseArray
from hardware_models.crossbar.sites import Sites
from hardware_models.numerics.checks import ParameterError
from hardware_models.numerics.compiled import COMPILED
from neuroperturb import rules, tasks
from neuroperturb.analysis.alignment.align import align
from neuroperturb.analysis.alignment.reference import references
from neuroperturb.analysis.audit.auditor import audit
from neuroperturb.baselines import Adam, Bptt, Eprop, Rtrl, from_matrices, run_clean
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.toml import resolve
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.rnn import RNN, initial_weights, spectral_radius
from neuroperturb.network.wiring import with_signs
from neuroperturb.simulation import layout
from neuroperturb.simulation.schedule import Training
from neuroperturb.spec import InputError
from neuroperturb.training.deployment import deploy
from neuroperturb.training.train import train
from neuroperturb.training.trainer import Trainer

interpreted = pytest.mark.skipif(COMPILED, reason="compiling each takes seconds; .ci/run does these with the JIT off")

NETWORKS = {
    "sparse": RNN(size=6, bias=True, density=0.4, input_density=0.5, wiring_seed=3),
    "Dale": RNN(size=6, excitatory=0.67, leak=0.6),
    "layers": RNN(layers=(4, 2), bias=True),
    "one layer": RNN(size=6, recurrent=False, bias=True),
    "feed-forward": RNN(layers=(3, 3), recurrent=False, activation="relu"),
    "all at once": RNN(layers=(4, 2), density=0.8, excitatory=0.5, wiring_seed=1, leak=(0.3, 0.5, 1.0, 1.0, 0.9, 0.2)),
}
each_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
N_IN, N_OUT = 2, 3


def assert_as_wired(network, weights, n_in=N_IN, n_out=N_OUT):
    for name, there in network.present(n_in, n_out).items():
        assert_array_equal(np.asarray(getattr(weights, name))[~there], 0)
    if network.excitatory is not None:
        excites = round(network.excitatory * network.size)
        assert (weights.W_rec[:, :excites] >= 0).all() and (weights.W_rec[:, excites:] <= 0).all()


# ----------------------------------------------------------------------------------------------------------------------
# Wiring and initial weights


@each_network
def test_initial_weights_are_as_wired(network):
    made = initial_weights(network, N_IN, N_OUT, 0)
    assert_as_wired(network, made)
    other = initial_weights(network, N_IN, N_OUT, 1)
    assert not np.array_equal(made.W_in, other.W_in)
    assert Experiment.parse(Experiment(task=tasks.DelayedXOR(), network=network).table()).network == network


def test_a_layer_hears_itself_and_the_one_before():
    there = RNN(layers=(2, 1, 1), bias=True).present(1, 1)
    assert_array_equal(there["W_rec"], [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1]])
    assert_array_equal(there["W_in"], [[1, 1], [1, 1], [0, 1], [0, 1]])  # the bias reaches every layer
    assert_array_equal(there["W_out"], [[0, 0, 0, 1]])
    assert_array_equal(RNN(layers=(2, 1), recurrent=False).present(1, 1)["W_rec"], [[0, 0, 0], [0, 0, 0], [1, 1, 0]])


def test_densities():
    network = RNN(size=200, density=0.1, input_density=0.3)
    there = network.present(50, 1)
    assert there["W_rec"].mean() == pytest.approx(0.1, abs=0.005) and there["W_in"].mean() == pytest.approx(
        0.3, abs=0.02
    )
    made = initial_weights(network, 50, 1, 0)
    assert (made.W_rec**2).sum(1).mean() == pytest.approx(1, rel=0.05)  # sums of as many inputs as of a dense network
    assert not np.array_equal(there["W_rec"], network.replace(wiring_seed=1).present(50, 1)["W_rec"])
    chosen = RNN(size=2, density=[[0, 1], [1, 0]])
    assert_array_equal(chosen.present(1, 1)["W_rec"], [[0, 1], [1, 0]])


@pytest.mark.parametrize("size", [20, 300])
def test_dale_is_balanced_in_every_row_and_keeps_the_spectral_radius(size):
    network = RNN(size=size, gain=1.1)
    plain, W = (initial_weights(n, 1, 1, 0).W_rec for n in (network, network.replace(excitatory=0.8)))
    assert np.abs(W.sum(1)).max() < 1e-12 * np.abs(W).sum(1).max()
    largest = [np.abs(np.linalg.eigvals(M)).max() for M in (W, plain)]
    assert largest[0] == pytest.approx(largest[1], rel=1e-10 if size < 200 else 1e-3)
    excites, inhibits = np.abs(W[:, : size * 4 // 5]), np.abs(W[:, size * 4 // 5 :])
    assert inhibits.mean() == pytest.approx(4 * excites.mean(), rel=1e-12)


def test_dale_leaves_a_row_that_has_one_sign():
    W = np.array([[1.0, -2.0, 3.0], [1.0, 1.0, 0.0], [0.0, 0.0, -2.0]])
    made = with_signs(W, np.array([1, 1, -1], np.int8))
    made /= made[1, 0]
    np.testing.assert_allclose(made, [[1, 2, -3], [1, 1, 0], [0, 0, -2]], rtol=1e-12)
    nothing = np.zeros((2, 2))
    assert not with_signs(nothing, np.array([1, -1], np.int8)).any()


def test_a_dense_network_is_what_it_was():
    assert RNN().sites(3, 2) == {"W_in": None, "W_rec": None, "W_out": None}


@each_network
def test_a_still_input_through_layers_is_a_feed_forward_network(network):
    """As many steps as layers: then the readout sees what a stack of layers computes from the input."""
    if network.recurrent or not network.layers:
        return
    W, u = initial_weights(network, N_IN, N_OUT, 0), np.array([0.3, -0.8])
    shown = trials(steps=2, batch=1, gaps=False)._replace(inputs=np.tile(u, (2, 1, 1)))
    y = run_clean(from_matrices(W), shown, activation=network.activation)[0]
    first = np.maximum(W.W_in[:3] @ u, 0)
    assert_allclose(y[1, 0], W.W_out[:, 3:] @ np.maximum(W.W_rec[3:, :3] @ first, 0), rtol=1e-13)


# ----------------------------------------------------------------------------------------------------------------------
# Rules and baselines


@interpreted
@each_network
@pytest.mark.parametrize(
    "rule, schedule, batch", [("np-trace", "episode", 17), ("anp", "online", 3), ("wp", "online", 2)]
)
def test_rules_as_their_naive_transcription(network, rule, schedule, batch):
    """One presentation, against weights that are put in order after it: what is not there reaches nobody meanwhile."""
    rule = rules.make(rule, None, schedule, noise_std=0.1, learning_rate=0.05)
    if schedule == "online":
        rule = rule.replace(
            learning_rate=1e-9
        )  # the transcription writes cells that are not there: too little to be read
    sequence, initial = trials(steps=9, batch=batch), initial_weights(network, N_IN, N_OUT, 0)
    draws, recorded = draw(rule, network, sequence)
    there = network.present(N_IN, N_OUT)
    if rule.probe.kind == "weights":
        draws = {name: d * there[name] for name, d in draws.items()}
    simulation = simulate(network, rule, initial, sequence, schedule=schedule, recorded=recorded)
    assert layout.trials_innermost(simulation.setup, simulation.neurons) == (schedule == "episode")
    assert simulation.present_all(sequence)
    wanted, _ = naive.learn(network, rule, initial, sequence, draws, schedule=schedule)
    found, sites = simulation.weights(), network.sites(N_IN, N_OUT)
    assert_as_wired(network, found)
    for name, at in sites.items():
        settled = wanted[name] if at is None else at.settled(wanted[name])
        change = np.abs(settled - getattr(initial, name)).max()
        assert change > 0 or not there[name].any()
        assert np.abs(getattr(found, name) - settled).max() <= 1e-6 * change, name


TASK = tasks.DelayedXOR(trials_per_epoch=16, validation_trials=16, test_trials=16)
ONE_EPOCH = Training(epochs=1, batch_size=8)
LEARNERS = {
    "np-p": rules.make("np-p", None, "episode", learning_rate=0.1),
    "np-trace": rules.make("np-trace", None, "episode", learning_rate=0.1),
    "wp": rules.make("wp", None, "episode", learning_rate=0.1),
    "bptt": Bptt(optimiser=Adam(learning_rate=0.1)),
    "rtrl": Rtrl(optimiser=Adam(learning_rate=0.1)),
    "eprop": Eprop(optimiser=Adam(learning_rate=0.1)),
}


@interpreted
@each_network
@pytest.mark.parametrize("rule", LEARNERS.values(), ids=LEARNERS)
def test_every_learner_keeps_the_wiring(network, rule):
    run = train(network, TASK, rule, training=ONE_EPOCH)
    weights = {name: run.weights[name] for name in ("W_in", "W_rec", "W_out")}
    assert run.status == "finished"
    assert_as_wired(network, type("", (), weights), 2, 1)
    assert not all(np.array_equal(run.weights[name], run.initial_weights[name]) for name in ("W_in", "W_rec", "W_out"))


@interpreted
@each_network
def test_bptt_online_keeps_the_wiring(network):
    rule = Bptt(window=2, optimiser=Adam(learning_rate=0.1, clip_norm=1.0))
    run = train(network, TASK, rule, training=ONE_EPOCH.replace(schedule="online"))
    assert_as_wired(network, type("", (), dict(run.weights)), 2, 1)
    assert not all(np.array_equal(run.weights[name], run.initial_weights[name]) for name in ("W_in", "W_rec", "W_out"))


@interpreted
@each_network
@pytest.mark.parametrize("rule", [LEARNERS["np-trace"], LEARNERS["bptt"]], ids=["np-trace", "bptt"])
def test_on_hardware(network, rule):
    """Cells that do not exist get no pulses, are not counted and stay at 0; a record is deployed on another chip as it is wired."""
    chip = Chip(cells=hw.SoftBounds(dw_min=0.01, dw_min_std=0.3, w_max_dtod=0.2))
    trainer = Trainer(Experiment(task=TASK, network=network, rule=rule, training=ONE_EPOCH, hardware=chip))
    for _ in trainer:
        pass
    there, found = network.present(2, 1), trainer.learner.weights()
    assert_as_wired(network, found, 2, 1)
    for name, exists in there.items():
        array = trainer.learner.simulation.arrays[name]
        counted = array.ledger()
        assert counted.counts["synapses"] == counted.counts["cells"] == exists.sum() == counted.histogram[1].sum()
        sent = array.pulse_counts()
        assert_array_equal((sent.up + sent.down)[0][~exists], 0)
        assert (sent.up + sent.down).sum() > 0 or not exists.any()
    moved = deploy(trainer.run(), seeds=[5])
    assert np.isfinite(moved["loss"]).all()


@interpreted
@each_network
def test_alignment_is_of_synapses_that_exist(network):
    W, sequence = initial_weights(network, N_IN, N_OUT, 0), trials(steps=6, batch=4, gaps=False)
    for reference in references(network, W, sequence, "mse"):
        for name, there in network.present(N_IN, N_OUT).items():
            assert_array_equal(reference.gradient[name][~there], 0)


@interpreted
@pytest.mark.parametrize("rule", ["np-trace", "anp", "wp"])
def test_the_audit_of_two_layers(rule):
    """The same findings as of one dense layer: what a synapse sees is no matter of who listens to whom."""
    found, dense = (audit(rule, network=network) for network in (RNN(layers=(2, 2)), RNN(size=4)))
    assert found.passed and found.checks == dense.checks


@interpreted
def test_a_rule_follows_the_gradient_through_two_layers():
    """NP with a trace is unbiased in either layer, whichever wiring it has."""
    aligned = align("np-trace", network=RNN(layers=(3, 3), gain=1.5), samples=600, steps=3, noise_std=0.05)
    rows = aligned.frame.query("matrix == 'W_rec' and reference == 'bptt' and metric == 'plain'")
    assert rows["limit"].item() > 0.9  # of the mean of ever more updates
    assert "W_rec" in str(aligned)


def test_an_audit_is_of_a_small_network():
    with pytest.raises(InputError, match=r"network\.size.*at most 32"):
        audit("np", network=RNN(layers=(20, 20)))


# ----------------------------------------------------------------------------------------------------------------------
# Arrays


def test_sites_of_an_array():
    sites = Sites.of(np.array([[1, 0, 1], [1, 1, 1]]), np.array([[1, 1, -1], [0, 0, 0]]))
    array = SynapseArray((2, 3), hw.Digital(bits=8), seed=1, sites=sites, weight_scale=1.0)
    array.program([[0.5, 0, -0.5], [0.5, 0.25, 0.5]])
    array.update(post=[[-1.0, 1.0]], pre=[[1.0, 1.0, -1.0]])
    W = array.read()
    assert W[0, 1] == 0 and W[0, 0] == 0 and W[0, 2] == 0  # absent; pushed below zero; pushed above it
    assert_allclose(W[1], [1, 1, -0.5], atol=0.01)
    assert array.ledger().counts["synapses"] == 5
    with pytest.raises(ParameterError, match="0 where there is no cell"):
        array.program(np.ones((2, 3)))


def test_what_is_not_there_costs_nothing():
    """The only cell of two lines each way: one row to access, one cell to write and read, and no energy for the others."""
    sites = Sites.of(np.array([[True, False, False], [False, False, False]]))
    one, alone = (SynapseArray(s, hw.Digital(bits=8), sites=at) for s, at in (((2, 3), sites), ((1, 1), None)))
    for array, post, pre in ((one, [[1.0, 1.0]], np.ones((1, 3))), (alone, [[1.0]], [[1.0]])):
        array.update(post, pre)
        array.matvec(pre[0])
    found, wanted = one.ledger(), alone.ledger()
    assert found.counts == wanted.counts and found.energy == wanted.energy and found.time == wanted.time


def test_a_matrix_of_no_cells_costs_nothing():
    array = SynapseArray((2, 2), hw.SoftBounds(), sites=Sites.of(np.zeros((2, 2), bool)), costs=hw.COSTS["ecram"])
    array.update([[1.0, 1.0]], [[1.0, 1.0]])
    assert array.ledger().counts["cells"] == 0 and "0 synapses" in str(array.ledger())


def test_sites_age_and_fail_with_the_others():
    sites = Sites.of(np.array([[True, False], [True, True]]))
    ageing = hw.Ageing(diffusion=hw.Diffusion(std=0.3), faults=hw.Faults(stuck_high=1.0))
    array = SynapseArray((2, 2), hw.SoftBounds(), seed=1, sites=sites, time=ageing)
    array.age(100.0)
    assert array.read()[0, 1] == 0 and (array.read()[sites.present] != 0).all()


WRONG_SITES = [
    ({"sites": Sites.of(np.ones((2, 2), bool))}, "'sites' parameter of SynapseArray must be Sites of shape (1, 2)"),
    ({"sites": 3}, "'sites' parameter of SynapseArray must be Sites of shape (1, 2), or None. Got 3"),
    (
        {"sites": Sites.of([[True, True]], [[1, -1]]), "weight": hw.DifferentialPair()},
        "must be of cells on both sides of zero where a weight has several devices",
    ),
    (
        {"sites": Sites.of([[True, False]]), "reading": hw.Reading(weight_noise=hw.ConstantReadNoise(std=0.1))},
        "'reading.weight_noise' parameter of SynapseArray must be left out where cells are missing",
    ),
]


@pytest.mark.parametrize("parts, sentence", WRONG_SITES, ids=range(len(WRONG_SITES)))
def test_wrong_sites(parts, sentence):
    with pytest.raises(ParameterError) as told:
        SynapseArray((1, 2), hw.SoftBounds(), **parts)
    assert sentence in str(told.value)


# ----------------------------------------------------------------------------------------------------------------------
# Initial weights


def test_laws_of_initial_weights():
    W = {
        name: initial_weights(RNN(size=60, initial=name), 2, 1, 0)
        for name in ("gaussian", "uniform", "orthogonal", "identity")
    }
    assert_allclose(W["orthogonal"].W_rec @ W["orthogonal"].W_rec.T, np.eye(60), atol=1e-12)
    assert_array_equal(W["identity"].W_rec, np.eye(60))
    assert W["uniform"].W_rec.std() == pytest.approx(np.sqrt(1 / 60), rel=0.03)
    assert np.abs(W["uniform"].W_rec).max() <= np.sqrt(6 / 120)
    assert_array_equal(W["gaussian"].W_rec, initial_weights(RNN(size=60), 2, 1, 0).W_rec)
    for made in W.values():
        assert_array_equal(made.W_in, W["gaussian"].W_in)
    scaled = initial_weights(RNN(size=60, initial="orthogonal", gain=0.5), 2, 1, 0).W_rec
    assert_allclose(scaled @ scaled.T, 0.25 * np.eye(60), atol=1e-12)
    assert spectral_radius(
        initial_weights(RNN(size=60, initial="uniform", spectral_radius=0.9), 2, 1, 0).W_rec
    ) == pytest.approx(0.9)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_weights_from_a_file(folder):
    given = {"W_in": np.ones((3, 2)), "W_rec": np.arange(9.0).reshape(3, 3), "W_out": np.ones((1, 3))}
    np.savez("w.npz", **given)
    made = resolve({"task": "delayed-xor", "network": {"size": 3, "initial": {"kind": "file", "path": "w.npz"}}})
    assert_array_equal(initial_weights(made.network, 2, 1, 0).W_rec, given["W_rec"])
    assert Experiment.parse(made.table()).network == made.network
    with pytest.raises(InputError, match=r"W_in \(3, 4\).*has \(3, 2\)"):
        initial_weights(made.network, 4, 1, 0)
    np.savez("w.npz", **given | {"W_rec": np.zeros((3, 3))})
    with pytest.raises(InputError, match="is not the file it was"):
        initial_weights(Experiment.parse(made.table()).network, 2, 1, 0)


@interpreted
def test_weights_from_a_record(folder):
    first = train(RNN(size=4), TASK, LEARNERS["bptt"], training=ONE_EPOCH)
    first.save("first.nc")
    network = RNN(size=4, initial={"kind": "file", "path": "first.nc"})
    assert_array_equal(initial_weights(network, 2, 1, 0).W_rec, first.weights["W_rec"])


def test_weights_from_a_function(folder):
    (folder / "mine.py").write_text(
        "import numpy as np\n\n\ndef weights(rng, n_in, n, n_out):\n"
        "    return rng.normal(size=(n, n_in)), np.eye(n), np.zeros((n_out, n))\n\n\n"
        "def too_few(rng, n_in, n, n_out):\n    return np.eye(n)\n"
    )

    def read(name):
        return resolve({"task": "delayed-xor", "network": {"size": 3, "bias": True, "initial": f"mine.py:{name}"}})

    made = read("weights").network
    assert_array_equal(initial_weights(made, 2, 1, 0).W_rec, np.eye(3))
    assert initial_weights(made, 2, 1, 0).W_in.shape == (3, 3)
    assert_array_equal(initial_weights(made, 2, 1, 0).W_in, initial_weights(made, 2, 1, 0).W_in)
    with pytest.raises(InputError, match=r"The initial weights of this network are W_in \(3, 3\).*'mine.py:too_few'"):
        initial_weights(read("too_few").network, 2, 1, 0)


WRONG = [
    ({"layers": [0]}, "'network.layers.0' parameter of RNN must be greater than or equal to 1"),
    ({"layers": [3, 4], "size": 9}, "'network.size' parameter of RNN must be left out, or 7, the sum of its layers"),
    ({"density": 0}, "'network.density' parameter of RNN must be a share above 0 and at most 1"),
    ({"density": [[1, 0]]}, "'network.density' parameter of RNN must be 100 rows of 100 numbers. Got (1, 2)"),
    ({"density": [[1], [1, 0]]}, "'network.density' parameter of RNN must be a share, or equally long rows of 0 and 1"),
    ({"input_density": [[1, 0]]}, "'network.input_density' parameter of RNN must be 100 rows, one a unit"),
    ({"excitatory": 1.0}, "'network.excitatory' parameter of RNN must be less than 1"),
    (
        {"excitatory": 0.5, "recurrent": False},
        "'network.excitatory' parameter of RNN must be left out without recurrence",
    ),
    ({"initial": "normal"}, "'network.initial.kind' parameter of RNN cannot be 'normal'"),
    (
        {"initial": {"kind": "file", "path": "no.npz"}},
        "'network.initial.path' parameter names 'no.npz', which cannot be opened",
    ),
    ({"initial": {"kind": "orthogonal", "gain": 1}}, "'network.initial.gain' parameter of Orthogonal is unknown"),
]


@pytest.mark.parametrize("network, sentence", WRONG, ids=lambda w: str(w)[:40])
def test_wrong_inputs_get_one_sentence(network, sentence, folder):
    with pytest.raises(InputError) as told:
        resolve({"task": "delayed-xor", "network": network})
    assert sentence in str(told.value)


def test_what_does_not_go_together(folder):
    with pytest.raises(InputError, match=r"decorrelation\.state.*several layers"):
        resolve({"task": "delayed-xor", "network": {"layers": [3, 3]}, "decorrelation": {}})
    with pytest.raises(InputError, match=r"network\.spectral_radius.*without recurrence"):
        initial_weights(RNN(size=3, recurrent=False, spectral_radius=1.0), 2, 1, 0)
