"""Rate units in Brian2: a second implementation of the built-in rules, which the compiled kernels are compared with."""

from __future__ import annotations

import pytest
from spiking_cases import largest_difference, make_case, rows_of, session, smallest_change

from neuroperturb import rules
from neuroperturb.rules import Antithetic, BoundedRMS, RunningMean, RunningVariance, Trace
from neuroperturb.simulation.simulation import Simulation

STEPS = 200
RULES = {
    "anp": rules.make("anp", noise_std=1e-2, learning_rate=1e-2),
    "anp published": rules.make("anp", "published", noise_std=1e-2, learning_rate=1e-3),
    "np trace": rules.make("np", noise_std=1e-2, learning_rate=1e-3, credit=Trace(decay=0.9)),
    "np trace, pair, rms": rules.make("np-trace", noise_std=1e-2, learning_rate=1e-3),
    "np trace, pair, bounded rms": rules.make(
        "np-trace", noise_std=1e-2, learning_rate=1e-3, step=BoundedRMS(decay=0.9, bound=0.8)
    ),
    "np, one pass, running variance": rules.make(
        "np", noise_std=0.1, learning_rate=1e-3, baseline=RunningMean(rate=0.05), normaliser=RunningVariance()
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_same_weights_as_the_kernels(name):
    rule = RULES[name]
    pair = isinstance(rule.baseline, Antithetic)
    case = make_case(STEPS, n_out=2, leak=0.5 if pair else 1.0)
    recorded = {"hidden": case.hidden, "output": case.output}
    simulation = Simulation(
        case.network, rule, case.initial, steps=STEPS, total_steps=STEPS, dtype="float64", recorded=recorded
    )
    assert simulation.present_all(case.sequence)
    ours = simulation.weights()
    brian = session(case, rule)
    _, state = brian.present(rows_of(case, rule), brian.initial())
    theirs = brian.weights(state)
    assert smallest_change(ours, case.initial) > 1e-3
    assert largest_difference(ours, theirs) < 1e-9
