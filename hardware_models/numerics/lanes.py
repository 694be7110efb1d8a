"""Loops whose innermost axis is the trials of a batch: vectors stay full however small a network is.

Arrays are (units, lanes), lanes a multiple of 16 (`LANES`), the trials beyond a batch idle ones.

    product    out_ik = f_i Σ_j w_ji x_jk        added in the order of j, as a walk over the rows of an array adds it

The sums of four units and sixteen trials stay in registers while j runs. Written in LLVM vectors of sixteen elements, which
every target splits into its own without changing a bit; nothing is contracted.
"""

from __future__ import annotations

from functools import lru_cache

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from hardware_models.numerics import vectors
from hardware_models.numerics.compiled import COMPILED, kernel

LANES = 16
UNITS = 4  # whose sums are in registers together


def whole_lanes(trials: int) -> int:
    """Lanes of a batch: whole vectors."""
    return -(-trials // LANES) * LANES


@lru_cache
def make_tile(units: int):
    """An intrinsic tile(w, x, factor, i, k, out): out[i : i + units, k : k + LANES] = factor_i Σ_j w[j, i] x[j, k].

    w (m, n or more), x (m, lanes), out (n, lanes): C-contiguous;  factor (n or more,)
    """

    @intrinsic
    def tile(typingctx, w, x, factor, i, k, out):
        dtype = x.dtype

        def codegen(context, builder, signature, args):
            kinds, size_t = signature.args, ir.IntType(64)
            w, x, factor, out = (context.make_array(kinds[p])(context, builder, args[p]) for p in (0, 1, 2, 5))
            first, lane = args[3], args[4]
            scalar = context.get_data_type(dtype)
            vector = ir.VectorType(scalar, LANES)
            m, columns = (builder.extract_value(x.shape, axis) for axis in (0, 1))
            width = builder.extract_value(w.shape, 1)

            def vector_at(array, row):
                place = builder.gep(array.data, [builder.add(builder.mul(row, columns), lane)])
                return builder.bitcast(place, vector.as_pointer())

            before, loop, after = (builder.append_basic_block(name) for name in ("before", "loop", "after"))
            builder.branch(before)
            builder.position_at_end(before)
            some = builder.icmp_signed(">", m, ir.Constant(size_t, 0))
            builder.cbranch(some, loop, after)
            builder.position_at_end(loop)
            j = builder.phi(size_t)
            sums = [builder.phi(vector) for _ in range(units)]
            column = vectors.load(builder, vector_at(x, j))
            row = builder.gep(w.data, [builder.add(builder.mul(j, width), first)])
            nexts = []
            for u, total in enumerate(sums):
                weight = builder.load(builder.gep(row, [ir.Constant(size_t, u)]))
                nexts.append(builder.fadd(total, builder.fmul(vectors.spread(builder, weight, vector), column)))
            next_j = builder.add(j, ir.Constant(size_t, 1))
            builder.cbranch(builder.icmp_signed("<", next_j, m), loop, after)
            j.add_incoming(ir.Constant(size_t, 0), before)
            j.add_incoming(next_j, loop)
            zero = ir.Constant(vector, None)
            for total, following in zip(sums, nexts, strict=True):
                total.add_incoming(zero, before)
                total.add_incoming(following, loop)
            builder.position_at_end(after)
            results = [builder.phi(vector) for _ in range(units)]
            for result, following in zip(results, nexts, strict=True):
                result.add_incoming(zero, before)
                result.add_incoming(following, loop)
            for u, result in enumerate(results):
                unit = builder.add(first, ir.Constant(size_t, u))
                scale = builder.load(builder.gep(factor.data, [unit]))
                scaled = builder.fmul(result, vectors.spread(builder, scale, vector))
                vectors.store(builder, scaled, vector_at(out, unit))
            return context.get_dummy_value()

        return types.none(w, x, factor, i, k, out), codegen

    return tile


if COMPILED:
    _tile_four, _tile_one = make_tile(UNITS), make_tile(1)

    @kernel
    def product(w, x, factor, out):
        """out[i, k] = factor_i Σ_j w[j, i] x[j, k] for every row i of `out`; w may be wider."""
        n = out.shape[0]
        whole = n - n % UNITS
        for k in range(0, out.shape[1], LANES):
            for i in range(0, whole, UNITS):
                _tile_four(w, x, factor, i, k, out)
            for i in range(whole, n):
                _tile_one(w, x, factor, i, k, out)

else:

    def product(w, x, factor, out):
        out[:] = 0
        for j in range(len(x)):
            out += w[j, : len(out), None] * x[j]
        out *= factor[: len(out), None]


@kernel
def into_lanes(rows, out):
    """out[i, b] = rows[b, i]"""
    for b in range(rows.shape[0]):
        for i in range(out.shape[0]):
            out[i, b] = rows[b, i]


@kernel
def from_lanes(lanes, rows):
    """rows[b, i] = lanes[i, b]"""
    for b in range(rows.shape[0]):
        for i in range(lanes.shape[0]):
            rows[b, i] = lanes[i, b]
