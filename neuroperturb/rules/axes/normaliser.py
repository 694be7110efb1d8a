"""Normaliser: what turns a perturbation p into the post-synaptic factor of the update."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from pydantic import Field

from hardware_models.numerics.compiled import kernel
from hardware_models.numerics.dots import dot
from neuroperturb.spec import Spec


class NoiseStd(Spec):
    """p/σ, as the published NP and WP scale: their step is σ times a gradient step (learning-rules §3c)."""

    kind: Literal["noise_std"] = "noise_std"


class NoiseVariance(Spec):
    """p/σ²: the unbiased form for noise of standard deviation σ."""

    kind: Literal["noise_variance"] = "noise_variance"


class AsTold(Spec):
    """p itself: for a rule of one's own whose functions know what to do with it."""

    kind: Literal["as_told"] = "as_told"


class LayerNorm(Spec):
    """g · p/‖p‖²: the squared norm of the layer's perturbation at this step, a reduction over the layer, not local.

    gain : ``"network"``: g = √(n_in + n + n_out), as published;  ``"layer"``: g = the layer's own size, so that the
        expected gain is 1 where p is isotropic.
    """

    kind: Literal["layer_norm"] = "layer_norm"
    gain: Literal["network", "layer"] = "layer"


class RunningVariance(Spec):
    """p_i/v_i with v_i ← v_i + ρ(p_i² − v_i), each unit's own running estimate: strictly local.

    The update of a step divides by the estimate made before it; v starts at σ².

    rate : ρ, in (0, 1].
    """

    kind: Literal["running_variance"] = "running_variance"
    rate: float = Field(0.01, gt=0, le=1)


# Kernels: (p, a, n, numbers, gain, shared, variance, post) -> singular layers at this step.  p (B, n) what the probe tells a
# unit, a (B, n) the activity it is a difference of, `shared` whether one norm serves the batch, variance (n,) running state.


def as_told(params, p):
    return p


def over_noise_std(params, p):
    return p / params.sigma


def over_noise_variance(params, p):
    return p / (params.sigma * params.sigma)


@lru_cache
def make_unit_loop(formula):
    """A kernel that takes p through a scalar formula ``(params, p) -> post`` of every unit's own."""
    formula = kernel(formula)

    @kernel
    def by_unit(p, a, n, numbers, gain, shared, variance, post):
        for b in range(p.shape[0]):
            for i in range(n):
                post[b, i] = formula(numbers, p[b, i])
        return 0

    return by_unit


@kernel
def is_singular(norm, size, numbers):
    """‖p‖ within 32 rounding errors of the activity it is a difference of (learning-rules §2): no direction is left in it."""
    floor = numbers.resolution * numbers.resolution * max(type(norm)(1), size)
    return not norm > floor


@kernel
def by_layer_norm(p, a, n, numbers, gain, shared, variance, post):
    """gain · p/‖p‖²; gain 0 stands for the number of entries under the norm."""
    skipped, batch = 0, p.shape[0]
    total, total_size = type(gain)(0), type(gain)(0)
    for b in range(batch):
        norm, size = dot(p[b], p[b]), dot(a[b], a[b])  # rows are padded with zeros
        if shared:
            total += norm
            total_size += size
        else:
            singular = is_singular(norm, size, numbers)
            factor = type(gain)(0) if singular else (gain if gain > 0 else type(gain)(n)) / norm
            skipped += singular
            for i in range(n):
                post[b, i] = p[b, i] * factor
    if shared:
        singular = is_singular(total, total_size, numbers)
        factor = type(gain)(0) if singular else (gain if gain > 0 else type(gain)(n * batch)) / total
        skipped += singular
        for b in range(batch):
            for i in range(n):
                post[b, i] = p[b, i] * factor
    return skipped


@kernel
def over_variance(params, state, p):
    """p_i/v_i; nothing where v is within 32 rounding errors of 1."""
    return p / state if state > params.resolution * params.resolution else type(p)(0)


@kernel
def follow(params, state, square):
    """v_i + ρ (p_i² − v_i), p_i² the mean over the batch."""
    return state + params.variance_rate * (square - state)


@kernel
def by_running_variance(p, a, n, numbers, gain, shared, variance, post):
    batch = p.shape[0]
    for b in range(batch):
        for i in range(n):
            post[b, i] = over_variance(numbers, variance[i], p[b, i])
    for i in range(n):
        mean = type(gain)(0)
        for b in range(batch):
            mean += p[b, i] * p[b, i]
        variance[i] = follow(numbers, variance[i], mean / type(gain)(batch))
    return 0


NORMALISE = {
    "as_told": make_unit_loop(as_told),
    "noise_std": make_unit_loop(over_noise_std),
    "noise_variance": make_unit_loop(over_noise_variance),
    "layer_norm": by_layer_norm,
    "running_variance": by_running_variance,
}
