"""Rules against their naive transcription: random trials, draws and weights."""

from __future__ import annotations

import naive
import numpy as np
import pytest

from hardware_models.numerics.compiled import COMPILED
from neuroperturb import rules
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.tasks.contract import Sequence

SIZE, N_IN, N_OUT = 6, 2, 3


LEARNT = ("W_in", "W_rec", "W_out")


PLAIN = RNN(size=SIZE)


RICH = RNN(size=SIZE, leak=0.6, bias=True, gain=1.3)


BOTH_D = Decorrelation(rate=0.02, state=True, input=True)


def trials(steps=20, batch=3, *, loss="mse", gaps=True, seed=0):
    """Random trials; with `gaps`, masked steps whose targets are nan, one step masked for all, and a reset inside."""
    rng = np.random.default_rng(seed)
    targets = rng.normal(size=(steps, batch, N_OUT))
    if loss == "cross_entropy":
        targets = np.eye(N_OUT)[rng.integers(N_OUT, size=(steps, batch))]
    mask, reset = np.ones((steps, batch), bool), np.arange(steps) == 0
    if gaps:
        mask = rng.random((steps, batch)) < 0.7
        mask[3], mask[-1] = False, True
        targets[~mask] = np.nan
        reset[steps // 3] = True
    return Sequence(
        rng.normal(size=(steps, batch, N_IN)), targets, mask, reset, np.tile(np.arange(batch) % 2, (steps, 1))
    )


def weights(network, seed=1):
    """Initial weights, the D's a little off the identity."""
    rng = np.random.default_rng(seed)
    initial = initial_weights(network, N_IN, N_OUT, seed)
    off = {
        name: getattr(initial, name) + 0.1 * rng.normal(size=getattr(initial, name).shape) for name in ("D_in", "D_rec")
    }
    return initial._replace(**off)


def draw(rule, network, sequence, seed=2):
    """Standard draws for `naive.learn`, and the same in the layout of a recording."""
    rng = np.random.default_rng(seed)
    T, B = sequence.mask.shape
    if rule.probe.kind != "weights":
        draws = {"hidden": rng.normal(size=(T, B, SIZE)), "output": rng.normal(size=(T, B, N_OUT))}
        return draws, draws
    steps, each = {"step": (T, 1), "episode": (1, 1), "trial": (1, B)}[rule.probe.hold]
    shapes = {"W_in": (SIZE, N_IN + network.bias), "W_rec": (SIZE, SIZE), "W_out": (N_OUT, SIZE)}
    draws = {name: rng.normal(size=(steps, each, *shape)) for name, shape in shapes.items()}
    # rows of a recording are presynaptic units, trial after trial
    rows = {k: np.swapaxes(d, 2, 3).reshape(steps, -1, d.shape[2]) for k, d in draws.items()}
    return draws, rows


def simulate(network, rule, initial, sequence, **options):
    T, B = sequence.mask.shape
    options = {"steps": T, "total_steps": T, "batch": B, "dtype": "float64", **options}
    return Simulation(network, rule, initial, **options)


def off_by(W, reference, initial):
    """Largest error of every matrix, against the largest change it went through."""
    worst = {}
    for name, after in W._asdict().items():
        size = np.abs(reference[name] - getattr(initial, name)).max() or np.abs(after).max()
        worst[name] = np.abs(after - reference[name]).max() / size
    return worst


def compare(name, form=None, *, network=PLAIN, steps=20, batch=3, loss="mse", gaps=True, schedule="online", decorrelation=None,
            resynchronise=0, frozen=(), **parts):  # fmt: skip
    """Kernel and transcription, same draws: weights to 1e-10 of their own change, twin distance too."""
    rule = rules.make(name, form, schedule, **{"noise_std": 0.01, "learning_rate": 0.01, **parts})
    sequence, initial = trials(steps, batch, loss=loss, gaps=gaps), weights(network)
    draws, recorded = draw(rule, network, sequence)
    common = {
        "schedule": schedule,
        "decorrelation": decorrelation,
        "loss": loss,
        "resynchronise": resynchronise,
        "frozen": frozen,
    }
    sim = simulate(network, rule, initial, sequence, recorded=recorded, **common)
    assert sim.present_all(sequence)
    distance = sim.twin_distance()
    reference, distances = naive.learn(network, rule, initial, sequence, draws, **common)
    found = off_by(sim.weights(), reference, initial)
    assert np.max(list(found.values())) <= 1e-10, found
    for name in frozen:
        assert np.array_equal(getattr(sim.weights(), name), getattr(initial, name))
    assert distance == pytest.approx(np.sqrt(np.mean(distances**2)), rel=1e-9)


every = pytest.mark.skipif(COMPILED, reason="compiling each takes seconds; .ci/run does these with the JIT off")


def slow_but(quick, cases):
    """Cases of which each compiles an engine of its own: where anything is compiled, all but the quick ones are `slow`."""
    marks = pytest.mark.slow if COMPILED else ()
    assert set(quick) <= set(cases)
    return [case if case in quick else pytest.param(case, marks=marks) for case in cases]
