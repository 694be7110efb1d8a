"""Networks as NIR graphs: what is read back computes the same, and so does a reading of the standard's own equations."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from neuroperturb import RNN, Decorrelation, Training, rules, tasks
from neuroperturb.baselines import from_matrices, run_clean
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.network.activation import Identity
from neuroperturb.network.lif import LIF
from neuroperturb.network.rnn import Matrices
from neuroperturb.results import nir_graph
from neuroperturb.spec import InputError
from neuroperturb.spiking import SpikingSimulation
from neuroperturb.tasks.contract import Sequence
from neuroperturb.training.trainer import Trainer

XOR = tasks.DelayedXOR(trials_per_epoch=8, validation_trials=8, test_trials=8)
TRAINING = Training(schedule="episode", batch_size=8, epochs=1, dtype="float64")
IDENTITY = {"kind": "identity"}
SPIKES = LIF(refractory="0 ms", v_input="60 mV", v_reset="-65 mV", dt="0.5 ms")
QUIET = rules.make("np", noise_std=0.1, learning_rate=1e-4)


def record(network, rule="np", **options):
    """A record with weights of every matrix."""
    run = Trainer(
        Experiment(network=network, task=XOR, rule=rules.make(rule, learning_rate=1e-3), training=TRAINING, **options)
    ).run()
    rng = np.random.default_rng(1)
    run.weights["D_rec"] = run.weights["D_rec"] + 0.05 * rng.normal(size=(network.size,) * 2) * bool(
        options.get("decorrelation")
    )
    return run


def inputs(steps=30):
    rng = np.random.default_rng(0)
    return Sequence(
        rng.normal(size=(steps, 1, 2)), np.zeros((steps, 1, 1)), np.ones((steps, 1), bool), np.arange(steps) == 0
    )


def euler(graph, u, dt):
    """Outputs of a graph of LI units by the standard's equation and steps of Euler's."""
    n, units = graph.nodes, graph.nodes["units"]
    v, found = np.zeros(len(units.tau)), []
    for now in u:
        current = n["w_in"].weight @ now + n["w_in"].bias + n["w_rec"].weight @ v
        v = v + dt / units.tau * (units.v_leak - v + units.r * current)
        found.append(n["w_out"].weight @ v)
    return np.array(found)


@pytest.mark.parametrize(
    "network",
    [
        RNN(size=6, activation=IDENTITY, gain=0.7),
        RNN(size=6, activation=IDENTITY, gain=0.7, leak=0.3, bias=True),
        RNN(size=6, activation=IDENTITY, gain=0.7, leak={"kind": "log-spaced", "slowest": 8}, bias=True),
    ],
)
@pytest.mark.parametrize("decorrelation", [None, Decorrelation()])
def test_leaky_units_there_and_back(tmp_path, network, decorrelation):
    nir = pytest.importorskip("nir")
    run, sequence = record(network, decorrelation=decorrelation), inputs()
    nir.write(str(tmp_path / "net.nir"), nir_graph.export(run, dt=2e-3))
    graph = nir.read(str(tmp_path / "net.nir"))
    weights = from_matrices(Matrices(**run.weights))
    wanted = run_clean(weights, sequence, leak=network.leaks, bias=network.bias, activation=Identity())[0][:, 0]
    assert np.abs(wanted).max() > 0.1
    assert np.abs(euler(graph, sequence.inputs[:, 0], 2e-3) - wanted).max() < 1e-12
    back = nir_graph.read(tmp_path / "net.nir")
    assert back.spiking is None and back.network.bias == network.bias
    assert np.abs(np.asarray(back.network.leaks) - network.leaks).max() < 1e-12
    matrices = from_matrices(Matrices(**back.weights, D_in=np.eye(2), D_rec=np.eye(6)))
    found = run_clean(
        matrices, sequence, leak=back.network.leaks, bias=back.network.bias, activation=back.network.activation
    )
    assert np.abs(found[0][:, 0] - wanted).max() < 1e-12


def exact(graph, u, dt, substeps):
    """Spikes' outputs of a graph of LIF units by the standard's equations, solved exactly within every dt."""
    n, cells, synapses, traces = graph.nodes, graph.nodes["neurons"], graph.nodes["synapses"], graph.nodes["traces"]
    E_m, E_s, E_r = (np.exp(-dt / part.tau) for part in (cells, synapses, traces))
    share = synapses.tau * (E_s - E_m) / (synapses.tau - cells.tau)
    v, g, r, found = cells.v_leak.copy(), np.zeros(len(E_m)), np.zeros(len(E_m)), []
    for now in u:
        rest = cells.v_leak + cells.r * (n["w_in"].weight @ now + n["w_in"].bias)
        for _ in range(substeps):
            v = (1 - E_m) * rest + E_m * v + share * cells.r * g
            g, r = E_s * g, E_r * r
            spiked = v > cells.v_threshold
            g = g + synapses.r / synapses.tau * (n["w_rec"].weight @ spiked)  # a δ of the current steps g by R/τ
            r, v = r + traces.r / traces.tau * spiked, np.where(spiked, cells.v_reset, v)
        found.append(n["w_out"].weight @ r)
    return np.array(found)


@pytest.mark.parametrize("bias", [False, True])
def test_spiking_neurons_there_and_back(tmp_path, bias):
    nir = pytest.importorskip("nir")
    run, sequence = record(RNN(size=8, bias=bias), spiking=SPIKES), inputs(20)
    nir.write(str(tmp_path / "net.nir"), nir_graph.export(run))
    graph, back = nir.read(str(tmp_path / "net.nir")), nir_graph.read(str(tmp_path / "net.nir"))
    outputs = lambda network, weights, lif: SpikingSimulation(  # noqa: E731
        network, QUIET, Matrices(**weights), lif=lif, dtype="float64"
    ).evaluate(sequence)[:, 0]
    wanted = outputs(RNN(size=8, bias=bias), run.weights, SPIKES)
    assert np.abs(wanted).max() > 0.05
    assert np.abs(exact(graph, sequence.inputs[:, 0], SPIKES.dt, SPIKES.substeps) - wanted).max() < 1e-12
    found = outputs(back.network, back.weights | {"D_in": np.eye(2), "D_rec": np.eye(8)}, back.spiking)
    assert np.abs(found - wanted).max() < 1e-12
    for name in ("tau_membrane", "tau_synapse", "tau_readout", "v_threshold", "rate", "refractory", "dt", "step"):
        assert math.isclose(getattr(back.spiking, name), getattr(SPIKES, name), rel_tol=1e-12)


def test_a_graph_of_another_tool(tmp_path):
    """No metadata: the step is asked for, R and v_leak enter the weights, and a network begins with what was read."""
    nir = pytest.importorskip("nir")
    rng = np.random.default_rng(0)
    W_in, W_rec, W_out, r, rest = (rng.normal(size=s) for s in ((3, 2), (3, 3), (1, 3), 3, 3))
    size = lambda n: {"input": np.array([n])}  # noqa: E731
    nodes = {
        "in": nir.Input(input_type=size(2)), "a": nir.Linear(weight=W_in), "b": nir.LI(tau=np.full(3, 0.02), r=r, v_leak=rest),
        "c": nir.Linear(weight=0.3 * W_rec), "d": nir.Linear(weight=W_out), "out": nir.Output(output_type={"output": np.array([1])}),
    }  # fmt: skip
    edges = [("in", "a"), ("a", "b"), ("b", "c"), ("c", "b"), ("b", "d"), ("d", "out")]
    graph = nir.NIRGraph(nodes, edges)
    with pytest.raises(InputError, match="'dt' parameter of read must be the step of the leaky units in seconds"):
        nir_graph.read(graph)
    with pytest.raises(InputError, match=r"'dt' parameter of read must be at most the shortest time constant, 0.02 s"):
        nir_graph.read(graph, dt=0.03)
    back, sequence = nir_graph.read(graph, dt=0.005), inputs()
    matrices = from_matrices(Matrices(**back.weights, D_in=np.eye(2), D_rec=np.eye(3)))
    found = run_clean(matrices, sequence, leak=back.network.leaks, bias=True, activation=Identity())[0][:, 0]
    v, wanted = np.zeros(3), []
    for now in sequence.inputs[:, 0]:
        v = v + 0.25 * (rest - v + r * (W_in @ now + 0.3 * W_rec @ v))
        wanted.append(W_out @ v)
    assert np.abs(found - wanted).max() < 1e-12
    path = back.save(tmp_path / "start.npz")
    network = back.network.replace(initial={"kind": "file", "path": str(path)})
    run = Trainer(Experiment(network=network, task=XOR, rule=QUIET, training=TRAINING)).run()
    assert np.abs(run.weights["W_rec"] - back.weights["W_rec"]).max() < 1e-12


def test_what_is_outside_the_standard():
    pytest.importorskip("nir")
    with pytest.raises(InputError, match="Units with the activation 'tanh' are outside the NIR standard"):
        nir_graph.export(record(RNN(size=3)))
    with pytest.raises(InputError, match="Inputs coded as 'poisson' spikes are outside the NIR standard"):
        nir_graph.export(record(RNN(size=3), spiking=LIF(encoding="poisson")))


def test_graphs_that_are_not_such_networks():
    nir = pytest.importorskip("nir")
    one, three = np.ones(1), np.eye(1)
    inn, out = nir.Input(input_type={"input": np.array([1])}), nir.Output(output_type={"output": np.array([1])})
    threshold = nir.NIRGraph({"i": inn, "t": nir.Threshold(threshold=one), "o": out}, [("i", "t"), ("t", "o")])
    with pytest.raises(InputError, match=r"only; .t. is Threshold"):
        nir_graph.read(threshold)
    bare = nir.NIRGraph({"i": inn, "w": nir.Linear(weight=three), "o": out}, [("i", "w"), ("w", "o")])
    with pytest.raises(InputError, match=r"one layer of LI units. Got 0 instead"):
        nir_graph.read(bare, dt=1.0)


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "nir", None)
    with pytest.raises(InputError, match=r"pip install 'neuroperturb\[nir\]'"):
        nir_graph.read("net.nir")
