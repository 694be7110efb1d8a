r"""Closed loop: requests are summed digitally, and what is left of them is what cells were read not to have done.

    χ ← χ + Δ
    where |χ| ≥ θ:    n_k = ⌊Δ_k / u + ½⌋,  |n_k| ≤ most pulses      Δ_k the part of χ for device k, by the weight; u its granularity
                      m = read(w after) − read(w before)             once pulses, faults and a refresh have done their work
                      χ ← χ − (e + κ (m − e))                        e = Σ gain_k n_k u, what mean cells would have done

Noise of pulses, steps that depend on the weight, spread between cells, bounds and write noise all end up in χ, and the next write makes
them good: κ = 1 is a closed loop, κ = 0 the open one of :mod:`mixed_precision`. θ decides how far off a weight may be, and how often
write noise is drawn anew: close to that noise is best, and that, or a pulse where it is larger, is the default.

    "residual"   a row is read before and after its pulses, and one number is kept a weight, χ
    "estimate"   a row is read after its pulses only; before them it was ŵ, what was made of all reads so far:  ŵ ← ŵ + e + κ (m − e),
                 T = ŵ + χ is kept in the range.   Errors of reads do not add up, at the price of a second number a weight
    "absolute"   T ← clip(T + Δ), the weight that is wanted; every row is read in every write, χ = T − read(w), and nothing is read after

A read gives the visible weight, with an error: noise N(0, σ²) on every weight, and a converter of evenly spaced levels over the range of
a mean weight; R reads are averaged. Unless it is given, κ is the gain of a scalar Kalman filter,

    κ = v / (v + r)        v = 2 σ_write² + u_w² + (e/2)²,  r = (σ² + step²/12) / R  a read

where v is how well the change can be foreseen: write noise twice, before and after, a pulse u_w of the weight, and a step known to a
half. With exact reads κ = 1. Draws: stream VERIFY, keyed by write, read, row and cell. Program-and-verify of single cells is old; summed
requests against a digital copy of what was reached: S. R. Nandakumar et al., Front. Neurosci. 14, 406 (2020),
doi:10.3389/fnins.2020.00406, for the open loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from hardware_models.crossbar.contract import Site, Writing
from hardware_models.crossbar.pulses import LONGEST, of_write
from hardware_models.crossbar.state import ArrayState
from hardware_models.crossbar.sweep import WritePath, make_combine
from hardware_models.numerics import memory
from hardware_models.numerics.checks import refuse, require, require_positive, require_whole
from hardware_models.numerics.compiled import kernel
from hardware_models.writing.by_cell import require_pulses
from hardware_models.writing.row_reads import AFTER, BEFORE, check_reads, converter, key_of, read_row

# Targets, and from how many errors of a read on a weight counts as off: fewer where errors do not add up or disturb what was right.
ERRORS = {"residual": 3.0, "absolute": 3.0, "estimate": 1.0}
KNOWN = 0.25  # square of the part of a change that may be missing from it


class LoopScratch(NamedTuple):
    """Rows of one write; nothing here outlives it.

    live : (1,) int64, weights of the row that are pulsed;  before, after, expected, draws, total : (n,) device units
    """

    live: np.ndarray
    before: np.ndarray
    after: np.ndarray
    expected: np.ndarray
    draws: np.ndarray
    total: np.ndarray


class LoopState(NamedTuple):
    """What a closed loop keeps, weights in device units.

    chi : (m, n) χ; with an absolute target T;  estimate : (m, n) ŵ, or (1, 1)
    threshold : θ;  most : pulses a device and write;  low, high : range of a weight
    gain : κ, negative where it is the filter's;  change_variance, read_variance : v without e, and r, both of one change
    key : of the draws;  read_std, level, top : noise and levels of a read, 0: none;  reads : R
    rows_read : (1,) int64
    """

    chi: np.ndarray
    estimate: np.ndarray
    threshold: float
    most: float
    low: float
    high: float
    gain: float
    change_variance: float
    read_variance: float
    key: int
    read_std: float
    level: float
    top: float
    reads: int
    rows_read: np.ndarray
    scratch: LoopScratch


@lru_cache
def make_collect(show, target: str, always: bool):
    """collect_row of a target; always : weights may change where no pulse is sent, by a refresh."""
    absolute, estimating = target == "absolute", target == "estimate"

    @kernel
    def collect_row(array, j, change):
        """Loops are vector instructions: selections in the place of branches, and 32-bit counts."""
        loop, scratch = array.writing, array.writing.scratch
        chi, least, low, high = loop.chi[j], loop.threshold, loop.low, loop.high
        T = type(least)
        zero, endless, live, n = T(0), T(np.inf), np.int32(0), array.size[0]
        before, expected, known = scratch.before, scratch.expected, loop.estimate[j] if estimating else chi
        if absolute:
            show(array, j, before)
            read_row(array, j, BEFORE, before)
        for i in range(change.shape[0]):
            total = chi[i] + (change[i] if abs(change[i]) < endless else zero)
            if absolute or estimating:
                base = known[i] if estimating else zero
                wanted = base + total
                wanted = wanted if wanted < high else high
                total = (wanted if wanted > low else low) - base
            chi[i] = total
            off = total - before[i] if absolute and i < n else total  # padding is read, with noise
            due = abs(off) >= least
            change[i] = off if due else zero
            live += np.int32(due)
        scratch.live[0] = live
        if always and live == 0:  # or the first device sets it
            for i in range(expected.shape[0]):
                expected[i] = zero
        if not (absolute or estimating) and (always or live > 0):
            show(array, j, before)

    return collect_row


@lru_cache
def make_put_loop(send_row, share_row):
    """put_row of pulses to device k; share_row : None for a single device."""
    sharing = share_row is not None

    @kernel
    def put_row(array, pending, k, j, change):
        loop, steps = array.writing, array.scratch.steps
        if loop.scratch.live[0] == 0:
            return
        unit, most, gain, expected = array.numbers.granularity, loop.most, array.gain[k], loop.scratch.expected
        share = change
        if sharing:
            share = array.scratch.share
            share_row(array, k, change, share)
        half, zero, further = type(unit)(0.5), type(unit)(0), k > 0
        for i in range(steps.shape[0]):
            n = np.floor(share[i] / unit + half)
            n = n if n < most else most
            n = n if n > -most else -most
            steps[i] = n
            expected[i] = (expected[i] if further else zero) + gain * n * unit
        send_row(array, array.numbers, k, j, steps, of_write(array, 0))

    return put_row


@lru_cache
def make_settle(show, target: str):
    """settle_row: what cells did is taken off the residual; None where every write reads again."""
    if target == "absolute":
        return None
    estimating = target == "estimate"

    @kernel
    def settle_row(array, j, change, refreshed):
        loop, scratch = array.writing, array.writing.scratch
        if scratch.live[0] == 0 and not refreshed:
            return
        least, noise = loop.change_variance, loop.read_variance
        T = type(least)
        zero, one, known, touched = T(0), T(1), T(KNOWN), np.int32(0)
        chi, before, after, expected = loop.chi[j], scratch.before, scratch.after, scratch.expected
        if estimating:
            before = loop.estimate[j]
        show(array, j, after)
        for i in range(change.shape[0]):
            moved = (expected[i] != zero) | (refreshed & (after[i] != before[i]))
            change[i] = one if moved else zero
            touched += np.int32(moved)
        if touched == 0:
            return
        if not estimating:
            read_row(array, j, BEFORE, before)
        read_row(array, j, AFTER, after)
        if loop.gain < zero and noise > zero:
            for i in range(change.shape[0]):
                e = expected[i]
                variance = least + known * e * e
                done = e + variance / (variance + noise) * (after[i] - before[i] - e)
                done = done if change[i] != zero else zero
                chi[i] -= done
                if estimating:
                    before[i] += done
            return
        gain = one if loop.gain < zero else loop.gain  # exact reads are believed, without a division
        for i in range(change.shape[0]):
            e = expected[i]
            done = e + gain * (after[i] - before[i] - e)
            done = done if change[i] != zero else zero
            chi[i] -= done
            if estimating:
                before[i] += done

    return settle_row


@dataclass(frozen=True, kw_only=True)
class ClosedLoop(Writing):
    """Pulses, read back: a digital residual of what was requested and not done.

    target : ``"residual"``, ``"absolute"`` or ``"estimate"``, see above
    threshold : θ, the smallest residual that is sent [device units]; None: what one write leaves uncertain, the larger of a pulse,
        of write noise, and of three times the error of a read (once, with an estimate)
    most_pulses : pulses to a cell in one write, 1 … 65535; None: as many as the cell takes
    gain : κ, 0 … 1, how far a read is believed; None: by the variances of both, 1 where reads are exact
    read_noise : standard deviation of a read of a weight [device units]
    read_bits : of the converter that reads weights, over the range of a mean weight, 2 … 24; None: none
    reads : R, reads that are averaged, 1 … 16383

    Examples
    --------
    >>> import hardware_models as hw
    >>> array = hw.PRESETS["ecram"].replace(writing=hw.ClosedLoop(), weight_scale=1.0).array((2, 3), seed=1)
    >>> array.program([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    >>> for _ in range(20):
    ...     array.update([0.02, -0.02], [1.0, 1.0, 0.0])
    >>> array.read().round(1)
    array([[ 0.4,  0.4,  0. ],
           [-0.4, -0.4,  0. ]], dtype=float32)
    """

    target: Literal["residual", "absolute", "estimate"] = "residual"
    threshold: float | None = None
    most_pulses: int | None = None
    gain: float | None = None
    read_noise: float = 0.0
    read_bits: float | None = None
    reads: int = 1

    takes_turns: ClassVar[bool] = True
    corrects: ClassVar[bool] = True

    def check(self) -> None:
        if self.target not in ERRORS:
            refuse(self, "target", " or ".join(map(repr, ERRORS)))
        if self.threshold is not None:
            require_positive(self, "threshold")
        if self.most_pulses is not None:
            require_whole(self, "most_pulses", 1, LONGEST)
        if self.gain is not None:
            require(self, "gain", "from 0 to 1", lambda v: 0 <= v <= 1)
            if self.target == "absolute":
                refuse(self, "gain", "left out with an absolute target, which believes every read")
        check_reads(self)

    def check_array(self, site: Site) -> None:
        require_pulses(self, site.cell)

    @property
    def row_read_bits(self) -> float:
        """Of the converters that read weights while writing; 0: none."""
        return self.read_bits or 0

    def accumulator_bits(self, dtype: DTypeLike) -> int:
        return 8 * np.dtype(dtype).itemsize * (2 if self.target == "estimate" else 1)

    def threshold_of(self, site: Site) -> float:
        """θ for the cells and the weight of an array, or of its design [device units]."""
        if self.threshold is not None:
            return self.threshold
        read = np.sqrt(self._read_variance(site))
        return float(max(self._pulse(site), self._write_noise(site), ERRORS[self.target] * read))

    def _pulse(self, site: Site) -> float:
        """By how much the devices that are pulsed together move a mean weight."""
        return float(site.cell.granularity * site.weight.pulsed_together().sum())

    def _write_noise(self, site: Site) -> float:
        """Standard deviation of a weight, of the noise that one write draws anew."""
        return float(site.cell.write_noise * np.sqrt(np.sum(site.weight.pulsed_together() ** 2)))

    def _level(self, site: Site) -> tuple[float, float]:
        """Distance between the levels of the converter, and the largest one in levels; 0 without."""
        return converter(self.read_bits, max(map(abs, site.weight.span(site.cell))))

    def _read_variance(self, site: Site) -> float:
        """Of what one read, averaged, is off by."""
        return (self.read_noise**2 + self._level(site)[0] ** 2 / 12) / self.reads

    def state(self, site: Site) -> LoopState:
        (n, m), kind = site.shape, site.dtype.type
        row = lambda: memory.zeros((1, n), site.dtype)[0]  # noqa: E731
        matrix = lambda: memory.zeros((m, n), site.dtype, matrix=True)  # noqa: E731
        estimating = self.target == "estimate"
        level, top = self._level(site)
        low, high = site.weight.span(site.cell)
        most = min(float(site.cell.numbers(site.dtype.type).most_pulses), self.most_pulses or LONGEST)
        return LoopState(
            chi=matrix(), estimate=matrix() if estimating else np.zeros((1, 1), site.dtype),
            threshold=kind(self.threshold_of(site)), most=kind(most),
            low=kind(low), high=kind(high), gain=kind(-1 if self.gain is None else self.gain),
            change_variance=kind(2 * self._write_noise(site) ** 2 + self._pulse(site) ** 2),
            read_variance=kind((1 if estimating else 2) * self._read_variance(site)), key=key_of(site),
            read_std=kind(self.read_noise), level=kind(level), top=kind(top), reads=self.reads, rows_read=np.zeros(1, np.int64),
            scratch=LoopScratch(
                live=np.zeros(1, np.int64), before=row(), after=row(), expected=row(), draws=row(), total=row()
            ),
        )  # fmt: skip

    def path(self, site: Site, change_row: Callable[..., Any]) -> WritePath:
        del change_row  # any will do
        show = make_combine(site.parts.time.is_noisy)
        refreshes = site.weight.refresh(site.cell)[0] is not None
        return WritePath(
            make_put_loop(site.cell.send_row, None if len(site.weight.gains) == 1 else site.weight.share_row),
            collect_row=make_collect(show, self.target, refreshes), settle_row=make_settle(show, self.target),
        )  # fmt: skip

    def programmed(self, site: Site, target: np.ndarray) -> None:
        """Nothing is requested any more, and weights are taken to be what they were programmed to."""
        loop, n = site.state.writing, site.shape[0]
        wanted = np.clip(target, float(loop.low), float(loop.high))
        loop.chi[:, :n] = wanted if self.target == "absolute" else 0
        if self.target == "estimate":
            loop.estimate[:, :n] = wanted

    def waiting(self, state: ArrayState) -> np.ndarray | None:
        n, chi = int(state.size[0]), state.writing.chi
        if self.target != "absolute":
            return chi[:, :n]
        return chi[:, :n] - np.einsum("k,kji->ji", state.gain, state.cells.w[:, :, :n])

    def row_reads(self, state: ArrayState) -> int:
        return int(state.writing.rows_read[0])
