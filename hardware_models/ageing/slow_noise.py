"""Noise that outlasts a read: cells show what they hold and an offset besides, which moves slowly and which all columns share.

    OrnsteinUhlenbeck  v ← v − (1 − ρ) v + σ √(1 − ρ²) ξ,  ρ = e^{−Δ/τ}     autocovariance σ² e^{−t/τ}
    OneOverF           a sum of those, τ evenly spaced in ln τ              S(f) ≈ std² / (f ln(slowest/fastest))
    Telegraph          s: 0 ⇄ 1, offset = amplitude (s − p)                 autocovariance amplitude² p (1 − p) e^{−(r_up + r_down) t}

    p = r_up / (r_up + r_down)       P(s → 1 in Δ) = p + (s − p) e^{−(r_up + r_down) Δ}

These are the exact laws of the processes at the times they are looked at, for any Δ: D. T. Gillespie, "Exact numerical simulation
of the Ornstein-Uhlenbeck process and its integral", Phys. Rev. E 54, 2084 (1996), doi:10.1103/PhysRevE.54.2084; S. Machlup,
"Noise in semiconductors: spectrum of a two-parameter random signal", J. Appl. Phys. 25, 341 (1954), doi:10.1063/1.1721637.
That a spread of relaxation times makes 1/f noise: P. Dutta & P. M. Horn, Rev. Mod. Phys. 53, 497 (1981),
doi:10.1103/RevModPhys.53.497. Spectra here are one-sided, and 1/f holds from 1/(2π slowest) to 1/(2π fastest).

An array of n by m weights of d devices keeps one number per cell and process: one for `OrnsteinUhlenbeck` and for `Telegraph`,
⌈per_decade · log10(slowest/fastest)⌉ + 1 for `OneOverF`, and one for their sum. Every `interval` reads all of them move, which
costs, per cell and process, about 3 ns for an `OrnsteinUhlenbeck` and 1.5 ns for a trap in float32 (13 and 2 in float64): more
than reading the cell. Slow noise that moves every hundredth read is as exact at those reads, and nearly free.

A draw is keyed by the seed, stream SLOW, the number of the move, source, process and cell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from hardware_models.numerics import memory, random
from hardware_models.numerics.checks import refuse, require, require_not_negative, require_positive, require_share
from hardware_models.numerics.compiled import kernel, separate
from hardware_models.numerics.record import record

MOVE_BITS = 40  # step of a draw: number of the move + (kind and place of its source) · 2^MOVE_BITS
MOST_SOURCES = 16  # of one kind
NO_TRAP = 2.0  # the state of a cell without a trap; 0: empty, 1: full

fill_normal, fill_uniform = map(separate, (random.fill_normal, random.fill_uniform))


class Pace(NamedTuple):
    """How far a move goes: per Ornstein-Uhlenbeck process (P,), and per telegraph source (T,).

    loss, kick : v ← v − loss · v + kick · ξ;  rise, stay : probability to be full after the move, of an empty and a full trap
    """

    loss: np.ndarray
    kick: np.ndarray
    rise: np.ndarray
    stay: np.ndarray


class SlowState(NamedTuple):
    """Slow noise of one array.

    wander : (P, d, m, n) device units;  traps : (T, d, m, n) 0 empty, 1 full, 2 no trap
    pace : of a move after `interval` reads;  std : (P,);  height, full : (T,) amplitude and share of time that a trap is full
    key : (P + T,) int64, source of a process in its draws;  lane : (P + T,) int64, its place in the source
    moves, waited : (1,) int64, moves so far, reads since the last one;  interval : (1,) int64;  size : (1,) int64, n without padding
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
def wander_on(v, loss, kick, xi, shown):
    for i in range(shown.shape[0]):
        v[i] = v[i] + (kick * xi[i] - loss * v[i])
        shown[i] += v[i]


@kernel
def flip(s, rise, stay, full, height, u, shown):
    """Empty traps fill with probability `rise`, full ones stay so with `stay`; written without branches, for vectors."""
    one, zero, middle = type(height)(1), type(height)(0), type(height)(1.5)
    for i in range(shown.shape[0]):
        chance = stay if s[i] == one else rise
        moved = one if u[i] < chance else zero
        s[i] = moved if s[i] < middle else s[i]
        shown[i] += height * (s[i] - full) if s[i] < middle else zero


@kernel
def advance(slow, pace, offset, draws):
    """Move every process on by `pace`, and put their sums into offset (d, m, n); draws : scratch, a padded row."""
    wander, traps, lane = slow.wander, slow.traps, slow.lane
    d, m, size, many = offset.shape[0], offset.shape[1], slow.size[0], wander.shape[0]
    slow.moves[0] += 1
    move = slow.moves[0]
    for k in range(d):
        for j in range(m):
            shown = offset[k, j, :size]
            shown[:] = 0
            for p in range(many):
                if slow.std[p] != 0:
                    fill_normal(slow.seed, slow.stream, move + slow.key[p], (lane[p] * d + k) * m + j, draws)
                    wander_on(wander[p, k, j], pace.loss[p], pace.kick[p], draws, shown)
            for q in range(traps.shape[0]):
                if slow.height[q] != 0:
                    fill_uniform(slow.seed, slow.stream, move + slow.key[many + q], k * m + j, draws)
                    flip(traps[q, k, j], pace.rise[q], pace.stay[q], slow.full[q], slow.height[q], draws, shown)


