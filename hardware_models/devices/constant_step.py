"""Cells with the same step at every weight, up to their bounds.

    up    w ← w + s_up (1 + c ξ)          c = dw_min_std, ξ standard normal
    down  w ← w − s_down (1 + c ξ)

T. Gokmen & Y. Vlasov, "Acceleration of deep neural network training with resistive cross-point devices: design
considerations", Front. Neurosci. 10, 333 (2016), doi:10.3389/fnins.2016.00333.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware_models.devices.pulsed import PulsedCell
from hardware_models.numerics.compiled import kernel


@kernel
def pulse_up(p, w, step, upper, lower, a, b, xi):
    return w + step * (type(w)(1) + p.dw_min_std * xi)


@kernel
def pulse_down(p, w, step, upper, lower, a, b, xi):
    return w - step * (type(w)(1) + p.dw_min_std * xi)


@dataclass(frozen=True, kw_only=True)
class ConstantStep(PulsedCell):
    """Constant step; parameters as in `PulsedCell`."""

    pulse_up, pulse_down = staticmethod(pulse_up), staticmethod(pulse_down)
