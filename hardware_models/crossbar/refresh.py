"""Refresh of one-sided pairs: devices that can only be pulsed up saturate, and are reset before they do.

    larger device > larger · range  and  smaller device > smaller · range        both as reads meet them, in every so many writes
    w_k ← clip(b_min + reset + reset_dtod ζ + reset_std ξ, b_min, b_max)          both devices, one pulse down in the books
    w_+ or w_− gets as many pulses up as bring the mean cell to the difference    by their own formula, with their own noise

ζ is of the device, drawn once per chip, and ξ of the reset, both standard normal. Two high devices stand for a small weight, and no
room is left to grow; the difference is programmed back in open loop, so that a refresh costs accuracy. Phase-change memory is trained
like that: S. R. Nandakumar et al., "Mixed-precision deep learning based on computational memory", Front. Neurosci. 14, 406 (2020),
doi:10.3389/fnins.2020.00406; where resets leave a device, as M. J. Rasch et al., AICAS 2021, doi:10.1109/AICAS51828.2021.9458494,
simulate it. How many pulses a difference takes is read off the response of the mean cell
(:mod:`hardware_models.crossbar.mean_response`). Draws: stream PROGRAM, keyed by write and cell; CHIP for ζ.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hardware_models.crossbar.mean_response import response
from hardware_models.crossbar.pulses import LONGEST, PULSE, Moment
from hardware_models.numerics import memory, random
from hardware_models.numerics.compiled import kernel, separate

REFRESH = 1 << 31  # number of a write, of the PROGRAM and WRITE streams, that is the refresh after it

fill_normal = separate(random.fill_normal)


class RefreshState(NamedTuple):
    """What a refresh needs.

    every : writes;  larger, smaller : device units;  reset_std : device units
    offset : (2, m, n) where a reset leaves each device in the mean, above its lower bound [device units]
    middle : weights half-way from one pulse to the next, less those of a reset cell
    steps : (d, n) pulses for each device of the row at hand, −1 for pairs that are not due
    """

    every: int
    larger: float
    smaller: float
    reset_std: float
    offset: np.ndarray
    middle: np.ndarray
    steps: np.ndarray


def refresh_state(weight, cell, shape, dtype) -> RefreshState:
    """The state of pairs of a cell model."""
    kind, curve, chip = np.dtype(dtype).type, response(cell), cell.mean_chip()
    low, high = chip.bound_low.item(), chip.bound_up.item()
    part = lambda share: kind(low + share * (high - low))  # noqa: E731
    middle = (curve[1:] + curve[:-1]) / 2 - curve[0]
    return RefreshState(
        every=weight.refresh_every, larger=part(weight.larger), smaller=part(weight.smaller), reset_std=kind(weight.reset_std),
        offset=memory.zeros(shape, dtype), middle=middle.astype(dtype), steps=memory.zeros((shape[0], shape[2]), dtype),
    )  # fmt: skip


@kernel
def pulses_for(middle, distance):
    """How many of the increasing numbers `middle` lie below `distance`."""
    low, high = 0, middle.shape[0]
    while low < high:
        at = (low + high) // 2
        if middle[at] < distance:
            low = at + 1
        else:
            high = at
    return low


@kernel
def due_row(array, j):
    """Whether pairs of row j are to be refreshed; which, and by how many pulses, is noted."""
    state = array.weight
    if (array.writes[0] + 1) % state.every != 0:
        return False
    steps, any_due = state.steps, False
    for k in range(0, steps.shape[0], 2):
        one, other = array.cells.w[k, j], array.cells.w[k + 1, j]
        for i in range(array.size[0]):
            due = (max(one[i], other[i]) > state.larger) and (min(one[i], other[i]) > state.smaller)
            steps[k, i], steps[k + 1, i] = -1, -1
            if due:
                any_due, apart = True, one[i] - other[i]
                steps[k, i] = pulses_for(state.middle, apart)
                steps[k + 1, i] = pulses_for(state.middle, -apart)
    return any_due


@lru_cache
def make_refresh(send_row, differs: bool):
    """(due_row, refresh_row); differs : whether the visible weight differs from the stored one, by write noise."""

    @kernel
    def reset(array, k, j, moment, steps):
        cells, xi = array.cells, array.scratch.draws
        low, high, down = cells.bound_low[k, j], cells.bound_up[k, j], cells.down[k, j]
        w, row, std = cells.w[k, j], k * cells.w.shape[1] + j, array.weight.reset_std
        held, offset, zero = cells.held[k, j] if differs else w, array.weight.offset[k, j], type(std)(0)
        fill_normal(array.seed, moment.stream, moment.step + LONGEST * PULSE, row, xi)  # no pulse has this number
        for i in range(array.size[0]):
            if steps[i] >= 0:
                held[i] = min(low[i] + max(offset[i] + std * xi[i], zero), high[i])
                down[i] += np.uint32(1)
        if differs:
            noise = array.numbers.write_noise_std * array.numbers.dw_min
            fill_normal(array.seed, array.showing, moment.shown, row, xi)
            for i in range(array.size[0]):
                if steps[i] >= 0:
                    w[i] = held[i] + noise * xi[i]

    @kernel
    def refresh_row(array, pending, k, j, change):
        """Reset device k of the pairs that are due, and send what brings the difference back."""
        steps, wanted, write = array.scratch.steps, array.weight.steps[k], REFRESH + array.writes[0]
        moment = Moment(array.programming, write, write)
        reset(array, k, j, moment, wanted)
        for i in range(steps.shape[0]):
            steps[i] = max(wanted[i], type(wanted[i])(0))
        send_row(array, array.numbers, k, j, steps, moment)

    return due_row, refresh_row
