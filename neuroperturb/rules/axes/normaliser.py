"""Normaliser: turns a perturbation p into the postsynaptic factor of the update."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from hardware_models.numerics.compiled import kernel
from hardware_models.numerics.dots import dot
from neuroperturb.rules.facts import LAYER, POST, AxisValue, BrianText, Facts, Quantity, Scales, UnitWork

# Kernels: (p, a, n, params, shared, variance, post) -> singular layers at this step.  p (B, n) the perturbation of a unit, a (B, n)
# the activity it is a difference of, params the numbers of the value, `shared` whether the batch has one norm, variance (n,)
# running state, post (B, n) the result.


class Normaliser(AxisValue):
    """A value of this axis.

    kernel : as above
    needs_noise_std : whether σ must be known
    takes_draws : whether a synapse's own draw can be normalised in this way, by a factor
    unit : scalar function (params, p) -> post if every unit in every trial is treated by itself and nothing is stored, else None
    """

    kernel: ClassVar[object]
    needs_noise_std: ClassVar[bool] = False
    takes_draws: ClassVar[bool] = False
    unit: ClassVar[object] = None

    def draw_scale(self, noise_std: float) -> float:
        """Factor on a synapse's own draw Ξ, of variance 1, if weights are perturbed."""
        del noise_std
        return 1.0


@lru_cache
def make_unit_loop(formula):
    """A kernel that applies a scalar formula ``(params, p) -> post`` to every unit."""
    formula = kernel(formula)

    @kernel
    def by_unit(
        p: np.ndarray, a: np.ndarray, n: int, params: NamedTuple, shared: bool, variance: np.ndarray, post: np.ndarray
    ) -> int:
        for b in range(p.shape[0]):
            for i in range(n):
                post[b, i] = formula(params, p[b, i])
        return 0

    return by_unit


# ----------------------------------------------------------------------------------------------------------------------
# By the known noise


class NoiseNumbers(NamedTuple):
    """sigma : σ"""

    sigma: float


def over_noise_std(params: NamedTuple, p: float) -> float:
    return p / params.sigma


def over_noise_variance(params: NamedTuple, p: float) -> float:
    return p / (params.sigma * params.sigma)


def unchanged(params: NamedTuple, p: float) -> float:
    return p


class NoiseStd(Normaliser):
    """p/σ, as the published NP and WP scale: their step is σ times a gradient step."""

    kind: Literal["noise_std"] = "noise_std"
    kernel: ClassVar[object] = staticmethod(make_unit_loop(over_noise_std))
    unit: ClassVar[object] = staticmethod(over_noise_std)
    needs_noise_std: ClassVar[bool] = True
    takes_draws: ClassVar[bool] = True
    facts: ClassVar[Facts] = Facts(unit_work=UnitWork(1), brian=BrianText("factor = p/sigma"))

    def numbers(self, scales: Scales) -> NoiseNumbers:
        return NoiseNumbers(scales.t(scales.noise_std))


class NoiseVariance(Normaliser):
    """p/σ²: the unbiased form for noise of standard deviation σ."""

    kind: Literal["noise_variance"] = "noise_variance"
    kernel: ClassVar[object] = staticmethod(make_unit_loop(over_noise_variance))
    unit: ClassVar[object] = staticmethod(over_noise_variance)
    needs_noise_std: ClassVar[bool] = True
    takes_draws: ClassVar[bool] = True
    facts: ClassVar[Facts] = Facts(unit_work=UnitWork(1), brian=BrianText("factor = p/sigma**2"))

    def numbers(self, scales: Scales) -> NoiseNumbers:
        return NoiseNumbers(scales.t(scales.noise_std))

    def draw_scale(self, noise_std: float) -> float:
        return 1 / noise_std


class AsTold(Normaliser):
    """p itself: for a custom rule whose functions do their own normalisation."""

    kind: Literal["as_told"] = "as_told"
    kernel: ClassVar[object] = staticmethod(make_unit_loop(unchanged))
    unit: ClassVar[object] = staticmethod(unchanged)
    takes_draws: ClassVar[bool] = True
    facts: ClassVar[Facts] = Facts(separable=False)


# ----------------------------------------------------------------------------------------------------------------------
# By measured quantities


class LayerNormNumbers(NamedTuple):
    """gain : g; 0 stands for the number of entries in the norm;  resolution : 32 rounding errors"""

    gain: float
    resolution: float


@kernel
def is_singular(norm, size, params):
    """‖p‖ within 32 rounding errors of the activity it is a difference of: it has no reliable direction."""
    floor = params.resolution * params.resolution * max(type(norm)(1), size)
    return not norm > floor


