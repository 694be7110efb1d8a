"""What a pair of loops is compiled for."""

from __future__ import annotations

from typing import NamedTuple

from neuroperturb.network.dynamics import ForwardPlan


class Plan(NamedTuple):
    """What a pair of loops is compiled for: everything hashable that selects code."""

    forward: ForwardPlan
    whiten: object  # None: presynaptic factors are the activity itself
    learn_input: bool  # is D_in learnt online
    learn_state: bool
    units: bool  # units are perturbed and told (False: weight noise)
    held: bool  # weight noise lasts the sequence
    per_trial_noise: bool
    tell_activity: bool
    antithetic: bool
    single: bool  # one pass, compared with the running mean of its loss
    shared: bool  # one reward a batch
    mean: bool  # divide by the batch
    tracing: bool  # do synapses keep a trace
    neuron: object  # None: units tell what the probe says; else a rule's own scalar formula
    gathers: object  # None: steps of an episode are summed as outer products; else a rule's own row loop
    drawing: bool  # do synapses of perturbed units draw numbers of their own
    delayed: bool  # rewards arrive late
    rate_in_reward: bool
    fill: object
    loss: object
    normalise: object
    factor: object
    learn_in: bool
    learn_rec: bool
    learn_out: bool
    dtype: str
    integrating: bool = False  # several steps or episodes a write
    independent: bool = False  # each pass has noise of its own
    deviating: bool = False  # units are compared with what they were lately
    weighted: bool = False  # the loss difference is multiplied by the expected loss
