"""Learning-rate schedules: the factor on η as a function of the fraction p of the run that is done."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from hardware_models.numerics.compiled import kernel
from neuroperturb.spec import Spec


class Constant(Spec):
    """η(p) = η."""

    kind: Literal["constant"] = "constant"


class Cosine(Spec):
    """η(p) = η (f + (1 − f)(1 + cos πp)/2), from η to f η.

    final : f, in [0, 1].
    """

    kind: Literal["cosine"] = "cosine"
    final: float = Field(0.0, ge=0, le=1)


class Exponential(Spec):
    """η(p) = η fᵖ, from η to f η.

    final : f, in (0, 1].
    """

    kind: Literal["exponential"] = "exponential"
    final: float = Field(0.01, gt=0, le=1)


@kernel
def constant_factor(final, done):
    return 1.0


@kernel
def cosine_factor(final, done):
    return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * done))


@kernel
def exponential_factor(final, done):
    return final**done


FACTOR = {"constant": constant_factor, "cosine": cosine_factor, "exponential": exponential_factor}
