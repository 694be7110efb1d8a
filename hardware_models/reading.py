r"""A read of an array: converters, noise, spread between lines and the resistance of wires around Σ_j w_ij x_j.

For every column x of inputs, in device units (w) and input units (x), α the divisor of `scaling`, ξ standard normal, independent:

    x'_j = dac(x_j / α) + σ_in ξ_j
    y_i  = Σ_j w_ij x'_j − lost in wires_i + σ_i ξ_i
    y_i ← y_i / (1 + κ |y_i|)                                            κ the compression of the read-out
    y_i ← adc((1 + σ_gain ξ_i) y_i + σ_offset ξ_i + σ_out ξ_i)        gain and offset drawn once per chip and line
    read_i = α y_i

σ_i stands for noise on every weight, drawn anew for every read. Noise of n m weights reaches n outputs, so it is drawn there,
with the same distribution: independent N(0, σ_w² s(w)²) on every device of a weight gives

    σ_i² = σ_w² Σ_k gain_k² Σ_j s(w_kji)² x'_j²       s = 1, √|w|, |w|: `ConstantReadNoise`, `RootReadNoise`, `ProportionalReadNoise`

The first costs one inner product a column; the others, and wires, walk the weights once more. What a weight probe adds to the
weights for one read enters Σ w x', and neither σ_i nor what is lost. Draws are keyed by array, sweep that read, column, repetition
and source, so that switching one source on changes no other: streams READ, CONVERT (stochastic rounding) and CHIP (lines).

Beyond the sums, in float32 on one core (AVX2) with 1000 inputs and outputs, a column costs 0.4 µs with everything off, 2 µs more for
each noise, 3 µs with both converters, `AbsMax` and output noise; 0.15 µs an input for noise that depends on weights.

A read along the other side, Wᵀy, goes through drivers, converters and lines of its own with the same parameters (`read_back`). The
column reads that decorrelation makes inside a sweep are exact: they see none of this.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np

from hardware_models import memory, random, wiring
from hardware_models.compiled import kernel, separate
from hardware_models.converters import (
    ABSENT,
    UNSCALED,
    AbsMax,
    Clip,
    Converter,
    ConverterNumbers,
    Iterative,
    Scaled,
    ScalingNumbers,
    convert,
    divisor_of,
    is_saturated,
)
from hardware_models.dots import dot
from hardware_models.record import record
from hardware_models.refusal import refuse, require_not_negative
from hardware_models.sweep import Stages
from hardware_models.wiring import WireNumbers, Wires, WireScratch, device_row

# The row of a draw: column (bits 0–15), repetition (16–23), source (24–27), side (28). Part of every recorded result.
REPETITION, SOURCE, SIDE = 1 << 16, 1 << 24, 1 << 28
INPUT, WEIGHT, OUTPUT = 0, 1 * SOURCE, 2 * SOURCE  # of stream READ
DAC, ADC = 0, 1 * SOURCE  # of stream CONVERT


class Line(IntEnum):
    """Steps of the CHIP stream that belong to lines; those below 64 belong to cells."""

    GAIN = 64
    OFFSET = 65


# ---------------------------------------------------------------------------------------------------------- parameters


@dataclass(frozen=True, kw_only=True)
class _ReadNoise:
    """Noise on every weight, drawn anew for every read.

    std : standard deviation on a weight of one device unit [device units]
    """

    std: float = 0.0

    power: ClassVar[int]  # s(w)² = |w|^power

    def check(self) -> None:
        """Raise ValueError where a parameter cannot be."""
        require_not_negative(self, "std")


@dataclass(frozen=True, kw_only=True)
class ConstantReadNoise(_ReadNoise):
    """The same on every weight."""

    power: ClassVar[int] = 0


@dataclass(frozen=True, kw_only=True)
class RootReadNoise(_ReadNoise):
    """Grows with the root of a weight, as read noise of phase-change memory is often modelled."""

    power: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class ProportionalReadNoise(_ReadNoise):
    """Proportional to a weight."""

    power: ClassVar[int] = 2


PARTS = {
    "dac": (Converter, Clip), "adc": (Converter, Clip), "scaling": (AbsMax, Scaled), "bound_management": (Iterative,),
    "weight_noise": (ConstantReadNoise, RootReadNoise, ProportionalReadNoise), "wires": (Wires,),
}  # fmt: skip


class ReadingNumbers(NamedTuple):
    """What kernels take of a `Reading`; strengths in the dtype of the array, 0 where there is nothing.

    most : how often a column may be read again;  power : see `_ReadNoise`;  spread : 1 where lines differ
    """

    dac: ConverterNumbers
    adc: ConverterNumbers
    scaling: ScalingNumbers
    most: int
    input_std: float
    weight_std: float
    power: int
    spread: int
    output_std: float
    compression: float
    wires: WireNumbers


class ReadingScratch(NamedTuple):
    """Work space, K columns; nothing here outlives a sweep.

    x : (K, m) what drives the lines;  divisor : (K,) α, doubled by every repetition;  repetition : (K,) int64
    waiting : (K,) int64, 1 until a column is read for good;  done : (K, n) columns that are
    variance : (K, n) Σ s(w)² x²;  row, draws : (n,), (n or m,)
    """

    x: np.ndarray
    divisor: np.ndarray
    repetition: np.ndarray
    waiting: np.ndarray
    done: np.ndarray
    variance: np.ndarray
    row: np.ndarray
    draws: np.ndarray
    wires: WireScratch


class ReadingState(NamedTuple):
    """What an array keeps for its reading.

    seed; read, convert : keys of its random numbers;  side : 0, or `SIDE` for reads along the other side
    gain, offset : (n,) of each output line, 1 + σ_gain ξ and σ_offset ξ [device units · input units]
    rereads : (1,) int64, columns that were read again
    """

    numbers: ReadingNumbers
    seed: int
    read: int
    convert: int
    side: int
    gain: np.ndarray
    offset: np.ndarray
    rereads: np.ndarray
    scratch: ReadingScratch


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a read happens; the defaults read exactly, to the bit.

    dac, adc : converters, or None: none
    scaling : `AbsMax` or `Scaled`, what inputs are divided by before the DAC, and outputs multiplied by after the ADC; or None
    bound_management : `Iterative`, or None; needs an adc
    input_noise_std : on every driven line, after the DAC [input units, scaled]
    weight_noise : `ConstantReadNoise`, `RootReadNoise` or `ProportionalReadNoise`, on every weight; or None
    output_noise_std : on every output, before the ADC [device units · input units, scaled]
    gain_std : spread of the gain of output lines, relative
    offset_std : spread of the offset of output lines [device units · input units, scaled]
    compression : κ, 0 or more: how soon a read-out saturates, at 1/κ [1 / (device units · input units, scaled)]
    wires : resistance of the lines, or None

    Examples
    --------
    7-bit DAC, 9-bit ADC, scaled inputs and repeated reads:

    >>> reading = Reading(dac=Converter(bits=7), adc=Converter(bits=9, bound=12.0), scaling=AbsMax(),
    ...                   bound_management=Iterative(), output_noise_std=0.06)
    >>> array = SynapseArray((10, 20), reading=reading, columns=2, seed=1)
    """

    dac: Converter | Clip | None = None
    adc: Converter | Clip | None = None
    scaling: AbsMax | Scaled | None = None
    bound_management: Iterative | None = None
    input_noise_std: float = 0.0
    weight_noise: _ReadNoise | None = None
    output_noise_std: float = 0.0
    gain_std: float = 0.0
    offset_std: float = 0.0
    compression: float = 0.0
    wires: Wires | None = None

    def check(self) -> None:
        """Raise ValueError where a parameter cannot be."""
        for name, kinds in PARTS.items():
            part = getattr(self, name)
            if part is not None and not isinstance(part, kinds):
                refuse(self, name, f"None or one of {', '.join(kind.__name__ for kind in kinds)}")
            if part is not None:
                part.check()
        require_not_negative(self, "input_noise_std output_noise_std gain_std offset_std compression")
        if self.bound_management is not None and self.adc is None:
            refuse(self, "bound_management", "None without an adc, whose bound it manages")

    # what an array asks for

    def numbers(self, dtype) -> ReadingNumbers:
        """What kernels take."""
        noise = self.weight_noise or ConstantReadNoise()
        wires = self.wires or Wires(word_resistance=0.0, bit_resistance=0.0)
        return ReadingNumbers(
            (self.dac or ABSENT).numbers(dtype), (self.adc or ABSENT).numbers(dtype), (self.scaling or UNSCALED).numbers(dtype),
            self.bound_management.most if self.bound_management else 0, dtype(self.input_noise_std), dtype(noise.std),
            noise.power, int(self.gain_std > 0 or self.offset_std > 0), dtype(self.output_noise_std), dtype(self.compression),
            wires.numbers(dtype),
        )  # fmt: skip

    def state(
        self, shape, columns: int, seed: int, number: int, dtype, devices: int = 1, side: int = 0
    ) -> ReadingState:
        """State for an array (n, m) of chip `seed`, for at most `columns` columns; the lines are drawn here.

        devices : of a weight;  side : `SIDE` for reads along the other side
        """
        if not 1 <= columns <= REPETITION:
            raise ValueError(
                f"The 'columns' parameter of an array with a reading must be from 1 to {REPETITION}. Got {columns!r} instead."
            )
        return ReadingState(
            self.numbers(np.dtype(dtype).type), seed, random.stream(random.Stream.READ, number),
            random.stream(random.Stream.CONVERT, number), side, *self._lines(shape[0], seed, number, dtype, side),
            np.zeros(1, np.int64), self._scratch(shape, columns, dtype, devices),
        )  # fmt: skip

    def _lines(self, n: int, seed: int, number: int, dtype, side: int):
        """Gain and offset of every output line of this chip."""
        chip = random.stream(random.Stream.CHIP, number)
        row = int(side > 0)
        draw = lambda line: random.normal(seed, chip, int(line), (row + 1, n), np.float64)[row]  # noqa: E731
        lines = memory.zeros((2, n), dtype)
        lines[0, :n] = 1 + self.gain_std * draw(Line.GAIN)
        lines[1, :n] = self.offset_std * draw(Line.OFFSET)
        return lines[0], lines[1]

    def _scratch(self, shape, columns: int, dtype, devices: int) -> ReadingScratch:
        n, m = shape
        zeros = lambda *size: memory.zeros(size, dtype)  # noqa: E731
        wired = (devices, m, n, columns) if self.wires is not None else (1, 1, 1, 1)
        return ReadingScratch(
            zeros(columns, m), np.zeros(columns, dtype), np.zeros(columns, np.int64), np.zeros(columns, np.int64),
            zeros(columns, n), zeros(columns, n), zeros(1, n)[0], zeros(1, max(n, m))[0], wiring.make_scratch(*wired, dtype),
        )  # fmt: skip

    def read_back(self, state, y, noise=None) -> np.ndarray:
        """A read along the other side: y (K, n) → y W (K, m), weight units, through drivers, converters and lines of its own.

        state : `ArrayState` of the array, which is turned around and read by the same kernels. What wires let through is the
        transpose of what they let through forwards: networks of resistors are reciprocal.
        noise : ``(state, inputs (K, n), repetitions (K,)) -> (K, m)``, read noise of the cells themselves; None: none
        """
        (K, n), (d, m, _), number = y.shape, state.cells.w.shape, state.reading.read >> 8
        dtype, alone = state.scale.dtype, replace(self, wires=None)
        turned = lambda cells: memory.place(cells[:, :, :n].transpose(0, 2, 1), dtype) if cells.size > 1 else cells  # noqa: E731
        cells = state.cells._replace(w=turned(state.cells.w), slow=turned(state.cells.slow))
        reading = alone.state((m, n), K, state.seed, number, dtype, d, SIDE)
        mirror = record(state._replace(cells=cells, reads=state.back_reads, size=np.array([m]), reading=reading))
        w, y, acc = self._seen(state, n), memory.place(y, dtype), memory.zeros((K, m), dtype)
        before(mirror, y)
        waiting = True
        while waiting:
            driven = np.ascontiguousarray(reading.scratch.x[:, :n])
            acc[:, :m] = driven @ w
            if noise is not None:
                acc[:, :m] += noise(state, driven, reading.scratch.repetition)
            make_after(False)(mirror, reading.scratch.x, acc)
            waiting = again(mirror, y, acc)
        state.reading.rereads[0] += reading.rereads[0]
        return acc[:, :m] * state.scale

    def _seen(self, state, n: int) -> np.ndarray:
        """The weights (n, m) as a read sees them, wires included [device units]."""
        w, p = (state.cells.w + state.cells.slow)[:, :, :n], state.reading.numbers.wires
        if p.word == 0 and p.bit == 0:
            return np.ascontiguousarray(np.einsum("k,kji->ij", state.gain, w))
        read = wiring.fast_read(w, np.eye(w.shape[1]), self.wires, state.gain)
        return np.ascontiguousarray(read.T, state.scale.dtype)

    @property
    def stages(self) -> Stages:
        """What a sweep does around its walk; nearly the same kernels for all readings, so that strengths never recompile."""
        return Stages(before=before, after=make_after(self.wires is not None), again=again)


