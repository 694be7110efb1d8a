"""What a rule uses, by how far it has to travel to a synapse.

    presynaptic, postsynaptic        a number of the unit on either side
    own synapse, own random draw     what the synapse holds, what it draws
    broadcast scalar                 one number for everybody
    layer reduction                  a sum over the units of a layer
    column read                      a sum over the synapses of one unit, along the array's other side
    non-local                        anything else: a wire from elsewhere, or from another time

The first five are local. The values of a rule's axes bring their quantities with them (:mod:`neuroperturb.rules.facts`); what a synapse's
formula does with its arguments is traced, not listed.
"""

from __future__ import annotations

from neuroperturb.rules.facts import COLUMN, DRAW, FAR, KINDS, LAYER, LOCAL, OWN, POST, PRE, SCALAR, Quantity

__all__ = ["COLUMN", "DRAW", "FAR", "KINDS", "LAYER", "LOCAL", "OWN", "POST", "PRE", "SCALAR", "Quantity"]

# What the arguments of the formulas are, unless a value of an axis writes them otherwise.
ARGUMENTS = {
    "clean": ("a_i", POST), "noisy": ("ã_i", POST), "noise": ("σξ_i", POST), "pre": ("pre_j", PRE), "post": ("p_i, of its unit", POST),
    "trace": ("e_ij", OWN), "weight": ("w_ij", OWN), "state": ("v_ij", OWN), "reward": ("−δL", SCALAR),
    "correction": ("1/(1 − βᵏ), k writes", SCALAR), "draw": ("Ξ_ij", DRAW),
}  # fmt: skip
ERRORS = Quantity("y_k − y*_k, one an output", SCALAR, "sent to every unit, which weighs them")
DECORRELATION = (
    Quantity("x̂_i, D_ij", OWN, "D_ij ← D_ij − ε(x̂_i v_j − x̂_i² D_ij)"),
    Quantity(
        "v_j = (Dᵀx̂)_j", COLUMN, "D_ij ← D_ij − ε(x̂_i v_j − x̂_i² D_ij)",
        "a read of D along its other side, which a crossbar has; without it, a presynaptic whitened beside the network",
    ),
)  # fmt: skip
