"""Noise of a unit that is held about as long as the unit remembers:   ξ_i(t) = draw number ⌊t/h_i⌋,   h_i = 2^k ≥ least, near s τ_i.

A unit with time constant τ_i averages what perturbs it over τ_i steps: noise that is new at every step cancels, and each of its draws is
one more direction for a reward that comes late to be shared among. Held for a share s of τ_i, the same steps have T Σ 1/h_i directions
instead of T n. Powers of two, so that few lengths occur. Between two draws a synapse is credited at every step, with the activity of that step.
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from hardware_models.numerics import random
from hardware_models.numerics.compiled import kernel
from neuroperturb.rules.facts import Facts
from neuroperturb.rules.noise.law import NoiseLaw, NoiseSource


class HeldLaw(NamedTuple):
    """lengths : (units,) h_i;  different : the lengths that occur"""

    lengths: np.ndarray
    different: np.ndarray


@kernel
def fill_remembered(source: NoiseSource, step: int, row: int, out: np.ndarray) -> None:
    law, fresh = source.law, source.scratch[0]
    for length in law.different:
        random.fill_normal(source.seed, source.stream, step - step % length, row, fresh)
        for i in range(out.shape[0]):
            if law.lengths[i] == length:
                out[i] = fresh[i]


class Remembered(NoiseLaw):
    """Gaussian noise of variance 1, held for about a share of its unit's time constant.

    share : s > 0, of the time constant 1/α of the unit
    least : steps that noise is held at least, of units without memory too (the outputs); a power of two is kept
    """

    kind: Literal["remembered"] = "remembered"
    share: float = Field(default=0.5, gt=0)
    least: int = Field(default=1, ge=1)
    kernel: ClassVar[object] = staticmethod(fill_remembered)
    remembers: ClassVar[bool] = True
    facts: ClassVar[Facts] = Facts(separable=False)

    def law_of(self, codes: int, taus: np.ndarray) -> HeldLaw:
        del codes
        wanted = np.maximum(self.share * taus, self.least)
        lengths = (2 ** np.maximum(0, np.round(np.log2(wanted)))).astype(np.int64)
        return HeldLaw(lengths, np.unique(lengths))
