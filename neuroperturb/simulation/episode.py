"""The episode schedule: fixed weights for a sequence, its updates summed in blocks of steps, one write at the end.

    clean pass     D −= ε/(B T) Σ_t offdiag(x̂_tᵀx̂_t) D, accumulated as X̂ᵀ(X̂ D) over blocks and written once
    learning pass  G = Σ_t Σ_b r_t,b p_t,b x̂_t,b, accumulated as one matrix product a block
    trace          over a block it is a reward-to-go R_s = Σ_{t ≥ s} λ^{t−s} r_t; what reaches beyond the block is a trace per
                   trial, e (B, m, n), kept only where a sequence is longer than a block

Memory does not grow with T, and nothing costs n³ a step.
"""

from __future__ import annotations

from functools import lru_cache

from hardware_models.numerics import blas
from hardware_models.numerics.compiled import kernel, separate
from neuroperturb.network.chip.reward_channel import delay
from neuroperturb.simulation.per_synapse import make_stepwise
from neuroperturb.simulation.plan import Plan
from neuroperturb.simulation.step import centre_rows, make_factors, make_reward, make_step


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


@lru_cache
def make_sum(dtype: str, tracing: bool):
    """sum_block(block, memory, post, pre, n, keep): add a block of outer products to memory.gradient, and carry traces on."""
    _, _, write = blas.products(dtype)

    @kernel
    def credit_carried(block, memory, batch, steps, decay):
        """What the rewards of this block owe to perturbations before it: Σ_s λ^{s+1} r_s e."""
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
        """e ← λ e + p x̂ over the steps of the block."""  # slow, O(S B n²): only where a sequence is longer than a block
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
    def sum_block(block, memory, post, pre, n, batch, decay, goes_on):
        steps = block.filled[0]
        rows = steps * batch
        to_go(block.reward, batch, steps, decay, block.go)
        if tracing and decay > 0:
            if block.carried[0] == 1:
                credit_carried(block, memory, batch, steps, decay)
            if goes_on:
                carry(block, memory, post, pre, batch, steps, decay)
        for r in range(rows):
            for j in range(pre.shape[1]):
                block.weighted[r, j] = pre[r, j] * block.go[r]
        write(block.weighted[:rows], post[:rows], memory.gradient, n, block.sizes)

    return sum_block


@lru_cache
def make_episode(plan: Plan):
    """episode(run, inputs, targets, mask, reset, first, last) -> next step: the learning pass, weights fixed."""
    step, set_reward = separate(make_step(plan)), make_reward(plan)
    sum_block = separate(make_sum(plan.dtype, plan.tracing))
    antithetic, units, held, fill, delayed = plan.antithetic, plan.units, plan.held, plan.fill, plan.delayed
    learn_in, learn_rec, learn_out = plan.learn_in, plan.learn_rec, plan.learn_out
    factors = make_factors(plan.whiten, antithetic)
    stepwise = plan.gathers is not None  # a rule of one's own: nothing waits in blocks
    blocked = units and not stepwise
    add_own_step, await_own_rewards = map(separate, make_stepwise(plan)) if stepwise else (None, None)

    @kernel
    def close_block(run, goes_on):
        block, arrays, memories = run.block, run.arrays, run.memories
        if block.filled[0] == 0:
            if not goes_on:
                block.carried[0] = 0
            return
        batch, decay = run.signal.dL.shape[0], run.rule.trace
        # outputs do not recur: no later loss is owed to their perturbation, unless it is late
        instant = decay if delayed else type(decay)(0)
        n, n_out = arrays.W_rec.size[0], arrays.W_out.size[0]
        if learn_in:
            sum_block(block, memories.W_in, block.post, block.pre_in, n, batch, decay, goes_on)
        if learn_rec:
            sum_block(block, memories.W_rec, block.post, block.pre_rec, n, batch, decay, goes_on)
        if learn_out:
            sum_block(block, memories.W_out, block.post_y, block.pre_out, n_out, batch, instant, goes_on)
        block.filled[0] = 0
        block.carried[0] = 1 if goes_on else 0

    @kernel
    def add_step(run, reset):
        block, signal, act = run.block, run.signal, run.act
        at = block.filled[0] * signal.dL.shape[0]
        set_reward(run, block.reward[at : at + signal.dL.shape[0]])
        store(signal.post, at, block.post)
        store(signal.post_y, at, block.post_y)
        centre_rows(act.uh, antithetic, block.pre_in[at : at + signal.dL.shape[0]])
        last = at + signal.dL.shape[0]
        factors(run, reset, block.pre_rec[at:last], block.pre_out[at:last])
        block.filled[0] += 1

    @kernel
    def await_rewards(run):
        """The rewards still on their way meet silent units: what is left of a trace, and held noise, is credited."""
        block, dL = run.block, run.signal.dL
        for _ in range(run.channel.line.shape[0] - 1):
            dL[:] = 0
            delay(run.channel, dL)
            if not units:
                if held:
                    add_weight_noise(run, False)
                continue
            if block.filled[0] == block.reward.shape[0] // dL.shape[0]:
                close_block(run, True)
            at = block.filled[0] * dL.shape[0]
            set_reward(run, block.reward[at : at + dL.shape[0]])
            for rows in (block.post, block.post_y, block.pre_in, block.pre_rec, block.pre_out):
                clear(rows, at, dL.shape[0])
            block.filled[0] += 1

    @kernel
    def add_draws(memory, reward):
        """G += r Ξ of this step, the draw regenerated."""
        n, m = memory.key[2], memory.key[3]
        for j in range(m):
            fill(memory.source, memory.key[1], j, memory.row[:n])
            for i in range(n):
                memory.gradient[j, i] += reward * memory.row[i]

    @kernel
    def add_weight_noise(run, reset):
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
    def episode(run, inputs, targets, mask, reset, first, last):
        for t in range(first, last):
            if blocked and (reset[t] or run.block.filled[0] == run.block.reward.shape[0] // targets.shape[1]):
                close_block(run, not reset[t])
            if not step(run, inputs[t], targets[t], mask[t], reset[t]):
                return t
            if stepwise:
                add_own_step(run, reset[t])
            elif units:
                add_step(run, reset[t])
            else:
                add_weight_noise(run, reset[t])
        if last == inputs.shape[0]:
            if stepwise:
                await_own_rewards(run)
            else:
                await_rewards(run)
            if blocked:
                close_block(run, False)
        return last

    return episode


@lru_cache
def make_finish(plan: Plan, writers):
    """finish(run, nothing): write what the episode accumulated, once."""
    write_in, write_rec, write_out = (separate(writer) for writer in writers)
    credited = plan.units or not plan.held or plan.gathers is not None or plan.integrating  # in the sum already
    learn_in, learn_rec, learn_out = plan.learn_in, plan.learn_rec, plan.learn_out

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
