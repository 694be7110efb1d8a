"""Mixed precision: requests are accumulated digitally, and cells get whole steps.

    χ ← χ + Δ        n = G trunc(χ / (G u))        χ ← χ − n u        device k gets |n| pulses in the direction of n gain_k

G is the granule in pulses: those of the write noise of a weight, at least one, unless it is set. Every touch of a cell draws that noise
anew: smaller granules draw it more often, larger ones leave weights coarser than the noise does.

Not every write need send: with E = `every` and R = `rows`, write t sends if E divides t, and then the R rows from (t / E) R mod m on,
as a digital unit that moves few rows at a time does. Until then requests wait in χ.

u is the change of the weight of a mean cell at w = 0 by one such pulse: its granularity times Σ |gain| of the devices pulsed. No
finite request is lost, however small, and rounding is deterministic; χ is one number of the array's dtype per weight, digital storage
that the ledger counts. S. R. Nandakumar et al., "Mixed-precision deep learning based on computational memory", Front. Neurosci. 14, 406
(2020), doi:10.3389/fnins.2020.00406.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from hardware_models.crossbar.contract import Site, Writing
from hardware_models.crossbar.pulses import of_write
from hardware_models.crossbar.state import ArrayState
from hardware_models.crossbar.sweep import WritePath
from hardware_models.numerics import memory
from hardware_models.numerics.checks import require_positive, require_whole
from hardware_models.numerics.compiled import kernel
from hardware_models.writing.by_cell import require_pulses


class Accumulator(NamedTuple):
    """chi : (m, n) device units, requested changes not sent yet;  unit : u, device units;  granule : G, pulses;  every, rows : E, R"""

    chi: np.ndarray
    unit: float
    granule: float
    every: int
    rows: int


@kernel
def is_due(array, j):
    """Whether row j is sent by the write at hand."""
    every, rows, m = array.writing.every, array.writing.rows, array.writing.chi.shape[0]
    write = array.writes[0]
    return write % every == 0 and (j - write // every * rows) % m < rows


@kernel
def collect_row(array, j, change):
    """Convert requests of a row to whole numbers n; non-finite requests are ignored."""
    chi, unit, granule, most = (
        array.writing.chi[j],
        array.writing.unit,
        array.writing.granule,
        array.numbers.most_pulses,
    )
    zero, grain = type(unit)(0), granule * unit
    most = most if is_due(array, j) else zero
    for i in range(change.shape[0]):
        request = change[i] if np.isfinite(change[i]) else zero
        total = chi[i] + request
        n = np.trunc(total / grain) * granule
        n = n if n < most else most
        n = n if n > -most else -most
        chi[i] = total - n * unit
        change[i] = n


@lru_cache
def make_put_steps(send_row, one_sided: bool):
    """put_row of whole steps; one_sided : devices get pulses up only."""

    @kernel
    def put_row(array, pending, k, j, change):
        steps, zero = array.scratch.steps, type(change[0])(0)
        way = type(change[0])(1) if array.gain[k] > 0 else type(change[0])(-1)
        for i in range(change.shape[0]):
            n = way * change[i]
            steps[i] = max(n, zero) if one_sided else n
        send_row(array, array.numbers, k, j, steps, of_write(array, 0))

    return put_row


@dataclass(frozen=True, kw_only=True)
class MixedPrecision(Writing):
    """A digital accumulator χ of one number a weight; whole steps are sent.

    granule : smallest change that is sent [device units], rounded to whole pulses; None: the write noise of a weight, at least a pulse
    every : E, updates from one that sends to the next, 1 or more
    rows : R, rows sent at once, in turn, 1 or more; None: all
    """

    granule: float | None = None
    every: int = 1
    rows: int | None = None

    def check(self) -> None:
        if self.granule is not None:
            require_positive(self, "granule")
        require_whole(self, "every", 1, 2**31 - 1)
        if self.rows is not None:
            require_whole(self, "rows", 1, 2**31 - 1)

    def check_array(self, site: Site) -> None:
        require_pulses(self, site.cell)

    def accumulator_bits(self, dtype: DTypeLike) -> int:
        return 8 * np.dtype(dtype).itemsize

    def state(self, site: Site) -> Accumulator:
        (n, m), weight = site.shape, site.weight
        pulsed = np.abs(weight.gains[: weight.trained])
        unit = site.cell.granularity * (pulsed[0] if weight.one_sided else pulsed.sum())
        noise = site.cell.write_noise * np.sqrt(pulsed[0] ** 2 if weight.one_sided else np.sum(pulsed**2))
        granule = max(1, round(float(noise if self.granule is None else self.granule) / unit))
        kind, rows = site.dtype.type, m if self.rows is None else min(self.rows, m)
        return Accumulator(
            chi=memory.zeros((m, n), site.dtype, matrix=True), unit=kind(unit), granule=kind(granule), every=self.every, rows=rows
        )  # fmt: skip

    def waiting(self, state: ArrayState) -> np.ndarray | None:
        return state.writing.chi[:, : int(state.size[0])]

    def path(self, site: Site, change_row: Callable[..., Any]) -> WritePath:
        del change_row  # any will do
        return WritePath(make_put_steps(site.cell.send_row, site.weight.one_sided), collect_row=collect_row)
