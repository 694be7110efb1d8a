"""The sweep: one pass over an array that writes the pending update and then reads every column.

    for every presynaptic row j:   change_j = Σ_r reward_r pre_rj post_r      (or the change of a rule)
                                   w_j ← write(w_j, change_j)                  the cell's own formula
    for every column k:            acc_k = Σ_j w_j x_kj                        in the order of j, always

One load and one store per synapse. Rows are read four at a time, so that the accumulators are loaded and stored once for four
rows, and many columns after all rows are written, by panels (:mod:`hardware_models.numerics.panels`); the order of the sum does not
change by either, nor do the bits. An ideal cell written with one outer product and read by two columns has the three loops fused
into one (`fused`), with several of both, or short rows, line by line (`fused_ranks`): the same operations in the same order. From
`blas.BATCH` columns on, ideal cells are written and read by BLAS.

Cost: 2(K + R) operations and, if w does not fit into the cache, 2 · itemsize bytes per synapse; see ``neuroperturb bench``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from hardware_models.crossbar.column_reads import ColumnStages, make_converted_columns, read_column_change
from hardware_models.crossbar.fused import FUSED, decorrelation_change, fused_column, rank_change, read_four, read_one
from hardware_models.crossbar.fused_ranks import rank_walk
from hardware_models.crossbar.travel import Watch
from hardware_models.numerics import blas
from hardware_models.numerics.checks import ParameterError, Words
from hardware_models.numerics.compiled import kernel, separate
from hardware_models.numerics.panels import WIDE, product

SHORT = 256  # elements of a row: up to here one outer product, too, is written line by line


class WritePath(NamedTuple):
    """Kernels that write requested changes to cells; None if there is nothing to do. See :mod:`hardware_models.writing.by_cell`.

    put_row : ``(array, pending, k, j, change)``, the request of row j to device k is written by the cell's own formula
    trained : number of devices per weight that are written, the first ones
    requests : whether rows of requested changes are worked out for it
    begin_update : ``(array, pending)``, before the first row
    collect_row : ``(array, j, change)``, turns a row of requests, in place, into requests to devices
    settle_row : ``(array, j, change, refreshed)``, after everything that was done to the cells of a row
    due_row : ``(array, j)``, whether cells of a row that was written are to be refreshed;  refresh_row : like `put_row`
    """

    put_row: object
    trained: int = 1
    requests: bool = True
    begin_update: object = None
    collect_row: object = None
    settle_row: object = None
    due_row: object = None
    refresh_row: object = None


class WalkPlan(NamedTuple):
    """Parameters that a walk is compiled for.

    write : how changes get into cells
    hold_row : what becomes of cells once they were written, ``(array, k, j)``: stuck, worn out; None: nothing
    change_row : row j of the pending update, ``(pending, memory, w, scale, j, change)``
    read_row : how a row is read where a probe shifts it, ``(array, memory, j, w, x, acc)``; None reads it as it is
    single : one device a weight;  slow : the visible weight has an offset that outlasts a step, ``cells.slow``
    wide : sweeps may read many columns, for which there is a panel in the array's work space
    watch : how far cells go, both ends of the stage of :mod:`hardware_models.crossbar.travel`; None: not recorded
    """

    write: WritePath
    hold_row: object
    change_row: object
    read_row: object
    single: bool
    slow: bool
    wide: bool = False
    watch: Watch | None = None


def _make_device_write(write_device, hold_row, watch: Watch | None):
    """(array, pending, k, j, change): what is done to a device's row, between what happens around every write."""
    holding, watching = hold_row is not None, watch is not None
    keep_row, compare_row = watch or (None, None)

    @kernel
    def write(array, pending, k, j, change):
        if watching:
            keep_row(array, k, j)
        write_device(array, pending, k, j, change)
        if holding:
            hold_row(array, k, j)
        if watching:
            compare_row(array, k, j)

    return write


@lru_cache
def make_combine(slow: bool):
    """combine(array, j, total): row j of the weights (device units) that d devices make together; slow : with their offset."""

    @kernel
    def combine(array, j, total):
        w, offset, zero = array.cells.w, array.cells.slow, type(total[0])(0)
        for k in range(w.shape[0]):
            gain, further = array.gain[k], k > 0
            for i in range(total.shape[0]):
                part = gain * (w[k, j, i] + offset[k, j, i]) if slow else gain * w[k, j, i]
                total[i] = (total[i] if further else zero) + part

    return combine


