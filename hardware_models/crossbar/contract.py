"""What an array requires of its parts, and what a part may see of the array.

    cell         how a change gets into a device                    w ← write(w, Δ)
    weight       how devices make a weight                          W = scale · Σ_k gain_k w_k
    writing      how the changes that updates request become pulses
    programming  how cells get their first weights
    reading      what surrounds Σ_j w_ij x_j when the array is read
    time         what happens to cells while time passes

A part is an object of parameters that answers for itself: every member has a default here that does nothing, and an array never has
to find out which class a part is of. A part sees a :class:`Site`. Every class is a protocol to inherit from; a new part overrides
the members that concern it. Device units are those of w, weight units those of W; sizes are n outputs, m inputs, d devices a weight,
R update rows and K columns of inputs. Errors name parts as arguments of `SynapseArray`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from hardware_models.crossbar.state import Absent, ArrayState, Cells, Shortfall, weights_of
from hardware_models.crossbar.sweep import Stages, WritePath
from hardware_models.numerics.checks import ParameterError

ROUNDING = 1e-6  # relative: less is no difference, in float32 either


class Chip(NamedTuple):
    """One chip: what its cells are, each (d, m, n), float64 device units.

    step_up, step_down : size of a pulse, 0 or more, as the cell's formula takes it;  bound_up, bound_low : range of w
    a, b : what else a cell model keeps per cell, or None
    """

    step_up: np.ndarray
    step_down: np.ndarray
    bound_up: np.ndarray
    bound_low: np.ndarray
    a: np.ndarray | None
    b: np.ndarray | None


class Cell(Protocol):
    """A device, as its array sees it.

    is_pulsed : whether it changes by whole pulses, which are counted
    bound : the smaller of the two bounds of the mean cell [device units]; None: it holds any weight
    span : (low, high), weights that the mean cell can hold [device units]; ±1 where it holds any
    granularity : by how much a pulse moves the mean cell at w = 0, the unit of a request [device units]; 0: any change is exact
    write_noise : standard deviation of the visible weight about the stored one [device units]
    bits : of digital memory for a weight; None: it is no digital memory
    subtract_symmetry_point : whether the symmetry point of each cell is subtracted already
    siemens : conductance of a cell that holds one device unit [S]; None: unknown
    write_row : ``(array, numbers, k, j, change)``, compiled: a row of changes (n,) [device units] to row j of device k
    send_row : ``(array, numbers, k, j, steps, moment)``, compiled: whole pulses (n,), up > 0; None: it has no pulses
    pulse_up, pulse_down : ``(p, w, step, upper, lower, a, b, xi) -> w``, compiled: one pulse; None: it has no such formula
    source, goodness : which measurement it stands for and how well, in words
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
        """Weights that the mean cell can hold [device units]."""
        bound = self.bound or 1.0
        return -bound, bound

    def check(self) -> None:
        """Raise ParameterError where a parameter cannot be."""

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
    """How d devices make a weight, and how a change is shared among them.

    gains : (d,) how much each device adds to the weight
    trained : devices that updates write: the first so many
    one_sided : whether devices get pulses up only;  reset_std : where a reset leaves them above their lower bound [device units]
    holds_conductances : whether a conductance stands for a weight: one, less the middle of its range, or the difference of two
    share_row : ``(array, k, change, share)``, compiled: the part of a row of changes (n,) for device k [device units]
    """

    gains: tuple[float, ...]
    trained: int
    one_sided: ClassVar[bool] = False
    reset_std: float = 0.0
    holds_conductances: ClassVar[bool] = False
    share_row: ClassVar[Callable]

    def check(self) -> None:
        """Raise ParameterError where a parameter cannot be."""

    def check_cell(self, cell: Cell) -> None:
        """Raise ParameterError where cells cannot make a weight this way."""

    def shares(self) -> np.ndarray:
        """Part of a change that each device gets, (d,)."""
        raise NotImplementedError

    def state(self, shape: tuple[int, int, int], cell: Cell, dtype: DTypeLike) -> NamedTuple:
        """What kernels need besides the cells (d, m, n)."""
        del shape, cell, dtype
        return Absent()

    def reach(self, cell: Cell) -> float | None:
        """The largest |weight| that mean cells make within their bounds [device units]; None: they hold any."""
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
    """What a part may see of its array.

    shape : (n, m), outputs and inputs;  dtype : of the weights;  number : 0 … 255, which array of a chip
    columns : most update rows R, and most columns K of a read that needs work space
    parts : what the array is made of;  cell, weight : two of them
    state : `ArrayState` as NumPy arrays;  record : the same as kernels take it
    ends : (low, high, none), states of cells at the ends of their range of conductance, and without any [device units]; None: cells
        have bounds of their own
    hold_row : ``(array, k, j)``, compiled: what faults and wear make of a row after it was written; None: nothing
    tracks : whether it sums up how far cells go;  costs : what operations cost, or None
    shortfall : what programming could not do
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

    def matvec(self, x: ArrayLike) -> np.ndarray:
        """Read: W x for x (m,), or x Wᵀ for rows x (K, m), in weight units."""


class Writing(Protocol):
    """How the changes that updates request become changes of cells.

    by_sample : whether the R rows of an update are written one by one, and need work space for as many
    """

    by_sample: ClassVar[bool] = False

    def check(self) -> None:
        """Raise ParameterError where a parameter cannot be."""

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
        """Digital storage in addition to the array, bits a weight."""
        del dtype
        return 0


class Programming(Protocol):
    """How cells get their first weights.

    weight : how it makes a weight of devices unless an array says otherwise; None: one each
    ages : whether cells change, or are read less surely, as time passes since they were programmed
    reads_noisily : whether two reads of the same cells may differ, by noise of the cells themselves
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
        """Raise ParameterError where nothing is known of `t` seconds after programming."""
        if not t <= self.measured_for:
            raise ParameterError(
                "seconds", "age", f"at most {self.measured_for:g} in all", t,
                f"Cells of {type(self).__name__} were measured for {self.measured_for:g} s after programming.",
            )  # fmt: skip

    def ends(self, devices: int) -> tuple[float, float, float] | None:
        """See :class:`Site`, for so many devices a weight."""
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
        """What array `number` with cells (d, m, n) keeps of its programming."""
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


