"""The state of an episode with its trials innermost, from where the other strategies keep it and back: between two chunks it is there."""

from __future__ import annotations

from hardware_models.numerics.compiled import kernel
from hardware_models.numerics.lanes import from_lanes, into_lanes
from neuroperturb.network.dynamics import copy_rows


@kernel
def keep_centre(x, paired, out):
    """Presynaptic activity: of the clean pass, or the mean of a pair."""
    half, last = type(x[0, 0])(0.5), x.shape[0] - 1
    for k in range(out.shape[0]):
        out[k] = half * (x[0, k] + x[last, k]) if paired else x[0, k]


@kernel
def factor_of(array, out):
    """What a sum over cells is multiplied by, scale and correction of every unit."""
    for i in range(out.shape[0]):
        out[i] = array.scale[0] * array.correction[i]


@kernel
def count_reads(array, steps, columns):
    array.reads[0] += steps
    array.columns[0] += steps * columns


@kernel
def from_block(lanes, rows, steps, batch):
    """rows[s B + b, i] = lanes[s, i, b] of so many steps."""
    for s in range(steps):
        for b in range(batch):
            for i in range(lanes.shape[1]):
                rows[s * batch + b, i] = lanes[s, i, b]


@kernel
def into_block(rows, lanes, steps, batch):
    for s in range(steps):
        for b in range(batch):
            for i in range(lanes.shape[1]):
                lanes[s, i, b] = rows[s * batch + b, i]


@kernel
def enter(run, paired):
    """Load the state from where the other strategies keep it."""
    lanes, act, block, batch = run.scratch, run.act, run.block, run.signal.dL.shape[0]
    n, s = lanes.drive.shape[0], block.filled[0]
    for h in range(run.neurons.sign.shape[0]):
        into_lanes(act.x[h * batch : (h + 1) * batch], lanes.x[h * n : (h + 1) * n])
    factor_of(run.arrays.W_in, lanes.factor_in)
    factor_of(run.arrays.W_rec, lanes.factor_rec)
    factor_of(run.arrays.W_out, lanes.factor_out)
    into_block(block.post, lanes.block_post, s, batch)
    into_block(block.post_y, lanes.block_post_y, s, batch)
    into_block(block.pre_in, lanes.block_in, s, batch)
    into_block(block.pre_rec, lanes.block_centre, s, batch)
    keep_centre(lanes.x_flat, paired, lanes.centre_flat[s])


@kernel
def leave(run, steps):
    """Store it there."""
    lanes, act, block, batch = run.scratch, run.act, run.block, run.signal.dL.shape[0]
    n, s = lanes.drive.shape[0], block.filled[0]
    for h in range(run.neurons.sign.shape[0]):
        from_lanes(lanes.x[h * n : (h + 1) * n], act.x[h * batch : (h + 1) * batch])
    copy_rows(act.x, n, act.xh)
    from_block(lanes.block_post, block.post, s, batch)
    from_block(lanes.block_post_y, block.post_y, s, batch)
    from_block(lanes.block_in, block.pre_in, s, batch)
    from_block(lanes.block_centre, block.pre_rec, s, batch)
    from_block(lanes.block_centre[1:], block.pre_out, s, batch)
    count_reads(run.arrays.W_in, steps, act.x.shape[0])
    count_reads(run.arrays.W_rec, steps, act.x.shape[0])
    count_reads(run.arrays.W_out, steps, act.x.shape[0])


@kernel
def keep_before(run):
    """x before the last step of a chunk, where the other strategies keep it."""
    lanes, act, batch = run.scratch, run.act, run.signal.dL.shape[0]
    n = lanes.drive.shape[0]
    for h in range(run.neurons.sign.shape[0]):
        from_lanes(lanes.x[h * n : (h + 1) * n], act.before[h * batch : (h + 1) * batch])


@kernel
def keep_received(run):
    """What units received at that step, and the noise: nothing learns from it, but a diagnosis that goes step by step reads it."""
    lanes, act, sign, batch = run.scratch, run.act, run.neurons.sign, run.signal.dL.shape[0]
    n, s = lanes.drive.shape[0], run.block.filled[0] - 1
    from_lanes(lanes.xi, act.xi)
    from_lanes(lanes.xi_y, act.xi_y)
    for h in range(sign.shape[0]):
        from_lanes(lanes.block_in[s], act.uh[h * batch : (h + 1) * batch])
        for b in range(batch):
            for i in range(n):
                received = lanes.drive[i, b] + lanes.r[h * n + i, b]
                act.a[h * batch + b, i] = received + sign[h] * lanes.xi[i, b] if sign[h] != 0 else received