move_on = separate(advance)


@kernel
def tick(array):
    """Before a sweep that reads: slow noise moves after every `interval` of them."""
    slow = array.slow
    slow.waited[0] += 1
    if slow.waited[0] >= slow.interval[0]:
        slow.waited[0] = 0
        move_on(slow, slow.pace, array.cells.slow, array.scratch.draws)


@kernel
def watch(slow, offset, draws, out):
    """out[t] = what the cells of row 0 show at move t."""
    for t in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[t, i] = offset[0, 0, i]
        move_on(slow, slow.pace, offset, draws)


@dataclass(frozen=True, kw_only=True)
class OrnsteinUhlenbeck:
    """Noise with one relaxation time: autocovariance std² exp(−t/tau).

    std : of each cell [device units], 0 or more
    tau : relaxation time [s], positive
    """

    std: float
    tau: float

    kind: ClassVar[int] = 0

    @property
    def strength(self) -> float:
        return self.std

    def processes(self) -> list[tuple[float, float]]:
        """(std, tau) of every Ornstein-Uhlenbeck process of this source."""
        return [(self.std, self.tau)]

    def check(self) -> None:
        """Raise ValueError where a parameter cannot be."""
        require_not_negative(self, "std")
        require_positive(self, "tau")


@dataclass(frozen=True, kw_only=True)
class OneOverF:
    """Noise with a 1/f spectrum between 1/(2π slowest) and 1/(2π fastest): flat below, 1/f² above.

    The fitted slope over that band is −1; over the band less a factor of 3 at either end the spectrum is within a factor of 1.5
    of std² / (f ln(slowest/fastest)) for one process per decade over three decades or more, and within 1.32 for two.

    std : of the sum, each cell [device units], 0 or more
    fastest, slowest : shortest and longest relaxation time [s], 0 < fastest < slowest
    per_decade : relaxation times per decade, at least; positive
    """

    std: float
    fastest: float
    slowest: float
    per_decade: float = 1.0

    kind: ClassVar[int] = 1

    @property
    def strength(self) -> float:
        return self.std

    def processes(self) -> list[tuple[float, float]]:
        """(std, tau) of every Ornstein-Uhlenbeck process of this source."""
        many = math.ceil(self.per_decade * math.log10(self.slowest / self.fastest) - 1e-9) + 1
        return [(self.std / math.sqrt(many), float(tau)) for tau in np.geomspace(self.fastest, self.slowest, many)]

    def check(self) -> None:
        """Raise ValueError where a parameter cannot be."""
        require_not_negative(self, "std")
        require_positive(self, "fastest per_decade")
        require(self, "slowest", f"above 'fastest', {self.fastest!r}", lambda v: v > self.fastest)


@dataclass(frozen=True, kw_only=True)
class Telegraph:
    """Random telegraph noise of cells with one trap each; its mean is 0.

    amplitude : difference between the two levels [device units], of either sign
    rate_up, rate_down : from the lower to the upper level of s, and back [1/s], positive
    share : part of the cells that have a trap, 0 … 1; which ones is a matter of the chip
    """

    amplitude: float
    rate_up: float
    rate_down: float
    share: float = 1.0

    kind: ClassVar[int] = 2

    @property
    def strength(self) -> float:
        return self.amplitude * self.share

    @property
    def full(self) -> float:
        """p, the part of its time that a trap is full."""
        return self.rate_up / (self.rate_up + self.rate_down)

    def chances(self, seconds: float) -> tuple[float, float]:
        """Probability that an empty, and that a full trap is full after a time."""
        p, left = self.full, math.exp(-(self.rate_up + self.rate_down) * seconds)
        return p - p * left, p + (1 - p) * left

    def check(self) -> None:
        """Raise ValueError where a parameter cannot be."""
        require(self, "amplitude", "finite", math.isfinite)
        require_positive(self, "rate_up rate_down")
        require_share(self, "share")


