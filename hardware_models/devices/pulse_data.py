"""Measured pulses: the conductance of devices before and after each pulse, as a CSV file holds them.

    device, direction, conductance before [uS], conductance after [uS]
    A1,     up,        3.10,                    3.42

One header line, one line a pulse, in the order in which they were sent; lines that begin with # say what they like. A unit in
brackets is kept as a label. Anything that cannot be read is one sentence that names file, line and field.
"""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hardware_models.numerics.checks import LARGEST, InputError, short

HEADERS = {
    "before": ("before", "conductance before", "g before", "initial conductance"),
    "after": ("after", "conductance after", "g after", "final conductance"),
    "direction": ("direction", "dir", "polarity", "sign"),
    "device": ("device", "device id", "cell", "id"),
}
DIRECTIONS = {
    "up": True, "+1": True, "1": True, "+": True, "set": True, "ltp": True, "potentiation": True,
    "down": False, "-1": False, "−1": False, "-": False, "reset": False, "ltd": False, "depression": False,
}  # fmt: skip
FEWEST = 10  # pulses a direction


class PulseDataError(InputError):
    """Data of pulses that cannot be used."""


class PulseData(NamedTuple):
    """Pulses in the order in which they were sent.

    before, after : (pulses,) conductance, any one unit;  up : (pulses,) bool, direction
    device : (pulses,) int, 0 … number of devices − 1;  unit : of the conductance, or "";  source : where it is from
    """

    before: np.ndarray
    after: np.ndarray
    up: np.ndarray
    device: np.ndarray
    unit: str = ""
    source: str = ""

    def checked(self) -> PulseData:
        """The same as arrays, devices counted from 0; PulseDataError where no cell can be made of them."""
        before, after = (np.asarray(g, np.float64) for g in (self.before, self.after))
        up, device = np.asarray(self.up, bool), np.unique(self.device, return_inverse=True)[1]
        if not (before.ndim == 1 and before.shape == after.shape == up.shape == device.shape):
            raise PulseDataError(f"{self.title} must have as many of each: before, after, up and device.")
        if not all((np.abs(g) <= LARGEST).all() for g in (before, after)):
            raise PulseDataError(f"{self.title} must have finite conductances, of at most {LARGEST:g}.")
        data = PulseData(before, after, up, device, self.unit, self.source)
        data._check()
        return data

    @property
    def title(self) -> str:
        """What errors call them."""
        return f"The pulses of {self.source!r}" if self.source else "The pulses"

    def _check(self) -> None:
        """Enough pulses in each direction, that move conductances the right way."""
        for what, pulses in (("up", int(self.up.sum())), ("down", int((~self.up).sum()))):
            if pulses < FEWEST:
                raise PulseDataError(
                    f"{self.title} must be {FEWEST} or more in each direction. Got {pulses} {what} instead."
                )
        moved = self.after - self.before
        for what, mean in (("up", moved[self.up].mean()), ("down", -moved[~self.up].mean())):
            if not mean > 0:
                raise PulseDataError(
                    f"{self.title} {what} must move the conductance {what} on average. Got a mean step of "
                    f"{mean if what == 'up' else -mean:.3g}: is the 'direction' field the right way round?"
                )


def read_pulses(path: str | Path) -> PulseData:
    """Pulses from a CSV file; delimiters ``,`` ``;`` and tab are known.

    Columns, by any of several names and in any order: conductance before, conductance after, direction (up or down, +1 or
    −1, set or reset) and device. Others are ignored.
    """
    name = Path(path).name
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PulseDataError(f"The file {str(path)!r} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise PulseDataError(f"The file {name!r} is not text in UTF-8.") from None
    lines = [(k, line) for k, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    if not lines:
        raise PulseDataError(f"The file {name!r} is empty.")
    delimiter = max(",;\t", key=lines[0][1].count)
    rows = [_fields(name, k, line, delimiter) for k, line in lines]
    header, numbers = rows[0], [k for k, _ in lines[1:]]
    columns, unit = _columns(name, header)
    for k, row in zip(numbers, rows[1:]):
        if len(row) != len(header):
            raise PulseDataError(f"Line {k} of {name!r} must have {len(header)} fields. Got {len(row)} instead.")
    field = lambda what: [row[columns[what]].strip() for row in rows[1:]]  # noqa: E731
    before, after = (_numbers(name, numbers, what, field(what)) for what in ("before", "after"))
    up = np.array([_direction(name, k, value) for k, value in zip(numbers, field("direction"))], bool)
    for k, value in zip(numbers, field("device")):
        if not value:
            raise PulseDataError(f"The 'device' field in line {k} of {name!r} must be a name. Got nothing instead.")
    return PulseData(before, after, up, field("device"), unit, name).checked()


def _fields(name: str, k: int, line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except csv.Error as error:
        raise PulseDataError(f"Line {k} of {name!r} cannot be read: {error}.") from None


def _columns(name: str, header: list[str]) -> tuple[dict[str, int], str]:
    """Where each field is, and the unit of the conductance."""
    plain = [re.sub(r"[\s_\-]+", " ", re.sub(r"[\[(].*?[\])]", "", text)).strip().lower() for text in header]
    columns = {}
    for what, names in HEADERS.items():
        found = [k for k, text in enumerate(plain) if text in names]
        if not found:
            raise PulseDataError(
                f"The file {name!r} has no column {what!r}. Got {', '.join(map(repr, header))} instead."
            )
        if len(found) > 1:
            raise PulseDataError(f"The file {name!r} must have one column {what!r}. Got {len(found)} instead.")
        columns[what] = found[0]
    units = [re.search(r"[\[(](.*?)[\])]", header[columns[what]]) for what in ("before", "after")]
    before, after = (unit[1].strip() if unit else "" for unit in units)
    if before != after:
        raise PulseDataError(
            f"The unit of 'after' in {name!r} must be that of 'before', {before!r}. Got {after!r} instead."
        )
    return columns, before


def _numbers(name: str, lines: list[int], what: str, texts: list[str]) -> np.ndarray:
    values = np.empty(len(texts))
    for i, (k, text) in enumerate(zip(lines, texts)):
        try:
            values[i] = float(text)
        except ValueError:
            values[i] = math.nan
        if not abs(values[i]) <= LARGEST:
            wanted = "a finite number" if not math.isfinite(values[i]) else f"at most {LARGEST:g}"
            raise PulseDataError(
                f"The {what!r} field in line {k} of {name!r} must be {wanted}. Got {short(text)} instead."
            )
    return values


def _direction(name: str, k: int, text: str) -> bool:
    try:
        return DIRECTIONS[re.sub(r"\.0*$", "", text.lower())]
    except KeyError:
        raise PulseDataError(
            f"The 'direction' field in line {k} of {name!r} must be up or down, +1 or −1. Got {text!r} instead."
        ) from None
