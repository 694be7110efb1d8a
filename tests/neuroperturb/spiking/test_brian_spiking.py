"""Spiking neurons: the compiled kernel against Brian2, same noise and input, float64."""

from __future__ import annotations

import numpy as np
import pytest
from spiking_cases import arrays_of, largest_difference, make_case, rows_of, session, smallest_change

import hardware_models as hw
from neuroperturb import rules
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.delays import UniformDelays
from neuroperturb.network.lif import LIF
from neuroperturb.rules import Momentum, RunningMean, Trace
from neuroperturb.spiking import SpikingSimulation

RULES = {
    "np": rules.make("np", noise_std=0.1, learning_rate=1e-4),
    "anp": rules.make("anp", noise_std=0.1, learning_rate=1e-4),
    "np trace, pair, rms": rules.make("np-trace", noise_std=0.1, learning_rate=1e-3),
    "np trace, one pass": rules.make(
        "np", noise_std=0.1, learning_rate=1e-5, baseline=RunningMean(), credit=Trace(decay=0.9)
    ),
}


def compare(rule, lif, *, steps, size, schedule="online", cell=None, target="numpy"):
    """Spike trains and weights of both, from one case."""
    case = make_case(steps, size=size)
    chip = None if cell is None else Chip(cells=cell)
    simulation = SpikingSimulation(
        case.network, rule, case.initial, lif=lif, recorded_steps=steps, steps=steps, total_steps=steps, dtype="float64", seed=5,
        schedule=schedule, recorded={"hidden": case.hidden, "output": case.output}, hardware=chip,
    )  # fmt: skip
    assert simulation.present_all(case.sequence)
    online = schedule == "online"
    brian = session(
        case, rule, lif=lif, arrays=arrays_of(case, cell, seed=5), online=online, target=target, seed=5, record=True
    )
    outcome, state = brian.present(rows_of(case, rule, lif=lif, seed=5, finish=not online), brian.initial())
    theirs = np.zeros_like(simulation.recorded()[0])
    theirs[tuple(outcome.spikes.T)] = True
    return case, simulation, theirs, simulation.weights(), brian.weights(state)


def test_identical_spike_trains_for_a_second_of_a_hundred_neurons():
    lif = LIF(dt="0.5 ms")
    case, simulation, theirs, ours, weights = compare(RULES["np"], lif, steps=100, size=100)
    trains = simulation.recorded()[0]
    assert trains.shape == (2000, 100) and trains.sum() > 1000
    assert np.array_equal(trains, theirs)
    assert smallest_change(ours, case.initial) > 1e-3
    assert largest_difference(ours, weights) < 1e-6


@pytest.mark.parametrize(
    ("name", "encoding"), [("anp", "poisson"), ("np trace, pair, rms", "current"), ("np trace, one pass", "latency")]
)
def test_rules_and_input_spikes(name, encoding):
    lif = LIF.parse({"encoding": encoding, "v_input": "60 mV"})
    case, simulation, theirs, ours, weights = compare(RULES[name], lif, steps=60, size=30)
    assert np.array_equal(simulation.recorded()[0], theirs) and theirs.any()
    assert smallest_change(ours, case.initial) > 1e-5
    assert largest_difference(ours, weights) < 1e-9


def test_adaptive_thresholds_and_momentum():
    lif = LIF(dt="0.5 ms", v_input="60 mV", adaptation="3 mV", tau_adaptation="60 ms")
    rule = rules.make("np", noise_std=0.1, learning_rate=1e-5, step=Momentum(decay=0.8))
    case, simulation, theirs, ours, weights = compare(rule, lif, steps=60, size=30)
    trains = simulation.recorded()[0]
    assert np.array_equal(trains, theirs) and trains.any()
    assert smallest_change(ours, case.initial) > 1e-5
    assert largest_difference(ours, weights) < 1e-9
    constant = compare(rule, lif.replace(adaptation="0 mV"), steps=60, size=30)[2]
    assert trains.sum() < 0.9 * constant.sum()


