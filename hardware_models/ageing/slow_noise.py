"""Slow noise, correlated between reads: the visible weight has a slowly varying offset, shared by all columns of a read.

    OrnsteinUhlenbeck  v ← v − (1 − ρ) v + σ √(1 − ρ²) ξ,  ρ = e^{−Δ/τ}     autocovariance σ² e^{−t/τ}
    OneOverF           a sum of those, τ evenly spaced in ln τ              S(f) ≈ std² / (f ln(slowest/fastest))
    Telegraph          s: 0 ⇄ 1, offset = amplitude (s − p)                 autocovariance amplitude² p (1 − p) e^{−(r_up + r_down) t}

    p = r_up / (r_up + r_down)       P(s → 1 in Δ) = p + (s − p) e^{−(r_up + r_down) Δ}

These are the exact laws of the processes at the times of the reads, for any Δ: D. T. Gillespie, "Exact numerical simulation
of the Ornstein-Uhlenbeck process and its integral", Phys. Rev. E 54, 2084 (1996), doi:10.1103/PhysRevE.54.2084; S. Machlup,
"Noise in semiconductors: spectrum of a two-parameter random signal", J. Appl. Phys. 25, 341 (1954), doi:10.1063/1.1721637.
A spread of relaxation times gives 1/f noise: P. Dutta & P. M. Horn, Rev. Mod. Phys. 53, 497 (1981),
doi:10.1103/RevModPhys.53.497. Spectra here are one-sided, and 1/f holds from 1/(2π slowest) to 1/(2π fastest).

An array of n by m weights of d devices stores one number per cell and process: one for `OrnsteinUhlenbeck` and for `Telegraph`,
⌈per_decade · log10(slowest/fastest)⌉ + 1 for `OneOverF`, and one for their sum. Every `interval` reads all of them are updated, which
costs, per cell and process, about 3 ns for an `OrnsteinUhlenbeck` and 1.5 ns for a trap in float32 (13 and 2 in float64): more
than reading the cell. Slow noise that is updated every hundredth read is as exact at those reads, and nearly free.

A draw is keyed by the seed, stream SLOW, the number of the move, source, process and cell. A new source is a `Source` with its own
address, and one line, in :mod:`hardware_models.ageing.slow_sources`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from hardware_models.ageing.mechanism import Mechanism
from hardware_models.ageing.slow_sources import Source
from hardware_models.crossbar.contract import Site
from hardware_models.crossbar.state import ArrayState
from hardware_models.numerics import memory, random
from hardware_models.numerics.checks import refuse, require_positive, require_whole
from hardware_models.numerics.compiled import kernel, separate
from hardware_models.numerics.record import record

MOVE_BITS = 40  # step of a draw: number of the update + (address and place of its source) · 2^MOVE_BITS
MOST_SOURCES = 16  # of one address
NO_TRAP = 2.0  # the state of a cell without a trap; 0: empty, 1: full

fill_normal, fill_uniform = map(separate, (random.fill_normal, random.fill_uniform))


class Pace(NamedTuple):
    """Coefficients of an update: per Ornstein-Uhlenbeck process (P,), and per telegraph source (T,).

    loss, kick : v ← v − loss · v + kick · ξ;  rise, stay : probability that an empty and a full trap are full after the update
    """

    loss: np.ndarray
    kick: np.ndarray
    rise: np.ndarray
    stay: np.ndarray


class SlowState(NamedTuple):
    """Slow noise of one array.

    wander : (P, d, m, n) device units;  traps : (T, d, m, n) 0 empty, 1 full, 2 no trap
    pace : of an update after `interval` reads;  std : (P,);  height, full : (T,) amplitude and share of time that a trap is full
    key : (P + T,) int64, source of a process in its draws;  lane : (P + T,) int64, its place in the source
    moves, waited : (1,) int64, updates so far, reads since the last one;  interval : (1,) int64;  size : (1,) int64, n without padding
    """

    wander: np.ndarray
    traps: np.ndarray
    pace: Pace
    std: np.ndarray
    height: np.ndarray
    full: np.ndarray
    key: np.ndarray
    lane: np.ndarray
    seed: int
    stream: int
    moves: np.ndarray
    waited: np.ndarray
    interval: np.ndarray
    size: np.ndarray


@kernel
def wander_on(v, loss, kick, xi, offset):
    for i in range(offset.shape[0]):
        v[i] = v[i] + (kick * xi[i] - loss * v[i])
        offset[i] += v[i]


@kernel
def flip(s, rise, stay, full, height, u, offset):
    """Empty traps fill with probability `rise`, full ones stay so with `stay`; written without branches, for vectors."""
    one, zero, middle = type(height)(1), type(height)(0), type(height)(1.5)
    for i in range(offset.shape[0]):
        chance = stay if s[i] == one else rise
        moved = one if u[i] < chance else zero
        s[i] = moved if s[i] < middle else s[i]
        offset[i] += height * (s[i] - full) if s[i] < middle else zero


@kernel
def advance(slow, pace, offset, draws):
    """Advance every process by `pace`, and put their sums into offset (d, m, n); draws : scratch, a padded row."""
    wander, traps, lane = slow.wander, slow.traps, slow.lane
    d, m, size, many = offset.shape[0], offset.shape[1], slow.size[0], wander.shape[0]
    slow.moves[0] += 1
    move = slow.moves[0]
    for k in range(d):
        for j in range(m):
            total = offset[k, j, :size]
            total[:] = 0
            for p in range(many):
                if slow.std[p] != 0:
                    fill_normal(slow.seed, slow.stream, move + slow.key[p], (lane[p] * d + k) * m + j, draws)
                    wander_on(wander[p, k, j], pace.loss[p], pace.kick[p], draws, total)
            for q in range(traps.shape[0]):
                if slow.height[q] != 0:
                    fill_uniform(slow.seed, slow.stream, move + slow.key[many + q], k * m + j, draws)
                    flip(traps[q, k, j], pace.rise[q], pace.stay[q], slow.full[q], slow.height[q], draws, total)


move_on = separate(advance)


@kernel
def tick(array: ArrayState) -> None:
    """Before a sweep that reads: slow noise is updated after every `interval` of them."""
    slow = array.slow
    slow.waited[0] += 1
    if slow.waited[0] >= slow.interval[0]:
        slow.waited[0] = 0
        move_on(slow, slow.pace, array.cells.slow, array.scratch.draws)


@kernel
def watch(slow, offset, draws, out):
    """out[t] = the offset of the cells of row 0 at update t."""
    for t in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[t, i] = offset[0, 0, i]
        move_on(slow, slow.pace, offset, draws)


@dataclass(frozen=True, kw_only=True)
class SlowNoise(Mechanism):
    """The slow noise of an array: its sources, and the timing of reads.

    sources : of `OrnsteinUhlenbeck`, `OneOverF`, `Telegraph`, up to 16 of a kind; their offsets add
    read_period : time from one read to the next [s], positive; at 1, times of sources count reads
    interval : number of reads between updates of the noise, a whole number from 1

    Examples
    --------
    >>> import hardware_models as hw
    >>> noise = SlowNoise(sources=(hw.OneOverF(std=0.02, fastest=1e-5, slowest=1e-2),), read_period=1e-6, interval=10)
    >>> noise.sample(1000, cells=3).shape
    (1000, 3)
    """

    sources: tuple = ()
    read_period: float = 1.0
    interval: int = 1

    tick: ClassVar = staticmethod(tick)

    @property
    def is_off(self) -> bool:
        """Whether no source has any strength."""
        return not any(source.strength for source in self.sources)

    @property
    def is_noisy(self) -> bool:
        return not self.is_off

    def check(self) -> None:
        if not (isinstance(self.sources, tuple) and all(isinstance(s, Source) for s in self.sources)):
            refuse(self, "sources", "a tuple of OrnsteinUhlenbeck, OneOverF or Telegraph")
        addresses = [source.address for source in self.sources]
        if any(addresses.count(address) > MOST_SOURCES for address in addresses):
            refuse(self, "sources", f"at most {MOST_SOURCES} of a kind")
        for source in self.sources:
            source.check()
        require_positive(self, "read_period")
        require_whole(self, "interval", 1)

    def slow_state(self, shape: tuple[int, int, int], seed: int, number: int, dtype: DTypeLike) -> SlowState:
        return self.state(shape, seed, number, dtype)

    def fabricate(self, site: Site) -> None:
        if self.is_noisy:
            self.begin(site.state.slow, site.state.cells.slow)

    def finish(self, site: Site, clock: float, seconds: float) -> None:
        if self.is_noisy and seconds > 0:
            self.let_pass(site.state.slow, seconds, site.state.cells.slow)

    def state(
        self, shape: tuple[int, int, int], seed: int, number: int = 0, dtype: DTypeLike = np.float32
    ) -> SlowState:
        """Slow noise of array `number` of chip `seed` with cells (d, m, n), before its first update.

        `begin` makes that update, of infinite duration, after which cells are in their stationary state.
        """
        d, m, n = shape
        dtype, keys = np.dtype(dtype), self._keys()
        wandering = [(key, lane, std) for key, s in keys for lane, (std, _) in enumerate(s.processes())]
        trapped = [(key, trap) for key, s in keys for trap in s.traps()]
        slow = SlowState(
            wander=memory.zeros((len(wandering), d, m, n), dtype), traps=memory.zeros((len(trapped), d, m, n), dtype),
            pace=self.pace(self.read_period * self.interval, dtype), std=np.array([std for *_, std in wandering], dtype),
            height=np.array([trap.amplitude for _, trap in trapped], dtype), full=np.array([trap.full for _, trap in trapped], dtype),
            key=np.array([key for key, *_ in wandering + trapped], np.int64),
            lane=np.array([lane for _, lane, _ in wandering] + [0] * len(trapped), np.int64), seed=int(seed),
            stream=random.stream(random.Stream.SLOW, number), moves=np.zeros(1, np.int64), waited=np.zeros(1, np.int64),
            interval=np.array([self.interval]), size=np.array([n]),
        )  # fmt: skip
        for q, (key, trap) in enumerate(trapped):
            if trap.share < 1:
                u = random.uniform(seed, slow.stream, key, (d, m, n), dtype)  # no update has the number 0
                slow.traps[q, :, :, :n] = np.where(u < trap.share, 0, NO_TRAP)
        return slow

    def begin(self, slow: SlowState, offset: np.ndarray) -> None:
        """The stationary state, as after an infinite time; offset (d, m, n) is filled with the sum."""
        self.let_pass(slow, math.inf, offset)

    def let_pass(self, slow: SlowState, seconds: float, offset: np.ndarray) -> None:
        """Advance by a time without reads; counts as one update."""
        pace = self.pace(seconds, slow.std.dtype)
        advance(record(slow), record(pace), offset, memory.zeros((1, int(slow.size[0])), slow.std.dtype)[0])

    def pace(self, seconds: float, dtype: DTypeLike) -> Pace:
        """Coefficients of an update over a time."""
        processes = [process for source in self.sources for process in source.processes()]
        chances = [trap.chances(seconds) for source in self.sources for trap in source.traps()]
        loss = np.array([-math.expm1(-seconds / tau) for _, tau in processes], dtype)
        # from the rounded 1 − ρ, so that the variance is exact: 1 − ρ² = (1 − ρ) (2 − (1 − ρ))
        lost = loss.astype(np.float64)
        kick = np.array([std for std, _ in processes]) * np.sqrt(lost * (2 - lost))
        return Pace(loss, kick.astype(dtype), *np.array(chances, dtype).reshape(-1, 2).T.copy())

    def sample(self, moves: int, cells: int = 1, *, seed: int = 0, dtype: DTypeLike = np.float64) -> np.ndarray:
        """Offsets at successive updates, `interval · read_period` seconds apart: (updates, cells) device units."""
        self.check()
        slow, offset = self.state((1, 1, cells), seed, dtype=dtype), memory.zeros((1, 1, cells), dtype)
        self.begin(slow, offset)
        out = np.zeros((moves, cells), dtype)
        watch(record(slow), offset, memory.zeros((1, cells), dtype)[0], out)
        return out

    def _keys(self) -> list[tuple[int, Source]]:
        """Every source with its part of the key of a draw, which does not depend on sources of other addresses."""
        addresses = [source.address for source in self.sources]
        places = [addresses[:k].count(address) for k, address in enumerate(addresses)]
        return [
            ((source.address * MOST_SOURCES + place) << MOVE_BITS, source)
            for place, source in zip(places, self.sources, strict=True)
        ]
