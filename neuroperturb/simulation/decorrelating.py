"""The clean pass of an episode that learns D.

    D −= ε/(B T) Σ_t offdiag(x̂_tᵀx̂_t) D

It is accumulated as X̂ᵀ(X̂ D) over blocks of steps, and written once.
"""

from __future__ import annotations

from functools import lru_cache

from hardware_models.numerics import blas
from hardware_models.numerics.compiled import kernel, separate
from neuroperturb.network.dynamics import silence
from neuroperturb.simulation.episode_blocks import store
from neuroperturb.simulation.plan import Plan


@lru_cache
def make_sum_decay(read_back, dtype: str):
    """sum_block(array, pending, memory, rows, x, v, rate): gradient += −ε X̂ᵀ(X̂ D);  decay += ε Σ x̂²"""
    _, _, add = blas.products(dtype)

    @kernel
    def sum_block(array, pending, memory, rows, x, v, rate):
        read_back(array, x[:rows], v[:rows])
        for r in range(rows):
            for i in range(pending.decay.shape[0]):
                pending.decay[i] += rate * x[r, i] * x[r, i]
                x[r, i] *= -rate
        add(v[:rows], x[:rows], memory.gradient, array.size[0], array.scratch.sizes)

    return sum_block


@lru_cache
def make_clean(plan: Plan, column_reads, learn_d_in: bool, learn_d_rec: bool):
    """clean(run, clean, memories, inputs, reset, first, last): the pass that learns D; clean is the activity of one pass."""
    forward = separate(plan.forward._replace(injected=False).make())
    sum_in, sum_rec = (make_sum_decay(read, plan.dtype) for read in column_reads)

    @kernel
    def close_block(run, batch, rate):
        block, rows, arrays, pending, memories = (
            run.block,
            run.block.filled[0] * batch,
            run.arrays,
            run.pending,
            run.memories,
        )
        if learn_d_in:
            sum_in(arrays.D_in, pending.D_in, memories.D_in, rows, block.pre_in, block.weighted, rate)
        if learn_d_rec:
            sum_rec(arrays.D_rec, pending.D_rec, memories.D_rec, rows, block.pre_rec, block.weighted, rate)
        block.filled[0] = 0

    @kernel
    def clean(run, act, memories, inputs, reset, first, last):
        batch, steps = inputs.shape[1], inputs.shape[0]
        rate = run.training.decorrelation / type(run.training.decorrelation)(batch * steps)
        for t in range(first, last):
            if reset[t]:
                silence(act)
            forward(run.arrays, run.pending, memories, act, run.neurons, inputs[t])
            at = run.block.filled[0] * batch
            store(act.uh, at, run.block.pre_in)
            store(act.xh, at, run.block.pre_rec)
            run.block.filled[0] += 1
            if run.block.filled[0] == run.block.reward.shape[0] // batch:
                close_block(run, batch, rate)
        if last == steps:
            close_block(run, batch, rate)
        return last

    return clean


@lru_cache
def make_finish_clean(writers, learn_d_in: bool, learn_d_rec: bool):
    """finish_clean(run, nothing): write the accumulated change of D, once."""
    write_in, write_rec = (separate(writer) for writer in writers)

    @kernel
    def write(sweep, array, pending, memory, nothing):
        pending.active[0] = 1
        sweep(array, pending, memory, nothing.x, nothing.acc)
        memory.gradient[:] = 0
        pending.decay[:] = 0

    @kernel
    def finish_clean(run, nothing):
        if learn_d_in:
            write(write_in, run.arrays.D_in, run.pending.D_in, run.memories.D_in, nothing.D_in)
        if learn_d_rec:
            write(write_rec, run.arrays.D_rec, run.pending.D_rec, run.memories.D_rec, nothing.D_rec)

    return finish_clean


@kernel
def summed_decay_change(pending, memory, w, scale, j, change):
    """The accumulated change of D: gradient (weight units) and decay."""
    for i in range(change.shape[0]):
        change[i] = memory.gradient[j, i] / scale + pending.decay[i] * w[i]
