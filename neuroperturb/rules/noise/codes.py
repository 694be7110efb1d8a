"""Codes: deterministic orthogonal perturbations instead of random draws.

Over a frame of L slots the code of unit k obeys  Σ_s ξ_k(s) ξ_l(s) = L δ_kl  exactly, so that

    ĝ_k = (1/Lσ) Σ_s δL(s) ξ_k(s)  =  (1/L) Σ_s Σ_l g_l ξ_l(s) ξ_k(s)  =  g_k          on a linear system, δL = σ Σ_l g_l ξ_l

once per frame, whereas random noise leaves a cross-talk of variance (1/L) Σ_{l ≠ k} g_l². Three codes, in the terms of telecommunication:

    Walsh         code division        ξ_k(s) = c (−1)^{number of ones of (k & s)}       L = 2^⌈log₂(N + 1)⌉
    OneAtATime    time division        ξ_k(s) = ±√G where s ≡ group of k (mod G), else 0    L = G = ⌈N / size⌉
    Sinusoid      frequency division   ξ_k(s) = √2 sin(2π(k s/L + φ_k))                   L = 2 (N + 1)

k = 1 … N numbers everything that is perturbed: hidden units, then outputs; with weight noise the weights of W_in, W_rec, W_out, one
presynaptic unit after another. Slots run through the trials of a batch first and then through draws,
s = draw · B + trial: with one trial a code runs over time, with L trials or more over the batch, a whole frame at every draw.
The number of steps that a draw lasts is set by the clock (:mod:`neuroperturb.rules.axes.clock`).

Perturbation as a code: A. N. McCaughan et al., "Multiplexed gradient descent", APL Mach. Learn. 1, 026118 (2023),
arXiv:2303.03986. The functions: J. L. Walsh, Am. J. Math. 45, 5 (1923), in the order of Paley.

A code costs no more than a draw: 1 (Walsh) to 15 ns (Sinusoid) per element, no state.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from hardware_models.numerics import random
from hardware_models.numerics.compiled import kernel
from neuroperturb.rules.facts import Facts
from neuroperturb.rules.noise.law import NoiseLaw, NoiseSource

SHARED = 0xFF  # bits of a stream's number that are common to all layers


@kernel(forceinline=True)
def slot_of(source, number, row):
    """s of a row of draw `number`."""
    return number * source.place.batch + row // source.place.fan


@kernel(forceinline=True)
def first_of(source, row, size):
    """k − 1 of a row's first element."""
    return source.place.first + (row % source.place.fan) * size


# ----------------------------------------------------------------------------------------------------------------------


class WalshLaw(NamedTuple):
    """frame : L;  scrambled : 0 or 1"""

    frame: int
    scrambled: int


def frame_of_walsh(codes: int) -> int:
    """The power of two above the largest number of a code."""
    return 1 << int(codes).bit_length()


@kernel(forceinline=True)
def parity(v):
    """1 where a number below 2⁶² has an odd number of ones."""
    v ^= v >> 32
    v ^= v >> 16
    v ^= v >> 8
    v ^= v >> 4
    v ^= v >> 2
    v ^= v >> 1
    return v & 1


@kernel
def fill_walsh(source: NoiseSource, step: int, row: int, out: np.ndarray) -> None:
    T = type(out[0])
    s = slot_of(source, step, row) & (source.law.frame - 1)
    first, c = first_of(source, row, out.shape[0]) + 1, T(1)
    if source.law.scrambled == 1:
        c = random.rademacher_from_bits(random.bits(source.seed, source.stream & SHARED, step, 0, 0), out[0])
    for i in range(out.shape[0]):
        out[i] = c * T(1 - 2 * parity((first + i) & s))


class Walsh(NoiseLaw):
    """ξ_k(s) = c (−1)^{number of ones of (k & s)}: rows 1 … N of a Hadamard matrix of the next power of two, ±1.

    scrambled : c = ±1, one random bit per draw that all units and trials share. Orthogonality is preserved, and every unit's noise becomes
        white in time: autocovariance 0, mean 0. Without it, c = 1: unit k has the period of the power of two above k, low
        numbers are slow square waves, and the mean over a frame is exactly 0, so that a constant added to the loss drops out.
        Across the trials of one draw, the latter holds in both cases.
    """

    kind: Literal["walsh"] = "walsh"
    scrambled: bool = True
    kernel: ClassVar[object] = staticmethod(fill_walsh)
    facts: ClassVar[Facts] = Facts(separable=False)

    def law(self, codes: int) -> WalshLaw:
        return WalshLaw(frame_of_walsh(codes), int(self.scrambled))


# ----------------------------------------------------------------------------------------------------------------------


class TurnLaw(NamedTuple):
    """groups : G;  size : of a group;  height : √G"""

    groups: int
    size: int
    height: float


@kernel
def fill_turn(source: NoiseSource, step: int, row: int, out: np.ndarray) -> None:
    """Draw all signs, so that none depends on whose turn it is."""
    T, law = type(out[0]), source.law
    turn, first = slot_of(source, step, row) % law.groups, first_of(source, row, out.shape[0])
    random.fill_rademacher(source.seed, source.stream, step, row, out)
    height, zero = T(law.height), T(0)
    for i in range(out.shape[0]):
        out[i] = height * out[i] if (first + i) // law.size == turn else zero


class OneAtATime(NoiseLaw):
    """ξ_k(s) = ±√G in the slot of k's group, (k − 1) // size = s mod G, else 0; the sign is random.

    Mean 0, variance 1 over a frame of G = ⌈N / size⌉ slots, autocovariance 0. With `size` 1 it is coordinate descent.

    size : number of units, or weights, that are perturbed together; their signs are independent
    """

    kind: Literal["one_at_a_time"] = "one_at_a_time"
    size: int = Field(default=1, ge=1)
    kernel: ClassVar[object] = staticmethod(fill_turn)
    facts: ClassVar[Facts] = Facts(separable=False)

    def law(self, codes: int) -> TurnLaw:
        groups = -(-codes // self.size)
        return TurnLaw(groups, self.size, math.sqrt(groups))


# ----------------------------------------------------------------------------------------------------------------------


class SinusoidLaw(NamedTuple):
    """frame : L"""

    frame: int


@kernel
def fill_sinusoid(source: NoiseSource, step: int, row: int, out: np.ndarray) -> None:
    T, frame = type(out[0]), source.law.frame
    s, first = slot_of(source, step, row) % frame, first_of(source, row, out.shape[0]) + 1
    random.fill_uniform(source.seed, source.stream, 0, row % source.place.fan, out)  # phases: the same for all slots
    for i in range(out.shape[0]):
        turns = (first + i) * s % frame / frame + float(out[i])
        out[i] = T(math.sqrt(2.0) * math.sin(2.0 * math.pi * turns))


class Sinusoid(NoiseLaw):
    """ξ_k(s) = √2 sin(2π(k s/L + φ_k)), L = 2 (N + 1): a separate frequency, k/L per slot, and a random phase.

    Mean 0, variance 1, autocovariance cos(2π k t/L). Multiplying the loss by ξ_k and summing over a frame is a lock-in amplifier;
    the clock does the summation (:class:`neuroperturb.rules.axes.clock.Clock`).
    """

    kind: Literal["sinusoid"] = "sinusoid"
    kernel: ClassVar[object] = staticmethod(fill_sinusoid)
    facts: ClassVar[Facts] = Facts(separable=False)

    def law(self, codes: int) -> SinusoidLaw:
        return SinusoidLaw(2 * (codes + 1))
