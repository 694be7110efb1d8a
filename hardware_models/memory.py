"""Memory as the kernels want it: rows that begin on a cache line and fill whole ones.

A vector store that straddles two cache lines costs about a third of a walk over a matrix. So the last axis of every array
that a kernel walks is padded to a multiple of 64 bytes, starting on one; the padding holds zeros, and stays zero because every
factor it is updated with is zero there too.
"""

from __future__ import annotations

import numpy as np

LINE = 64  # bytes


def padded(size: int, dtype) -> int:
    """`size` elements rounded up to whole cache lines."""
    lanes = LINE // np.dtype(dtype).itemsize
    return -(-size // lanes) * lanes


def zeros(shape: tuple[int, ...], dtype) -> np.ndarray:
    """A C-contiguous array of zeros, last axis padded to whole cache lines, first element on a line."""
    shape = (*shape[:-1], padded(shape[-1], dtype))
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + LINE, np.uint8)
    start = -raw.ctypes.data % LINE
    return raw[start : start + size].view(dtype).reshape(shape)


def place(values, dtype) -> np.ndarray:
    """A padded, aligned copy of `values`."""
    values = np.asarray(values)
    out = zeros(values.shape, dtype)
    out[..., : values.shape[-1]] = values
    return out
