"""Diffusion:  w ← w + |std (1 + dtod ξ_ij)| √Δ ξ,  clipped to the bounds of the cell;  a new ξ for every passage of time.

A random walk in w: its variance does not depend on how time is divided, its path does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hardware_models.ageing.mechanism import Mechanism
from hardware_models.ageing.passage import CellSpread, Event, Passage
from hardware_models.numerics.checks import require_not_negative, require_spread


@dataclass(frozen=True, kw_only=True)
class Diffusion(Mechanism):
    """A random walk of every cell.

    std : mean standard deviation after one second [device units / √s], 0 or more
    dtod : its relative spread between cells
    """

    std: float
    dtod: float = 0.0

    def check(self) -> None:
        require_not_negative(self, "std")
        require_spread(self, "dtod")

    def move(self, passage: Passage) -> tuple:
        if self.std == 0:
            return 1.0, 0.0
        std = np.abs(self.std * (1 + self.dtod * passage.of_chip(CellSpread.DIFFUSION))) if self.dtod > 0 else self.std
        return 1.0, std * math.sqrt(passage.seconds) * passage.of_moment(Event.DIFFUSION)
