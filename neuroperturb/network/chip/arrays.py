"""Arrays of a network's matrices, with room for what training makes of them.

An array by itself is scaled to hold the weights it is given, and no more. A matrix that learns needs room on top: how much, its
owner says.

    learnt            the bound of a cell is 4 standard deviations of the initial weights, or the largest of them if that is more
    D and P           begin as a multiple of the identity and head for some largest value: that is at the end of the range, the weights
                      they begin with are on a level; a smaller range where that value would push them below the first level
"""

from __future__ import annotations

import math

import numpy as np

import hardware_models as hw
from hardware_models.array import SynapseArray
from hardware_models.crossbar.sites import Sites
from neuroperturb.network.chip.cells_file import with_file_found

ROOM = 4  # standard deviations


def learnt_scale(W: np.ndarray, made_of: hw.Hardware) -> float | None:
    """Weight units per device unit for a matrix that learns, from its initial weights; None: cells hold any weight."""
    W, bound = np.asarray(W, np.float64), made_of.parts.cell.bound
    if bound is None or not W.size:  # of a matrix without a synapse, too
        return None
    return float(max(ROOM * W.std(), np.abs(W).max()) / bound) or 1.0


def growing_scale(W: np.ndarray, made_of: hw.Hardware, largest: float) -> float | None:
    """Weight units per device unit for a matrix that begins with weights W and heads for `largest`; None: cells hold any weight.

    The largest of W is a whole number k of the smallest steps of a weight from 0, one at least:

        scale = max |W| / (k grain)        k = max(1, ⌊max |W| reach / (largest · grain)⌋)
    """
    parts, begins = made_of.parts, float(np.abs(W).max())
    reach, grain = parts.weight.reach(parts.cell), parts.weight.grain(parts.cell)
    if reach is None:
        return None
    scale = max(largest, begins) / reach
    if begins == 0 or grain == 0:
        return scale or 1.0
    steps = max(1, math.floor(begins / (scale * grain) * (1 + 1e-9)))
    return begins / (steps * grain)


def programmed(
    made_of: hw.Hardware,
    W: np.ndarray,
    *,
    largest: float | None = None,
    dtype: np.dtype,
    seed: int,
    number: int,
    columns: int = 1,
    sites: Sites | None = None,
    matrix: str = "",
) -> SynapseArray:
    """An array of chip `seed` that holds W (n, m), with room to grow.

    sites : where synapses are, and of which sign; None: everywhere, of both
    matrix : its name, for files of the cells of several
    largest : that a matrix which begins as a multiple of the identity heads for; None: a learnt matrix, see above
    """
    there = W if sites is None else np.asarray(W)[sites.present]
    scale = learnt_scale(there, made_of) if largest is None else growing_scale(W, made_of, largest)
    array = with_file_found(made_of).array(
        W.shape, dtype=dtype, seed=seed, number=number, columns=columns, weight_scale=scale, sites=sites, matrix=matrix
    )
    array.program(W)
    return array
