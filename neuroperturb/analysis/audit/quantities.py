"""What a rule uses, by how far it has to travel to a synapse.

    presynaptic, postsynaptic        a number of the unit on either side
    own synapse, own random draw     what the synapse holds, what it draws
    broadcast scalar                 one number for everybody
    layer reduction                  a sum over the units of a layer
    column read                      a sum over the synapses of one unit, along the array's other side
    non-local                        anything else: a wire from elsewhere, or from another time

The first five are local. Parts of a rule bring their quantities with them, here; what a synapse's formula does with its arguments
is traced, not listed.
"""

from __future__ import annotations

from neuroperturb.rules.facts import COLUMN, DRAW, FAR, KINDS, LAYER, LOCAL, OWN, POST, PRE, SCALAR, Quantity
from neuroperturb.spec import SpecError

__all__ = ["COLUMN", "DRAW", "FAR", "KINDS", "LAYER", "LOCAL", "OWN", "POST", "PRE", "SCALAR", "Quantity"]

# What the arguments of the formulas are. `pre` is what the rule makes it.
ARGUMENTS = {
    "clean": ("a_i", POST), "noisy": ("ã_i", POST), "noise": ("σξ_i", POST), "post": ("p_i, of its unit", POST), "trace": ("e_ij", OWN),
    "weight": ("w_ij", OWN), "state": ("v_ij", OWN), "reward": ("−δL", SCALAR), "correction": ("1/(1 − βᵏ), k writes", SCALAR),
    "draw": ("Ξ_ij", DRAW),
}  # fmt: skip
FACTOR = {
    "activity": "x̂_j",
    "whitened": "z_j = (P x̂)_j",
    "recursive": "k_j = (P x̂)_j/(1 + x̂ᵀP x̂)",
}  # by presynaptic part

ERRORS = Quantity("y_k − y*_k, one an output", SCALAR, "sent to every unit, which weighs them")
FELT = Quantity("Ξ_ij", DRAW, "added to the weight while it is read")  # by weights that are perturbed, their units told
BY_NORMALISER = {
    "as_told": (),
    "noise_std": (),
    "noise_variance": (),
    "layer_norm": (
        Quantity(
            "‖p‖²", LAYER, "post = g·p_i/‖p‖²",
            "running_variance: p_i/v_i, each unit's own running estimate; or 1/‖p‖² folded into the broadcast, one scalar a layer",
        ),
    ),
    "running_variance": (Quantity("v_i", POST, "post = p_i/v_i, v_i ← v_i + ρ(p_i² − v_i)"),),
}  # fmt: skip
BY_PRESYNAPTIC = {
    "activity": (),
    "whitened": (
        Quantity("P_ji", OWN, "lateral synapse: z_j = Σ_k P_jk x̂_k"),
        Quantity("ν_j", PRE, "z' = P(x̂ + √ρ ν), noise private to each unit"),
        Quantity(
            "Pᵀ(x̂ + √ρ ν)", COLUMN, "P ← P + ε(P − z' (Pᵀ(x̂ + √ρ ν))ᵀ)",
            "z'_j of the lateral synapse's own presynaptic unit: the same while P is symmetric",
        ),
    ),
    "recursive": (
        Quantity("P_ji", OWN, "lateral synapse: q_j = Σ_k P_jk x̂_k"),
        Quantity("Pᵀx̂", COLUMN, "P ← (1 + g)(P − q (Pᵀx̂)ᵀ/(1 + x̂ᵀP x̂))", "q_j of the presynaptic unit: the same while P is symmetric"),
        Quantity("x̂ᵀP x̂", LAYER, "k = q/(1 + x̂ᵀP x̂)", "one more broadcast scalar; or whitened, which needs none"),
    ),
}  # fmt: skip
SHARE = {"whitened": "ε P_ji", "recursive": "g P_ji"}  # of P, in its own change
DECORRELATION = (
    Quantity("x̂_i, D_ij", OWN, "D_ij ← D_ij − ε(x̂_i v_j − x̂_i² D_ij)"),
    Quantity(
        "v_j = (Dᵀx̂)_j", COLUMN, "D_ij ← D_ij − ε(x̂_i v_j − x̂_i² D_ij)",
        "a read of D along its other side, which a crossbar has; without it, a presynaptic whitened beside the network",
    ),
)  # fmt: skip


def of_part(table: dict[str, tuple[Quantity, ...]], axis: str, kind: str) -> tuple[Quantity, ...]:
    """What a part of a rule brings with it."""
    if kind not in table:
        raise SpecError(axis, "a rule", f"one that the audit knows: {', '.join(table)}", kind)
    return table[kind]
