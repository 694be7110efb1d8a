"""The state of an array, for kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Pending(NamedTuple):
    """A pending update, written by the next sweep: R outer products, or the change that a rule computes from them.

    post : (R, n) post-synaptic factors;  pre : (R, m) presynaptic factors;  reward : (R,) broadcast factors
    decay : (n,) Δw_ij += decay_i w_ij, used by decorrelation
    active : (1,) int64; 0 when there is nothing to write
    """

    post: np.ndarray
    pre: np.ndarray
    reward: np.ndarray
    decay: np.ndarray
    active: np.ndarray


class Cells(NamedTuple):
    """State and per-cell parameters; (1, 1, 1) where all cells share a number or the model has none.

    w : (d, m, n) device units, the visible weight, as read;  held : the stored one, if write noise makes them differ
    step_up, step_down, bound_up, bound_low : device units;  a, b : what else the cell model keeps per cell
    up, down : uint32 pulse counters
    slow : device units, an offset of the visible weight that outlasts a step
    stuck : device units, where a cell is stuck; NaN where it is not;  limit : uint32, pulses after which it will be
    sites : (m, n) int8, codes of :mod:`hardware_models.crossbar.sites`; (1, 1) if there is a cell of any sign at every crossing
    """

    w: np.ndarray
    held: np.ndarray
    step_up: np.ndarray
    step_down: np.ndarray
    bound_up: np.ndarray
    bound_low: np.ndarray
    a: np.ndarray
    b: np.ndarray
    up: np.ndarray
    down: np.ndarray
    slow: np.ndarray
    stuck: np.ndarray
    limit: np.ndarray
    sites: np.ndarray


class Absent(NamedTuple):
    """Placeholder for an absent part: kernels need a record."""

    unused: int = 0


class Scratch(NamedTuple):
    """Rows that a sweep works in; nothing here outlives it.

    change : (n,) what updates request [device units];  share : (n,) the part of it for a device;  rows : (4, n) weights [device units]
    steps : (n,) whole pulses;  draws : (n,);  chosen : (n,) int32, cells with pulses to come;  words : (n,) uint32, random bits
    back : (columns, m) of batches;  panel : of reads of many columns, see :mod:`hardware_models.numerics.panels`;  sizes : (6,) int32, of BLAS
    """

    change: np.ndarray
    share: np.ndarray
    rows: np.ndarray
    steps: np.ndarray
    draws: np.ndarray
    chosen: np.ndarray
    words: np.ndarray
    back: np.ndarray
    panel: np.ndarray
    sizes: np.ndarray


class ArrayState(NamedTuple):
    """The state of an array for a kernel.

    scale : (1,) W = scale · w;  gain, share : (d,) how devices add up, and how a change is shared among them
    seed; rounding, cycle, showing, programming : keys of the array's own random numbers
    writes : (1,) int64, updates written so far;  programs : (1,) int64, times programmed
    reads : (1,) int64, sweeps that read, keys their noise;  columns : (1,) int64, columns they read
    back_reads : (1,) int64, transposed columns read
    correction : (n,) digital factor on reads
    weight, writing, reading, slow, programmed, travel : state of those parts, or `Absent`
    size : (1,) int64, postsynaptic units without padding
    """

    cells: Cells
    numbers: NamedTuple
    scale: np.ndarray
    gain: np.ndarray
    share: np.ndarray
    seed: int
    rounding: int
    cycle: int
    showing: int
    programming: int
    writes: np.ndarray
    programs: np.ndarray
    reads: np.ndarray
    columns: np.ndarray
    back_reads: np.ndarray
    correction: np.ndarray
    weight: NamedTuple
    writing: NamedTuple
    reading: NamedTuple
    slow: NamedTuple
    programmed: NamedTuple
    travel: NamedTuple
    size: np.ndarray
    scratch: Scratch


class Shortfall(NamedTuple):
    """What programming could not do, summed over all programmings of an array.

    clipped : weights beyond what their cells can hold, which ended at a bound;  unreached : cells that write-verify gave up on
    """

    clipped: int = 0
    unreached: int = 0


class ArrayKernel(NamedTuple):
    """Arguments of a compiled time loop: the state, and `sweep(state, pending, memory, x, acc)`."""

    state: ArrayState
    sweep: object


def weights_of(state: ArrayState, cells) -> np.ndarray:
    """Weights (n, m) [weight units] of cells (d, m, n) [device units]."""
    n = int(state.size[0])
    w = np.einsum("k,kji->ij", state.gain, cells[:, :, :n]) if len(state.gain) > 1 else cells[0, :, :n].T
    return np.ascontiguousarray(w * state.scale[0])
