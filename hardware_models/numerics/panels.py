"""Products whose sums keep the order of a walk over rows, and take about as long as those of BLAS: many columns read at once.

    acc_ki ← acc_ki + Σ_j w_ji x_kj        added in the order of j

The rows of one cache line of outputs are copied into a panel, one after the other, since in the matrix they are a row apart: where
rows are whole pages, all would share one set of the first caches. The sums of a few columns and that line then stay in registers while
j runs: a product and a sum each, which keep two sets of units busy even though nothing is contracted. Written in LLVM vectors of a
line, which every target splits into its own without changing a bit.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from hardware_models.numerics import memory, vectors
from hardware_models.numerics.compiled import COMPILED, kernel, separate
from hardware_models.numerics.memory import LINE

WIDE = 16  # columns from which packing pays


def _together(context) -> int:
    """Columns whose sums are in registers at a time: with a line and a product, six fill the sixteen registers of AVX2."""
    return 8 if "+avx512f" in context.codegen().magic_tuple()[2] else 6


@intrinsic
def _columns(typingctx):
    def codegen(context, builder, signature, args):
        return ir.Constant(ir.IntType(64), _together(context))

    return types.int64(), codegen


@intrinsic
def _tile(typingctx, panel, m, x, k, acc, i):
    """acc[k + c, i : i + w] += Σ_j panel[j w : j w + w] x[k + c, j] for `_columns` columns c; beyond the last, the last again.

    w elements of a line;  panel (m w,);  x (K, m or more), acc (K, n) : C-contiguous
    """
    dtype = acc.dtype

    def codegen(context, builder, signature, args):
        size_t, elements = ir.IntType(64), vectors.line_elements(dtype)
        panel, x, acc = (context.make_array(signature.args[p])(context, builder, args[p]) for p in (0, 2, 4))
        m, k, i = args[1], args[3], args[5]
        vector = ir.VectorType(context.get_data_type(dtype), elements)
        number = lambda value: ir.Constant(size_t, value)  # noqa: E731
        size = lambda array, axis: builder.extract_value(array.shape, axis)  # noqa: E731
        last, rows, places = builder.sub(size(x, 0), number(1)), [], []
        for c in range(_together(context)):
            column = builder.add(k, number(c))
            column = builder.select(builder.icmp_signed("<", column, last), column, last)
            rows.append(builder.gep(x.data, [builder.mul(column, size(x, 1))]))
            place = builder.gep(acc.data, [builder.add(builder.mul(column, size(acc, 1)), i)])
            places.append(builder.bitcast(place, vector.as_pointer()))
        begin, before = [vectors.load(builder, place) for place in places], builder.block
        loop, after = (builder.append_basic_block(name) for name in ("loop", "after"))
        builder.branch(loop)
        builder.position_at_end(loop)
        j, sums = builder.phi(size_t), [builder.phi(vector) for _ in places]
        place = builder.gep(panel.data, [builder.mul(j, number(elements))])
        weights, nexts = vectors.load(builder, builder.bitcast(place, vector.as_pointer())), []
        for row, total in zip(rows, sums, strict=True):
            factor = vectors.spread(builder, builder.load(builder.gep(row, [j])), vector)
            nexts.append(builder.fadd(total, builder.fmul(weights, factor)))
        next_j = builder.add(j, number(1))
        builder.cbranch(builder.icmp_signed("<", next_j, m), loop, after)
        j.add_incoming(number(0), before)
        j.add_incoming(next_j, loop)
        for total, start, following in zip(sums, begin, nexts, strict=True):
            total.add_incoming(start, before)
            total.add_incoming(following, loop)
        builder.position_at_end(after)
        for place, total in zip(places, nexts, strict=True):
            vectors.store(builder, total, place)
        return context.get_dummy_value()

    return types.none(panel, types.int64, x, types.int64, acc, types.int64), codegen


def copy_line(w, j, i, panel):
    """Line j of the panel is w[j, i : …]."""
    line = LINE // w.itemsize
    panel[line * j : line * (j + 1)] = w[j, i : i + line]


@intrinsic
def _copy(typingctx, w, j, i, panel):
    dtype = w.dtype

    def codegen(context, builder, signature, args):
        elements = vectors.line_elements(dtype)
        w, panel = (context.make_array(signature.args[p])(context, builder, args[p]) for p in (0, 3))
        vector = ir.VectorType(context.get_data_type(dtype), elements).as_pointer()
        width = builder.extract_value(w.shape, 1)
        source = builder.gep(w.data, [builder.add(builder.mul(args[1], width), args[2])])
        place = builder.gep(panel.data, [builder.mul(args[1], ir.Constant(ir.IntType(64), elements))])
        vectors.store(builder, vectors.load(builder, builder.bitcast(source, vector)), builder.bitcast(place, vector))
        return context.get_dummy_value()

    return types.none(w, types.int64, types.int64, panel), codegen


@overload(copy_line, jit_options={"nogil": True, "forceinline": True})
def _compiled_copy_line(w, j, i, panel):
    return lambda w, j, i, panel: _copy(w, j, i, panel)


def zeros(columns: int, rows: int, dtype) -> np.ndarray:
    """Work space of a `product` over so many rows; next to nothing where there are never columns enough."""
    size = rows * LINE // np.dtype(dtype).itemsize if columns >= WIDE else 1
    return memory.zeros((1, size), dtype)[0]


@kernel
def pack(w, i, panel):
    """The lines from element i on of all rows of w (m, n or more)."""
    for j in range(w.shape[0]):
        copy_line(w, j, i, panel)


@lru_cache
def make_product(pack_lines):
    """product(source, m, x, acc, panel): acc[k, i] += Σ_j w[j, i] x[k, j] over m rows.

    pack_lines : ``(source, i, panel)``, as `pack`;  x (K, m or more), acc (K, n) of whole lines;  panel: see `zeros`
    """

    @kernel
    def product(source, m, x, acc, panel):
        together = _columns()
        for i in range(0, acc.shape[1], LINE // acc.itemsize):
            pack_lines(source, i, panel)
            for k in range(0, x.shape[0], together):
                _tile(panel, m, x, k, acc, i)

    def interpreted(source, m, x, acc, panel):
        line = LINE // acc.itemsize
        for i in range(0, acc.shape[1], line):
            pack_lines(source, i, panel)
            for j in range(m):
                acc[:, i : i + line] += x[:, j, None] * panel[line * j : line * (j + 1)]

    return separate(product) if COMPILED else interpreted


product = make_product(pack)
