"""The interfaces between an array and its parts.

    cell         writes a change to a device                        w ← write(w, Δ)
    weight       maps devices to a weight                           W = scale · Σ_k gain_k w_k
    writing      converts requested changes to pulses
    programming  sets the initial weights of cells
    reading      models the periphery of a read, around Σ_j w_ij x_j
    time         models the ageing of cells

A part is an object of parameters: every member has a default here that does nothing, and an array never checks the class of a part. A
part has access to a :class:`Site`. Every class is a protocol to inherit from; a new part overrides the members it needs. Device units
are those of w, weight units those of W; sizes are n outputs, m inputs, d devices per weight, R update rows and K columns of inputs.
Errors name parts as arguments of `SynapseArray`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from hardware_models.crossbar.readout import Exactly as Exactly
from hardware_models.crossbar.readout import Readout as Readout
from hardware_models.crossbar.sites import Sites
from hardware_models.crossbar.state import Absent, ArrayState, Cells, Shortfall
from hardware_models.crossbar.sweep import WritePath
from hardware_models.numerics.checks import ParameterError

ROUNDING = 1e-6  # relative: less is no difference, in float32 either


class Chip(NamedTuple):
    """One chip: what its cells are, each (d, m, n), float64 device units.

    step_up, step_down : size of a pulse, 0 or more, as the formula takes it;  bound_up, bound_low : range of w;  a, b : further ones, or None
    """

    step_up: np.ndarray
    step_down: np.ndarray
    bound_up: np.ndarray
    bound_low: np.ndarray
    a: np.ndarray | None
    b: np.ndarray | None


class Cell(Protocol):
    """The interface of a device.

    is_pulsed : whether it changes by whole pulses, which are counted
    bound : the smaller of the two bounds of the mean cell [device units]; None: unbounded
    span : (low, high), range of the mean cell [device units]; ±1 if unbounded
    granularity : size of a pulse of the mean cell at w = 0, the unit of a requested change [device units]; 0: any change is exact
    write_noise : standard deviation of the visible weight about the stored one [device units]
    bits : of digital memory per weight; None: it is not digital memory
    subtract_symmetry_point : whether the symmetry point of each cell is subtracted already
    siemens : conductance of a cell that holds one device unit [S]; None: unknown
    write_row : ``(array, numbers, k, j, change)``, compiled: a row of changes (n,) [device units] to row j of device k
    send_row : ``(array, numbers, k, j, steps, moment)``, compiled: whole pulses (n,), up > 0; None: it has no pulses
    pulse_up, pulse_down : ``(p, w, step, upper, lower, a, b, xi) -> w``, compiled: one pulse; None: it has no such formula
    source, goodness : its measurement and the quality of the fit, as text
    """

    is_pulsed: ClassVar[bool] = False
    write_row: Callable
    send_row: Callable | None = None
    pulse_up: ClassVar[Callable | None] = None
    pulse_down: ClassVar[Callable | None] = None
    bound: float | None = None
    granularity: float = 0.0
    write_noise: float = 0.0
    bits: float | None = None
    subtract_symmetry_point: bool = False
    siemens: float | None = None
    source: str = ""
    goodness: str = ""

    @property
    def span(self) -> tuple[float, float]:
        """Range of the mean cell [device units]."""
        bound = self.bound or 1.0
        return -bound, bound

    def check(self) -> None:
        """Raise ParameterError where a parameter cannot be."""

    @classmethod
    def fields_of(cls, table: Mapping[str, Any], base: Any = None) -> dict[str, Any]:
        """The fields that a table of a cell stands for, where it may say something else in their place; base : a cell that it changes."""
        del base
        return dict(table)

    def numbers(self, dtype: type[np.floating]) -> NamedTuple:
        """What kernels take: with pulses, ``granularity`` and ``most_pulses``, and the parameters that the formulas read from ``p``."""
        raise NotImplementedError

    def program(self, weight: np.ndarray, dtype: type[np.floating]) -> np.ndarray:
        """The states (d, m, n) that hold weights (d, m, n) [device units]."""
        del dtype
        return weight

    def fabricate(self, shape: tuple[int, int, int], seed: int, number: int) -> Chip | None:
        """The cells (d, m, n) of array `number` of chip `seed`; None: all are alike, without parameters of their own."""
        del shape, seed, number

    def mean_chip(self) -> Chip:
        """A chip of one cell without spread, (1, 1, 1); of cells with formulas."""
        raise TypeError(f"{type(self).__name__} has no formulas, and so no mean chip.")


class Weight(Protocol):
    """The mapping of d devices to a weight, and the distribution of a change among them.

    gains : (d,) contribution of each device to the weight;  trained : number of devices written by updates, the first ones
    one_sided : whether devices get pulses up only;  reset_std : spread between resets [device units]
    holds_conductances : whether a weight is a conductance, minus the middle of its range, or the difference of two
    share_row : ``(array, k, change, share)``, compiled: the part of a row of changes (n,) for device k [device units]
    takes_turns : whether `share_row` gives a change to some devices only;  read_apart : each has an ADC, of `adc_bounds` in the state
    """

    gains: tuple[float, ...]
    trained: int
    one_sided: ClassVar[bool] = False
    reset_std: float = 0.0
    holds_conductances: ClassVar[bool] = False
    takes_turns: ClassVar[bool] = False
    read_apart: ClassVar[bool] = False
    share_row: Callable

    @property
    def given(self) -> Weight:
        """The mapping that the user gave, where a writing put this in its place."""
        return self

    def check(self) -> None:
        """Raise ParameterError where a parameter cannot be."""

    def check_cell(self, cell: Cell) -> None:
        """Raise ParameterError where cells cannot make a weight this way."""

    def shares(self) -> np.ndarray:
        """Fraction of a change for each device, (d,)."""
        raise NotImplementedError

    def pulsed_together(self) -> np.ndarray:
        """Gains, 0 or more, of the devices that one write of a weight pulses; of the largest such set."""
        return np.abs(self.gains[: self.trained])[: 1 if self.one_sided else None]

    def span(self, cell: Cell) -> tuple[float, float]:
        """(low, high): weights that trained devices of the mean cell can make, the others at 0 [device units]."""
        ends = np.outer(self.gains[: self.trained], cell.span)
        return float(ends.min(axis=1).sum()), float(ends.max(axis=1).sum())

    def state(self, shape: tuple[int, int, int], cell: Cell, dtype: DTypeLike) -> NamedTuple:
        """What kernels need besides the cells (d, m, n)."""
        del shape, cell, dtype
        return Absent()

    def draw(self, state: NamedTuple, shape: tuple[int, int, int], seed: int, number: int) -> None:
        """Draw what differs between the devices (d, m, n) of a chip into that state."""

    def reach(self, cell: Cell) -> float | None:
        """The largest |weight| that mean cells make within their bounds [device units]; None: unbounded."""
        return None if cell.bound is None else cell.bound / float(np.abs(self.shares()).max())

    def grain(self, cell: Cell) -> float:
        """The smallest |weight| that mean cells make by whole pulses from 0 [device units]; 0: any."""
        return cell.granularity / float(np.abs(self.shares()).max())

    def refresh(self, cell: Cell) -> tuple[Callable | None, Callable | None]:
        """(due_row, refresh_row) of :class:`hardware_models.crossbar.sweep.WritePath`; None: cells are never refreshed."""
        del cell
        return None, None

    def fabricate(self, cells: Cells, cell: Cell, shape: tuple[int, int, int], seed: int, number: int) -> None:
        """Set cells (d, m, n) of a new array that do not start at 0."""

    def targets(self, cells: Cells, target: np.ndarray) -> np.ndarray:
        """States of the devices (d, m, n) for weights (m, n), device units, before anything is clipped."""
        raise NotImplementedError


class Site(Protocol):
    """The view of an array for its parts.

    shape : (n, m), outputs and inputs;  dtype : of the weights;  number : 0 … 255, which array of a chip
    columns : most update rows R, and most columns K of a read that needs work space
    parts : what the array is made of;  cell, weight : two of them
    state : `ArrayState` as NumPy arrays;  record : the same as kernels take it
    ends : (low, high, none), states of cells at the ends of their range of conductance, and without any [device units]; None: cells
        have bounds of their own
    hold_row : ``(array, k, j)``, compiled: what faults and wear make of a row after it was written; None: nothing
    tracks : whether it sums up how far cells go;  costs : what operations cost, or None
    shortfall : what programming could not do
    sites : crossings without a cell, and cells on one side of zero; None: a cell of any sign everywhere
    """

    shape: tuple[int, int]
    dtype: np.dtype
    number: int
    columns: int
    parts: Parts
    cell: Cell
    weight: Weight
    state: ArrayState
    record: Any
    ends: tuple[float, float, float] | None
    hold_row: Callable | None
    tracks: bool
    costs: Any
    shortfall: Shortfall
    sites: Sites | None

    def matvec(self, x: ArrayLike) -> np.ndarray:
        """Read: W x for x (m,), or x Wᵀ for rows x (K, m), in weight units."""


class Writing(Protocol):
    """The write scheme: converts requested changes to changes of cells.

    by_sample : whether the R rows of an update are written one by one, and need work space for all of them
    most_columns : largest number of rows it can have work space for
    takes_turns : whether it pulses those devices of a weight that `Weight.share_row` chooses, if not all get a share
    corrects : whether what cells did besides what was requested is read back, and made good by later writes
    row_read_bits : bits of the converters that read rows of weights while writing; 0: no rounding
    """

    by_sample: ClassVar[bool] = False
    most_columns: ClassVar[float] = math.inf
    takes_turns: ClassVar[bool] = False
    corrects: ClassVar[bool] = False
    row_read_bits: float = 0

    def check(self) -> None:
        """Raise ParameterError where a parameter cannot be."""

    def mapping(self, cell: Cell, weight: Weight) -> Weight:
        """The mapping of devices to a weight, where this writing has devices of its own beside those of `weight`."""
        del cell
        return weight

    def check_array(self, site: Site) -> None:
        """Raise ParameterError where an array cannot be written this way; of the site only its design is there, and no state."""

    def state(self, site: Site) -> NamedTuple:
        """What kernels need besides the cells."""
        del site
        return Absent()

    def path(self, site: Site, change_row: Callable) -> WritePath:
        """The compiled parts of a write, for updates whose rows are worked out by `change_row`."""
        raise NotImplementedError

    def accumulator_bits(self, dtype: DTypeLike) -> int:
        """Digital storage in addition to the array, bits per weight."""
        del dtype
        return 0

    def programmed(self, site: Site, target: np.ndarray) -> None:
        """Every weight was programmed, to `target` (m, n) [device units] as far as cells can hold it."""
        del site, target

    def threshold_of(self, site: Site) -> float:
        """The smallest request that is sent [device units]; 0: any."""
        del site
        return 0.0

    def waiting(self, state: ArrayState) -> np.ndarray | None:
        """What was requested of weights (m, n) and is not written yet [device units]; None: nothing waits."""
        del state

    def row_reads(self, state: ArrayState) -> int:
        """Rows of weights that were read while writing."""
        del state
        return 0


class Programming(Protocol):
    """The programming scheme: sets the initial weights of cells.

    weight : default mapping of devices to a weight; None: one each
    ages : whether cells change, or their read noise grows, with time since programming
    reads_noisily : whether repeated reads of the same cells may differ, by noise of the cells themselves
    measured_for : seconds after programming for which the model is valid
    siemens : conductance of a cell at the end of its range [S]; None: this says nothing of conductances
    """

    weight: ClassVar[Weight | None] = None
    ages: ClassVar[bool] = False
    reads_noisily: bool = False
    measured_for: ClassVar[float] = math.inf
    siemens: float | None = None

    def check(self) -> None:
        """Raise ParameterError where a parameter cannot be."""

    def check_array(self, site: Site) -> None:
        """Raise ParameterError where an array cannot be programmed this way; of the site only its design is there."""

    def check_time(self, t: float) -> None:
        """Raise ParameterError if the model is not valid `t` seconds after programming."""
        if not t <= self.measured_for:
            raise ParameterError(
                "seconds", "age", f"at most {self.measured_for:g} in total", t,
                f"Cells of {type(self).__name__} were measured for {self.measured_for:g} s after programming.",
            )  # fmt: skip

    def ends(self, devices: int) -> tuple[float, float, float] | None:
        """See :class:`Site`, for a number of devices per weight."""
        del devices

    def scale(self, W: np.ndarray) -> float | None:
        """Weight units per device unit for weights W (n, m); None: by the bounds of the cells."""
        del W

    def out_of_range(self, site: Site, target: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Which weights (m, n) their cells cannot hold.

        target : (d, m, n), what devices are to hold, before anything is clipped;  states : the same as cells of this kind hold it
        """
        cells, n, cell = site.state.cells, site.shape[0], site.cell
        beyond = np.abs(target - states) > 0.51 * cell.granularity  # more than rounding to the nearest level does
        if cells.bound_up.size > 1:
            low, high = cells.bound_low[:, :, :n], cells.bound_up[:, :, :n]
            slack = ROUNDING * (np.abs(low) + np.abs(high))
            beyond |= (states < low - slack) | (states > high + slack)
        return beyond.any(axis=0)

    def state(self, shape: tuple[int, int, int], number: int, dtype: DTypeLike) -> NamedTuple:
        """Programming state of array `number` with cells (d, m, n)."""
        del shape, number, dtype
        return Absent()

    def program(self, site: Site, target: np.ndarray) -> int | None:
        """Bring devices to `target` (d, m, n) [device units]; how many cells it gave up on, where it looks."""
        raise NotImplementedError

    def pass_time(self, state: NamedTuple, seconds: float) -> np.ndarray | None:
        """Let time pass; by how much cells moved (d, m, n) [device units], None: they did not."""
        del state, seconds

    def make_read_noise(self, repeating: bool) -> Callable | None:
        """``(array, x, acc)``, compiled: read noise of the cells onto sums (K, n); `repeating`: columns may be read again."""
        del repeating

    def make_read_noise_back(self, state: ArrayState) -> Callable | None:
        """``(state, y (K, n), repetitions) -> (K, m)``: the same for reads along the other side; None: there is none now."""
        del state


