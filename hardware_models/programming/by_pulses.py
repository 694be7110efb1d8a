"""Programming by pulses: the initial weights of cells that are trained.

    Exact           every cell is set to its target, within its bounds; no pulses
    WriteVerify     read, send pulses towards the target, read again, until a cell is close or has reached its limit of pulses
    OpenLoop        reset, then as many pulses up as the mean cell needs; nothing is read

Targets (d, m, n) are the intended weights of all devices [device units]. Pulses and resets (one pulse down) are counted like any others.
Draws: stream PROGRAM, keyed by programming, round and cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hardware_models.crossbar.contract import Cell, Programming, Site
from hardware_models.crossbar.mean_response import pulses_to, response
from hardware_models.crossbar.pulses import LONGEST, PULSE, Moment, make_send
from hardware_models.numerics import memory, random
from hardware_models.numerics.checks import ParameterError, require_not_negative, require_positive, require_whole

ROUNDS = 1 << 16  # of one programming
AT_ONCE = 0.5  # part of the way, in mean steps, that is sent before a cell is read again


def set_cells(site: Site, target, round: int = 0) -> None:
    """Cells hold `target` (d, m, n) within their bounds; the visible weight has write noise in addition."""
    cells, n = site.state.cells, site.shape[0]
    if cells.bound_up.size > 1:
        target = np.clip(target, cells.bound_low[:, :, :n], cells.bound_up[:, :, :n])
    cells.w[:, :, :n] = target
    if cells.held.size > 1:
        cells.held[:, :, :n] = target
        xi = random.normal(site.state.seed, site.state.showing, _moment(site, round).shown, target.shape, site.dtype)
        cells.w[:, :, :n] += site.dtype.type(site.cell.write_noise) * xi


def _moment(site: Site, round: int) -> Moment:
    """Programming leaves the draws of updates as they are: a stream of its own, and write noise of a pulse that no update has."""
    step = (int(site.state.programs[0]) % (1 << 15)) * ROUNDS + round
    return Moment(site.state.programming, step, step + LONGEST * PULSE)


def _send(site: Site, pulses, round: int) -> None:
    """Whole pulses (d, m, n) to all cells."""
    sent = memory.zeros((*pulses.shape[:2], site.shape[0]), site.dtype)
    sent[:, :, : site.shape[0]] = pulses
    make_send(site.cell.send_row, None, site.hold_row)(site.record, sent, _moment(site, round))


def reset(site: Site, std: float, round: int, offset: np.ndarray | None = None) -> None:
    """Trained devices to their lower bounds, and |std ξ| above, or offset + std ξ, if not below; one pulse down each."""
    cells, n, trained = site.state.cells, site.shape[0], site.weight.trained
    target = (cells.held if cells.held.size > 1 else cells.w)[:, :, :n].astype(np.float64)
    moment = _moment(site, round)
    xi = random.normal(site.state.seed, moment.stream, moment.shown, target.shape, np.float64)
    above = np.abs(std * xi) if offset is None else np.maximum(offset + std * xi, 0)
    target[:trained] = (cells.bound_low[:, :, :n] + above)[:trained]
    set_cells(site, target, round)
    cells.down[:trained, :, :n] += np.uint32(1)


@dataclass(frozen=True)
class Exact(Programming):
    """Every cell is set exactly to its target, within its bounds."""

    def program(self, site: Site, target: np.ndarray) -> None:
        set_cells(site, target)


@dataclass(frozen=True, kw_only=True)
class WriteVerify(Programming):
    """Read a cell, send pulses towards its target, read again.

    A read gives the visible weight, write noise included, and nothing else. Half of the way is sent at a time, in mean steps, and
    at least one pulse; devices that only go up are reset first. A cell that had its most pulses, that is stuck or whose bounds its target
    is beyond, stays where it is: such cells are counted (`SynapseArray.shortfall`, and in the ledger).

    tolerance : largest accepted error of the visible weight [fraction of the bound of the mean cell], positive
    most_pulses : largest number of pulses per cell and programming, 1 … 65535
    """

    tolerance: float = 0.02
    most_pulses: int = 1000

    def check(self) -> None:
        require_positive(self, "tolerance")
        require_whole(self, "most_pulses", 1, ROUNDS - 1)

    def check_array(self, site: Site) -> None:
        if site.cell.send_row is None:
            _refuse_cell(self, site.cell)

    def program(self, site: Site, target: np.ndarray) -> int:
        """How many cells it gave up on: none of them is within the tolerance."""
        (n, _), trained, cells = site.shape, site.weight.trained, site.state.cells
        if site.weight.one_sided:
            reset(site, site.weight.reset_std, 0, site.state.weight.offset[:, :, :n])
        least, step = self.tolerance * site.cell.bound, site.cell.granularity
        spent = np.zeros(target.shape, int)
        for round in range(1, self.most_pulses + 1):
            off = target - cells.w[:, :, :n]
            off[trained:] = 0
            pulses = np.ceil(np.abs(off) * (AT_ONCE / step)).astype(int)
            pulses = np.minimum(pulses, self.most_pulses - spent) * (np.abs(off) > least)
            if site.weight.one_sided:
                pulses *= off > 0
            if not pulses.any():
                break
            spent += pulses
            _send(site, np.sign(off) * pulses, round)
        off = (target - cells.w[:, :, :n])[:trained]
        return int((np.abs(off) > least).sum())


@dataclass(frozen=True, kw_only=True)
class OpenLoop(Programming):
    """Reset, then pulses up by the response of the mean cell (:mod:`hardware_models.crossbar.mean_response`).

    Sends about half as many pulses to every cell as it has states: slow to simulate for thousands of states.

    reset_std : standard deviation of where a reset leaves a cell, above its lower bound [device units]
    """

    reset_std: float = 0.0

    def check(self) -> None:
        require_not_negative(self, "reset_std")

    def check_array(self, site: Site) -> None:
        if site.cell.pulse_up is None:
            _refuse_cell(self, site.cell)

    def program(self, site: Site, target: np.ndarray) -> None:
        reset(site, self.reset_std, 0)
        pulses = pulses_to(target, response(site.cell))
        pulses[site.weight.trained :] = 0
        _send(site, pulses, 1)


def _refuse_cell(programming: Programming, cell: Cell) -> None:
    raise ParameterError("cells", "SynapseArray", f"pulses for {type(programming).__name__}", cell, verb="must have")
