"""An episode of weight noise: synapses are credited with their own draw, which is a function of its number.

    redrawn at every step    G += r_t Ξ_t                 with the mean reward of the batch
    held for the sequence    R_b += r_t,b                 credited to the draw at the end of the sequence

A chip needs no storage of the size of a matrix for it.
"""

from __future__ import annotations

from functools import lru_cache

from hardware_models.numerics.compiled import kernel, separate
from neuroperturb.network.chip.reward_channel import delay
from neuroperturb.rules.kernels.synapse import make_lookup
from neuroperturb.simulation.episode_strategy import EpisodeStrategy, begin_nothing
from neuroperturb.simulation.plan import Plan
from neuroperturb.simulation.step import make_reward, read_stored_row


@lru_cache
def draw_strategy(plan: Plan) -> EpisodeStrategy:
    """Strategy for perturbed weights, without factors of units."""
    set_reward, held, fill = make_reward(plan), plan.rule.noise.lasts, plan.rule.noise.fill
    learn_in, learn_rec, learn_out = plan.learns.W_in, plan.learns.W_rec, plan.learns.W_out
    look_up = make_lookup(fill)

    @kernel
    def add_draws(memory, reward):
        """G += r Ξ of this step."""
        n, m = memory.key[2], memory.key[3]
        for j in range(m):
            draw, total = memory.scratch.rows[look_up(memory, memory.key[1], j)], memory.gradient[j]
            for i in range(n):
                total[i] += reward * draw[i]

    @kernel
    def add_step(run, reset):
        pending, memories, block = run.pending, run.memories, run.block
        reward = block.reward
        some = set_reward(run, reward)
        if held:
            for b in range(pending.W_in.reward.shape[0]):
                pending.W_in.reward[b] += reward[b]
                pending.W_out.reward[b] += reward[b]
                if not reset:
                    pending.W_rec.reward[b] += reward[b]
        elif some:
            if learn_in:
                add_draws(memories.W_in, reward[0])
            if learn_rec and not reset:
                add_draws(memories.W_rec, reward[0])
            if learn_out:
                add_draws(memories.W_out, reward[0])

    @kernel
    def end_sequence(run):
        """Rewards still in the channel are credited to the noise, which is still held."""
        dL = run.signal.dL
        for _ in range(run.channel.line.shape[0] - 1):
            dL[:] = 0
            delay(run.channel, dL)
            if held:
                add_step(run, False)

    return EpisodeStrategy(begin_nothing, add_step, end_sequence)


@lru_cache
def make_absorb(plan: Plan):
    """absorb(run): add the credit of the noise held over an episode to the sums, before the next episode redraws it."""
    gather = separate(plan.rule.synapse.gather)
    learn_in, learn_rec, learn_out = plan.learns.W_in, plan.learns.W_rec, plan.learns.W_out

    @kernel
    def rows(array, pending, memory):
        w, change = array.scratch.rows[0], array.scratch.change
        memory.key[0] = memory.key[1]
        for j in range(memory.gradient.shape[0]):
            read_stored_row(array, j, w)
            gather(pending, memory, w, array.scale[0], j, change)
            total = memory.gradient[j]
            for i in range(change.shape[0]):
                total[i] += change[i]
        pending.reward[:] = 0

    @kernel
    def absorb(run):
        if learn_in:
            rows(run.arrays.W_in, run.pending.W_in, run.memories.W_in)
        if learn_rec:
            rows(run.arrays.W_rec, run.pending.W_rec, run.memories.W_rec)
        if learn_out:
            rows(run.arrays.W_out, run.pending.W_out, run.memories.W_out)

    return absorb
