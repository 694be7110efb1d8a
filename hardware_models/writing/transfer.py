r"""Transfer: a fast array A gets every request in pulses, and what it learnt is moved, row by row, into the slow array C.

    W = γ A + C                                  both of the same cells, each of its own; γ = 0: A is hidden
    A_j ← A_j + s_j f Δ_j                        every write, pulses by the cell's own rounding; s_j = ±1 the chopper of row j, f `fast_rate`
    a = s_j (read(A_j) − R_j)                    every `every` writes, for the next `rows` rows in turn, after A was written
    "v1"        C_j gets the request β a         pulses by the cell's own rounding
    "v2"        H_j ← H_j + β a                  n = G trunc(H_j / (G u)) pulses to C_j,  H_j ← H_j − n u
    "chopped"   the same, and s_j is flipped     after a read of the row, with probability p, or every 1/p reads
    "agad"      the same, and R_j follows        M_j ← (1 − τ) M_j + τ read(A_j),  τ = min(1, tail · p);  at a flip R_j ← M_j
    "tracked"   as chopped, and R_j follows      R_j ← (1 − τ) R_j + τ read(A_j)   after every read,  τ = min(1, p / tail)

u is the granularity of the cell, G a granule in pulses, R_j what A is compared with: 0, or the symmetry points of its cells, where mean
pulses up and down are equal and which A drifts towards (zero-shifting, arXiv:1907.10228). A offset of A against R is learnt by C for
ever in v1 and v2; choppers make it change its sign, so that it averages out, AGAD subtracts what A was in the half-period before, and
"tracked" the mean of reads over several periods: what is learnt changes its sign in it, what A drifts towards does not.

    β = P / (f · auto_granularity),     P = every · m / rows: writes from one read of a row to the next

so that C moves in P writes as requests say, where A holds what it got in the last `auto_granularity` writes. This is automatic
granularity, of lr / lr_A / (gran_C · auto_granularity / P) pulses of C for a read of A in units of C (M. J. Rasch et al., "Fast and
robust analog in-memory deep neural network training", Nat. Commun. 15, 7133 (2024), doi:10.1038/s41467-024-51221-z, Methods), here for
all members. In the paper, columns of A are what a one-hot input reads: the rows of this layout, w[j] from input j.

    v1        T. Gokmen & W. Haensch, Front. Neurosci. 14, 103 (2020), doi:10.3389/fnins.2020.00103: A of SGD, C of moved columns, γ A + C
    v2        T. Gokmen, "Enabling training of neural networks on noisy hardware", Front. Artif. Intell. 4, 699148 (2021),
              doi:10.3389/frai.2021.699148: H and its threshold
    chopped, agad     M. J. Rasch et al. (2024), as above; A of one sample a write there, of an update here
    tracked           symmetry points estimated while training, with choppers and filters: Q. Xiao et al., arXiv:2602.21321, by its abstract;
              the equation is ours, since that of the paper was not at hand

Not modelled: several reads of A between its pulses, momentum of H, the gate of AGAD by the standard error. Draws: of flips, stream TRAIN,
keyed by write and row; of reads see :mod:`.row_reads`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from hardware_models.crossbar.contract import Cell, Site, Weight, Writing
from hardware_models.crossbar.pulses import of_write
from hardware_models.crossbar.state import ArrayState
from hardware_models.crossbar.sweep import WritePath
from hardware_models.numerics import memory, random
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

FAST = 0  # device of a weight: A; C is the other one
WORDS = 2.0**32


class Member(NamedTuple):
    """What a member of the family does: digital sums, choppers, a reference that follows at flips, or after every read."""

    sums: bool
    chops: bool
    follows: bool
    tracks: bool = False


METHODS = {
    "v1": Member(False, False, False),
    "v2": Member(True, False, False),
    "chopped": Member(True, True, False),
    "agad": Member(True, True, True),
    "tracked": Member(True, True, False, True),
}
REFERENCES = ("none", "symmetry-point")


class TransferState(NamedTuple):
    """State of a transfer, device units; (1, 1) where the method has none.

    hidden : (m, n) H;  sign : (m,) s;  reference : (m, n) R;  mean : (m, n) M
    fast_rate : f;  rate : β;  grain : G u;  granule : G, pulses;  tail : τ;  most : pulses a cell and write
    every, rows : of transfers;  flip : p;  period : reads of a row from flip to flip, 0: at random;  chopping : key of flips
    key, read_std, level, top, reads, rows_read, scratch : see :mod:`.row_reads`
    """

    hidden: np.ndarray
    sign: np.ndarray
    reference: np.ndarray
    mean: np.ndarray
    fast_rate: float
    rate: float
    grain: float
    granule: float
    tail: float
    most: float
    every: int
    rows: int
    flip: float
    period: int
    chopping: int
    key: int
    read_std: float
    level: float
    top: float
    reads: int
    rows_read: np.ndarray
    scratch: ReadScratch


@kernel
def flips(array, j, visit):
    """Whether the chopper of row j turns after this visit."""
    t = array.writing
    if t.period > 0:
        return (visit + 1) % t.period == 0
    return np.float64(random.bits(array.seed, t.chopping, array.writes[0], j, 0)) < t.flip * WORDS


@lru_cache
def make_put_transfer(write_row, send_row, member: Member, slow: bool):
    """put_row of A, and of C from A."""
    sums, chops, follows, tracks = member
    show = make_show(slow)

    @kernel
    def write_fast(array, j, change):
        share, t = array.scratch.share, array.writing
        factor = t.fast_rate * t.sign[j] if chops else t.fast_rate
        for i in range(change.shape[0]):
            share[i] = factor * change[i]
        write_row(array, array.numbers, 0, j, share)

    @kernel
    def write_slow(array, j, visit):
        t, omega, reference = array.writing, array.writing.scratch.read, array.writing.reference[j]
        show(array, 0, j, omega)
        read_row(array, j, BEFORE, omega)
        beta = t.rate * t.sign[j] if chops else t.rate
        if sums:
            H, steps, grain, granule, most = t.hidden[j], array.scratch.steps, t.grain, t.granule, t.most
            for i in range(steps.shape[0]):
                total = H[i] + beta * (omega[i] - reference[i])
                n = np.trunc(total / grain) * granule
                n = n if n < most else most
                n = n if n > -most else -most
                H[i] = total - n * (grain / granule)
                steps[i] = n
            send_row(array, array.numbers, 1, j, steps, of_write(array, 0))
        else:
            share = array.scratch.share
            for i in range(share.shape[0]):
                share[i] = beta * (omega[i] - reference[i])
            write_row(array, array.numbers, 1, j, share)
        if follows:
            mean, tail = t.mean[j], t.tail
            for i in range(mean.shape[0]):
                mean[i] += tail * (omega[i] - mean[i])
        if tracks:
            for i in range(reference.shape[0]):
                reference[i] += t.tail * (omega[i] - reference[i])
        if chops and flips(array, j, visit):
            t.sign[j] = -t.sign[j]
            if follows:
                for i in range(reference.shape[0]):
                    reference[i] = t.mean[j, i]

    @kernel
    def put_row(array, pending, k, j, change):
        if k == 0:
            write_fast(array, j, change)
            return
        t = array.writing
        visit = visit_of(array.writes[0], t.every, t.rows, j, array.cells.w.shape[1])
        if visit >= 0:
            write_slow(array, j, visit)

    return put_row


@dataclass(frozen=True, kw_only=True)
class Transfer(Writing):
    """A fast array of the same cells, from which what was learnt is moved into the weights.

    method : ``"v1"``, ``"v2"``, ``"chopped"``, ``"agad"`` or ``"tracked"``, see above
    every : writes from one transfer to the next, 1 or more
    rows : rows that one transfer reads and moves, 1 or more; at most all
    fast_rate : f, requests of A in those of the rule, above 0
    auto_granularity : writes that A is taken to remember, above 0; published: 1000, for fine cells 500. C moves that much less a read
    granule : what is sent to C at once, |H| to be reached [device units], rounded to whole pulses; None: one pulse. Not in v1
    gamma : γ, share of A in the weight, 0 or more; 0 with choppers
    reference : what reads of A are compared with, ``"none"``: 0, ``"symmetry-point"``: those of its cells, where A also starts
    chopper : p, flips of a row's sign a read, above 0 and at most 1; None: 0.1 where the method has choppers
    regular : whether flips come every round(1/p) reads instead of at random
    tail : of AGAD, how many half-periods' worth of reads the mean of A is short of, above 0, τ = min(1, tail · p); of "tracked", how
        many half-periods the mean is of, τ = min(1, p / tail), 0.5 in studies/transfer.py
    read_noise : standard deviation of a read of A [device units]
    read_bits : of the converter that reads A, over the range of a mean cell, 2 … 24; None: none
    reads : reads that are averaged, 1 … 16383

    Examples
    --------
    >>> import hardware_models as hw
    >>> array = hw.PRESETS["ecram"].replace(writing=hw.Transfer(auto_granularity=20), weight_scale=1.0).array((2, 3), seed=1)
    >>> array.program([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    >>> for _ in range(60):
    ...     array.update([0.01, -0.01], [1.0, 1.0, 0.0])
    >>> (array.read() > 0.1).sum(), (array.read() < -0.1).sum(), array.pulse_counts().up.shape
    (np.int64(2), np.int64(2), (2, 2, 3))
    """

    method: Literal["v1", "v2", "chopped", "agad", "tracked"] = "v2"
    every: int = 1
    rows: int = 1
    fast_rate: float = 1.0
    auto_granularity: float = 1000.0
    granule: float | None = None
    gamma: float = 0.0
    reference: Literal["none", "symmetry-point"] = "none"
    chopper: float | None = None
    regular: bool = False
    tail: float = 5.0
    read_noise: float = 0.0
    read_bits: float | None = None
    reads: int = 1

    def check(self) -> None:
        if self.method not in METHODS:
            refuse(self, "method", " or ".join(map(repr, METHODS)))
        member = METHODS[self.method]
        require_whole(self, "every", 1, 1 << 31)
        require_whole(self, "rows", 1, 1 << 31)
        require_positive(self, "fast_rate")
        require_positive(self, "auto_granularity")
        require_positive(self, "tail")
        if self.granule is not None:
            require_positive(self, "granule")
            if not member.sums:
                refuse(self, "granule", "left out with v1, which keeps nothing of what it does not send")
        require(self, "gamma", "0 or more", lambda v: v >= 0)
        if self.gamma and member.chops:
            refuse(self, "gamma", "0 with choppers, which A holds")
        if self.reference not in REFERENCES:
            refuse(self, "reference", " or ".join(map(repr, REFERENCES)))
        if self.chopper is not None:
            require(self, "chopper", "above 0 and at most 1", lambda v: 0 < v <= 1)
            if not member.chops:
                refuse(self, "chopper", f"left out with {self.method}, which has none")
        check_reads(self)

    def check_array(self, site: Site) -> None:
        require_pulses(self, site.cell)
        require_one_device(self, site)

    def mapping(self, cell: Cell, weight: Weight) -> Weight:
        shifted = self.reference == "symmetry-point"
        return Tiers(gains=(float(self.gamma), 1.0), cell=cell, shifted=shifted, of=weight)

    @property
    def row_read_bits(self) -> float:
        """Of the converter that reads A; 0: none."""
        return self.read_bits or 0

    @property
    def flip(self) -> float:
        """p, 0 without choppers."""
        return (0.1 if self.chopper is None else self.chopper) if METHODS[self.method].chops else 0.0

    def accumulator_bits(self, dtype: DTypeLike) -> int:
        """H, with AGAD also R and M, tracked R; a chopper is a bit a row, and is not counted."""
        member = METHODS[self.method]
        return 8 * np.dtype(dtype).itemsize * (member.sums + 2 * member.follows + member.tracks)

    @property
    def rate_of_mean(self) -> float:
        """τ"""
        return min(1.0, self.flip / self.tail if METHODS[self.method].tracks else self.tail * self.flip)

    def rate_of(self, site: Site) -> float:
        """β of an array, or of its design."""
        m = site.shape[1]
        return self.every * m / min(self.rows, m) / (self.fast_rate * self.auto_granularity)

    def state(self, site: Site) -> TransferState:
        (n, m), kind, member = site.shape, site.dtype.type, METHODS[self.method]
        matrix = lambda: memory.zeros((m, n), site.dtype, matrix=True)  # noqa: E731
        none = lambda: np.zeros((1, 1), site.dtype)  # noqa: E731
        unit = site.cell.granularity
        granule = 1 if self.granule is None else max(1, round(self.granule / unit))
        level, top = converter(self.read_bits, max(map(abs, site.cell.span)))
        return TransferState(
            hidden=matrix() if member.sums else none(), sign=np.ones(m, site.dtype), reference=matrix(),
            mean=matrix() if member.follows else none(),
            fast_rate=kind(self.fast_rate), rate=kind(self.rate_of(site)), grain=kind(granule * unit), granule=kind(granule),
            tail=kind(self.rate_of_mean), most=kind(site.cell.numbers(kind).most_pulses), every=self.every,
            rows=min(self.rows, m), flip=float(self.flip), period=round(1 / self.flip) if self.regular and self.flip else 0,
            chopping=random.stream(random.Stream.TRAIN, site.number), key=key_of(site), read_std=kind(self.read_noise),
            level=kind(level), top=kind(top), reads=self.reads, rows_read=np.zeros(1, np.int64),
            scratch=read_scratch(site),
        )  # fmt: skip

    def path(self, site: Site, change_row: Callable[..., Any]) -> WritePath:
        del change_row  # any will do
        slow = site.parts.time.is_noisy
        return WritePath(make_put_transfer(site.cell.write_row, site.cell.send_row, METHODS[self.method], slow))

    def programmed(self, site: Site, target: np.ndarray) -> None:
        """A holds nothing, nor is anything waiting."""
        del target
        transfer, n = site.state.writing, site.shape[0]
        transfer.sign[:], transfer.hidden[:] = 1, 0
        rest = rest_of(site)[FAST]
        transfer.reference[:, :n] = rest
        if transfer.mean.size > 1:
            transfer.mean[:, :n] = rest

    def waiting(self, state: ArrayState) -> np.ndarray | None:
        """H; what A holds is not written yet either, but in its own units."""
        return state.writing.hidden[:, : int(state.size[0])] if METHODS[self.method].sums else None

    def row_reads(self, state: ArrayState) -> int:
        return int(state.writing.rows_read[0])
