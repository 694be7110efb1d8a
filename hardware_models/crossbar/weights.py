"""Mapping of cells to a weight:  W_ij = scale · Σ_k gain_k w[k, j, i],  and distribution of a change among them.

A change Δ of the weight (device units) is a request Δ_k to device k; each device writes its request by its own formula.

    Single              W = w                     Δ_0 = Δ
    DifferentialPair    W = w_0 − w_1             Δ_k = gain_k Δ / Σ gain²: both devices are trained, in opposite directions
    Devices             any gains                 the same
    OneSidedPair        W = w_0 − w_1             Δ_0 = max(Δ, 0), Δ_1 = max(−Δ, 0): pulses up only, and both are refreshed
    ZeroShifted         W = w_0 − w_1             Δ_0 = Δ: the other device holds a reference and is not trained
    SeveralDevices      W = Σ g_k w_k, Σ g_k = 1  Δ_k = Δ / g_k for one device a write, the others get 0, see `turns`
    SeveralPairs        the mean of P one-sided pairs, of which one gets the change, P Δ
    BitSlices           digits of a weight, each with an ADC of its own, see `weights_sliced`

Every device is a cell like the others: it is fabricated, ages, fails and is read, and counts as storage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import DTypeLike

from hardware_models.crossbar.contract import Cell, Weight
from hardware_models.crossbar.refresh import RefreshState, make_refresh, refresh_state
from hardware_models.crossbar.state import ArrayState, Cells
from hardware_models.crossbar.symmetry_point import mean_symmetry_point, symmetry_points
from hardware_models.crossbar.turns import PAIR_POLICIES, POLICIES, make_share
from hardware_models.crossbar.weights_sliced import BitSlices
from hardware_models.numerics import random
from hardware_models.numerics.checks import (
    ParameterError,
    is_finite,
    is_number,
    refuse,
    require,
    require_not_negative,
    require_share,
    require_whole,
)
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
    """Several devices per weight, all of them trained.

    gains : contribution of each device to the weight; finite, not all 0
    """

    gains: tuple[float, ...] = (1.0,)

    share_row: ClassVar = staticmethod(share_by_gain)

    @property
    def trained(self) -> int:
        """Number of devices written by updates, the first ones."""
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
    """One device per weight."""

    holds_conductances: ClassVar[bool] = True

    def check(self) -> None:
        _require_gains(self, (1.0,))


@dataclass(frozen=True, kw_only=True)
class DifferentialPair(Devices):
    """Two devices per weight, W = w_0 − w_1, both trained."""

    gains: tuple[float, ...] = (1.0, -1.0)

    holds_conductances: ClassVar[bool] = True

    def check(self) -> None:
        _require_gains(self, (1.0, -1.0))


@dataclass(frozen=True, kw_only=True)
class OneSidedPair(Devices):
    """Two devices per weight, W = w_0 − w_1, with pulses up only, and refresh; see :mod:`hardware_models.crossbar.refresh`.

    refresh_every : number of writes between refreshes, 1 or more
    larger, smaller : a pair is refreshed where its larger and its smaller device are above these parts of the range of the mean
        cell, 0 … 1
    reset : where a reset leaves devices above their lower bounds, in the mean [device units]
    reset_dtod : spread of that between devices [device units]
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


MOST_DEVICES = 64  # a weight


