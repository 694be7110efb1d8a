"""SynapseArray: the owner of all device state.

    cells (d, m, n)  d devices per weight, presynaptic-major: w[k, j, i] is from j to i
    W_ij = scale · Σ_k gain_k w[k, j, i]

Parts, each a separate object with the interface of :mod:`hardware_models.crossbar.contract`: the cell; the mapping of cells to weights
(`weight`); of updates to pulses (`writing`); initial programming (`programming`); reads (`reading`); ageing (`time`).

A presynaptic row is contiguous, so that reading is an axpy over postsynaptic units without sums across a
vector. The public interface uses W[i, j], from j to i, in weight units; kernels use :meth:`SynapseArray.kernel`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from hardware_models.ageing import Ageing, compensation
from hardware_models.ageing.wear import hold
from hardware_models.costs import ledger
from hardware_models.costs.ledger import Ledger, Pulses, Travel
from hardware_models.costs.model import Costs
from hardware_models.crossbar import arguments
from hardware_models.crossbar.contract import Cell, Exactly, Parts, Programming, Readout, Site, Time, Weight, Writing
from hardware_models.crossbar.fused import rank_change
from hardware_models.crossbar.layout import lay_out
from hardware_models.crossbar.pulses import LONGEST, Moment, make_send
from hardware_models.crossbar.scale import beyond, scale_for, warn_of_clipping
from hardware_models.crossbar.sites import Sites, check_sites, make_hold_sites
from hardware_models.crossbar.state import ArrayKernel, Pending, Shortfall, weights_of
from hardware_models.crossbar.sweep import Stages, WalkPlan, make_sweep
from hardware_models.crossbar.travel import Watch, make_watch
from hardware_models.crossbar.weights import Single
from hardware_models.devices import Ideal
from hardware_models.numerics import memory
from hardware_models.numerics.checks import InputError, ParameterError, Words, is_finite
from hardware_models.numerics.panels import WIDE
from hardware_models.numerics.record import record
from hardware_models.programming import Exact
from hardware_models.saving.chip_cells import ChipCells
from hardware_models.saving.values import Value
from hardware_models.writing import ByCell

IDEAL, SINGLE = Ideal(), Single()
EXACT, BY_CELL, EXACTLY, NEVER_AGES = Exact(), ByCell(), Exactly(), Ageing()
MOST_ROWS = 1 << 16  # read along the other side at once: more have no draws of their own


def complete(
    cell: Cell, weight: Weight | None, writing: Writing | None, programming: Programming | None, reading: Readout | None,
    time: Time | None,
) -> Parts:  # fmt: skip
    """The parts of an array, with None replaced by defaults."""
    programming = EXACT if programming is None else programming
    writing = BY_CELL if writing is None else writing
    readout = (EXACTLY if reading is None else reading).fitted(programming.siemens or cell.siemens)
    return Parts(
        cell=cell, weight=writing.mapping(cell, (weight or programming.weight or SINGLE).given), writing=writing,
        programming=programming, readout=readout, time=NEVER_AGES if time is None else time,
    )  # fmt: skip


class SynapseArray(Value, Site):
    """An array of synapses, n outputs by m inputs.

    Parameters
    ----------
    shape : (n, m), outputs and inputs
    cells : a cell model, e.g. ``Ideal()`` or ``Digital(bits=4)``; what came out of the factory is in `array.cells`, the model in `array.cell`
    dtype : float32 or float64
    seed : int, key of all random numbers of this array
    number : int, 0 … 255, index of the array on its chip
    weight_scale : weight units per device unit; None: at every programming, the largest |weight| is put at the bound of the cells,
        so that they hold it to half a level (1 for cells without bounds). That leaves no room for weights to grow in training: a
        scale of your own does
    weight : mapping of cells to a weight, see :mod:`hardware_models.crossbar.weights`; None: that of `programming`, or one cell each
    writing : mapping of updates to pulses, see :mod:`hardware_models.writing.by_cell`; None: the cell rounds every request
    programming : initial programming of cells, see :mod:`hardware_models.programming.by_pulses`, and, for arrays that are written
        once, :mod:`hardware_models.programming`
    reading : model of reads, see :mod:`hardware_models.reading.reading`; None: exact
    time : ageing of cells, see :mod:`hardware_models.ageing`; None: none
    costs : costs of operations, see :mod:`hardware_models.costs.figures`; None: of digital cells by their bits, else none
    track : whether to accumulate the changes of cells, see :mod:`hardware_models.crossbar.travel`
    columns : largest number of update rows R, and with a `reading` of columns K, per sweep
    sites : crossings without a cell, and cells on one side of zero, see :mod:`hardware_models.crossbar.sites`; None: a cell everywhere
    cell : the former name of `cells`

    Examples
    --------
    >>> import hardware_models as hw
    >>> array = SynapseArray((2, 3), hw.Digital(bits=4), seed=1)
    >>> array.program([[0.5, -0.5, 0.25], [0.0, 0.125, 1.0]])
    >>> array.matvec([1.0, 0.0, 2.0])
    array([1., 2.], dtype=float32)
    """

    def __init__(
        self, shape: Sequence[int], cells: Cell = IDEAL, *, weight: Weight | None = None, writing: Writing | None = None,
        programming: Programming | None = EXACT, reading: Readout | None = None, time: Time | None = None,
        dtype: DTypeLike = np.float32, seed: int = 0, number: int = 0, weight_scale: float | None = None, columns: int = 1,
        costs: Costs | None = None, track: bool = False, sites: Sites | None = None, cell: Cell | None = None,
    ):  # fmt: skip
        cells = cells if cell is None else cell
        self.shape, self.dtype = arguments.check_shape(shape), arguments.check_dtype(dtype)
        seed = arguments.check_whole("seed", seed, 0, 2**63)
        self.number = arguments.check_whole("number", number, 0, 256)
        self.columns = arguments.check_whole("columns", columns, 1, np.inf)
        arguments.check_scale(weight_scale, dtype=self.dtype)
        arguments.check_parts(
            cells=cells, weight=weight, writing=writing, programming=programming, reading=reading, time=time
        )
        if not isinstance(costs, Costs | None):
            raise ParameterError("costs", "SynapseArray", "Costs, such as hw.COSTS['pcm'], or None", costs)
        self.shortfall = Shortfall()
        self.parts = complete(cells, weight, writing, programming, reading, time)
        self.reading, self.time, self.costs, self.tracks = reading, time, costs, bool(track)
        self._fixed_scale, self.sites = weight_scale, sites
        check_sites(sites, self.shape, len(self.weight.gains), self._noise_of_all_crossings)
        self.ends = arguments.check_fit(arguments.Design(self.parts, self.shape, self.columns, self.dtype))
        self._lay_out(seed)

    def _lay_out(self, seed: int) -> None:
        """The memory of a new array of this design, as it comes out of the factory."""
        self.state = lay_out(self, seed)
        shape = (len(self.weight.gains), self.shape[1], self.shape[0])
        self.weight.fabricate(self.state.cells, self.cell, shape, seed, self.number)
        self.ageing = self.parts.time.fabricate(self)
        self._settle()
        self.record, self._idle = record(self.state), record(self.pending(1))

    @property
    def _noise_of_all_crossings(self) -> str:
        """The part whose noise does not ask whether there is a cell; empty if there is none."""
        noise = getattr(self.parts.readout, "weight_noise", None)
        if noise is not None and noise.std > 0 and noise.power == 0:
            return "reading.weight_noise"
        return "time.slow" if self.parts.time.is_noisy else ""

    def _settle(self) -> None:
        """Everything as sites have it, after something was done to all cells."""
        if self.sites is not None:
            cells, n = self.state.cells, self.shape[0]
            for w in (cells.w, cells.held) if cells.held.size > 1 else (cells.w,):
                for device in w:
                    device[:, :n] = self.sites.settled(device[:, :n].T, self._nothing).T

    @property
    def _nothing(self) -> float:
        """State of a device that is not there [device units]."""
        return 0.0 if self.ends is None else float(self.ends[2])

    @property
    def cell(self) -> Cell:
        return self.parts.cell

    @property
    def cells(self) -> ChipCells:
        """What the cells of this chip are, by name: to get, and to set from a measured chip."""
        return ChipCells(self)

    @property
    def weight(self) -> Weight:
        return self.parts.weight

    @property
    def writing(self) -> Writing:
        return self.parts.writing

    @property
    def programming(self) -> Programming:
        return self.parts.programming

    # host side, weight units, W[i, j] from j to i

    def program(self, weights: ArrayLike) -> None:
        """Set every weight, W (n, m), with the array's programming: by default exactly, within the range of the cells.

        Weights that cells cannot hold are clipped, and counted (`shortfall`, :meth:`ledger`). Programming ends compensation, and
        discards the reference of `calibrate`.

        Warns
        -----
        HardwareWarning : if the scale is too small for the mean cell to hold the weights, or for a tenth of the cells of this chip
        """
        W = arguments.check_weights(weights, self.shape, self.dtype)
        if self.sites is not None and (W[~self.sites.present] != 0).any():
            raise ParameterError("weights", "program", "0 where there is no cell", Words("others"))
        self.state.scale[0] = scale_for(self, W) if self._fixed_scale is None else self._fixed_scale
        states, lost = beyond(self, W)
        clipped = int((lost if self.sites is None else lost & self.sites.present.T).sum())
        unreached = self.programming.program(self, states)
        self.shortfall = Shortfall(self.shortfall.clipped + clipped, self.shortfall.unreached + int(unreached or 0))
        self.state.programs[0] += 1
        hold(self.state.cells, self.shape[0])
        self._settle()
        self.writing.programmed(self, W.T / float(self.state.scale[0]))
        self.uncompensate()  # the factors were for the old weights
        self.ageing.reference[:] = np.nan
        self.parts.time.rewritten(self.ageing)
        if clipped:
            warn_of_clipping(self, W, clipped)

    def pulse(self, pulses: ArrayLike) -> None:
        """Send whole pulses to every cell in one write: an int or (n, m), positive to increase W.

        With several devices per weight, each trained device gets them in the direction of its gain, if it can move that way.
        """
        if self.cell.send_row is None:
            raise InputError(f"The cells of this array, {self.cell!r}, have no pulses.")
        counts = arguments.check_pulses(pulses, self.shape, LONGEST)
        signs = np.sign(self.state.share)[:, None, None]
        sent = memory.zeros((len(signs), self.shape[1], self.shape[0]), self.dtype)
        sent[:, :, : self.shape[0]] = signs * counts.T
        if self.weight.one_sided:
            np.maximum(sent, 0, out=sent)
        write = int(self.state.writes[0])
        send = make_send(self.cell.send_row, self._watch, self.hold_row)
        send(self.record, sent, Moment(self.state.cycle, write, write))
        self.state.writes[0] += 1

    def read(self) -> np.ndarray:
        """The stored weights, W (n, m), in the array's dtype."""
        return weights_of(self.state, self.state.cells.w)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        """The stored weights, as :meth:`read` gives them; always new memory."""
        return np.asarray(self.read(), dtype)

    def __repr__(self) -> str:
        size = " × ".join(map(str, self.shape))
        return f"SynapseArray({size}, {self.cell!r}, scale {float(self.state.scale[0]):.3g}, {self.dtype})"

    def matvec(self, x: ArrayLike) -> np.ndarray:
        """W x for x (m,), or x Wᵀ for rows x (K, m); K may be 0."""
        rows = arguments.check_rows("x", "sweep", x, self.shape[1])
        return self.sweep(rows[0] if np.ndim(x) == 1 else rows)

    def rmatvec(self, y: ArrayLike) -> np.ndarray:
        """Wᵀ y for y (n,), or y W for rows y (K, n): a transposed read; drift compensation scales y."""
        n, m = self.shape
        rows = arguments.check_rows("y", "rmatvec", y, n).astype(self.dtype) * self.state.correction[:n]
        out = np.zeros((len(rows), m), self.dtype)
        for k in range(0, len(rows), MOST_ROWS):
            some = rows[k : k + MOST_ROWS]
            noise = self.programming.make_read_noise_back(self.state)
            out[k : k + MOST_ROWS] = self.parts.readout.read_back(self.state, some, noise)
            self.state.back_reads[0] += len(some)
        return out[0] if np.ndim(y) == 1 else out

    def update(self, post: ArrayLike, pre: ArrayLike, reward: ArrayLike | None = None) -> None:
        """Write W += Σ_r reward_r post_r ⊗ pre_r for post (R, n), pre (R, m), reward (R,), with the cells' own write formula.

        An update of no rows is none: nothing is written, and nothing counted.
        """
        self.sweep(None, *arguments.check_update(post, pre, reward, self.shape))

    def sweep(
        self, x: ArrayLike | None, post: ArrayLike | None = None, pre: ArrayLike | None = None, reward: ArrayLike | None = None,
    ) -> np.ndarray | None:  # fmt: skip
        """Write an update, then read: one pass over the array.

        Parameters
        ----------
        x : (m,) or (K, m), or None for no read
        post, pre, reward : the update, see `update`; None, or no rows, for no write

        Returns
        -------
        (n,) or (K, n) in weight units, or None without a read
        """
        n, m = self.shape
        reads_nothing, single = x is None, np.ndim(x) == 1
        x = np.zeros((0, m)) if reads_nothing else arguments.check_rows("x", "sweep", x, m)
        pending = self._idle
        if post is not None:
            post, pre, reward = arguments.check_update(post, pre, reward, self.shape)
            if len(post):
                update = self.pending(len(post))
                update.post[:, :n], update.pre[:, :m], update.reward[:], update.active[0] = post, pre, reward, 1
                pending = record(update)
        x, acc, sweep = memory.place(x, self.dtype), memory.zeros((len(x), n), self.dtype), self.kernel().sweep
        room = self.columns if self.parts.readout.keeps_state else max(1, len(x))
        for k in range(0, max(1, len(x)), room):  # a sweep for as many columns as there is space for
            sweep(self.record, pending, (), x[k : k + room], acc[k : k + room])
        if reads_nothing:
            return None
        return acc[0, :n].copy() if single else np.ascontiguousarray(acc[:, :n])

    def pending(self, rank: int, *, back: bool = False) -> Pending:
        """An empty update of R outer products, 1 or more; with `back`, `pre` holds postsynaptic activity (decorrelation)."""
        (n, m), rank = self.shape, arguments.check_whole("rank", rank, 1, np.inf, "pending")
        turned = back and self.parts.readout.keeps_state
        if (self.writing.by_sample or turned) and rank > self.columns:
            part = type(self.reading if turned else self.writing).__name__
            wanted = f"at least the {rank} rows of an update for {part}"
            raise ParameterError("columns", "SynapseArray", wanted, self.columns)
        zeros = lambda *shape: memory.zeros(shape, self.dtype)  # noqa: E731
        return Pending(
            post=zeros(rank, n), pre=zeros(rank, n if back else m), reward=np.zeros(rank, self.dtype), decay=zeros(1, n)[0],
            active=np.zeros(1, np.int64),
        )  # fmt: skip

    def kernel(
        self, change_row: Callable[..., Any] = rank_change, read_row: Callable[..., Any] | None = None, *, batch: bool = False,
    ) -> ArrayKernel:  # fmt: skip
        """State and compiled sweep, for a compiled time loop.

        change_row : kernel that computes a row of changes from the pending update
        read_row : kernel that reads a row with perturbed weights; None: reads of unperturbed weights
        batch : whether to use BLAS if the cells allow it
        """
        due_row, refresh_row = self.weight.refresh(self.cell)
        path = self.writing.path(self, change_row)
        path = path._replace(trained=self.weight.trained, due_row=due_row, refresh_row=refresh_row)
        plan = WalkPlan(
            write=path, hold_row=self.hold_row, change_row=change_row, read_row=read_row, single=len(self.state.gain) == 1,
            slow=self.parts.time.is_noisy, wide=self.columns >= WIDE, watch=self._watch,
        )  # fmt: skip
        return ArrayKernel(self.record, make_sweep(plan, self.stages, self.is_ideal, batch, str(self.dtype)))

    @property
    def is_ideal(self) -> bool:
        """Whether writes are ideal, so that the fast loops may be used."""
        return self.reads_as_ideal and self.sites is None

    @property
    def reads_as_ideal(self) -> bool:
        """Whether a row of cells is a row of weights, which is written exactly wherever there is a cell."""
        changed = self.tracks or self.parts.time.fails or self.parts.time.is_noisy
        return not self.cell.is_pulsed and len(self.state.gain) == 1 and not changed

    @property
    def stages(self) -> Stages:
        readout = self.parts.readout
        return (readout.stages_apart if self.weight.read_apart else readout.stages)._replace(
            tick=self.parts.time.tick, shake=self.programming.make_read_noise(readout.keeps_state)
        )

    @property
    def hold_row(self) -> Callable[..., Any] | None:
        """Effect of faults, wear and sites on a row after a write, ``(array, k, j)``, compiled; None if there is none."""
        differs = self.state.cells.held.size > 1
        hold_row = self.parts.time.hold_row(differs)
        return hold_row if self.sites is None else make_hold_sites(hold_row, differs, self._nothing)

    @property
    def _watch(self) -> Watch | None:
        return make_watch(self.state.cells.held.size > 1) if self.tracks else None

    # time

    @property
    def clock(self) -> float:
        """Seconds passed in `age`."""
        return float(self.ageing.clock[0])

    def age(self, seconds: float) -> None:
        """Let time pass: apply the ageing of `time` and `programming` to cells.

        seconds : 0 or more, finite
        """
        if not (is_finite(seconds) and seconds >= 0):
            raise ParameterError("seconds", "age", "0 or more, and finite", seconds)
        drifted = self.programming.pass_time(self.state.programmed, float(seconds))
        self.parts.time.pass_time(self, self.ageing, float(seconds), drifted)
        self._settle()

    def calibrate(self) -> None:
        """Store the present read-out, not rescaled, as the reference of `compensate`. Reads every input line once."""
        self.uncompensate()
        self.ageing.reference[:] = compensation.read_out(self)

    def compensate(self, *, per_output: bool = False) -> None:
        """Rescale all further reads, see :mod:`hardware_models.ageing.compensation`. Reads every input line once.

        per_output : one factor per output, instead of one per array
        """
        if np.isnan(self.ageing.reference).any():
            raise InputError("compensate() needs a reference: call calibrate() first.")
        factors = compensation.factors(self.ageing.reference, compensation.read_out(self), per_output=per_output)
        self.state.correction[: self.shape[0]] = factors

    def uncompensate(self) -> None:
        """End compensation: reads are not rescaled any more; the reference of `calibrate` stays."""
        self.state.correction[:] = 1

    def ledger(self, costs: Costs | None = None) -> Ledger:
        """Operations of this array so far, and their costs; see :func:`hardware_models.costs.ledger.ledger`."""
        return ledger.ledger(self, costs)

    def pulse_counts(self) -> Pulses:
        """Pulses up and down of every device of every synapse, each (d, n, m)."""
        return ledger.pulse_counts(self)

    def travel(self) -> Travel:
        """Total variation and net displacement of every weight, each (n, m); needs ``track=True``."""
        return ledger.travel(self)
