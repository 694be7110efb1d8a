"""Neuron circuits: activations that differ between neurons, input noise, and quantised states.

    f_i(a) = s_i tanh(k_i (g_i a − m_i + σ ν)) − d_i                        ν standard normal, drawn for every read of a unit
    x_i   ← round((1 − α_i) x_i + α_i f_i(a_i))                             to the nearest of the levels a state can have

    g = |1 + gain_std ξ|     s = |1 + saturation_std ξ|     m = midpoint_std ξ
    k = |1 + slope_std ξ|                                   d = offset_std ξ

Spread is drawn once per chip, ξ standard normal for each unit and parameter. Midpoint, offset, slope and amplitude are the four
parameters that A. N. McCaughan et al., "Multiplexed gradient descent", APL Mach. Learn. 1, 026118 (2023), arXiv:2303.03986, let
differ between neurons; another activation may take the place of tanh. The gain g is of the stage before the noise enters, so that it
is not the same as the slope. A state of n bits has the 2ⁿ − 1 levels k/(2ⁿ⁻¹ − 1), |k| ≤ 2ⁿ⁻¹ − 1: what is beyond ±1 is clipped.

Draws are keyed by firing, column and unit: parallel passes have independent noise. With every strength at 0 a unit is
x ← (1 − α) x + α tanh(a), bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hardware_models.numerics import maths, memory, random
from hardware_models.numerics.checks import refuse, require_not_negative, require_spread
from hardware_models.numerics.compiled import kernel, separate
from hardware_models.numerics.per_unit import of_unit

MOST_BITS = 16
NOISE, SPREAD = 0, 1  # index of the two streams of a layer of neurons: array numbers 2 · layer + this

fill_normal = separate(random.fill_normal)


class Spread(IntEnum):
    """Address of each draw of the spread, so that switching one on does not change the others."""

    GAIN = 0
    MIDPOINT = 1
    SLOPE = 2
    SATURATION = 3
    OFFSET = 4


class NeuronState(NamedTuple):
    """A layer of n neurons for kernels.

    gain, midpoint, slope, saturation, offset : (n,) of every unit
    noise_std; level : distance between levels of the state, 0 if there are none;  levels : the largest
    seed, stream : key of the noise;  fired : (1,) int64, times the layer has fired
    scratch : (n,) one column's noise
    """

    gain: np.ndarray
    midpoint: np.ndarray
    slope: np.ndarray
    saturation: np.ndarray
    offset: np.ndarray
    noise_std: float
    level: float
    levels: float
    seed: int
    stream: int
    fired: np.ndarray
    scratch: np.ndarray


@lru_cache
def make_activate(value):
    """activate(neurons, a, leak, keep, x), one column: x ← (1 − α) x + α f_i(a), with `value` in place of tanh; a difference keeps the
    sign of a zero where a sum would lose it.
    """

    @kernel
    def activate(neurons, a, leak, keep, x):
        g, m, k, s, d = neurons.gain, neurons.midpoint, neurons.slope, neurons.saturation, neurons.offset
        sigma, nu = neurons.noise_std, neurons.scratch
        for i in range(x.shape[0]):
            drive = k[i] * (g[i] * a[i] - (m[i] - sigma * nu[i]))
            x[i] = of_unit(keep, i) * x[i] + of_unit(leak, i) * (s[i] * value(drive) - d[i])

    return activate


@kernel
def round_state(x, level, levels):
    half = type(level)(0.5)
    for i in range(x.shape[0]):
        k = np.floor(x[i] / level + half)
        k = levels if k > levels else k  # NaN stays visible
        x[i] = (-levels if k < -levels else k) * level


@lru_cache
def make_fire(value):
    """fire(neurons, a, leak, keep, x): every column (K, n) of pre-activations a moves its states x; one firing of the layer."""
    activate = make_activate(value)

    @kernel
    def fire(neurons, a, leak, keep, x):
        noisy, level = neurons.noise_std != 0, neurons.level
        for k in range(x.shape[0]):
            if noisy:
                fill_normal(neurons.seed, neurons.stream, neurons.fired[0], k, neurons.scratch)
            activate(neurons, a[k], leak, keep, x[k])
            if level > 0:
                round_state(x[k], level, neurons.levels)
        neurons.fired[0] += 1

    return fire


fire = make_fire(maths.tanh)


@dataclass(frozen=True, kw_only=True)
class Neurons:
    """A layer of neurons; names ending in ``_std`` are standard deviations between units, `noise_std` excepted.

    gain_std : spread between units of the gain before the noise, relative
    midpoint_std : spread between units of the input at which the activation is at its centre [pre-activation units]
    slope_std : spread between units of the slope of the tanh, relative
    saturation_std : spread between units of the amplitude of the tanh, relative
    offset_std : spread between units of the offset subtracted from the output [state units]
    noise_std : input-referred noise of every unit, column and step [pre-activation units]
    state_bits : resolution of a state within ±1, 2 … 16 bits; 0: any state

    Examples
    --------
    >>> neurons = Neurons(slope_std=0.1, midpoint_std=0.05, noise_std=0.01)
    >>> layer = neurons.state(100, seed=1)
    >>> print(f"{layer.slope[:100].mean():.3f} ± {layer.slope[:100].std():.3f}")
    1.027 ± 0.097
    """

    gain_std: float = 0.0
    midpoint_std: float = 0.0
    slope_std: float = 0.0
    saturation_std: float = 0.0
    offset_std: float = 0.0
    noise_std: float = 0.0
    state_bits: int = 0

    def state(self, size: int, seed: int, *, layer: int = 0, dtype=np.float32) -> NeuronState:
        """Fabricate a layer of `size` units of chip `seed`."""
        dtype = np.dtype(dtype)
        spread = lambda quantity, std: std * self._normal(quantity, size, seed, layer)  # noqa: E731
        place = lambda values: memory.place(values, dtype)  # noqa: E731
        levels = 2 ** (self.state_bits - 1) - 1 if self.state_bits else 0
        return NeuronState(
            gain=place(np.abs(1 + spread(Spread.GAIN, self.gain_std))), midpoint=place(spread(Spread.MIDPOINT, self.midpoint_std)),
            slope=place(np.abs(1 + spread(Spread.SLOPE, self.slope_std))),
            saturation=place(np.abs(1 + spread(Spread.SATURATION, self.saturation_std))),
            offset=place(spread(Spread.OFFSET, self.offset_std)), noise_std=dtype.type(self.noise_std),
            level=dtype.type(1 / levels if levels else 0), levels=dtype.type(levels), seed=int(seed),
            stream=random.stream(random.Stream.NEURON, 2 * layer + NOISE), fired=np.zeros(1, np.int64),
            scratch=memory.zeros((size,), dtype),
        )  # fmt: skip

    def _normal(self, quantity: Spread, size: int, seed: int, layer: int) -> np.ndarray:
        stream = random.stream(random.Stream.NEURON, 2 * layer + SPREAD)
        return random.normal(seed, stream, int(quantity), size, np.float64)

    def check(self) -> None:
        require_not_negative(self, "midpoint_std offset_std noise_std")
        require_spread(self, "gain_std slope_std saturation_std")
        bits = self.state_bits
        if not isinstance(bits, int) or bits not in (0, *range(2, MOST_BITS + 1)):
            refuse(self, "state_bits", f"0, or a whole number from 2 to {MOST_BITS}")
