"""Cells whose step is a power of the distance to the bound they move towards.

    up    w ← w + s_up ((b_max − w) / (b_max − b_min))^γ_up (1 + c ξ)          c = dw_min_std, ξ standard normal
    down  w ← w − s_down ((w − b_min) / (b_max − b_min))^γ_down (1 + c ξ)

γ = |gamma + gamma_dtod ξ| per cell. S. Fusi & L. F. Abbott, "Limits on the memory storage capacity of bounded synapses",
Nat. Neurosci. 10, 485 (2007), doi:10.1038/nn1859.
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
from hardware_models.numerics.maths import exp, log


@kernel
def power(x, gamma):
    """x^γ for x ≥ 0, by functions that vectorise."""
    T = type(x)
    return exp(gamma * log(x)) if x > T(0) else (T(0) if gamma > T(0) else T(1))


@kernel
def pulse_up(p, w, step, upper, lower, a, b, xi):
    return w + step * power((upper - w) / (upper - lower), a) * (type(w)(1) + p.dw_min_std * xi)


@kernel
def pulse_down(p, w, step, upper, lower, a, b, xi):
    return w - step * power((w - lower) / (upper - lower), b) * (type(w)(1) + p.dw_min_std * xi)


@dataclass(frozen=True, kw_only=True)
class PowStep(PulsedCell):
    """Step is a power of the distance to the bound; further parameters in `PulsedCell`.

    Each cell stores a = γ_up and b = γ_down.

    gamma_up, gamma_down : exponent of the step up, and of the step down, in the distance to the bound
    gamma_up_dtod, gamma_down_dtod : their spread between cells, absolute
    """

    gamma_up: float = 1.0
    gamma_down: float = 1.0
    gamma_up_dtod: float = 0.1
    gamma_down_dtod: float = 0.1

    extras: ClassVar[int] = 2
    pulse_up, pulse_down = staticmethod(pulse_up), staticmethod(pulse_down)

    def finish(self, chip: Chip, normal: Callable[[Quantity], np.ndarray]) -> Chip:
        return chip._replace(
            a=np.abs(self.gamma_up + self.gamma_up_dtod * normal(Quantity.EXTRA_A)),
            b=np.abs(self.gamma_down + self.gamma_down_dtod * normal(Quantity.EXTRA_B)),
        )

    def extra_of_mean_cell(self) -> tuple[float, float]:
        return abs(self.gamma_up), abs(self.gamma_down)

    def check(self) -> None:
        super().check()
        for name in ("gamma_up", "gamma_down"):
            if getattr(self, name) < 0:
                refuse(self, name, "0 or more: steps shrink towards the bound")