def test_an_episode_is_written_once():
    case, simulation, theirs, ours, weights = compare(
        RULES["np trace, pair, rms"], LIF(), steps=50, size=30, schedule="episode"
    )
    assert np.array_equal(simulation.recorded()[0], theirs) and theirs.any()
    assert largest_difference(ours, weights) < 1e-9 < smallest_change(ours, case.initial)


def test_four_bits_are_the_same_levels():
    """Stochastic rounding takes the array's own draws, so that both hold the same levels."""
    rule = rules.make("np", noise_std=0.1, learning_rate=2e-3)
    _case, simulation, theirs, ours, weights = compare(rule, LIF(), steps=50, size=30, cell=hw.Digital(bits=4))
    assert np.array_equal(simulation.recorded()[0], theirs) and theirs.any()
    assert largest_difference(ours, weights) < 1e-9


@pytest.mark.parametrize("delay", ["0.5 ms", ["0 ms", "3 ms", "12.5 ms"]])
def test_late_spikes_arrive_alike(delay):
    """The second trial starts without the spikes under way from the first."""
    lif = LIF(dt="0.5 ms", v_input="60 mV", delay=delay)
    case, simulation, theirs, ours, weights = compare(RULES["anp"], lif, steps=60, size=20)
    trains = simulation.recorded()[0]
    assert np.array_equal(trains, theirs) and trains.sum() > 100
    assert smallest_change(ours, case.initial) > 1e-5
    assert largest_difference(ours, weights) < 1e-9


@pytest.mark.parametrize("target", ["numpy", pytest.param("cpp_standalone", marks=pytest.mark.slow)])
def test_spikes_arrive_alike_where_every_synapse_has_its_delay(target):
    lif = LIF(dt="0.5 ms", v_input="60 mV", delay=UniformDelays(least="0 ms", most="12 ms", seed=3))
    case, simulation, theirs, ours, weights = compare(
        RULES["np trace, pair, rms"], lif, steps=60, size=20, schedule="episode", target=target
    )
    trains = simulation.recorded()[0]
    assert np.array_equal(trains, theirs) and trains.sum() > 100
    assert smallest_change(ours, case.initial) > 1e-6
    assert largest_difference(ours, weights) < 1e-9


def test_delays_of_synapses_need_episodes_in_brian2():
    case, lif = make_case(4, size=3), LIF(delay=UniformDelays())
    with pytest.raises(
        ValueError, match=r"'spiking\.delay' parameter must be one for each neuron in the online schedule of Brian2"
    ):
        session(case, RULES["anp"], lif=lif)


def test_spikes_under_way_last_from_one_presentation_to_the_next():
    """The same in pieces that are shorter than the longest delay, of which only the first starts a trial."""
    lif, steps, piece = LIF(v_input="60 mV", delay=["2 ms", "130 ms"]), 36, 12
    case, short = (make_case(length, size=20, trial=1000) for length in (steps, piece))
    rows, trains = rows_of(case, RULES["anp"], lif=lif), []
    whole, pieces = (
        session(case, RULES["anp"], lif=lif, record=True),
        session(short, RULES["anp"], lif=lif, record=True),
    )
    outcome, state = whole.present(rows, whole.initial())
    after = pieces.initial()
    for first in range(0, steps, piece):
        part = {name: values[first : first + piece] for name, values in rows._asdict().items() if name != "spikes"}
        done, after = pieces.present(rows._replace(**part), after)
        trains.append(done.spikes + [first * lif.substeps, 0])
    assert np.array_equal(np.concatenate(trains), outcome.spikes) and len(outcome.spikes) > 100
    assert largest_difference(pieces.weights(after), whole.weights(state)) < 1e-12
    assert np.array_equal(after["arrivals_0"], state["arrivals_0"]) and state["arrivals_0"].any()
