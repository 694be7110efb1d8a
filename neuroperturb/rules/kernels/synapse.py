"""State of synapses, and their reads while weights are perturbed.

The computation of one synapse is a scalar formula (:mod:`neuroperturb.rules.formula.signatures`), the loops around it are in
:mod:`neuroperturb.rules.kernels.loops`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hardware_models.crossbar.sites import ABSENT
from hardware_models.numerics.compiled import kernel, separate
from neuroperturb.rules.noise.law import NoiseSource, fill_recorded


class SynapseDraws(NamedTuple):
    """Work space for the draws of synapses, which are functions of their numbers: what is here need not be made again.

    rows : (places, n) draws of rows of synapses, that of row r in place r mod places;  made : (places,) int64, which one it is, or −1
    present : (n,) one row without the draws of synapses that have no cell
    """

    rows: np.ndarray
    made: np.ndarray
    present: np.ndarray


class SynapseMemory(NamedTuple):
    """State of the synapses of one matrix, and the broadcast numbers they receive; (1, 1, 1) if a rule has none.

    trace : (B, m, n);  square : (m, n);  gradient : (m, n) accumulated over an episode
    kept : (1,) 1, or 0 if traces start anew;  rate : (1,) η if it is not a factor of the reward already
    writes : (1,) int64, the number k of the current write
    source, key : weight noise; key (4,) int64: number of the draw being credited, of the draw being read, then n and m
    offset : σ times the sign of the noise in each pass, all 0 when reading clean;  passes : (1,) int64
    scratch : draws, to be looked up by :func:`make_lookup`
    params, step : numbers of the synapse's formula and of the step, in the dtype of the run; `rate` replaces the η of `step`
    due : (1,) 1, or 0 while an integrated update is not written yet
    second : (m, n) of a step that keeps two numbers, else without any, so that older checkpoints fit
    """

    trace: np.ndarray
    square: np.ndarray
    gradient: np.ndarray
    kept: np.ndarray
    rate: np.ndarray
    writes: np.ndarray
    source: NoiseSource
    key: np.ndarray
    offset: np.ndarray
    passes: np.ndarray
    scratch: SynapseDraws
    params: tuple
    step: tuple
    due: np.ndarray = np.ones(1)
    second: np.ndarray = np.zeros((0, 0))


@lru_cache
def make_lookup(fill):
    """look_up(memory, number, row) -> its place in `scratch.rows`: draw `number` of a row of synapses, made if it is not there already.

    A read and the write that is credited to it want the same draw, and so do all reads of one that is held: a normal number costs
    more than the rest of both. Recorded draws are read each time: who recorded them may change them.
    """
    keeps = fill is not fill_recorded

    @kernel
    def look_up(memory, number, row):
        place, this = row % memory.scratch.made.shape[0], (number << 32) + row
        if not keeps or memory.scratch.made[place] != this:
            fill(memory.source, number, row, memory.scratch.rows[place, : memory.key[2]])
            memory.scratch.made[place] = this
        return place

    return separate(look_up)


@lru_cache
def make_probe_read(fill, per_trial: bool):
    """read_row(array, memory, j, w, x, acc): pass h reads w + offset_h Ξ_j; trial b with its own Ξ_bj if `per_trial`.

    Where there is no cell, nothing is perturbed.
    """
    look_up = make_lookup(fill)

    @kernel
    def read_shifted(w, draw, offset, x, j, acc):
        for i in range(acc.shape[0]):
            acc[i] += (w[i] + offset * draw[i]) * x[j]

    @kernel
    def read_row(array, memory, j, w, x, acc):
        passes, draw = memory.passes[0], memory.scratch.present
        batch, (n, m) = x.shape[0] // passes, (memory.key[2], memory.key[3])
        scale, sites = array.scale[0], array.cells.sites
        zero = type(scale)(0)
        for b in range(batch):
            if memory.offset[passes - 1] != 0 and (per_trial or b == 0):  # the last pass has noise, if any has
                draw = memory.scratch.rows[look_up(memory, memory.key[1], b * m + j)]
                if sites.size > 1:
                    for i in range(n):
                        memory.scratch.present[i] = zero if sites[j, i] == ABSENT else draw[i]
                    draw = memory.scratch.present
            for h in range(passes):
                offset = memory.offset[h] / scale
                k = h * batch + b
                read_shifted(w, draw, offset, x[k], j, acc[k])

    return read_row
