"""Writing by pulses: a requested change becomes whole pulses, and each pulse moves a cell by the cell's own formula.

    count = ⌊Δw / granularity + U⌋   U uniform (stochastic) or ½ (nearest);  sign: up or down
    for r = 0 … |count| − 1:   w ← clip(pulse_up or pulse_down(p, w, step, upper, lower, a, b, ξ_r),  b_min, b_max)

Stochastic rounding is unbiased: E[count] = Δw / granularity. Draws are keyed by write, row, pulse and cell: streams
ROUNDING for U, CYCLE for ξ, WRITE for write noise; pulses that program or refresh a cell take ξ from PROGRAM. Rows are written in
stages (draw, turn into normal numbers, pulse), each of which vectorises; where fewer than one cell in `SPARSE` has pulses to come,
only those cells are visited, with the same draws.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hardware_models.numerics import random
from hardware_models.numerics.compiled import COMPILED, kernel, separate
from hardware_models.numerics.nonzero import find_beyond
from hardware_models.numerics.random import uniform_from_bits
from hardware_models.numerics.record import loaded

LONGEST = 65535  # pulses in one write: the number of a pulse takes 16 bits of its key
PULSE = 1 << 32  # step of a draw: number of the write + PULSE · number of the pulse
SPARSE = 4  # below one cell in SPARSE, visit single cells
FEW = 3  # so few cells are pulsed one after the other, each to the end: its draws are the vector then
VECTOR = 16  # draws are made in so many, so that vectors have no end to do number by number
RUN = 128  # pulses of one cell that are drawn at a time

fill_bits, fill_normal, fill_normal_at, fill_normal_along = map(
    separate, (random.fill_bits, random.fill_normal, random.fill_normal_at, random.fill_normal_along)
)


class Moment(NamedTuple):
    """Address of the draws of pulses that are sent together.

    stream, step : of noise between pulses; pulse r takes step + PULSE · r
    shown : step of write noise
    """

    stream: int
    step: int
    shown: int


@kernel
def of_write(array, first):
    """The moment of the update at hand, of which a cell got `first` pulses before."""
    write = array.writes[0]
    return Moment(array.cycle, write + first * PULSE, write)


class Writer(NamedTuple):
    """write_row(array, numbers, k, j, change) in device units;  send_row(array, numbers, k, j, steps, moment) in pulses, up > 0."""

    write_row: object
    send_row: object


# interpreted, NumPy scalars warn of what branch-free code computes and then does not select
_quiet = (lambda f: f) if COMPILED else np.errstate(all="ignore")


@kernel
def count_pulsed(steps):
    """How many cells have pulses to come."""
    total, level = np.int32(0), type(steps[0])(0.5)
    for i in range(steps.shape[0]):
        total += np.int32(abs(steps[i]) > level)
    return total


@kernel
def choose_again(steps, r, chosen, count):
    """Those of the chosen cells that have more than r pulses to come."""
    left, level = 0, type(steps[0])(r + 0.5)
    for c in range(count):
        i = chosen[c]
        chosen[left] = i
        left += 1 if abs(steps[i]) > level else 0
    return left


@kernel
def count_some(steps, chosen, count, up, down):
    for c in range(count):
        i = chosen[c]
        pulses = np.int32(steps[i])
        up[i] += np.uint32(max(pulses, np.int32(0)))
        down[i] += np.uint32(max(-pulses, np.int32(0)))


@kernel
def count_pulses(steps, up, down):
    zero = type(steps[0])(0)
    for i in range(steps.shape[0]):
        up[i] += np.uint32(max(steps[i], zero))
        down[i] += np.uint32(max(-steps[i], zero))


@lru_cache
def make_round(stochastic: bool):
    """round(array, numbers, k, j, change, steps): whole pulses, limited to the maximum per write, also for an infinite request;
    a NaN request sends none.
    """

    @kernel
    def round_row(array, numbers, k, j, change, steps):
        unit, most, words = numbers.granularity, numbers.most_pulses, array.scratch.words
        half, zero = type(unit)(0.5), type(unit)(0)
        if stochastic:
            fill_bits(array.seed, array.rounding, array.writes[0], k * array.cells.w.shape[1] + j, words)
        for i in range(change.shape[0]):
            s = np.floor(change[i] / unit + (uniform_from_bits(words[i], half) if stochastic else half))
            s = s if s == s else zero
            s = s if s < most else most
            steps[i] = s if s > -most else -most

    return round_row


class Row(NamedTuple):
    """Parameters of the cells of a row, (n,) each [device units]; a, b : any row where the cell model keeps no such number."""

    step_up: np.ndarray
    step_down: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    a: np.ndarray
    b: np.ndarray


def make_pulse(pulse_up, pulse_down, extras: int):
    """pulse(p, w, up, down, row, i, xi) -> w: one pulse to cell i of a row, up or down or none, clipped.

    extras : how many numbers (a, b) of its own each cell keeps
    """

    @kernel(forceinline=True)
    def pulse(p, w, up, down, row, i, xi):
        """Written so that a NaN, of a cell without range, ends on a bound."""
        zero, upper, lower = type(p.granularity)(0), row.upper[i], row.lower[i]
        own = (upper, lower, row.a[i] if extras > 0 else zero, row.b[i] if extras > 1 else zero)
        moved = pulse_up(p, w, row.step_up[i], *own, xi)
        sunk = pulse_down(p, w, row.step_down[i], *own, xi)
        w = moved if up else (sunk if down else w)
        w = w if w > lower else lower
        return w if w < upper else upper

    return pulse


def make_pulse_rows(pulse_up, pulse_down, extras: int):
    """(pulse_row, pulse_some, pulse_one): the next pulse to every cell of a row that has one to come, to chosen cells, and to one."""
    pulse = make_pulse(pulse_up, pulse_down, extras)

    @_quiet
    @kernel
    def pulse_row(p, w, row, steps, r, xi):
        """How many cells have further pulses to come."""
        T, longer = type(p.granularity), np.int32(0)
        level, beyond = T(r + 0.5), T(r + 1.5)
        for i in range(steps.shape[0]):  # rows of w may be longer: padded to pages
            w[i] = pulse(p, w[i], steps[i] > level, steps[i] < -level, row, i, xi[i])
            longer += np.int32(abs(steps[i]) > beyond)
        return longer

    @_quiet
    @kernel
    def pulse_some(p, w, row, steps, chosen, count, xi):
        zero = type(p.granularity)(0)
        for c in range(count):
            i = chosen[c]
            w[i] = pulse(p, w[i], steps[i] > zero, steps[i] < zero, row, i, xi[c])

    @_quiet
    @kernel
    def pulse_one(p, w, way, row, i, xi):
        zero = type(p.granularity)(0)
        return pulse(p, w, way > zero, way < zero, row, i, xi)

    return pulse_row, pulse_some, pulse_one


@lru_cache
def make_write_row(pulse_up, pulse_down, stochastic: bool, extras: int, differs: bool) -> Writer:
    """The writer of a cell model, compiled around its two formulas.

    extras : how many numbers (a, b) of its own each cell keeps
    differs : whether the visible weight differs from the stored one, by write noise
    """
    pulse_row, pulse_some, pulse_one = make_pulse_rows(pulse_up, pulse_down, extras)

    @kernel
    def show(array, p, moment, row, w, held, steps):
        """The visible weight of the cells that were written: the stored one, and write noise."""
        xi, std = array.scratch.draws, p.write_noise_std * p.dw_min
        fill_normal(array.seed, array.showing, moment.shown, row, xi)
        for i in range(steps.shape[0]):
            w[i] = held[i] + std * xi[i] if steps[i] != 0 else w[i]

    @kernel
    def run(array, p, moment, row, held, own, steps, i, first):
        """The pulses of one cell from number `first` on."""
        xi, left, still, w = array.scratch.draws, np.int32(abs(steps[i])) - first, type(steps[0])(0), held[i]
        most = min(RUN, xi.shape[0])
        while left > 0:
            count = min(left, most)
            if p.dw_min_std != 0:
                drawn = min((count + VECTOR - 1) // VECTOR * VECTOR, most)
                start = moment.step + first * PULSE
                fill_normal_along(
                    array.seed, moment.stream, start, row, i=i, count=drawn, words=array.scratch.words, out=xi
                )
            for c in range(count):
                w = pulse_one(p, w, steps[i], own, i, xi[c] if p.dw_min_std != 0 else still)
            first, left = first + count, left - count
        held[i] = w

    @kernel
    def send_row(array, numbers, k, j, steps, moment):
        cells, p, xi = array.cells, loaded(numbers), array.scratch.draws
        chosen, words = array.scratch.chosen, array.scratch.words
        w = cells.w[k, j]
        held = cells.held[k, j] if differs else w
        a = cells.a[k, j] if extras > 0 else w
        b = cells.b[k, j] if extras > 1 else w
        own = Row(cells.step_up[k, j], cells.step_down[k, j], cells.bound_up[k, j], cells.bound_low[k, j], a, b)
        row, stream, step = k * cells.w.shape[1] + j, moment.stream, moment.step
        longer, r, noisy = count_pulsed(steps), 0, p.dw_min_std != 0
        if longer == 0:
            return
        if not noisy:
            for i in range(xi.shape[0]):
                xi[i] = 0
        while SPARSE * longer > steps.shape[0]:
            if noisy:
                fill_normal(array.seed, stream, step + r * PULSE, row, xi)
            longer = pulse_row(p, held, own, steps, r, xi)
            r += 1
        count = find_beyond(steps, type(p.granularity)(r + 0.5), chosen) if longer > 0 else 0
        if r == 0:
            count_some(steps, chosen, count, cells.up[k, j], cells.down[k, j])
        else:
            count_pulses(steps, cells.up[k, j], cells.down[k, j])
        while count > FEW:
            if noisy:
                drawn = min((count + VECTOR - 1) // VECTOR * VECTOR, steps.shape[0])
                fill_normal_at(
                    array.seed, stream, step + r * PULSE, row, places=chosen, count=drawn, words=words, out=xi
                )
            pulse_some(p, held, own, steps, chosen, count, xi)
            r += 1
            count = choose_again(steps, r, chosen, count)
        for c in range(count):
            run(array, p, moment, row, held, own, steps, i=chosen[c], first=r)
        if differs:
            show(array, p, moment, row, w, held, steps)

    round_row, send = make_round(stochastic), separate(send_row)

    @kernel
    def write_row(array, numbers, k, j, change):
        round_row(array, numbers, k, j, change, array.scratch.steps)
        send(array, numbers, k, j, array.scratch.steps, of_write(array, 0))

    return Writer(write_row, send)


@lru_cache
def make_send(send_row, watch=None, hold_row=None):
    """send(array, pulses, moment): whole pulses (d, m, n) to every cell, up > 0.

    watch : how far cells go, see :mod:`hardware_models.crossbar.travel`; None: not recorded
    hold_row : what becomes of cells once they were written, see :mod:`hardware_models.ageing.wear`; None: nothing
    """
    watching, holding = watch is not None, hold_row is not None
    keep_row, compare_row = watch or (None, None)

    @kernel
    def send(array, pulses, moment):
        for k in range(pulses.shape[0]):
            for j in range(pulses.shape[1]):
                if watching:
                    keep_row(array, k, j)
                send_row(array, array.numbers, k, j, pulses[k, j], moment)
                if holding:
                    hold_row(array, k, j)
                if watching:
                    compare_row(array, k, j)

    return send
