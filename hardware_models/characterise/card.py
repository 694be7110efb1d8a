"""A device card: the behaviour of a device in numbers, before any training.

    pulses     400 up, then 400 down, from 0: the visible weights
    steps      a pulse up and one down at every weight, see :mod:`hardware_models.characterise.step_curves`
    symmetry   the weight at which both are equal, cell by cell, see :mod:`hardware_models.crossbar.symmetry_point`
    states     :mod:`hardware_models.devices.states`;  distinct, the same at max(step, 2 σ):  σ² = variance of a pulse at w = 0 + write noise
    asymmetry  (up − down) / (up + down) of every cell at w = 0
    loop       residual from which a closed loop writes, see :mod:`hardware_models.writing.closed_loop`
    writing    cells programmed once: their programming error, by target
    read       the error of a read, see :mod:`hardware_models.characterise.read_error`
    year       ageing of programmed weights, see :mod:`hardware_models.characterise.year`

>>> import hardware_models as hw
>>> card = hw.card("digital-4")
>>> print(card)  # doctest: +ELLIPSIS
digital-4: 4-bit weights, stochastic rounding
S. Gupta, A. Agrawal, K. Gopalakrishnan & P. Narayanan, Deep learning with limited numerical precision, ICML 2015,
arXiv:1502.02551
<BLANKLINE>
range        -1 … 1
step         0.143 at w = 0; relative std 0 between cells, 0 between pulses
states       15 levels, both ends counted; 15 distinguishable above the noise
...
>>> card.size.states
15.0
"""

from __future__ import annotations

import textwrap
import warnings
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from hardware_models.array import EXACT, SynapseArray
from hardware_models.characterise.parameter_list import parameters
from hardware_models.characterise.read_error import TYPICAL, ReadError, read_error
from hardware_models.characterise.spread import beside
from hardware_models.characterise.step_curves import StepCurves, step_curves
from hardware_models.characterise.year import YEAR, Year, weight_range, year
from hardware_models.crossbar.arguments import Design
from hardware_models.crossbar.symmetry_point import symmetry_points
from hardware_models.devices import CELLS, Measured
from hardware_models.devices.measured import ENDING, pulses_by_name
from hardware_models.devices.pulse_data import PulseData
from hardware_models.devices.states import meaning, states
from hardware_models.devices.step_tables import common_range
from hardware_models.hardware import Hardware
from hardware_models.numerics.checks import HardwareWarning, InputError
from hardware_models.numerics.names import suggest
from hardware_models.presets import PRESETS, Preset
from hardware_models.writing.closed_loop import ClosedLoop

WIDTH = 118  # of a line


SIDE = 64  # cells along a side of every array here
PULSES = 400  # in each direction
TRACES = 2  # cells that are recorded individually
PERCENTILES = (5, 25, 50, 75, 95)
LEVELS = 32  # that cells are programmed to
LOOP = ClosedLoop()


class PulseResponse(NamedTuple):
    """Visible weights while cells are pulsed up and then down, device units; index t is after t pulses, 0 … 2 · 400.

    mean, std : (t,) over cells;  percentiles : (t, 5), of `PERCENTILES`;  traces : (t, 2), single cells
    """

    mean: np.ndarray
    std: np.ndarray
    percentiles: np.ndarray
    traces: np.ndarray


class Symmetry(NamedTuple):
    """The weight at which mean pulses up and down are equal, device units.

    points : (cells,), NaN if there is no such weight inside the bounds of a cell
    mean, std : of the cells that have one, NaN if none has;  share : fraction of the cells that have one
    """

    points: np.ndarray
    mean: float
    std: float
    share: float


class Points(NamedTuple):
    """Measured pulses one by one, device units; positive where they moved the right way.

    up_from, up, down_from, down : (pulses,) where each started, and how far it went
    """

    up_from: np.ndarray
    up: np.ndarray
    down_from: np.ndarray
    down: np.ndarray