# -------------------------------------------------------------------------------------------------------------- kernels
# They take the state of the reading and not that of the array, so that arrays of other cells do not compile them anew.

fill_normal, fill_uniform = map(separate, (random.fill_normal, random.fill_uniform))
lose = separate(wiring.lose)


@separate
@kernel
def drive(reading, sweep, m, x, k):
    """Column k of x as it drives the lines, into scratch.x: scaled, converted, with input noise."""
    p, s = reading.numbers, reading.scratch
    row, out, draws, alpha = x[k], s.x[k], s.draws[:m], s.divisor[k]
    address = reading.side + s.repetition[k] * REPETITION + k
    for j in range(m):
        out[j] = row[j]
    if alpha != type(alpha)(1) and alpha != type(alpha)(0):  # a column of zeros stays one
        for j in range(m):
            out[j] /= alpha
    if p.dac.stochastic != 0:
        fill_uniform(reading.seed, reading.convert, sweep, address + DAC, draws)
    convert(p.dac, out, m, draws)
    if p.input_std > type(alpha)(0):
        fill_normal(reading.seed, reading.read, sweep, address + INPUT, draws)
        std = p.input_std
        for j in range(m):
            out[j] += std * draws[j]


@separate
@kernel
def drive_all(reading, sweep, m, x):
    s = reading.scratch
    if x.shape[0] > s.x.shape[0]:
        raise ValueError("a sweep of more columns than the 'columns' parameter of the array")
    for k in range(x.shape[0]):
        s.divisor[k] = divisor_of(reading.numbers.scaling, x[k], m)
        s.repetition[k], s.waiting[k] = 0, 1
        drive(reading, sweep, m, x, k)


