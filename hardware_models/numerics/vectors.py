"""LLVM vectors of a fixed number of elements, for intrinsics: every target splits them into its own, without changing a bit."""

from __future__ import annotations

from llvmlite import ir
from numba import types

from hardware_models.numerics.memory import LINE

LANE = ir.IntType(32)  # of a number that names one element
ALIGNED = 4  # bytes, whatever the element: rows of user arrays may begin anywhere


def line_elements(dtype: types.Type) -> int:
    """Elements of a cache line."""
    return LINE // (4 if dtype == types.float32 else 8)


def load(builder: ir.IRBuilder, pointer: ir.Value) -> ir.Value:
    """A vector from memory."""
    value = builder.load(pointer)
    value.align = ALIGNED
    return value


def store(builder: ir.IRBuilder, value: ir.Value, pointer: ir.Value) -> None:
    """A vector into memory."""
    builder.store(value, pointer).align = ALIGNED


def spread(builder: ir.IRBuilder, number: ir.Value, vector: ir.VectorType) -> ir.Value:
    """A vector with this number in every element."""
    undefined, everywhere = ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(LANE, vector.count), None)
    return builder.shuffle_vector(
        builder.insert_element(undefined, number, ir.Constant(LANE, 0)), undefined, everywhere
    )
