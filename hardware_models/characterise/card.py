"""A device card: what a device does, in numbers, before anybody trains on it.

    pulses     400 up, then 400 down, from 0: the visible weights
    steps      a pulse up and one down at every weight, see :mod:`hardware_models.characterise.step_curves`
    symmetry   the weight at which both are equally large, cell by cell, see :mod:`hardware_models.crossbar.symmetry_point`
    states     range / step;  distinct, range / max(step, 2 σ):  σ² = variance of a pulse at w = 0 + write noise
    asymmetry  (up − down) / (up + down) of every cell at w = 0
    loop       from which residual on a closed loop writes, see :mod:`hardware_models.writing.closed_loop`
    writing    cells programmed once: the error of what they hold, by target
    read       the error of a read, see :mod:`hardware_models.characterise.read_error`
    year       what time does to programmed weights, see :mod:`hardware_models.characterise.year`

>>> import hardware_models as hw
>>> card = hw.card("digital-4")
>>> print(card)  # doctest: +ELLIPSIS
digital-4: 4-bit weights, rounded stochastically
S. Gupta, A. Agrawal, K. Gopalakrishnan & P. Narayanan, Deep learning with limited numerical precision, ICML 2015,
arXiv:1502.02551
<BLANKLINE>
range       -1 … 1
step        0.143 at w = 0; varies by 0 between cells, by 0 between pulses
states      15; 15 distinguishable above the noise
...
>>> card.size.states
15.0
"""

from __future__ import annotations

import dataclasses
import difflib
import textwrap
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from hardware_models.array import EXACT, Hardware, SynapseArray
from hardware_models.characterise.read_error import TYPICAL, ReadError, read_error
from hardware_models.characterise.step_curves import StepCurves, step_curves
from hardware_models.characterise.year import YEAR, Year, weight_range, year
from hardware_models.crossbar.arguments import Design
from hardware_models.crossbar.symmetry_point import symmetry_points
from hardware_models.devices import CELLS
from hardware_models.numerics.checks import InputError
from hardware_models.presets import PRESETS, Preset
from hardware_models.writing.closed_loop import ClosedLoop

WIDTH = 118  # of a line


SIDE = 64  # cells along a side of every array here
PULSES = 400  # in each direction
TRACES = 2  # cells that are recorded one by one
PERCENTILES = (5, 25, 50, 75, 95)
LEVELS = 32  # that cells are programmed to
LOOP = ClosedLoop()


