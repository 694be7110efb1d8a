"""Compiled stages of a read, around the walk: drivers and DAC before it, noise, wires, amplifiers and ADC after it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hardware_models.numerics import random
from hardware_models.numerics.compiled import kernel, separate
from hardware_models.numerics.dots import dot
from hardware_models.numerics.panels import WIDE, make_product, pack
from hardware_models.reading import wiring
from hardware_models.reading.converters import ConverterNumbers, ScalingNumbers, convert, divisor_of, is_saturated
from hardware_models.reading.wiring import WireNumbers, WireScratch, device_row

# Kernels take the state of the reading and not that of the array, so that arrays of other cells do not compile them anew.
# The row of a draw: column (bits 0–15), repetition (16–23), source (24–27), side (28). Part of every recorded result.
REPETITION, SOURCE, SIDE = 1 << 16, 1 << 24, 1 << 28


INPUT, WEIGHT, OUTPUT = 0, 1 * SOURCE, 2 * SOURCE  # of stream READ


DAC, ADC = 0, 1 * SOURCE  # of stream CONVERT


class ReadingNumbers(NamedTuple):
    """What kernels take of a `Reading`; strengths in the dtype of the array, 0 where there is nothing.

    most : how often a column may be read again;  power : see `WeightReadNoise`;  spread : 1 where lines differ
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
    squares, panel : (K, m), (line m,), work space of these sums where columns are many, else (1, m), (1,)
    """

    x: np.ndarray
    divisor: np.ndarray
    repetition: np.ndarray
    waiting: np.ndarray
    done: np.ndarray
    variance: np.ndarray
    squares: np.ndarray
    panel: np.ndarray
    row: np.ndarray
    draws: np.ndarray
    wires: WireScratch


class ReadingState(NamedTuple):
    """What an array keeps for its reading.

    seed; read, convert : keys of its random numbers;  side : 0, or `SIDE` for reads along the other side
    gain, offset : (n,) of each output line, 1 + σ_gain ξ and σ_offset ξ [device units · input units]
    rereads : (1,) int64, columns that were read again, on either side
    turned : of reads along the other side in compiled loops; `Absent` there
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
    turned: NamedTuple


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
def weight_square(w, power):
    """s(w)²"""
    v = abs(w)
    return v if power == 1 else v * v


@kernel
def pack_squares(source, i, panel):
    """Lines of s(w)² from element i on, for a product; source : w (m, n), slow (m, n) or (1, 1), power."""
    w, slow, power = source
    pack(w, i, panel)
    if slow.shape[1] > 1:
        line = panel.shape[0] // w.shape[0]
        for j in range(w.shape[0]):
            for u in range(line):
                panel[j * line + u] += slow[j, i + u]
    for u in range(panel.shape[0]):
        panel[u] = weight_square(panel[u], power)


product_of_squares = make_product(pack_squares)


@kernel
def weigh_squares(w, slow, gain, power, x, scratch):
    """variance_ci = Σ_k gain_k² Σ_j |w_kji|^power x_cj²"""
    row, variance, squares = scratch.row, scratch.variance, scratch.squares
    variance[:] = 0
    for k in range(w.shape[0]):
        if x.shape[0] >= WIDE and squares.shape[0] > 1:
            for c in range(x.shape[0]):
                for j in range(x.shape[1]):
                    squares[c, j] = (gain[k] * x[c, j]) ** 2
            source = w[k], slow[k if slow.shape[2] > 1 else 0], power
            product_of_squares(source, w.shape[1], squares[: x.shape[0]], variance, scratch.panel)
            continue
        for j in range(w.shape[1]):
            device_row(w, slow, k, j, row)
            for i in range(row.shape[0]):
                row[i] = weight_square(row[i], power)
            for c in range(x.shape[0]):
                out, a = variance[c], (gain[k] * x[c, j]) ** 2
                for i in range(out.shape[0]):
                    out[i] += a * row[i]


@kernel
def weigh_squares_back(array, power, x, variance):
    """variance_cj = Σ_k gain_k² Σ_i |w_kji|^power x_ci²"""
    w, row = array.cells.w, array.scratch.share
    variance[:] = 0
    for k in range(w.shape[0]):
        square = array.gain[k] ** 2
        for j in range(w.shape[1]):
            device_row(w, array.cells.slow, k, j, row)
            for c in range(x.shape[0]):
                total = type(square)(0)
                for i in range(row.shape[0]):
                    v = abs(row[i])
                    total += (v if power == 1 else v * v) * x[c, i] * x[c, i]
                variance[c, j] += square * total


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
    p = reading.numbers
    if p.weight_std > type(p.weight_std)(0) and p.power > 0:
        weigh_squares(w, slow, gain, p.power, x, reading.scratch)
    sense_columns(reading, sweep, gain, n, x, acc)


@kernel
def sense_columns(reading, sweep, gain, n, x, acc):
    s = reading.scratch
    for k in range(x.shape[0]):
        if s.waiting[k] == 0:
            continue
        saturated = sense(reading, sweep, gain, k, acc[k], n)
        leave(reading, k, saturated, acc[k], n)


@kernel
def leave(reading, k, saturated, out, n):
    """Column k is read again, or kept until all are done."""
    most, s = reading.numbers.most, reading.scratch
    s.waiting[k] = 1 if saturated and s.repetition[k] < most else 0
    if s.waiting[k] == 0 and most > 0:
        copy_row(out, s.done[k], n)


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


sense_rows = separate(sense_columns)


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
        sense_all(array.reading, array.reads[0], w, slow, gain=array.gain, n=n, x=x, acc=acc)

    return after


@kernel
def again(array, x, acc):
    """Bound management: whether columns are to be read once more. All are walked; what comes of those that are done is dropped."""
    return drive_again(array.reading, array.reads[0], array.cells.w.shape[1], array.size[0], x, acc)


# Column reads, from the other side: x (R, n) drives what are outputs otherwise


@kernel
def before_back(array, x):
    """Drive the lines with every row of x (R, n), into reading.turned.scratch.x."""
    drive_all(array.reading.turned, array.back_reads[0], array.size[0], x)


@kernel
def after_back(array, x, v):
    """Turn sums (R, m) of what drove the lines, x (R, n), into what is read."""
    reading = array.reading.turned
    if reading.numbers.weight_std > type(reading.numbers.weight_std)(0) and reading.numbers.power > 0:
        weigh_squares_back(array, reading.numbers.power, x, reading.scratch.variance)
    sense_rows(reading, array.back_reads[0], array.gain, array.cells.w.shape[1], x, v)


@kernel
def again_back(array, x, v):
    """`again` for rows."""
    return drive_again(array.reading.turned, array.back_reads[0], array.size[0], array.cells.w.shape[1], x, v)