class Readout(Protocol):
    """What surrounds the sums of a read; here nothing, reads are exact; see `hardware_models.Reading`.

    dac_bits, adc_bits : of its converters, 0: none that rounds;  adc_enob : of these bits so many are effective
    reads_noisily : whether two reads of the same cells may differ
    keeps_state : whether its kernels find `ReadingState` in the array, with work space for so many columns
    """

    dac_bits: float = 0
    adc_bits: float = 0
    adc_enob: float = 0
    reads_noisily: bool = False
    keeps_state: ClassVar[bool] = False

    def check(self) -> None:
        """Raise ParameterError where a parameter cannot be."""

    def fitted(self, siemens: float | None) -> Readout:
        """This for cells of such a conductance at one device unit [S], where it does not say itself; None: unknown."""
        del siemens
        return self

    def check_array(self, site: Site) -> None:
        """Raise ParameterError, or warn, where an array cannot be read this way; of the site only its design is there."""

    @property
    def stages(self) -> Stages:
        """The compiled stages around the walk."""
        return Stages()

    def state(
        self, shape: tuple[int, int], columns: int, seed: int, number: int, dtype: DTypeLike, devices: int = 1
    ) -> NamedTuple:
        """What array `number` (n, m) of chip `seed`, of so many devices a weight, keeps for reads of so many columns."""
        del shape, columns, seed, number, dtype, devices
        return Absent()

    def rereads(self, state: ArrayState) -> int:
        """Columns that were read once more."""
        del state
        return 0

    def read_back(self, state: ArrayState, y: np.ndarray, noise: Callable | None = None) -> np.ndarray:
        """A read along the other side: y (K, n) → y W (K, m), weight units; noise : see `Programming.make_read_noise_back`."""
        out = y @ weights_of(state, state.cells.w + state.cells.slow)
        return out if noise is None else out + noise(state, y) * state.scale


class Exactly(Readout):
    """An exact read."""


class Time(Protocol):
    """What happens to cells while time passes.

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
    """What an array is made of, nothing left open."""

    cell: Cell
    weight: Weight
    writing: Writing
    programming: Programming
    readout: Readout
    time: Time
