"""How one sequence is presented: the compiled loops over its steps, for both schedules.

online    every step: forward (each array first writes what the step before left for it), then the update of this step waits.
episode   optional clean pass that learns D; then all steps with fixed weights, their updates summed in blocks; one write.

    told     p = σξ (injected) or δa (activity);  nothing for weight noise, whose draws the synapse has itself
    reward   r_b = −δL_b / divisor [· η where nothing after it scales];  masked steps have δL = 0
    trace    over a block of steps a trace is a reward-to-go, R_s = Σ_{t ≥ s} λ^{t−s} r_t, and the block one matrix product;
             what reaches beyond the block is a trace e per trial, (B, m, n), kept only where a sequence is longer
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hardware_models.numerics.compiled import kernel, separate
from hardware_models.numerics.record import loaded
from neuroperturb.network.chip.reward_channel import delay, measure
from neuroperturb.network.dynamics import copy_rows, resynchronise, silence
from neuroperturb.simulation.plan import Plan


@kernel
def divide_passes(values, antithetic, size, centre, delta):
    """Centre and perturbation of the passes: clean and noisy − clean, or mean and half difference; of a single one itself and 0."""
    batch = centre.shape[0]
    half, last = type(values[0, 0])(0.5), values.shape[0] - batch  # where the second pass begins, or the only one
    for b in range(batch):
        first, second = values[b], values[last + b]
        if antithetic:
            for i in range(size):
                centre[b, i] = half * (first[i] + second[i])
                delta[b, i] = half * (second[i] - first[i])
        else:
            for i in range(size):
                centre[b, i] = first[i]
                delta[b, i] = second[i] - first[i]


@kernel
def centre_rows(values, antithetic, out):
    """Presynaptic activity: of the clean pass, or the mean of a pair."""
    batch = out.shape[0]
    half = type(values[0, 0])(0.5)
    for b in range(batch):
        if antithetic:
            for i in range(out.shape[1]):
                out[b, i] = half * (values[b, i] + values[batch + b, i])
        else:
            for i in range(out.shape[1]):
                out[b, i] = values[b, i]


@lru_cache
def make_draw(plan: Plan):
    """draw(run, n, n_out): the perturbation of this step, σξ for units or the keys of weight noise."""
    fill, adding, held = separate(plan.fill), plan.forward.injected, plan.held
    keyed = plan.drawing or not plan.units  # synapses draw

    @kernel
    def scaled(source, step, sigma, n, xi):
        for b in range(xi.shape[0]):
            fill(source, step, b, xi[b, :n])
            for i in range(n):
                xi[b, i] *= sigma

    @kernel
    def draw(run, n, n_out):
        act, counters, sigma = run.act, run.counters, run.rule.injected
        if adding:
            scaled(run.source, counters.step[0] // run.rule.hold, sigma, n, act.xi)
            scaled(run.source_y, counters.step[0] // run.rule.hold, sigma, n_out, act.xi_y)
        if keyed:
            number = (counters.sequence[0] if held else counters.step[0]) // run.rule.hold
            for memory in (run.memories.W_in, run.memories.W_rec, run.memories.W_out):
                memory.key[1] = number

    return draw


@lru_cache
def make_compare(plan: Plan):
    """compare(run, targets, mask) -> summed loss: δL of every trial as it is received, 0 where masked; counts the mean loss."""
    loss, shared, single, weighted = plan.loss, plan.shared, plan.single, plan.weighted

    @kernel
    def expect(run, mask):
        """A single pass is compared with the running mean of the loss of its condition, which then moves."""
        counters, dL = run.counters, run.signal.dL
        expected, condition = counters.expected, counters.condition
        for c in range(expected.shape[0] // 2):
            total, scored = 0.0, 0
            for b in range(dL.shape[0]):
                if mask[b] and condition[b] == c:
                    total += dL[b]
                    scored += 1
            if scored == 0:
                continue
            if expected[2 * c + 1] == 0:
                expected[2 * c], expected[2 * c + 1] = total / scored, 1.0
            before = expected[2 * c]
            for b in range(dL.shape[0]):
                if mask[b] and condition[b] == c:
                    dL[b] = before * (dL[b] - before) if weighted else dL[b] - before
            expected[2 * c] += run.rule.baseline_rate * (total / scored - before)

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
            expect(run, mask)
        if shared:
            mean = 0.0
            for b in range(targets.shape[0]):
                mean += signal.dL[b] / targets.shape[0]
            signal.dL[:] = mean
        measure(run.channel, counters.step[0], mask, shared, signal.dL)
        delay(run.channel, signal.dL)
        if scored > 0:
            counters.loss[0] += total / scored
            counters.loss[1] += 1
        return total

    return compare


@lru_cache
def make_own_tell(neuron, antithetic: bool):
    """own(params, values, noise, size, p): what a rule's own formula makes of the two passes of every unit, into p (B, n)."""

    @kernel
    def own(params, values, noise, size, p):
        batch, numbers = p.shape[0], loaded(params)
        half, last = type(values[0, 0])(0.5), values.shape[0] - batch
        for b in range(batch):
            first, second, injected = values[b], values[last + b], noise[b]
            for i in range(size):
                clean = half * (first[i] + second[i]) if antithetic else first[i]
                p[b, i] = neuron(numbers, clean, second[i], injected[i])

    return own


@kernel
def deviate(values, size, rate, mean, centre, delta):
    """How far the last pass is from its running mean, which then moves."""
    batch = centre.shape[0]
    last = values.shape[0] - batch
    for b in range(batch):
        for i in range(size):
            centre[b, i] = mean[b, i]
            delta[b, i] = values[last + b, i] - mean[b, i]
            mean[b, i] += rate * delta[b, i]


