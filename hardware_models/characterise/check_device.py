"""check_device: the requirements on a cell model, as one test that users can run themselves."""

from __future__ import annotations

import dataclasses

import numba
import numpy as np

from hardware_models.array import SynapseArray
from hardware_models.crossbar.contract import Cell
from hardware_models.devices import PulsedCell
from hardware_models.numerics.checks import ParameterError

SIZE = 24  # cells along a side of the test arrays


def check_device(cell: Cell) -> None:
    """Raise AssertionError with one sentence if a pulsed cell violates the contract of `PulsedCell`.

    Its parameters pass their own check; both formulas preserve the dtype of the weight; pulses up do not lower a mean weight nor
    pulses down raise it; weights stay finite and within the bounds of each cell; without noise, the same pulses give the same
    weights each time; with noise, the same seed does; every pulse is counted; spread and noise of strength zero make all
    cells equal.

    Examples
    --------
    >>> import hardware_models as hw
    >>> check_device(hw.SoftBounds(dw_min=0.01))
    """
    if not isinstance(cell, PulsedCell):
        raise ParameterError("cell", "check_device", "a PulsedCell", cell)
    cell.check()
    _dtype(cell)
    for dtype in (np.float32, np.float64):
        _pulses(cell, dtype)
    _repeats(cell)
    _equal_without_spread(cell)


def _require(condition, cell, sentence: str) -> None:
    if not condition:
        raise AssertionError(f"{type(cell).__name__} {sentence}.")


def _array(cell, dtype=np.float64, seed=1, size=SIZE) -> SynapseArray:
    array = SynapseArray((size, size), cell, dtype=dtype, seed=seed, weight_scale=1.0)
    array.program(np.zeros((size, size)))
    return array


def _formulas(cell):
    return {"pulse_up": cell.pulse_up, "pulse_down": cell.pulse_down}


def _dtype(cell) -> None:
    for dtype in (np.float32, np.float64):
        p = cell.numbers(dtype)
        arguments = [
            dtype(v) for v in (0.1 * cell.w_max, cell.dw_min, cell.w_max, cell.w_min, *cell.extra_of_mean_cell(), 0.5)
        ]
        for name, formula in _formulas(cell).items():
            kind = _kind(formula, (p, *arguments))
            _require(
                kind == np.dtype(dtype).name, cell,
                f"returns {kind} if {name} is given {np.dtype(dtype).name}: write type(w)(1) instead of a bare 1.0",
            )  # fmt: skip


def _kind(formula, arguments) -> str:
    """Name of the dtype that a formula returns: compiled ones return a Python float for any dtype."""
    value = formula(*arguments)
    if hasattr(formula, "overloads"):
        return str(formula.overloads[tuple(map(numba.typeof, arguments))].signature.return_type)
    return np.asarray(value).dtype.name


def _pulses(cell, dtype) -> None:
    array = _array(cell, dtype)
    cells, n = array.state.cells, SIZE
    held = cells.held if cells.held.size > 1 else cells.w
    before = held[:, :, :n].astype(np.float64)
    for pulses, way in ((20, 1), (-40, -1)):
        array.pulse(pulses)
        after = held[:, :, :n].astype(np.float64)
        _require(np.isfinite(after).all(), cell, "produces weights that are not finite")
        inside = (cells.bound_low <= held) & (held <= cells.bound_up)
        _require(inside[:, :, :n].all(), cell, "leaves the bounds of a cell")
        moved = after.mean() - before.mean()
        slack = 4 * cell.dw_min_std * cell.granularity * np.sqrt(abs(pulses)) / n  # 4 standard errors of the mean
        wrong = "moves down when pulsed up" if way > 0 else "moves up when pulsed down"
        _require(way * moved >= -slack, cell, wrong)
        before = after
    _require((cells.up[:, :, :n] == 20).all() and (cells.down[:, :, :n] == 40).all(), cell, "does not count its pulses")


def _after(cell, seed=1) -> bytes:
    array = _array(cell, seed=seed)
    array.pulse(7)
    array.pulse(-3)
    return array.read().tobytes()


def _repeats(cell) -> None:
    _require(
        _after(cell) == _after(cell), cell, "gives different weights when the same chip gets the same pulses again"
    )


def _equal_without_spread(cell) -> None:
    off = {f.name: 0.0 for f in dataclasses.fields(cell) if f.name.endswith(("_dtod", "_std", "_prob"))}
    quiet = dataclasses.replace(cell, **off)
    array = _array(quiet)
    array.pulse(7)
    W = array.read()
    _require(np.ptp(W) == 0, cell, "differs between cells although every spread and noise is 0")
    _require(_after(quiet, 1) == _after(quiet, 2), cell, "draws random numbers although every spread and noise is 0")
