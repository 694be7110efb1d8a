"""An episode whose innermost axis is the trials of its batch: the same rule, laid out for small networks.

    x (passes · n, B)   unit after unit, pass after pass; a row is one unit in every trial

A loop over 20 units cannot fill a vector, one over 64 trials can, and a draw for each trial is one loop instead of 64. What is
computed is what :mod:`neuroperturb.simulation.step` and :mod:`neuroperturb.simulation.episode_blocks` compute: the same draws by the
same keys, sums over presynaptic units in the order of the units, sums over steps and trials by the same matrix product. Readout, loss and
output noise are left out at a step that is not scored in any trial: no result depends on them.

For ideal arrays, and rules whose postsynaptic factor is a function of the noise of one unit; a whole episode is one block. Between two
chunks the state is where the other strategies keep it, so that a run can be resumed by either.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hardware_models.numerics import blas
from hardware_models.numerics.compiled import kernel, separate
from hardware_models.numerics.lanes import into_lanes, product
from hardware_models.numerics.record import loaded
from neuroperturb.rules.kernels.passes import divide_passes
from neuroperturb.simulation.lane_state import enter, keep_before, keep_received, leave
from neuroperturb.simulation.plan import Plan
from neuroperturb.simulation.step import make_compare, make_reward

TILED = 64  # units; beyond, BLAS is faster than sums in registers


@lru_cache
def make_lane_draw(fill, fill_lanes):
    """draw(source, number, batch, row, xi): xi[i, b] = draw of unit i in trial b."""
    by_lanes = fill_lanes is not None
    fill, fill_lanes = separate(fill), separate(fill_lanes) if by_lanes else None

    @kernel
    def draw(source, number, batch, row, xi):
        if by_lanes:
            fill_lanes(source, number, xi)
        else:
            for b in range(batch):
                fill(source, number, b, row[: xi.shape[0]])
                for i in range(xi.shape[0]):
                    xi[i, b] = row[i]

    return draw


@lru_cache
def make_move(passes: int, paired: bool, value):
    """move(leak, keep, drive, xi, r, x, r_last, x_last): x ← (1 − α) x + α f(drive + r ± ξ) in every pass, of units with one leak."""

    @kernel
    def move(leak, keep, drive, xi, r, x, r_last, x_last):
        # loops of few arrays: the compiler checks each pair for overlap, and beyond eight pairs it gives up on vectors
        if paired:
            for k in range(drive.shape[0]):
                x[k] = keep * x[k] + leak * value(drive[k] + r[k] - xi[k])
        elif passes == 2:
            for k in range(drive.shape[0]):
                x[k] = keep * x[k] + leak * value(drive[k] + r[k])
        for k in range(drive.shape[0]):
            x_last[k] = keep * x_last[k] + leak * value(drive[k] + r_last[k] + xi[k])

    return move


@lru_cache
def make_move_all(passes: int, paired: bool, value, shared_leak: bool):
    """move_all(lanes, neurons): the same for all units, by one loop if they share a leak, and by a loop each otherwise."""
    move = make_move(passes, paired, value)

    @kernel
    def together(lanes, neurons):
        r, x, last = lanes.r_flat, lanes.x_flat, passes - 1
        drive, xi, leak, keep = lanes.drive_flat, lanes.xi_flat, neurons.leak, neurons.keep
        move(leak, keep, drive, xi, r=r[0], x=x[0], r_last=r[last], x_last=x[last])

    @kernel
    def one_by_one(lanes, neurons):
        r, x, xi, last = lanes.r, lanes.x, lanes.xi, (passes - 1) * lanes.drive.shape[0]
        for i in range(lanes.drive.shape[0]):
            leak, keep, drive = neurons.leak[i], neurons.keep[i], lanes.drive[i]
            move(leak, keep, drive, xi[i], r=r[i], x=x[i], r_last=r[last + i], x_last=x[last + i])

    return together if shared_leak else one_by_one


@lru_cache
def make_activate(move_all, paired: bool, unit):
    """activate(lanes, neurons, sigma, normaliser, s): ξ ← σξ, and then x of every pass.

    What synapses receive of it joins the block: the postsynaptic factor, a function `unit` of σξ, as step s, and x, of the clean
    pass or the mean of a pair, as what the next step begins with.
    """
    unit = kernel(unit)

    @kernel
    def activate(lanes, neurons, sigma, normaliser, s):
        params, half = loaded(normaliser), type(sigma)(0.5)
        xi, post, centre, x = lanes.xi_flat, lanes.post_flat[s], lanes.centre_flat[s + 1], lanes.x_flat
        for k in range(post.shape[0]):
            xi[k] *= sigma
            post[k] = unit(params, xi[k])
        move_all(lanes, neurons)
        first, last = x[0], x[x.shape[0] - 1]
        for k in range(centre.shape[0]):
            centre[k] = half * (first[k] + last[k]) if paired else first[k]

    return activate


@lru_cache
def make_lane_step(plan: Plan):
    """step(run, inputs, targets, mask, silent): one step of every trial and what the synapses receive of it. False where it diverged.

    silent : whether x is 0, so that no unit receives anything from others
    """
    noise, passes, unit = plan.rule.noise, plan.rule.passes, kernel(plan.rule.factor.unit)
    move_all = make_move_all(passes.count, passes.paired, plan.forward.value, plan.forward.shared_leak)
    paired, draw = passes.paired, separate(make_lane_draw(noise.fill, noise.fill_lanes))
    multiply, activate = separate(product), separate(make_activate(move_all, paired, plan.rule.factor.unit))
    compare, set_reward, read = make_compare(plan), make_reward(plan), blas.lane_read(plan.dtype)

    @kernel
    def read_out(run, number, s, n_out):
        """Outputs of all passes, and what perturbed them."""
        lanes, act, signal, sign = run.scratch, run.act, run.signal, run.neurons.sign
        n, batch, sigma, params = (
            lanes.drive.shape[0],
            signal.dL.shape[0],
            run.rule.noise_std,
            loaded(run.rule.normaliser),
        )
        draw(run.source_y, number, batch, lanes.row, lanes.xi_y)
        for o in range(n_out):
            for b in range(batch):
                lanes.xi_y[o, b] *= sigma
                lanes.block_post_y[s, o, b] = unit(params, lanes.xi_y[o, b])
        for h in range(sign.shape[0]):
            y = lanes.y[h * n_out : (h + 1) * n_out]
            multiply(run.arrays.W_out.cells.w[0], lanes.x[h * n : (h + 1) * n], lanes.factor_out, y)
            for o in range(n_out):
                for b in range(batch):
                    act.y[h * batch + b, o] = y[o, b] + sign[h] * lanes.xi_y[o, b] if sign[h] != 0 else y[o, b]
        divide_passes(act.y, paired, n_out, signal.y, signal.dy)

    @kernel
    def receive(run, silent):
        """What every unit receives from the others, in every pass."""
        lanes, w = run.scratch, run.arrays.W_rec.cells.w[0]
        n = lanes.drive.shape[0]
        if silent:
            lanes.r[:] = 0
            return
        for first in range(0, lanes.x.shape[0], n):
            last = first + n
            if n > TILED:
                read(w, lanes.x[first:last], lanes.factor_rec, lanes.r[first:last], run.block.sizes)
            else:
                multiply(w, lanes.x[first:last], lanes.factor_rec, lanes.r[first:last])

    @kernel
    def step(run, inputs, targets, mask, silent):
        lanes, signal, counters, arrays = run.scratch, run.signal, run.counters, run.arrays
        n_in, batch, s = inputs.shape[1], signal.dL.shape[0], run.block.filled[0]
        number, u = counters.step[0] // run.rule.hold, lanes.block_in[s]
        draw(run.source, number, batch, lanes.row, lanes.xi)
        into_lanes(inputs, u[:n_in])
        multiply(arrays.W_in.cells.w[0], u, lanes.factor_in, lanes.drive)
        receive(run, silent)
        activate(lanes, run.neurons, run.rule.noise_std, run.rule.normaliser, s)
        scored = False
        for b in range(batch):
            scored = scored or mask[b]
        total = 0.0
        if scored:
            read_out(run, number, s, targets.shape[1])
            total = compare(run, targets, mask)
        else:
            lanes.block_post_y[s] = 0
            signal.dL[:] = 0
        if not np.isfinite(total):
            counters.diverged[0] = counters.step[0]
            return False
        counters.step[0] += 1
        set_reward(run, run.block.reward[s * batch : (s + 1) * batch])
        run.block.filled[0] += 1
        return True

    return step


@lru_cache
def make_close_lanes(plan: Plan):
    """close_block(run): the steps of the episode are summed, by matrix products."""
    write = blas.lane_write(plan.dtype)
    learn_in, learn_rec, learn_out = plan.learns.W_in, plan.learns.W_rec, plan.learns.W_out

    @kernel
    def to_go(reward, batch, decay, go):
        """R_s = r_s + λ R_{s+1}, as :func:`~neuroperturb.simulation.episode_blocks.to_go`; idle lanes have none."""
        later = go[0]
        for s in range(reward.shape[0] // batch - 1, -1, -1):
            for b in range(batch):
                r = reward[s * batch + b]
                go[s, b] = r + decay * later[b] if (s + 1) * batch < reward.shape[0] else r + decay * type(decay)(0)
            later = go[s]

    @kernel
    def beside(block, first, last, out):
        """out[i, (s − first) P + b] = block[s, i, b]: steps side by side."""
        width = block.shape[2]
        for s in range(first, last):
            for i in range(block.shape[1]):
                row, place = block[s, i], out[i, (s - first) * width : (s - first + 1) * width]
                for b in range(width):
                    place[b] = row[b]

    @kernel
    def weigh(block, go, first, last, out):
        """The same of block[s, i, b] go[s, b]; steps of the block are counted from 0, those of `go` from `first`."""
        width = block.shape[2]
        for s in range(last - first):
            weight = go[first + s]
            for i in range(block.shape[1]):
                row, place = block[s, i], out[i, s * width : (s + 1) * width]
                for b in range(width):
                    place[b] = row[b] * weight[b]

    @kernel
    def side_by_side(run, steps):
        """The sums of all steps by one product a matrix: small ones take most of their time to begin."""
        lanes, memories, sizes = run.scratch, run.memories, run.block.sizes
        pre, post, columns = lanes.pre, lanes.post, steps * lanes.go.shape[1]
        beside(lanes.block_post, 0, steps, post)
        if learn_in:
            weigh(lanes.block_in, lanes.go, 0, steps, pre)
            write(pre, post, memories.W_in.gradient, memories.W_in.key, columns, sizes)
        if learn_rec:
            weigh(lanes.block_centre, lanes.go, 0, steps, pre)
            write(pre, post, memories.W_rec.gradient, memories.W_rec.key, columns, sizes)

    @kernel
    def step_by_step(run, steps):
        """The same by one product a step, for which nothing has to be moved."""
        lanes, memories, sizes = run.scratch, run.memories, run.block.sizes
        pre, width = lanes.pre, lanes.go.shape[1]
        for s in range(steps):
            if learn_in:
                weigh(lanes.block_in[s : s + 1], lanes.go, s, s + 1, pre)
                write(pre, lanes.block_post[s], memories.W_in.gradient, memories.W_in.key, width, sizes)
            if learn_rec:
                weigh(lanes.block_centre[s : s + 1], lanes.go, s, s + 1, pre)
                write(pre, lanes.block_post[s], memories.W_rec.gradient, memories.W_rec.key, width, sizes)

    @kernel
    def close_block(run):
        block, lanes, memories, steps = run.block, run.scratch, run.memories, run.block.filled[0]
        if steps == 0:
            return
        batch, width = run.signal.dL.shape[0], lanes.go.shape[1]
        pre, post, centre = lanes.pre, lanes.post, lanes.block_centre
        reward = block.reward[: steps * batch]
        if learn_in or learn_rec:
            to_go(reward, batch, run.rule.discount, lanes.go)
            if lanes.drive.shape[0] > TILED:
                step_by_step(run, steps)
            else:
                side_by_side(run, steps)
        if learn_out:  # outputs do not recur: no later loss is owed to their perturbation
            to_go(reward, batch, type(run.rule.discount)(0), lanes.go)
            first, last = 0, steps * batch
            while first < last and reward[first] == 0:
                first += 1
            while last > first and reward[last - 1] == 0:
                last -= 1
            if last > first:
                first, last = first // batch, (last - 1) // batch + 1
                beside(lanes.block_post_y, first, last, post)
                weigh(centre[first + 1 :], lanes.go, first, last, pre)
                write(pre, post, memories.W_out.gradient, memories.W_out.key, (last - first) * width, block.sizes)
        block.filled[0] = 0
        block.carried[0] = 0

    return close_block


@lru_cache
def make_lane_episode(plan: Plan):
    """episode(run, inputs, targets, mask, reset, first, last) -> next step, as the other strategies."""
    step, close_block, paired = (
        separate(make_lane_step(plan)),
        separate(make_close_lanes(plan)),
        plan.rule.passes.paired,
    )

    @kernel
    def silence(run):
        run.scratch.x[:] = 0
        run.scratch.block_centre[0] = 0

    @kernel
    def episode(run, inputs, targets, mask, reset, first, last):
        enter(run, paired)
        for t in range(first, last):
            if reset[t]:
                close_block(run)
                silence(run)
            if t == last - 1:
                keep_before(run)
            if not step(run, inputs[t], targets[t], mask[t], reset[t]):
                leave(run, t - first + 1)
                return t
        if last > first:
            keep_received(run)
        if last == inputs.shape[0]:
            close_block(run)
        leave(run, last - first)
        return last

    return episode
