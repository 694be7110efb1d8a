"""Phase-change memory:  programming, drift and read noise by the relative target conductance  x = g_T / g_max.

    g_P = max(g_T + σ_prog(x) ξ, 0)          σ_prog a polynomial in x
    g(t) = g_P ((t + t_0) / t_0)^(−ν)        ν = |μ_ν(x) + σ_ν(x) ξ|, once per programming
    σ_read(t) = g(t) Q(x) √ln((t + t_0 + t_read) / (2 t_read))

t counts from t_0 after programming, when a cell is first read. All three depend on the target conductance, also Q, where a widely
used implementation takes the programmed one: it is by target that cells were grouped when they were measured, and the target is
what a cell keeps. ln x is taken at 10⁻⁷ for cells that rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.polynomial.polynomial import polyval

from hardware_models.numerics.checks import refuse, require_not_negative, require_positive
from hardware_models.programming.written_once import Written, WrittenOnce

LEAST = 1e-7


class _PhaseChange(WrittenOnce):
    """Drift and accumulated 1/f noise; what differs between chips is σ_prog, μ_ν, σ_ν and Q."""

    def nu_mean(self, x: np.ndarray) -> np.ndarray:
        """μ_ν(x)."""
        raise NotImplementedError

    def nu_std(self, x: np.ndarray) -> np.ndarray:
        """σ_ν(x)."""
        raise NotImplementedError

    def relative_read_std(self, x: np.ndarray) -> np.ndarray:
        """Q(x), for g_T = x g_max."""
        raise NotImplementedError

    def own(self, target: np.ndarray, xi: np.ndarray) -> np.ndarray:
        """Drift exponents ν."""
        x = np.maximum(np.asarray(target) / self.g_max, LEAST)
        return np.abs(self.nu_mean(x) + self.nu_std(x) * xi)

    def drift(self, g: np.ndarray, nu: np.ndarray, t: float) -> np.ndarray:
        """g ((t + t_0) / t_0)^(−ν)"""
        return g * ((t + self.t_0) / self.t_0) ** -np.asarray(nu)

    def conductance(self, written: Written, t: float) -> np.ndarray:
        """g(t) [µS]."""
        return self.drift(written.programmed, written.own, t)

    def read_std(self, written: Written, t: float) -> np.ndarray:
        """σ_read(t) [µS]."""
        x = np.maximum(written.target / self.g_max, LEAST)
        return self.held(written, t) * self.relative_read_std(x) * self.accumulated(t)

    def accumulated(self, t: float) -> float:
        """√ln((t + t_0 + t_read) / (2 t_read)), 1/f noise from 1/(t + t_0) to 1/t_read"""
        return float(np.sqrt(np.log((t + self.t_0 + self.t_read) / (2 * self.t_read))))

    def check(self) -> None:
        super().check()
        require_positive(self, "t_0 t_read")
        if not self.t_read < self.t_0:
            refuse(self, "t_read", f"below 't_0', {self.t_0!r}")


@dataclass(frozen=True, kw_only=True)
class PCMLike(_PhaseChange):
    """Ge2Sb2Te5 mushroom cells, a million of them in 90 nm, at 25 µS:

        σ_prog = (0.26348 + 1.9650 x − 1.1731 x²) µS · g_max / 25 µS
        μ_ν = clip(−0.0155 ln x + 0.0244, 0.049, 0.1)          σ_ν = clip(−0.0125 ln x − 0.0059, 0.008, 0.045)
        Q = min(0.0088 / x^0.65, 0.2)

    S. R. Nandakumar et al., "Phase-change memory models for deep learning training and inference", ICECS 2019,
    doi:10.1109/ICECS46596.2019.8964852; V. Joshi et al., "Accurate deep neural network inference using computational phase-change
    memory", Nat. Commun. 11, 2473 (2020), doi:10.1038/s41467-020-16108-9.

    g_max, g_min : largest and smallest conductance that is programmed [µS];  t_0 : first read after programming [s];  t_read : duration of a read [s]
    """

    g_max: float = 25.0
    g_min: float = 0.0
    t_0: float = 20.0
    t_read: float = 250e-9

    def programming_std(self, target: np.ndarray) -> np.ndarray:
        """σ_prog [µS]."""
        return polyval(target / self.g_max, (0.26348, 1.9650, -1.1731)) * self.g_max / 25

    def nu_mean(self, x: np.ndarray) -> np.ndarray:
        """μ_ν(x)."""
        return np.clip(-0.0155 * np.log(x) + 0.0244, 0.049, 0.1)

    def nu_std(self, x: np.ndarray) -> np.ndarray:
        """σ_ν(x)."""
        return np.clip(-0.0125 * np.log(x) - 0.0059, 0.008, 0.045)

    def relative_read_std(self, x: np.ndarray) -> np.ndarray:
        """Q(x)."""
        return np.minimum(0.0088 / x**0.65, 0.2)


class _HermesFit(NamedTuple):
    """Of one or two cells a conductance: range, first read, σ_prog; then where the form changes, and the two forms, of σ_ν and Q."""

    g_max: float
    t_0: float
    programming: tuple[float, ...]
    nu_edge: float
    nu_log: tuple[float, float, float, float]
    nu_poly: tuple[float, ...]
    read_edge: float
    read_log: tuple[float, float, float, float]
    read_poly: tuple[float, ...]


HERMES_FITS = {
    1: _HermesFit(
        g_max=10.35, t_0=200.0, programming=(0.15781817, 2.32443916, -2.16310839, 0.68841818),
        nu_edge=0.3039, nu_log=(-0.0120, -0.0023, 0.0124, 0.04), nu_poly=(0.0104, 0.0116, -0.0165),
        read_edge=0.1591, read_log=(-0.0078, 0.0038, 0.0179, 0.04), read_poly=(0.0088, 0.0768, -0.1352, 0.0664),
    ),
    2: _HermesFit(
        g_max=20.7, t_0=300.0, programming=(0.16603222, 4.71806468, -8.48101252, 4.68961419),
        nu_edge=0.3055, nu_log=(-0.0117, -0.0057, 0.0091, 0.04), nu_poly=(0.0073, 0.0093, -0.0118),
        read_edge=0.16, read_log=(-0.0117, -0.0069, 0.015, 0.04), read_poly=(0.0123, 0.0211, -0.0280, 0.0069),
    ),
}  # fmt: skip


def _two_forms(x, edge, log, poly) -> np.ndarray:
    """clip(a ln x + b, low, high) below the edge, a polynomial from there on."""
    a, b, low, high = log
    return np.where(x < edge, np.clip(a * np.log(x) + b, low, high), polyval(x, poly))


@dataclass(frozen=True, kw_only=True)
class Hermes(_PhaseChange):
    """Cells of the 64-core HERMES chip, one or two a conductance, by the fits in `HERMES_FITS`.

    M. Le Gallo et al., "A 64-core mixed-signal in-memory compute chip based on phase-change memory for deep neural network
    inference", Nat. Electron. 6, 680 (2023), doi:10.1038/s41928-023-01010-1; R. Khaddam-Aljameh et al., "HERMES-Core: a
    1.59-TOPS/mm² PCM on 14-nm CMOS in-memory compute core", IEEE J. Solid-State Circuits 57, 1027 (2022),
    doi:10.1109/JSSC.2022.3140414.

    cells : 1 or 2; then conductances reach 10.35 or 20.7 µS and the first read is after 200 or 300 s
    t_read : duration of a read [s]
    """

    cells: Literal[1, 2] = 2
    t_read: float = 512e-9

    g_min: ClassVar[float] = 0.0

    @property
    def fit(self) -> _HermesFit:
        """Its numbers."""
        return HERMES_FITS[self.cells]

    @property
    def g_max(self) -> float:
        """Largest conductance that was characterised [µS]."""
        return self.fit.g_max

    @property
    def t_0(self) -> float:
        """First read after programming [s]."""
        return self.fit.t_0

    def programming_std(self, target: np.ndarray) -> np.ndarray:
        """σ_prog [µS]."""
        return polyval(target / self.g_max, self.fit.programming)

    def nu_mean(self, x: np.ndarray) -> np.ndarray:
        """μ_ν(x)."""
        return _two_forms(x, 0.0945, (-0.0387, -0.0182, 0.0720, 0.13), (0.0736, -0.0126, -0.0436))

    def nu_std(self, x: np.ndarray) -> np.ndarray:
        """σ_ν(x)."""
        return _two_forms(x, self.fit.nu_edge, self.fit.nu_log, self.fit.nu_poly)

    def relative_read_std(self, x: np.ndarray) -> np.ndarray:
        """Q(x)."""
        return _two_forms(x, self.fit.read_edge, self.fit.read_log, self.fit.read_poly)

    def check(self) -> None:
        if self.cells not in HERMES_FITS:
            refuse(self, "cells", "1 or 2")
        super().check()


@dataclass(frozen=True, kw_only=True)
class StateIndependent(_PhaseChange):
    """Programming noise and drift that are the same in every state; read noise in proportion to the conductance:

        σ_prog = programming_noise          ν = |nu + nu_spread ξ|          σ_read = read_noise g(t)/g_max √ln(…)

    No device, but a plain assumption to compare devices with; values as in M. J. Rasch et al., "A flexible and fast PyTorch toolkit
    for simulating training and inference on analog crossbar arrays", AICAS 2021, doi:10.1109/AICAS51828.2021.9458494. Its read noise
    is large: 4 µS at g_max after t_0.

    g_max, g_min : largest and smallest conductance that is programmed [µS]
    programming_noise : standard deviation of what is programmed [µS], 0 or more
    read_noise : standard deviation of a read [µS], 0 or more
    nu : mean exponent of the drift, 0 or more;  nu_spread : its spread between cells, 0 or more
    t_0 : time after programming at which the conductance is that programmed [s];  t_read : duration of a read [s]
    """

    g_max: float = 25.0
    g_min: float = 0.0
    programming_noise: float = 0.2
    nu: float = 0.1
    nu_spread: float = 0.05
    read_noise: float = 1.0
    t_0: float = 20.0
    t_read: float = 250e-9

    def programming_std(self, target: np.ndarray) -> np.ndarray:
        """σ_prog [µS]."""
        return np.full(np.shape(target), self.programming_noise)

    def nu_mean(self, x: np.ndarray) -> np.ndarray:
        """The same for every x."""
        return np.full(np.shape(x), self.nu)

    def nu_std(self, x: np.ndarray) -> np.ndarray:
        """The same for every x."""
        return np.full(np.shape(x), self.nu_spread)

    def relative_read_std(self, x: np.ndarray) -> np.ndarray:
        """read_noise / g_max."""
        return np.full(np.shape(x), self.read_noise / self.g_max)

    def check(self) -> None:
        super().check()
        require_not_negative(self, "programming_noise read_noise nu nu_spread")
