"""Inner products whose bits do not depend on the machine.

    Σ_i a_i b_i = tree sum of L lanes,  lane l = Σ_k a_{kL + l} b_{kL + l},   L = 64 bytes / itemsize

A plain loop adds in source order and cannot use vector instructions; letting the compiler reorder would give other bits on
another CPU. Here the order is part of the definition: L interleaved partial sums, then halves onto halves. The compiled form
is written in LLVM vectors of L elements, which every target splits into its own without changing a bit.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from hardware_models.numerics import vectors
from hardware_models.numerics.compiled import COMPILED, kernel
from hardware_models.numerics.memory import LINE


@lru_cache
def make_dots(rows: int):
    """An intrinsic (b, a_1 … a_rows) -> sums (tuple); 1-D, contiguous, b of whole cache lines and no longer than any a."""

    @intrinsic
    def dots(typingctx, b, arrays):
        dtype = b.dtype

        def codegen(context, builder, signature, args):
            pointers = [context.make_array(signature.args[0])(context, builder, args[0])]
            for k, kind in enumerate(signature.args[1].types):
                pointers.append(context.make_array(kind)(context, builder, cgutils.unpack_tuple(builder, args[1])[k]))
            size = builder.extract_value(pointers[0].shape, 0)
            lanes = vectors.line_elements(dtype)
            vector = ir.VectorType(context.get_data_type(dtype), lanes)
            zero = ir.Constant(vector, None)
            sums = [cgutils.alloca_once_value(builder, zero) for _ in range(rows)]
            step = ir.Constant(size.type, lanes)
            with cgutils.for_range_slice(builder, ir.Constant(size.type, 0), size, step, size.type) as (index, _):

                def load(array):
                    return vectors.load(builder, builder.bitcast(builder.gep(array.data, [index]), vector.as_pointer()))

                right = load(pointers[0])
                for total, left in zip(sums, pointers[1:], strict=True):
                    product = builder.fmul(load(left), right)
                    builder.store(builder.fadd(builder.load(total), product), total)
            results = []
            for total in sums:
                parts = [
                    builder.extract_element(builder.load(total), ir.Constant(ir.IntType(32), k)) for k in range(lanes)
                ]
                while len(parts) > 1:
                    half = len(parts) // 2
                    parts = [builder.fadd(x, y) for x, y in zip(parts[:half], parts[half:], strict=True)]
                results.append(parts[0])
            return context.make_tuple(builder, signature.return_type, results)

        return types.UniTuple(dtype, rows)(b, arrays), codegen

    return dots


def _dot(a, b):
    """The definition, in NumPy: what the compiled form is compared with, and what runs with the JIT off."""
    lanes = LINE // a.itemsize
    total = np.zeros(lanes, a.dtype)
    for k in range(0, len(b), lanes):
        total += a[k : k + lanes] * b[k : k + lanes]
    while len(total) > 1:
        half = len(total) // 2
        total = total[:half] + total[half:]
    return total[0]


if COMPILED:
    _one, _four = make_dots(1), make_dots(4)

    @kernel
    def dot(a, b):
        """Σ a_i b_i in the order above; a, b of whole cache lines."""
        return _one(b, (a,))[0]

    @kernel
    def dot_four(a0, a1, a2, a3, b):
        """Four inner products with one b, which is then loaded once."""
        return _four(b, (a0, a1, a2, a3))

else:
    dot = _dot

    def dot_four(a0, a1, a2, a3, b):
        return _dot(a0, b), _dot(a1, b), _dot(a2, b), _dot(a3, b)
