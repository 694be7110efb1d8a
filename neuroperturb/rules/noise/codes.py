"""Codes: perturbations that are laid out so as not to disturb one another, instead of drawn.

Over a frame of L slots the code of unit k obeys  Σ_s ξ_k(s) ξ_l(s) = L δ_kl  exactly, so that

    ĝ_k = (1/Lσ) Σ_s δL(s) ξ_k(s)  =  (1/L) Σ_s Σ_l g_l ξ_l(s) ξ_k(s)  =  g_k          on a linear system, δL = σ Σ_l g_l ξ_l

once per frame, where random noise leaves a cross-talk of variance (1/L) Σ_{l ≠ k} g_l². Three codes, in the words of communication:

    Walsh         code division        ξ_k(s) = c (−1)^{number of ones of (k & s)}       L = 2^⌈log₂(N + 1)⌉
    OneAtATime    time division        ξ_k(s) = ±√G where s ≡ group of k (mod G), else 0    L = G = ⌈N / size⌉
    Sinusoid      frequency division   ξ_k(s) = √2 sin(2π(k s/L + φ_k))                   L = 2 (N + 1)

k = 1 … N counts whatever is perturbed: hidden units, then outputs; with weight noise the weights of W_in, W_rec, W_out, one
presynaptic unit after another. Slots are counted through the trials of a batch first and then through draws,
s = draw · B + trial: with one trial a code runs over time, with L trials or more over the batch, a whole frame at every draw.
How many steps a draw lasts is a matter of the clock (:mod:`neuroperturb.rules.axes.clock`).

Perturbation as a code: A. N. McCaughan et al., "Multiplexed gradient descent", APL Mach. Learn. 1, 026118 (2023),
arXiv:2303.03986. The functions: J. L. Walsh, Am. J. Math. 45, 5 (1923), in the order of Paley.

A code costs no more than a draw: 1 (Walsh) to 15 ns (Sinusoid) an element, no state.
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

SHARED = 0xFF  # of a stream's number, what all layers have in common


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

    scrambled : c = ±1, one random bit a draw that all units and trials share. Orthogonality stays, and every unit's noise becomes
        white in time: autocovariance 0, mean 0. Without, c = 1: unit k repeats itself after the power of two above k, its low
        numbers are slow square waves, and over a frame its mean is exactly 0, so that a constant added to the loss drops out.
        Across trials at one draw both are so.
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
    """All signs are drawn, so that one does not depend on whose turn it is."""
    T, law = type(out[0]), source.law
    turn, first = slot_of(source, step, row) % law.groups, first_of(source, row, out.shape[0])
    random.fill_rademacher(source.seed, source.stream, step, row, out)
    height, zero = T(law.height), T(0)
    for i in range(out.shape[0]):
        out[i] = height * out[i] if (first + i) // law.size == turn else zero


class OneAtATime(NoiseLaw):
    """ξ_k(s) = ±√G where it is the turn of k's group, (k − 1) // size = s mod G, else 0; the sign is random.

    Mean 0, variance 1 over a frame of G = ⌈N / size⌉ slots, autocovariance 0. With `size` 1 coordinate descent.

    size : units, or weights, that are perturbed together; their signs are independent
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
    random.fill_uniform(source.seed, source.stream, 0, row % source.place.fan, out)  # phases: the same for ever
    for i in range(out.shape[0]):
        turns = (first + i) * s % frame / frame + float(out[i])
        out[i] = T(math.sqrt(2.0) * math.sin(2.0 * math.pi * turns))


class Sinusoid(NoiseLaw):
    """ξ_k(s) = √2 sin(2π(k s/L + φ_k)), L = 2 (N + 1): a frequency for each, k/L of a slot's, and a random phase.

    Mean 0, variance 1, autocovariance cos(2π k t/L). Multiplying the loss by ξ_k and summing over a frame is a lock-in amplifier;
    the sum is the clock's (:class:`neuroperturb.rules.axes.clock.Clock`).
    """

    kind: Literal["sinusoid"] = "sinusoid"
    kernel: ClassVar[object] = staticmethod(fill_sinusoid)
    facts: ClassVar[Facts] = Facts(separable=False)

    def law(self, codes: int) -> SinusoidLaw:
        return SinusoidLaw(2 * (codes + 1))
