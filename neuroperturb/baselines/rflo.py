"""Random feedback local online learning: gradient paths through other units are neglected.

    e_ji(t) = (1 − α) e_ji(t−1) + α f'(a_i) q_j            ΔW_ji = −η s_i e_ji,   s = ∂L_t/∂y_t F

J. M. Murray, "Local online learning in recurrent networks with random feedback", eLife 8 (2019) e43299, doi:10.7554/eLife.43299:
F is a fixed random matrix B, or that of the readout. With α = 1 and F = W_outᵀ it is the one-step gradient, BPTT(1).
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import DTypeLike

from hardware_models.numerics import random
from neuroperturb.baselines.eligibility import Passage
from neuroperturb.baselines.forward import Weights
from neuroperturb.baselines.optimisers import Adam, AnyOptimiser
from neuroperturb.baselines.sizes import Sizes
from neuroperturb.rules.facts import OWN, Quantity
from neuroperturb.spec import Spec

FEEDBACK = random.stream(random.Stream.INIT, 3)  # lower numbers draw W_in, W_rec and W_out


class Rflo(Spec):
    """Random feedback local online learning: a trace of each synapse's own unit, fixed random feedback of the error.

    feedback : ``"random"``: drawn like the initial readout, and fixed;  ``"readout"``: the present W_outᵀ
    optimiser : how weights follow the gradient: Sgd, Rms or Adam
    """

    name: Literal["rflo"] = "rflo"
    feedback: Literal["random", "readout"] = "random"
    optimiser: AnyOptimiser = Adam()
    keeps: ClassVar[str] = "a trace e_ji"
    quantities: ClassVar[tuple[Quantity, ...]] = (Quantity("e_ji", OWN, "e_ji ← (1 − α) e_ji + α f'(a_i) q_j"),)
    passes: ClassVar[int] = 1
    local: ClassVar[bool] = True

    @property
    def own_feedback(self) -> bool:
        """Whether the error is fed back through the readout's own weights."""
        return self.feedback == "readout"

    def zeros(self, batch: int, sources: int, units: int, dtype: DTypeLike) -> np.ndarray:
        """e, shape (B, m + n, n)."""
        return np.zeros((batch, sources, units), dtype)

    def advance(self, trace: np.ndarray, passage: Passage) -> None:
        """One step of e, in place."""
        trace *= passage.keep
        trace += passage.pre[:, :, None] * passage.slope[:, None, :]

    def credit(self, trace: np.ndarray, signal: np.ndarray) -> np.ndarray:
        """Σ_b s_bi e_b,ji"""
        return local_credit(trace, signal)

    def multiply_adds(self, sizes: Sizes) -> int:
        """Of a trial and step."""
        return local_work(sizes)

    def fixed_feedback(self, weights: Weights, seed: int) -> np.ndarray | None:
        """F, (n_out, n), if it is fixed."""
        return random_feedback(weights, seed) if self.feedback == "random" else None


def local_credit(trace: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Σ_b s_bi e_b,ji: a synapse's trace (B, m + n, n) and its own unit's signal (B, n)."""
    return np.einsum("bji,bi->ji", trace, signal)


def local_work(sizes: Sizes) -> int:
    """Multiply–adds of a trial and step: the network, F s, a trace of two products and a credit of every synapse onto a unit, the readout."""
    return sizes.synapses + sizes.w_out + 3 * sizes.hidden + sizes.w_out


def random_feedback(weights: Weights, seed: int) -> np.ndarray:
    """F ~ N(0, 2/(n + n_out)), the distribution of the initial readout, from a separate stream; (n_out, n)."""
    n, n_out = weights.w_out.shape
    drawn = np.sqrt(2 / (n + n_out)) * random.normal(seed, FEEDBACK, 0, (n_out, n), dtype=np.float64)
    return drawn.astype(weights.w_out.dtype)
