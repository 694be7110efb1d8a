r"""Residual tiles: several arrays of the same cells make a weight, each at a finer scale, and each learns what the coarser ones leave.

    W = Σ_n γⁿ W_n,  n = 0 … N − 1          0 < γ < 1; W_0 the coarsest
    W_{N−1} gets the request f Δ / γ^{N−1}  every write, pulses by the cell's own rounding: W changes by f Δ in the mean
    a = read(W_n) − R_n                     tile n > 0, every T_n = every · slower^{N−1−n} writes, for the next `rows` rows in turn
    where |a| ≥ θ:  k = trunc(γ a / u)      k pulses to W_{n−1}, round(k / γ) the other way to W_n: W is what it was, but for what cells
                                            really do, which the finest tile learns away

Transfers are to be rare: often, and with a small θ, they are plain pulses of the coarse tile, with all that is wrong with those; on a slow
clock a small θ leaves nothing in the fine tile for its asymmetry to drag away.

u is the granularity of the cell, R_n the symmetry points of its cells, where alternating pulses leave it and where a tile starts (or 0).
No number is kept digitally: what a tile holds is all there is of the past. A coarse tile is touched rarely, so that its write noise is
drawn rarely, and what is drawn lies within reach of the finer ones. W = Σ γⁿ W_n, each tile on a clock of its own and slower the coarser
it is: J. Li et al., "In-memory training on analog devices with limited conductance states via multi-tile residual learning",
arXiv:2510.02516; of two tiles Z. Wu et al., "Analog in-memory training on general non-ideal resistive elements", arXiv:2502.06309. There a
tile moves towards what the finer one holds and the finer one is left to unlearn it; here what is moved is taken off (conservative), since
every pulse of a cell with write noise draws that noise again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np

from hardware_models.crossbar.contract import Cell, Site, Weight, Writing
from hardware_models.crossbar.pulses import LONGEST, of_write
from hardware_models.crossbar.state import ArrayState
from hardware_models.crossbar.sweep import WritePath
from hardware_models.numerics import memory
from hardware_models.numerics.checks import refuse, require, require_positive, require_whole
from hardware_models.numerics.compiled import kernel
from hardware_models.writing.by_cell import require_pulses
from hardware_models.writing.row_reads import (
    BEFORE,
    ReadScratch,
    check_reads,
    converter,
    key_of,
    make_show,
    read_row,
    read_scratch,
)
from hardware_models.writing.tiers import Tiers, require_one_device, rest_of, visit_of
from hardware_models.writing.transfer import REFERENCES

MOST_TILES = 8
HALF = (LONGEST + 1) // 2  # pulses of a transfer come after so many of a request, in a write's draws


class TileState(NamedTuple):
    """State of residual tiles, device units; tiles are numbered by device k, the finest first.

    moved : (n,) pulses that the tile before hands on in this write and row;  live : (1,) int64, whether there are any
    reference : (N − 1, m, n) R
    fast : f / γ^{N−1};  ratio : γ;  threshold : θ;  most : pulses a cell and write
    every : (N − 1,) int64 T;  rows : of transfers
    key, read_std, level, top, reads, rows_read, scratch : see :mod:`.row_reads`
    """

    moved: np.ndarray
    live: np.ndarray
    reference: np.ndarray
    fast: float
    ratio: float
    threshold: float
    most: float
    every: np.ndarray
    rows: int
    key: int
    read_std: float
    level: float
    top: float
    reads: int
    rows_read: np.ndarray
    scratch: ReadScratch


@lru_cache
def make_put_tiles(write_row, send_row, slow: bool):
    """put_row of a tile: requests or what is handed on to it, then what it hands on itself."""
    show = make_show(slow)

    @kernel
    def hand_on(array, k, j):
        """Whole pulses for the next tile into `moved`, and off this one."""
        t, a, reference, steps = array.writing, array.writing.scratch.read, array.writing.reference, array.scratch.steps
        T, live = type(t.ratio), 0
        unit, zero, half, moved = array.numbers.granularity, T(0), T(0.5), t.moved
        show(array, k, j, a)
        read_row(array, k * array.cells.w.shape[1] + j, BEFORE, a)
        for i in range(moved.shape[0]):
            held = a[i] - reference[k, j, i]
            n = np.trunc(t.ratio * held / unit) if abs(held) >= t.threshold else zero
            n = n if n < t.most else t.most
            n = n if n > -t.most else -t.most
            back = np.floor(abs(n) / t.ratio + half)
            back = back if back < t.most else t.most
            moved[i] = n
            steps[i] = -back if n > zero else back
            live += 1 if n != zero else 0
        t.live[0] = live
        if live > 0:
            send_row(array, array.numbers, k, j, steps, of_write(array, HALF))

    @kernel
    def put_row(array, pending, k, j, change):
        t = array.writing
        if k == 0:
            share = array.scratch.share
            for i in range(change.shape[0]):
                share[i] = t.fast * change[i]
            write_row(array, array.numbers, 0, j, share)
            t.live[0] = 0
        elif t.live[0] > 0:
            steps = array.scratch.steps
            for i in range(steps.shape[0]):
                steps[i] = t.moved[i]
            send_row(array, array.numbers, k, j, steps, of_write(array, 0))
            t.live[0] = 0
        if k < t.every.shape[0] and visit_of(array.writes[0], t.every[k], t.rows, j, array.cells.w.shape[1]) >= 0:
            hand_on(array, k, j)

    return put_row


@dataclass(frozen=True, kw_only=True)
class Tiles(Writing):
    """Tiles of falling significance, of which the finest learns and hands on what it cannot hold.

    tiles : N, arrays of rising significance that share a weight, 2 … 8
    gamma : γ, significance of a tile in that of the next coarser one, above 0 and below 1
    every : writes from one transfer of the finest tile to the next, 1 or more;  slower : times longer for every coarser one, 1 or more
    rows : rows that one transfer reads and moves, 1 or more; at most all
    threshold : θ, what a tile holds before it hands it on [device units], above 0; None: half the smaller bound of the mean cell
    fast_rate : f, requests of the finest tile in those of the rule, above 0
    reference : what reads of a tile are compared with, ``"symmetry-point"``: those of its cells, where it also starts, or ``"none"``: 0
    read_noise : standard deviation of a read of a tile [device units]
    read_bits : of the converter that reads tiles, over the range of a mean cell, 2 … 24; None: none
    reads : reads that are averaged, 1 … 16383

    Examples
    --------
    >>> import hardware_models as hw
    >>> array = hw.PRESETS["ecram"].replace(writing=hw.Tiles(gamma=0.25, rows=3), weight_scale=1.0).array((2, 3), seed=1)
    >>> array.program([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    >>> for _ in range(40):
    ...     array.update([0.02, -0.02], [1.0, 1.0, 0.0])
    >>> (array.read() > 0.5).sum(), (array.read() < -0.5).sum(), array.ledger().counts["accumulator_bits"]
    (np.int64(2), np.int64(2), 0)
    """

    tiles: int = 2
    gamma: float = 0.25
    every: int = 1
    slower: int = 4
    rows: int = 1
    threshold: float | None = None
    fast_rate: float = 1.0
    reference: Literal["none", "symmetry-point"] = "symmetry-point"
    read_noise: float = 0.0
    read_bits: float | None = None
    reads: int = 1

    def check(self) -> None:
        require_whole(self, "tiles", 2, MOST_TILES)
        require(self, "gamma", "above 0 and below 1", lambda v: 0 < v < 1)
        require_whole(self, "every", 1, 1 << 31)
        require_whole(self, "slower", 1, 1 << 16)
        require_whole(self, "rows", 1, 1 << 31)
        if self.threshold is not None:
            require_positive(self, "threshold")
        require_positive(self, "fast_rate")
        if self.reference not in REFERENCES:
            refuse(self, "reference", " or ".join(map(repr, REFERENCES)))
        check_reads(self)

    def check_array(self, site: Site) -> None:
        require_pulses(self, site.cell)
        require_one_device(self, site)

    def mapping(self, cell: Cell, weight: Weight) -> Weight:
        gains = tuple(float(self.gamma) ** n for n in reversed(range(self.tiles)))
        return Tiers(gains=gains, cell=cell, shifted=self.reference == "symmetry-point", of=weight)

    @property
    def row_read_bits(self) -> float:
        """Of the converter that reads tiles; 0: none."""
        return self.read_bits or 0

    def threshold_of(self, site: Site) -> float:
        """θ of an array, or of its design [device units]."""
        return (site.cell.bound or 1.0) / 2 if self.threshold is None else self.threshold

    def state(self, site: Site) -> TileState:
        (n, m), kind, fine = site.shape, site.dtype.type, self.tiles - 1
        level, top = converter(self.read_bits, max(map(abs, site.cell.span)))
        clocks = [min(self.every * self.slower**k, 1 << 62) for k in range(fine)]
        return TileState(
            moved=memory.zeros((1, n), site.dtype)[0], live=np.zeros(1, np.int64), reference=memory.zeros((fine, m, n), site.dtype),
            fast=kind(self.fast_rate / self.gamma**fine), ratio=kind(self.gamma), threshold=kind(self.threshold_of(site)),
            most=kind(min(site.cell.numbers(kind).most_pulses, HALF - 1)), every=np.array(clocks, np.int64), rows=min(self.rows, m),
            key=key_of(site), read_std=kind(self.read_noise), level=kind(level), top=kind(top), reads=self.reads,
            rows_read=np.zeros(1, np.int64), scratch=read_scratch(site),
        )  # fmt: skip

    def path(self, site: Site, change_row: Callable[..., Any]) -> WritePath:
        del change_row  # any will do
        return WritePath(make_put_tiles(site.cell.write_row, site.cell.send_row, site.parts.time.is_noisy))

    def programmed(self, site: Site, target: np.ndarray) -> None:
        """Where the tiles rest depends on the chip."""
        del target
        site.state.writing.reference[:, :, : site.shape[0]] = rest_of(site)

    def row_reads(self, state: ArrayState) -> int:
        return int(state.writing.rows_read[0])
