"""The built-in rules in the form of :mod:`neuroperturb.rules.formula.signatures`: every equation that is a scalar's own, once.

    synapse    instant     g = r p x̂                               no credit through time
               trace       e ← λ e + p x̂;   g = r e                 learning-rules §4: NP with λ = 1 is unbiased
               draw        g = r Ξ                                  weight noise
    neuron     noise       p = σξ                                   node perturbation
               difference  p = ã − a                                activity-based
    per unit   p/σ,  p/σ²,  p/v with v ← v + ρ (p² − v)
    step       plain       Δw = η g
               clipped     Δw = η clip(g, ±bound)
               rms         v ← β v + (1 − β) g²;   Δw = η g/√(v c)   c = 1/(1 − βᵏ) at the k-th write, broadcast

A layer's norm is no scalar's own: it reaches the units as a factor on p (:mod:`neuroperturb.rules.axes.normaliser`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from neuroperturb.rules.axes.credit import Trace
from neuroperturb.rules.axes.probe import InjectedNoise, WeightNoise
from neuroperturb.rules.axes.step import RMS, Clipped

if TYPE_CHECKING:
    from neuroperturb.rules.contract import PerturbationRule


class InstantCredit(NamedTuple):
    """What a synapse does without a trace."""

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        return trace, post * (reward * pre)


class TraceCredit(NamedTuple):
    """What a synapse does with an eligibility trace.

    decay : λ
    """

    decay: float = 1.0

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        trace = params.decay * trace + post * pre
        return trace, reward * trace


class DrawCredit(NamedTuple):
    """What a synapse does with weight noise."""

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        return trace, reward * draw


class ToldNoise(NamedTuple):
    """A unit tells what was injected into it."""

    @staticmethod
    def neuron(params, clean, noisy, noise):
        return noise


class ToldDifference(NamedTuple):
    """A unit tells what became of it."""

    @staticmethod
    def neuron(params, clean, noisy, noise):
        return noisy - clean


class PlainStep(NamedTuple):
    """rate : η"""

    rate: float

    @staticmethod
    def step(params, state, gradient, correction):
        return state, params.rate * gradient


class RMSStep(NamedTuple):
    """rate : η;  decay : β"""

    rate: float
    decay: float

    @staticmethod
    def step(params, state, gradient, correction):
        one = type(gradient)(1)
        tiny = type(gradient)(1e-30)  # 0/0 where a synapse has never seen anything
        state = params.decay * state + (one - params.decay) * gradient * gradient
        return state, params.rate * gradient / (np.sqrt(state * correction) + tiny)


class ClippedStep(NamedTuple):
    """rate : η;  bound : of |g|"""

    rate: float
    bound: float

    @staticmethod
    def step(params, state, gradient, correction):
        return state, params.rate * max(-params.bound, min(params.bound, gradient))


class Parts(NamedTuple):
    """The records whose functions make up a rule; `neuron` None where weights are perturbed and units told nothing."""

    synapse: tuple
    neuron: tuple | None
    step: tuple


def parts(rule: PerturbationRule) -> Parts:
    """What units, synapses and writes of a rule compute, the user's own functions where it has them."""
    own = None if rule.formula is None else rule.formula.bind()
    neuron = own if hasattr(own, "neuron") else _told(rule)
    return Parts(own if own is not None else _credited(rule), neuron, _written(rule))


def _written(rule: PerturbationRule) -> tuple:
    if isinstance(rule.step, RMS):
        return RMSStep(rule.learning_rate, rule.step.decay)
    return (
        ClippedStep(rule.learning_rate, rule.step.bound)
        if isinstance(rule.step, Clipped)
        else PlainStep(rule.learning_rate)
    )


def _credited(rule: PerturbationRule) -> tuple:
    if isinstance(rule.probe, WeightNoise):
        return DrawCredit()
    return TraceCredit(rule.credit.decay) if isinstance(rule.credit, Trace) else InstantCredit()


def _told(rule: PerturbationRule) -> tuple | None:
    if isinstance(rule.probe, WeightNoise):
        return None
    return (
        ToldNoise() if isinstance(rule.probe, InjectedNoise) else ToldDifference()
    )  # from the clean pass, or from the mean
