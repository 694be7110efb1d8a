"""Cells whose step depends exponentially on the weight.

    z = 2 a w / (b_max − b_min) + b
    up    y = s_up max(1 − A_up exp(γ_up z), 0)           w ← w + y + c ξ (y + std_add + std_slope |w|)
    down  y = s_down max(1 − A_down exp(−γ_down z), 0)    w ← w − y + c ξ (y + std_add + std_slope |w|)

c = dw_min_std, ξ standard normal; with std_add = std_slope = 0 the noise is in proportion to the step. Form and fit to HfO2
ReRAM: T. Gong et al., "Signal and noise extraction from analog memory elements for neuromorphic computing", Nat. Commun. 9,
2102 (2018), doi:10.1038/s41467-018-04485-1.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware_models.devices.pulsed import PulsedCell
from hardware_models.numerics.checks import refuse
from hardware_models.numerics.compiled import kernel
from hardware_models.numerics.maths import exp


@kernel
def place(p, w, upper, lower):
    """z, the weight on the scale of the exponentials."""
    return type(w)(2) * p.es_a * w / (upper - lower) + p.es_b


@kernel
def jitter(p, y, w, xi):
    return p.dw_min_std * xi * (y + p.noise_add + p.noise_slope * abs(w))


@kernel
def pulse_up(p, w, step, upper, lower, a, b, xi):
    T = type(w)
    f = T(1) - p.A_up * exp(p.gamma_up * place(p, w, upper, lower))
    y = step * (f if f > T(0) else T(0))
    return w + (y + jitter(p, y, w, xi))


@kernel
def pulse_down(p, w, step, upper, lower, a, b, xi):
    T = type(w)
    f = T(1) - p.A_down * exp(-p.gamma_down * place(p, w, upper, lower))
    y = step * (f if f > T(0) else T(0))
    return w - (y + jitter(p, y, w, xi))  # ξ is symmetric


@dataclass(frozen=True, kw_only=True)
class ExpStep(PulsedCell):
    """Step depends exponentially on the weight; further parameters in `PulsedCell`.

    A_up, A_down : amplitude of the exponential, of steps up and of steps down
    gamma_up, gamma_down : rate of the exponential, of steps up and of steps down
    es_a : slope a of z;  es_b : offset b of z
    noise_add : additional noise of a pulse, whatever the weight [device units];  noise_slope : the same, per |w|
    """

    A_up: float = 0.00081
    A_down: float = 0.36833
    gamma_up: float = 12.44625
    gamma_down: float = 12.78785
    es_a: float = 0.244
    es_b: float = 0.2425
    noise_add: float = 0.0
    noise_slope: float = 0.0

    pulse_up, pulse_down = staticmethod(pulse_up), staticmethod(pulse_down)

    def check(self) -> None:
        super().check()
        for name in ("noise_add", "noise_slope"):
            if getattr(self, name) < 0:
                refuse(self, name, "0 or more")
