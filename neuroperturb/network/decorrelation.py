"""Decorrelation: a matrix D that removes correlations between units, learned by its own update.

    x̂ = D x                                       D starts as the identity
    D ← D − ε [offdiag(x̂ᵀx̂ / B)] D                 learning-rules §2; O(n²) per step as x̂ (x̂ᵀD) − diag(x̂²) D

Source: Ahmad, Schrader, van Gerven, "Constrained parameter inference as a principle for learning" (2022), as used by García
Fernández, Keemink and van Gerven (2024). The update needs v = Dᵀx̂, a transposed read of the array.
"""

from __future__ import annotations

from pydantic import Field

from neuroperturb.spec import Spec


class Decorrelation(Spec):
    """The decorrelated signals, and the rate.

    rate : ε ≥ 0; with 0, D stays fixed
    state : decorrelate the hidden state (D_rec)
    input : decorrelate the input (D_in); in the online schedule the published rules do not learn it
    """

    rate: float = Field(default=1e-6, ge=0)
    state: bool = True
    input: bool = False
