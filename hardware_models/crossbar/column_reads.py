"""Column reads in compiled loops: v_rj = Σ_i x_ri w_ij, the transposed read that decorrelating and whitening updates need.

Ideal cells are read by BLAS, others row by row. An array with a reading is driven from its other side: x passes drivers and DAC, v
amplifiers and ADC, with noise, spread and repeated reads of that side's own (`SynapseArray.rmatvec` draws the same, by number of the
transposed read). Wires are those of forward reads only: here nothing is lost in them. A column of the cells themselves, Δw_ij = decay_i
w_ij, needs no line and stays exact.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from hardware_models.numerics import blas
from hardware_models.numerics.compiled import kernel
from hardware_models.numerics.dots import dot


class ColumnStages(NamedTuple):
    """Kernels around a column read.

    before : ``(array, x)``, fills ``array.reading.turned.scratch.x[:R]`` from x (R, n): DAC, input noise
    after : ``(array, x, v)``, turns sums (R, m), device units, into what is read
    again : ``(array, x, v)``, 1 where rows have to be read once more, and sets them up
    """

    before: object
    after: object
    again: object


@lru_cache
def make_exact_columns(ideal: bool, slow: bool, dtype: str):
    """exact_columns(array, x, v): v = x Wᵀ in rows, weight units, without a periphery."""
    if ideal:
        _, read_back, _ = blas.products(dtype)

        @kernel
        def exact_columns(array, x, v):
            read_back(x, array.cells.w[0], v, array.size[0], array.scratch.sizes)
            array.back_reads[0] += x.shape[0]

        return exact_columns

    @kernel
    def exact_columns(array, x, v):
        w, offset, width = array.cells.w, array.cells.slow, array.scratch.change.shape[0]
        for r in range(x.shape[0]):
            for j in range(w.shape[1]):
                total = type(array.scale[0])(0)
                for k in range(w.shape[0]):
                    total += array.gain[k] * dot(w[k, j], x[r, :width])
                    if slow:
                        total += array.gain[k] * dot(offset[k, j], x[r, :width])
                v[r, j] = total * array.scale[0]
        array.back_reads[0] += x.shape[0]

    return exact_columns


@lru_cache
def make_converted_columns(stages: ColumnStages, combine, batch: bool, dtype: str):
    """converted_columns(array, x, v): the same through the periphery of the array, in device units.

    combine : ``(array, j, total)``, the weights that several devices, or an offset, make; None: row j of the cells
    batch : sums by BLAS, for ideal cells
    """
    before, after, again = stages
    plain, (_, read_back, _) = combine is None, blas.products(dtype)

    @kernel
    def sums(array, x, v):
        if batch:
            read_back(x, array.cells.w[0], v, array.size[0], array.scratch.sizes)
        else:
            for j in range(array.cells.w.shape[1]):
                if plain:
                    row = array.cells.w[0, j]
                else:
                    row = array.scratch.rows[j % 4]
                    combine(array, j, row)
                for r in range(x.shape[0]):
                    v[r, j] = dot(row, x[r])

    @kernel
    def converted_columns(array, x, v):
        room = array.scratch.back.shape[0]
        for first in range(0, x.shape[0], room):
            some, out = x[first : first + room], v[first : first + room]
            before(array, some)
            driven = array.reading.turned.scratch.x[: some.shape[0]]
            sums(array, driven, out)
            after(array, driven, out)
            while again(array, some, out):
                sums(array, driven, out)
                after(array, driven, out)
            array.back_reads[0] += some.shape[0]

    return converted_columns


@lru_cache
def make_column_read(stages: ColumnStages | None, combine, ideal: bool, slow: bool, dtype: str):
    """column_read(array, x, v): v = x Wᵀ for rows x (R, n), in weight units; slow : cells have slow noise."""
    if stages is None:
        return make_exact_columns(ideal, slow, dtype)
    convert = make_converted_columns(stages, combine, ideal, dtype)

    @kernel
    def column_read(array, x, v):
        convert(array, x, v)
        for r in range(x.shape[0]):
            for j in range(array.cells.w.shape[1]):
                v[r, j] *= array.scale[0]

    return column_read


@kernel
def read_column_change(pending, memory, w, scale, j, change):
    """`decorrelation_change` with v (R, m) read before, in ``memory.back``: Σ_r reward_r post_ri v_rj + decay_i w_ij"""
    post, reward, decay, v = pending.post, pending.reward, pending.decay, memory.back
    f = reward[0] * v[0, j]
    for i in range(change.shape[0]):
        change[i] = post[0, i] * f
    for r in range(1, post.shape[0]):
        f = reward[r] * v[r, j]
        for i in range(change.shape[0]):
            change[i] += post[r, i] * f
    for i in range(change.shape[0]):
        change[i] += decay[i] * w[i]
