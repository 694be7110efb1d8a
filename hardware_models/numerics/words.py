"""The bits of numbers: a row of floats as whole numbers in the same memory, one number as its word, and back.

NumPy's `view` does all of this, and Numba compiles a function of its own for every use of it: a tenth of the time that a first process waits.
These are typed and written here, as one instruction each.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import lower_builtin, type_callable
from numba.np.arrayobj import populate_array

__all__ = ["float_of", "integer_of", "word_of", "words_of"]


def words_of(row):
    """The memory of a row of float32 or float64 as one of uint32 or uint64; compiled, the row must outlive it."""
    return row.view(np.uint32 if row.dtype == np.float32 else np.uint64)


def word_of(x):
    """The lowest 32 bits of a float32 or float64, as uint32."""
    return x.view(np.uint32) if isinstance(x, np.float32) else np.uint32(np.uint64(x.view(np.uint64)) & 0xFFFFFFFF)


def integer_of(x):
    """The bits of a float32, as int32."""
    return np.float32(x).view(np.int32)


def float_of(bits):
    """The float32 of these bits, an int32."""
    return np.int32(bits).view(np.float32)


@type_callable(words_of)
def _type_words(context):
    def typer(row):
        whole = types.uint32 if row.dtype == types.float32 else types.uint64
        return types.Array(whole, row.ndim, row.layout, readonly=not row.mutable)

    return typer


@lower_builtin(words_of, types.Array)
def _words(context, builder, signature, arguments):
    given = context.make_array(signature.args[0])(context, builder, arguments[0])
    words = context.make_array(signature.return_type)(context, builder)
    element = context.get_data_type(signature.return_type.dtype)
    populate_array(  # without an owner: it is not counted
        words, data=builder.bitcast(given.data, element.as_pointer()), shape=given.shape, strides=given.strides,
        itemsize=given.itemsize, meminfo=None,
    )  # fmt: skip
    return words._getvalue()


def _type_number(result, *given):
    """Of a function of one number, of the types given."""
    return lambda context: lambda x: result if x in given else None


for function, result, given in (
    (word_of, types.uint32, (types.float32, types.float64)),
    (integer_of, types.int32, (types.float32,)),
    (float_of, types.float32, (types.int32,)),
):
    type_callable(function)(_type_number(result, *given))


@lower_builtin(word_of, types.float32)
@lower_builtin(integer_of, types.float32)
@lower_builtin(float_of, types.int32)
def _same_bits(context, builder, signature, arguments):
    return builder.bitcast(arguments[0], context.get_data_type(signature.return_type))


@lower_builtin(word_of, types.float64)
def _low_word(context, builder, signature, arguments):
    whole = builder.bitcast(arguments[0], context.get_data_type(types.uint64))
    return builder.trunc(whole, context.get_data_type(types.uint32))
