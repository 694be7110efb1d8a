"""Cells whose step shrinks linearly with the weight.

    up    w ← w + s_up f (1 + c ξ),    f = 1 − γ_up w / R_up            c = dw_min_std, ξ standard normal
    down  w ← w − s_down f (1 + c ξ),  f = 1 − γ_down w / R_down

R is the bound on that side, of the mean cell (w_max, w_min) or of each cell, and γ = |gamma + gamma_dtod ξ| per cell. With
additive noise, f (1 + c ξ) is f + c ξ instead. M. J. Rasch, T. Gokmen & W. Haensch, "Training large-scale artificial neural
networks on simulated resistive crossbar arrays", IEEE Des. Test 37, 19 (2020), arXiv:1906.02698.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hardware_models.crossbar.contract import Chip
from hardware_models.devices.pulsed import PulsedCell, Quantity
from hardware_models.numerics.checks import refuse
from hardware_models.numerics.compiled import kernel


@kernel
def shrunk(p, f, xi):
    """Step that a cell with factor f makes, in units of its step at w = 0."""
    noise = p.dw_min_std * xi
    return f + (f * noise if p.multiplicative_noise != 0 else noise)


@kernel
def pulse_up(p, w, step, upper, lower, a, b, xi):
    return w + step * shrunk(p, type(w)(1) - a * w, xi)


@kernel
def pulse_down(p, w, step, upper, lower, a, b, xi):
    return w - step * shrunk(p, type(w)(1) - b * w, xi)


@dataclass(frozen=True, kw_only=True)
class LinearStep(PulsedCell):
    """Step decreases linearly with the weight; further parameters in `PulsedCell`.

    Each cell stores a = γ_up / R_up and b = γ_down / R_down.

    gamma_up : relative decrease of the step up at the upper bound;  gamma_down : of the step down at the lower bound
    gamma_up_dtod, gamma_down_dtod : their spread between cells, absolute
    multiplicative_noise : whether the noise between pulses scales with the step
    mean_bound_reference : whether R is the bound of the mean cell, or the cell's own
    """

    gamma_up: float = 0.0
    gamma_down: float = 0.0
    gamma_up_dtod: float = 0.05
    gamma_down_dtod: float = 0.05
    multiplicative_noise: bool = False
    mean_bound_reference: bool = True

    extras: ClassVar[int] = 2
    pulse_up, pulse_down = staticmethod(pulse_up), staticmethod(pulse_down)

    def finish(self, chip: Chip, normal: Callable[[Quantity], np.ndarray]) -> Chip:
        R_up, R_down = (self.w_max, self.w_min) if self.mean_bound_reference else (chip.bound_up, chip.bound_low)
        return chip._replace(
            a=np.abs(self.gamma_up + self.gamma_up_dtod * normal(Quantity.EXTRA_A)) / R_up,
            b=np.abs(self.gamma_down + self.gamma_down_dtod * normal(Quantity.EXTRA_B)) / R_down,
        )

    def check(self) -> None:
        for name in ("w_max", "w_min"):
            if getattr(self, name) == 0:
                refuse(self, name, "other than 0: the step shrinks in proportion to it")
        super().check()
        for name in ("gamma_up", "gamma_down"):
            if getattr(self, name) < 0:
                refuse(self, name, "0 or more: steps shrink towards the bound")
