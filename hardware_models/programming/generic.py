"""Generic errors of programming and of every read, relative to the largest conductance:  γ = g / g_max

    independent     γ ← γ + ε                    normal     ε = magnitude · ξ, ξ standard normal
    proportional    γ ← γ (1 + ε)                uniform    ε uniform, magnitude wide, between ±magnitude/2
    inverse         γ ← γ + ε/γ, 0 where γ = 0

The generic device models of T. P. Xiao et al., CrossSim: accuracy simulation of analog in-memory computing, Sandia National
Laboratories, sandialabs/cross-sim. Conductances stay 0 or more. Noise of a read is drawn at outputs, as a normal number of the right
variance, also for a uniform law: exact for one law, the limit of many cells for the other (excess kurtosis −1.2 over the number
of cells of an output).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from hardware_models.numerics.checks import refuse, require_not_negative
from hardware_models.programming.written_once import Written, WrittenOnce


@dataclass(frozen=True, kw_only=True)
class Error:
    """One error.

    magnitude : standard deviation, or for the uniform law whole width, of ε; 0 or more
    distribution : law of the errors, ``"normal"`` or ``"uniform"``
    scaling : ``"independent"``, ``"proportional"`` or ``"inverse"``
    """

    magnitude: float = 0.0
    distribution: Literal["normal", "uniform"] = "normal"
    scaling: Literal["independent", "proportional", "inverse"] = "independent"

    def check(self) -> None:
        require_not_negative(self, "magnitude")
        if self.distribution not in ("normal", "uniform"):
            refuse(self, "distribution", "'normal' or 'uniform'")
        if self.scaling not in ("independent", "proportional", "inverse"):
            refuse(self, "scaling", "'independent', 'proportional' or 'inverse'")

    def factor(self, gamma: np.ndarray) -> np.ndarray:
        """What ε is multiplied by."""
        if self.scaling == "independent":
            return np.ones(np.shape(gamma))
        return (
            gamma
            if self.scaling == "proportional"
            else np.divide(1, gamma, out=np.zeros(np.shape(gamma)), where=gamma > 0)
        )

    def epsilon(self, xi: np.ndarray) -> np.ndarray:
        """ε from standard normal numbers."""
        if self.distribution == "normal":
            return self.magnitude * xi
        from scipy.special import ndtr  # slow to import, and seldom needed

        return self.magnitude * (ndtr(xi) - 0.5)

    def std(self, gamma: ArrayLike) -> np.ndarray:
        """Standard deviation of the error of γ."""
        of_epsilon = self.magnitude / (1 if self.distribution == "normal" else math.sqrt(12))
        return of_epsilon * self.factor(np.asarray(gamma, np.float64))


@dataclass(frozen=True, kw_only=True)
class GenericNoise(WrittenOnce):
    """Cells with an `Error` of programming and one of reading, without drift.

    programming : error of what is programmed;  reading : error of every read
    g_max, g_min : range of conductances [µS], 0 ≤ g_min < g_max
    """

    programming: Error = Error()
    reading: Error = Error()
    g_max: float = 1000.0
    g_min: float = 100.0

    def programming_std(self, target: np.ndarray) -> np.ndarray:
        """Standard deviation of the error of programming [µS]."""
        return self.g_max * self.programming.std(np.asarray(target) / self.g_max)

    def write(self, target: ArrayLike, xi: ArrayLike, own_xi: ArrayLike) -> Written:
        """Program conductances."""
        target = np.asarray(target, np.float64)
        error = self.programming.factor(target / self.g_max) * self.programming.epsilon(np.asarray(xi))
        programmed = np.maximum(target + self.programming_strength * self.g_max * error, 0)
        return Written(target, programmed, self.own(target, own_xi))

    def read_std(self, written: Written, t: float) -> np.ndarray:
        """Standard deviation of one read [µS]."""
        return self.g_max * self.reading.std(self.held(written, t) / self.g_max)

    def check(self) -> None:
        super().check()
        self.programming.check()
        self.reading.check()