class Size(NamedTuple):
    """Range and granularity, device units.

    low, high : bounds of the mean cell;  step : mean step at w = 0;  states, distinct : numbers of states in the range
    asymmetry, asymmetry_std : mean over the cells, and spread
    """

    low: float
    high: float
    step: float
    states: float
    distinct: float
    asymmetry: float
    asymmetry_std: float


class Programmed(NamedTuple):
    """Weights programmed once, device units.

    target : (levels,);  mean_error, std : (levels,) over the cells
    """

    target: np.ndarray
    mean_error: np.ndarray
    std: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Card:
    """The numbers of a device card; parts that do not apply are None. ``print(card)`` is a table.

    name, technology, publication : text
    hardware : of the card;  seed : of the chip
    pulses, steps, symmetry, size : of cells that change by pulses
    programmed : of cells with a programming error
    read, year : of the array
    measured : pulses that its cells are fitted to
    """

    name: str
    technology: str
    publication: str
    hardware: Hardware
    seed: int
    pulses: PulseResponse | None
    steps: StepCurves | None
    symmetry: Symmetry | None
    size: Size | None
    programmed: Programmed | None
    read: ReadError
    year: Year | None
    measured: Points | None = None

    def __str__(self) -> str:
        return table(self)


def card(of: str | Preset | Hardware | PulseData | Any, *, seed: int = 0) -> Card:
    """The card of a preset, by name or object, of hardware, of a cell model, or of measured pulses, by file or as data.

    Takes a second or two, plus some seconds of compilation if its cells were not used before.
    """
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", HardwareWarning
        )  # levels beyond the range of some cells are part of what a card shows
        return _card(of, seed)


def _card(of: Any, seed: int) -> Card:
    if isinstance(of, str) and of.lower().endswith(ENDING):
        of = pulses_by_name(of)
    data = of.checked() if isinstance(of, PulseData) else None
    name, technology, publication, hardware = _described(of if data is None else Measured.from_pulses(data))
    pulsed = hardware.cells.send_row is not None
    array = _array(hardware, seed)
    steps = step_curves(array) if pulsed else None
    return Card(
        name=name, technology=technology, publication=publication, hardware=hardware, seed=seed,
        pulses=pulse_response(array) if pulsed else None, steps=steps,
        symmetry=symmetry(array) if hardware.cells.pulse_up else None,
        size=_size(hardware.cells, steps) if pulsed else None, programmed=programmed(hardware, seed),
        read=read_error(hardware, seed, SIDE), year=year(hardware, seed, SIDE),
        measured=None if data is None else points(data, hardware.cells),
    )  # fmt: skip


def _described(of) -> tuple[str, str, str, Hardware]:
    """Name, technology, publication and hardware."""
    if isinstance(of, str):
        return of, *_known(of)
    if isinstance(of, Preset):
        return of.technology, "", of.publication, of.hardware
    hardware = of if isinstance(of, Hardware) else Hardware(cells=of)
    cells = hardware.cells
    name, _, data = cells.source.partition(": ")
    return (
        (name, data, cells.goodness, hardware)
        if data
        else (type(cells).__name__, cells.source, cells.goodness, hardware)
    )


def _known(name: str) -> tuple[str, str, Hardware]:
    """Technology, publication and hardware of a preset, or of a cell model with its defaults."""
    if name in PRESETS:
        preset = PRESETS[name]
        return preset.technology, preset.publication, preset.hardware
    if name in CELLS:
        return (CELLS[name].__doc__ or "").split("\n")[0], "", Hardware(cells=CELLS[name]())
    raise InputError(f"There is no device {name!r}. {suggest(name, [*PRESETS, *CELLS])}")


def _array(hardware: Hardware, seed: int) -> SynapseArray:
    """Cells, one per weight, in device units; with a reading, as in `read_error`, so that nothing compiles twice."""
    bare = Hardware(cells=hardware.cells, reading=hardware.reading or TYPICAL, weight_scale=1.0)
    return bare.array((SIDE, SIDE), seed=seed)