@dataclass(frozen=True, kw_only=True)
class SlowNoise:
    """The slow noise of an array: sources, and how reads follow each other in time.

    sources : of `OrnsteinUhlenbeck`, `OneOverF`, `Telegraph`, in any number up to 16 of a kind; their offsets add
    read_period : time from one read to the next [s], positive; at 1, times of sources count reads
    interval : reads after which the noise moves on, a whole number from 1

    Examples
    --------
    >>> noise = SlowNoise(sources=(OneOverF(std=0.02, fastest=1e-5, slowest=1e-2),), read_period=1e-6, interval=10)
    >>> trace = noise.sample(1000, cells=3)
    """

    sources: tuple = ()
    read_period: float = 1.0
    interval: int = 1

    @property
    def is_off(self) -> bool:
        """Whether no source has any strength."""
        return not any(source.strength for source in self.sources)

    def check(self) -> None:
        """Raise ValueError where a parameter cannot be."""
        if not (isinstance(self.sources, tuple) and all(hasattr(s, "kind") for s in self.sources)):
            refuse(self, "sources", "a tuple of OrnsteinUhlenbeck, OneOverF or Telegraph")
        kinds = [source.kind for source in self.sources]
        if any(kinds.count(kind) > MOST_SOURCES for kind in kinds):
            refuse(self, "sources", f"at most {MOST_SOURCES} of a kind")
        for source in self.sources:
            source.check()
        require_positive(self, "read_period")
        if not (isinstance(self.interval, int) and self.interval >= 1):
            refuse(self, "interval", "a whole number from 1")

    def state(self, shape: tuple[int, int, int], seed: int, number: int = 0, dtype=np.float32) -> SlowState:
        """Slow noise of array `number` of chip `seed` with cells (d, m, n), before its first move.

        `begin` makes that move, of endless length, after which cells are in their stationary state.
        """
        d, m, n = shape
        dtype, keys = np.dtype(dtype), self._keys()
        wandering = [
            (key, lane, std)
            for key, s in keys
            if s.kind != Telegraph.kind
            for lane, (std, _) in enumerate(s.processes())
        ]
        trapped = [(key, s) for key, s in keys if s.kind == Telegraph.kind]
        slow = SlowState(
            memory.zeros((len(wandering), d, m, n), dtype), memory.zeros((len(trapped), d, m, n), dtype),
            self.pace(self.read_period * self.interval, dtype), np.array([std for *_, std in wandering], dtype),
            np.array([s.amplitude for _, s in trapped], dtype), np.array([s.full for _, s in trapped], dtype),
            np.array([key for key, *_ in wandering + trapped], np.int64),
            np.array([lane for _, lane, _ in wandering] + [0] * len(trapped), np.int64), int(seed),
            random.stream(random.Stream.SLOW, number), np.zeros(1, np.int64), np.zeros(1, np.int64),
            np.array([self.interval]), np.array([n]),
        )  # fmt: skip
        for q, (key, source) in enumerate(trapped):
            if source.share < 1:
                u = random.uniform(seed, slow.stream, key, (d, m, n), dtype)  # no move has the number 0
                slow.traps[q, :, :, :n] = np.where(u < source.share, 0, NO_TRAP)
        return slow

    def begin(self, slow: SlowState, offset) -> None:
        """The stationary state, as after an endless time; offset (d, m, n) is filled with what cells show of it."""
        self.let_pass(slow, math.inf, offset)

    def let_pass(self, slow: SlowState, seconds: float, offset) -> None:
        """Move on by a time without reads; counts as one move."""
        pace = self.pace(seconds, slow.std.dtype)
        advance(record(slow), record(pace), offset, memory.zeros((1, int(slow.size[0])), slow.std.dtype)[0])

    def pace(self, seconds: float, dtype) -> Pace:
        """How far a move over a time goes."""
        processes = [
            process for source in self.sources if source.kind != Telegraph.kind for process in source.processes()
        ]
        chances = [source.chances(seconds) for source in self.sources if source.kind == Telegraph.kind]
        loss = np.array([-math.expm1(-seconds / tau) for _, tau in processes], dtype)
        # from 1 − ρ as it was rounded, so that the variance is what it should be: 1 − ρ² = (1 − ρ) (2 − (1 − ρ))
        lost = loss.astype(np.float64)
        kick = np.array([std for std, _ in processes]) * np.sqrt(lost * (2 - lost))
        return Pace(loss, kick.astype(dtype), *np.array(chances, dtype).reshape(-1, 2).T.copy())

    def sample(self, moves: int, cells: int = 1, *, seed: int = 0, dtype=np.float64) -> np.ndarray:
        """What cells show from move to move, `interval · read_period` seconds apart: (moves, cells) device units."""
        self.check()
        slow, offset = self.state((1, 1, cells), seed, dtype=dtype), memory.zeros((1, 1, cells), dtype)
        self.begin(slow, offset)
        out = np.zeros((moves, cells), dtype)
        watch(record(slow), offset, memory.zeros((1, cells), dtype)[0], out)
        return out

    def _keys(self) -> list[tuple[int, object]]:
        """Every source with its part of the key of a draw, which other kinds of source leave as it is."""
        kinds = [source.kind for source in self.sources]
        places = [kinds[:k].count(kind) for k, kind in enumerate(kinds)]
        return [
            ((source.kind * MOST_SOURCES + place) << MOVE_BITS, source)
            for place, source in zip(places, self.sources, strict=True)
        ]
