"""The distribution of one draw ξ, of mean 0 and variance 1, and the source of a layer's draws.

Every draw is a function of the seed, the layer's stream, the number of the draw, the trial and the unit or synapse: there is no
state, and nothing to store.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np

from hardware_models.numerics.compiled import kernel
from neuroperturb.rules.facts import AxisValue
from neuroperturb.rules.formula.signatures import Nothing


class NoiseLaw(AxisValue):
    """A value of this axis.

    kernel : fill(source, step, row, out): draw number `step` of a row of units, or of synapses
    lanes : fill(source, step, out): the same for all trials, unit i of trial b into out[i, b]; None: row by row
    remembers : whether a draw depends on the previous one, so that a chip has to store it
    """

    kernel: ClassVar[object]
    lanes: ClassVar[object] = None
    remembers: ClassVar[bool] = False

    def law(self, codes: int) -> tuple:
        """Numbers of the distribution for a given number of perturbed units, or weights."""
        del codes
        return Nothing()

    def law_of(self, codes: int, taus: np.ndarray) -> tuple:
        """The same for one layer, from the time constants of its units too, (units,) [steps]."""
        del taus
        return self.law(codes)


class CodePlace(NamedTuple):
    """The place of a layer among everything that is perturbed.

    first : number of its first code;  codes : N, of all layers;  fan : rows per trial, 1 for units;  batch : B
    """

    first: int = 0
    codes: int = 1
    fan: int = 1
    batch: int = 1


class NoiseSource(NamedTuple):
    """The source of a layer's draws: a key of the random generator, or recorded numbers.

    seed, stream : the key;  values : (steps, rows, units) recorded standard draws, (1, 1, 1) if there are none
    place : of the layer among everything that is perturbed;  law : numbers of the distribution
    scratch : (2, units) scratch space for distributions that need it
    """

    seed: int
    stream: int
    values: np.ndarray
    place: CodePlace = CodePlace()
    law: NamedTuple = Nothing()
    scratch: np.ndarray = np.zeros((2, 1))


@kernel
def fill_recorded(source, step, row, out):
    """The recorded draw, for replaying cases computed elsewhere with the training kernels."""
    values = source.values[step, row]
    for i in range(out.shape[0]):
        out[i] = values[i]
