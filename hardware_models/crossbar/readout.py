"""Reading, as an array sees it: a part like those of :mod:`hardware_models.crossbar.contract`; its default reads exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import DTypeLike

from hardware_models.crossbar.state import Absent, ArrayState, weights_of
from hardware_models.crossbar.sweep import Stages


class Readout(Protocol):
    """The periphery of a read; exact by default; see `hardware_models.Reading`.

    dac_bits, adc_bits : of its converters, 0: none that rounds;  adc_enob : its effective bits
    reads_noisily : whether two reads of the same cells may differ
    keeps_state : whether its kernels find `ReadingState` in the array, with work space for `columns` columns
    """

    dac_bits: float = 0
    adc_bits: float = 0
    adc_enob: float = 0
    reads_noisily: bool = False
    keeps_state: ClassVar[bool] = False

    def check(self) -> None:
        """Raise ParameterError where a parameter cannot be."""

    def fitted(self, siemens: float | None) -> Readout:
        """This for cells of such a conductance at one device unit [S], where it does not say itself; None: unknown."""
        del siemens
        return self

    def check_array(self, site: Any) -> None:
        """Raise ParameterError, or warn, where an array cannot be read this way; of the site only its design is there."""

    @property
    def stages(self) -> Stages:
        """The compiled stages around the walk."""
        return Stages()

    @property
    def stages_apart(self) -> Stages:
        """The same where every device of a weight has an ADC of its own."""
        return self.stages

    def state(
        self, shape: tuple[int, int], columns: int, seed: int, number: int, dtype: DTypeLike, devices: int = 1
    ) -> NamedTuple:
        """What array `number` (n, m) of chip `seed` stores for reads, by number of devices per weight and of columns."""
        del shape, columns, seed, number, dtype, devices
        return Absent()

    def rereads(self, state: ArrayState) -> int:
        """Columns that were read once more."""
        del state
        return 0

    def read_back(self, state: ArrayState, y: np.ndarray, noise: Callable | None = None) -> np.ndarray:
        """A read along the other side: y (K, n) → y W (K, m), weight units; noise : see `Programming.make_read_noise_back`."""
        out = y @ weights_of(state, state.cells.w + state.cells.slow)
        return out if noise is None else out + noise(state, y) * state.scale


@dataclass(frozen=True)
class Exactly(Readout):
    """An exact read."""