class Time(Protocol):
    """Ageing of cells.

    fails, wears : whether cells may be stuck, and whether pulses make them so
    is_noisy : whether the visible weight has an offset that outlasts a step;  tick : ``(array)``, compiled: it moves on before a read; None: no
    """

    fails: bool
    wears: bool
    is_noisy: bool
    tick: Callable | None

    def check(self) -> None:
        """Raise ParameterError where a parameter cannot be."""

    def check_cell(self, cell: Cell, ends: tuple[float, float, float] | None = None) -> None:
        """Raise ParameterError where it does not fit cells; ends : see :class:`Site`."""

    def slow_state(self, shape: tuple[int, int, int], seed: int, number: int, dtype: DTypeLike) -> NamedTuple:
        """The state of offsets that outlast a step, cells (d, m, n)."""
        raise NotImplementedError

    def hold_row(self, differs: bool) -> Callable | None:
        """See :class:`Site`; differs : whether the visible weight and the stored one are two."""
        raise NotImplementedError

    def fabricate(self, site: Site) -> Any:
        """Write defects of a new chip into its cells; returns the state of time: clock, reference and more."""
        raise NotImplementedError

    def rewritten(self, state: Any) -> None:
        """Every cell was programmed, also one that happens to hold what it held."""
        raise NotImplementedError

    def pass_time(self, site: Site, state: Any, seconds: float, drifted: np.ndarray | None) -> None:
        """Let time pass; drifted : further change of the cells (d, m, n), by their programming model [device units]."""
        raise NotImplementedError


class Parts(NamedTuple):
    """The parts of an array, without open defaults."""

    cell: Cell
    weight: Weight
    writing: Writing
    programming: Programming
    readout: Readout
    time: Time
