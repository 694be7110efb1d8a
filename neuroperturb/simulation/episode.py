"""The episode schedule: fixed weights for a sequence, its updates summed, one write at the end.

    G = Σ_t Σ_b change of the synapse from j to i in trial b at step t

The sum is computed by one of three strategies:

    outer products    :mod:`~neuroperturb.simulation.episode_blocks`         units have a factor, and the formula is built in
    each synapse      :mod:`~neuroperturb.simulation.episode_per_synapse`    a custom formula
    draws             :mod:`~neuroperturb.simulation.episode_draws`          weight noise
    trials innermost  :mod:`~neuroperturb.simulation.episode_lanes`          units have a factor of their own, arrays are ideal

Memory does not grow with T, and no step costs n³.
"""

from __future__ import annotations

from functools import lru_cache

from hardware_models.numerics.compiled import kernel, separate
from neuroperturb.simulation.episode_blocks import block_strategy
from neuroperturb.simulation.episode_draws import draw_strategy
from neuroperturb.simulation.episode_lanes import make_lane_episode
from neuroperturb.simulation.episode_per_synapse import synapse_strategy
from neuroperturb.simulation.outside import make_outside
from neuroperturb.simulation.plan import Plan
from neuroperturb.simulation.step import make_halves, make_step
from neuroperturb.simulation.world import make_live


def strategy_of(plan: Plan):
    """The strategy that sums the updates of an episode."""
    if plan.rule.synapse.own:
        return synapse_strategy(plan)
    return block_strategy(plan) if plan.rule.factor.present else draw_strategy(plan)


@lru_cache
def make_episode(plan: Plan):
    """episode(run, inputs, targets, mask, reset, first, last) -> next step: the learning pass, weights fixed."""
    if plan.lanes:
        return make_lane_episode(plan)
    if plan.world is not None:
        if plan.world.outside:
            return make_outside(plan, make_halves(plan), strategy_of(plan))
        return make_live(plan, make_step(plan), strategy_of(plan))
    step = separate(make_step(plan))
    begin_step, add_step, end_sequence = strategy_of(plan)

    @kernel
    def episode(run, inputs, targets, mask, reset, first, last):
        for t in range(first, last):
            begin_step(run, reset[t])
            if not step(run, inputs[t], targets[t], mask[t], reset[t]):
                return t
            add_step(run, reset[t])
        if last == inputs.shape[0]:
            end_sequence(run)
        return last

    return episode


@lru_cache
def make_finish(plan: Plan, writers):
    """finish(run, nothing): write what the episode accumulated, once."""
    write_in, write_rec, write_out = (separate(writer) for writer in writers)
    synapse, learns = plan.rule.synapse, plan.learns
    credited = synapse.integrates or not synapse.credited_at_end  # the rewards are included in the sum already
    learn_in, learn_rec, learn_out = learns.W_in, learns.W_rec, learns.W_out

    @kernel
    def write(sweep, array, pending, memory, nothing):
        if credited:
            pending.reward[:] = 1
        memory.key[0] = memory.key[1]
        memory.writes[0] += 1
        pending.active[0] = 1
        sweep(array, pending, memory, nothing.x, nothing.acc)
        memory.gradient[:] = 0
        pending.reward[:] = 0

    @kernel
    def finish(run, nothing):
        arrays, pending, memories = run.arrays, run.pending, run.memories
        if learn_in:
            write(write_in, arrays.W_in, pending.W_in, memories.W_in, nothing.W_in)
        if learn_rec:
            write(write_rec, arrays.W_rec, pending.W_rec, memories.W_rec, nothing.W_rec)
        if learn_out:
            write(write_out, arrays.W_out, pending.W_out, memories.W_out, nothing.W_out)

    return finish
