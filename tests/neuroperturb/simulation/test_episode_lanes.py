"""Episodes with their trials innermost: the same rule as row by row, chunks anywhere, and who takes this way."""

import numpy as np
import pytest
from slow_cases import slow

from hardware_models import Digital, Hardware, Ideal
from neuroperturb import rules
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.chip.reward_channel import RewardChannel
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.rules.axes.baseline import CleanTwin, RunningMean, SecondRun
from neuroperturb.rules.axes.credit import Trace
from neuroperturb.rules.noise.codes import Walsh
from neuroperturb.rules.noise.independent import Rademacher
from neuroperturb.simulation import layout
from neuroperturb.simulation.episode_lanes import TILED
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.tasks.contract import Sequence

T, B, N_IN, N_OUT = 6, 17, 3, 2
NETWORK = RNN(size=9, bias=True, leak=0.7)
WIDE = RNN(size=TILED + 6, bias=True, leak=0.7)


def trials(seed=0, scored=(2, 5), resets=(0,)):
    rng = np.random.default_rng(seed)
    mask = np.zeros((T, B), bool)
    mask[list(scored)] = True
    mask[2, :4] = False
    reset = np.zeros(T, bool)
    reset[list(resets)] = True
    return Sequence(rng.normal(size=(T, B, N_IN)), rng.normal(size=(T, B, N_OUT)), mask, reset)


def simulate(rule=None, dtype="float64", batch=B, network=NETWORK, **parts):
    rule = rules.make("np-trace", None, "episode", noise_std=0.1) if rule is None else rule
    options = {
        "schedule": "episode",
        "batch": batch,
        "steps": T,
        "total_steps": 100,
        "dtype": dtype,
        "seed": 3,
        **parts,
    }
    return Simulation(network, rule, initial_weights(network, N_IN, N_OUT, 0), **options)


def is_lanes(simulation):
    return layout.trials_innermost(simulation.setup, simulation.neurons)


RULES = {  # each is compiled in both ways, so that few say much
    "trace": rules.make("np-trace", None, "episode", noise_std=0.1),
    "discounted": rules.make("np-trace", None, "episode", noise_std=0.1, credit=Trace(decay=0.8), noise=Walsh()),
    "twin": rules.make("np", "published", "episode", noise_std=0.1, baseline=CleanTwin(), noise=Rademacher()),
    "one pass": rules.make("np", None, "episode", noise_std=0.1, baseline=RunningMean(rate=0.1)),
}


@pytest.mark.kernels
@pytest.mark.parametrize(
    ("rule", "network"),
    [("trace", NETWORK), *slow(*((name, NETWORK) for name in RULES if name != "trace"), ("discounted", WIDE))],
    ids=[*RULES, "wide"],
)
def test_as_row_by_row(rule, network, monkeypatch):
    """The same updates, to the rounding of a sum in another order, and the same counters."""
    found = []
    for most in (layout.MOST_UNITS, 0):
        monkeypatch.setattr(layout, "MOST_UNITS", most)
        simulation = simulate(RULES[rule], network=network)
        assert is_lanes(simulation) == (most > 0)
        for seed, resets in enumerate(((0,), (), (0, 3))):
            assert simulation.present_all(trials(seed, resets=resets))
        found.append(simulation)
    left, right = found
    for matrix, a, b in zip(left.weights()._fields, left.weights(), right.weights(), strict=True):
        assert np.allclose(a, b, rtol=1e-11, atol=1e-12), matrix
    assert not np.array_equal(left.weights().W_rec, initial_weights(network, N_IN, N_OUT, 0).W_rec)
    assert np.allclose(left.run.counters.loss, right.run.counters.loss, rtol=1e-12)
    n = network.size
    assert np.allclose(left.run.act.x[:, :n], right.run.act.x[:, :n], rtol=1e-11)
    for name in ("W_in", "W_rec", "W_out"):
        assert left.arrays[name].state.reads[0] == right.arrays[name].state.reads[0]
        assert left.arrays[name].state.columns[0] == right.arrays[name].state.columns[0]


@pytest.mark.kernels
def test_a_device_with_everything_off_is_walked_to_the_same_states():
    """Sums over units are in the order of a walk over rows, so that no bit of the activity differs."""

    class Walked(Ideal):
        is_pulsed = True

    found = []
    for hardware in (None, Chip(cells=Walked(), D_in=Hardware(cells=Ideal()), D_rec=Hardware(cells=Ideal()))):
        simulation = simulate(dtype="float32", hardware=hardware)
        assert is_lanes(simulation) == (hardware is None)
        data = simulation.prepare(trials())
        simulation.gather(data, 0, T)
        found.append(simulation.run.act.x[:, :9].copy())
    assert found[0].tobytes() == found[1].tobytes()


@pytest.mark.kernels
@pytest.mark.parametrize("cuts", [(1,), (2, 3), (1, 2, 3, 4, 5)])
def test_chunks_and_checkpoints(cuts, monkeypatch):
    """Cut anywhere, and gone on with by the other strategy: the state lies where both look for it."""
    whole = simulate()
    for seed in (0, 1):
        assert whole.present_all(trials(seed, resets=(0,) if seed == 0 else ()))
    pieces = simulate()
    for seed in (0, 1):
        data = pieces.prepare(trials(seed, resets=(0,) if seed == 0 else ()))
        for k, (first, last) in enumerate(zip((0, *cuts), (*cuts, T), strict=True)):
            if k % 2:
                state = pieces.checkpoint()
                monkeypatch.setattr(layout, "MOST_UNITS", 0 if k == 1 else 512)
                pieces = simulate()
                pieces.restore(state)
            assert pieces.present(data, "learn", first, last) == last
    for name, a, b in zip(whole.weights()._fields, whole.weights(), pieces.weights(), strict=True):
        assert np.allclose(a, b, rtol=1e-11, atol=1e-12), name


def test_divergence_is_where_it_was():
    simulation, sequence = simulate(), trials()
    sequence.targets[5] = np.nan
    assert not simulation.present_all(sequence)
    assert simulation.run.counters.diverged[0] == 5


@pytest.mark.parametrize(
    "parts",
    [
        {"batch": 15},
        {"schedule": "online"},
        {"resynchronise": 3},
        {"hardware": Chip(reward=RewardChannel(delay=1))},
        {"hardware": Chip(cells=Digital(bits=6))},
        {"decorrelation": Decorrelation(rate=0.01, state=True, input=False)},
        {"rule": rules.make("anp-trace", None, "episode")},
        {"rule": rules.make("wp-held", None, "episode")},
        {"rule": rules.make("np-p", None, "episode")},
    ],
    ids=str,
)
def test_who_goes_another_way(parts):
    assert not is_lanes(simulate(**parts))


@pytest.mark.parametrize("baseline", [CleanTwin(), SecondRun()], ids=str)
def test_draws_of_all_trials_at_once_are_those_of_the_rows(baseline, monkeypatch):
    """Other rules, too, draw for all trials in one loop if rows are short: the same numbers, bit for bit."""
    found = []
    for most in (layout.MOST_DRAWN, 0):
        monkeypatch.setattr(layout, "MOST_DRAWN", most)
        simulation = simulate(rules.make("anp", None, "episode", noise_std=0.1, baseline=baseline), dtype="float32")
        assert simulation.run.scratch.xi.shape[0] == (9 if most else 1)
        assert simulation.present_all(trials())
        found.append((simulation.run.act.xi.tobytes(), *(w.tobytes() for w in simulation.weights())))
    assert found[0] == found[1]
