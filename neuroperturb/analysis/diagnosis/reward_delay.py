"""The share of a perturbation's credit that is left when its reward arrives k steps late.

    c_k = g(k; p x̂ at step 0) − g(k; nothing at step 0)            left = |c_k| / max(|c_0| … |c_k|)

g is the credit of the synapse's own function for a reward of 1 at step k, with silent steps in between: λᵏ with the trace λ, 0 without
a trace, and for a custom rule whatever its state yields. Held weight noise is still present when the reward arrives: 1.
"""

from __future__ import annotations

import numpy as np

from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.formula.signatures import numbers, plain
from neuroperturb.rules.plan import facts_of, formulas_of

WEIGHT = 0.5  # of the probed synapse


def left_after(rule: PerturbationRule, delay: int) -> float:
    """Share of the credit, in [0, 1], left for a reward `delay` steps late; for a nonlinear formula, at factors of 1."""
    if delay == 0 or facts_of(rule).draw_held:
        return 1.0
    found = [abs(_credit(rule, k, 1.0) - _credit(rule, k, 0.0)) for k in range(delay + 1)]
    largest = max(found)
    return float(found[-1] / largest) if largest > 0 and np.isfinite(largest) else 0.0


def _credit(rule: PerturbationRule, delay: int, happens: float) -> float:
    """A synapse's credit for a reward of 1 after a number of silent steps."""
    record = formulas_of(rule).synapse
    function, params = plain(type(record).synapse), numbers(record, np.float64)
    trace, change = np.float64(0), np.float64(0)
    with np.errstate(all="ignore"):
        for k in range(delay + 1):
            event, reward = np.float64(happens if k == 0 else 0), np.float64(k == delay)
            trace, change = function(params, trace, np.float64(WEIGHT), event, event, reward, event)
    return float(change)
