"""Measured pulses: the conductance of devices before and after each pulse.

PulseData(before, after, up, device)      as arrays
PulseData.from_traces(up, down)           conductances after 0, 1, 2 … pulses in one direction, ramp by ramp
PulseData.from_frame(frame)               a pandas DataFrame with the columns of a file
read_pulses(path)                         a CSV file, see :mod:`hardware_models.devices.pulse_tables` for the layouts
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from hardware_models.devices import pulse_tables
from hardware_models.devices.pulse_tables import HEADERS as HEADERS
from hardware_models.devices.pulse_tables import PulseDataError, PulseTable
from hardware_models.numerics.checks import LARGEST, are_numbers

FEWEST = 10  # pulses a direction


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

    @classmethod
    def from_traces(
        cls, up: ArrayLike, down: ArrayLike, *, device: Sequence[Any] | None = None, unit: str = "", source: str = ""
    ) -> PulseData:
        """Pulses from ramps: what a device was after 0, 1, 2 … pulses up, and after as many down.

        Parameters
        ----------
        up, down : (pulses + 1,) conductance, one ramp; or several, rows of an array or a list of such, as many of each
        device : of each pair of ramps; None: all are of one device
        unit, source : as above

        Examples
        --------
        >>> up = 10 * (1 - np.exp(-np.arange(40) / 10))
        >>> data = PulseData.from_traces(up, up[::-1], unit="µS")
        >>> data.before[:2].round(2), int(data.up.sum())
        (array([0.  , 0.95]), 39)
        """
        ramps = [_ramps(name, given) for name, given in (("up", up), ("down", down))]
        if len(ramps[0]) != len(ramps[1]):
            raise PulseDataError(
                f"The traces must be as many down as up, {len(ramps[0])}. Got {len(ramps[1])} instead."
            )
        names = [0] * len(ramps[0]) if device is None else list(device)
        if len(names) != len(ramps[0]):
            raise PulseDataError(
                f"The 'device' of traces must be {len(ramps[0])} names, one a pair. Got {len(names)} instead."
            )
        parts = [
            (ramp[:-1], ramp[1:], np.full(len(ramp) - 1, way), [name] * (len(ramp) - 1))
            for *pair, name in zip(*ramps, names)
            for ramp, way in zip(pair, (True, False))
        ]
        before, after, ways, devices = map(np.concatenate, zip(*parts))
        return cls(before, after, ways, devices, unit, source).checked()

    @classmethod
    def from_frame(cls, frame: Any, *, source: str = "") -> PulseData:
        """Pulses from a pandas DataFrame, which may be laid out in any way that a file may; see `read_pulses`.

        frame : a column a field, or a ramp;  source : what errors and the cell call it
        """
        numbered = all(isinstance(name, int | np.integer) for name in frame.columns)
        header = None if numbered else [str(name).strip() for name in frame.columns]
        rows = [[_field(value) for value in row] for row in frame.itertuples(index=False, name=None)]
        kept = [(k, row) for k, row in enumerate(rows, 1) if any(row)]
        if not kept:
            raise PulseDataError(f"The frame {source!r} has no rows." if source else "The frame has no rows.")
        table = PulseTable(source or "frame", header, [row for _, row in kept], [k for k, _ in kept], commas=True)
        return cls(*pulse_tables.pulses_of(table), source).checked()

    def checked(self) -> PulseData:
        """The same as arrays, devices numbered from 0; PulseDataError if no cell can be made from them."""
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
        """Name in error messages."""
        return f"The pulses of {self.source!r}" if self.source else "The pulses"

    def _check(self) -> None:
        """Require enough pulses in each direction, with the right sign of the mean change."""
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


def _ramps(name: str, given: ArrayLike) -> list[np.ndarray]:
    """One ramp or several, as a list of arrays."""
    several = isinstance(given, list | tuple) and len(given) > 0 and np.ndim(given[0]) == 1
    ramps = list(given) if several else list(np.atleast_2d(np.asarray(given)))
    for ramp in ramps:
        if np.ndim(ramp) != 1 or len(ramp) < 2 or not are_numbers(ramp):
            raise PulseDataError(
                f"The traces {name!r} must be conductances after 0, 1, 2 … pulses, one ramp or several."
            )
    return [np.asarray(ramp, np.float64) for ramp in ramps]


def _field(value: Any) -> str:
    """What a file would have of a value; nothing where it is missing."""
    if value is None or value != value:
        return ""
    return (
        repr(float(value)) if isinstance(value, int | float | np.number) and not isinstance(value, bool) else str(value)
    )


def read_pulses(path: str | Path, *, down: str | Path | None = None) -> PulseData:
    """Pulses from a CSV file, in any of the layouts of :mod:`hardware_models.devices.pulse_tables`.

    Columns go by any of several names, in any order; others are ignored. Text is UTF-8, UTF-16 or Windows-1252.

    Parameters
    ----------
    path : of the file
    down : of a second one, where each has the ramps of one direction, a column a ramp; the first is then of those up
    """
    table = _table(path)
    if down is None:
        return PulseData(*pulse_tables.pulses_of(table), table.name).checked()
    other = _table(down)
    ramps = pulse_tables.ramps_of(table), pulse_tables.ramps_of(other)
    names = f"{table.name}, {other.name}"
    return PulseData.from_traces(*ramps, unit=pulse_tables.unit_of_ramps(table), source=names)


def _table(path: str | Path) -> PulseTable:
    name = Path(path).name
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise PulseDataError(f"The file {str(path)!r} cannot be read: {error.strerror or error}.") from None
    return pulse_tables.of_text(name, pulse_tables.decoded(name, data))
