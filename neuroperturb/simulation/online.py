"""The online schedule: every step writes what the step before it left."""

from __future__ import annotations

from functools import lru_cache

from hardware_models.numerics.compiled import kernel, separate
from neuroperturb.rules.kernels.passes import centre_rows
from neuroperturb.simulation.plan import Plan
from neuroperturb.simulation.step import make_presynaptic_factors, make_reward, make_step


@kernel
def decorrelate(run, array, pending, x, paired, rate):
    """Leave −ε [offdiag(x̂ᵀx̂/B)] D to be written: rows −ε x̂/B, column read of D by x̂, decay ε mean x̂²."""
    centre_rows(x, paired, pending.pre)
    batch = pending.pre.shape[0]
    for i in range(pending.decay.shape[0]):
        pending.decay[i] = 0
    share = rate / type(rate)(batch)
    for b in range(batch):
        for i in range(pending.decay.shape[0]):
            pending.post[b, i] = -share * pending.pre[b, i]
            pending.decay[i] += share * pending.pre[b, i] * pending.pre[b, i]
    pending.active[0] = 1


@lru_cache
def make_online(plan: Plan):
    """online(run, inputs, targets, mask, reset, first, last) -> next step: presents steps first … last − 1."""
    step, set_reward = separate(make_step(plan)), make_reward(plan)
    paired, units, delayed = plan.rule.passes.paired, plan.rule.factor.present, plan.delayed
    tracing, integrating = plan.rule.synapse.tracing, plan.rule.synapse.integrates
    learn_in, learn_rec, learn_out, learn_d_in, learn_d_rec = plan.learns
    factors = make_presynaptic_factors(plan.whiten, paired, plan.own_traces)

    @kernel
    def leave(matrix_pending, memory, some, fresh, due):
        memory.key[0] = memory.key[1]
        if tracing:
            memory.kept[0] = 0 if fresh else 1
        if integrating:
            memory.due[0] = due
        if not some:
            matrix_pending.reward[:] = 0  # a trace may change, or a write be due, nevertheless
        if due and (some or integrating):
            memory.writes[0] += 1
        matrix_pending.active[0] = 1 if some or tracing or (integrating and due) else 0

    @kernel
    def online(run, inputs, targets, mask, reset, first, last):
        pending, memories, act = run.pending, run.memories, run.act
        for t in range(first, last):
            if not step(run, inputs[t], targets[t], mask[t], reset[t]):
                return t
            if learn_d_in:
                decorrelate(run, run.arrays.D_in, pending.D_in, act.du, paired, run.training.decorrelation)
            if learn_d_rec:
                decorrelate(run, run.arrays.D_rec, pending.D_rec, act.xh, paired, run.training.decorrelation)
            some = set_reward(run, pending.W_in.reward)
            for b in range(pending.W_in.reward.shape[0]):
                pending.W_rec.reward[b] = pending.W_in.reward[b]
                pending.W_out.reward[b] = pending.W_in.reward[b]
            due = not integrating or run.counters.step[0] % run.rule.write == 0
            if learn_in:
                centre_rows(act.uh, paired, pending.W_in.pre)
                leave(pending.W_in, memories.W_in, some, reset[t], due)
            factors(run, reset[t], pending.W_rec.pre, pending.W_out.pre)
            if learn_rec:
                # weight noise has no presynaptic factor; without a previous state there is nothing to credit
                leave(pending.W_rec, memories.W_rec, some and (units or not reset[t]), reset[t], due)
            if learn_out:
                # outputs do not feed back: nothing to carry over, except for a delayed reward
                leave(pending.W_out, memories.W_out, some, reset[t] or not delayed, due)
        return last

    return online
