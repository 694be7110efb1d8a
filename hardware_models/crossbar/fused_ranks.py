"""Writing ideal rows by several outer products and reading several columns, in one walk: small batches.

    w_j ← w_j + Σ_r reward_r pre_rj post_r        acc_k ← acc_k + Σ_j w_j x_kj

Four rows at a time, and of them one cache line: the changes and the new weights stay in registers while trials and columns run.
Operations and their order are those of a walk over rows (`rank_change`, `read_four`), and so are the bits.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from hardware_models.crossbar.fused import read_four
from hardware_models.numerics import vectors
from hardware_models.numerics.compiled import COMPILED, kernel
from hardware_models.numerics.memory import LINE

ROWS = 4


@intrinsic
def _rank_line(typingctx, w, post, pre, reward, x, acc, at):
    """Rows j … j + 3 and elements i … of one cache line, at = (j, i); every array C-contiguous, last axes of whole lines."""
    dtype = w.dtype

    def codegen(context, builder, signature, args):
        arrays = [
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args[:6], args[:6], strict=True)
        ]
        w, post, pre, reward, x, acc = arrays
        row, element = cgutils.unpack_tuple(builder, args[6])
        size_t = row.type
        vector = ir.VectorType(context.get_data_type(dtype), vectors.line_elements(dtype))
        one, count = ir.Constant(size_t, 1), lambda array: builder.extract_value(array.shape, 0)

        def place(array, line, column):
            width = builder.extract_value(array.shape, 1)
            return builder.gep(array.data, [builder.add(builder.mul(line, width), column)])

        def line_of(array, line):
            return builder.bitcast(place(array, line, element), vector.as_pointer())

        def spread(number):
            return vectors.spread(builder, number, vector)

        def products(r):
            """reward_r pre_rj post_r of the four rows."""
            post_r, reward_r = vectors.load(builder, line_of(post, r)), builder.load(builder.gep(reward.data, [r]))
            for u in range(ROWS):
                pre_rj = builder.load(place(pre, r, builder.add(row, ir.Constant(size_t, u))))
                yield builder.fmul(post_r, spread(builder.fmul(reward_r, pre_rj)))

        changes = [cgutils.alloca_once(builder, vector) for _ in range(ROWS)]
        for change, product in zip(changes, products(ir.Constant(size_t, 0)), strict=True):
            builder.store(product, change)
        with cgutils.for_range_slice(builder, one, count(post), one, size_t) as (r, _):
            for change, product in zip(changes, list(products(r)), strict=True):
                builder.store(builder.fadd(builder.load(change), product), change)
        written = []
        for u, change in enumerate(changes):
            at = line_of(w, builder.add(row, ir.Constant(size_t, u)))
            written.append(builder.fadd(vectors.load(builder, at), builder.load(change)))
            vectors.store(builder, written[-1], at)
        with cgutils.for_range_slice(builder, ir.Constant(size_t, 0), count(x), one, size_t) as (k, _):
            at = line_of(acc, k)
            total = vectors.load(builder, at)
            for u, weights in enumerate(written):
                pre_rj = builder.load(place(x, k, builder.add(row, ir.Constant(size_t, u))))
                total = builder.fadd(total, builder.fmul(weights, spread(pre_rj)))
            vectors.store(builder, total, at)
        return context.get_dummy_value()

    return types.none(w, post, pre, reward, x, acc, at), codegen


if COMPILED:

    @kernel
    def rank_walk(w, pending, x, acc, whole):
        """Rows 0 … whole − 1 of w (m, n), `whole` a multiple of 4, written by every outer product and read by every column."""
        post, pre, reward, line = pending.post, pending.pre, pending.reward, LINE // w.itemsize
        for j in range(0, whole, ROWS):
            for i in range(0, w.shape[1], line):
                _rank_line(w, post, pre, reward, x, acc, (j, i))

else:

    def rank_walk(w, pending, x, acc, whole):
        post, pre, reward = pending.post, pending.pre, pending.reward
        for j in range(0, whole, ROWS):
            for row in range(j, j + ROWS):
                change = post[0] * (reward[0] * pre[0, row])
                for r in range(1, len(post)):
                    change += post[r] * (reward[r] * pre[r, row])
                w[row] += change
            read_four(w[j], w[j + 1], w[j + 2], w[j + 3], x, j, acc)
