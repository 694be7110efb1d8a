"""Noise correlated in time: draws of one unit at different times are correlated, but any of them can be drawn directly.

    OrnsteinUhlenbeck   Gaussian              E ξ(s) ξ(s + t) = e^{−t/τ}
    Telegraph           two levels            E ξ(s) ξ(s + t) = e^{−t (1/up + 1/down)}

t counts draws. Both are Markov: between two times at which it is known, the process depends on nothing else. So it is constructed from
coarse to fine, as P. Lévy built Brownian motion: independent values every 2^M draws, then the midpoint of two neighbours given both,
and so on until the requested draw is reached. The value at each time comes from its own keyed random number.

    middle of l and r, both h away, c = e^{−h/τ}       ξ = c (l + r)/(1 + c²) + √((1 − c²)/(1 + c²)) z
                                                       P(up | l, r) = P_h(up | l) P_h(r | up) / P_2h(r | l)

These are the exact conditional laws; the only truncation is that values 2^M draws apart, whose correlation is at most 1e-12, are
treated as independent. A draw costs at most M + 2 keyed numbers, log₂ of 28 relaxation times and two: 7 for τ = 1 and 14 for
τ = 100. No state is stored, and memory does not grow.

D. T. Gillespie, Phys. Rev. E 54, 2084 (1996), doi:10.1103/PhysRevE.54.2084; S. Machlup, J. Appl. Phys. 25, 341 (1954),
doi:10.1063/1.1721637.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from hardware_models.numerics import random
from hardware_models.numerics.compiled import kernel
from neuroperturb.rules.facts import Facts
from neuroperturb.rules.noise.law import NoiseLaw, NoiseSource

FORGOTTEN = 28.0  # relaxation times after which a correlation is below 1e-12
LONGEST = 1e6  # relaxation time, in draws


class MemoryLaw(NamedTuple):
    """span : 2^M, draws between independent values;  rate : decay rate per draw;  share : fraction of time at the upper level"""

    span: int
    rate: float
    share: float


def span_of(rate: float) -> int:
    """The power of two of draws after which values are independent."""
    return 1 << max(0, math.ceil(math.log2(FORGOTTEN / rate)))


@kernel
def keep(row, room):
    for i in range(row.shape[0]):
        room[i] = row[i]


@lru_cache
def make_bridged(fill, begin, between):
    """fill(source, step, row, out) of a Markov process: `fill` draws, `begin` gives an independent value, `between` a midpoint.

    begin(law, row);  between(law, h, left, right, row): row holds draws before, values after
    """

    @kernel
    def fill_bridged(source: NoiseSource, step: int, row: int, out: np.ndarray) -> None:
        seed, stream, law = source.seed, source.stream, source.law
        left, right, half = source.scratch[0], source.scratch[1], law.span // 2
        at = step - step % law.span
        fill(seed, stream, at, row, out)
        begin(law, out)
        if step != at:
            keep(out, left)
            fill(seed, stream, at + law.span, row, out)
            begin(law, out)
            keep(out, right)
        while step != at:
            fill(seed, stream, at + half, row, out)
            between(law, half, left, right, out)
            if step >= at + half:
                at += half
                keep(out, left)
            else:
                keep(out, right)
            half //= 2

    return fill_bridged


@kernel
def begin_normal(law, row):
    pass


@kernel
def between_normal(law, half, left, right, row):
    T, lost = type(row[0]), -math.expm1(-2.0 * half * law.rate)  # 1 − c²
    pull, push = T(math.exp(-half * law.rate) / (2.0 - lost)), T(math.sqrt(lost / (2.0 - lost)))
    for i in range(row.shape[0]):
        row[i] = pull * (left[i] + right[i]) + push * row[i]


@kernel
def begin_level(law, row):
    """Draws are uniform; values 1 above, 0 below."""
    T = type(row[0])
    share = T(law.share)
    for i in range(row.shape[0]):
        row[i] = T(1) if row[i] < share else T(0)


@kernel
def chance_up(law, half, left, right):
    """P(up | l, r) of the middle, l and r in {0, 1}."""
    c = math.exp(-half * law.rate)
    up = law.share + (left - law.share) * c  # P_h(up | l)
    from_up, from_down = law.share + (1.0 - law.share) * c, law.share - law.share * c  # P_h(up | ·)
    if right == 0:
        from_up, from_down = 1.0 - from_up, 1.0 - from_down
    return up * from_up / (up * from_up + (1.0 - up) * from_down)


@kernel
def between_levels(law, half, left, right, row):
    T = type(row[0])
    neither, only_right = T(chance_up(law, half, 0, 0)), T(chance_up(law, half, 0, 1))
    only_left, both = T(chance_up(law, half, 1, 0)), T(chance_up(law, half, 1, 1))
    for i in range(row.shape[0]):
        from_below = only_right if right[i] == T(1) else neither
        from_above = both if right[i] == T(1) else only_left
        row[i] = T(1) if row[i] < (from_above if left[i] == T(1) else from_below) else T(0)


fill_ornstein_uhlenbeck = make_bridged(random.fill_normal, begin_normal, between_normal)


class OrnsteinUhlenbeck(NoiseLaw):
    """Gaussian noise of mean 0, variance 1 and autocovariance e^{−t/τ}.

    tau : τ > 0, relaxation time, in draws
    """

    kind: Literal["ornstein_uhlenbeck"] = "ornstein_uhlenbeck"
    tau: float = Field(default=10.0, gt=0, le=LONGEST)
    kernel: ClassVar[object] = staticmethod(fill_ornstein_uhlenbeck)
    remembers: ClassVar[bool] = True
    facts: ClassVar[Facts] = Facts(separable=False)

    def law(self, codes: int) -> MemoryLaw:
        return MemoryLaw(span_of(1 / self.tau), 1 / self.tau, 0.5)


_fill_level = make_bridged(random.fill_uniform, begin_level, between_levels)


@kernel
def fill_telegraph(source: NoiseSource, step: int, row: int, out: np.ndarray) -> None:
    _fill_level(source, step, row, out)
    T, share = type(out[0]), source.law.share
    up, down = T(math.sqrt((1.0 - share) / share)), T(-math.sqrt(share / (1.0 - share)))
    for i in range(out.shape[0]):
        out[i] = up if out[i] == T(1) else down


class Telegraph(NoiseLaw):
    """A stochastic magnetic tunnel junction: two levels with exponentially distributed dwell times.

    Mean 0, variance 1: with p = up/(up + down) the levels are √((1 − p)/p) and −√(p/(1 − p)), ±1 for equal dwell times.
    Autocovariance e^{−t (1/up + 1/down)}. A junction is read once per draw; its state in between has no effect.

    up : mean dwell time of the upper level, in draws;  down : of the lower level, in draws
    """

    kind: Literal["telegraph"] = "telegraph"
    up: float = Field(default=5.0, gt=0, le=LONGEST)
    down: float = Field(default=5.0, gt=0, le=LONGEST)
    kernel: ClassVar[object] = staticmethod(fill_telegraph)
    remembers: ClassVar[bool] = True
    facts: ClassVar[Facts] = Facts(separable=False)

    def law(self, codes: int) -> MemoryLaw:
        rate = 1 / self.up + 1 / self.down
        return MemoryLaw(span_of(rate), rate, self.up / (self.up + self.down))