@lru_cache
def make_tell(plan: Plan):
    """tell(run, n, n_out): what units are told, normalised, into signal.post; counts singular layers."""
    antithetic, tell_activity, shared, telling = (
        plan.antithetic,
        plan.tell_activity,
        plan.shared,
        plan.neuron is not None,
    )
    deviating, independent = plan.deviating, plan.independent
    normalise = separate(plan.normalise)
    own = make_own_tell(plan.neuron, antithetic) if telling else None

    @kernel
    def tell(run, n, n_out):
        act, signal, numbers = run.act, run.signal, run.rule
        if deviating:
            deviate(act.a, n, numbers.deviation_rate, signal.mean, signal.a, signal.da)
            deviate(act.y, n_out, numbers.deviation_rate, signal.mean_y, signal.y, signal.dy)
        elif tell_activity or telling:
            divide_passes(act.a, antithetic, n, signal.a, signal.da)
        if independent and not tell_activity:
            divide_passes(
                act.xi, True, n, signal.post, signal.da
            )  # what is told is where the noise of the passes differs
            divide_passes(act.xi_y, True, n_out, signal.post_y, signal.dy)
        if telling:
            own(run.told, act.a, signal.da if independent else act.xi, n, signal.da)
            own(run.told, act.y, signal.dy if independent else act.xi_y, n_out, signal.dy)
        if tell_activity or telling or independent or deviating:
            p, a, p_y, y = signal.da, signal.a, signal.dy, signal.y
        else:
            p, a, p_y, y = act.xi, act.xi, act.xi_y, act.xi_y
        skipped = normalise(p, a, n, numbers, numbers.gain, shared, signal.variance, signal.post)
        skipped += normalise(p_y, y, n_out, numbers, numbers.gain_y, shared, signal.variance_y, signal.post_y)
        run.counters.skipped[0] += skipped

    return tell


@lru_cache
def make_step(plan: Plan):
    """step(run, inputs, targets, mask, reset, t): forward, then what the synapses are told. Returns False where it diverged."""
    forward, draw = separate(plan.forward.make()), make_draw(plan)
    compare, tell, antithetic, units = make_compare(plan), make_tell(plan), plan.antithetic, plan.units
    deviating = plan.deviating

    @kernel
    def step(run, inputs, targets, mask, reset):
        act, signal, counters = run.act, run.signal, run.counters
        n, n_out = run.arrays.W_rec.size[0], targets.shape[1]
        if reset:
            silence(act)
            if deviating:
                signal.mean[:] = 0
                signal.mean_y[:] = 0
        elif run.rule.resynchronise > 0 and counters.step[0] % run.rule.resynchronise == 0:
            resynchronise(act, antithetic)
        draw(run, n, n_out)
        forward(run.arrays, run.pending, run.memories, act, run.neurons, inputs)
        divide_passes(act.y, antithetic, n_out, signal.y, signal.dy)
        total = compare(run, targets, mask)
        if units:
            tell(run, n, n_out)
        if not np.isfinite(total):
            counters.diverged[0] = counters.step[0]
            return False
        counters.step[0] += 1
        return True

    return step


@lru_cache
def make_reward(plan: Plan):
    """reward(run, out, batch): −δL_b/divisor, times η where nothing after it scales; returns whether any is not 0."""
    rate_in_reward, factor, units = plan.rate_in_reward, plan.factor, plan.units
    pooled = not units and not plan.per_trial_noise  # one draw, so one reward: the batch mean
    mean = plan.mean and not pooled

    @kernel
    def set_reward(run, out):
        numbers, dL = run.rule, run.signal.dL
        batch = dL.shape[0]
        eta = numbers.rate * factor(numbers.final, run.counters.step[0] / numbers.steps)
        scale = -1.0 / batch if mean else -1.0
        if rate_in_reward:
            scale *= eta
        if not units:
            scale *= numbers.scale
        some, total = False, 0.0
        for b in range(batch):
            some = some or dL[b] != 0.0
            total += dL[b] / batch
            if not pooled:
                out[b] = scale * dL[b]
        if pooled:
            out[0] = scale * total
        for memory in (run.memories.W_in, run.memories.W_rec, run.memories.W_out):
            memory.rate[0] = 1.0 if rate_in_reward else eta
        return some

    return set_reward


@kernel
def shown_row(array, j, total):
    """The weights (device units) that the devices of row j show together, slow noise included."""
    w, slow = array.cells.w, array.cells.slow
    noisy = slow.shape[1] == w.shape[1] and slow.shape[2] == w.shape[2]
    total[:] = 0
    for k in range(w.shape[0]):
        gain = array.gain[k]
        for i in range(total.shape[0]):
            total[i] += gain * (w[k, j, i] + slow[k, j, i]) if noisy else gain * w[k, j, i]


@lru_cache
def make_requests(change_row):
    """requests(array, pending, memory, out): what the next write asks of every row, (m, n) device units; moves the memory."""

    @kernel
    def requests(array, pending, memory, out):
        w = array.scratch.rows[0]
        for j in range(out.shape[0]):
            shown_row(array, j, w)
            change_row(pending, memory, w, array.scale[0], j, out[j])

    return requests


@lru_cache
def make_factors(whiten, antithetic: bool):
    """factors(run, reset, recurrent, readout): presynaptic factors of this step for W_rec and W_out, (B, n) each."""
    whitening = whiten is not None

    @kernel
    def factors(run, reset, recurrent, readout):
        act = run.act
        centre_rows(act.xh, antithetic, readout)
        if whitening:
            whiten(run.whitener, readout, run.counters.step[0], reset)
            copy_rows(run.whitener.now, readout.shape[1], readout)
            copy_rows(run.whitener.before, recurrent.shape[1], recurrent)
        else:
            centre_rows(act.before, antithetic, recurrent)

    return factors
