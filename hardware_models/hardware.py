"""Hardware: the parts of an array, before there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import DTypeLike

from hardware_models.array import EXACT, IDEAL, SynapseArray, complete
from hardware_models.costs.html_table import html_table
from hardware_models.costs.model import Costs
from hardware_models.crossbar import arguments
from hardware_models.crossbar.contract import Cell, Parts, Programming, Readout, Time, Weight, Writing
from hardware_models.crossbar.sites import Sites
from hardware_models.numerics.checks import InputError, ParameterError
from hardware_models.saving.chip_cells import ENDING


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """The parts of an array, each a separate object; the defaults are ideal.

    cells : a cell model, see :mod:`hardware_models.devices`
    weight : mapping of cells to a weight, see :mod:`hardware_models.crossbar.weights`; None: that of `programming`, or one cell each
    writing : mapping of updates to pulses, see :mod:`hardware_models.writing.by_cell`, or None: the cell rounds every request
    programming : initial programming of cells, see :mod:`hardware_models.programming.by_pulses`
    reading : model of reads, or None: exact
    time : ageing of cells, or None: none
    weight_scale : weight units per device unit, or None: the largest |weight| is at the bound of the cells
    costs : costs of operations, see :mod:`hardware_models.costs.figures`; None: those of static memory of their bits for digital cells,
        others are counted without costs
    cells_file : of the cells of a measured chip, an ``.npz`` file of their steps, bounds and stuck values by name; None: the cell model
        draws them
    """

    cells: Cell = IDEAL
    weight: Weight | None = None
    writing: Writing | None = None
    programming: Programming = EXACT
    reading: Readout | None = None
    time: Time | None = None
    weight_scale: float | None = None
    costs: Costs | None = None
    cells_file: str | None = None

    def _repr_html_(self) -> str:
        told = [(f.name, getattr(self, f.name)) for f in fields(self) if f.name != "costs"]
        usual = {f.name: f.default for f in fields(self)}
        return html_table(
            "Hardware", [(name, value) for name, value in told if name == "cells" or value != usual[name]]
        )

    def array(
        self, shape: Sequence[int], *, dtype: DTypeLike = np.float32, seed: int = 0, number: int = 0, columns: int = 1,
        track: bool = False, weight_scale: float | None = None, sites: Sites | None = None, matrix: str = "",
    ) -> SynapseArray:  # fmt: skip
        """An array (n, m) of this hardware, of chip `seed`; parameters as in :class:`SynapseArray`; `weight_scale` if this has none.

        matrix : which array of a measured chip it is, for a `cells_file` of several
        """
        array = SynapseArray(
            shape, self.cells, weight=self.weight, writing=self.writing, programming=self.programming, reading=self.reading,
            time=self.time, weight_scale=weight_scale if self.weight_scale is None else self.weight_scale, dtype=dtype, seed=seed,
            number=number, columns=columns, costs=self.costs, track=track, sites=sites,
        )  # fmt: skip
        if self.cells_file is not None:
            try:
                array.cells.load(self.cells_file, matrix)
            except ParameterError as error:
                cells = f"the cells of {matrix or 'this array'}"
                raise InputError(f"The file {self.cells_file!r} does not fit {cells}: {error}") from None
        return array

    @property
    def parts(self) -> Parts:
        """All parts, with None replaced by defaults."""
        return complete(self.cells, self.weight, self.writing, self.programming, self.reading, self.time)

    @property
    def reads_noisily(self) -> bool:
        """Whether two reads of the same cells may differ."""
        return self.parts.programming.reads_noisily or self.parts.readout.reads_noisily

    @property
    def ages(self) -> bool:
        """Whether time may change the array."""
        return self.time is not None or self.parts.programming.ages

    def check_fit(self) -> None:
        """Raise ParameterError for incompatible parts; nothing is fabricated or compiled.

        Names are those of the fields here, dotted for parts of parts: ``"time.faults.stuck_low"``.
        """
        arguments.check_scale(self.weight_scale, type(self).__name__)
        if self.cells_file is not None:
            self._check_cells_file()
        try:
            arguments.check_contracts(
                cells=self.cells, weight=self.weight, writing=self.writing, programming=self.programming, reading=self.reading, time=self.time
            )  # fmt: skip
            arguments.check_fit(arguments.Design(self.parts))
        except ParameterError as error:
            raise error.at(error.name, "" if error.owner == "SynapseArray" else error.owner) from None

    def _check_cells_file(self) -> None:
        owner, path = type(self).__name__, self.cells_file
        if not isinstance(path, str) or not path.lower().endswith(ENDING):
            raise ParameterError("cells_file", owner, f"a file that ends in {ENDING}", path)
        if self.cells.fabricate((1, 1, 1), 0, 0) is None:
            hint = f"Cells of {type(self.cells).__name__} have no parameters of their own."
            raise ParameterError("cells_file", owner, "left out", path, hint)
