"""Programming: how cells get their first weights.

    Exact           every cell holds its target, as far as its bounds allow; no pulses
    WriteVerify     read, send pulses towards the target, read again, until a cell shows it or has had enough
    OpenLoop        reset, then as many pulses up as would bring the mean cell there; nobody looks

A way of programming is an object with ``check()``, ``check_array(array)`` and ``program(array, target)``, where `target` (d, m, n)
is what every device is to hold [device units]. Pulses and resets (one pulse down) are counted like any others. Draws: stream
PROGRAM, keyed by programming, round and cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hardware_models.crossbar.mean_response import pulses_to, response
from hardware_models.crossbar.pulses import LONGEST, PULSE, Moment, make_send
from hardware_models.numerics import memory, random
from hardware_models.numerics.checks import refuse, require_not_negative, require_positive

if TYPE_CHECKING:
    from hardware_models.array import SynapseArray

ROUNDS = 1 << 16  # of one programming
AT_ONCE = 0.5  # part of the way, in mean steps, that is sent before a cell is read again


def set_cells(array: SynapseArray, target, round: int = 0) -> None:
    """Cells hold `target` (d, m, n) within their bounds, and show it with write noise."""
    cells, n = array.state.cells, array.shape[0]
    if cells.bound_up.size > 1:
        target = np.clip(target, cells.bound_low[:, :, :n], cells.bound_up[:, :, :n])
    cells.w[:, :, :n] = target
    if cells.held.size > 1:
        cells.held[:, :, :n] = target
        xi = random.normal(
            array.state.seed, array.state.showing, _moment(array, round).shown, target.shape, array.dtype
        )
        cells.w[:, :, :n] += array.dtype.type(array.cell.write_noise_std * array.cell.dw_min) * xi


def _moment(array: SynapseArray, round: int) -> Moment:
    """Programming leaves the draws of updates as they are: a stream of its own, and write noise of a pulse that no update has."""
    step = (int(array.state.programs[0]) % (1 << 15)) * ROUNDS + round
    return Moment(array.state.programming, step, step + LONGEST * PULSE)


def _send(array: SynapseArray, pulses, round: int) -> None:
    """Whole pulses (d, m, n) to all cells."""
    sent = memory.zeros((*pulses.shape[:2], array.shape[0]), array.dtype)
    sent[:, :, : array.shape[0]] = pulses
    make_send(array.cell.send_row, None, array.hold_row)(array.record, sent, _moment(array, round))


def reset(array: SynapseArray, std: float, round: int) -> None:
    """Trained devices to their lower bounds, and |std ξ| above; one pulse down each."""
    cells, n, trained = array.state.cells, array.shape[0], array.weight.trained
    target = (cells.held if cells.held.size > 1 else cells.w)[:, :, :n].astype(np.float64)
    moment = _moment(array, round)
    xi = random.normal(array.state.seed, moment.stream, moment.shown, target.shape, np.float64)
    target[:trained] = (cells.bound_low[:, :, :n] + np.abs(std * xi))[:trained]
    set_cells(array, target, round)
    cells.down[:trained, :, :n] += np.uint32(1)


@dataclass(frozen=True)
class Exact:
    """Every cell holds its target, as far as its bounds allow."""

    def check(self) -> None:
        """Nothing can be wrong with it."""

    def check_array(self, array: SynapseArray) -> None:
        """It suits every cell."""

    def program(self, array: SynapseArray, target) -> None:
        """Set cells to `target` (d, m, n) [device units]."""
        set_cells(array, target)


@dataclass(frozen=True, kw_only=True)
class WriteVerify:
    """Read a cell, send pulses towards its target, read again.

    What is read is what a cell shows, write noise included and nothing else. Half of the way is sent at a time, in mean steps, and
    at least one pulse; devices that only go up are reset first.

    tolerance : how far from its target a cell may show [parts of the bound of the mean cell], positive
    most_pulses : that one programming sends to a cell, 1 … 65535
    """

    tolerance: float = 0.02
    most_pulses: int = 1000

    def check(self) -> None:
        """Raise ValueError where a parameter cannot be."""
        require_positive(self, "tolerance")
        if not (isinstance(self.most_pulses, int) and 1 <= self.most_pulses < ROUNDS):
            refuse(self, "most_pulses", f"a whole number from 1 to {ROUNDS - 1}")

    def check_array(self, array: SynapseArray) -> None:
        """Raise ValueError where cells have no pulses."""
        if not hasattr(array.cell, "send_row"):
            _refuse_cell(self, array.cell)

    def program(self, array: SynapseArray, target) -> None:
        """Bring cells near `target` (d, m, n) [device units]."""
        (n, _), trained, cells = array.shape, array.weight.trained, array.state.cells
        if array.weight.one_sided:
            reset(array, array.weight.reset_std, 0)
        least, step = self.tolerance * array.cell.bound, array.cell.granularity
        spent = np.zeros(target.shape, int)
        for round in range(1, self.most_pulses + 1):
            off = target - cells.w[:, :, :n]
            off[trained:] = 0
            pulses = np.ceil(np.abs(off) * (AT_ONCE / step)).astype(int)
            pulses = np.minimum(pulses, self.most_pulses - spent) * (np.abs(off) > least)
            if array.weight.one_sided:
                pulses *= off > 0
            if not pulses.any():
                return
            spent += pulses
            _send(array, np.sign(off) * pulses, round)


@dataclass(frozen=True, kw_only=True)
class OpenLoop:
    """Reset, then pulses up by the response of the mean cell (:mod:`hardware_models.crossbar.mean_response`); nobody looks.

    Sends every cell some half of its states in pulses: slow to simulate where there are thousands.

    reset_std : standard deviation of where a reset leaves a cell, above its lower bound [device units]
    """

    reset_std: float = 0.0

    def check(self) -> None:
        """Raise ValueError where a parameter cannot be."""
        require_not_negative(self, "reset_std")

    def check_array(self, array: SynapseArray) -> None:
        """Raise ValueError where there is no response of a mean cell."""
        if not hasattr(array.cell, "pulse_up"):
            _refuse_cell(self, array.cell)

    def program(self, array: SynapseArray, target) -> None:
        """Bring cells somewhere near `target` (d, m, n) [device units]."""
        reset(array, self.reset_std, 0)
        pulses = pulses_to(target, response(array.cell))
        pulses[array.weight.trained :] = 0
        _send(array, pulses, 1)


def _refuse_cell(programming, cell) -> None:
    raise ValueError(
        f"The 'cell' parameter of SynapseArray must have pulses for {type(programming).__name__}. Got {cell!r} instead."
    )
