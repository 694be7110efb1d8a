"""Soft bounds on v, of which a reference cell is subtracted:  w = v − ref.

    up    v ← v + s_up (f + c ξ),    f = 1 − v / b_max            c = dw_min_std, ξ standard normal
    down  v ← v − s_down (f + c ξ),  f = 1 − v / b_min

or f (1 + c ξ) with multiplicative noise. ref = reference_mean + reference_std ξ per cell, and, where the symmetry point is
subtracted, v* = (s_up − s_down) / (s_up / b_max − s_down / b_min) as well, so that up and down steps are equal near w = 0. The
bounds of w are those of v less ref. N. Gong, M. J. Rasch et al., "Deep learning acceleration in 14nm CMOS compatible ReRAM
array: device, material and algorithm co-optimization", IEDM 2022, doi:10.1109/IEDM45625.2022.10019569.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hardware_models.crossbar.contract import Chip
from hardware_models.devices.linear_step import shrunk
from hardware_models.devices.pulsed import Quantity
from hardware_models.devices.soft_bounds import SoftBounds
from hardware_models.numerics.compiled import kernel


@kernel
def pulse_up(p, w, step, upper, lower, a, b, xi):
    return w + step * shrunk(p, (upper - w) / (upper + a), xi)


@kernel
def pulse_down(p, w, step, upper, lower, a, b, xi):
    return w - step * shrunk(p, (lower - w) / (lower + a), xi)


@dataclass(frozen=True, kw_only=True)
class SoftBoundsReference(SoftBounds):
    """Soft bounds with a reference cell; further parameters in `SoftBounds` and `PulsedCell`.

    Each cell stores a = ref.

    reference_mean, reference_std : of the reference cells [device units]; 0: a cell that is read against nothing
    subtract_symmetry_point : whether the symmetry point of the cell is added to the reference
    """

    multiplicative_noise: bool = False
    reference_mean: float = 0.0
    reference_std: float = 0.0
    subtract_symmetry_point: bool = False

    extras: ClassVar[int] = 1
    pulse_up, pulse_down = staticmethod(pulse_up), staticmethod(pulse_down)

    def finish(self, chip: Chip, normal: Callable[[Quantity], np.ndarray]) -> Chip:
        ref = self.reference_mean + self.reference_std * normal(Quantity.EXTRA_A)
        if self.subtract_symmetry_point:
            s_up, s_down = chip.step_up, chip.step_down
            ref = ref + (s_up - s_down) / (s_up / chip.bound_up - s_down / chip.bound_low)
        return chip._replace(bound_up=chip.bound_up - ref, bound_low=chip.bound_low - ref, a=ref)
