"""Programming noise by conductance alone, as T. P. Xiao et al. fitted it to published figures for CrossSim.

    PCMJoshi     σ = max(−0.00178767 g² + 0.07585724 g + 0.28638599, 0) µS      g ≤ 25 µS, 27 s after programming
    RRAMMilo     σ = max(−0.009107 g + 4.782321, 0) µS                         50 … 225 µS, IGVVA-100 programming
    SONOS        σ(t) = A (1 − e^{−I/B}) nA                                    I ≤ 1600 nA at a fixed voltage, t ≤ 5 days

SONOS cells are read as currents, so read nA for µS. With I_T the target, A and B of programming and of each day after, ξ of the cell
and kept, and μ the mean drift by I_T and t:

    I(t) = max(I_T + μ(I_T, t) + σ(I_T + μ, t) ξ, 0)          σ_read = 12.58037 (1 − e^{−I(t)/215.36557}) nA

Between days, A, B and μ are interpolated linearly; nothing is known beyond five days. μ is tabulated every 200 nA up to 1400 nA from the
published fits, polynomials of degree 10 that leave the data above that: from there on it is held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.polynomial.polynomial import polyval

from hardware_models.numerics.checks import refuse
from hardware_models.programming.written_once import Written, WrittenOnce

DAY = 86400.0
SONOS_A = (19.88665, 25.59102, 28.72753, 31.04318, 33.76214, 34.57909)  # [nA], 0 … 5 days
SONOS_B = (176.3115, 186.85544, 193.56834, 198.90332, 204.77023, 207.34309)
SONOS_CURRENTS = np.arange(0, 1401, 200.0)  # [nA]
SONOS_DRIFT = np.array([
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [0.7, -3.8, -13.1, -19.4, -24.9, -29.5, -33.6, -38.9],
    [0.7, -3.0, -13.6, -21.8, -28.9, -35.3, -40.0, -45.9],
    [1.2, -2.8, -15.4, -24.8, -32.8, -40.1, -46.0, -54.9],
    [0.9, -2.2, -16.0, -26.1, -35.4, -44.2, -50.6, -60.2],
    [1.2, -2.4, -17.4, -28.2, -37.9, -46.7, -52.6, -60.3],
])  # fmt: skip  # [nA], 0 … 5 days


@dataclass(frozen=True, kw_only=True)
class PCMJoshi(WrittenOnce):
    """Phase-change memory without drift.

    V. Joshi et al., "Accurate deep neural network inference using computational phase-change memory", Nat. Commun. 11, 2473 (2020),
    doi:10.1038/s41467-020-16108-9, Fig. 3b.

    g_max, g_min : range of conductances [µS], 0 ≤ g_min < g_max ≤ 25
    """

    g_max: float = 25.0
    g_min: float = 0.25

    def programming_std(self, target: np.ndarray) -> np.ndarray:
        """σ [µS]."""
        return np.maximum(polyval(np.asarray(target), (0.28638599, 0.07585724, -0.00178767)), 0)

    def check(self) -> None:
        super().check()
        if self.g_max > 25:
            refuse(self, "g_max", "at most 25 µS, where the fit ends")


@dataclass(frozen=True, kw_only=True)
class RRAMMilo(WrittenOnce):
    """HfO2 resistive memory, programmed by IGVVA-100.

    V. Milo et al., "Optimized programming algorithms for multilevel RRAM in hardware neural networks", IRPS 2021,
    doi:10.1109/IRPS46558.2021.9405119, Fig. 4.

    g_max, g_min : range of conductances [µS], 0 ≤ g_min < g_max
    """

    g_max: float = 225.0
    g_min: float = 50.0

    def programming_std(self, target: np.ndarray) -> np.ndarray:
        """σ [µS]."""
        return np.maximum(polyval(np.asarray(target), (4.782321, -0.009107)), 0)


@dataclass(frozen=True, kw_only=True)
class SONOS(WrittenOnce):
    """Charge-trapping memory, 40 nm, 128 thousand cells.

    V. Agrawal et al., "Subthreshold operation of SONOS analog memory to enable accurate low-power neural network inference",
    IEDM 2022, doi:10.1109/IEDM45625.2022.10019564, Figs. 10 and 11.

    g_max, g_min : range of currents [nA], 0 ≤ g_min < g_max ≤ 1600
    """

    g_max: float = 1600.0
    g_min: float = 0.0

    measured_for: ClassVar[float] = 5 * DAY
    siemens: ClassVar[None] = None  # its numbers are currents

    def spread(self, current: np.ndarray, t: float) -> np.ndarray:
        """σ(I, t) [nA]."""
        a, b = (np.interp(t / DAY, range(6), values) for values in (SONOS_A, SONOS_B))
        return a * -np.expm1(-np.asarray(current) / b)

    def drifted(self, target: np.ndarray, t: float) -> np.ndarray:
        """I_T + μ(I_T, t) [nA]."""
        day = np.array([np.interp(t / DAY, range(6), values) for values in SONOS_DRIFT.T])
        return np.maximum(target + np.interp(target, SONOS_CURRENTS, day), 0)

    def programming_std(self, target: np.ndarray) -> np.ndarray:
        """σ after programming [nA]."""
        return self.spread(target, 0.0)

    def write(self, target: np.ndarray, xi: np.ndarray, own_xi: np.ndarray) -> Written:
        """Program currents; the draw of programming is what a cell keeps."""
        del own_xi
        return super().write(target, xi, self.programming_strength * np.asarray(xi))

    def conductance(self, written: Written, t: float) -> np.ndarray:
        """I(t) [nA]."""
        self.check_time(t)
        mean = self.drifted(written.target, t)
        return np.maximum(mean + self.spread(mean, t) * written.own, 0)

    def read_std(self, written: Written, t: float) -> np.ndarray:
        """σ_read [nA]."""
        return 12.58037 * -np.expm1(-self.held(written, t) / 215.36557)

    def check(self) -> None:
        super().check()
        if self.g_max > 1600:
            refuse(self, "g_max", "at most 1600 nA, where the fits end")
