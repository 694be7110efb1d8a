"""DAC and ADC: evenly spaced levels between bounds, and scaling of inputs to use their full range.

    Converter    v ← s · clip(round(v / s), −q, q)        q = 2^(bits − 1) − 1,  s = bound / q:  2^bits − 1 symmetric levels with zero
                 round: to the nearest, ties to even; or stochastic, ⌊v / s + U⌋ with U uniform in (0, 1), unbiased
    Clip         v ← clip(v, −bound, bound)

    AbsMax       x is divided by max_j |x_j| of its column before the DAC; what is read is multiplied by it after the ADC
    Scaled       the same with a fixed number
    Iterative    while an output of a column is at the bound of the ADC: halve the input and read the column again

In the resolution r that simulators quote, s = 2 · bound · r, hence r = 1 / (2^bits − 2): 1/126 is 7 bits, 1/510 is 9. Noise and bound
management: T. Gokmen, M. Onen & W. Haensch, "Training deep convolutional neural networks with resistive cross-point devices",
Front. Neurosci. 11:538 (2017), doi:10.3389/fnins.2017.00538.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from hardware_models.numerics.checks import refuse, require, require_positive, require_whole
from hardware_models.numerics.compiled import kernel


class ConverterNumbers(NamedTuple):
    """step : between levels, 0 without levels;  top : the largest level in steps;  bound : without levels, may be inf;
    stochastic : 1 or 0
    """

    step: float
    top: float
    bound: float
    stochastic: int


class Conversion:
    """The interface of a converter.

    bits : of its levels; 0: it has none
    draws : whether it rounds at random
    """

    bits: float = 0
    draws: bool = False

    def enob(self, noise_std: float) -> float:
        """Effective number of bits where what it converts has such noise; 0: it has no bits."""
        del noise_std
        return 0.0

    def numbers(self, dtype: type[np.floating]) -> ConverterNumbers:
        """What kernels take."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise ParameterError where a parameter cannot be."""


@dataclass(frozen=True, kw_only=True)
class Converter(Conversion):
    """A converter of evenly spaced levels, DAC or ADC.

    bits : resolution, 2 … 24 bits; log2(levels + 1), which need not be whole
    bound : largest magnitude that passes; a DAC's in input units, an ADC's in device units times input units
    rounding : to the level that is ``"nearest"``, or ``"stochastic"``, so that the mean is exact
    """

    bits: float = 8
    bound: float = 1.0
    rounding: Literal["nearest", "stochastic"] = "nearest"

    @property
    def step(self) -> float:
        """Distance between neighbouring levels, in the unit of the bound."""
        return self.bound / (2 ** (self.bits - 1) - 1)

    @property
    def draws(self) -> bool:
        return self.rounding == "stochastic"

    def enob(self, noise_std: float) -> float:
        """bits − ½ log₂(1 + 12 σ²/step²): noise σ beside that of rounding, step²/12; twice that where rounding is stochastic. 1 at least."""
        rounding = self.step**2 / (6 if self.draws else 12)
        return max(self.bits - 0.5 * math.log2(12 * (rounding + noise_std**2) / self.step**2), 1.0)

    def numbers(self, dtype: type[np.floating]) -> ConverterNumbers:
        top = 2 ** (self.bits - 1) - 1
        return ConverterNumbers(dtype(self.step), dtype(top), dtype(np.inf), int(self.draws))

    def check(self) -> None:
        require(self, "bits", "from 2 to 24", lambda v: 2 <= v <= 24)
        require_positive(self, "bound")
        if self.rounding not in ("nearest", "stochastic"):
            refuse(self, "rounding", "'nearest' or 'stochastic'")


@dataclass(frozen=True, kw_only=True)
class Clip(Conversion):
    """A converter with infinite resolution: only its bound, in the same units.

    bound : where the range ends, above 0
    """

    bound: float = 1.0

    def numbers(self, dtype: type[np.floating]) -> ConverterNumbers:
        return ConverterNumbers(dtype(0), dtype(0), dtype(self.bound), 0)

    def check(self) -> None:
        require_positive(self, "bound", endless=True)


NO_CONVERTER = Clip(bound=math.inf)


@kernel
def convert(p, row, n, draws):
    """row[:n] as it leaves a converter; draws (n,) uniform numbers, used by stochastic rounding only. NaN stays NaN."""
    if p.step > type(p.step)(0):
        step, top = p.step, p.top
        if p.stochastic != 0:
            for i in range(n):
                row[i] = np.floor(row[i] / step + draws[i])
        else:
            for i in range(n):
                row[i] = np.rint(row[i] / step)
        for i in range(n):
            v = row[i]
            v = top if v > top else v
            row[i] = (-top if v < -top else v) * step
    elif p.bound < type(p.step)(np.inf):
        bound = p.bound
        for i in range(n):
            v = row[i]
            v = bound if v > bound else v
            row[i] = -bound if v < -bound else v


@kernel
def is_saturated(p, row, n):
    """Whether one of row[:n], which has left a converter, is at its bound."""
    bound = p.top * p.step if p.step > type(p.step)(0) else p.bound
    count = 0
    for i in range(n):
        count += abs(row[i]) >= bound
    return count > 0


# ------------------------------------------------------------------------------------------------ scaling of the inputs


class ScalingNumbers(NamedTuple):
    """by_largest : 1 where a column is divided by its largest magnitude, 0 where by `divisor`."""

    by_largest: int
    divisor: float


class Scaling:
    """Digital scaling: inputs are divided before the DAC, and reads multiplied after the ADC."""

    def numbers(self, dtype: type[np.floating]) -> ScalingNumbers:
        """What kernels take."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise ParameterError where a parameter cannot be."""


@dataclass(frozen=True, kw_only=True)
class AbsMax(Scaling):
    """Noise management: each column of inputs is scaled to a largest magnitude of 1, digitally, and reads are scaled back."""

    def numbers(self, dtype: type[np.floating]) -> ScalingNumbers:
        return ScalingNumbers(1, dtype(1))


@dataclass(frozen=True, kw_only=True)
class Scaled(Scaling):
    """Every input is divided by one number, digitally, and reads are multiplied by it.

    divisor : what inputs are divided by before the DAC, positive [input units]
    """

    divisor: float = 1.0

    def numbers(self, dtype: type[np.floating]) -> ScalingNumbers:
        return ScalingNumbers(0, dtype(self.divisor))

    def check(self) -> None:
        require_positive(self, "divisor")


UNSCALED = Scaled(divisor=1.0)


@kernel
def divisor_of(p, row, n):
    """The divisor of a column of inputs; 0 for one that is all 0, which then reads as 0."""
    if p.by_largest == 0:
        return p.divisor
    largest = type(p.divisor)(0)
    for j in range(n):
        largest = max(largest, abs(row[j]))
    return largest


@dataclass(frozen=True, kw_only=True)
class Iterative:
    """Bound management: a column with an output at the ADC's bound is read again with half the input, and the result doubled.

    most : largest number of additional reads, 1 … 60; each has independent noise and is counted
    """

    most: int = 10

    def check(self) -> None:
        require_whole(self, "most", 1, 60)


# Names in tables
CONVERTERS: dict[str, type[Conversion]] = {"converter": Converter, "clip": Clip}
SCALINGS: dict[str, type[Scaling]] = {"abs-max": AbsMax, "scaled": Scaled}
