"""Keys that select the code of a rule: hashable and without numbers, so that changing numbers needs no recompilation."""

from __future__ import annotations

from typing import NamedTuple

from neuroperturb.rules.formula.signatures import Formula


class PassPlan(NamedTuple):
    """Parallel trajectories.

    count : 1 or 2
    paired : their mean is the centre and half their difference the perturbation; else the first is the centre
    independent : they have independent noise
    expect : kernel of the expected loss of a single pass; None if the other pass is the reference
    timed : there is one for each step of an episode, not for each kind of trial
    sampled : the clean pass draws an action from its policy, and what the noise does to its log-probability is credited
    """

    count: int
    paired: bool
    independent: bool
    expect: object
    timed: bool = False
    sampled: bool = False


class NoisePlan(NamedTuple):
    """The perturbation, and when it is drawn.

    fill : kernel of one draw;  fill_lanes : of those of a batch, trials innermost, or None
    injected : σξ is added to pre-activations
    shifted : σΞ is added to weights while they are read
    lasts : a weight draw lasts for a sequence
    keyed : synapses make draws, so that their draw numbers advance
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
    measure : kernel of a unit's measurement of its activity, None if there is none
    keeps_mean : a running mean is part of that
    neuron : scalar function of a custom rule, None if the factor is that of the probe
    normalise : kernel;  unit : scalar function (params, p) -> post if that is all it is, else None
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
    private : P is also read with noise private to each unit
    tracks : products of the activity are summed, and P is set from them at a write
    """

    leave: object
    private: bool
    tracks: bool

    @property
    def present(self) -> bool:
        return self.leave is not None


class SynapsePlan(NamedTuple):
    """State and computation of synapses.

    formula : of the synapse;  own : it is custom, and only its arguments are known
    tracing : each has a trace for each trial;  stateful : each has an optimiser state;  doubly : of two numbers
    gather : kernel of a row over the trials of a batch
    integrates : a write sums several steps, or episodes
    credited_at_end : the rewards of an episode are summed, and its draw, held throughout, is credited once
    """

    formula: Formula
    own: bool
    tracing: bool
    stateful: bool
    doubly: bool
    gather: object
    integrates: bool
    credited_at_end: bool


class RewardPlan(NamedTuple):
    """The broadcast scalar.

    shared : one for the whole batch, its mean;  mean : divided by the batch
    pooled : all trials share one draw, so they have one reward
    factor : kernel of the learning-rate schedule;  holds_rate : η is a factor of the reward, since the step is linear
    """

    shared: bool
    mean: bool
    pooled: bool
    factor: object
    holds_rate: bool


class RuleStructure(NamedTuple):
    """Key that selects the code of a rule: equal ones share their compiled loops."""

    passes: PassPlan
    noise: NoisePlan
    factor: FactorPlan
    lateral: LateralPlan
    synapse: SynapsePlan
    reward: RewardPlan


class RowKernels(NamedTuple):
    """Row kernels, for the sweep of an array.

    learning : change_row in the loop over steps;  written : change_row at the end of an episode, None online
    read : read of a row while its weights are perturbed, None if they are not
    """

    learning: object
    written: object
    read: object