@kernel
def by_layer_norm(
    p: np.ndarray, a: np.ndarray, n: int, params: LayerNormNumbers, shared: bool, variance: np.ndarray, post: np.ndarray
) -> int:
    """gain · p/‖p‖²"""
    gain = params.gain
    skipped, batch = 0, p.shape[0]
    total, total_size = type(gain)(0), type(gain)(0)
    for b in range(batch):
        norm, size = dot(p[b], p[b]), dot(a[b], a[b])  # rows are padded with zeros
        if shared:
            total += norm
            total_size += size
        else:
            singular = is_singular(norm, size, params)
            factor = type(gain)(0) if singular else (gain if gain > 0 else type(gain)(n)) / norm
            skipped += singular
            for i in range(n):
                post[b, i] = p[b, i] * factor
    if shared:
        singular = is_singular(total, total_size, params)
        factor = type(gain)(0) if singular else (gain if gain > 0 else type(gain)(n * batch)) / total
        skipped += singular
        for b in range(batch):
            for i in range(n):
                post[b, i] = p[b, i] * factor
    return skipped


class LayerNorm(Normaliser):
    """g · p/‖p‖²: the squared norm of the layer's perturbation at this step, a reduction over the layer, not local.

    gain : ``"network"``: g = √(n_in + n + n_out), as published;  ``"layer"``: g = the layer's own size, so that the
        expected gain is 1 where p is isotropic.
    """

    kind: Literal["layer_norm"] = "layer_norm"
    gain: Literal["network", "layer"] = "layer"
    kernel: ClassVar[object] = staticmethod(by_layer_norm)
    facts: ClassVar[Facts] = Facts(
        quantities=(
            Quantity(
                "‖p‖²", LAYER, "post = g·p_i/‖p‖²",
                "running_variance: p_i/v_i, each unit's own running estimate; or 1/‖p‖² folded into the broadcast, one scalar per layer",
            ),
        ),
        unit_work=UnitWork(2),
        # below numerical resolution there is no reliable direction: nothing is learned
        brian=BrianText("factor = p*gain*int(square > resolution**2)/(square + int(square <= resolution**2))"),
    )  # fmt: skip

    def numbers(self, scales: Scales) -> LayerNormNumbers:
        own = self.gain == "layer"
        return LayerNormNumbers(scales.t(0 if own else self.layer_gain(1, scales.sizes)), scales.resolution)

    def layer_gain(self, size: int, sizes: tuple[int, int, int]) -> float:
        """g of a layer; sizes: hidden units, inputs without the bias, outputs of the network."""
        return float(np.sqrt(sum(sizes))) if self.gain == "network" else float(size)


class VarianceNumbers(NamedTuple):
    """rate : ρ;  resolution : 32 rounding errors"""

    rate: float
    resolution: float


@kernel
def over_variance(params, state, p):
    """p_i/v_i; 0 if v is within 32 rounding errors of 1."""
    return p / state if state > params.resolution * params.resolution else type(p)(0)


@kernel
def follow(params, state, square):
    """v_i + ρ (p_i² − v_i), p_i² the mean over the batch."""
    return state + params.rate * (square - state)


@kernel
def by_running_variance(
    p: np.ndarray, a: np.ndarray, n: int, params: VarianceNumbers, shared: bool, variance: np.ndarray, post: np.ndarray
) -> int:
    batch = p.shape[0]
    for b in range(batch):
        for i in range(n):
            post[b, i] = over_variance(params, variance[i], p[b, i])
    for i in range(n):
        mean = type(params.rate)(0)
        for b in range(batch):
            mean += p[b, i] * p[b, i]
        variance[i] = follow(params, variance[i], mean / type(params.rate)(batch))
    return 0


class RunningVariance(Normaliser):
    """p_i/v_i with v_i ← v_i + ρ(p_i² − v_i), each unit's own running estimate: strictly local.

    The update of a step divides by the estimate made before it; v starts at σ².

    rate : ρ, in (0, 1], weight of the newest square in the running variance.
    """

    kind: Literal["running_variance"] = "running_variance"
    rate: float = Field(default=0.01, gt=0, le=1)
    kernel: ClassVar[object] = staticmethod(by_running_variance)
    facts: ClassVar[Facts] = Facts(
        quantities=(Quantity("v_i", POST, "post = p_i/v_i, v_i ← v_i + ρ(p_i² − v_i)"),),
        unit_state=1,
        unit_work=UnitWork(3, divisions=1),
        divider="p_i/v_i is a division at the neuron, which has no divider; instead, noise_variance: a constant",
        separable=False,
        brian=BrianText(
            "factor = p/variance\nvariance += learn*variance_rate*(p**2 - variance)",
            constants=(("variance_rate", "rate"),),
        ),
    )

    def numbers(self, scales: Scales) -> VarianceNumbers:
        return VarianceNumbers(scales.t(self.rate), scales.resolution)
