"""Bit-sliced weights: several cells hold the digits of a weight, each of them is read by an ADC of its own, and digits add up digitally.

    W = (2^b − 1)/(2^{bK} − 1) Σ_k 2^{b(K−1−k)} w_k          K slices of b bits;  k = 0 the most significant;  |w_k| ≤ top
    y_i = Σ_k gain_k adc_k(Σ_j w_kji x_j)                    shift and add;  bound of adc_k: `adc_bounds`, or that of the reading

Digits have a sign: a cell holds m/(2^b − 1) of `top`, m = −(2^b − 1) … 2^b − 1, which is what cells of b + 1 bits hold (`Digital`), or a
pair of cells one of which is empty. K such slices hold what one cell of bK + 1 bits would. The least significant slice takes the rest,
whatever it is, so that cells without levels hold any weight exactly.

A change is one of the most significant slice of which it is a pulse at least, as `SeveralDevices` by significance. There is no carry: a
slice at its bound stays there, and what it cannot do is lost, unless the writing reads cells back (`ClosedLoop`), or weights are
programmed only. One ADC a slice and how much its bound matters: A. Shafiee et al., "ISAAC", ISCA 2016, doi:10.1109/ISCA.2016.12; bounds
calibrated on inputs, slice by slice: T. P. Xiao et al., "On the accuracy of analog neural network inference accelerators", IEEE Circuits
Syst. Mag. 22(4), 26 (2022), doi:10.1109/MCAS.2022.3214409.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from hardware_models.crossbar import arguments
from hardware_models.crossbar.contract import Cell, Site, Weight
from hardware_models.crossbar.state import Cells
from hardware_models.crossbar.turns import share_by_significance
from hardware_models.numerics.checks import ParameterError, is_finite, refuse, require_positive, require_whole

MOST_SLICES, MOST_BITS = 8, 8


class SliceState(NamedTuple):
    """adc_bounds : (K,) of each slice's ADC [device units · input units]; 0: that of the reading"""

    adc_bounds: np.ndarray


@dataclass(frozen=True, kw_only=True)
class BitSlices(Weight):
    """Slices of a weight, W = Σ 2^{bk} W_k up to scale, each with an ADC of its own.

    slices : K, cells of a weight, each with some of its bits, 1 … 8; one is a single device
    bits : b, of a slice, 1 … 8
    top : largest |w| of a slice, where its digit is 2^b − 1 [device units]
    adc_bounds : of the ADC of every slice, the most significant first [device units · input units], such as `calibrated_bounds` finds;
        empty: the reading's own for all

    Examples
    --------
    >>> import hardware_models as hw
    >>> array = hw.SynapseArray((1, 2), hw.Digital(bits=3), weight=hw.BitSlices(slices=2, bits=2), weight_scale=1.0)
    >>> array.program([[1.0, -0.4]])
    >>> (15 * array.read()).round(4)
    array([[15., -6.]], dtype=float32)
    """

    slices: int = 4
    bits: int = 2
    top: float = 1.0
    adc_bounds: tuple[float, ...] = ()

    gains: tuple[float, ...] = field(default=(1.0,), init=False, repr=False)
    takes_turns: ClassVar[bool] = True
    holds_conductances: ClassVar[bool] = True
    read_apart: ClassVar[bool] = True
    share_row: ClassVar = staticmethod(share_by_significance)

    def __post_init__(self):
        counts = (self.slices, MOST_SLICES), (self.bits, MOST_BITS)
        if all(isinstance(value, int) and 1 <= value <= most for value, most in counts):
            whole = 2 ** (self.bits * self.slices) - 1
            digit = 2**self.bits - 1
            gains = tuple(digit * 2 ** (self.bits * k) / whole for k in reversed(range(self.slices)))
            object.__setattr__(self, "gains", gains)

    @property
    def trained(self) -> int:
        return self.slices

    def check(self) -> None:
        require_whole(self, "slices", 1, MOST_SLICES)
        require_whole(self, "bits", 1, MOST_BITS)
        require_positive(self, "top")
        bounds = self.adc_bounds
        if not isinstance(bounds, tuple | list) or not all(is_finite(b) and b > 0 for b in bounds):
            refuse(self, "adc_bounds", "positive numbers, or empty")
        if bounds and len(bounds) != self.slices:
            refuse(self, "adc_bounds", f"a number for each of {self.slices} slices, or empty")

    def check_cell(self, cell: Cell) -> None:
        if cell.bound is not None and self.top > cell.bound:
            wanted = f"at most {cell.bound:g}, the bound of the cells"
            raise ParameterError("weight.top", type(self).__name__, wanted, self.top)

    def shares(self) -> np.ndarray:
        return np.ones(self.slices)

    def pulsed_together(self) -> np.ndarray:
        return np.array(self.gains[:1])

    def reach(self, cell: Cell) -> float | None:
        return None if cell.bound is None else self.top

    def grain(self, cell: Cell) -> float:
        return cell.granularity * self.gains[-1]

    def state(self, shape: tuple[int, int, int], cell: Cell, dtype: DTypeLike) -> SliceState:
        del shape, cell
        return SliceState(np.array(self.adc_bounds or (0.0,) * self.slices, dtype))

    def targets(self, cells: Cells, target: np.ndarray) -> np.ndarray:
        """Digits of |w|: whole ones, and the rest, from −2^{b−1} to 2^b − 1, in the least significant slice."""
        del cells
        if self.slices == 1:
            return target[None]
        base, K = 2**self.bits, self.slices
        size = np.abs(target) / self.top * (base**K - 1)
        upper = np.minimum(np.round(size / base), base ** (K - 1) - 1)
        digits = [np.floor(upper / base**k) % base for k in reversed(range(K - 1))]
        return np.sign(target) * np.stack([*digits, size - base * upper]) * (self.top / (base - 1))


def calibrated_bounds(array: Site, x: ArrayLike, share: float = 0.9995) -> tuple[float, ...]:
    """Bounds for the ADCs of an array's slices, from inputs it will see: the `share` quantile of |Σ_j w_kj x_j| over outputs and inputs.

    Parameters
    ----------
    array : an array whose weights are programmed
    x : (K, m), inputs, scaled as the reading scales them
    share : above 0, at most 1; sums beyond are clipped

    Returns
    -------
    tuple of float, one bound a device [device units · input units], the most significant first
    """
    if not (is_finite(share) and 0 < share <= 1):
        raise ParameterError("share", "calibrated_bounds", "above 0 and at most 1", share)
    rows, cells = arguments.check_rows("x", "calibrated_bounds", x, array.shape[1]), array.state.cells
    w = (cells.w + cells.slow)[:, :, : array.shape[0]].astype(np.float64)
    sums: Sequence[Any] = [np.abs(rows @ device) for device in w]
    return tuple(float(np.quantile(one, share)) or 1.0 for one in sums)
