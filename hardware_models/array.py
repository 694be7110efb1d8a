"""SynapseArray: the only holder of device state.

    cells (d, m, n)  d devices a weight, presynaptic-major: w[k, j, i] is from j to i
    W_ij = scale · Σ_k gain_k w[k, j, i]

Parts, each its own object: the cell; how cells make a weight (`weight`); how a read happens (`reading`); what time does (`time`).

A presynaptic row is contiguous, so that reading is an axpy over postsynaptic units and nothing has to be summed across a
vector. The public face speaks W[i, j], from j to i, in weight units; kernels take :meth:`SynapseArray.kernel`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hardware_models.ageing import Ageing, compensation
from hardware_models.ageing.slow_noise import tick
from hardware_models.ageing.wear import hold
from hardware_models.costs import ledger
from hardware_models.costs.ledger import Ledger, Pulses, Travel
from hardware_models.costs.model import Costs
from hardware_models.crossbar import arguments
from hardware_models.crossbar.fused import rank_change
from hardware_models.crossbar.pulses import LONGEST, Moment, make_send
from hardware_models.crossbar.state import Absent, ArrayKernel, ArrayState, Cells, Pending, Scratch
from hardware_models.crossbar.sweep import Stages, WalkPlan, make_sweep
from hardware_models.crossbar.travel import Watch, make_watch, travel_state
from hardware_models.crossbar.weights import Devices, Single
from hardware_models.devices import Ideal
from hardware_models.numerics import memory, random
from hardware_models.numerics.record import record
from hardware_models.programming.by_pulses import Exact
from hardware_models.programming.written_once import WrittenOnce, make_read_noise, read_noise_back
from hardware_models.writing.by_cell import ByCell

IDEAL, SINGLE = Ideal(), Single()
KEYS = (random.Stream.ROUNDING, random.Stream.CYCLE, random.Stream.WRITE, random.Stream.PROGRAM)
EXACT, BY_CELL = Exact(), ByCell()


class SynapseArray:
    """An array of synapses, n outputs by m inputs.

    Parameters
    ----------
    shape : (n, m), outputs and inputs
    cell : a cell model, e.g. ``Ideal()`` or ``Digital(bits=4)``
    dtype : float32 or float64
    seed : int, key of everything random on this array
    number : int, 0 … 255, which array of a chip this is
    weight_scale : weight units per device unit; None puts 4 standard deviations of the first programmed weights at the
        smaller bound of the cell (1 for cells without bounds; the largest for conductances written once)
    weight : how cells make a weight, see :mod:`hardware_models.crossbar.weights`; None: as `programming` says, or one cell each
    writing : how updates become pulses, see :mod:`hardware_models.writing.by_cell`; None: the cell rounds every request
    programming : how cells get their first weights, see :mod:`hardware_models.programming.by_pulses`, and, for arrays that are written
        once, :mod:`hardware_models.programming`
    reading : how a read happens, see :mod:`hardware_models.reading.reading`; None: exactly
    time : what time does to cells, see :mod:`hardware_models.ageing`; None: nothing
    costs : what operations cost, see :mod:`hardware_models.costs.figures`; None: they are counted, not priced
    track : whether to sum up how far cells go, see :mod:`hardware_models.crossbar.travel`
    columns : most update rows R, and with a `reading` most columns K, that a sweep will meet

    Examples
    --------
    >>> array = SynapseArray((2, 3), Digital(bits=4), seed=1)
    >>> array.program([[0.5, -0.5, 0.25], [0.0, 0.125, 1.0]])
    >>> y = array.matvec([1.0, 0.0, 2.0])
    """

    def __init__(
        self, shape, cell=IDEAL, *, weight: Devices | None = None, writing=None, programming=EXACT, reading=None, time=None,
        dtype=np.float32, seed: int = 0, number: int = 0, weight_scale: float | None = None, columns: int = 1,
        costs: Costs | None = None, track: bool = False,
    ):  # fmt: skip
        (n, m), dtype = arguments.check_shape(shape), arguments.check_dtype(dtype)
        seed = arguments.check_whole("seed", seed, 0, 2**63)
        number = arguments.check_whole("number", number, 0, 256)
        columns = arguments.check_whole("columns", columns, 1, np.inf)
        arguments.check_scale(weight_scale)
        self.writing = BY_CELL if writing is None else writing
        programming = EXACT if programming is None else programming
        weight = getattr(programming, "weight", SINGLE) if weight is None else weight
        arguments.check_parts(
            cell=cell, weight=weight, writing=self.writing, programming=programming, reading=reading, time=time, costs=costs,
        )  # fmt: skip
        self.shape, self.cell, self.weight, self.programming = (n, m), cell, weight, programming
        self.reading, self.time, self.number = reading, time, number
        self.dtype, self._fixed_scale, self.costs, self.tracks = dtype, weight_scale, costs, bool(track)
        self.columns, self._ageing = columns, Ageing() if time is None else time
        weight.check_cell(cell)
        self.writing.check_array(self)
        programming.check_array(self)
        self.ends = programming.ends(len(weight.gains)) if self._is_written_once else None
        self._ageing.check_cell(cell, self.ends)
        count = lambda: np.zeros(1, np.int64)  # noqa: E731
        d = len(weight.gains)
        self.state = ArrayState(
            self._make_cells(d, seed, number), cell.numbers(dtype.type), np.ones(1, dtype),
            np.asarray(weight.gains, dtype), weight.shares().astype(dtype), seed,
            *(random.stream(name, number) for name in KEYS), count(), count(), count(), count(), count(),
            memory.zeros((1, n), dtype)[0] + dtype.type(1), weight.state((d, m, n), cell, dtype), self.writing.state(self),
            Absent() if reading is None else reading.state((n, m), columns, seed, number, dtype, d),
            self._ageing.slow.state((d, m, n), seed, number, dtype) if self._ageing.is_noisy else Absent(),
            programming.state((d, m, n), number, dtype) if self._is_written_once else Absent(),
            travel_state(d, m, n, dtype) if track else Absent(), np.array([n]), self._make_scratch(columns),
        )  # fmt: skip
        weight.fabricate(self.state.cells, cell, (d, m, n), seed, number)
        self.ageing = self._ageing.fabricate(self.state, cell, (d, m, n), seed, number, self.ends)
        self.record = record(self.state)

    def _make_cells(self, d: int, seed: int, number: int) -> Cells:
        """Cells of this chip, all at 0; what the cell model does not keep is one unused number."""
        (n, m), dtype = self.shape, self.dtype
        one = lambda kind=dtype: np.zeros((1, 1, 1), kind)  # noqa: E731
        full = lambda kind=dtype: memory.zeros((d, m, n), kind, matrix=kind == dtype)  # noqa: E731
        counter = full if self.cell.is_pulsed else one
        if not hasattr(self.cell, "fabricate"):
            return Cells(
                full(), *(one() for _ in range(7)), counter(np.uint32), counter(np.uint32), *self._make_fate(d)
            )

        def place(values, padding):
            if values is None:
                return one()
            out = full()
            out[:, :, :n], out[:, :, n:] = values, padding  # cells that do not exist have a range, for division
            return out

        chip = self.cell.fabricate((d, m, n), seed, number)
        placed = (place(values, padding) for values, padding in zip(chip, (0, 0, 1, -1, 0, 0), strict=True))
        held = full() if self.cell.write_noise_std > 0 else one()
        return Cells(full(), held, *placed, counter(np.uint32), counter(np.uint32), *self._make_fate(d))

    def _make_fate(self, d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """slow, stuck, limit of cells that nothing has happened to."""
        (n, m), ageing = self.shape, self._ageing
        make = lambda there, kind: memory.zeros((d, m, n), kind, matrix=True) if there else np.zeros((1, 1, 1), kind)  # noqa: E731
        stuck = make(ageing.fails, self.dtype)
        stuck[:] = np.nan
        return make(ageing.is_noisy, self.dtype), stuck, make(ageing.wears, np.uint32)

    def _make_scratch(self, columns: int) -> Scratch:
        n, m = self.shape
        row = lambda count=1, kind=self.dtype: memory.zeros((count, n), kind)  # noqa: E731
        back = memory.zeros((columns, m), self.dtype)
        return Scratch(
            row()[0], row()[0], row(4), row()[0], row()[0], row(kind=np.int32)[0],
            row(kind=np.uint32)[0], back, np.zeros(6, np.int32),
        )  # fmt: skip

    # programming and looking: host side, weight units, W[i, j] from j to i

    def program(self, weights) -> None:
        """Set every weight, W (n, m), as the array is programmed: by default exactly, as far as the cells can hold it."""
        W = np.asarray(weights, np.float64)
        if W.shape != self.shape:
            raise ValueError(f"The 'weights' parameter of program must have shape {self.shape}. Got {W.shape} instead.")
        if not np.isfinite(W).all():
            raise ValueError("The 'weights' parameter of program must be finite. Got nan or inf.")
        self.state.scale[0] = self._scale(W)
        target = self.weight.targets(self.state.cells, W.T / float(self.state.scale[0]))
        self.programming.program(self, self.cell.program(target, self.dtype.type))
        self.state.programs[0] += 1
        hold(self.state.cells, self.shape[0])
        self._ageing.rewritten(self.ageing)

    def pulse(self, pulses) -> None:
        """Send whole pulses to every cell, one write: an int or (n, m), positive where W should grow.

        In an array of several devices a weight, each trained device gets them in the direction of its gain, if it can go there.
        """
        send_row = getattr(self.cell, "send_row", None)
        if send_row is None:
            raise ValueError(f"The cells of this array, {self.cell!r}, have no pulses.")
        counts = np.asarray(pulses)
        whole = counts.dtype.kind in "iu" and np.abs(counts).max(initial=0) <= LONGEST
        if not whole or counts.shape not in ((), self.shape):
            raise ValueError(
                f"The 'pulses' parameter of pulse must be whole numbers up to {LONGEST}, one or {self.shape}. "
                f"Got {counts.tolist()!r} instead."
            )
        signs = np.sign(self.state.share)[:, None, None]
        sent = memory.zeros((len(signs), self.shape[1], self.shape[0]), self.dtype)
        sent[:, :, : self.shape[0]] = signs * counts.T
        if self.weight.one_sided:
            np.maximum(sent, 0, out=sent)
        write = int(self.state.writes[0])
        make_send(send_row, self._watch, self.hold_row)(self.record, sent, Moment(self.state.cycle, write, write))
        self.state.writes[0] += 1

    def _scale(self, W) -> float:
        if self._fixed_scale is not None:
            return self._fixed_scale
        if self._is_written_once:
            return float(np.abs(W).max()) or 1.0
        if self.cell.bound is None:
            return 1.0
        spread = 4 * W.std() if W.size > 1 else np.abs(W).max()
        return float(spread / self.cell.bound) or 1.0

    def read(self) -> np.ndarray:
        """The weights as they are stored, W (n, m), float of the array's dtype."""
        return self._weights_of(self.state.cells.w)

    def _weights_of(self, cells) -> np.ndarray:
        """Weights (n, m) of what devices hold, (d, m, n)."""
        s, n = self.state, self.shape[0]
        w = np.einsum("k,kji->ij", s.gain, cells[:, :, :n]) if len(s.gain) > 1 else cells[0, :, :n].T
        return np.ascontiguousarray(w * s.scale[0])

    def matvec(self, x) -> np.ndarray:
        """W x for x (m,), or x Wᵀ for rows x (K, m)."""
        return self.sweep(x)

    def rmatvec(self, y) -> np.ndarray:
        """Wᵀ y for y (n,), or y W for rows y (K, n): a read along the other side; what compensation makes up for scales y."""
        y, single = np.asarray(y, self.dtype), np.ndim(y) == 1
        rows = _rows("y", "rmatvec", y, self.shape[0]) * self.state.correction[: self.shape[0]]
        noise = read_noise_back if self._is_written_once and self.state.programmed.noisy[0] else None
        if self.reading is not None:
            out = self.reading.read_back(self.state, rows, noise)
        else:
            out = rows @ self._weights_of(self.state.cells.w + self.state.cells.slow)
            out = out if noise is None else out + noise(self.state, rows) * self.state.scale
        self.state.back_reads[0] += len(rows)
        return out[0] if single else out

    def update(self, post, pre, reward=None) -> None:
        """Write W += Σ_r reward_r post_r ⊗ pre_r for post (R, n), pre (R, m), reward (R,): through the cells' own formula."""
        self.sweep(None, post, pre, reward)

    def sweep(self, x, post=None, pre=None, reward=None) -> np.ndarray | None:
        """Write an update, then read: one walk over the array.

        Parameters
        ----------
        x : (m,) or (K, m), or None for no read
        post, pre, reward : the update, see `update`; None for no write

        Returns
        -------
        (n,) or (K, n) in weight units, or None where nothing is read
        """
        n, m = self.shape
        reads_nothing, single = x is None, np.ndim(x) == 1
        x = np.zeros((0, m)) if reads_nothing else _rows("x", "sweep", x, m)
        pending = self.pending(1)
        if post is not None:
            post, pre = _rows("post", "sweep", post, n), _rows("pre", "sweep", pre, m)
            if len(pre) != len(post):
                raise ValueError(
                    f"The 'pre' parameter of sweep must have as many rows as 'post', {len(post)}. Got {len(pre)} instead."
                )
            pending = self.pending(len(post))
            pending.post[:, :n], pending.pre[:, :m] = post, pre
            pending.reward[:] = 1 if reward is None else _rewards(reward, len(post))
            pending.active[0] = 1
        x, acc = memory.place(x, self.dtype), memory.zeros((len(x), n), self.dtype)
        sweep, pending, room = self.kernel().sweep, record(pending), self.columns if self.reading else max(1, len(x))
        for k in range(0, max(1, len(x)), room):  # a sweep for as many columns as there is room for
            sweep(self.record, pending, (), x[k : k + room], acc[k : k + room])
        if reads_nothing:
            return None
        return acc[0, :n].copy() if single else np.ascontiguousarray(acc[:, :n])

    def pending(self, rank: int, *, back: bool = False) -> Pending:
        """An empty update of R outer products; with `back`, `pre` holds postsynaptic activity (decorrelation)."""
        n, m = self.shape
        if self.writing.by_sample and rank > self.columns:
            raise ValueError(
                f"The 'columns' parameter of SynapseArray must be at least the {rank} rows of an update for "
                f"{type(self.writing).__name__}. Got {self.columns} instead."
            )
        zeros = lambda *shape: memory.zeros(shape, self.dtype)  # noqa: E731
        return Pending(
            zeros(rank, n), zeros(rank, n if back else m), np.zeros(rank, self.dtype), zeros(1, n)[0],
            np.zeros(1, np.int64),
        )  # fmt: skip

    def kernel(self, change_row=rank_change, read_row=None, *, batch: bool = False) -> ArrayKernel:
        """State and compiled sweep, for a time loop that is compiled around them.

        change_row : how a row of changes comes out of the pending update
        read_row : how a row is read, where a probe shifts weights; None reads them as they are
        batch : use BLAS where the cells allow it
        """
        due_row, refresh_row = self.weight.refresh(self.cell)
        path = self.writing.path(self, change_row)
        path = path._replace(trained=self.weight.trained, due_row=due_row, refresh_row=refresh_row)
        single, slow = len(self.state.gain) == 1, self._ageing.is_noisy
        plan = WalkPlan(path, self.hold_row, change_row, read_row, single, slow, self._watch)
        return ArrayKernel(self.record, make_sweep(plan, self._stages, self.is_ideal, batch, str(self.dtype)))

    @property
    def is_ideal(self) -> bool:
        """Whether nothing stands between a weight and what is written, so that the fast loops may be used."""
        changed = self.tracks or self._ageing.fails or self._ageing.is_noisy
        return not self.cell.is_pulsed and len(self.state.gain) == 1 and not changed

    @property
    def _stages(self) -> Stages:
        stages = Stages() if self.reading is None else self.reading.stages
        shake = make_read_noise(self.reading is not None) if self._is_written_once else None
        return stages._replace(tick=tick if self._ageing.is_noisy else None, shake=shake)

    @property
    def _is_written_once(self) -> bool:
        return isinstance(self.programming, WrittenOnce)

    @property
    def hold_row(self):
        """The fate of a row after it was written, ``(array, k, j)``, compiled; None where no cell can be stuck."""
        return self._ageing.hold_row(self.state.cells.held.size > 1)

    @property
    def _watch(self) -> Watch | None:
        return make_watch(self.state.cells.held.size > 1) if self.tracks else None

    # time

    @property
    def clock(self) -> float:
        """Seconds that passed in `age`."""
        return float(self.ageing.clock[0])

    def age(self, seconds: float) -> None:
        """Let time pass: what `time` and `programming` say happens to cells in it.

        seconds : 0 or more, finite
        """
        if not (isinstance(seconds, int | float | np.number) and 0 <= seconds < np.inf):
            raise ValueError(f"The 'seconds' parameter of age must be 0 or more, and finite. Got {seconds!r} instead.")
        drifted = None
        if self._is_written_once:
            drifted = self.programming.pass_time(self.state.programmed, float(seconds))
        self._ageing.pass_time(self, self.ageing, float(seconds), drifted)

    def calibrate(self) -> None:
        """Remember what the array reads now, not rescaled: what `compensate` brings it back to. Reads every input line once."""
        self.state.correction[:] = 1
        self.ageing.reference[:] = compensation.read_out(self)

    def compensate(self, *, per_output: bool = False) -> None:
        """Rescale what is read from now on, see :mod:`hardware_models.ageing.compensation`. Reads every input line once.

        per_output : one factor an output, instead of one an array
        """
        if np.isnan(self.ageing.reference).any():
            raise ValueError("An array must be read by calibrate() before compensate() has something to compare with.")
        factors = compensation.factors(self.ageing.reference, compensation.read_out(self), per_output=per_output)
        self.state.correction[: self.shape[0]] = factors

    def ledger(self, costs: Costs | None = None) -> Ledger:
        """What this array did so far, and what that costs; see :func:`hardware_models.costs.ledger.ledger`."""
        return ledger.ledger(self, costs)

    def pulse_counts(self) -> Pulses:
        """Pulses up and down of every device of every synapse, each (d, n, m)."""
        return ledger.pulse_counts(self)

    def travel(self) -> Travel:
        """Total variation and net displacement of every weight, each (n, m); needs ``track=True``."""
        return ledger.travel(self)


