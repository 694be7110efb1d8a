"""States of a dense reservoir of given weights over a series, one at a time, in float64: ours compiled, reservoirpy's in NumPy.

x_t = (1 − α) x_{t−1} + α tanh(u_t W_in + b + x_{t−1} W_rec)
"""

from __future__ import annotations

import numpy as np

from neuroperturb.analysis.speed.timing import compare
from neuroperturb.baselines import EchoState
from neuroperturb.baselines.forward import trajectory, zero_state
from neuroperturb.tasks.contract import Sequence

SIZES, STEPS, LEAK, ROUNDS = (100, 500), 500, 0.3, 9


def measure() -> dict[str, dict]:
    """Microseconds of the series, by number of units."""
    return {str(n): _measure(n) for n in SIZES}


def _measure(n: int) -> dict:
    from reservoirpy.nodes import Reservoir

    weights = EchoState(units=n).weights(1, 1, 0.9, 0.5)
    u = np.random.default_rng(0).standard_normal((STEPS, 1))
    sequence = Sequence(u[:, None], u[:, None], np.ones((STEPS, 1), bool), np.arange(STEPS) == 0)
    node = Reservoir(units=n, lr=LEAK, W=weights.w_rec.T.copy(), Win=weights.w_in[:1].T.copy(), bias=weights.w_in[1])
    node.initialize(u)

    def ours():
        return trajectory(weights, sequence, LEAK, True, zero_state(weights, 1))[2][:, 0]

    def theirs():
        node.reset()
        return node.run(u)

    difference = float(np.abs(ours() - theirs()).max())
    own, other = compare(ours, theirs, ROUNDS)
    return {"ours_us": 1e6 * own, "theirs_us": 1e6 * other, "ratio": other / own, "difference": difference}
