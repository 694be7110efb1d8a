"""Matrix products inside kernels, for batches: SciPy's BLAS, called without Python and without copies.

`w` is an array's (m, n) matrix, presynaptic-major; activities are rows of a batch. All last axes may be padded, so sizes
are given and the strides are the leading dimensions; `sizes`, (6,) int32, is scratch that BLAS reads them from.

    read       acc = x w          (K, m)(m, n) → (K, n)
    read_back  v = x wᵀ           (K, n)(n, m) → (K, m)
    write      w += preᵀ post     (m, R)(R, n) → (m, n)

`lane_read` and `lane_write` are the first and the last one where trials are innermost.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import get_cython_function_address, intrinsic

from hardware_models.numerics.compiled import COMPILED, kernel
from hardware_models.numerics.kernel_cache import PREFIX, declare, require

BATCH = 16  # below this many columns a walk over rows is as fast as BLAS, and gives the same bits on every machine
N, T = ord("N"), ord("T")


@lru_cache
def products(dtype: str):
    """(read, read_back, write) compiled for float32 or float64."""
    if not COMPILED:
        return _read, _read_back, _write
    gemm = _gemm({"float32": "sgemm", "float64": "dgemm"}[dtype])
    one = np.ones(1, dtype)

    @kernel
    def fill(sizes, rows, columns, inner, lda, ldb, ldc):
        sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5] = rows, columns, inner, lda, ldb, ldc

    @kernel
    def call(ta, tb, sizes, alpha, a, b, beta, c):
        # sizes: rows, columns and inner length of the column-major product, then the three leading dimensions
        gemm((ta, tb, alpha, a, b, beta, c), sizes)

    plain, transposed = np.array([N], np.uint8), np.array([T], np.uint8)
    zero = np.zeros(1, dtype)

    @kernel
    def read(x, w, acc, n, sizes):
        fill(sizes, n, x.shape[0], w.shape[0], w.shape[1], x.shape[1], acc.shape[1])
        call(plain, plain, sizes, alpha=one, a=w, b=x, beta=zero, c=acc)

    @kernel
    def read_back(x, w, v, n, sizes):
        fill(sizes, w.shape[0], x.shape[0], n, w.shape[1], x.shape[1], v.shape[1])
        call(transposed, plain, sizes, alpha=one, a=w, b=x, beta=zero, c=v)

    @kernel
    def write(pre, post, w, n, sizes):
        fill(sizes, n, w.shape[0], pre.shape[0], post.shape[1], pre.shape[1], w.shape[1])
        call(plain, transposed, sizes, alpha=one, a=post, b=pre, beta=one, c=w)

    return read, read_back, write


@lru_cache
def lane_write(dtype: str):
    """write(pre, post, w, key, columns, sizes): w += pre postᵀ over the first columns of (m, R) and (n, R); key (4,) ends with n, m."""
    if not COMPILED:
        return _lane_write
    gemm = _gemm({"float32": "sgemm", "float64": "dgemm"}[dtype])
    one, plain, transposed = np.ones(1, dtype), np.array([N], np.uint8), np.array([T], np.uint8)

    @kernel
    def write(pre, post, w, key, columns, sizes):
        sizes[0], sizes[1], sizes[2] = key[2], key[3], columns
        sizes[3], sizes[4], sizes[5] = post.shape[1], pre.shape[1], w.shape[1]
        gemm((transposed, plain, one, post, pre, one, w), sizes)

    return write


@lru_cache
def lane_read(dtype: str):
    """read(w, x, factor, out, sizes): out[i, k] = factor_i Σ_j w[j, i] x[j, k], as :func:`~hardware_models.numerics.lanes.product`."""
    if not COMPILED:
        return _lane_read
    gemm = _gemm({"float32": "sgemm", "float64": "dgemm"}[dtype])
    one, zero = np.ones(1, dtype), np.zeros(1, dtype)
    plain, transposed = np.array([N], np.uint8), np.array([T], np.uint8)

    @kernel
    def read(w, x, factor, out, sizes):
        sizes[0], sizes[1], sizes[2] = out.shape[1], out.shape[0], x.shape[0]
        sizes[3], sizes[4], sizes[5] = x.shape[1], w.shape[1], out.shape[1]
        gemm((plain, transposed, one, x, w, zero, out), sizes)
        for i in range(out.shape[0]):
            if factor[i] != 1:
                for k in range(out.shape[1]):
                    out[i, k] *= factor[i]

    return read


@lru_cache
def _gemm(name: str):
    """gemm((transa, transb, alpha, a, b, beta, c), sizes): BLAS's own, called by symbol; every argument is an array."""
    symbol = f"{PREFIX}blas_{name}"
    declare(symbol, lambda: get_cython_function_address("scipy.linalg.cython_blas", name))

    @intrinsic
    def gemm(typingctx, arrays, sizes):
        require(symbol)

        def codegen(context, builder, signature, values):
            kinds = signature.args[0].types
            data = [
                context.make_array(kind)(context, builder, builder.extract_value(values[0], k)).data
                for k, kind in enumerate(kinds)
            ]
            ta, tb, alpha, a, b, beta, c = data
            first = context.make_array(signature.args[1])(context, builder, values[1]).data
            m, n, k, lda, ldb, ldc = (builder.gep(first, [ir.IntType(64)(place)]) for place in range(6))
            pointer = ir.IntType(8).as_pointer()
            arguments = [builder.bitcast(p, pointer) for p in (ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)]
            kind = ir.FunctionType(ir.VoidType(), [pointer] * len(arguments))
            builder.call(cgutils.get_or_insert_function(builder.module, kind, symbol), arguments)
            return context.get_dummy_value()

        return types.none(arrays, sizes), codegen

    return gemm


def _read(x, w, acc, n, sizes):
    acc[:, :n] = x[:, : len(w)] @ w[:, :n]


def _read_back(x, w, v, n, sizes):
    v[:, : len(w)] = x[:, :n] @ w[:, :n].T


def _lane_read(w, x, factor, out, sizes):
    out[:] = (w[:, : len(out)].T @ x) * factor[: len(out), None]


def _lane_write(pre, post, w, key, columns, sizes):
    n, m = key[2:]
    w[:m, :n] += pre[:m, :columns] @ post[:n, :columns].T


def _write(pre, post, w, n, sizes):
    w[:, :n] += pre[:, : len(w)].T @ post[:, :n]