@kernel
def weigh_squares(w, slow, gain, power, x, row, variance):
    """variance_ci = Σ_k gain_k² Σ_j |w_kji|^power x_cj²"""
    variance[:] = 0
    for k in range(w.shape[0]):
        for j in range(w.shape[1]):
            device_row(w, slow, k, j, row)
            for i in range(row.shape[0]):
                v = abs(row[i])
                row[i] = v if power == 1 else v * v
            for c in range(x.shape[0]):
                out, a = variance[c], (gain[k] * x[c, j]) ** 2
                for i in range(out.shape[0]):
                    out[i] += a * row[i]


@kernel
def add_weight_noise(reading, gain, k, draws, out):
    """σ_i ξ_i of column k"""
    s, std = reading.scratch, reading.numbers.weight_std
    if reading.numbers.power > 0:
        variance = s.variance[k]
        for i in range(draws.shape[0]):
            out[i] += std * np.sqrt(variance[i]) * draws[i]
        return
    x, total = s.x[k], type(std)(0)
    for d in range(gain.shape[0]):
        total += gain[d] * gain[d]
    std = std * np.sqrt(total * dot(x, x))
    for i in range(draws.shape[0]):
        out[i] += std * draws[i]


@kernel
def sense(reading, sweep, device_gain, k, out, n):
    """Column k of sums as it leaves the ADC, scaled back; returns whether an output is at the ADC's bound."""
    p, s = reading.numbers, reading.scratch
    draws, zero = s.draws[:n], type(p.output_std)(0)
    address = reading.side + s.repetition[k] * REPETITION + k
    if p.weight_std > zero:
        fill_normal(reading.seed, reading.read, sweep, address + WEIGHT, draws)
        add_weight_noise(reading, device_gain, k, draws, out)
    if p.compression > zero:
        one, kappa = type(zero)(1), p.compression
        for i in range(n):
            out[i] /= one + kappa * abs(out[i])
    if p.spread != 0:
        gain, offset = reading.gain, reading.offset
        for i in range(n):
            out[i] = gain[i] * out[i] + offset[i]
    if p.output_std > zero:
        fill_normal(reading.seed, reading.read, sweep, address + OUTPUT, draws)
        std = p.output_std
        for i in range(n):
            out[i] += std * draws[i]
    if p.adc.stochastic != 0:
        fill_uniform(reading.seed, reading.convert, sweep, address + ADC, draws)
    convert(p.adc, out, n, draws)
    saturated = p.most > 0 and is_saturated(p.adc, out, n)
    alpha = s.divisor[k]
    if alpha != type(alpha)(1):
        for i in range(n):
            out[i] *= alpha
    return saturated