class PulseResponse(NamedTuple):
    """Visible weights while cells are pulsed up and then down, device units; moment t is after t pulses, 0 … 2 · 400.

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
    pulsed = hardware.cells.send_row is not None
    array = _array(hardware, seed)
    steps = step_curves(array) if pulsed else None
    return Card(
        name=name, technology=technology, publication=publication, hardware=hardware, seed=seed,
        pulses=pulse_response(array) if pulsed else None, steps=steps,
        symmetry=symmetry(array) if hardware.cells.pulse_up else None,
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
    return type(cells).__name__, cells.source, cells.goodness, hardware


def _known(name: str) -> tuple[str, str, Hardware]:
    """Technology, publication and hardware of a preset, or of a kind of cell with its defaults."""
    if name in PRESETS:
        preset = PRESETS[name]
        return preset.technology, preset.publication, preset.hardware
    if name in CELLS:
        return (CELLS[name].__doc__ or "").split("\n")[0], "", Hardware(cells=CELLS[name]())
    near = difflib.get_close_matches(name.casefold(), [*PRESETS, *CELLS], 1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(PRESETS)}."
    raise InputError(f"There is no device {name!r}. {hint}")


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
    if hardware.programming == EXACT and not hardware.cells.write_noise:
        return None
    array = replace(hardware, weight_scale=1.0, reading=None).array((LEVELS, SIDE * SIDE // LEVELS), seed=seed)
    target = np.linspace(*weight_range(array), LEVELS)
    array.program(np.broadcast_to(target[:, None], array.shape))
    error = array.read() - target[:, None]
    return Programmed(target, error.mean(axis=1), error.std(axis=1))


def _size(cell, steps: StepCurves) -> Size:
    low, high, step = float(steps.w[0]), float(steps.w[-1]), float(cell.granularity)
    pulse = np.mean([direction.between_pulses**2 for direction in steps.at(0.0)])
    ends = 0 if cell.pulse_up else 1  # cells of n bits have a level at either end
    noise = float(np.sqrt(pulse + cell.write_noise**2))
    states, distinct = ((high - low) / grain + ends for grain in (step, max(step, 2 * noise)))
    moving = steps.middle[:, steps.middle.sum(axis=0) > 0]
    asymmetry = (moving[0] - moving[1]) / moving.sum(axis=0)
    return Size(low, high, step, states, distinct, float(asymmetry.mean()), float(asymmetry.std()))


def table(card: Card) -> str:
    """The card as lines of text."""
    rows = [*_of_cells(card), *_of_array(card)]
    rows.append(("parameters", ", ".join(f"{name} {value}" for name, value in parameters(card.hardware))))
    width = max(len(name) for name, _ in rows) + 2
    head = [f"{card.name}: {card.technology}" if card.technology else card.name, card.publication]
    lines = [line for text in head for line in textwrap.wrap(text, WIDTH)] + [""]
    for name, text in rows:
        lines += textwrap.wrap(text, WIDTH, initial_indent=name.ljust(width), subsequent_indent=" " * width)
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
        ("step", f"{size.step:.3g} at w = 0; varies by {cells:.2g} between cells, by {noise:.2g} between pulses"),
        ("states", f"{size.states:,.0f}; {size.distinct:,.0f} distinguishable above the noise"),
        ("asymmetry", f"{size.asymmetry:+.2g} ± {size.asymmetry_std:.2g} at w = 0"),
    ]
    if card.symmetry is not None:
        rows.append(("symmetry", _of_symmetry(card.symmetry)))
    count = len(pulses.mean) // 2
    up, down = (f"{pulses.mean[k]:.3g} ± {pulses.std[k]:.2g}" for k in (count, 2 * count))
    return [*rows, ("pulses", f"{count} up reach {up}; {count} down from there, {down}")]


def grain(steps: StepCurves) -> tuple[float, float]:
    """Spread of a step at w = 0, in mean steps: between cells, half the width of the middle two thirds, and between pulses."""
    mean, low, high, noise = np.mean(steps.at(0.0), axis=0)
    return float((high - low) / 2 / mean), float(noise / mean)


def _of_symmetry(symmetry: Symmetry) -> str:
    if symmetry.share == 0:
        return "no weight inside the bounds at which pulses up and down are equal"
    return f"w = {symmetry.mean:+.2g} ± {symmetry.std:.2g}, in {symmetry.share:.0%} of the cells"


def _of_array(card: Card) -> list[tuple[str, str]]:
    rows, read = [], card.read
    if card.size is not None:
        rows.append(("closed loop", _of_loop(card.hardware)))
    if card.programmed is not None:
        off = np.sqrt(np.mean(card.programmed.mean_error**2 + card.programmed.std**2))
        rows.append(("programming", f"weights off by {off:.2g}"))
    parts = ", ".join(f"{name} {error:.2%}" for name, error in read.parts.items())
    whose = "typical converters and noise" if read.typical else "its own reading"
    read_error = f"off by {read.rms:.2%} of the signal with {whose}, {read.inputs} inputs"
    rows.append(("read", f"{read_error}: {parts}" if parts else read_error))
    return [*rows, ("a year", _of_year(card.year))]


def _of_loop(hardware: Hardware) -> str:
    """What a closed loop with its defaults makes of these cells: :mod:`hardware_models.writing.closed_loop`."""
    threshold = LOOP.threshold_of(Design(hardware.parts))
    of = "the write noise" if hardware.cells.write_noise > hardware.cells.granularity else "a pulse"
    return f"writes weights that are off by {threshold:.2g} or more, {of}"


def _of_year(year: Year | None) -> str:
    if year is None:
        return "no drift, no leak, no failures in this model"
    end = horizon(year) + ("" if year.times[-1] > 0.99 * YEAR else ", where the model ends")
    return (
        f"{at(year, 'left', 86400.0):.1%} of the size of weights is left after a day, {year.left[-1]:.1%} after {end}; weights are "
        f"then off by {year.error[-1]:.1%}, by {year.compensated[-1]:.1%} if one factor compensates"
    )


def horizon(year: Year) -> str:
    """How long the record is, in words."""
    return "a year" if year.times[-1] > 0.99 * YEAR else f"{year.times[-1] / 86400:.2g} days"


def at(year: Year, what: str, seconds: float) -> float:
    """`left`, `error` or `compensated` after some time, between recorded moments linear in its logarithm."""
    return float(np.interp(np.log(seconds), np.log(np.maximum(year.times, 1e-3)), getattr(year, what)))


def parameters(hardware: Hardware) -> list[tuple[str, str]]:
    """(name, value) of what hardware was given that is not as by default, parts of parts by their dotted names."""
    rows = [("cells", type(hardware.cells).__name__), *_own(hardware.cells, "")]
    for name in ("weight", "writing", "programming", "reading", "time"):
        part = getattr(hardware, name)
        if part is not None and part != getattr(Hardware(), name):
            rows += [(name, type(part).__name__), *_own(part, name + ".")]
    return rows


def _own(part, prefix: str):
    for name, (value, default) in _values(part).items():
        if name in ("source", "goodness") or (type(value) is type(default) and value == default):
            continue
        if dataclasses.is_dataclass(value):
            yield prefix + name, type(value).__name__
            yield from _own(value, prefix + name + ".")
        else:
            yield prefix + name, _word(value)


def _values(part) -> dict[str, tuple[Any, Any]]:
    """Value and default of every field."""
    return {field.name: (getattr(part, field.name), field.default) for field in dataclasses.fields(part)}


def _word(value) -> str:
    if isinstance(value, tuple):
        return f"({len(value)} numbers)" if len(value) > 4 else "(" + ", ".join(map(_word, value)) + ")"
    return f"{value:g}" if isinstance(value, float) else str(value)
