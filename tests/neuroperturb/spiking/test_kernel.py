"""The compiled spiking step against a plain transcription of its equations, closed forms, and limits. Needs no Brian2."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import hardware_models as hw
from hardware_models.neurons import Neurons
from neuroperturb import RNN, rules
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.lif import LIF
from neuroperturb.network.rnn import Matrices, initial_weights
from neuroperturb.rules import SecondRun, Trace
from neuroperturb.spiking import SpikingSimulation
from neuroperturb.spiking.encoding import input_spikes
from neuroperturb.spiking.model import decays
from neuroperturb.tasks.contract import Sequence

NP = rules.make("np", noise_std=0.1, learning_rate=1e-4)


def make(network, initial, lif, rule=NP, **options):
    return SpikingSimulation(network, rule, initial, lif=lif, dtype="float64", **options)


def constant(value, steps, n_in=1):
    return Sequence(
        np.full((steps, 1, n_in), value), np.zeros((steps, 1, 1)), np.ones((steps, 1), bool), np.arange(steps) == 0
    )


def naive(initial: Matrices, lif: LIF, sequence: Sequence, bias: bool):
    """One network as the equations read, neuron by neuron: spikes (substeps, n) and outputs (T, n_out)."""
    d, n, theta = decays(lif), len(initial.W_rec), lif.v_threshold - lif.v_rest
    v, g, s, r, wait, b = (np.zeros(n) for _ in range(6))  # volts above rest, volts, 1, 1, steps, volts
    lags, wires, began = lif.lags(n), lif.wires(n), 0
    E = {name: math.exp(-lif.dt / getattr(lif, f"tau_{name}")) for name in ("membrane", "synapse", "readout")}
    share = lif.tau_synapse * (E["synapse"] - E["membrane"]) / (lif.tau_synapse - lif.tau_membrane)
    trains, outputs = [], []
    for t in range(len(sequence.inputs)):
        if sequence.reset[t]:
            v[:], g[:], s[:], r[:], wait[:], b[:] = 0, 0, 0, 0, 0, 0
            began = len(trains)
        u = sequence.inputs[t, 0] * lif.v_input
        drive = initial.W_in[:, : len(u)] @ u + lif.background + (theta * initial.W_in[:, -1] if bias else 0)
        for _ in range(d.substeps):
            wait = np.maximum(wait - 1, 0)
            moved = (1 - E["membrane"]) * drive + E["membrane"] * v + share * g
            v = np.where(wait == 0, moved, lif.v_reset - lif.v_rest)
            g, s, r = E["synapse"] * g, E["synapse"] * s, E["readout"] * r
            b = b * math.exp(-lif.dt / lif.tau_adaptation)
            spiked = v > theta + b
            b = b + lif.adaptation * spiked
            trains.append(spiked)
            sent = [len(trains) - 1 - lag for lag in lags]
            arrived = np.array([m >= began and trains[m][j] for j, m in enumerate(sent)])
            for i, j in np.ndindex(n, n):  # each synapse with its own delay
                m = len(trains) - 1 - wires[i, j]
                if m >= began and trains[m][j]:
                    g[i] += theta * initial.W_rec[i, j] / (lif.rate * lif.tau_synapse)
            s, r = s + arrived / (lif.rate * lif.tau_synapse), r + spiked / (lif.rate * lif.tau_readout)
            v, wait = np.where(spiked, lif.v_reset - lif.v_rest, v), np.where(spiked, d.wait, wait)
        outputs.append(initial.W_out @ r)
    return np.array(trains), np.array(outputs)


@pytest.mark.parametrize(
    ("adaptation", "delay"),
    [
        ("0 mV", "0 ms"),
        ("3 mV", "0 ms"),
        ("0 mV", "2 ms"),
        ("3 mV", ["0 ms", "1.5 ms", "40 ms"]),
        ("0 mV", {"kind": "uniform", "least": "0 ms", "most": "12 ms"}),
        ("3 mV", {"kind": "uniform", "most": "5 ms", "per": "neuron"}),
    ],
)
def test_a_network_is_what_its_equations_say(adaptation, delay):
    lif = LIF(dt="0.5 ms", v_input="30 mV", adaptation=adaptation, tau_adaptation="50 ms", delay=delay)
    network, rng = RNN(size=25, bias=True), np.random.default_rng(0)
    initial = initial_weights(network, 2, 2, 1)
    sequence = Sequence(
        rng.normal(size=(40, 1, 2)), np.zeros((40, 1, 2)), np.ones((40, 1), bool), np.arange(40) % 15 == 0
    )
    simulation = make(network, initial, lif)
    trains, outputs = naive(initial, lif, sequence, True)
    assert trains.sum() > (150 if not lif.adapts else 50)
    assert np.array_equal(simulation.raster(sequence)[0], trains)
    assert np.abs(simulation.evaluate(sequence)[:, 0] - outputs).max() < 1e-12


def test_an_adaptive_threshold_slows_a_neuron_down():
    """A constant drive: every interval is longer than the one before, until the threshold has found its level."""
    lif = LIF(dt="0.1 ms", background="40 mV", adaptation="4 mV", tau_adaptation="100 ms")
    zero = np.zeros((1, 1))
    simulation = make(RNN(size=1), Matrices(zero, zero, zero, np.eye(1), np.eye(1)), lif)
    intervals = np.diff(np.flatnonzero(simulation.raster(constant(0.0, 60))[0, :, 0]))
    assert len(intervals) > 8 and np.all(np.diff(intervals[:5]) > 0)
    assert np.ptp(intervals[-3:]) <= 3 < intervals[-1] - intervals[0]


def test_a_spike_arrives_after_its_delay():
    """Neuron 0 drives neuron 1 over its threshold with every spike: the trains are one, shifted by the delay and the dt of the membrane."""
    W, W_in = np.array([[0.0, 0.0], [90.0, 0.0]]), np.array([[1.0], [0.0]])
    for delay in (0, 4, 33):
        lif = LIF(background="0 mV", v_input="30 mV", delay=f"{delay} ms")
        simulation = make(RNN(size=2), Matrices(W_in, W, np.zeros((1, 2)), np.eye(1), np.eye(2)), lif)
        trains = simulation.raster(constant(1.0, 12))[0]
        first, second = (int(np.flatnonzero(trains[:, j])[0]) for j in (0, 1))
        assert second - first == delay + 1


def test_a_spike_reaches_each_neuron_in_its_own_time():
    """Neuron 0 drives two others over their thresholds, each after the delay of its synapse; its trace is raised after their mean."""
    W, W_in = np.zeros((3, 3)), np.array([[1.0], [0.0], [0.0]])
    W[1:, 0] = 90.0
    none = ["0 ms"] * 3
    lif = LIF(background="0 mV", v_input="30 mV", delay=[none, ["3 ms", "0 ms", "0 ms"], ["15 ms", "0 ms", "0 ms"]])
    simulation = make(RNN(size=3), Matrices(W_in, W, np.zeros((1, 3)), np.eye(1), np.eye(3)), lif)
    trains = simulation.raster(constant(1.0, 12))[0]
    first = [int(np.flatnonzero(trains[:, j])[0]) for j in range(3)]
    assert (first[1] - first[0], first[2] - first[0]) == (4, 16) and lif.lags(3).tolist() == [6, 0, 0]


def test_delays_that_are_all_alike_are_those_of_axons():
    network, rng = RNN(size=12), np.random.default_rng(2)
    initial, rule = initial_weights(network, 1, 1, 0), NP.replace(credit=Trace(decay=0.9))
    sequence = constant(0.4, 40)._replace(inputs=rng.normal(size=(40, 1, 1)))
    weights = []
    for delay in ("3 ms", [["3 ms"] * 12] * 12, {"kind": "uniform", "least": "3 ms", "most": "3 ms"}):
        one = make(network, initial, LIF(v_input="60 mV", delay=delay), rule, steps=40)
        assert one.present_all(sequence)
        weights.append(one.weights())
    for other in weights[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(weights[0], other, strict=True))
    assert not np.array_equal(weights[0].W_rec, initial.W_rec)


def test_the_firing_rate_is_the_closed_form():
    """A constant drive I > θ fires every t_ref + τ_m ln(I/(I − θ)), up to one dt."""
    lif = LIF(dt="0.01 ms", refractory="2 ms", background="30 mV")
    network, zero = RNN(size=1), np.zeros((1, 1))
    simulation = make(network, Matrices(zero, zero, zero, np.eye(1), np.eye(1)), lif)
    spikes = np.flatnonzero(simulation.raster(constant(0.0, 50))[0, :, 0]) * lif.dt
    interval = lif.refractory + lif.tau_membrane * math.log(0.03 / (0.03 - 0.02))
    assert np.abs(np.diff(spikes) - interval).max() < 1.01 * lif.dt + 1e-12


def test_the_membrane_is_the_exact_solution():
    """One spike of neuron 0 and its effect on neuron 1, against SciPy's integration of the equations."""
    lif = LIF(dt="0.1 ms", step="0.1 ms", background="0 mV", v_input="20 mV")
    W = np.array([[0.0, 0.0], [0.7, 0.0]])
    W_in = np.array([[1.0], [0.0]])
    network = RNN(size=2)
    simulation = make(network, Matrices(W_in, W, np.zeros((1, 2)), np.eye(1), np.eye(2)), lif)
    values = np.zeros((400, 1, 1))
    values[0] = 300.0  # charges neuron 0 over its threshold within one dt
    sequence = Sequence(values, np.zeros((400, 1, 1)), np.ones((400, 1), bool), np.arange(400) == 0)
    membranes = []
    for steps in (1, 2, 100, 400):
        part = Sequence(values[:steps], sequence.targets[:steps], sequence.mask[:steps], sequence.reset[:steps])
        act = simulation.activity(1, 1)
        simulation.clean_outputs(simulation.prepare(part), act)
        membranes.append(act.x[0, 1])  # v of neuron 1, in units of θ
    kick = 0.7 / (lif.rate * lif.tau_synapse)
    times = (np.array([1, 2, 100, 400]) - 1) * lif.dt  # since the spike
    slope = lambda t, v: (-v + kick * math.exp(-t / lif.tau_synapse)) / lif.tau_membrane  # noqa: E731
    exact = solve_ivp(slope, (0, times[-1]), [0.0], t_eval=times, rtol=1e-10, atol=1e-13).y[0]
    assert exact.max() > 0.1
    assert np.abs(np.array(membranes) - exact).max() < 1e-9


