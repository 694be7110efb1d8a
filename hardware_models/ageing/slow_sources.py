"""Sources of slow noise: Ornstein-Uhlenbeck processes, sums of them, and traps; their laws are in `slow_noise`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from hardware_models.numerics.checks import require, require_not_negative, require_positive, require_share


class Trap(NamedTuple):
    """Two-state traps, one in each of some cells.

    amplitude : difference between the two levels [device units];  full : p, the fraction of time that a trap is full
    share : fraction of the cells that have one;  rate : r_up + r_down [1/s]
    """

    amplitude: float
    full: float
    share: float
    rate: float

    def chances(self, seconds: float) -> tuple[float, float]:
        """Probability that an empty, and that a full trap is full after a time."""
        p, left = self.full, math.exp(-self.rate * seconds)
        return p - p * left, p + (1 - p) * left


class Source:
    """A source of slow noise: Ornstein-Uhlenbeck processes and traps of every cell, whose offsets add.

    address : 0 … 15, of its draws; sources with the same address are numbered in their order
    """

    address: ClassVar[int]

    @property
    def strength(self) -> float:
        """0 where it has no effect."""
        raise NotImplementedError

    def processes(self) -> list[tuple[float, float]]:
        """(std [device units], tau [s]) of each of its Ornstein-Uhlenbeck processes."""
        return []

    def traps(self) -> list[Trap]:
        """Its traps, one at most."""
        return []

    def check(self) -> None:
        """Raise ParameterError for an invalid parameter."""


@dataclass(frozen=True, kw_only=True)
class OrnsteinUhlenbeck(Source):
    """Noise with one relaxation time: autocovariance std² exp(−t/tau).

    std : of each cell [device units], 0 or more
    tau : relaxation time [s], positive
    """

    std: float
    tau: float

    address: ClassVar[int] = 0

    @property
    def strength(self) -> float:
        return self.std

    def processes(self) -> list[tuple[float, float]]:
        return [(self.std, self.tau)]

    def check(self) -> None:
        require_not_negative(self, "std")
        require_positive(self, "tau")


@dataclass(frozen=True, kw_only=True)
class OneOverF(Source):
    """Noise with a 1/f spectrum between 1/(2π slowest) and 1/(2π fastest): flat below, 1/f² above.

    The fitted slope over that band is −1; over the band less a factor of 3 at either end the spectrum is within a factor of 1.5
    of std² / (f ln(slowest/fastest)) for one process per decade over three decades or more, and within 1.32 for two.

    std : of the sum, each cell [device units], 0 or more
    fastest : shortest relaxation time [s], 0 < fastest < slowest;  slowest : longest relaxation time [s]
    per_decade : relaxation times per decade, at least; positive
    """

    std: float
    fastest: float
    slowest: float
    per_decade: float = 1.0

    address: ClassVar[int] = 1

    @property
    def strength(self) -> float:
        return self.std

    def processes(self) -> list[tuple[float, float]]:
        many = math.ceil(self.per_decade * math.log10(self.slowest / self.fastest) - 1e-9) + 1
        return [(self.std / math.sqrt(many), float(tau)) for tau in np.geomspace(self.fastest, self.slowest, many)]

    def check(self) -> None:
        require_not_negative(self, "std")
        require_positive(self, "fastest per_decade")
        require(self, "slowest", f"above 'fastest', {self.fastest!r}", lambda v: v > self.fastest)


@dataclass(frozen=True, kw_only=True)
class Telegraph(Source):
    """Random telegraph noise of cells with one trap each; its mean is 0.

    amplitude : difference between the two levels [device units], of either sign
    rate_up : rate from the lower to the upper level of s [1/s], positive;  rate_down : rate back [1/s], positive
    share : fraction of the cells that have a trap, 0 … 1; which ones depends on the seed of the chip
    """

    amplitude: float
    rate_up: float
    rate_down: float
    share: float = 1.0

    address: ClassVar[int] = 2

    @property
    def strength(self) -> float:
        return self.amplitude * self.share

    def traps(self) -> list[Trap]:
        rate = self.rate_up + self.rate_down
        return [Trap(self.amplitude, self.rate_up / rate, self.share, rate)]

    def check(self) -> None:
        require(self, "amplitude", "finite", math.isfinite)
        require_positive(self, "rate_up rate_down")
        require_share(self, "share")


# Names in tables
KINDS: dict[str, type[Source]] = {
    "ornstein-uhlenbeck": OrnsteinUhlenbeck,
    "one-over-f": OneOverF,
    "telegraph": Telegraph,
}