@lru_cache
def make_walk(plan: WalkPlan):
    """walk(array, pending, memory, x, acc, start): write and read row by row, through the cell's own formula."""
    path, hold_row, change_row, read_row, single, slow, wide, watch = plan
    put_row, trained, requests, begin_update, collect_row, settle_row, due_row, refresh_row = path
    probing, beginning, collecting = read_row is not None, begin_update is not None, collect_row is not None
    settling, refreshing = settle_row is not None, due_row is not None
    plain, combine = single and not slow, make_combine(slow)  # plain: a row of cells is a row of weights
    panelled = wide and plain and not probing
    put = _make_device_write(put_row, hold_row, watch)
    refresh = _make_device_write(refresh_row, hold_row, watch) if refreshing else None

    @kernel
    def write(array, pending, memory, j):
        change = array.scratch.change
        if requests:
            if plain:
                change_row(pending, memory, array.cells.w[0, j], array.scale[0], j, change)
            else:
                combine(array, j, array.scratch.rows[j % 4])
                change_row(pending, memory, array.scratch.rows[j % 4], array.scale[0], j, change)
            if collecting:
                collect_row(array, j, change)
        for k in range(trained):
            put(array, pending, k, j, change)
        refreshed = False
        if refreshing:
            refreshed = due_row(array, j)
            if refreshed:
                for k in range(trained):
                    refresh(array, pending, k, j, change)
        if settling:
            settle_row(array, j, change, refreshed)

    @kernel
    def read_block(array, x, j, acc):
        if plain:
            w = array.cells.w[0]
            read_four(w[j], w[j + 1], w[j + 2], w[j + 3], x, j, acc)
        else:
            rows = array.scratch.rows
            for row in range(4):
                combine(array, j + row, rows[row])
            read_four(rows[0], rows[1], rows[2], rows[3], x, j, acc)

    @kernel
    def read_single(array, memory, x, j, acc):
        if plain:
            row = array.cells.w[0, j]
        else:
            row = array.scratch.rows[j % 4]
            combine(array, j, row)
        if probing:
            read_row(array, memory, j, row, x, acc)
        else:
            read_one(row, x, j, acc)

    @kernel
    def walk(array, pending, memory, x, acc, start):
        m = array.cells.w.shape[1]
        writing = pending.active[0] != 0
        if beginning and writing:
            begin_update(array, pending)
        if panelled and start == 0 and x.shape[0] >= WIDE:
            for j in range(m if writing else 0):
                write(array, pending, memory, j)
            product(array.cells.w[0], m, x, acc, array.scratch.panel)
            return
        whole = start if probing else m - m % 4
        for j in range(start, whole, 4):
            if writing:
                for row in range(j, j + 4):
                    write(array, pending, memory, row)
            read_block(array, x, j, acc)
        for j in range(whole, m):
            if writing:
                write(array, pending, memory, j)
            read_single(array, memory, x, j, acc)

    return walk


class Stages(NamedTuple):
    """Kernels around a walk; None if there is nothing to do.

    tick : ``(array)``, before every read: noise that outlasts a step moves on, into ``cells.slow``
    shake : ``(array, x, acc)``, after every walk: read noise of the cells themselves, onto sums (K, n), device units
    before : ``(array, x)``, fills ``array.reading.scratch.x[:K]`` from x (K, m): DAC, input noise
    after : ``(array, x, acc)``, turns sums (K, n), device units, into what is read: noise, spread, IR drop, ADC
    again : ``(array, x, acc)``, 1 where columns have to be read once more, and sets them up: bound management
    back : around column reads; None: they are exact
    apart : `after` sums every device by itself, so that nothing that a probe adds to sums of weights is seen
    """

    tick: object = None
    shake: object = None
    before: object = None
    after: object = None
    again: object = None
    back: ColumnStages | None = None
    apart: bool = False


@lru_cache
def make_sweep(plan: WalkPlan, stages: Stages, ideal: bool, batch: bool, dtype: str):
    """sweep(array, pending, memory, x, acc): write what is pending, read x (K, m) into acc (K, n), in weight units.

    `ideal` cells may use the fused loop and, with `batch`, BLAS; everything else walks rows.
    """
    tick, shake, before, after, again, of_columns, apart = stages
    if apart and plan.read_row is not None:
        wanted = "one whose devices share an ADC, for a rule that perturbs weights"
        raise ParameterError("weight", "SynapseArray", wanted, Words("devices that are read apart"))
    ticking, shaking, converting = tick is not None, shake is not None, before is not None
    back = plan.change_row is decorrelation_change
    turned = back and of_columns is not None
    combine = None if plan.single and not plan.slow else make_combine(plan.slow)
    columns = make_converted_columns(of_columns, combine, ideal and batch, dtype) if turned else None
    move = _make_move(plan, ideal, batch, dtype, columns)

    @kernel
    def sweep(array, pending, memory, x, acc):
        K, rank, writing = x.shape[0], pending.post.shape[0], pending.active[0] != 0
        acc[:] = 0
        if ticking and K > 0:
            tick(array)
        if converting and K > 0:
            before(array, x)
            driven = array.reading.scratch.x[:K]
            move(array, pending, memory, driven, acc)
            if shaking:
                shake(array, driven, acc)
            after(array, driven, acc)
        else:
            move(array, pending, memory, x, acc)
            if shaking:
                shake(array, x, acc)
        if writing:
            array.writes[0] += 1
            array.back_reads[0] += rank if back and not turned else 0
            pending.active[0] = 0
        if converting and K > 0:
            driven = array.reading.scratch.x[:K]
            while again(array, x, acc):
                move(array, pending, memory, driven, acc)
                if shaking:
                    shake(array, driven, acc)
                after(array, driven, acc)
        if K > 0:
            array.reads[0] += 1
            array.columns[0] += K
        to_weights(array, acc)

    return sweep


