"""Noise source: the law of one draw ξ, of mean 0 and variance 1."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from hardware_models import random
from hardware_models.compiled import kernel
from neuroperturb.spec import Spec


class Gaussian(Spec):
    """ξ ~ N(0, 1)."""

    kind: Literal["gaussian"] = "gaussian"


class Rademacher(Spec):
    """ξ = ±1 with equal probability: one random bit."""

    kind: Literal["rademacher"] = "rademacher"


class Uniform(Spec):
    """ξ uniform on (−√3, √3)."""

    kind: Literal["uniform"] = "uniform"


class Source(NamedTuple):
    """Where the draws of one layer come from: a key of the random generator, or numbers recorded elsewhere.

    seed, stream : the key;  values : (steps, rows, units) recorded standard draws, (1, 1, 1) where there are none
    """

    seed: int
    stream: int
    values: np.ndarray


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
def fill_recorded(source, step, row, out):
    """The recorded draw: how a case computed elsewhere is replayed through the kernels that train."""
    values = source.values[step, row]
    for i in range(out.shape[0]):
        out[i] = values[i]


FILL = {"gaussian": fill_gaussian, "rademacher": fill_rademacher, "uniform": fill_uniform}
