"""Gradients on whitened presynaptic activity: what P is to a perturbation rule, for the exact gradient.

    C ← C + ε_k (mean_{t,b} x̂ x̂ᵀ − C),    ε_k = max(ε, 1/k) at the k-th update        P = (C + ρI)⁻¹
    ∂W_rec ← P ∂W_rec        ∂W_out ← P ∂W_out        (presynaptic-major: rows are presynaptic)

The sum Σ x̂ ⊗ g of a gradient becomes Σ (P x̂) ⊗ g, as with :class:`neuroperturb.rules.axes.inverse.Inverse`, whose numbers these are; W_in keeps
its gradient there and here. For one batch and ρ = 0 this is the presynaptic factor of K-FAC (J. Martens, R. Grosse, ICML 2015, arXiv:1503.05671,
eq. 1, Ā⁻¹). Beside NP+P it says what P does, and what is left for the perturbation.
"""

from __future__ import annotations

import numpy as np

from neuroperturb.baselines.bptt import Gradients
from neuroperturb.rules.axes.inverse import Inverse


class WhitenedGradient:
    """C of the activity x̂ (n,) so far, and gradients whitened by it.

    covariance : C (n, n) float64;  updates : k, how often it was changed
    """

    def __init__(self, own: Inverse, size: int):
        self.own, self.covariance, self.updates = own, np.zeros((size, size)), 0

    def __call__(self, gradients: Gradients, xhat: np.ndarray) -> Gradients:
        """Gradients of one sequence, whitened; xhat (T, B, n) of its forward pass, by which C is changed first."""
        rows = xhat.reshape(-1, xhat.shape[-1])
        self.updates += 1
        P = self.own.settle(self.covariance, self.updates, rows.T @ rows / len(rows)).astype(rows.dtype)
        return gradients._replace(w_rec=P @ gradients.w_rec, w_out=P @ gradients.w_out)

    def checkpoint(self) -> dict[str, np.ndarray]:
        """Copies of all state, by name."""
        return {"covariance": self.covariance.copy(), "updates_of_covariance": np.array(self.updates)}

    def restore(self, kept: dict[str, np.ndarray]) -> None:
        """From a checkpoint, which may contain other entries."""
        self.covariance[...] = kept["covariance"]
        self.updates = int(kept["updates_of_covariance"])
