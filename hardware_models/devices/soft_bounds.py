"""Cells whose step vanishes linearly at the bound they move towards.

    up    w ← w + s_up f (1 + c ξ),    f = 1 − w / b_max          c = dw_min_std, ξ standard normal
    down  w ← w − s_down f (1 + c ξ),  f = 1 − w / b_min

with the cell's own bounds; with additive noise, f (1 + c ξ) is f + c ξ. Up and down steps are equal at the symmetry point
w* = (s_up − s_down) / (s_up / b_max − s_down / b_min). S. Fusi & L. F. Abbott, "Limits on the memory storage capacity of bounded
synapses", Nat. Neurosci. 10, 485 (2007), doi:10.1038/nn1859.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware_models.devices.linear_step import shrunk
from hardware_models.devices.pulsed import PulsedCell
from hardware_models.numerics.checks import refuse
from hardware_models.numerics.compiled import kernel


@kernel
def pulse_up(p, w, step, upper, lower, a, b, xi):
    return w + step * shrunk(p, type(w)(1) - w / upper, xi)


@kernel
def pulse_down(p, w, step, upper, lower, a, b, xi):
    return w - step * shrunk(p, type(w)(1) - w / lower, xi)


@dataclass(frozen=True, kw_only=True)
class SoftBounds(PulsedCell):
    """Soft bounds: step vanishes linearly at the bound; further parameters in `PulsedCell`.

    multiplicative_noise : whether the noise between pulses scales with the step
    """

    multiplicative_noise: bool = True

    pulse_up, pulse_down = staticmethod(pulse_up), staticmethod(pulse_down)

    def check(self) -> None:
        for name in ("w_max", "w_min"):
            if getattr(self, name) == 0:
                refuse(self, name, "other than 0: the step shrinks in proportion to it")
        super().check()
