"""How cells make a weight:  W_ij = scale · Σ_k gain_k w[k, j, i],  and how a change is shared among them.

A change Δ of the weight (device units) is a request Δ_k to device k; each device writes its request by its own formula.

    Single              W = w                     Δ_0 = Δ
    DifferentialPair    W = w_0 − w_1             Δ_k = gain_k Δ / Σ gain²: both devices are trained, in opposite directions
    Devices             any gains                 the same
    OneSidedPair        W = w_0 − w_1             Δ_0 = max(Δ, 0), Δ_1 = max(−Δ, 0): pulses up only, and both are refreshed
    ZeroShifted         W = w_0 − w_1             Δ_0 = Δ: the other device holds a reference and is not trained

Every device is a cell like the others: it is fabricated, ages, fails and is read, and counts as storage.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import DTypeLike

from hardware_models.crossbar.contract import Cell, Weight
from hardware_models.crossbar.refresh import RefreshState, make_refresh, refresh_state
from hardware_models.crossbar.state import ArrayState, Cells
from hardware_models.crossbar.symmetry_point import symmetry_points
from hardware_models.numerics import random
from hardware_models.numerics.checks import ParameterError, is_finite, refuse, require_not_negative, require_share
from hardware_models.numerics.compiled import kernel

REFERENCE, OFFSET = 16, 17  # steps of the CHIP stream: error of reference devices, where resets leave devices


@kernel
def share_by_gain(array: ArrayState, k: int, change: np.ndarray, share: np.ndarray) -> None:
    """Δ_k = gain_k Δ / Σ gain²"""
    part = array.share[k]
    for i in range(change.shape[0]):
        share[i] = change[i] * part


@kernel
def share_upwards(array: ArrayState, k: int, change: np.ndarray, share: np.ndarray) -> None:
    """Δ_k = max(gain_k Δ, 0)"""
    part, zero = array.share[k], type(change[0])(0)
    for i in range(change.shape[0]):
        request = change[i] * part
        share[i] = request if request > zero else zero


@dataclass(frozen=True, kw_only=True)
class Devices(Weight):
    """Several devices a weight, all of them trained.

    gains : how much each device adds to the weight; finite, not all 0
    """

    gains: tuple[float, ...] = (1.0,)

    share_row: ClassVar = staticmethod(share_by_gain)

    @property
    def trained(self) -> int:
        """Devices that updates write: the first so many."""
        return len(self.gains)

    def check(self) -> None:
        gains = self.gains
        if not isinstance(gains, tuple | list) or not all(map(is_finite, gains)) or not any(gains):
            refuse(self, "gains", "finite factors, not all 0")
        if len(gains) == 1 and gains[0] != 1:
            refuse(self, "gains", "1 for a single device")

    def shares(self) -> np.ndarray:
        gains = np.asarray(self.gains, float)
        return gains / np.sum(gains**2)

    def targets(self, cells: Cells, target: np.ndarray) -> np.ndarray:
        return self.shares()[:, None, None] * target


def _require_gains(weight: Devices, gains: tuple[float, ...]) -> None:
    """Refuse other gains than those a weight is named after."""
    if tuple(weight.gains) != gains:
        refuse(weight, "gains", f"{gains}", hint="Devices(gains=…), 'devices' in tables, takes any.")


@dataclass(frozen=True, kw_only=True)
class Single(Devices):
    """One device a weight."""

    holds_conductances: ClassVar[bool] = True

    def check(self) -> None:
        _require_gains(self, (1.0,))


@dataclass(frozen=True, kw_only=True)
class DifferentialPair(Devices):
    """Two devices a weight, W = w_0 − w_1, both trained."""

    gains: tuple[float, ...] = (1.0, -1.0)

    holds_conductances: ClassVar[bool] = True

    def check(self) -> None:
        _require_gains(self, (1.0, -1.0))


@dataclass(frozen=True, kw_only=True)
class OneSidedPair(Devices):
    """Two devices a weight, W = w_0 − w_1, that get pulses up only, and refresh; see :mod:`hardware_models.crossbar.refresh`.

    refresh_every : writes from one refresh to the next, 1 or more
    larger, smaller : a pair is refreshed where its larger and its smaller device are above these parts of the range of the mean
        cell, 0 … 1
    reset, reset_dtod : where a reset leaves devices above their lower bounds, in the mean, and the spread of that between them
        [device units]
    reset_std : spread between resets of one device [device units]; none ends below its lower bound
    """

    refresh_every: int = 100
    larger: float = 0.75
    smaller: float = 0.25
    reset_std: float = 0.01
    reset: float = 0.0
    reset_dtod: float = 0.0

    gains: tuple[float, ...] = field(default=(1.0, -1.0), init=False, repr=False)
    share_row: ClassVar = staticmethod(share_upwards)
    one_sided: ClassVar[bool] = True

    def check(self) -> None:
        if not (isinstance(self.refresh_every, int) and self.refresh_every >= 1):
            refuse(self, "refresh_every", "a whole number of writes, 1 or more")
        require_share(self, "larger smaller")
        if self.smaller > self.larger:
            refuse(self, "smaller", f"at most 'larger', {self.larger!r}")
        require_not_negative(self, "reset_std reset reset_dtod")

    def check_cell(self, cell: Cell) -> None:
        _require_formulas(self, cell)

    def shares(self) -> np.ndarray:
        return np.asarray(self.gains, float)

    def state(self, shape: tuple[int, int, int], cell: Cell, dtype: DTypeLike) -> RefreshState:
        return refresh_state(self, cell, shape, dtype)

    def draw(self, state: RefreshState, shape: tuple[int, int, int], seed: int, number: int) -> None:
        stream = random.stream(random.Stream.CHIP, number)
        zeta = random.normal(seed, stream, OFFSET, shape, np.float64)
        state.offset[:, :, : shape[2]] = self.reset + self.reset_dtod * zeta

    def refresh(self, cell: Cell) -> tuple:
        return make_refresh(cell.send_row, cell.write_noise > 0)

    def targets(self, cells: Cells, target: np.ndarray) -> np.ndarray:
        """One device at rest, on the higher of the two lower bounds, where both can be."""
        n = target.shape[-1]
        rest = cells.bound_low[:, :, :n].max(axis=0)
        return rest + np.maximum(self.shares()[:, None, None] * target, 0)


@dataclass(frozen=True, kw_only=True)
class ZeroShifted(Devices):
    """A device and a reference, W = w_0 − w_1, where w_1 is set once, to the symmetry point of w_0.

    At the symmetry point of a cell, a mean pulse up is as large as one down (:mod:`hardware_models.crossbar.symmetry_point`), so that pulses up
    and down in turn, as noise sends them, hold a weight near 0 instead of drawing it away: H. Kim et al., "Zero-shifting
    technique for deep neural network training on resistive cross-point arrays", arXiv:1907.10228. Only w_0 is trained. A cell
    model that subtracts its symmetry point by itself (`SoftBoundsReference`) has such a reference inside, as a number and not as
    a device, and is refused: say ``subtract_symmetry_point=False``.

    reference_std : error of the reference, its write noise included [device units]
    """

    reference_std: float = 0.0

    gains: tuple[float, ...] = field(default=(1.0, -1.0), init=False, repr=False)

    @property
    def trained(self) -> int:
        return 1

    def check(self) -> None:
        require_not_negative(self, "reference_std")

    def check_cell(self, cell: Cell) -> None:
        _require_formulas(self, cell)
        if cell.subtract_symmetry_point:
            wanted = "False for ZeroShifted, which is a reference of its own"
            raise ParameterError("cell.subtract_symmetry_point", "cells", wanted, True)

    def shares(self) -> np.ndarray:
        return np.array([1.0, 0.0])

    def fabricate(self, cells: Cells, cell: Cell, shape: tuple[int, int, int], seed: int, number: int) -> None:
        (_, m, n), stream = shape, random.stream(random.Stream.CHIP, number)
        error = self.reference_std * random.normal(seed, stream, REFERENCE, (m, n), np.float64)
        low, high = cells.bound_low[1, :, :n], cells.bound_up[1, :, :n]
        reference = np.clip(symmetry_points(cell, cells, n) + error, low, high)
        for w in (cells.w, cells.held) if cells.held.size > 1 else (cells.w,):
            w[1, :, :n] = reference
            w[0, :, :n] = np.clip(reference, cells.bound_low[0, :, :n], cells.bound_up[0, :, :n])

    def targets(self, cells: Cells, target: np.ndarray) -> np.ndarray:
        """The device makes up for its reference, which stays."""
        reference = cells.w[1, :, : target.shape[-1]].astype(np.float64)
        return np.stack([target + reference, reference])


def _require_formulas(weight: Devices, cell: Cell) -> None:
    if cell.pulse_up is None:
        raise ParameterError("cell", "SynapseArray", f"pulses for {type(weight).__name__}", cell, verb="must have")


# What tables call them
KINDS: dict[str, type[Devices]] = {
    "single": Single,
    "pair": DifferentialPair,
    "one-sided-pair": OneSidedPair,
    "zero-shifted": ZeroShifted,
    "devices": Devices,
}
