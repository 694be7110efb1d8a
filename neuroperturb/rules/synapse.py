"""What one synapse does: gathers its gradient estimate g, and turns it into a change.

    gather   rank      g = Σ_b r_b p_b x̂_b                            instant credit: no state
             trace     e_b ← λ e_b + p_b x̂_b;  g = Σ_b r_b e_b         one number a synapse and trial
             draws     g = Σ_b r_b Ξ_b                                 weight noise: the synapse's own draw, regenerated
             summed    g = what an episode accumulated
    step     plain     Δw = η g
             rms       v ← β v + (1 − β) g²;  Δw = η g/√(v/(1 − βᵏ))

r_b = −δL_b over the batch divisor is the broadcast. Everything else is the synapse's own, its unit's or its input's. Rows are
one presynaptic unit's synapses, so that the loops vectorise over postsynaptic units.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hardware_models.compiled import kernel
from hardware_models.sweep import rank_change
from neuroperturb.rules.noise import Source


class Memory(NamedTuple):
    """State that synapses of one matrix keep, and broadcast numbers they are told; (1, 1, 1) where a rule has none.

    trace : (B, m, n);  square : (m, n);  gradient : (m, n) accumulated over an episode
    decay : (1,) λ of this step (0 right after a reset);  rate : (1,) η where it is not in the reward already
    beta : (1,);  writes : (1,) int64, the number k of the write at hand
    source, key : weight noise; key (4,) int64: number of the draw being credited, of the draw being read, then n and m
    offset : (2,) σ times the sign of the noise in the first and second pass;  passes : (1,) int64, 1 when reading clean
    row : (n,) scratch
    """

    trace: np.ndarray
    square: np.ndarray
    gradient: np.ndarray
    decay: np.ndarray
    rate: np.ndarray
    beta: np.ndarray
    writes: np.ndarray
    source: Source
    key: np.ndarray
    offset: np.ndarray
    passes: np.ndarray
    row: np.ndarray


@kernel
def gather_rank(pending, memory, w, j, g):
    post, pre, reward = pending.post, pending.pre, pending.reward
    g[:] = 0
    for b in range(post.shape[0]):
        f = reward[b] * pre[b, j]
        for i in range(g.shape[0]):
            g[i] += post[b, i] * f


@kernel
def gather_trace(pending, memory, w, j, g):
    post, pre, reward, decay = pending.post, pending.pre, pending.reward, memory.decay[0]
    g[:] = 0
    for b in range(post.shape[0]):
        e, f, r = memory.trace[b, j], pre[b, j], reward[b]
        for i in range(g.shape[0]):
            e[i] = decay * e[i] + post[b, i] * f
            g[i] += r * e[i]


@kernel
def gather_summed(pending, memory, w, j, g):
    summed = memory.gradient[j]
    for i in range(g.shape[0]):
        g[i] = summed[i]


@lru_cache
def make_gather_draws(fill, per_trial: bool):
    @kernel
    def gather_draws(pending, memory, w, j, g):
        g[:] = 0
        n, m = memory.key[2], memory.key[3]
        for b in range(pending.reward.shape[0] if per_trial else 1):
            fill(memory.source, memory.key[0], b * m + j, memory.row[:n])
            for i in range(n):
                g[i] += pending.reward[b] * memory.row[i]

    return gather_draws


@kernel
def step_plain(memory, j, scale, reward, g):
    f = memory.rate[0] / scale
    for i in range(g.shape[0]):
        g[i] *= f


@kernel
def step_rms(memory, j, scale, reward, g):
    """A step without any reward leaves the running square as it is."""
    rewarded = False
    for b in range(reward.shape[0]):
        rewarded = rewarded or reward[b] != 0
    if not rewarded:
        g[:] = 0
        return
    v, beta, one = memory.square[j], memory.beta[0], type(scale)(1)
    f = memory.rate[0] / scale
    correction = one / (one - beta ** type(scale)(memory.writes[0]))
    tiny = type(scale)(1e-30)  # 0/0 where a synapse has never seen anything
    for i in range(g.shape[0]):
        v[i] = beta * v[i] + (one - beta) * g[i] * g[i]
        g[i] = f * g[i] / (np.sqrt(v[i] * correction) + tiny)


STEP = {"plain": step_plain, "rms": step_rms}


@lru_cache
def make_change(gather, step):
    """change_row(pending, memory, w, scale, j, change) for an array's sweep."""
    if gather is gather_rank and step is step_plain:
        return rank_change  # stateless: the array's own, which it can fuse or give to BLAS

    @kernel
    def change_row(pending, memory, w, scale, j, change):
        gather(pending, memory, w, j, change)
        step(memory, j, scale, pending.reward, change)

    return change_row


@lru_cache
def make_probe_read(fill, per_trial: bool):
    """read_row(array, memory, j, w, x, acc): columns of pass h see w + offset_h Ξ_j; trial b its own Ξ_bj if `per_trial`."""

    @kernel
    def read_shifted(w, draw, offset, x, j, acc):
        for i in range(acc.shape[0]):
            acc[i] += (w[i] + offset * draw[i]) * x[j]

    @kernel
    def read_row(array, memory, j, w, x, acc):
        passes, draw = memory.passes[0], memory.row
        batch, (n, m) = x.shape[0] // passes, (memory.key[2], memory.key[3])
        scale = array.scale[0]
        for b in range(batch):
            if passes == 2 and (per_trial or b == 0):
                fill(memory.source, memory.key[1], b * m + j, draw[:n])
            for h in range(passes):
                offset = memory.offset[h] / scale if passes == 2 else type(scale)(0)
                k = h * batch + b
                read_shifted(w, draw, offset, x[k], j, acc[k])

    return read_row