@separate
@kernel
def sense_all(reading, sweep, w, slow, gain, n, x, acc):
    p, s = reading.numbers, reading.scratch
    if p.weight_std > type(p.weight_std)(0) and p.power > 0:
        weigh_squares(w, slow, gain, p.power, x, s.row, s.variance)
    for k in range(x.shape[0]):
        if s.waiting[k] == 0:
            continue
        saturated = sense(reading, sweep, gain, k, acc[k], n)
        s.waiting[k] = 1 if saturated and s.repetition[k] < p.most else 0
        if s.waiting[k] == 0 and p.most > 0:
            copy_row(acc[k], s.done[k], n)


@kernel
def copy_row(row, out, n):
    for i in range(n):
        out[i] = row[i]


@separate
@kernel
def drive_again(reading, sweep, m, n, x, acc):
    """Drive waiting columns with half the input and return 1; or collect what was read and return 0."""
    s, waiting = reading.scratch, 0
    if reading.numbers.most == 0:
        return 0
    for k in range(x.shape[0]):
        if s.waiting[k] != 0:
            s.divisor[k] *= 2
            s.repetition[k] += 1
            drive(reading, sweep, m, x, k)
            waiting += 1
    if waiting > 0:
        reading.rereads[0] += waiting
        acc[:] = 0
        return 1
    for k in range(x.shape[0]):
        copy_row(s.done[k], acc[k], n)
    return 0


