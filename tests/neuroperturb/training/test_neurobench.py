"""NeuroBench's metrics: counted by hand on tiny networks, and by loops on trained ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from neuroperturb import RNN, Decorrelation, Training, neurobench, rules, tasks
from neuroperturb.cli.app import app
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.network.lif import LIF
from neuroperturb.network.rnn import Matrices
from neuroperturb.results import nir_graph
from neuroperturb.spec import InputError
from neuroperturb.spiking import SpikingSimulation
from neuroperturb.training.neurobench import Layer, operations
from neuroperturb.training.trainer import Trainer

XOR = tasks.DelayedXOR(steps=8, cues=(0, 3), trials_per_epoch=8, validation_trials=4, test_trials=5)


def record(network=RNN(size=4, bias=True), **options):  # noqa: B008
    training = Training(schedule="episode", batch_size=8, epochs=1, dtype="float64")
    rule = rules.make("np", learning_rate=1e-3, noise_std=0.1)
    return Trainer(Experiment(network=network, task=XOR, rule=rule, training=training, **options)).run()


def test_operations_of_a_layer_counted_by_hand():
    """Fan-outs 2, 1 and 0; the first source is active in one of two executions, the second in both, the third in both."""
    weight = np.array([[1.0, 0.0, 0.0], [2.0, 3.0, 0.0]])
    numbers, spikes = np.array([[0.5, 1.0, 1.0], [0.0, 2.0, 1.0]]), np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
    assert operations([Layer(weight, numbers)]) == {"Effective_MACs": 2.0, "Effective_ACs": 0.0, "Dense": 6.0}
    assert operations([Layer(weight, spikes, 10)]) == {"Effective_MACs": 0.0, "Effective_ACs": 20.0, "Dense": 60.0}


@pytest.mark.parametrize("decorrelation", [None, Decorrelation()])
def test_rate_units_against_loops(decorrelation):
    run = record(RNN(size=4, bias=True, density=0.5, activation="relu"), decorrelation=decorrelation)
    if decorrelation:
        run.weights["D_rec"] = run.weights["D_rec"] + 0.1
    W = {name: np.asarray(w, float) for name, w in run.weights.items()}
    data = XOR.data(run.experiment.training.seed, 8).test
    active, units, macs, acs, dense = 0, 0, 0, 0, 0
    for b in range(data.inputs.shape[1]):
        x = np.zeros(4)
        for u in data.inputs[:, b]:
            before = W["D_rec"] @ x
            x = np.maximum(W["W_in"] @ [*u, 1.0] + W["W_rec"] @ before, 0)
            active, units = active + (x != 0).sum(), units + 4
            read = [("W_in", u), ("W_rec", before), ("W_out", W["D_rec"] @ x)] + (
                [("D_rec", x)] if decorrelation else []
            )
            for name, source in read:
                w = W[name][:, : len(source)]
                macs, dense = macs + (w[:, source != 0] != 0).sum(), dense + w.size
    executions = data.mask.size
    found = neurobench(run)
    connections = [W["W_in"][:, :2], W["W_rec"], W["W_out"]] + ([W["D_rec"]] if decorrelation else [])
    assert found["ActivationSparsity"] == pytest.approx(1 - active / units) and found["ActivationSparsity"] > 0.05
    assert found["ConnectionSparsity"] == pytest.approx(np.mean(np.concatenate([w.ravel() for w in connections]) == 0))
    ops = found["SynapticOperations"]
    assert (ops["Effective_MACs"], ops["Effective_ACs"], ops["Dense"]) == pytest.approx(
        (macs / executions, acs, dense / executions)
    )
    weights = 4 * 3 + np.count_nonzero(W["W_rec"]) + 4 + (16 if decorrelation else 0)
    assert found["Footprint"] == 8 * (weights + 4)


def test_digital_cells_have_their_bits():
    plain, six = neurobench(record()), neurobench(record(hardware="digital-6"))
    assert plain["Footprint"] - six["Footprint"] == pytest.approx((4 * 3 + 16 + 4) * (8 - 6 / 8))


def test_spikes_are_accumulations():
    lif = LIF(v_input="60 mV")
    run = record(RNN(size=6), spiking=lif)
    found, data = neurobench(run), XOR.data(run.experiment.training.seed, 8).test
    simulation = SpikingSimulation(RNN(size=6), rules.make("np"), Matrices(**run.weights), lif=lif, dtype="float64")
    spikes = simulation.raster(data)
    rate = spikes.mean(axis=(0, 1))
    assert rate.sum() > 0
    assert found["ActivationSparsity"] == pytest.approx(1 - spikes.mean())
    ops = found["SynapticOperations"]
    assert ops["Effective_ACs"] == pytest.approx(rate.sum() * 6 * lif.substeps)
    assert ops["Effective_MACs"] == pytest.approx((data.inputs != 0).mean(axis=(0, 1)).sum() * 6 + 6)
    assert ops["Dense"] == 2 * 6 + 6 * 6 * lif.substeps + 6
    assert found["Footprint"] == 8 * (2 * 6 + 36 + 6 + 4 * 6)


def test_what_cannot_be_measured():
    with pytest.raises(InputError, match="the encoding must be 'current'"):
        neurobench(record(RNN(size=3), spiking=LIF(encoding="poisson")))
    run = record()
    run.status = "diverged"
    with pytest.raises(InputError, match="A run that diverged has no network"):
        neurobench(run)


def test_commands(tmp_path, monkeypatch):
    nir = pytest.importorskip("nir")
    monkeypatch.chdir(tmp_path)
    record(RNN(size=3), spiking=LIF(v_input="60 mV")).save("spiking.nc")
    record().save("tanh.nc")
    invoke = lambda *words: CliRunner().invoke(app, words)  # noqa: E731
    assert json.loads(invoke("neurobench", "tanh.nc", "--json").output) == neurobench(record())
    assert "SynapticOperations  Dense" in invoke("neurobench", "tanh.nc").output
    done = invoke("export", "spiking.nc")
    assert done.exit_code == 0 and "refractory" in done.output
    assert nir_graph.read(nir.read("spiking.nir")).network.size == 3
    refused = invoke("export", "tanh.nc")
    assert refused.exit_code == 2 and "outside the NIR standard" in refused.output
