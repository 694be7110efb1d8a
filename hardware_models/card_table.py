"""A device card in words: a table for the terminal, and the parameters that its hardware was given."""

from __future__ import annotations

import dataclasses
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from hardware_models.hardware import Hardware
from hardware_models.step_curves import StepCurves
from hardware_models.year import YEAR, Year

if TYPE_CHECKING:
    from hardware_models.card import Card, Symmetry

WIDTH = 118  # of a line


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
        ("states", f"{size.states:,.0f}; {size.distinct:,.0f} that noise leaves apart"),
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
    if card.programmed is not None:
        off = np.sqrt(np.mean(card.programmed.mean_error**2 + card.programmed.std**2))
        rows.append(("programming", f"weights off by {off:.2g}"))
    parts = ", ".join(f"{name} {error:.2%}" for name, error in read.parts.items())
    whose = "typical converters and noise" if read.typical else "its own reading"
    read_error = f"off by {read.rms:.2%} of the signal with {whose}, {read.inputs} inputs"
    rows.append(("read", f"{read_error}: {parts}" if parts else read_error))
    return [*rows, ("a year", _of_year(card.year))]


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
    if dataclasses.is_dataclass(part):
        return {field.name: (getattr(part, field.name), field.default) for field in dataclasses.fields(part)}
    return {name: (value, part._field_defaults.get(name)) for name, value in part._asdict().items()}


def _word(value) -> str:
    if isinstance(value, tuple):
        return f"({len(value)} numbers)" if len(value) > 4 else "(" + ", ".join(map(_word, value)) + ")"
    return f"{value:g}" if isinstance(value, float) else str(value)