@separate
@kernel
def lose_in_wires(reading, w, slow, gain, n, x, acc):
    p, s = reading.numbers.wires, reading.scratch.wires
    if p.word == type(p.word)(0) and p.bit == type(p.bit)(0):
        return
    lose(w, slow, gain, n, x, p, s)
    for k in range(x.shape[0]):
        lost, out = s.lost[k], acc[k]
        for i in range(n):
            out[i] -= lost[i]


@kernel
def before(array, x):
    """Drive the lines with every column of x (K, m), into reading.scratch.x."""
    drive_all(array.reading, array.reads[0], array.cells.w.shape[1], x)


@lru_cache
def make_after(wired: bool):
    """after(array, x, acc): turn sums (K, n) of what drove the lines, x (K, m), into what is read.

    wired : lines resist; wires are the largest kernel here, and few readings have them
    """

    @kernel
    def after(array, x, acc):
        w, slow, n = array.cells.w, array.cells.slow, array.size[0]
        if wired:
            lose_in_wires(array.reading, w, slow, array.gain, n, x, acc)
        sense_all(array.reading, array.reads[0], w, slow, array.gain, n, x, acc)

    return after


@kernel
def again(array, x, acc):
    """Bound management: whether columns are to be read once more. All are walked; what comes of those that are done is dropped."""
    return drive_again(array.reading, array.reads[0], array.cells.w.shape[1], array.size[0], x, acc)
