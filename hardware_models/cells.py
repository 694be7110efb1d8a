"""How cells make a weight:  W_ij = scale · Σ_k gain_k w[k, j, i],  and how a change is shared among them.

A change Δ of the weight (device units) asks device k for Δ_k; each device then writes its request by its own formula.

    Single              W = w                     Δ_0 = Δ
    DifferentialPair    W = w_0 − w_1             Δ_k = gain_k Δ / Σ gain²: both devices are trained, in opposite directions
    Devices             any gains                 the same
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hardware_models.compiled import kernel


@kernel
def share_by_gain(array, k, change, share):
    """Δ_k = gain_k Δ / Σ gain²"""
    part = array.share[k]
    for i in range(change.shape[0]):
        share[i] = change[i] * part


@dataclass(frozen=True, kw_only=True)
class Devices:
    """Several devices a weight, all of them trained.

    gains : how much each device adds to the weight; finite, not all 0
    """

    gains: tuple[float, ...] = (1.0,)

    share_row: ClassVar = staticmethod(share_by_gain)  # (array, k, change, share): the part of a change for device k

    def check(self) -> None:
        """Raise ValueError where a parameter cannot be."""
        gains = np.asarray(self.gains, float)
        if gains.ndim != 1 or not np.isfinite(gains).all() or not gains.any():
            self._refuse("finite factors, not all 0")
        if len(gains) == 1 and gains[0] != 1:
            self._refuse("1 for a single device")

    def shares(self) -> np.ndarray:
        """Part of a weight that each device holds after programming, (d,)."""
        gains = np.asarray(self.gains, float)
        return gains / np.sum(gains**2)

    def _refuse(self, what: str) -> None:
        raise ValueError(f"The 'gains' parameter of {type(self).__name__} must be {what}. Got {self.gains!r} instead.")


@dataclass(frozen=True, kw_only=True)
class Single(Devices):
    """One device a weight."""


@dataclass(frozen=True, kw_only=True)
class DifferentialPair(Devices):
    """Two devices a weight, W = w_0 − w_1, both trained."""

    gains: tuple[float, ...] = (1.0, -1.0)
