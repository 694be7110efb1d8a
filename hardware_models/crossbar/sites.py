"""The sites of an array: crossings without a cell, and cells on one side of zero.

    absent      there is no cell: no weight, no write, no pulse that counts, nothing to pay
    positive    w ← max(w, 0) after every write: the cell has the upper half of its range
    negative    w ← min(w, 0)

A crossing without a cell conducts nothing, so that a read adds nothing for it; the loops of an array still pass over it, which costs
time in a simulation and nothing on a chip. Sites are of the layout and not of the chip: they do not depend on its seed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hardware_models.numerics.checks import ParameterError, Words
from hardware_models.numerics.compiled import kernel

ANY, POSITIVE, NEGATIVE, ABSENT = 0, 1, -1, 2


class Sites(NamedTuple):
    """What is at every crossing of an array.

    codes : (n, m) int8, from j to i: `ANY` cell, a `POSITIVE` or a `NEGATIVE` one, or `ABSENT`
    """

    codes: np.ndarray

    @classmethod
    def of(cls, present: np.ndarray, sign: np.ndarray | None = None) -> Sites:
        """Sites (n, m) from where cells are, bool, and their sides: +1, −1, or 0 for both; None: both everywhere."""
        codes = np.zeros(np.shape(present), np.int8) if sign is None else np.array(sign, np.int8)
        codes[~np.asarray(present, bool)] = ABSENT
        return cls(codes)

    @property
    def present(self) -> np.ndarray:
        """Where cells are, (n, m) bool."""
        return self.codes != ABSENT

    @property
    def signed(self) -> bool:
        """Whether any cell keeps to one side of zero."""
        return bool(((self.codes == POSITIVE) | (self.codes == NEGATIVE)).any())

    def settled(self, W: np.ndarray, none: float = 0.0) -> np.ndarray:
        """Weights (n, m) after a write: `none` without a cell, and nothing on the wrong side."""
        W = np.where(self.codes == POSITIVE, np.maximum(W, 0), W)
        W = np.where(self.codes == NEGATIVE, np.minimum(W, 0), W)
        return np.where(self.present, W, none)


@kernel
def settle(codes, none, w):
    """The same for a row (n,) in place."""
    zero = type(none)(0)
    for i in range(codes.shape[0]):
        code, value = codes[i], w[i]
        value = zero if (code == POSITIVE and value < zero) or (code == NEGATIVE and value > zero) else value
        w[i] = none if code == ABSENT else value


@lru_cache
def make_hold_sites(hold_row, differs: bool, none: float):
    """hold_row(array, k, j) of an array with sites, after another one: row j of device k as it is once it was written.

    differs : whether the visible weight differs from the stored one;  none : state of a device that is not there [device units]
    """
    holding = hold_row is not None

    @kernel
    def hold(array, k, j):
        if holding:
            hold_row(array, k, j)
        cells, codes, absent = array.cells, array.cells.sites[j], type(array.scale[0])(none)
        settle(codes, absent, cells.w[k, j])
        if differs:
            settle(codes, absent, cells.held[k, j])

    return hold


def check_sites(sites: Sites | None, shape: tuple[int, int], devices: int, noisy: str) -> None:
    """Reject sites of another shape, and what an array with sites cannot be; noisy: a noise of all crossings, present or not, or ""."""
    if sites is None:
        return
    if not isinstance(sites, Sites) or sites.codes.shape != shape:
        got = Words(f"{sites.codes.shape}") if isinstance(sites, Sites) else sites
        raise ParameterError("sites", "SynapseArray", f"Sites of shape {shape}, or None", got)
    if devices > 1 and sites.signed:
        wanted = "of cells on both sides of zero where a weight has several devices, which are on both sides themselves"
        raise ParameterError("sites", "SynapseArray", wanted, Words(f"{devices} devices"))
    if noisy and not sites.present.all():
        wanted = "left out where cells are missing: it would be drawn for those, too"
        raise ParameterError(noisy, "SynapseArray", wanted, Words("some"))