def _make_move(plan: WalkPlan, ideal: bool, batch: bool, dtype: str, columns=None):
    """move(array, pending, memory, x, acc): write and read in device units, by the fastest way there is.

    columns : kernel of the column reads of a decorrelating update, before anything is written; None: exact, row by row
    """
    stateless = ideal and plan.single and plan.read_row is None and plan.change_row in FUSED
    if batch and stateless:
        return _make_batch_move(plan.change_row is decorrelation_change, dtype, columns)
    if columns is not None:
        return _make_column_move(plan, columns)
    walk = separate(make_walk(plan))
    if not stateless:

        @kernel
        def move(array, pending, memory, x, acc):
            walk(array, pending, memory, x, acc, 0)

        return move
    factors, four = FUSED[plan.change_row]
    by_rank = plan.change_row is rank_change

    @kernel
    def fused_walk(array, pending, x, acc, whole):
        w, c, decay, pre, reward = array.cells.w[0], pending.post[0], pending.decay, pending.pre[0], pending.reward[0]
        if by_rank and array.size[0] == 1:
            p, q = acc[0, 0], acc[1, 0]
            for j in range(whole):
                p, q = fused_column(w[j], c, reward * pre[j], x, j, p, q)
            acc[0, 0], acc[1, 0] = p, q
            return
        for j in range(0, whole, 4):
            rows = w[j], w[j + 1], w[j + 2], w[j + 3]
            four(rows, c, decay, factors(pending, rows, j), x, j, acc)

    @kernel
    def move(array, pending, memory, x, acc):
        w, start, ranks = array.cells.w, 0, pending.post.shape[0]
        # one device by construction; a change is not rescaled here
        if pending.active[0] != 0 and array.scale[0] == 1:
            long = w.shape[2] > SHORT or array.size[0] == 1
            if ranks == 1 and x.shape[0] == 2 and (long or not by_rank):
                start = w.shape[1] - w.shape[1] % 4
                fused_walk(array, pending, x, acc, start)
            elif by_rank and x.shape[0] > 0:
                start = w.shape[1] - w.shape[1] % 4
                rank_walk(w[0], pending, x, acc, start)
        walk(array, pending, memory, x, acc, start)

    return move


def _make_column_move(plan: WalkPlan, columns):
    """The same row by row, with column reads through the periphery of the array."""
    walk = separate(make_walk(plan._replace(change_row=read_column_change)))

    @kernel
    def move(array, pending, memory, x, acc):
        if pending.active[0] != 0:
            columns(array, pending.pre, array.scratch.back[: pending.pre.shape[0]])
        walk(array, pending, array.scratch, x, acc, 0)

    return move


@kernel
def to_weights(array, acc):
    """What was read, in weight units: scale, and what compensation makes up for."""
    scale, correction = array.scale[0], array.correction
    for k in range(acc.shape[0]):
        out = acc[k]
        for i in range(out.shape[0]):
            out[i] *= scale * correction[i]


def _make_batch_move(decorrelating: bool, dtype: str, columns=None):
    """The same for ideal cells and batches, by matrix products."""
    read, read_back, write = blas.products(dtype)
    turned = columns is not None

    @kernel
    def move(array, pending, memory, x, acc):
        w, n, sizes = array.cells.w[0], array.size[0], array.scratch.sizes
        if pending.active[0] != 0:
            pre, post, reward = pending.pre, pending.post, pending.reward
            if decorrelating:
                v = array.scratch.back[: pre.shape[0]]
                if turned:
                    columns(array, pre, v)
                else:
                    read_back(pre, w, v, n, sizes)
                for j in range(w.shape[0]):
                    for i in range(n):
                        w[j, i] += pending.decay[i] * w[j, i]
                for r in range(v.shape[0]):
                    for j in range(v.shape[1]):
                        v[r, j] *= reward[r]
                write(v, post, w, n, sizes)
            else:
                weighted, scale = array.scratch.back[: pre.shape[0]], array.scale[0]
                for r in range(pre.shape[0]):
                    f = reward[r] / scale
                    for j in range(pre.shape[1]):
                        weighted[r, j] = pre[r, j] * f
                write(weighted, post, w, n, sizes)
        read(x, w, acc, n, sizes)

    return move
