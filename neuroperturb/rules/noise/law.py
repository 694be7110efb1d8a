"""The law of one draw ξ, of mean 0 and variance 1, and where the draws of a layer come from.

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
    lanes : fill(source, step, out): the same of all trials, unit i of trial b into out[i, b]; None: row by row
    remembers : whether a draw depends on the one before, so that a chip has to keep it
    """

    kernel: ClassVar[object]
    lanes: ClassVar[object] = None
    remembers: ClassVar[bool] = False

    def law(self, codes: int) -> tuple:
        """Numbers of the law where so many units, or weights, are perturbed."""
        del codes
        return Nothing()


class CodePlace(NamedTuple):
    """Where a layer is among all that is perturbed.

    first : number of its first code;  codes : N, of all layers;  fan : rows a trial, 1 for units;  batch : B
    """

    first: int = 0
    codes: int = 1
    fan: int = 1
    batch: int = 1


class NoiseSource(NamedTuple):
    """Where the draws of one layer come from: a key of the random generator, or numbers recorded elsewhere.

    seed, stream : the key;  values : (steps, rows, units) recorded standard draws, (1, 1, 1) where there are none
    place : of the layer among all that is perturbed;  law : numbers of the law
    scratch : (2, units) room for a law that needs it
    """

    seed: int
    stream: int
    values: np.ndarray
    place: CodePlace = CodePlace()
    law: NamedTuple = Nothing()
    scratch: np.ndarray = np.zeros((2, 1))


@kernel
def fill_recorded(source, step, row, out):
    """The recorded draw: how a case computed elsewhere is replayed through the kernels that train."""
    values = source.values[step, row]
    for i in range(out.shape[0]):
        out[i] = values[i]
