"""Eligibility propagation for rate units: gradient paths through other units are neglected, a unit's path through itself is kept.

    d_i(t)  = ∂x_i(t)/∂x_i(t−1) = (1 − α) + α f'(a_i) (D W_rec)_ii
    e_ji(t) = d_i(t) e_ji(t−1) + α f'(a_i) q_j             ΔW_ji = −η Σ_t s_i e_ji,   s = ∂L_t/∂y_t F

G. Bellec, F. Scherr, A. Subramoney, E. Hajek, D. Salaj, R. Legenstein & W. Maass, "A solution to the learning dilemma for
recurrent networks of spiking neurons", Nat. Commun. 11 (2020) 3625, doi:10.1038/s41467-020-17236-y: the gradient as a sum of
learning signals times eligibility traces, here for units whose only hidden state is their activity, including self-connections.
With diagonal recurrence nothing is neglected: it is BPTT. Without self-connections it is RFLO.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import DTypeLike

from neuroperturb.baselines.eligibility import Passage
from neuroperturb.baselines.forward import Weights
from neuroperturb.baselines.optimisers import Adam, AnyOptimiser
from neuroperturb.baselines.rflo import local_credit, local_work, random_feedback
from neuroperturb.baselines.sizes import Sizes
from neuroperturb.rules.facts import OWN, POST, Quantity
from neuroperturb.spec import Spec


class Eprop(Spec):
    """Eligibility propagation for rate units: a trace through each unit's own state, error feedback by the readout or at random.

    feedback : ``"readout"``: the present W_outᵀ, "symmetric" in the publication;  ``"random"``: drawn like the initial readout, and fixed
    optimiser : how weights follow the gradient: Sgd, Rms or Adam
    """

    name: Literal["eprop"] = "eprop"
    feedback: Literal["readout", "random"] = "readout"
    optimiser: AnyOptimiser = Adam()
    keeps: ClassVar[str] = "a trace e_ji"
    quantities: ClassVar[tuple[Quantity, ...]] = (
        Quantity("e_ji", OWN, "e_ji ← [(1 − α) + α f'(a_i) w_ii] e_ji + α f'(a_i) q_j"),
        Quantity("w_ii, of the unit onto itself", POST, "e_ji ← [(1 − α) + α f'(a_i) w_ii] e_ji + α f'(a_i) q_j"),
    )
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
        own = passage.keep + passage.slope * np.diagonal(passage.back)
        trace *= own[:, None, :]
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
