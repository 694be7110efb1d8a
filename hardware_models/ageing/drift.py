"""Drift:  w(t) = w_written · ((t − t_w + t0) / t0)^(−ν),   t_w the time of the last write of the cell.

    ν_ij = |nu (1 + nu_dtod ξ_ij + nu_std ξ)|          ξ_ij of the cell, ξ anew at each write, standard normal
    ν_ij = |nu (1 + nu_dtod ξ_ij + nu_std ξ) + slope ln(w_ref / |w_written|)|          for `StateDrift`

In phase-change memory the exponent falls with the conductance, and every partial write starts drift afresh: I. Boybat et al.,
"Impact of conductance drift on multi-PCM synaptic architectures", NVMTS 2018. Here the power law holds from the write on.

A passage of time from age t to t + Δ multiplies by ((t + Δ + t0) / (t + t0))^(−ν), so that the result does not depend on how time
is divided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hardware_models.ageing.mechanism import Mechanism
from hardware_models.ageing.passage import CellSpread, Event, Passage
from hardware_models.numerics.checks import require, require_not_negative, require_positive, require_spread


@dataclass(frozen=True, kw_only=True)
class Drift(Mechanism):
    """Drift by a power law.

    nu : ν, mean exponent of the power law, 0 or more: a weight is (t/t0)^−ν of what was written
    nu_dtod : spread of the exponent between cells, relative to `nu`
    nu_std : spread of the exponent of one cell from write to write, relative to `nu`
    t0 : time after a write at which w has its written value to within a factor 2^−ν [s], positive
    """

    nu: float
    nu_dtod: float = 0.0
    nu_std: float = 0.0
    t0: float = 1.0

    counts_from_writes: ClassVar[bool] = True

    def check(self) -> None:
        require_not_negative(self, "nu")
        require_spread(self, "nu_dtod nu_std")
        require_positive(self, "t0")

    def exponents(self, written: np.ndarray, passage: Passage) -> np.ndarray:
        """ν (d, m, n) of cells that were just written with `written`."""
        return np.abs(self._mean(written) + self._spread(passage))

    def _mean(self, written):
        del written  # independent of the state
        return self.nu

    def _spread(self, passage: Passage):
        spread = np.zeros(passage.shape)
        if self.nu_dtod > 0:
            spread += self.nu_dtod * passage.of_chip(CellSpread.NU)
        if self.nu_std > 0:
            spread += self.nu_std * passage.of_moment(Event.NU)
        return self.nu * spread

    def note_writes(self, fresh: np.ndarray, written: np.ndarray, passage: Passage) -> None:
        if fresh.any():
            passage.nu[fresh] = self.exponents(written.astype(np.float64), passage)[fresh]

    def move(self, passage: Passage) -> tuple:
        return ((passage.age + passage.seconds + self.t0) / (passage.age + self.t0)) ** -passage.nu, 0.0


@dataclass(frozen=True, kw_only=True)
class StateDrift(Drift):
    """Drift by a power law whose exponent depends on the written weight; further parameters in `Drift`.

    slope : increase of the exponent per e-fold decrease of |w|, of either sign
    w_ref : |w| at which the mean exponent is `nu` [device units], positive
    w_least : |w| below which the exponent grows no further [device units], positive
    """

    slope: float
    w_ref: float = 1.0
    w_least: float = 1e-3

    def check(self) -> None:
        super().check()
        require(self, "slope", "finite", np.isfinite)
        require_positive(self, "w_ref w_least")

    def _mean(self, written):
        return self.nu + self.slope * np.log(self.w_ref / np.maximum(np.abs(written), self.w_least))


# Names in tables
KINDS: dict[str, type[Drift]] = {"drift": Drift, "state-drift": StateDrift}
