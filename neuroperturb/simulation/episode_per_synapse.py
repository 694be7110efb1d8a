"""An episode summed synapse by synapse: for custom rules with arbitrary formulas.

    G_ij += Σ_b change of the synapse from j to i        at every step, with the weights fixed during the episode

Outer products can be deferred and summed as one matrix product (:mod:`neuroperturb.simulation.episode_blocks`); arbitrary formulas
cannot. Every step costs as much as a write.
"""

from __future__ import annotations

from functools import lru_cache

from hardware_models.numerics.compiled import kernel, separate
from neuroperturb.network.chip.reward_channel import delay
from neuroperturb.rules.kernels.passes import centre_rows
from neuroperturb.simulation.episode_strategy import EpisodeStrategy, begin_nothing
from neuroperturb.simulation.plan import Plan
from neuroperturb.simulation.step import make_presynaptic_factors, make_reward, read_stored_row


@lru_cache
def synapse_strategy(plan: Plan) -> EpisodeStrategy:
    """Strategy for an arbitrary formula."""
    rule, paired, delayed = plan.rule, plan.rule.passes.paired, plan.late
    set_reward, factors, gather = (
        make_reward(plan),
        make_presynaptic_factors(plan.whiten, paired, plan.own_traces),
        separate(rule.synapse.gather),
    )
    units, held, tracing = rule.factor.present, rule.noise.lasts, rule.synapse.tracing
    learn_in, learn_rec, learn_out = plan.learns.W_in, plan.learns.W_rec, plan.learns.W_out

    @kernel
    def add_rows(array, pending, memory, fresh):
        w, change, scale = array.scratch.rows[0], array.scratch.change, array.scale[0]
        memory.kept[0] = 0 if fresh else 1
        memory.key[0] = memory.key[1]
        for j in range(memory.gradient.shape[0]):
            read_stored_row(array, j, w)
            gather(pending, memory, w, scale, j, change)
            total = memory.gradient[j]
            for i in range(change.shape[0]):
                total[i] += change[i]

    @kernel
    def add_all(run, reset):
        arrays, pending, memories = run.arrays, run.pending, run.memories
        some = set_reward(run, pending.W_in.reward)
        for b in range(pending.W_in.reward.shape[0]):
            pending.W_rec.reward[b] = pending.W_in.reward[b]
            pending.W_out.reward[b] = pending.W_in.reward[b]
        if not some and not tracing:
            return
        if learn_in:
            add_rows(arrays.W_in, pending.W_in, memories.W_in, reset)
        if learn_rec and (units or tracing or not reset):
            add_rows(arrays.W_rec, pending.W_rec, memories.W_rec, reset)
        if learn_out:
            # outputs do not feed back: nothing to carry over, except for a delayed reward, or in a world
            add_rows(arrays.W_out, pending.W_out, memories.W_out, reset or not delayed)

    @kernel
    def add_step(run, reset):
        pending = run.pending
        centre_rows(run.act.uh, paired, pending.W_in.pre)
        factors(run, reset, pending.W_rec.pre, pending.W_out.pre)
        add_all(run, reset)

    @kernel
    def end_sequence(run):
        """Silent steps; the remaining traces, and held noise, are credited."""
        pending, dL = run.pending, run.signal.dL
        for _ in range(run.channel.line.shape[0] - 1):
            dL[:] = 0
            delay(run.channel, dL)
            if units or held:
                for synapses in (pending.W_in, pending.W_rec, pending.W_out):
                    synapses.pre[:] = 0
                    synapses.post[:] = 0
                add_all(run, False)

    return EpisodeStrategy(begin_nothing, separate(add_step), separate(end_sequence))
