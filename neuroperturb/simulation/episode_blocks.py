"""An episode summed in blocks of steps, one matrix product per block.

    G = Σ_t Σ_b R_t,b p_t,b x̂_t,b        R_t = Σ_{s ≥ t} λ^{s−t} r_s

Within a block of steps a trace is a reward-to-go. Beyond the block it is carried by a trace e (B, m, n) per trial, stored only if a
sequence is longer than a block.
"""

from __future__ import annotations

from functools import lru_cache

from hardware_models.numerics import blas
from hardware_models.numerics.compiled import kernel, separate
from neuroperturb.network.chip.reward_channel import delay
from neuroperturb.rules.kernels.passes import centre_rows
from neuroperturb.simulation.episode_strategy import EpisodeStrategy
from neuroperturb.simulation.plan import Plan
from neuroperturb.simulation.step import make_presynaptic_factors, make_reward


@kernel
def store(rows, at, block):
    """block[at : at + B] = rows"""
    width = min(rows.shape[1], block.shape[1])
    for b in range(rows.shape[0]):
        for i in range(width):
            block[at + b, i] = rows[b, i]


@kernel
def clear(block, at, rows):
    """block[at : at + rows] = 0"""
    for b in range(rows):
        block[at + b, :] = 0


@kernel
def to_go(reward, batch, steps, decay, go):
    """R_s = r_s + λ R_{s+1} for every trial; rows are s · B + b."""
    for b in range(batch):
        later = type(decay)(0)
        for s in range(steps - 1, -1, -1):
            later = reward[s * batch + b] + decay * later
            go[s * batch + b] = later


@kernel
def credit_actions(block, batch, steps):
    """Q_s = Σ_{t ≥ s} d_t R_t: what the noise of step s did to the log-probability of this action and later ones, times their rewards-to-go."""
    for b in range(batch):
        later = type(block.go[0])(0)
        for s in range(steps - 1, -1, -1):
            row = s * batch + b
            later += block.gain[row] * block.go[row]
            block.go[row] = later


@lru_cache
def make_sum(dtype: str, carrying: bool, sampled: bool):
    """sum_block(block, memory, post, pre, batch, decay, goes_on): add outer products to memory.gradient.

    carrying : whether traces carry credit from block to block, and are updated
    """
    _, _, write = blas.products(dtype)

    @kernel
    def credit_carried(block, memory, batch, steps, decay):
        """Credit of earlier perturbations for the rewards of this block: Σ_s λ^{s+1} r_s e."""
        for b in range(batch):
            factor, weight = type(decay)(0), decay
            for s in range(steps):
                factor += weight * block.reward[s * batch + b]
                weight *= decay
            trace = memory.trace[b]
            for j in range(trace.shape[0]):
                for i in range(trace.shape[1]):
                    memory.gradient[j, i] += factor * trace[j, i]

    @kernel
    def carry(block, memory, post, pre, batch, steps, decay):
        """e ← λ e + p x̂ over the steps of the block."""  # slow, O(S B n²): only if a sequence is longer than a block
        fresh = block.carried[0] == 0
        for b in range(batch):
            trace = memory.trace[b]
            if fresh:
                trace[:] = 0
            for s in range(steps):
                row = s * batch + b
                for j in range(trace.shape[0]):
                    x = pre[row, j]
                    for i in range(trace.shape[1]):
                        trace[j, i] = decay * trace[j, i] + post[row, i] * x

    @kernel
    def sum_block(block, memory, post, pre, batch, decay, goes_on):
        steps = block.filled[0]
        rows = steps * batch
        to_go(block.reward, batch, steps, decay, block.go)
        if sampled:
            credit_actions(block, batch, steps)
        if carrying and decay > 0:
            if block.carried[0] == 1:
                credit_carried(block, memory, batch, steps, decay)
            if goes_on:
                carry(block, memory, post, pre, batch, steps, decay)
        for r in range(rows):
            for j in range(pre.shape[1]):
                block.weighted[r, j] = pre[r, j] * block.go[r]
        write(block.weighted[:rows], post[:rows], memory.gradient, memory.key[2], block.sizes)

    return sum_block


@lru_cache
def make_close_block(plan: Plan):
    """close_block(run, goes_on): sum the pending steps; goes_on: whether the sequence continues after them."""
    sampled, late = plan.rule.passes.sampled, plan.late
    sum_block = separate(make_sum(plan.dtype, plan.rule.synapse.tracing and not plan.whole, sampled))
    learn_in, learn_rec, learn_out = plan.learns.W_in, plan.learns.W_rec, plan.learns.W_out

    @kernel
    def close_block(run, goes_on):
        block, memories = run.block, run.memories
        if block.filled[0] == 0:
            if not goes_on:
                block.carried[0] = 0
            return
        batch, decay = run.signal.dL.shape[0], run.rule.discount
        # outputs do not feed back: no later loss depends on their perturbation, except a delayed one, or in a world
        instant = decay if late else type(decay)(0)
        if learn_in:
            sum_block(block, memories.W_in, block.post, block.pre_in, batch, decay, goes_on)
        if learn_rec:
            sum_block(block, memories.W_rec, block.post, block.pre_rec, batch, decay, goes_on)
        if learn_out:
            sum_block(block, memories.W_out, block.post_y, block.pre_out, batch, instant, goes_on)
        block.filled[0] = 0
        block.carried[0] = 1 if goes_on else 0

    return close_block


@lru_cache
def block_strategy(plan: Plan) -> EpisodeStrategy:
    """Strategy for units with a factor and a formula that is an outer product."""
    set_reward, close_block, paired = make_reward(plan), make_close_block(plan), plan.rule.passes.paired
    factors, sampled = make_presynaptic_factors(plan.whiten, paired, plan.own_traces), plan.rule.passes.sampled
    delayed = plan.delayed

    @kernel
    def begin_step(run, reset):
        block = run.block
        if reset or block.filled[0] == block.reward.shape[0] // run.signal.dL.shape[0]:
            close_block(run, not reset)

    @kernel
    def add_step(run, reset):
        block, signal, act = run.block, run.signal, run.act
        batch = signal.dL.shape[0]
        at = block.filled[0] * batch
        last = at + batch
        set_reward(run, block.reward[at:last])
        if sampled:
            for b in range(batch):
                block.gain[at + b] = run.world.gain[b]
        store(signal.post, at, block.post)
        store(signal.post_y, at, block.post_y)
        centre_rows(act.uh, paired, block.pre_in[at:last])
        factors(run, reset, block.pre_rec[at:last], block.pre_out[at:last])
        block.filled[0] += 1

    @kernel
    def receive_rest(run):
        """Rewards still in the channel arrive at silent units: the remaining traces are credited."""
        block, dL = run.block, run.signal.dL
        for _ in range(run.channel.line.shape[0] - 1):
            dL[:] = 0
            delay(run.channel, dL)
            if block.filled[0] == block.reward.shape[0] // dL.shape[0]:
                close_block(run, True)
            at = block.filled[0] * dL.shape[0]
            set_reward(run, block.reward[at : at + dL.shape[0]])
            for rows in (block.post, block.post_y, block.pre_in, block.pre_rec, block.pre_out):
                clear(rows, at, dL.shape[0])
            if sampled:
                block.gain[at : at + dL.shape[0]] = 0
            block.filled[0] += 1

    @kernel
    def end_sequence(run):
        if delayed:
            receive_rest(run)
        close_block(run, False)

    return EpisodeStrategy(begin_step, add_step, end_sequence)
