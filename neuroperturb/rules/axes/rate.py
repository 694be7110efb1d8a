"""Learning-rate schedules: the factor on η as a function of the completed fraction p of the run."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from hardware_models.numerics.compiled import kernel
from neuroperturb.rules.facts import AxisValue, Scales
from neuroperturb.rules.formula.signatures import Nothing


class Rate(AxisValue):
    """A value of this axis.

    kernel : (params, done) -> factor
    """

    kernel: ClassVar[object]

    def numbers(self, scales: Scales | None = None) -> tuple:
        """Parameters of the kernel, float64 in every run."""
        del scales
        return Nothing()

    def factor(self, done: float) -> float:
        """The factor on η after a fraction `done` of the run."""
        return self.kernel(self.numbers(), done)


class FinalNumbers(NamedTuple):
    """final : f"""

    final: float


@kernel
def constant_factor(params: NamedTuple, done: float) -> float:
    return 1.0


@kernel
def cosine_factor(params: FinalNumbers, done: float) -> float:
    final = params.final
    return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * done))


@kernel
def exponential_factor(params: FinalNumbers, done: float) -> float:
    return params.final**done


class Constant(Rate):
    """η(p) = η."""

    kind: Literal["constant"] = "constant"
    kernel: ClassVar[object] = staticmethod(constant_factor)


class Cosine(Rate):
    """η(p) = η (f + (1 − f)(1 + cos πp)/2), from η to f η.

    final : f, in [0, 1], the part of η that is left at the end.
    """

    kind: Literal["cosine"] = "cosine"
    final: float = Field(default=0.0, ge=0, le=1)
    kernel: ClassVar[object] = staticmethod(cosine_factor)

    def numbers(self, scales: Scales | None = None) -> FinalNumbers:
        return FinalNumbers(self.final)


class Exponential(Rate):
    """η(p) = η fᵖ, from η to f η.

    final : f, in (0, 1], the part of η that is left at the end.
    """

    kind: Literal["exponential"] = "exponential"
    final: float = Field(default=0.01, gt=0, le=1)
    kernel: ClassVar[object] = staticmethod(exponential_factor)

    def numbers(self, scales: Scales | None = None) -> FinalNumbers:
        return FinalNumbers(self.final)


AnyRate = Annotated[Constant | Cosine | Exponential, Field(discriminator="kind")]
