"""Writing and reading ideal rows in one loop, four at a time, for updates that need no state."""

from __future__ import annotations

from hardware_models.numerics.compiled import kernel
from hardware_models.numerics.dots import dot, dot_four


@kernel
def rank_change(pending, memory, w, scale, j, change):
    """Σ_r reward_r pre_rj post_r: the part of an update that needs no state."""
    post, pre, reward = pending.post, pending.pre, pending.reward
    f = reward[0] * pre[0, j] / scale
    for i in range(change.shape[0]):
        change[i] = post[0, i] * f
    for r in range(1, post.shape[0]):
        f = reward[r] * pre[r, j] / scale
        for i in range(change.shape[0]):
            change[i] += post[r, i] * f


@kernel
def decorrelation_change(pending, memory, w, scale, j, change):
    """Σ_r post_ri v_rj + decay_i w_ij  with  v_rj = reward_r Σ_k pre_rk w_jk, a read of the row about to be written."""
    post, pre, reward, decay = pending.post, pending.pre, pending.reward, pending.decay
    f = reward[0] * dot(w, pre[0])
    for i in range(change.shape[0]):
        change[i] = post[0, i] * f
    for r in range(1, post.shape[0]):
        f = reward[r] * dot(w, pre[r])
        for i in range(change.shape[0]):
            change[i] += post[r, i] * f
    for i in range(change.shape[0]):
        change[i] += decay[i] * w[i]


@kernel
def read_four(w0, w1, w2, w3, x, j, acc):
    """acc_k += Σ of four rows, in order, for every column k."""
    for k in range(x.shape[0]):
        a0, a1, a2, a3, out = x[k, j], x[k, j + 1], x[k, j + 2], x[k, j + 3], acc[k]
        for i in range(out.shape[0]):
            out[i] = out[i] + w0[i] * a0 + w1[i] * a1 + w2[i] * a2 + w3[i] * a3


@kernel
def read_one(w, x, j, acc):
    for k in range(x.shape[0]):
        a, out = x[k, j], acc[k]
        for i in range(out.shape[0]):
            out[i] += w[i] * a


@kernel
def fused_four(rows, c, decay, factors, x, j, acc):
    """Write four ideal rows by one outer product (and decay) and read two columns, in one loop.

    rows : four of (n,) weights;  c, decay : (n,);  factors : four numbers, presynaptic
    """
    w0, w1, w2, w3 = rows
    f0, f1, f2, f3 = factors
    a0, a1, a2, a3 = x[0, j], x[0, j + 1], x[0, j + 2], x[0, j + 3]
    b0, b1, b2, b3 = x[1, j], x[1, j + 1], x[1, j + 2], x[1, j + 3]
    p, q = acc[0], acc[1]
    for i in range(p.shape[0]):
        v0 = w0[i] + c[i] * f0
        v1 = w1[i] + c[i] * f1
        v2 = w2[i] + c[i] * f2
        v3 = w3[i] + c[i] * f3
        w0[i], w1[i], w2[i], w3[i] = v0, v1, v2, v3
        p[i] = p[i] + v0 * a0 + v1 * a1 + v2 * a2 + v3 * a3
        q[i] = q[i] + v0 * b0 + v1 * b1 + v2 * b2 + v3 * b3


@kernel
def fused_four_decay(rows, c, decay, factors, x, j, acc):
    w0, w1, w2, w3 = rows
    f0, f1, f2, f3 = factors
    a0, a1, a2, a3 = x[0, j], x[0, j + 1], x[0, j + 2], x[0, j + 3]
    b0, b1, b2, b3 = x[1, j], x[1, j + 1], x[1, j + 2], x[1, j + 3]
    p, q = acc[0], acc[1]
    for i in range(p.shape[0]):
        v0 = w0[i] + (c[i] * f0 + decay[i] * w0[i])
        v1 = w1[i] + (c[i] * f1 + decay[i] * w1[i])
        v2 = w2[i] + (c[i] * f2 + decay[i] * w2[i])
        v3 = w3[i] + (c[i] * f3 + decay[i] * w3[i])
        w0[i], w1[i], w2[i], w3[i] = v0, v1, v2, v3
        p[i] = p[i] + v0 * a0 + v1 * a1 + v2 * a2 + v3 * a3
        q[i] = q[i] + v0 * b0 + v1 * b1 + v2 * b2 + v3 * b3


@kernel
def fused_column(w, c, f, x, j, p, q):
    """The same for an array with one output, one row: nothing to vectorise, so nothing to set up."""
    v = w[0] + c[0] * f
    w[0] = v
    return p + v * x[0, j], q + v * x[1, j]


@kernel
def rank_factors(pending, rows, j):
    r, pre = pending.reward[0], pending.pre
    return r * pre[0, j], r * pre[0, j + 1], r * pre[0, j + 2], r * pre[0, j + 3]


@kernel
def decorrelation_factors(pending, rows, j):
    r, (w0, w1, w2, w3) = pending.reward[0], rows
    d0, d1, d2, d3 = dot_four(w0, w1, w2, w3, pending.pre[0])
    return r * d0, r * d1, r * d2, r * d3


FUSED = {rank_change: (rank_factors, fused_four), decorrelation_change: (decorrelation_factors, fused_four_decay)}