@dataclass(frozen=True, kw_only=True)
class SeveralDevices(Devices):
    """Several devices that share a weight of the size of one, W = Σ g_k w_k with Σ g_k = 1; a write pulses one of them.

    Steps and write noise of a weight are g_k times those of a device. Every device is programmed to the weight itself.

    devices : K, cells that share a weight, 2 … 64
    policy : ``"in-turn"`` or ``"random"``, the same device for all weights in one write; or ``"significance"``: for every weight the
        most significant device of which the change is a pulse at least
    ratio : γ, g_k ∝ γᵏ, above 0 and at most 1; below 1 devices differ in significance
    """

    devices: int = 4
    policy: Literal["in-turn", "random", "significance"] = "in-turn"
    ratio: float = 1.0

    gains: tuple[float, ...] = field(default=(), init=False, repr=False)
    takes_turns: ClassVar[bool] = True

    def __post_init__(self):
        if isinstance(self.devices, int) and 1 <= self.devices <= MOST_DEVICES and is_number(self.ratio):
            significance = np.power(float(self.ratio), np.arange(self.devices))
            object.__setattr__(self, "gains", tuple((significance / significance.sum()).tolist()))

    def check(self) -> None:
        require_whole(self, "devices", 2, MOST_DEVICES)
        if self.policy not in POLICIES:
            refuse(self, "policy", " or ".join(map(repr, POLICIES)))
        require(self, "ratio", "above 0 and at most 1", lambda v: 0 < v <= 1)

    @property
    def share_row(self) -> Callable[..., Any]:
        return make_share(self.policy, 1)

    def shares(self) -> np.ndarray:
        return np.ones(len(self.gains))

    def pulsed_together(self) -> np.ndarray:
        return np.array(self.gains[:1])

    def targets(self, cells: Cells, target: np.ndarray) -> np.ndarray:
        return np.broadcast_to(target, (len(self.gains), *target.shape))


@dataclass(frozen=True, kw_only=True)
class SeveralPairs(OneSidedPair):
    """The mean of several one-sided pairs, each refreshed by itself; a write pulses one of them.

    pairs : P, pairs that share a weight, 2 … 32
    policy : ``"in-turn"`` or ``"random"``, the same pair for all weights in one write
    """

    pairs: int = 4
    policy: Literal["in-turn", "random"] = "in-turn"

    takes_turns: ClassVar[bool] = True

    def __post_init__(self):
        if isinstance(self.pairs, int) and 1 <= self.pairs <= MOST_DEVICES // 2:
            object.__setattr__(self, "gains", (1 / self.pairs, -1 / self.pairs) * self.pairs)

    def check(self) -> None:
        super().check()
        require_whole(self, "pairs", 2, MOST_DEVICES // 2)
        if self.policy not in PAIR_POLICIES:
            refuse(self, "policy", " or ".join(map(repr, PAIR_POLICIES)))

    @property
    def share_row(self) -> Callable[..., Any]:
        return make_share(self.policy, 2)

    def shares(self) -> np.ndarray:
        return np.sign(self.gains)


@dataclass(frozen=True, kw_only=True)
class ZeroShifted(Devices):
    """A device and a reference, W = w_0 − w_1, with w_1 set once, to the symmetry point of w_0.

    At the symmetry point of a cell, mean pulses up and down are equal (:mod:`hardware_models.crossbar.symmetry_point`), so that
    alternating pulses, as noise causes them, keep a weight near 0 instead of driving it away: H. Kim et al., "Zero-shifting
    technique for deep neural network training on resistive cross-point arrays", arXiv:1907.10228. Only w_0 is trained. A cell
    model that subtracts its symmetry point itself (`SoftBoundsReference`) contains such a reference, as a number and not as
    a device, and is rejected: set ``subtract_symmetry_point=False``.

    reference_std : error of the reference, including its write noise [device units]
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
            wanted = "False for ZeroShifted, which has its own reference"
            raise ParameterError("cells.subtract_symmetry_point", "cells", wanted, True)

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

    def reach(self, cell: Cell) -> float:
        """What the symmetry point leaves of the range."""
        return max(cell.bound - abs(mean_symmetry_point(cell)), cell.granularity)

    def targets(self, cells: Cells, target: np.ndarray) -> np.ndarray:
        """The device makes up for its reference, which stays."""
        reference = cells.w[1, :, : target.shape[-1]].astype(np.float64)
        return np.stack([target + reference, reference])


def _require_formulas(weight: Devices, cell: Cell) -> None:
    if cell.pulse_up is None:
        raise ParameterError("cells", "SynapseArray", f"pulses for {type(weight).__name__}", cell, verb="must have")


# Names in tables
KINDS: dict[str, type[Weight]] = {
    "single": Single,
    "pair": DifferentialPair,
    "one-sided-pair": OneSidedPair,
    "zero-shifted": ZeroShifted,
    "devices": Devices,
    "several": SeveralDevices,
    "one-sided-pairs": SeveralPairs,
    "slices": BitSlices,
}