def test_no_noise_told_is_no_change():
    """Where every step is masked nothing changes, and the clean twin does not see the noise."""
    network, lif = RNN(size=10), LIF()
    initial = initial_weights(network, 1, 1, 0)
    simulation = make(network, initial, lif, steps=20)
    masked = constant(0.5, 20)._replace(mask=np.zeros((20, 1), bool))
    assert simulation.present_all(masked)
    assert all(np.array_equal(a, b) for a, b in zip(simulation.weights(), initial, strict=True))
    clean = make(network, initial, lif, recorded_steps=20, steps=20)
    clean.present_all(masked)
    assert np.array_equal(clean.recorded()[0], simulation.raster(masked)[0])
    assert not np.array_equal(clean.recorded()[0], clean.recorded()[1])


def test_recording_and_watching_change_nothing():
    network, lif, sequence = RNN(size=20), LIF(), constant(0.4, 60)
    initial = initial_weights(network, 1, 1, 0)
    plain, watched = (make(network, initial, lif, recorded_steps=k, steps=60) for k in (0, 60))
    data = plain.prepare(sequence)
    for first in range(0, 60, 20):
        plain.present(data, "learn", first, first + 20)
        watched.present(data, "learn", first, first + 20)
        watched.evaluate(sequence), watched.raster(sequence)
    assert all(np.array_equal(a, b) for a, b in zip(plain.weights(), watched.weights(), strict=True))


