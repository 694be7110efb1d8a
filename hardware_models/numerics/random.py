"""Counter-based random numbers: a draw is a pure function of where it is used.

    (seed, stream, step, row, i)  →  one 32-bit word  →  normal, uniform, ±1

There is no state and no order: a draw can be regenerated instead of stored, is the same for any thread count, restart
or row length, and switching one stream on leaves the others as they were.

Generator
---------
Philox4x32-10: J. K. Salmon, M. A. Moraes, R. O. Dror & D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3",
SC '11, doi:10.1145/2063384.2063405. Its key is the 64-bit seed, low half first; a counter of four 32-bit words, below,
gives four words.

====  ==========================================================================
c0    block of i: (i // 64) · 16 + i % 16
c1    row
c2    step, bits 0–31
c3    stream (bits 0–7), array (bits 8–15), step, bits 32–47 (bits 16–31)
====  ==========================================================================

and element i takes output word (i % 64) // 16 of its block. Sixteen neighbouring elements thus come from sixteen
neighbouring counters: the loop over them is vector instructions with contiguous stores. Ranges: 0 ≤ seed < 2⁶⁴,
0 ≤ stream, array < 256, 0 ≤ step < 2⁴⁸, 0 ≤ row < 2³², 0 ≤ i < 2³⁴. This layout and the numbers in `Stream` are part of
every recorded result: they never change.

Speed
-----
``python benchmarks/random_numbers.py``, Numba 0.68 on one core of an AMD EPYC (Zen 4, AVX-512), ns per element:

==========================  =========  =========  =======
rows of                     1024       1000       20
==========================  =========  =========  =======
``fill_bits``               0.4        0.4        1.9
``fill_uniform`` float32    0.5        0.5        5
``fill_normal`` float32     1.6 – 1.9  1.6 – 1.7  8
``fill_normal`` float64     9.2        9.2        13
``fill_rademacher``         0.5        0.5        4
==========================  =========  =========  =======
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from hardware_models.numerics.compiled import COMPILED, kernel
from hardware_models.numerics.normal import half_quantile_array, normal_from_bits
from hardware_models.numerics.words import word_of, words_of

__all__ = [
    "Stream",
    "bits",
    "bits_array",
    "fill_bits",
    "fill_normal",
    "fill_normal_along",
    "fill_normal_at",
    "fill_rademacher",
    "fill_uniform",
    "fill_uniform_symmetric",
    "normal",
    "philox",
    "rademacher_from_bits",
    "stream",
    "uniform",
    "uniform_from_bits",
    "uniform_symmetric_from_bits",
]


class Stream(IntEnum):
    """What a draw is for. Different streams never share a counter."""

    INIT = 0  # initial weights
    DATA = 1  # tasks
    PERTURBATION = 2  # exploration noise of a learning rule
    CHIP = 3  # differences between cells, fixed for one chip
    CYCLE = 4  # differences between pulses
    READ = 5  # noise of one read, keyed by column
    SLOW = 6  # noise that outlasts a step, keyed by cell
    ROUNDING = 7  # stochastic rounding
    WRITE = 8  # write noise: the visible weight against the stored one
    CONVERT = 9  # stochastic rounding of converters
    PROGRAM = 10  # programming
    TIME = 11  # what happens while time passes: diffusion, spread of drift
    FAULT = 12  # when and where cells fail
    NEURON = 13  # noise of neurons
    CHANNEL = 14  # noise of the broadcast reward
    TRAIN = 15  # bits of coincidence trains
    VERIFY = 16  # noise of reads while writing
    MODIFIER = 17  # weights of a batch, as arrays that are programmed later may hold them


def stream(name: int, array: int = 0) -> int:
    """The stream number that the kernels take: a `Stream` for one array (0 … 255) of a network."""
    if not (0 <= name < 256 and 0 <= array < 256):
        raise ValueError(f"stream {name} and array {array} must both lie in 0 … 255")
    return int(name) | int(array) << 8


# ------------------------------------------------------------------------------------------------------------- Philox

# Compiled, each 32-bit word travels in a 64-bit lane, where the multiplier of vector units wants it. Interpreted,
# Python integers do the same arithmetic: faster than NumPy scalars and without overflow.
_wide = np.uint64 if COMPILED else int
_LOW = _wide(0xFFFFFFFF)
_32 = _wide(32)
_MULTIPLIER_0 = _wide(0xD2511F53)
_MULTIPLIER_1 = _wide(0xCD9E8D57)
_WEYL_0 = _wide(0x9E3779B9)  # golden ratio
_WEYL_1 = _wide(0xBB67AE85)  # √3 − 1


@kernel(forceinline=True)
def philox(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10 of the counter (c0, c1, c2, c3) under the key (k0, k1): four 32-bit words, each held in 64 bits.

    Compiled, the arguments are uint64 below 2³²; interpreted, they are Python integers.
    """
    for _ in range(10):
        even, odd = _MULTIPLIER_0 * c0, _MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (odd >> _32) ^ c1 ^ k0, odd & _LOW, (even >> _32) ^ c3 ^ k1, even & _LOW
        k0, k1 = (k0 + _WEYL_0) & _LOW, (k1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


@kernel(forceinline=True)
def _address(seed, stream, step, row):
    """Counter words 1 to 3 and the key: all but the block."""
    seed, step = _wide(seed), _wide(step)
    c3 = (_wide(stream) & _wide(0xFFFF)) | (((step >> _32) & _wide(0xFFFF)) << _wide(16))
    return _wide(row) & _LOW, step & _LOW, c3, seed & _LOW, seed >> _32


@kernel
def bits(seed, stream, step, row, i):
    """The 32-bit word of one draw (uint32): the definition that every ``fill_`` kernel follows."""
    c1, c2, c3, k0, k1 = _address(seed, stream, step, row)
    words = philox(_wide((i // 64) * 16 + i % 16), c1, c2, c3, k0, k1)
    return np.uint32(words[(i % 64) // 16])


def _scratch_words():
    return np.empty(64, np.uint32)


if COMPILED:

    @intrinsic
    def _scratch_words(typingctx):
        """An array of 64 words on the stack of the caller: the heap would cost more than the draws of a short row.

        An intrinsic, since what a function puts on its stack is gone when it returns, even if it is compiled into its caller.
        """
        kind = types.Array(types.uint32, 1, "C")

        def codegen(context, builder, signature, arguments):
            words = cgutils.alloca_once(builder, ir.ArrayType(ir.IntType(32), 64))
            array = context.make_array(kind)(context, builder)
            size = lambda number: context.get_constant(types.intp, number)  # noqa: E731
            data = builder.bitcast(words, ir.IntType(32).as_pointer())
            populate_array(array, data=data, shape=[size(64)], strides=[size(4)], itemsize=size(4), meminfo=None)
            return array._getvalue()

        return kind(), codegen


@kernel(allocates=True, forceinline=True)
def _group(first, address, out, at):
    """The 64 words of blocks first … first + 15, into out[at : at + 64]."""
    c1, c2, c3, k0, k1 = address
    for lane in range(16):
        w0, w1, w2, w3 = philox(_wide(first + lane), c1, c2, c3, k0, k1)
        out[at + lane] = w0
        out[at + 16 + lane] = w1
        out[at + 32 + lane] = w2
        out[at + 48 + lane] = w3


@kernel(allocates=True, forceinline=True)
def _fill_words(seed, stream, step, row, first, out):
    """out[i] = word of element first + i of a row; `first` is a multiple of 64."""
    address = _address(seed, stream, step, row)
    block = (first // 64) * 16
    groups = out.shape[0] // 64
    for g in range(groups):
        _group(block + 16 * g, address, out, 64 * g)
    done = 64 * groups
    if done < out.shape[0]:
        tail = _scratch_words()
        _group(block + 16 * groups, address, tail, 0)
        for i in range(out.shape[0] - done):
            out[done + i] = tail[i]


@kernel(allocates=True)  # views are counted
def fill_bits(seed, stream, step, row, out):
    """out[i] = bits(seed, stream, step, row, i) for every i; `out` is a row of uint32."""
    _fill_words(seed, stream, step, row, 0, out)


# ------------------------------------------------------------------------------------------------------ distributions


@kernel(forceinline=True)
def uniform_from_bits(word, like):
    """(k + ½) / 2³² in the dtype of `like`, strictly inside (0, 1); in float32 at most 1 − 2⁻²⁴."""
    T = type(like)
    u = (T(np.uint32(word)) + T(0.5)) * T(2.0**-32)
    return u if u < T(1.0) else T(1.0 - 2.0**-24)


@kernel(forceinline=True)
def uniform_symmetric_from_bits(word, like):
    """Uniform on ±√3, hence of variance 1, in the dtype of `like`; the word ~k gives exactly minus that of k."""
    T = type(like)
    word = np.uint32(word)
    upper = word >= np.uint32(0x80000000)
    size = np.int32(word & np.uint32(0x7FFFFFFF)) if upper else np.int32(np.uint32(0x7FFFFFFF) - word)
    x = (T(size) + T(0.5)) * T(2.0 * 3.0**0.5 * 2.0**-32)
    return x if upper else -x


@kernel(forceinline=True)
def rademacher_from_bits(word, like):
    """±1 with the sign that the same word gives a normal number, in the dtype of `like`."""
    T = type(like)
    return T(1.0) if np.uint32(word) >= np.uint32(0x80000000) else T(-1.0)


@kernel(allocates=True, forceinline=True)
def _fill(formula, seed, stream, step, row, out):
    """Words are drawn into the memory of `out` itself and turned in place, in pieces that stay in the first cache."""
    for start in range(0, out.shape[0], 1024):
        piece = out[start : start + 1024]
        _fill_words(seed, stream, step, row, start, words_of(piece))
        for i in range(piece.shape[0]):
            piece[i] = formula(word_of(piece[i]), piece[i])  # through `piece`: a second alias would stop the vectors


@kernel(allocates=True)  # views are counted
def fill_normal(seed, stream, step, row, out):
    """Standard normal numbers into a row of float32 or float64: the inverse distribution function of each word.

    Both dtypes take the same words, so runs in either see the same noise up to rounding; |z| ≤ 6.34.
    """
    _fill(normal_from_bits, seed, stream, step, row, out)


@kernel(forceinline=True)
def _word(i, address):
    """The word of element i (uint64) of a row, by selections, which become vectors."""
    w0, w1, w2, w3 = philox((i >> _wide(6)) * _wide(16) + (i & _wide(15)), *address)
    part = (i >> _wide(4)) & _wide(3)
    low, high = (w0 if part == _wide(0) else w1), (w2 if part == _wide(2) else w3)
    return low if part < _wide(2) else high


@kernel
def fill_normal_at(seed, stream, step, row, places, count, words, out):
    """out[c] = element places[c] of the row that `fill_normal` gives, for c < count; words : scratch, uint32, at least `count`"""
    address = _address(seed, stream, step, row)
    for c in range(count):
        words[c] = _word(_wide(places[c]), address)
    for c in range(count):
        out[c] = normal_from_bits(words[c], out[c])


@kernel
def fill_normal_along(seed, stream, first, row, i, count, words, out):
    """out[c] = element i of the row that `fill_normal` gives at step `first` + c 2³², for c < count: one cell, pulse after pulse."""
    for c in range(count):
        words[c] = _word(_wide(i), _address(seed, stream, first + (c << 32), row))
    for c in range(count):
        out[c] = normal_from_bits(words[c], out[c])


@kernel(allocates=True)  # views are counted
def fill_uniform(seed, stream, step, row, out):
    """Numbers uniform on (0, 1), never 0 or 1, into a row of float32 or float64."""
    _fill(uniform_from_bits, seed, stream, step, row, out)


@kernel(allocates=True)  # views are counted
def fill_uniform_symmetric(seed, stream, step, row, out):
    """Numbers uniform on ±√3 (mean 0, variance 1) into a row of float32 or float64."""
    _fill(uniform_symmetric_from_bits, seed, stream, step, row, out)


@kernel(allocates=True)  # views are counted
def fill_rademacher(seed, stream, step, row, out):
    """−1 or +1 with equal probability into a row of float32 or float64."""
    _fill(rademacher_from_bits, seed, stream, step, row, out)


# --------------------------------------------------------------------------------------------------------- whole arrays


def _fill_array(fill, seed, stream, step, shape, dtype):
    """Array of `shape` whose last axis is i; the axes before it, in C order, count the rows."""
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed {seed} must lie in 0 … 2**64 - 1")
    seed = int(seed) if seed < 2**63 else np.uint64(seed)  # one compiled signature for all but the largest
    out = np.empty(shape, dtype)
    if out.size == 0:
        return out
    rows = out.reshape(-1, out.shape[-1] if out.ndim else 1)
    for row in range(rows.shape[0]):
        fill(seed, int(stream), int(step), row, rows[row])
    return out


def _float_dtype(dtype):
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"dtype {dtype} must be float32 or float64")
    return dtype


def bits_array(seed, stream, step, shape):
    """Array of 32-bit words; see `normal` for the parameters."""
    return _fill_array(fill_bits, seed, stream, step, shape, np.uint32)


def normal(seed, stream, step, shape, dtype=np.float32):
    """Array of standard normal numbers.

    Parameters
    ----------
    seed : int, 0 … 2⁶⁴ − 1
    stream : int, a `Stream` or what `stream` returns
    step : int, 0 … 2⁴⁸ − 1
    shape : int or tuple; the last axis is i, the axes before it count the rows in C order (a vector is row 0), so
        ``normal(…, (m, n))[j]`` equals `fill_normal` of row j
    dtype : float32 or float64
    """
    if _float_dtype(dtype) == np.float64:
        return _normal64(seed, stream, step, shape)
    return _fill_array(fill_normal, seed, stream, step, shape, _float_dtype(dtype))


def _normal64(seed, stream, step, shape):
    """The same in NumPy, bit for bit: initial weights should not wait three seconds for a compiler."""
    shape = (shape,) if np.ndim(shape) == 0 else tuple(shape)
    word = _words(seed, stream, step, int(np.prod(shape[:-1])), shape[-1] if shape else 1)
    upper = word >= 1 << 31
    tail = np.where(upper, word ^ 0xFFFFFFFF, word)
    u, tail = (0x7FFFFFFF - tail + 0.5) * 2.0**-32, (tail + 0.5) * 2.0**-32
    z = half_quantile_array(u, tail)
    return np.where(upper, z, -z).reshape(shape)


def _words(seed, stream, step, rows, columns):
    """(rows, columns) words, int64, as `bits` defines them."""
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed {seed} must lie in 0 … 2**64 - 1")
    groups = -(-columns // 64)
    c = [np.arange(groups * 16, dtype=np.uint64)[None, :], np.arange(rows, dtype=np.uint64)[:, None]]
    c += [np.uint64(step & 0xFFFFFFFF), np.uint64((stream & 0xFFFF) | (step >> 32 & 0xFFFF) << 16)]
    c0, c1, c2, c3 = (np.array(x) for x in np.broadcast_arrays(*c))
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    k0, k1 = np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32)
    for _ in range(10):  # the rounds of `philox`
        even, odd = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (odd >> half) ^ c1 ^ k0, odd & low, (even >> half) ^ c3 ^ k1, even & low
        k0, k1 = np.uint64(int(k0) + 0x9E3779B9 & 0xFFFFFFFF), np.uint64(int(k1) + 0xBB67AE85 & 0xFFFFFFFF)
    parts = np.stack([x.reshape(rows, groups, 16) for x in (c0, c1, c2, c3)], axis=2)
    return parts.reshape(rows, groups * 64)[:, :columns].astype(np.int64)


def uniform(seed, stream, step, shape, dtype=np.float32):
    """Array of numbers uniform on (0, 1), both ends excluded; see `normal` for the parameters."""
    return _fill_array(fill_uniform, seed, stream, step, shape, _float_dtype(dtype))
