"""Presentation of one sequence: the compiled loops over its steps, for both schedules.

online    every step: forward (each array first writes the update of the previous step), then the update of this step is pending.
episode   optional clean pass that learns D; then all steps with fixed weights, their updates summed in blocks; one write.

    factor   p = σξ (injected) or δa (activity);  none for weight noise, whose draws belong to the synapses
    reward   r_b = −δL_b / divisor [· η if the step is linear];  masked steps have δL = 0
    trace    over a block of steps a trace is a reward-to-go, R_s = Σ_{t ≥ s} λ^{t−s} r_t, and the block one matrix product;
             beyond the block it is carried by a trace e per trial, (B, m, n), stored only if a sequence is longer
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hardware_models.numerics.compiled import kernel, separate
from hardware_models.numerics.record import loaded
from neuroperturb.network.chip.reward_channel import delay, measure
from neuroperturb.network.dynamics import copy_rows, resynchronise, silence
from neuroperturb.rules.axes.probe import difference
from neuroperturb.rules.kernels.passes import centre_rows, divide_passes
from neuroperturb.simulation.plan import Plan
from neuroperturb.simulation.world import make_live_compare


@lru_cache
def make_draw(plan: Plan):
    """draw(run, n, n_out): the perturbation of this step, σξ for units or the keys of weight noise."""
    noise = plan.rule.noise
    fill, adding, lasts, keyed = separate(noise.fill), noise.injected, noise.lasts, noise.keyed
    by_lanes = plan.draws_by_lanes and noise.fill_lanes is not None
    fill_lanes = separate(noise.fill_lanes) if by_lanes else None

    @kernel
    def scaled(source, step, sigma, n, xi, lanes):
        if by_lanes:  # all trials in one loop, then turned round
            fill_lanes(source, step, lanes)
            for b in range(xi.shape[0]):
                for i in range(n):
                    xi[b, i] = lanes[i, b] * sigma
        else:
            for b in range(xi.shape[0]):
                fill(source, step, b, xi[b, :n])
                for i in range(n):
                    xi[b, i] *= sigma

    @kernel
    def draw(run, n, n_out):
        act, counters, sigma = run.act, run.counters, run.rule.noise_std
        if adding:
            scaled(run.source, counters.step[0] // run.rule.hold, sigma, n, act.xi, run.scratch.xi)
            scaled(run.source_y, counters.step[0] // run.rule.hold, sigma, n_out, act.xi_y, run.scratch.xi_y)
        if keyed:
            number = (counters.sequence[0] if lasts else counters.step[0]) // run.rule.hold
            for memory in (run.memories.W_in, run.memories.W_rec, run.memories.W_out):
                memory.key[1] = number

    return draw


@lru_cache
def make_compare(plan: Plan):
    """compare(run, targets, mask) -> summed loss: the received δL of every trial, 0 if masked; adds the mean loss to the counter."""
    loss, shared, expect = plan.loss, plan.rule.reward.shared, plan.rule.passes.expect
    single, measured, delayed = expect is not None, plan.measured, plan.delayed

    @kernel
    def compare(run, targets, mask):
        signal, counters = run.signal, run.counters
        total, scored = 0.0, 0
        for b in range(targets.shape[0]):
            value, change = loss(signal.y[b], signal.dy[b], targets[b])
            if mask[b]:
                total += value
                scored += 1
                signal.dL[b] = change
            else:
                signal.dL[b] = 0.0
        if single and scored > 0:
            expect(run.rule.baseline, signal.dL, mask, counters.expected, counters.condition)
        if shared:
            mean = 0.0
            for b in range(targets.shape[0]):
                mean += signal.dL[b] / targets.shape[0]
            signal.dL[:] = mean
        if measured:
            measure(run.channel, counters.step[0], mask, shared, signal.dL)
        if delayed:
            delay(run.channel, signal.dL)
        if scored > 0:
            counters.loss[0] += total / scored
            counters.loss[1] += 1
        return total

    return compare


@lru_cache
def make_own_factor(neuron, paired: bool):
    """own(params, values, noise, size, p): apply a custom formula to the two passes of every unit, into p (B, n)."""

    @kernel
    def own(params, values, noise, size, p):
        batch, numbers = p.shape[0], loaded(params)
        half, last = type(values[0, 0])(0.5), values.shape[0] - batch
        for b in range(batch):
            first, second, injected = values[b], values[last + b], noise[b]
            for i in range(size):
                clean = half * (first[i] + second[i]) if paired else first[i]
                p[b, i] = neuron(numbers, clean, second[i], injected[i])

    return own


@lru_cache
def make_postsynaptic_factor(plan: Plan):
    """set_factor(run, n, n_out): the perturbation of every unit, normalised, into signal.post; counts singular layers."""
    factor, passes, shared = plan.rule.factor, plan.rule.passes, plan.rule.reward.shared
    paired, independent, normalise = passes.paired, passes.independent, separate(factor.normalise)
    has_own = factor.neuron is not None
    own = make_own_factor(factor.neuron, paired) if has_own else None
    of_activity = difference if has_own and factor.measure is None else factor.measure
    measuring = of_activity is not None
    # if the noise itself is credited, it is the difference between the passes
    between_draws = independent and (factor.measure is None or has_own)

    @kernel
    def set_factor(run, n, n_out):
        act, signal, rule = run.act, run.signal, run.rule
        if measuring:
            of_activity(act.a, paired, n, rule.probe, signal.mean, signal.a, signal.da)
            of_activity(act.y, paired, n_out, rule.probe, signal.mean_y, signal.y, signal.dy)
        if between_draws:
            divide_passes(act.xi, True, n, signal.post, signal.da)
            divide_passes(act.xi_y, True, n_out, signal.post_y, signal.dy)
        if has_own:
            own(rule.neuron, act.a, signal.da if independent else act.xi, n, signal.da)
            own(rule.neuron, act.y, signal.dy if independent else act.xi_y, n_out, signal.dy)
        if measuring or between_draws:
            p, a, p_y, y = signal.da, signal.a, signal.dy, signal.y
        else:
            p, a, p_y, y = act.xi, act.xi, act.xi_y, act.xi_y
        skipped = normalise(p, a, n, rule.normaliser, shared, signal.variance, signal.post)
        skipped += normalise(p_y, y, n_out, rule.normaliser, shared, signal.variance_y, signal.post_y)
        run.counters.skipped[0] += skipped

    return set_factor


@lru_cache
def make_halves(plan: Plan):
    """look(run, inputs, targets, reset): forward;  learn(run, targets, mask): the signals for the synapses, False if it diverged."""
    forward, draw = separate(plan.forward.make()), make_draw(plan)
    compare = make_compare(plan) if plan.world is None else make_live_compare(plan)
    set_factor, paired = make_postsynaptic_factor(plan), plan.rule.passes.paired
    units, keeps_mean, twins = plan.rule.factor.present, plan.rule.factor.keeps_mean, plan.resynchronises

    @kernel
    def look(run, inputs, targets, reset):
        act, signal, counters = run.act, run.signal, run.counters
        n, n_out = run.arrays.W_rec.size[0], targets.shape[1]
        if reset:
            silence(act)
            if keeps_mean:
                signal.mean[:] = 0
                signal.mean_y[:] = 0
        elif twins and counters.step[0] % run.training.resynchronise == 0:
            resynchronise(act, paired)
        draw(run, n, n_out)
        forward(run.arrays, run.pending, run.memories, act, run.neurons, inputs)
        divide_passes(act.y, paired, n_out, signal.y, signal.dy)

    @kernel
    def learn(run, targets, mask):
        counters, n, n_out = run.counters, run.arrays.W_rec.size[0], targets.shape[1]
        total = compare(run, targets, mask)
        if units:
            set_factor(run, n, n_out)
        if not np.isfinite(total):
            counters.diverged[0] = counters.step[0]
            return False
        counters.step[0] += 1
        return True

    return look, learn


@lru_cache
def make_step(plan: Plan):
    """step(run, inputs, targets, mask, reset): forward, then the signals for the synapses. Returns False if it diverged."""
    look, learn = make_halves(plan)

    @kernel
    def step(run, inputs, targets, mask, reset):
        look(run, inputs, targets, reset)
        return learn(run, targets, mask)

    return step


@lru_cache
def make_reward(plan: Plan):
    """reward(run, out, batch): −δL_b/divisor, times η if the step is linear; returns whether any is not 0."""
    reward, units = plan.rule.reward, plan.rule.factor.present
    holds_rate, factor, pooled, mean = reward.holds_rate, reward.factor, reward.pooled, reward.mean

    @kernel
    def set_reward(run, out):
        rule, dL = run.rule, run.signal.dL
        batch = dL.shape[0]
        eta = rule.learning_rate * factor(rule.rate, run.counters.step[0] / run.training.steps)
        scale = -1.0 / batch if mean else -1.0
        if holds_rate:
            scale *= eta
        if not units:
            scale *= rule.draw_scale
        some, total = False, 0.0
        for b in range(batch):
            some = some or dL[b] != 0.0
            total += dL[b] / batch
            if not pooled:
                out[b] = scale * dL[b]
        if pooled:
            out[0] = scale * total
        for memory in (run.memories.W_in, run.memories.W_rec, run.memories.W_out):
            memory.rate[0] = 1.0 if holds_rate else eta
        return some

    return set_reward


@kernel
def read_stored_row(array, j, total):
    """The weights (device units) of row j, summed over devices, including slow noise."""
    w, slow = array.cells.w, array.cells.slow
    noisy = slow.shape[1] == w.shape[1] and slow.shape[2] == w.shape[2]
    total[:] = 0
    for k in range(w.shape[0]):
        gain = array.gain[k]
        for i in range(total.shape[0]):
            total[i] += gain * (w[k, j, i] + slow[k, j, i]) if noisy else gain * w[k, j, i]


@lru_cache
def make_pending_change(change_row):
    """pending_change(array, pending, memory, out): the change of every row requested by the next write, (m, n) device units; updates memory."""

    @kernel
    def pending_change(array, pending, memory, out):
        w = array.scratch.rows[0]
        for j in range(out.shape[0]):
            read_stored_row(array, j, w)
            change_row(pending, memory, w, array.scale[0], j, out[j])

    return pending_change


@lru_cache
def make_presynaptic_factors(whiten, paired: bool, own_traces: bool = False):
    """factors(run, reset, recurrent, readout): presynaptic factors of this step for W_rec and W_out, (B, n) each.

    own_traces : P whitens the trace of recurrent synapses, and is learned from it; the last columns of its read are the readout's
    """
    whitening = whiten is not None

    @kernel
    def factors(run, reset, recurrent, readout):
        act = run.act
        centre_rows(act.xh, paired, readout)
        if whitening and own_traces:
            centre_rows(act.before, paired, recurrent)
            last = run.whitener.x.shape[0] - readout.shape[0]
            for b in range(readout.shape[0]):
                for i in range(readout.shape[1]):
                    run.whitener.x[last + b, i] = readout[b, i]
            whiten(run.whitener, recurrent, run.counters.step[0], reset)
            copy_rows(run.whitener.now, recurrent.shape[1], recurrent)
            copy_rows(run.whitener.z[last:], readout.shape[1], readout)
        elif whitening:
            whiten(run.whitener, readout, run.counters.step[0], reset)
            copy_rows(run.whitener.now, readout.shape[1], readout)
            copy_rows(run.whitener.before, recurrent.shape[1], recurrent)
        else:
            centre_rows(act.before, paired, recurrent)

    return factors
