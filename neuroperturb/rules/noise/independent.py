"""Noise source: the law of one draw ξ, of mean 0 and variance 1. Independent draws here; others have rooms of their own.

    Gaussian, Rademacher, Uniform, Sparse                    independent in every respect: autocovariance 0
    Walsh, OneAtATime, Sinusoid                              orthogonal over a frame (:mod:`neuroperturb.rules.noise.codes`)
    OrnsteinUhlenbeck, Telegraph                             correlated in time (:mod:`neuroperturb.rules.noise.correlated`)

Every draw is a function of the seed, the layer's stream, the number of the draw, the trial and the unit or synapse: there is no
state, and nothing to store.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field

from hardware_models.numerics import random
from hardware_models.numerics.compiled import kernel
from neuroperturb.rules.formula.signatures import Nothing
from neuroperturb.rules.noise.codes import OneAtATime, Place, Sinusoid, Walsh, fill_sinusoid, fill_turn, fill_walsh
from neuroperturb.rules.noise.correlated import OrnsteinUhlenbeck, Telegraph, fill_ornstein_uhlenbeck, fill_telegraph
from neuroperturb.spec import Spec


class Gaussian(Spec):
    """ξ ~ N(0, 1)."""

    kind: Literal["gaussian"] = "gaussian"

    def law(self, codes: int) -> Nothing:
        return Nothing()


class Rademacher(Spec):
    """ξ = ±1 with equal probability: one random bit."""

    kind: Literal["rademacher"] = "rademacher"

    def law(self, codes: int) -> Nothing:
        return Nothing()


class Uniform(Spec):
    """ξ uniform on (−√3, √3)."""

    kind: Literal["uniform"] = "uniform"

    def law(self, codes: int) -> Nothing:
        return Nothing()


class Sparse(Spec):
    """ξ = ±1/√p with probability p/2 each, else 0: a share p of the units is perturbed at a time, whichever.

    share : p, in (0, 1]; at 1 it is `Rademacher`
    """

    kind: Literal["sparse"] = "sparse"
    share: float = Field(0.2, gt=0, le=1)

    def law(self, codes: int) -> SparseLaw:
        return SparseLaw(self.share, 1 / math.sqrt(self.share))


class SparseLaw(NamedTuple):
    """share : p;  height : 1/√p"""

    share: float
    height: float


Noise = Gaussian | Rademacher | Uniform | Sparse | Walsh | OneAtATime | Sinusoid | OrnsteinUhlenbeck | Telegraph


class Source(NamedTuple):
    """Where the draws of one layer come from: a key of the random generator, or numbers recorded elsewhere.

    seed, stream : the key;  values : (steps, rows, units) recorded standard draws, (1, 1, 1) where there are none
    place : of the layer among all that is perturbed;  law : numbers of the law
    scratch : (2, units) room for a law that needs it
    """

    seed: int
    stream: int
    values: np.ndarray
    place: Place = Place()
    law: NamedTuple = Nothing()
    scratch: np.ndarray = np.zeros((2, 1))


@kernel
def fill_gaussian(source, step, row, out):
    random.fill_normal(source.seed, source.stream, step, row, out)


@kernel
def fill_rademacher(source, step, row, out):
    random.fill_rademacher(source.seed, source.stream, step, row, out)


@kernel
def fill_uniform(source, step, row, out):
    random.fill_uniform_symmetric(source.seed, source.stream, step, row, out)


@kernel
def fill_sparse(source, step, row, out):
    """The lower half of the share is −, the upper half +, and what lies between is still."""
    random.fill_uniform(source.seed, source.stream, step, row, out)
    T = type(out[0])
    height, low, high = T(source.law.height), T(0.5 * source.law.share), T(1.0 - 0.5 * source.law.share)
    for i in range(out.shape[0]):
        out[i] = height if out[i] > high else (-height if out[i] < low else T(0))


@kernel
def fill_recorded(source, step, row, out):
    """The recorded draw: how a case computed elsewhere is replayed through the kernels that train."""
    values = source.values[step, row]
    for i in range(out.shape[0]):
        out[i] = values[i]


FILL = {
    "gaussian": fill_gaussian,
    "rademacher": fill_rademacher,
    "uniform": fill_uniform,
    "sparse": fill_sparse,
    "walsh": fill_walsh,
    "one_at_a_time": fill_turn,
    "sinusoid": fill_sinusoid,
    "ornstein_uhlenbeck": fill_ornstein_uhlenbeck,
    "telegraph": fill_telegraph,
}
