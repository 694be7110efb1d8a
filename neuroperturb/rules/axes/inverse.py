"""The presynaptic factor z = P x with P = (C + ρI)⁻¹ inverted at every write, C the running covariance of the activity.

    C ← C + ε_k (mean_{t,b} x xᵀ − C),    ε_k = max(ε, 1/k) at the k-th write        P = (C + ρI)⁻¹

What the local form of :mod:`neuroperturb.rules.axes.presynaptic` tends to, and stable for every C: the local form is not where ε times the
largest eigenvalue of P C passes 1, as with slow units over many steps. The inverse is computed outside the array, which only reads P.
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from hardware_models.numerics.compiled import kernel
from neuroperturb.rules.axes.presynaptic import Presynaptic
from neuroperturb.rules.facts import FAR, OWN, Facts, Quantity


@kernel
def leave_products(whitener: NamedTuple) -> None:
    """Summed: mean_b x_b x_bᵀ"""
    z, x, pending = whitener.z, whitener.x, whitener.pending
    now, pre, post = whitener.now, pending.pre, pending.post
    batch, n = now.shape[0], whitener.array.size[0]
    share = type(x[0, 0])(1) / type(x[0, 0])(batch)
    for b in range(batch):
        for i in range(n):
            now[b, i] = z[b, i]
            pre[b, i] = x[b, i]
            post[b, i] = share * x[b, i]


class Inverse(Presynaptic):
    """z = P x with P = (C + ρI)⁻¹, inverted anew at every write of an episode; n³ operations a write.

    Not local: the inverse needs all of C. Where that is not to be had, `whitened` tends to the same P by local changes.

    rate : ε, of the running covariance C, in (0, 1]
    ridge : ρ > 0, in squared units of the activity; P cannot exceed 1/ρ
    """

    kind: Literal["inverse"] = "inverse"
    rate: float = Field(default=0.05, gt=0, le=1)
    ridge: float = Field(default=0.03, gt=0)
    leave: ClassVar[object] = staticmethod(leave_products)
    tracks: ClassVar[bool] = True
    facts: ClassVar[Facts] = Facts(
        quantities=(
            Quantity("P_ji", OWN, "lateral synapse: z_j = Σ_k P_jk x̂_k"),
            Quantity(
                "(C + ρI)⁻¹", FAR, "P, inverted anew at every write from the covariance of all units",
                "whitened, which tends to it by local changes while ε times the largest eigenvalue of P C stays below 1",
            ),
        ),
        symbols=(("pre", "z_j = (P x̂)_j"),),
        unit_state=1,  # z of the previous step
        lateral_work=2,  # C and z; the inverse is n/(T B) more of them
        lateral_share="P_ji, as it is replaced",
        separable=False,
    )  # fmt: skip

    @property
    def largest(self) -> float:
        return max(1 / self.ridge, self.start)

    def settle(self, covariance: np.ndarray, writes: int, mean: np.ndarray) -> np.ndarray:
        covariance += max(self.rate, 1 / writes) * (mean - covariance)
        n = len(covariance)
        return np.linalg.inv(covariance.astype(np.float64) + self.ridge * np.eye(n))
