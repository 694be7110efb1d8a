r"""Hardware-aware training: passes through weights as another array will hold them, updates of the weights themselves.

    modifier = { kind = "additive", std = 0.05 }           or  [modifier]  kind = "programming"

Every training sequence (a batch) draws the weights of W_in, W_rec and W_out anew, and all that is computed from them in that sequence,
clean and perturbed passes, gradients and estimates, is of the drawn weights W + ξ(W); what is learnt is added to W. Evaluations use W.
The weights are trained on a computer, for arrays that are programmed later (`deploy`, `age`). With w the largest |W| of the matrix:

    "additive"         ξ = std w ζ                          V. Joshi et al., Nat. Commun. 11, 2473 (2020), doi:10.1038/s41467-020-16108-9
    "multiplicative"   ξ = std |W| ζ
    "programming"      W + ξ is what a pair of phase-change cells holds after programming, :class:`hardware_models.PCMLike`
    "drop-connect"     ξ = −W with a probability, else 0    L. Wan et al., ICML 2013

ζ standard normal. Draws: stream MODIFIER, keyed by sequence, matrix and weight.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

import hardware_models as hw
from hardware_models.numerics import random
from neuroperturb.spec import Spec

MOST_SPREAD = 1.0  # of what is no mistaken percentage


class WeightModifier(Spec):
    """A way in which weights are other than those that are trained."""

    def modified(self, W: np.ndarray, draw: Draw) -> np.ndarray:
        """W + ξ of a matrix, float64."""
        raise NotImplementedError


class Draw:
    """Draws for the matrix `number` of one sequence; what : of several numbers a weight."""

    def __init__(self, seed: int, number: int, sequence: int, shape: tuple[int, int]):
        self._address = seed, random.stream(random.Stream.MODIFIER, number), sequence
        self._shape = shape

    def normal(self, what: int = 0) -> np.ndarray:
        """Standard normal numbers, one a weight."""
        return self._of(random.normal, what)

    def uniform(self, what: int = 0) -> np.ndarray:
        """Numbers in (0, 1), one a weight."""
        return self._of(random.uniform, what)

    def _of(self, distribution: Any, what: int) -> np.ndarray:
        m, n = self._shape
        return distribution(*self._address, ((what + 1) * m, n), np.float64)[what * m :]


class Additive(WeightModifier):
    """Noise of the same size on all weights.

    std : standard deviation over the largest |weight| of the matrix, 0 … 1
    """

    kind: Literal["additive"] = "additive"
    std: float = Field(default=0.05, ge=0, le=MOST_SPREAD)

    def modified(self, W: np.ndarray, draw: Draw) -> np.ndarray:
        return W + self.std * np.abs(W).max() * draw.normal()


class Multiplicative(WeightModifier):
    """Noise in proportion to every weight.

    std : standard deviation over the weight, 0 … 1
    """

    kind: Literal["multiplicative"] = "multiplicative"
    std: float = Field(default=0.1, ge=0, le=MOST_SPREAD)

    def modified(self, W: np.ndarray, draw: Draw) -> np.ndarray:
        return W + self.std * np.abs(W) * draw.normal()


class ProgrammingNoise(WeightModifier):
    """Weights as pairs of phase-change cells hold them after programming.

    strength : factor on the programming noise as measured, 0 … 10
    """

    kind: Literal["programming"] = "programming"
    strength: float = Field(default=1.0, ge=0, le=10)

    def modified(self, W: np.ndarray, draw: Draw) -> np.ndarray:
        largest = np.abs(W).max()
        if largest == 0:
            return W
        model = _phase_change(self.strength)
        up, down = (
            model.write(
                model.g_max * np.maximum(sign * W / largest, 0), draw.normal(what), np.zeros(W.shape)
            ).programmed
            for what, sign in enumerate((1, -1))
        )
        return largest * (up - down) / model.g_max


class DropConnect(WeightModifier):
    """Weights that are missing.

    probability : that a weight is dropped, of every weight, 0 … 1
    """

    kind: Literal["drop-connect"] = "drop-connect"
    probability: float = Field(default=0.05, ge=0, lt=1)

    def modified(self, W: np.ndarray, draw: Draw) -> np.ndarray:
        return np.where(draw.uniform() < self.probability, 0.0, W)


@lru_cache
def _phase_change(strength: float) -> Any:
    return hw.PCMLike(programming_strength=strength)


Modifier = Annotated[Additive | Multiplicative | ProgrammingNoise | DropConnect, Field(discriminator="kind")]
