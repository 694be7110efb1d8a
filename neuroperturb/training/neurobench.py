"""NeuroBench's metrics of a trained network, by the definitions of [1]_ and without its harness.

    Footprint            bytes of the parameters and of what a step has to keep: weights that exist, at the bits of their cells where these are
                         digital memory, else in the dtype of the run; decorrelation that is not the identity; the state of units
    ConnectionSparsity   weights that are zero / weights, of all layers; 0 is all to all
    ActivationSparsity   activations that are zero / activations, of all units, steps and trials; of spiking neurons, in every dt
    SynapticOperations   of one execution of the model, a step of the task, the mean over steps and trials:
        Effective_MACs   non-zero weight × non-zero activation, where activations are numbers
        Effective_ACs    the same where all activations of a layer are −1, 0 or 1: spikes, or coded inputs
        Dense            every weight × every activation, as without support for sparsity

Layers are W_in, W_rec and W_out, and D_in, D_rec where they are not the identity. Biases belong to the footprint and are no connections.
Spiking neurons read W_rec in every dt, W_in and W_out once a step. Weights are those of the record: what lies on an array is read without noise.

References
----------
.. [1] J. Yik et al., The neurobench framework for benchmarking neuromorphic computing algorithms and systems, Nature Communications
   16:1545 (2025). doi:10.1038/s41467-025-56739-4, "Algorithm track", complexity metrics
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from neuroperturb.baselines.forward import from_matrices, trajectory, zero_state
from neuroperturb.network.lif import Current
from neuroperturb.network.rnn import LEARNT, Matrices
from neuroperturb.results.nir_graph import folded
from neuroperturb.results.run import Run
from neuroperturb.rules import PerturbationRule
from neuroperturb.spec import InputError
from neuroperturb.spiking.simulation import SpikingSimulation
from neuroperturb.tasks.contract import Sequence

TERNARY = (-1.0, 0.0, 1.0)


class Layer(NamedTuple):
    """weight : (to, from);  activations : (executions, from), what it reads;  reads : of it in a step of the task"""

    weight: np.ndarray
    activations: np.ndarray
    reads: int = 1


def neurobench(run: Run, sequence: Sequence | None = None) -> dict[str, Any]:
    """Footprint, sparsity and synaptic operations of the trained network of a record, under NeuroBench's names.

    Parameters
    ----------
    run : a record with finite weights, of a task that is not a world
    sequence : to run; by default the test data of its task

    Returns
    -------
    dict
        ``Footprint`` [bytes], ``ConnectionSparsity``, ``ActivationSparsity`` and ``SynapticOperations`` [per step of the task], numbers and
        one dict of numbers, ready for JSON.
    """
    if run.status == "diverged":
        raise InputError("A run that diverged has no network to measure.")
    experiment = run.experiment
    if sequence is None:
        training = experiment.training
        dataset = experiment.task.data(training.seed, training.batch_size)
        if dataset.world is not None:
            raise InputError(
                "NeuroBench's metrics are of recorded inputs: a world has none, give a 'sequence' of your own."
            )
        sequence = dataset.test
    weights = {name: np.array(w, np.float64) for name, w in run.weights.items()}
    activations, layers = (
        _rates(run, weights, sequence) if experiment.spiking is None else _spikes(run, weights, sequence)
    )
    connections = sum(layer.weight.size for layer in layers)
    return {
        "Footprint": footprint(run, weights),
        "ConnectionSparsity": 1 - sum(np.count_nonzero(layer.weight) for layer in layers) / connections,
        "ActivationSparsity": 1 - np.count_nonzero(activations) / activations.size,
        "SynapticOperations": operations(layers),
    }


def operations(layers: list[Layer]) -> dict[str, float]:
    """Of one step of the task."""
    found = {"Effective_MACs": 0.0, "Effective_ACs": 0.0, "Dense": 0.0}
    for layer in layers:
        fanout, mean = np.count_nonzero(layer.weight, axis=0), np.mean(layer.activations != 0, axis=0)
        kind = "Effective_ACs" if np.isin(layer.activations, TERNARY).all() else "Effective_MACs"
        found[kind] += float(fanout @ mean) * layer.reads
        found["Dense"] += float(layer.weight.size) * layer.reads
    return found


def footprint(run: Run, weights: dict[str, np.ndarray]) -> float:
    """Bytes of parameters and of the state of units."""
    experiment = run.experiment
    network, chip, number = experiment.network, experiment.hardware, np.dtype(experiment.training.dtype).itemsize
    n_in, n_out = len(weights["D_in"]), len(weights["W_out"])
    present, total = network.present(n_in, n_out), 0.0
    for name in LEARNT:
        bits = None if chip is None else chip.of(name).cells.bits
        total += np.count_nonzero(present[name]) * (number if bits is None else bits / 8)
    total += sum(weights[name].size for name in ("D_in", "D_rec") if _is_used(weights[name])) * number
    states = 1 if experiment.spiking is None else 4  # x, or v, g, r and the refractory time
    return total + states * network.size * number


def _rates(run: Run, weights: dict[str, np.ndarray], sequence: Sequence) -> tuple[np.ndarray, list[Layer]]:
    network, D_in, D_rec = run.experiment.network, weights["D_in"], weights["D_rec"]
    n_in = len(D_in)
    none = {
        "D_in": np.eye(n_in),
        "D_rec": np.eye(len(D_rec)),
    }  # multiplied into the others, so that x is what is followed
    W = from_matrices(Matrices(**folded(weights), **none))
    start = zero_state(W, sequence.inputs.shape[1])
    _, _, x, _ = trajectory(W, sequence, network.leaks, network.bias, start, network.activation)
    rows = lambda values: values.reshape(-1, values.shape[2])  # noqa: E731
    u, xhat = sequence.inputs @ D_in.T, x @ D_rec.T
    before = np.concatenate([np.zeros_like(xhat[:1]), xhat[:-1]])
    before[sequence.reset] = 0
    read = {"W_in": u, "W_rec": before, "W_out": xhat, "D_in": sequence.inputs, "D_rec": x}
    layers = [
        Layer(weights[name][:, : values.shape[2]], rows(values))
        for name, values in read.items()
        if name in LEARNT or _is_used(weights[name])
    ]
    return x, layers


def _spikes(run: Run, weights: dict[str, np.ndarray], sequence: Sequence) -> tuple[np.ndarray, list[Layer]]:
    experiment = run.experiment
    lif, n_in = experiment.spiking, sequence.inputs.shape[2]
    assert lif is not None
    if not isinstance(lif.encoding, Current):
        raise InputError("NeuroBench's metrics of coded inputs are not counted here: the encoding must be 'current'.")
    simulation = SpikingSimulation(
        experiment.network,
        PerturbationRule(),
        Matrices(**weights),
        lif=lif,
        dtype="float64",
        seed=experiment.training.seed,
    )
    spikes = simulation.raster(sequence).reshape(-1, experiment.network.size)
    inputs = sequence.inputs.reshape(-1, n_in)
    traces = np.full(
        (1, experiment.network.size), 0.5
    )  # numbers: of every spike so far, they decay and are hardly ever 0
    return spikes, [
        Layer(weights["W_in"][:, :n_in], inputs), Layer(weights["W_rec"], spikes.astype(float), lif.substeps), Layer(weights["W_out"], traces),
    ]  # fmt: skip


def _is_used(D: np.ndarray) -> bool:
    return not np.array_equal(D, np.eye(len(D)))
