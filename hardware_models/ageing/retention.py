"""Retention:  w(t) = state + (w_written − state) e^{−((t − t_w)/τ_ij)^β},   t_w the time of the last write of the cell

    τ_ij = |lifetime (1 + lifetime_dtod ξ)|, ξ standard normal, of the cell

The stretched exponential, of a cell in which many relaxations of different speed go on: the form in which memristors were seen to
forget by T. Chang, S.-H. Jo & W. Lu, "Short-term memory to long-term memory transition in a nanoscale memristor", ACS Nano 5, 7669
(2011), doi:10.1021/nn202983n. At β = 1 it is `Leak`; forgetting by a power law is `Drift`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hardware_models.ageing.mechanism import Mechanism
from hardware_models.ageing.passage import CellSpread, Passage
from hardware_models.numerics.checks import require, require_positive, require_spread


@dataclass(frozen=True, kw_only=True)
class Retention(Mechanism):
    """Relaxation by a stretched exponential, from the last write on.

    lifetime : mean τ [s], positive; inf: perfect retention
    lifetime_dtod : its spread between cells, in parts
    stretch : β, above 0 and at most 1
    state : where cells relax to [device units]
    """

    lifetime: float
    lifetime_dtod: float = 0.0
    stretch: float = 0.5
    state: float = 0.0

    counts_from_writes: ClassVar[bool] = True

    def check(self) -> None:
        require_positive(self, "lifetime", endless=True)
        require_spread(self, "lifetime_dtod")
        require(self, "stretch", "above 0 and at most 1", lambda v: 0 < v <= 1)
        require(self, "state", "finite", np.isfinite)

    def move(self, passage: Passage) -> tuple:
        tau = self.lifetime
        if self.lifetime_dtod > 0:
            tau = np.abs(tau * (1 + self.lifetime_dtod * passage.of_chip(CellSpread.RETENTION)))
        hazard = lambda age: (age / tau) ** self.stretch  # noqa: E731
        lost = hazard(passage.age + passage.seconds) - hazard(passage.age)
        return np.exp(-lost), -self.state * np.expm1(-lost)
