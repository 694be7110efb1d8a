"""Resistive memory that relaxes after programming.

`ReRamWan2022`, HfOx in the NeuRRAM chip: deviations from the target x = g_T/g_max, of one second, one day and two days,

    g(t) = max(g_T + σ(x, t) ξ, 0)          σ a quartic in x in µS at g_max = 40 µS, and in proportion to g_max otherwise

The three quartics were fitted to a published figure at 40 µS. Between those times σ is interpolated linearly in ln t, which is ours;
before 1 s it is that of 1 s, and after two days nothing was measured: longer is refused. A cell keeps its ξ, since the figure
gives the spread at each time and nothing of how one time follows from another. Noise of reads was not measured apart.

W. Wan et al., "A compute-in-memory chip based on resistive random-access memory", Nature 608, 504 (2022),
doi:10.1038/s41586-022-04992-8.

`ReRamCMO`, conductive metal oxide on HfOx, 9 to 88.2 µS, one cell a weight, by natural logarithms of t in seconds:

    σ_prog = a g_T + b          g(t) = max(g_P − 0.08900206 ln t + (0.04201137 ln t + 0.41183342) ξ, 0) µS from 1 s on
    σ_read = 0.0277316483 log10(g(t)) √ln((t + 1 µs) / 2 µs) µS

Before 1 s cells are as they were programmed; the relaxation of a cell keeps its ξ. Conductances may leave the range of programming.

D. F. Falcone et al., "All-in-one analog AI hardware: on-chip training and inference with conductive-metal-oxide/HfOx ReRAM devices",
arXiv:2502.04524 (2025).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.polynomial.polynomial import polyval

from hardware_models.crossbar.weights import Devices, Single
from hardware_models.numerics.checks import refuse
from hardware_models.programming.written_once import Written, WrittenOnce

DAY = 86400.0
WAN_TIMES = (1.0, DAY, 2 * DAY)  # [s]
WAN_FITS = (
    (0.348, 16.030, -43.853, 45.393, -16.815),
    (0.701, 22.086, -50.773, 47.095, -16.458),
    (0.782, 20.274, -43.507, 37.062, -11.934),
)  # [µS at 40 µS], ascending powers of x
WAN_REFERENCE = 40.0  # [µS]
CMO_PROGRAMMING = {0.2: (0.00081107, 0.00106879), 2.0: (0.0112185391, 0.01129027418)}  # by acceptance [%]: b [µS], a


@dataclass(frozen=True, kw_only=True)
class ReRamWan2022(WrittenOnce):
    """HfOx, by deviations from the target after 1 s, 1 d and 2 d.

    g_max, g_min : range of conductances [µS], 0 ≤ g_min < g_max
    """

    g_max: float = 40.0
    g_min: float = 0.0

    measured_for: ClassVar[float] = WAN_TIMES[-1]

    def spread(self, target: np.ndarray, t: float) -> np.ndarray:
        """σ(g_T, t) [µS]."""
        x = np.asarray(target) / self.g_max
        times, at = np.log(WAN_TIMES), math.log(max(t, WAN_TIMES[0]))
        parts = [np.interp(at, times, row) for row in np.eye(3)]
        return (
            sum(part * polyval(x, fit) for part, fit in zip(parts, WAN_FITS, strict=True)) * self.g_max / WAN_REFERENCE
        )

    def programming_std(self, target: np.ndarray) -> np.ndarray:
        """σ after 1 s [µS]."""
        return self.spread(target, WAN_TIMES[0])

    def write(self, target: np.ndarray, xi: np.ndarray, own_xi: np.ndarray) -> Written:
        """Program conductances; the draw of programming is what a cell keeps."""
        del own_xi
        return super().write(target, xi, self.programming_strength * np.asarray(xi))

    def conductance(self, written: Written, t: float) -> np.ndarray:
        """g(t) [µS]."""
        self.check_time(t)
        return np.maximum(written.target + self.spread(written.target, t) * written.own, 0)


@dataclass(frozen=True, kw_only=True)
class ReRamCMO(WrittenOnce):
    """CMO/HfOx.

    acceptance : 0.2 or 2, how far from the target programming stops [%]
    g_max, g_min : range of conductances [µS], 0 ≤ g_min < g_max
    """

    acceptance: Literal[0.2, 2.0] = 2.0
    g_max: float = 88.2
    g_min: float = 9.0

    weight: ClassVar[Devices] = Single()

    def programming_std(self, target: np.ndarray) -> np.ndarray:
        """σ_prog [µS]."""
        return polyval(np.asarray(target), CMO_PROGRAMMING[float(self.acceptance)])

    def conductance(self, written: Written, t: float) -> np.ndarray:
        """g(t) [µS]."""
        if t < 1:
            return written.programmed
        shift, spread = -0.08900206 * math.log(t), 0.04201137 * math.log(t) + 0.41183342
        return np.maximum(written.programmed + shift + spread * written.own, 0)

    def read_std(self, written: Written, t: float) -> np.ndarray:
        """σ_read(t) [µS]; 0 within the first microsecond, and below 1 µS."""
        accumulated = math.sqrt(max(math.log((t + 1e-6) / 2e-6), 0))
        return 0.0277316483 * np.log10(np.maximum(self.held(written, t), 1)) * accumulated

    def check(self) -> None:
        super().check()
        if self.acceptance not in CMO_PROGRAMMING:
            refuse(self, "acceptance", "0.2 or 2")
