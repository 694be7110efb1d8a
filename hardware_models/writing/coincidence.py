r"""Coincidence trains: an outer product written by random pulses on the lines of rows and columns, sample by sample.

    request      Δ_ij = s d_i x_j        s = |reward_r share_k| / scale, for update row r (a sample) and device k
    lines        x line j fires in a slot with probability p_j = min(1, B |x_j|), d line i with q_i = min(1, A |d_i|),   BL slots
    coincidence  one pulse on cell (i, j), in the direction of Δ_ij:      E[count · g] = BL A B |d_i x_j| g = |Δ_ij|

g is the granularity of the cell. T. Gokmen & Y. Vlasov, Front. Neurosci. 10, 333 (2016), doi:10.3389/fnins.2016.00333; management of
lengths and amplitudes: T. Gokmen, M. Onen & W. Haensch, "Training deep convolutional neural networks with resistive cross-point
devices", Front. Neurosci. 11, 538 (2017), doi:10.3389/fnins.2017.00538. With x = max_j |x_j|, d = max_i |d_i|, k = s x d / g:

    BL    `length`; with length management min(max(1, ⌈k⌉), `length`)
    A, B  √(s / (g BL)) both; with update management A √(x/d) and B √(d/x), so that both lines fire equally often, and where k > BL,
          which no lines can write in full, d counts as d BL / k there: x lines then fire at most always, and d lines are cut

A probability that is cut at 1 makes a bias, which :mod:`hardware_models.characterise.realised_writes` measures. With update management,
p and q do not depend on how a strength is split between d, x and the factor of the sample. Without it, as in the first publication, they
do: there, the factor s is to be the learning rate, inside the amplification √(s/(g BL)), and x and d are to be of order 1. A rate in d
leaves x with √(1/(g BL)) |x|, cut at 1, and d with nearly nothing: for x and d of 0.2 … 1, g = 0.001 and a rate of 0.001, a part 0.995
of the request is realised where the rate is in s, and 0.04 where it is in d. The training loops of a rule put it in s. Trains of one line
are one 32-bit word, so a sample takes BL (n + m) draws and a cell one population count. Each device of a weight has lines of its
own. Draws: stream TRAIN, keyed by write, slot, sample, device, side and line. A sample that is not finite sends nothing.

Two forms without coincidences of slots, for comparison:

    MeanCountTrains    count = round(c_i c_j / BL), from the numbers c of pulses on the two lines
    ImplicitTrains     count = round(BL q_i p_j), probabilities rounded to multiples of `resolution`: nothing is random
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from hardware_models.crossbar.contract import Site, Writing
from hardware_models.crossbar.fused import rank_change
from hardware_models.crossbar.pulses import PULSE, of_write
from hardware_models.crossbar.sweep import WritePath
from hardware_models.numerics import memory, random
from hardware_models.numerics.checks import ParameterError, require, require_whole
from hardware_models.numerics.compiled import kernel, separate
from hardware_models.writing.by_cell import require_pulses

SLOTS = 32  # of a word
SAMPLES = 1 << 11  # of one update: with SLOTS they number the pulses of a write
WORDS = 2.0**32

fill_bits = separate(random.fill_bits)


class TrainState(NamedTuple):
    """State of trains.

    length, manage_update, manage_length, resolution : parameters;  key : of the draws
    slots : (d, R) int64, BL of each sample, 0 where nothing is sent
    pre_odds, post_odds : (d, R, m), (d, R, n), p and q;  pre_bits, post_bits : the same, uint32, a bit a slot
    words : (max(m, n),) uint32
    """

    length: int
    manage_update: int
    manage_length: int
    resolution: float
    key: int
    slots: np.ndarray
    pre_odds: np.ndarray
    post_odds: np.ndarray
    pre_bits: np.ndarray
    post_bits: np.ndarray
    words: np.ndarray


@kernel
def largest(values):
    most = type(values[0])(0)
    for i in range(values.shape[0]):
        size = abs(values[i])
        most = size if size > most else most
    return most


@kernel
def amplitudes(trains, s, x, d, g):
    """(BL, A, B) of a sample; BL = 0 where nothing is to be sent or can be."""
    T = type(g)
    k = s * x * d / g
    if not (k > T(0) and k < T(np.inf)):
        return 0, T(0), T(0)
    slots = (
        min(max(int(np.ceil(min(k, T(trains.length)))), 1), trains.length) if trains.manage_length else trains.length
    )
    A = B = np.sqrt(s / (g * T(slots)))
    if trains.manage_update:
        d = d * T(slots) / k if k > T(slots) else d
        A, B = A * np.sqrt(x / d), B * np.sqrt(d / x)
    return slots, A, B


@kernel
def set_odds(values, factor, resolution, odds):
    """min(1, factor |value|), to a multiple of the resolution where there is one."""
    T = type(factor)
    for i in range(odds.shape[0]):
        p = factor * abs(values[i])
        p = p if p < T(1) else T(1)
        odds[i] = p if resolution == T(0) else np.floor(p / resolution + T(0.5)) * resolution


@kernel
def draw_line(array, row, slots, odds, bits):
    """bits[i] : slots in which line i fires."""
    n, trains, write = odds.shape[0], array.writing, array.writes[0]  # rows of bits may be longer: padded
    for i in range(n):
        bits[i] = 0
    words = trains.words[:n]
    for slot in range(slots):
        fill_bits(array.seed, trains.key, write + slot * PULSE, row, words)
        for i in range(n):
            fires = np.uint32(np.float64(words[i]) < np.float64(odds[i]) * WORDS)
            bits[i] |= fires << np.uint32(slot)


@lru_cache
def make_begin_update(random_lines: bool):
    @kernel
    def begin_update(array, pending):
        trains, g = array.writing, array.numbers.granularity
        for k in range(trains.slots.shape[0]):
            for r in range(pending.post.shape[0]):
                x, d, s = pending.pre[r], pending.post[r], abs(pending.reward[r] * array.share[k]) / array.scale[0]
                slots, A, B = amplitudes(trains, s, largest(x), largest(d), g)
                trains.slots[k, r] = slots
                if slots > 0:
                    set_odds(x, B, trains.resolution, trains.pre_odds[k, r])
                    set_odds(d, A, trains.resolution, trains.post_odds[k, r])
                    if random_lines:
                        row = 2 * (k * SAMPLES + r)
                        draw_line(array, row, slots, trains.pre_odds[k, r], trains.pre_bits[k, r])
                        draw_line(array, row + 1, slots, trains.post_odds[k, r], trains.post_bits[k, r])

    return begin_update


@kernel
def population(word):
    """Number of set bits, without a product that could overflow."""
    u = np.uint32
    word = word - ((word >> u(1)) & u(0x55555555))
    word = (word & u(0x33333333)) + ((word >> u(2)) & u(0x33333333))
    word = (word + (word >> u(4))) & u(0x0F0F0F0F)
    word = word + (word >> u(8))
    return (word + (word >> u(16))) & u(0x3F)


@kernel
def count_coincidences(trains: TrainState, k: int, r: int, j: int, counts: np.ndarray) -> None:
    line, lines = trains.pre_bits[k, r, j], trains.post_bits[k, r]
    for i in range(counts.shape[0]):
        counts[i] = np.int32(population(lines[i] & line))


@kernel
def count_means(trains: TrainState, k: int, r: int, j: int, counts: np.ndarray) -> None:
    T = type(counts[0])
    lines, part = trains.post_bits[k, r], T(np.int32(population(trains.pre_bits[k, r, j]))) / T(trains.slots[k, r])
    for i in range(counts.shape[0]):
        counts[i] = np.floor(T(np.int32(population(lines[i]))) * part + T(0.5))


@kernel
def count_implicitly(trains: TrainState, k: int, r: int, j: int, counts: np.ndarray) -> None:
    T = type(counts[0])
    lines, part = trains.post_odds[k, r], T(trains.slots[k, r]) * trains.pre_odds[k, r, j]
    for i in range(counts.shape[0]):
        counts[i] = np.floor(lines[i] * part + T(0.5))


@lru_cache
def make_put_trains(send_row, count_row, one_sided: bool):

    @kernel
    def put_row(array, pending, k, j, change):
        trains, steps = array.writing, array.scratch.steps
        T = type(array.scale[0])
        for r in range(pending.post.shape[0]):
            way, post = pending.reward[r] * array.share[k] * pending.pre[r, j], pending.post[r]
            if trains.slots[k, r] > 0 and way != T(0):
                count_row(trains, k, r, j, steps)
                way = T(1) if way > T(0) else T(-1)
                for i in range(steps.shape[0]):
                    n = steps[i] * (way if post[i] > T(0) else -way)
                    steps[i] = max(n, T(0)) if one_sided else n
                send_row(array, array.numbers, k, j, steps, of_write(array, r * SLOTS))

    return put_row


@dataclass(frozen=True, kw_only=True)
class CoincidenceTrains(Writing):
    """Stochastic trains; each coincidence is a pulse.

    length : largest number of slots of a train, 1 … 31
    update_management : both lines fire equally often. Without, the learning rate must be in the `reward` of an update, and neither in
        `post` nor in `pre`, which are to be of order 1: the lines are cut otherwise, and most of the request is lost
    length_management : as many slots as the largest request of a sample needs
    """

    length: int = 31
    update_management: bool = True
    length_management: bool = True

    by_sample: ClassVar[bool] = True
    most_columns: ClassVar[float] = SAMPLES
    random_lines: ClassVar[bool] = True
    count_row: ClassVar = staticmethod(count_coincidences)
    resolution: ClassVar[float] = 0.0

    def check(self) -> None:
        require_whole(self, "length", 1, SLOTS - 1)

    def check_array(self, site: Site) -> None:
        require_pulses(self, site.cell)
        if site.columns > self.most_columns:
            wanted = f"at most {self.most_columns} for {type(self).__name__}"
            raise ParameterError("columns", "SynapseArray", wanted, site.columns)

    def state(self, site: Site) -> TrainState:
        (n, m), d, R = site.shape, site.weight.trained, site.columns
        zeros = lambda size, kind: memory.zeros((d, R, size), kind)  # noqa: E731
        return TrainState(
            length=self.length, manage_update=int(self.update_management), manage_length=int(self.length_management),
            resolution=site.dtype.type(self.resolution), key=random.stream(random.Stream.TRAIN, site.number),
            slots=np.zeros((d, R), np.int64), pre_odds=zeros(m, site.dtype), post_odds=zeros(n, site.dtype),
            pre_bits=zeros(m, np.uint32), post_bits=zeros(n, np.uint32), words=memory.zeros((1, max(m, n)), np.uint32)[0],
        )  # fmt: skip

    def path(self, site: Site, change_row: Callable[..., Any]) -> WritePath:
        if change_row is not rank_change:
            raise ParameterError(
                "writing", "SynapseArray", f"{type(self).__name__} for these updates", verb="cannot be",
                hint="It needs sums of outer products: the online schedule, instant credit of injected noise and a plain step.",
            )  # fmt: skip
        return WritePath(
            make_put_trains(site.cell.send_row, self.count_row, site.weight.one_sided), requests=False,
            begin_update=make_begin_update(self.random_lines),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MeanCountTrains(CoincidenceTrains):
    """Stochastic lines, with the mean number of coincidences as pulses."""

    count_row: ClassVar = staticmethod(count_means)


@dataclass(frozen=True, kw_only=True)
class ImplicitTrains(CoincidenceTrains):
    """The mean number of coincidences as pulses, from the probabilities themselves.

    resolution : of the probabilities, 0 … 1; 0: exact
    """

    resolution: float = 0.0

    random_lines: ClassVar[bool] = False
    count_row: ClassVar = staticmethod(count_implicitly)

    def check(self) -> None:
        super().check()
        require(self, "resolution", "0 or more", lambda v: v >= 0)
        require(self, "resolution", "at most 1", lambda v: v <= 1)