# ----------------------------------------------------------------------------------------------------------------------
# Parts


def pulse_response(array: SynapseArray, pulses: int = PULSES) -> PulseResponse:
    """The response of the cells of an array to a number of pulses up from 0, and then as many down."""
    array.program(np.zeros(array.shape))
    rows = [_moment(array)]
    for way in (1, -1):
        for _ in range(pulses):
            array.pulse(way)
            rows.append(_moment(array))
    return PulseResponse(*map(np.array, zip(*rows)))


def _moment(array: SynapseArray) -> tuple:
    w = array.read().ravel().astype(np.float64)
    return w.mean(), w.std(), np.percentile(w, PERCENTILES), w[:TRACES]


def points(data: PulseData, cell: Measured) -> Points:
    """Measured pulses in the units of the cell that was made of them."""
    (low, high), (w_min, w_max) = common_range(data), cell.span
    unit = (w_max - w_min) / (high - low)
    start, moved = w_min + unit * (data.before - low), unit * (data.after - data.before)
    return Points(start[data.up], moved[data.up], start[~data.up], -moved[~data.up])


def symmetry(array: SynapseArray) -> Symmetry:
    """Symmetry points of the cells of an array; points at a bound do not count."""
    cells, n = array.state.cells, array.shape[0]
    points = symmetry_points(array.cell, cells, n)
    low, high = cells.bound_low[0, :, :n].astype(float), cells.bound_up[0, :, :n].astype(float)
    margin = 1e-6 * (high - low)
    inside = (points > low + margin) & (points < high - margin)
    found = points[inside]
    mean, std = (found.mean(), found.std()) if len(found) else (np.nan, np.nan)
    return Symmetry(np.where(inside, points, np.nan).ravel(), float(mean), float(std), float(inside.mean()))