def _rewards(reward, count: int) -> np.ndarray:
    """One number, or one for each of `count` rows."""
    values = np.asarray(reward)
    if values.shape not in ((), (count,)) or values.dtype.kind not in "biuf":
        raise ValueError(
            f"The 'reward' parameter of sweep must be a number, or {count} of them, one a row of 'post'. Got"
            f" {f'shape {values.shape}' if values.ndim else repr(reward)} instead."
        )
    return values


def _rows(name: str, verb: str, values, width: int) -> np.ndarray:
    """One row or several, of `width` numbers each, as (K, width)."""
    values = np.asarray(values)
    if values.ndim not in (1, 2) or values.shape[-1] != width:
        raise ValueError(
            f"The {name!r} parameter of {verb} must be rows of {width} numbers. Got shape {values.shape} instead."
        )
    return np.atleast_2d(values)


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """The parts of an array, each an object of its own; the defaults are ideal.

    cells : a cell model, see :mod:`hardware_models.devices`
    weight : how cells make a weight, see :mod:`hardware_models.crossbar.weights`; None: as `programming` says, or one cell each
    writing : how updates become pulses, see :mod:`hardware_models.writing.by_cell`, or None: the cell rounds every request
    programming : how cells get their first weights, see :mod:`hardware_models.programming.by_pulses`
    reading : how a read happens, or None: exactly
    time : what time does to cells, or None: nothing
    weight_scale : weight units per device unit, or None: by the first programmed weights
    costs : what operations cost, see :mod:`hardware_models.costs.figures`; None: they are counted, not priced
    """

    cells: Any = IDEAL
    weight: Devices | None = None
    writing: Any = None
    programming: Any = EXACT
    reading: Any = None
    time: Any = None
    weight_scale: float | None = None
    costs: Costs | None = None

    def array(
        self, shape, *, dtype=np.float32, seed: int = 0, number: int = 0, columns: int = 1, track: bool = False
    ) -> SynapseArray:
        """An array (n, m) of this, of chip `seed`; parameters as in :class:`SynapseArray`."""
        return SynapseArray(
            shape, self.cells, weight=self.weight, writing=self.writing, programming=self.programming, reading=self.reading,
            time=self.time, weight_scale=self.weight_scale, dtype=dtype, seed=seed, number=number, columns=columns,
            costs=self.costs, track=track,
        )  # fmt: skip
