"""Rows of synapses: the loops around a rule's scalar formulas.

    gather    g_i = Σ_b change of the synapse from j to i, over the trials of a batch; updates its traces
    summed    g_i = the change accumulated over an episode
    step      the write computed from g

A row contains the synapses of one presynaptic unit, so that the loops vectorise over postsynaptic units. Arguments that a formula does not
use are neither drawn, loaded nor stored. Sums run in the order of the trials.
"""

from __future__ import annotations

from functools import lru_cache

from hardware_models.crossbar.fused import rank_change
from hardware_models.numerics.compiled import kernel
from hardware_models.numerics.record import loaded
from neuroperturb.rules.axes.credit import InstantCredit
from neuroperturb.rules.axes.step import PlainStep
from neuroperturb.rules.formula.signatures import Formula, formula
from neuroperturb.rules.kernels.synapse import make_lookup


@lru_cache
def make_gather(synapse: Formula, fill):
    """gather(pending, memory, w, scale, j, g): the rule's change of row j, summed over trials; `fill` draws."""
    function = synapse.function
    tracing, weighing, drawing = (name in synapse.used for name in ("trace", "weight", "draw"))
    look_up = make_lookup(fill)

    @kernel
    def gather(pending, memory, w, scale, j, g):
        params, kept, n, m = loaded(memory.params), memory.kept[0], memory.key[2], memory.key[3]
        zero, draw, traces = type(scale)(0), memory.scratch.present, memory.trace
        g[:] = 0
        for b in range(pending.reward.shape[0]):
            reward, pre, post = pending.reward[b], pending.pre[b, j], pending.post[b]
            e = traces[b, j] if tracing else traces[0, 0]
            if drawing:
                draw = memory.scratch.rows[look_up(memory, memory.key[0], b * m + j)]
            for i in range(g.shape[0]):
                trace = kept * e[i] if tracing else zero
                weight = scale * w[i] if weighing else zero
                trace, change = function(params, trace, weight, pre, post[i], reward, draw[i] if drawing else zero)
                if tracing:
                    e[i] = trace
                g[i] += change
        for i in range(n, g.shape[0]):  # discard the results for the zero padding beyond a row
            g[i] = 0

    return gather


@kernel
def gather_summed(pending, memory, w, scale, j, g):
    summed = memory.gradient[j]
    for i in range(g.shape[0]):
        g[i] = summed[i]


def uncorrected(params, writes):
    return type(writes)(1)


@kernel
def is_rewarded(reward):
    rewarded = False
    for b in range(reward.shape[0]):
        rewarded = rewarded or reward[b] != 0
    return rewarded


@lru_cache
def make_step_row(numbers: type):
    """step_row(memory, j, scale, reward, g): replaces g by the write. Without a reward, the state is left unchanged.

    numbers : class of the step's record, see :mod:`neuroperturb.rules.axes.step`
    """
    step = formula(numbers, "step")
    function, keeping = step.function, "state" in step.used
    correct = kernel(getattr(numbers, "correction", uncorrected))

    @kernel
    def without_state(memory, j, scale, reward, g):
        # η in device units
        params, one = numbers(memory.rate[0] / scale, *loaded(memory.step)[1:]), type(scale)(1)
        for i in range(g.shape[0]):
            _, g[i] = function(params, one, g[i], one)

    @kernel
    def with_state(memory, j, scale, reward, g):
        if not is_rewarded(reward):
            g[:] = 0
            return
        params, state = numbers(memory.rate[0] / scale, *loaded(memory.step)[1:]), memory.square[j]
        correction = correct(params, type(scale)(memory.writes[0]))
        for i in range(g.shape[0]):
            state[i], g[i] = function(params, state[i], g[i], correction)

    @kernel
    def with_two_states(memory, j, scale, reward, g):
        if not is_rewarded(reward):
            g[:] = 0
            return
        params = numbers(memory.rate[0] / scale, *loaded(memory.step)[1:])
        state, second = memory.square[j], memory.second[j]
        correction = correct(params, type(scale)(memory.writes[0]))
        for i in range(g.shape[0]):
            state[i], second[i], g[i] = function(params, state[i], second[i], g[i], correction)

    if "second" in step.used:
        return with_two_states
    return with_state if keeping else without_state


@lru_cache
def make_change(gather, step_row):
    """change_row(pending, memory, w, scale, j, change) for an array's sweep, from a gather and a step."""

    @kernel
    def change_row(pending, memory, w, scale, j, change):
        gather(pending, memory, w, scale, j, change)
        step_row(memory, j, scale, pending.reward, change)

    return change_row


def make_learning(synapse: Formula, step: type, fill):
    """change_row of a rule; stateless outer products are left to the array, which can fuse them or use BLAS."""
    if synapse == formula(InstantCredit, "synapse") and step is PlainStep:
        return rank_change
    return make_change(make_gather(synapse, fill), make_step_row(step))
