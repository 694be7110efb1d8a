"""Reads of rows of weights while writing: the visible weight, noise N(0, σ²) on every weight, a converter of evenly spaced levels; R reads
are averaged.

A writing that reads has these in its state: ``key`` of the draws, ``read_std`` σ, ``level`` and ``top`` of the converter (0: none),
``reads`` R, ``rows_read`` (1,) int64, and in its ``scratch`` the rows ``draws`` and ``total``. Draws: stream VERIFY, keyed by write,
read, row and cell.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hardware_models.crossbar.contract import Site, Writing
from hardware_models.crossbar.pulses import PULSE
from hardware_models.numerics import memory, random
from hardware_models.numerics.checks import require, require_not_negative, require_whole
from hardware_models.numerics.compiled import kernel, separate

BEFORE, AFTER = 0, 1  # reads of a write
MOST_READS = 1 << 14  # that are averaged: with BEFORE and AFTER they number the draws of a write

fill_normal = separate(random.fill_normal)


class ReadScratch(NamedTuple):
    """Rows of one write; nothing here outlives it. read : (n,) a row as it is read;  draws, total : (n,) of that read"""

    read: np.ndarray
    draws: np.ndarray
    total: np.ndarray


def read_scratch(site: Site) -> ReadScratch:
    """Rows of outputs."""
    read, draws, total = memory.zeros((3, site.shape[0]), site.dtype)
    return ReadScratch(read, draws, total)


@lru_cache
def make_show(slow: bool):
    """show(array, k, j, out): row j of device k as it is seen; slow : with an offset that outlasts a step."""

    @kernel
    def show(array, k, j, out):
        w, offset = array.cells.w[k, j], array.cells.slow
        for i in range(out.shape[0]):
            out[i] = w[i] + offset[k, j, i] if slow else w[i]

    return show


@kernel
def read_row(array, j, when, w):
    """Turn row j of visible weights into what a read gives, in place."""
    loop, T = array.writing, type(array.writing.read_std)
    std, level, top, zero = loop.read_std, loop.level, loop.top, T(0)
    loop.rows_read[0] += loop.reads
    if std == zero and level == zero:
        return
    draws, total = loop.scratch.draws, loop.scratch.total
    for i in range(total.shape[0]):
        total[i] = zero
    for r in range(loop.reads):
        if std > zero:
            fill_normal(array.seed, loop.key, array.writes[0] + (2 * r + when) * PULSE, j, draws)
        for i in range(total.shape[0]):
            v = w[i] + std * draws[i] if std > zero else w[i]
            if level > zero:
                v = np.rint(v / level)
                v = v if v < top else top
                v = (v if v > -top else -top) * level
            total[i] += v
    for i in range(total.shape[0]):
        w[i] = total[i] / T(loop.reads)


def check_reads(part: Writing) -> None:
    """Raise ParameterError where `read_noise`, `read_bits` or `reads` of a writing cannot be."""
    require_not_negative(part, "read_noise")
    if getattr(part, "read_bits") is not None:  # noqa: B009
        require(part, "read_bits", "from 2 to 24", lambda v: 2 <= v <= 24)
    require_whole(part, "reads", 1, MOST_READS - 1)


def converter(bits: float | None, largest: float) -> tuple[float, float]:
    """Distance between the levels of a converter over ± `largest`, and the largest one in levels; 0 without."""
    if bits is None:
        return 0.0, 0.0
    top = 2 ** (bits - 1) - 1
    return largest / top, top


def key_of(site: Site) -> int:
    """Of the draws of reads."""
    return random.stream(random.Stream.VERIFY, site.number)