def test_a_checkpoint_continues_to_the_bit():
    network, lif, sequence = RNN(size=20), LIF.parse({"encoding": "poisson", "delay": "25 ms"}), constant(0.4, 60)
    initial, rule = initial_weights(network, 1, 1, 0), NP.replace(credit=Trace(decay=0.9))
    whole, first, second = (make(network, initial, lif, rule, steps=60) for _ in range(3))
    data = whole.prepare(sequence)
    whole.present(data, "learn", 0, 60)
    first.present(data, "learn", 0, 25)
    second.restore(first.checkpoint())
    second.present(data, "learn", 25, 60)
    assert all(np.array_equal(a, b) for a, b in zip(whole.weights(), second.weights(), strict=True))


def test_poisson_inputs_have_their_rate():
    """Counts within 4 standard errors of |u| · rate · time; the sign is the line's; 0 never spikes."""
    lif = LIF.parse({"encoding": {"kind": "poisson", "rate": "100 Hz"}})
    inputs = np.tile(np.array([0.5, -1.0, 0.0]), (2000, 1, 1))
    spikes = input_spikes(lif, inputs, 1, 0).sum((0, 1, 2))
    seconds = 2000 * lif.step
    for k, (u, chance) in enumerate([(0.5, 0.05), (-1.0, 0.1)]):
        error = math.sqrt(seconds / lif.dt * chance * (1 - chance))
        assert abs(spikes[k] - u * 100 * seconds) < 4 * error
    assert spikes[2] == 0
    assert np.array_equal(input_spikes(lif, inputs[:5], 1, 0), input_spikes(lif, inputs, 1, 0)[:5])
    assert not np.array_equal(input_spikes(lif, inputs, 2, 0), input_spikes(lif, inputs, 1, 0))