def programmed(hardware: Hardware, seed: int = 0) -> Programmed | None:
    """Error of an array programmed to evenly spaced targets; None if every weight is at its target."""
    if hardware.programming == EXACT and not hardware.cells.write_noise:
        return None
    array = replace(hardware, weight_scale=1.0, reading=None, cells_file=None).array(
        (LEVELS, SIDE * SIDE // LEVELS), seed=seed
    )
    target = np.linspace(*weight_range(array), LEVELS)
    array.program(np.broadcast_to(target[:, None], array.shape))
    error = array.read() - target[:, None]
    return Programmed(target, error.mean(axis=1), error.std(axis=1))


def _size(cell, steps: StepCurves) -> Size:
    low, high, step = float(steps.w[0]), float(steps.w[-1]), float(cell.granularity)
    pulse = np.mean([direction.between_pulses**2 for direction in steps.at(0.0)])
    noise = float(np.sqrt(pulse + cell.write_noise**2))
    count, distinct = (states(cell, low, high, apart) for apart in (step, max(step, 2 * noise)))
    moving = steps.middle[:, steps.middle.sum(axis=0) > 0]
    asymmetry = (moving[0] - moving[1]) / moving.sum(axis=0)
    return Size(low, high, step, count, distinct, float(asymmetry.mean()), float(asymmetry.std()))


def table(card: Card, wide: int = WIDTH) -> str:
    """The card as lines of text."""
    rows = [*_of_cells(card), *_of_array(card)]
    rows.append(("parameters", ", ".join(f"{name} {value}" for name, value in parameters(card.hardware))))
    width = max(len(name) for name, _ in rows) + 2
    head = [f"{card.name}: {card.technology}" if card.technology else card.name, card.publication]
    lines = [line for text in head for line in textwrap.wrap(text, wide)] + [""]
    for name, text in rows:
        lines += textwrap.wrap(text, wide, initial_indent=name.ljust(width), subsequent_indent=" " * width)
    return "\n".join(lines)


def _of_cells(card: Card) -> list[tuple[str, str]]:
    size, steps, pulses = card.size, card.steps, card.pulses
    if size is None:
        return [
            ("pulses", "none: cells are programmed" if card.programmed is not None else "none: cells take any weight")
        ]
    cells, noise = grain(steps)
    rows = [
        ("range", f"{size.low:.3g} … {size.high:.3g}"),
        ("step", f"{size.step:.3g} at w = 0; relative std {cells:.2g} between cells, {noise:.2g} between pulses"),
        (
            "states",
            f"{size.states:,.0f} {meaning(card.hardware.parts.cell)}; {size.distinct:,.0f} distinguishable above the noise",
        ),
        ("asymmetry", f"{beside(size.asymmetry, size.asymmetry_std)} at w = 0"),
    ]
    if card.symmetry is not None:
        rows.append(("symmetry", _of_symmetry(card.symmetry)))
    count = len(pulses.mean) // 2
    up, down = (f"{pulses.mean[k]:.3g} ± {pulses.std[k]:.2g}" for k in (count, 2 * count))
    return [*rows, ("pulses", f"{count} up reach {up}; {count} down from there, {down}")]


def grain(steps: StepCurves) -> tuple[float, float]:
    """Spread of a step at w = 0, in mean steps: between cells, half the width of the middle 68 %, and between pulses."""
    mean, low, high, noise = np.mean(steps.at(0.0), axis=0)
    return float((high - low) / 2 / mean), float(noise / mean)


def _of_symmetry(symmetry: Symmetry) -> str:
    if symmetry.share == 0:
        return "no weight inside the bounds at which pulses up and down are equal"
    return f"w = {beside(symmetry.mean, symmetry.std)}, in {symmetry.share:.0%} of the cells"


def _of_array(card: Card) -> list[tuple[str, str]]:
    rows, read = [], card.read
    if card.size is not None:
        rows.append(("closed loop", _of_loop(card.hardware)))
    if card.programmed is not None:
        off = np.sqrt(np.mean(card.programmed.mean_error**2 + card.programmed.std**2))
        rows.append(("programming", f"rms error {off:.2g} device units"))
    parts = ", ".join(f"{name} {error:.2%}" for name, error in read.parts.items())
    whose = "typical converters and noise" if read.typical else "the device's own readout"
    read_error = f"error {read.rms:.2%} of the signal with {whose}, {read.inputs} inputs"
    rows.append(("read", f"{read_error}: {parts}" if parts else read_error))
    return [*rows, ("1 year", _of_year(card.year))]


def _of_loop(hardware: Hardware) -> str:
    """Default threshold of a closed loop on these cells, see :mod:`hardware_models.writing.closed_loop`."""
    threshold = LOOP.threshold_of(Design(hardware.parts))
    of = "the write noise" if hardware.cells.write_noise > hardware.cells.granularity else "a pulse"
    return f"default threshold {threshold:.2g}, {of}"


def _of_year(year: Year | None) -> str:
    if year is None:
        return "this model has no drift, leak or failures"
    end = horizon(year) + ("" if year.times[-1] > 0.99 * YEAR else ", where the model ends")
    return (
        f"mean |w| falls to {at(year, 'left', 86400.0):.1%} after a day, {year.left[-1]:.1%} after {end}; relative error "
        f"then {year.error[-1]:.1%}, {year.compensated[-1]:.1%} with global compensation"
    )


def horizon(year: Year) -> str:
    """The recorded time, in words."""
    return "a year" if year.times[-1] > 0.99 * YEAR else f"{year.times[-1] / 86400:.2g} days"


def at(year: Year, what: str, seconds: float) -> float:
    """`left`, `error` or `compensated` after some time, between recorded moments linear in its logarithm."""
    return float(np.interp(np.log(seconds), np.log(np.maximum(year.times, 1e-3)), getattr(year, what)))
