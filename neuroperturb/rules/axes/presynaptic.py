"""Presynaptic factor: the presynaptic activity that a synapse uses.

The update of node perturbation is noise × activity: its variance is coloured by the covariance C of the activity, and is largest
where it disturbs the network most. A lateral matrix P ≈ (C + ρI)⁻¹, learned with the network but outside its forward pass,
makes the update a right-sided natural gradient: z = P x replaces x.

P is read and written by :mod:`neuroperturb.network.whitening`, around the kernel of a value:  leave(whitener)  computes from the reads
the factors of this step and the pending update of P.

What it is near to: recursive least squares, whose matrix is the same inverse covariance, as in FORCE learning [1]_; orthogonal weight
modification, which projects updates by it [2]_; LOCO [3]_.

References
----------
.. [1] D. Sussillo, L. F. Abbott, Generating coherent patterns of activity from chaotic neural networks, Neuron 63 (2009).
   doi:10.1016/j.neuron.2009.07.018
.. [2] G. Zeng, Y. Chen, B. Cui, S. Yu, Continual learning of context-dependent processing in neural networks, Nat. Mach. Intell. 1
   (2019). doi:10.1038/s42256-019-0080-x
.. [3] LOCO, arXiv:2602.22259 (2026).
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from hardware_models.numerics.compiled import kernel
from hardware_models.numerics.dots import dot
from neuroperturb.rules.facts import COLUMN, LAYER, OWN, PRE, AxisValue, BrianText, Facts, Quantity, Scales, UnitWork

ROOM = 4.0  # of a P that grows without an end, in its start


class Presynaptic(AxisValue):
    """A value of this axis.

    leave : as above; None: there is no P
    private : whether P is also read with noise private to each unit; `numbers` then contain its standard deviation, `root`
    tracks : whether products of the activity are summed in place of changes of P, which :meth:`settle` then sets; of episodes only
    """

    leave: ClassVar[object] = None
    private: ClassVar[bool] = False
    tracks: ClassVar[bool] = False

    @property
    def lateral(self) -> bool:
        """Whether a matrix P is learned with the network."""
        return self.leave is not None

    @property
    def start(self) -> float:
        """Multiple of the identity that P starts at."""
        return 1.0

    @property
    def largest(self) -> float:
        """The largest weight that P heads for: cells that hold P want room for it."""
        return self.start

    def settle(self, covariance: np.ndarray, writes: int, mean: np.ndarray) -> np.ndarray:
        """Change the covariance C (n, n), in place, by that of an episode, at the write of that number from 1 on; return P (n, n)."""
        raise NotImplementedError


class Activity(Presynaptic):
    """The activity itself, x̂_j."""

    kind: Literal["activity"] = "activity"
    facts: ClassVar[Facts] = Facts(symbols=(("pre", "x̂_j"),), brian=BrianText())


class WhitenedNumbers(NamedTuple):
    """rate : ε;  root : √ρ"""

    rate: float
    root: float


@kernel
def leave_whitened(whitener: NamedTuple) -> None:
    """P += ε (P − mean_b z'_b (Pᵀx'_b)ᵀ)"""
    z, x, pending, rate = whitener.z, whitener.x, whitener.pending, whitener.numbers.rate
    now, pre, post, decay = whitener.now, pending.pre, pending.post, pending.decay
    batch, n = now.shape[0], whitener.array.size[0]
    share = -rate / type(rate)(batch)
    for b in range(batch):
        for i in range(n):
            now[b, i] = z[b, i]
            pre[b, i] = x[batch + b, i]
            post[b, i] = share * z[batch + b, i]
    for i in range(n):
        decay[i] = rate


class Whitened(Presynaptic):
    """z = P x with  P ← P + ε (P − z' z'ᵀ),  z' = P (x + √ρ ν),  ν ~ N(0, I) private to each unit; mean over the batch.

    Local: a lateral synapse from j to i uses z'_i, z'_j and its own weight. At equilibrium P (C + ρI) P = P, so P = (C + ρI)⁻¹. Stable while
    ε ‖z'‖² < 1.

    rate : ε, in (0, 1), how fast P is learnt
    ridge : ρ > 0, variance of the private noise; P cannot exceed 1/ρ
    """

    kind: Literal["whitened"] = "whitened"
    rate: float = Field(default=0.03, gt=0, lt=1)
    ridge: float = Field(default=0.03, gt=0)
    leave: ClassVar[object] = staticmethod(leave_whitened)
    private: ClassVar[bool] = True
    facts: ClassVar[Facts] = Facts(
        quantities=(
            Quantity("P_ji", OWN, "lateral synapse: z_j = Σ_k P_jk x̂_k"),
            Quantity("ν_j", PRE, "z' = P(x̂ + √ρ ν), noise private to each unit"),
            Quantity(
                "Pᵀ(x̂ + √ρ ν)", COLUMN, "P ← P + ε(P − z' (Pᵀ(x̂ + √ρ ν))ᵀ)",
                "z'_j of the lateral synapse's own presynaptic unit: the same while P is symmetric",
            ),
        ),
        symbols=(("pre", "z_j = (P x̂)_j"),),
        unit_state=1,  # z of the previous step
        unit_draws=1,
        unit_work=UnitWork(1),
        lateral_work=5,  # column read and change, 1 + 2; z and z'
        lateral_share="ε P_ji",
        separable=False,
    )  # fmt: skip

    @property
    def largest(self) -> float:
        return max(1 / self.ridge, self.start)

    def numbers(self, scales: Scales) -> WhitenedNumbers:
        return WhitenedNumbers(scales.t(self.rate), scales.t(np.sqrt(self.ridge)))


class RecursiveNumbers(NamedTuple):
    """growth : g"""

    growth: float


@kernel
def leave_recursive(whitener: NamedTuple) -> None:
    """P += g P − (1 + g) mean_b q_b (Pᵀx_b)ᵀ/(1 + x_bᵀ q_b)"""
    z, x, pending, growth = whitener.z, whitener.x, whitener.pending, whitener.numbers.growth
    now, pre, post, decay = whitener.now, pending.pre, pending.post, pending.decay
    batch, n, one = now.shape[0], whitener.array.size[0], type(growth)(1)
    for b in range(batch):
        gain = one / (one + dot(x[b], z[b]))
        share = -(one + growth) * gain / type(growth)(batch)
        for i in range(n):
            now[b, i] = gain * z[b, i]
            pre[b, i] = x[b, i]
            post[b, i] = share * z[b, i]
    for i in range(n):
        decay[i] = growth


class Recursive(Presynaptic):
    """k = P x/(1 + xᵀP x) with  P ← (1 + g) (P − P x xᵀP/(1 + xᵀP x)): recursive least squares; mean over the batch.

    One more broadcast scalar, 1 + xᵀP x, a sum over the layer.

    growth : g ≥ 0, forgets the past at this rate
    initial : P starts at `initial` · I
    """

    kind: Literal["recursive"] = "recursive"
    growth: float = Field(default=2e-4, ge=0)
    initial: float = Field(default=1.0, gt=0)
    leave: ClassVar[object] = staticmethod(leave_recursive)
    facts: ClassVar[Facts] = Facts(
        quantities=(
            Quantity("P_ji", OWN, "lateral synapse: q_j = Σ_k P_jk x̂_k"),
            Quantity("Pᵀx̂", COLUMN, "P ← (1 + g)(P − q (Pᵀx̂)ᵀ/(1 + x̂ᵀP x̂))", "q_j of the presynaptic unit: the same while P is symmetric"),
            Quantity("x̂ᵀP x̂", LAYER, "k = q/(1 + x̂ᵀP x̂)", "one more broadcast scalar; or whitened, which needs none"),
        ),
        symbols=(("pre", "k_j = (P x̂)_j/(1 + x̂ᵀP x̂)"),),
        unit_state=1,  # k of the previous step
        unit_work=UnitWork(1, divisions=1),
        lateral_work=4,  # column read and change, 1 + 2; k
        lateral_share="g P_ji",
        separable=False,
        spiking=False,
    )  # fmt: skip

    @property
    def start(self) -> float:
        return self.initial

    @property
    def largest(self) -> float:
        """P falls from its start wherever there is activity; where there is none it grows by (1 + g) a step, without an end."""
        return ROOM * self.initial

    def numbers(self, scales: Scales) -> RecursiveNumbers:
        return RecursiveNumbers(scales.t(self.growth))
