"""What one array is made of: cells × how they make a weight × writing × programming × reading × time.

>>> import hardware_models as hw
>>> made_of = hw.Hardware(cells=hw.Digital(bits=4), weight=hw.DifferentialPair())
>>> array = made_of.array((10, 20), seed=1)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hardware_models.array import EXACT, IDEAL, SynapseArray
from hardware_models.cells import Devices
from hardware_models.costs import Costs


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """The parts of an array, each an object of its own; the defaults are ideal.

    cells : a cell model, see :mod:`hardware_models.devices`
    weight : how cells make a weight, see :mod:`hardware_models.cells`; None: as `programming` says, or one cell each
    writing : how updates become pulses, see :mod:`hardware_models.writing`, or None: the cell rounds every request
    programming : how cells get their first weights, see :mod:`hardware_models.programming`
    reading : how a read happens, or None: exactly
    time : what time does to cells, or None: nothing
    weight_scale : weight units per device unit, or None: by the first programmed weights
    costs : what operations cost, see :mod:`hardware_models.costs`; None: they are counted, not priced
    """

    cells: Any = IDEAL
    weight: Devices | None = None
    writing: Any = None
    programming: Any = EXACT
    reading: Any = None
    time: Any = None
    weight_scale: float | None = None
    costs: Costs | None = None

    def array(
        self, shape, *, dtype=np.float32, seed: int = 0, number: int = 0, columns: int = 1, track: bool = False
    ) -> SynapseArray:
        """An array (n, m) of this, of chip `seed`; parameters as in :class:`SynapseArray`."""
        return SynapseArray(
            shape, self.cells, weight=self.weight, writing=self.writing, programming=self.programming, reading=self.reading,
            time=self.time, weight_scale=self.weight_scale, dtype=dtype, seed=seed, number=number, columns=columns,
            costs=self.costs, track=track,
        )  # fmt: skip