def test_latency_inputs_come_the_earlier_the_larger():
    lif = LIF.parse({"encoding": "latency"})
    spikes = input_spikes(lif, np.array([[[1.0, -0.5, 0.0, 2.0, 0.01]]]), 0, 0)[0, :, 0]
    assert [np.flatnonzero(line).tolist() for line in spikes.T] == [[0], [5], [], [0], [9]]
    assert spikes.sum(0).tolist() == [1, -1, 0, 1, 1]


@pytest.mark.parametrize("encoding", ["poisson", "latency"])
def test_spikes_carry_the_charge_of_a_current(encoding):
    """The mean of the input's trace over many steps is u v_input/θ."""
    lif = LIF.parse({"encoding": encoding, "v_input": "40 mV"})
    u, steps, d = (1.0 if encoding == "latency" else 0.6), 3000, decays(lif)
    trace, total = 0.0, 0.0
    for kicks in input_spikes(lif, np.full((steps, 1, 1), u), 3, 0)[:, :, 0, 0].ravel():
        total += trace * d.mean / d.substeps
        trace = trace * d.synapse + kicks * d.kick
    mean = total * d.substeps / steps
    spread = d.kick * lif.tau_synapse * math.sqrt(u * 200 / (steps * lif.step)) if encoding == "poisson" else 0.01
    assert abs(mean - 2 * u) < 4 * spread


def test_four_bit_weights_stay_on_their_levels():
    network, lif = RNN(size=20), LIF()
    simulation = make(
        network,
        initial_weights(network, 1, 1, 0),
        lif,
        NP.replace(learning_rate=1e-2),
        steps=60,
        hardware=Chip(cells=hw.Digital(bits=4)),
    )
    assert simulation.present_all(constant(0.4, 60))
    array = simulation.arrays["W_rec"]
    levels = simulation.weights().W_rec / (float(array.state.scale[0]) / 7)
    assert np.abs(levels - np.round(levels)).max() < 1e-9 and np.abs(levels).max() <= 7 + 1e-9
    assert len(np.unique(np.round(levels))) > 5 and array.state.writes[0] > 0


def test_a_differential_pair_reads_as_its_weights():
    """Two devices a weight: a spike's row is what the array says its weights are."""
    network, lif, sequence = RNN(size=15), LIF(), constant(0.4, 40)
    initial = initial_weights(network, 1, 1, 0)
    chip = Chip(cells=hw.Digital(bits=8, w_max=2.0), weight=hw.DifferentialPair())
    simulation = make(network, initial, lif, hardware=chip, steps=40)
    stored = Matrices(*simulation.weights())
    trains, outputs = naive(stored, lif, sequence, False)
    assert np.array_equal(simulation.raster(sequence)[0], trains)
    assert np.abs(simulation.evaluate(sequence)[:, 0] - outputs).max() < 1e-10


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rule": rules.make("wp")}, "The 'rule.probe' parameter must be 'injected' or 'activity' for spiking neurons"),
        (
            {"rule": NP.replace(baseline=SecondRun())},
            "The 'rule.baseline' parameter must be 'clean_twin', 'antithetic'",
        ),
        ({"decorrelation": Decorrelation()}, "The 'decorrelation' parameter must be left out for spiking neurons"),
        ({"network": RNN(size=4, leak=0.5)}, "The 'network.leak' parameter must be 1 for spiking neurons"),
        (
            {"rule": rules.make("np-trace"), "resynchronise": 5},
            "The 'training.resynchronise' parameter must be 0 for an antithetic pair",
        ),
        (
            {"hardware": Chip(neurons=Neurons(slope_std=0.1))},
            "The 'hardware.neurons' parameter must be left out for spiking neurons",
        ),
    ],
)
def test_what_spikes_cannot_do_is_one_sentence(changes, sentence):
    options = {"network": RNN(size=4), "rule": NP} | changes
    network, rule = options.pop("network"), options.pop("rule")
    with pytest.raises(ValueError) as error:
        SpikingSimulation(network, rule, initial_weights(network, 1, 1, 0), lif=LIF(), **options)
    assert str(error.value).startswith(sentence) and "\n" not in str(error.value)
