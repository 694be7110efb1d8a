"""Independent draws: Gaussian, Rademacher, Uniform, Sparse.

Their autocovariance is 0, between units, trials and times. Draws that are orthogonal over a frame are in
:mod:`neuroperturb.rules.noise.codes`, those correlated in time in :mod:`neuroperturb.rules.noise.correlated`.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from hardware_models.numerics import random, random_lanes
from hardware_models.numerics.compiled import kernel
from neuroperturb.rules.facts import BrianText, Facts
from neuroperturb.rules.noise.law import NoiseLaw, NoiseSource


@kernel
def fill_gaussian(source: NoiseSource, step: int, row: int, out: np.ndarray) -> None:
    random.fill_normal(source.seed, source.stream, step, row, out)


@kernel
def fill_gaussian_lanes(source: NoiseSource, step: int, out: np.ndarray) -> None:
    random_lanes.fill_normal_lanes(source.seed, source.stream, step, out)


class Gaussian(NoiseLaw):
    """ξ ~ N(0, 1)."""

    kind: Literal["gaussian"] = "gaussian"
    kernel: ClassVar[object] = staticmethod(fill_gaussian)
    lanes: ClassVar[object] = staticmethod(fill_gaussian_lanes)
    facts: ClassVar[Facts] = Facts(brian=BrianText())


@kernel
def fill_rademacher(source: NoiseSource, step: int, row: int, out: np.ndarray) -> None:
    random.fill_rademacher(source.seed, source.stream, step, row, out)


@kernel
def fill_rademacher_lanes(source: NoiseSource, step: int, out: np.ndarray) -> None:
    random_lanes.fill_rademacher_lanes(source.seed, source.stream, step, out)


class Rademacher(NoiseLaw):
    """ξ = ±1 with equal probability: one random bit."""

    kind: Literal["rademacher"] = "rademacher"
    kernel: ClassVar[object] = staticmethod(fill_rademacher)
    lanes: ClassVar[object] = staticmethod(fill_rademacher_lanes)


@kernel
def fill_uniform(source: NoiseSource, step: int, row: int, out: np.ndarray) -> None:
    random.fill_uniform_symmetric(source.seed, source.stream, step, row, out)


class Uniform(NoiseLaw):
    """ξ uniform on (−√3, √3)."""

    kind: Literal["uniform"] = "uniform"
    kernel: ClassVar[object] = staticmethod(fill_uniform)


class SparseLaw(NamedTuple):
    """share : p;  height : 1/√p"""

    share: float
    height: float


@kernel
def fill_sparse(source: NoiseSource, step: int, row: int, out: np.ndarray) -> None:
    """The lowest p/2 of the uniform draws are −, the highest p/2 +, and those in between 0."""
    random.fill_uniform(source.seed, source.stream, step, row, out)
    T = type(out[0])
    height, low, high = T(source.law.height), T(0.5 * source.law.share), T(1.0 - 0.5 * source.law.share)
    for i in range(out.shape[0]):
        out[i] = height if out[i] > high else (-height if out[i] < low else T(0))


class Sparse(NoiseLaw):
    """ξ = ±1/√p with probability p/2 each, else 0: a random share p of the units is perturbed at a time.

    share : p, in (0, 1]; at 1 it is `Rademacher`
    """

    kind: Literal["sparse"] = "sparse"
    share: float = Field(default=0.2, gt=0, le=1)
    kernel: ClassVar[object] = staticmethod(fill_sparse)

    def law(self, codes: int) -> SparseLaw:
        return SparseLaw(self.share, 1 / math.sqrt(self.share))
