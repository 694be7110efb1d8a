"""Decorrelation: a matrix D that removes correlations between units, learned by its own update.

    x̂ = D x                                       D starts as the identity
    D ← D − ε [offdiag(x̂ᵀx̂ / B)] D                 O(n²) per step as x̂ (x̂ᵀD) − diag(x̂²) D

Source: Ahmad, Schrader, van Gerven, "Constrained parameter inference as a principle for learning" (2022), as used by García
Fernández, Keemink and van Gerven (2024). The update needs v = Dᵀx̂, a transposed read of the array.
"""

from __future__ import annotations

from pydantic import Field

from neuroperturb.spec import Spec

# The update has no diagonal, so det D stays 1: two units correlated by c take D to eigenvalues ((1 ± c)/(1 ∓ c))^¼, whose weights
# stay below 4 up to c = 0.9995, and more units that share one signal need less.
ROOM = 4.0


class Decorrelation(Spec):
    """The decorrelated signals, and the rate.

    rate : ε ≥ 0, how fast D is learnt; with 0, it stays fixed
    state : decorrelate the hidden state (D_rec)
    input : decorrelate the input (D_in); in the online schedule the published rules do not learn it
    """

    rate: float = Field(default=1e-6, ge=0)
    state: bool = True
    input: bool = False

    @property
    def largest_state(self) -> float:
        """The largest weight that D_rec heads for: cells that hold it want room for that."""
        return ROOM if self.state and self.rate > 0 else 1.0

    @property
    def largest_input(self) -> float:
        """The same for D_in."""
        return ROOM if self.input and self.rate > 0 else 1.0
