"""Quantities that a rule uses, by how far they have to travel to a synapse.

    presynaptic, postsynaptic        a number of the unit on either side
    own synapse, own random draw     state of the synapse, its own random number
    broadcast scalar                 one number for all
    layer reduction                  a sum over the units of a layer
    column read                      a sum over the synapses of one unit, a transposed read of the array
    non-local                        anything else: a wire from elsewhere, or from another time

The first five are local. The values of a rule's axes declare their quantities (:mod:`neuroperturb.rules.facts`); those of a synapse's
formula are found by tracing.
"""

from __future__ import annotations

from neuroperturb.rules.facts import COLUMN, DRAW, FAR, KINDS, LAYER, LOCAL, OWN, POST, PRE, SCALAR, Quantity

__all__ = ["COLUMN", "DRAW", "FAR", "KINDS", "LAYER", "LOCAL", "OWN", "POST", "PRE", "SCALAR", "Quantity"]

# Symbols of the arguments of the formulas, unless a value of an axis overrides them.
ARGUMENTS = {
    "clean": ("a_i", POST), "noisy": ("ã_i", POST), "noise": ("σξ_i", POST), "pre": ("pre_j", PRE), "post": ("p_i, of its unit", POST),
    "trace": ("e_ij", OWN), "weight": ("w_ij", OWN), "state": ("v_ij", OWN), "second": ("m_ij", OWN), "reward": ("−δL", SCALAR),
    "correction": ("1/(1 − βᵏ), k writes", SCALAR), "draw": ("Ξ_ij", DRAW),
}  # fmt: skip
ERRORS = Quantity("y_k − y*_k, one per output", SCALAR, "sent to every unit, which weights them")
DECORRELATION = (
    Quantity("x̂_i, D_ij", OWN, "D_ij ← D_ij − ε(x̂_i v_j − x̂_i² D_ij)"),
    Quantity(
        "v_j = (Dᵀx̂)_j", COLUMN, "D_ij ← D_ij − ε(x̂_i v_j − x̂_i² D_ij)",
        "a transposed read of D, which a crossbar can do; without it, presynaptic whitening outside the network",
    ),
)  # fmt: skip
