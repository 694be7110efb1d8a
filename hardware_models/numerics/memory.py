"""Memory layout for kernels: rows start on a cache line and fill whole ones.

A vector store that straddles two cache lines costs about a third of a walk over a matrix. So the last axis of every array
that a kernel walks is padded to a multiple of 64 bytes, starting on one; the padding holds zeros, and stays zero because every
factor it is updated with is zero there too.
"""

from __future__ import annotations

import math

import numpy as np

LINE, PAGE = 64, 4096  # bytes
PAGE_WASTE = 0.03  # rows of a matrix fill a simple fraction of a page if that wastes no more than this


def padded(size: int, dtype) -> int:
    """`size` elements rounded up to whole cache lines."""
    lanes = LINE // np.dtype(dtype).itemsize
    return -(-size // lanes) * lanes


def paged(size: int, dtype) -> int:
    """The same for rows of a matrix, which should not straddle pages: hardware prefetching ends at one.

    Only matrices: activities whose rows all began at the same place in a page would evict each other from the first cache.
    """
    itemsize = np.dtype(dtype).itemsize
    for unit in (PAGE, PAGE // 2, PAGE // 4):
        whole = -(-size * itemsize // unit) * unit // itemsize
        if whole <= size * (1 + PAGE_WASTE):
            return whole
    return padded(size, dtype)


def zeros(shape: tuple[int, ...], dtype, *, matrix: bool = False) -> np.ndarray:
    """A C-contiguous array of zeros, last axis `padded` (or `paged`), first element on a cache line (or a page)."""
    shape = (*shape[:-1], (paged if matrix else padded)(shape[-1], dtype))
    size = math.prod(shape) * np.dtype(dtype).itemsize
    unit = PAGE if matrix else LINE
    raw = np.zeros(size + unit, np.uint8)
    start = -raw.__array_interface__["data"][0] % unit  # `raw.ctypes.data` is the same, ten times slower
    return raw[start : start + size].view(dtype).reshape(shape)


def place(values, dtype) -> np.ndarray:
    """A padded, aligned copy of `values`."""
    values = np.asarray(values)
    out = zeros(values.shape, dtype)
    out[..., : values.shape[-1]] = values
    return out
