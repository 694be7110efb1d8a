"""A device card: what a device does, in numbers, before anybody trains on it.

    pulses     400 up, then 400 down, from 0: what cells show
    steps      a pulse up and one down at every weight, see :mod:`hardware_models.step_curves`
    symmetry   the weight at which both are equally large, cell by cell, see :mod:`hardware_models.symmetry`
    states     range / step;  told apart, range / max(step, 2 σ):  σ² = variance of a pulse at w = 0 + write noise
    asymmetry  (up − down) / (up + down) of every cell at w = 0
    writing    cells programmed once: the error of what they hold, by target
    read       the error of a read, see :mod:`hardware_models.read_error`
    year       what time does to programmed weights, see :mod:`hardware_models.year`

>>> import hardware_models as hw
>>> print(hw.card("ecram"))
>>> hw.card(hw.Measured.from_csv("pulses.csv")).size.states
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from hardware_models.array import EXACT, SynapseArray
from hardware_models.card_table import table
from hardware_models.devices import CELLS
from hardware_models.hardware import Hardware
from hardware_models.presets import PRESETS, Preset
from hardware_models.read_error import TYPICAL, ReadError, read_error
from hardware_models.step_curves import StepCurves, step_curves
from hardware_models.symmetry import symmetry_points
from hardware_models.year import Year, weight_range, year

SIDE = 64  # cells along a side of every array here
PULSES = 400  # in each direction
TRACES = 2  # cells that are shown one by one
PERCENTILES = (5, 25, 50, 75, 95)
LEVELS = 32  # that cells are programmed to


class PulseResponse(NamedTuple):
    """What cells show while they are pulsed up and then down, device units; moment t is after t pulses, 0 … 2 · 400.

    mean, std : (t,) over cells;  percentiles : (t, 5), of `PERCENTILES`;  traces : (t, 2), single cells
    """

    mean: np.ndarray
    std: np.ndarray
    percentiles: np.ndarray
    traces: np.ndarray


class Symmetry(NamedTuple):
    """Where a mean pulse up is as large as one down, device units.

    points : (cells,), NaN where there is no such weight inside the bounds of a cell
    mean, std : of the cells that have one, NaN where none has;  share : of the cells that have one
    """

    points: np.ndarray
    mean: float
    std: float
    share: float


class Size(NamedTuple):
    """Range and grain, device units.

    low, high : bounds of the mean cell;  step : mean step at w = 0;  states, distinct : how many fit into the range
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
    """What weights are that were programmed once, device units.

    target : (levels,);  mean_error, std : (levels,) over the cells
    """

    target: np.ndarray
    mean_error: np.ndarray
    std: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Card:
    """The numbers of a device card; a part that a device has not is None. ``print(card)`` is a table.

    name, technology, publication : words
    hardware : what it is of;  seed : of the chip
    pulses, steps, symmetry, size : of cells that change by pulses
    programmed : of cells that programming leaves somewhere else than at their targets
    read, year : of the array
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

    def __str__(self) -> str:
        return table(self)


def card(of: str | Preset | Hardware | Any, *, seed: int = 0) -> Card:
    """The card of a preset, by its name or itself, of hardware, or of a cell model.

    Compiles for some seconds where its cells were not used before, and then takes one or two.
    """
    name, technology, publication, hardware = _described(of)
    pulsed = hasattr(hardware.cells, "send_row")
    array = _array(hardware, seed)
    steps = step_curves(array) if pulsed else None
    return Card(
        name=name, technology=technology, publication=publication, hardware=hardware, seed=seed,
        pulses=pulse_response(array) if pulsed else None, steps=steps,
        symmetry=symmetry(array) if hasattr(hardware.cells, "pulse_up") else None,
        size=_size(hardware.cells, steps) if pulsed else None, programmed=programmed(hardware, seed),
        read=read_error(hardware, seed, SIDE), year=year(hardware, seed, SIDE),
    )  # fmt: skip


def _described(of) -> tuple[str, str, str, Hardware]:
    """Name, technology, publication and hardware."""
    if isinstance(of, str):
        return of, *_known(of)
    if isinstance(of, Preset):
        return of.technology, "", of.publication, of.hardware
    hardware = of if isinstance(of, Hardware) else Hardware(cells=of)
    cells = hardware.cells
    return type(cells).__name__, getattr(cells, "source", ""), getattr(cells, "goodness", ""), hardware


def _known(name: str) -> tuple[str, str, Hardware]:
    """Technology, publication and hardware of a preset, or of a kind of cell with its defaults."""
    if name in PRESETS:
        preset = PRESETS[name]
        return preset.technology, preset.publication, preset.hardware
    if name in CELLS:
        return (CELLS[name].__doc__ or "").split("\n")[0], "", Hardware(cells=CELLS[name]())
    near = difflib.get_close_matches(name.casefold(), [*PRESETS, *CELLS], 1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(PRESETS)}."
    raise ValueError(f"There is no device {name!r}. {hint}")


def _array(hardware: Hardware, seed: int) -> SynapseArray:
    """Cells as they are, one a weight, in device units; with a reading, as in `read_error`, so that nothing compiles twice."""
    bare = Hardware(cells=hardware.cells, reading=hardware.reading or TYPICAL, weight_scale=1.0)
    return bare.array((SIDE, SIDE), seed=seed)


# ----------------------------------------------------------------------------------------------------------------------
# Parts


def pulse_response(array: SynapseArray, pulses: int = PULSES) -> PulseResponse:
    """The response of the cells of an array to so many pulses up from 0, and then as many down."""
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


def symmetry(array: SynapseArray) -> Symmetry:
    """Symmetry points of the cells of an array; one that lies on a bound is none."""
    cells, n = array.state.cells, array.shape[0]
    points = symmetry_points(array.cell, cells, n)
    low, high = cells.bound_low[0, :, :n].astype(float), cells.bound_up[0, :, :n].astype(float)
    margin = 1e-6 * (high - low)
    inside = (points > low + margin) & (points < high - margin)
    found = points[inside]
    mean, std = (found.mean(), found.std()) if len(found) else (np.nan, np.nan)
    return Symmetry(np.where(inside, points, np.nan).ravel(), float(mean), float(std), float(inside.mean()))


def programmed(hardware: Hardware, seed: int = 0) -> Programmed | None:
    """How far from evenly spaced targets an array is after it was programmed; None where every weight is at its target."""
    if hardware.programming == EXACT and not getattr(hardware.cells, "write_noise_std", 0):
        return None
    array = replace(hardware, weight_scale=1.0, reading=None).array((LEVELS, SIDE * SIDE // LEVELS), seed=seed)
    target = np.linspace(*weight_range(array), LEVELS)
    array.program(np.broadcast_to(target[:, None], array.shape))
    error = array.read() - target[:, None]
    return Programmed(target, error.mean(axis=1), error.std(axis=1))


def _size(cell, steps: StepCurves) -> Size:
    low, high, step = float(steps.w[0]), float(steps.w[-1]), float(cell.granularity)
    pulse = np.mean([direction.between_pulses**2 for direction in steps.at(0.0)])
    shown = getattr(cell, "write_noise_std", 0.0) * getattr(cell, "dw_min", 0.0)
    ends = 0 if hasattr(cell, "pulse_up") else 1  # cells of n bits have a level at either end
    states, distinct = (
        (high - low) / grain + ends for grain in (step, max(step, 2 * float(np.sqrt(pulse + shown**2))))
    )
    moving = steps.middle[:, steps.middle.sum(axis=0) > 0]
    asymmetry = (moving[0] - moving[1]) / moving.sum(axis=0)
    return Size(low, high, step, states, distinct, float(asymmetry.mean()), float(asymmetry.std()))
