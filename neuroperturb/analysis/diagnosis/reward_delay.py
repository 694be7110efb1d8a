"""What is left of a perturbation's credit when its reward arrives k steps late.

    c_k = g(k; p x̂ at step 0) − g(k; nothing at step 0)            left = |c_k| / max(|c_0| … |c_k|)

g is what the synapse's own function credits with a reward of 1 at step k, the steps between silent: λᵏ with the trace λ, 0 without
one, and whatever a rule of one's own makes of what it keeps. Weight noise that is held is still there when the reward comes: 1.
"""

from __future__ import annotations

import numpy as np

from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.formula.signatures import numbers, plain
from neuroperturb.rules.plan import facts_of, formulas_of

WEIGHT = 0.5  # of the synapse that is tried


def left_after(rule: PerturbationRule, delay: int) -> float:
    """Share of the credit, in [0, 1], that a reward `delay` steps late still finds; of a formula that is not linear, for factors of 1."""
    if delay == 0 or facts_of(rule).draw_held:
        return 1.0
    found = [abs(_credit(rule, k, 1.0) - _credit(rule, k, 0.0)) for k in range(delay + 1)]
    largest = max(found)
    return float(found[-1] / largest) if largest > 0 and np.isfinite(largest) else 0.0


def _credit(rule: PerturbationRule, delay: int, happens: float) -> float:
    """What a reward of 1 after so many silent steps credits a synapse with."""
    record = formulas_of(rule).synapse
    function, params = plain(type(record).synapse), numbers(record, np.float64)
    trace, change = np.float64(0), np.float64(0)
    with np.errstate(all="ignore"):
        for k in range(delay + 1):
            event, reward = np.float64(happens if k == 0 else 0), np.float64(k == delay)
            trace, change = function(params, trace, np.float64(WEIGHT), event, event, reward, event)
    return float(change)
