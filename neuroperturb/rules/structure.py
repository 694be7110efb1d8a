"""What the code of a rule is selected by, grouped by noun: hashable, and without a number, so that changing numbers compiles nothing."""

from __future__ import annotations

from typing import NamedTuple

from neuroperturb.rules.formula.signatures import Formula


class PassPlan(NamedTuple):
    """Trajectories side by side.

    count : 1 or 2
    paired : their mean is the centre and half their difference the perturbation; else the first is the centre
    independent : each has noise of its own
    expect : kernel of what the loss of a single pass is compared with; None where the other pass is
    """

    count: int
    paired: bool
    independent: bool
    expect: object


class NoisePlan(NamedTuple):
    """What is perturbed, and when it is drawn.

    fill : kernel of one draw;  fill_lanes : of those of a batch, trials innermost, or None
    injected : σξ is added to pre-activations
    shifted : σΞ is added to weights while they are read
    lasts : a draw of weights lasts a sequence
    keyed : synapses draw, so that the numbers of their draws move
    """

    fill: object
    fill_lanes: object
    injected: bool
    shifted: bool
    lasts: bool
    keyed: bool


class FactorPlan(NamedTuple):
    """The postsynaptic factor.

    present : units have one; else a synapse is credited with its own draw
    measure : kernel of what a unit makes of its activity, None where it makes nothing of it
    keeps_mean : what it was lately is part of that
    neuron : scalar function of a rule of one's own, None where the factor is the probe's
    normalise : kernel;  unit : scalar function (params, p) -> post where that is all it is, else None
    """

    present: bool
    measure: object
    keeps_mean: bool
    neuron: object
    normalise: object
    unit: object


class LateralPlan(NamedTuple):
    """The matrix P of presynaptic factors.

    leave : kernel of its update; None: there is no P
    private : it is also read with noise private to each unit
    """

    leave: object
    private: bool

    @property
    def present(self) -> bool:
        return self.leave is not None


class SynapsePlan(NamedTuple):
    """What synapses keep and compute.

    formula : of the synapse;  own : nothing is known of it but what it reads
    tracing : each keeps a trace for each trial;  stateful : each keeps a state of its step
    gather : kernel of a row over the trials of a batch
    integrates : a write sums up several steps, or episodes
    credited_at_end : the rewards of an episode are summed, and its draw, which was held all through it, is credited once
    """

    formula: Formula
    own: bool
    tracing: bool
    stateful: bool
    gather: object
    integrates: bool
    credited_at_end: bool


class RewardPlan(NamedTuple):
    """The broadcast scalar.

    shared : one for the whole batch, its mean;  mean : divided by the batch
    pooled : all trials meet one draw, so they have one reward
    factor : kernel of the learning-rate schedule;  holds_rate : η is a factor of the reward, since nothing after it scales
    """

    shared: bool
    mean: bool
    pooled: bool
    factor: object
    holds_rate: bool


class RuleStructure(NamedTuple):
    """What the code of a rule is selected by: equal ones share their compiled loops."""

    passes: PassPlan
    noise: NoisePlan
    factor: FactorPlan
    lateral: LateralPlan
    synapse: SynapsePlan
    reward: RewardPlan


class RowKernels(NamedTuple):
    """Rows of synapses, for the sweep of an array.

    learning : change_row in the loop over steps;  written : of what waited for the end of an episode, None online
    read : row of weights while they are perturbed, None where they are not
    """

    learning: object
    written: object
    read: object
