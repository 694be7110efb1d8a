"""Leak:  w(t + Δ) = reset_ij + (w(t) − reset_ij) e^{−Δ/τ_ij}

    τ_ij = |lifetime (1 + lifetime_dtod ξ)|          reset_ij = reset + reset_dtod ξ          ξ standard normal, of the cell

A capacitor that discharges: Y. Li et al., "Capacitor-based cross-point array for analog neural network with record symmetry and
linearity", VLSI Technology 2018, doi:10.1109/VLSIT.2018.8510648.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hardware_models.ageing.mechanism import Mechanism
from hardware_models.ageing.passage import CellSpread, Passage
from hardware_models.numerics.checks import (
    ParameterError,
    Words,
    require,
    require_not_negative,
    require_positive,
    require_spread,
)


@dataclass(frozen=True, kw_only=True)
class Leak(Mechanism):
    """Exponential decay towards a resting state.

    lifetime : mean τ [s], positive; inf: no leak
    lifetime_dtod : spread of the lifetime between cells, relative
    reset : state that cells relax to [device units];  reset_dtod : its spread between cells [device units]
    """

    lifetime: float
    lifetime_dtod: float = 0.0
    reset: float = 0.0
    reset_dtod: float = 0.0

    turn: ClassVar[int] = 0

    @classmethod
    def of_batches(cls, lifetime: float, period: float, **others: Any) -> Leak:
        """The leak of a cell that decays by a factor 1 − 1/lifetime in every mini-batch, one each `period` seconds.

        This is the convention of simulators without physical time. e^{−period/τ} = 1 − 1/lifetime; `lifetime` is above 1.
        """
        if not (lifetime > 1 and period > 0):
            wanted = "above 1, in mini-batches of a positive 'period'"
            raise ParameterError("lifetime", "Leak.of_batches", wanted, Words(f"{lifetime!r} of {period!r} s"))
        return cls(lifetime=-period / math.log1p(-1 / lifetime), **others)

    def check(self) -> None:
        require_positive(self, "lifetime", endless=True)
        require_not_negative(self, "reset_dtod")
        require_spread(self, "lifetime_dtod")
        require(self, "reset", "finite", np.isfinite)

    def move(self, passage: Passage) -> tuple:
        tau, rest = self.lifetime, self.reset
        if self.lifetime_dtod > 0:
            tau = np.abs(tau * (1 + self.lifetime_dtod * passage.of_chip(CellSpread.LIFETIME)))
        if self.reset_dtod > 0:
            rest = rest + self.reset_dtod * passage.of_chip(CellSpread.RESET)
        return np.exp(-passage.seconds / tau), -rest * np.expm1(-passage.seconds / tau)
