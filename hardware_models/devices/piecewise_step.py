"""Cells whose step is a piecewise linear function of the weight, as measured curves are often given.

    up    w ← w + s_up F_up(t) (1 + c ξ)           t = (w − b_min) / (b_max − b_min)
    down  w ← w − s_down F_down(t) (1 + c ξ)       c = dw_min_std, ξ standard normal

F interpolates linearly between nodes evenly spaced from t = 0 to t = 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware_models.devices.pulsed import PulsedCell
from hardware_models.numerics.checks import are_numbers, refuse
from hardware_models.numerics.compiled import kernel


@kernel
def polygon(nodes, t):
    """F(t) for 0 ≤ t ≤ 1, constant beyond; NaN counts as 0."""
    last = nodes.shape[0] - 1
    x = t * type(t)(last)
    x = x if x > type(t)(0) else type(t)(0)
    x = x if x < type(t)(last) else type(t)(last)
    k = min(int(x), last - 1)
    return nodes[k] + (x - type(t)(k)) * (nodes[k + 1] - nodes[k])


@kernel
def pulse_up(p, w, step, upper, lower, a, b, xi):
    return w + step * polygon(p.nodes_up, (w - lower) / (upper - lower)) * (type(w)(1) + p.dw_min_std * xi)


@kernel
def pulse_down(p, w, step, upper, lower, a, b, xi):
    return w - step * polygon(p.nodes_down, (w - lower) / (upper - lower)) * (type(w)(1) + p.dw_min_std * xi)


@dataclass(frozen=True, kw_only=True)
class PiecewiseStep(PulsedCell):
    """Step is piecewise linear in the weight; further parameters in `PulsedCell`.

    nodes_up, nodes_down : two or more heights of F, from the lower to the upper bound
    """

    nodes_up: tuple[float, ...] = (1.0, 1.0)
    nodes_down: tuple[float, ...] = (1.0, 1.0)

    pulse_up, pulse_down = staticmethod(pulse_up), staticmethod(pulse_down)

    def check(self) -> None:
        for name in ("nodes_up", "nodes_down"):
            nodes = getattr(self, name)
            if not (isinstance(nodes, tuple) and len(nodes) >= 2 and are_numbers(nodes) and min(nodes) >= 0):
                refuse(self, name, "a tuple of two or more heights, 0 or more")
        super().check()
