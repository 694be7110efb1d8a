"""The scale of an array, W = scale · w, and what becomes of weights that do not fit.

    scale = max |W| / reach          reach: the largest |w| that mean cells make within their bounds

Every weight is then held to half a level of the cells, and none is clipped, unless a cell has a smaller range of its own than the mean
cell. What is clipped is counted in the array's `Shortfall`.
"""

from __future__ import annotations

import warnings

import numpy as np

from hardware_models.crossbar.contract import ROUNDING, Site
from hardware_models.numerics.checks import HardwareWarning

MANY, SEVERAL = (
    0.1,
    10,
)  # share and number of weights from which cells with a small range of their own are worth a warning


def scale_for(site: Site, W: np.ndarray) -> float:
    """Weight units per device unit for weights W (n, m): the largest at the end of the range; 1 for cells that hold any weight."""
    found = site.parts.programming.scale(W)
    if found is None:
        reach = site.weight.reach(site.cell)
        found = 1.0 if reach is None else float(np.abs(W).max()) / reach
    return found if site.dtype.type(found) > 0 else 1.0  # nothing but zeros, in this dtype


def beyond(site: Site, W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """States (d, m, n) of the devices for weights W (n, m) at the scale of the array, and which weights (m, n) they cannot hold."""
    target = site.weight.targets(site.state.cells, W.T / float(site.state.scale[0]))
    states = site.cell.program(target, site.dtype.type)
    return states, site.parts.programming.out_of_range(site, target, states)


def warn_of_clipping(site: Site, W: np.ndarray, clipped: int) -> None:
    """Warn in one sentence where the scale is too small for W (n, m): for the mean cell, or for many cells of this chip.

    A few cells whose own range is small are as fabricated: they are counted. Cells that cannot hold 0 either, dead ones or those
    whose range is shifted, are no reason to warn: no scale helps.
    """
    scale, reach, largest = float(site.state.scale[0]), site.weight.reach(site.cell) or 1.0, float(np.abs(W).max())
    too_small = largest > (reach * (1 + ROUNDING) + 0.51 * site.weight.grain(site.cell)) * scale
    if not too_small and clipped - beyond(site, np.zeros_like(W))[1].sum() <= max(MANY * W.size, SEVERAL):
        return
    share = f"{clipped} of {W.size} weights ({100 * clipped / W.size:.2g} %) were clipped"
    range_ = f"with a weight_scale of {scale:.3g} the mean cell holds up to {reach * scale:.3g}, and the largest weight is {largest:.3g}"
    cure = f"from {largest / reach:.3g} on they fit" if too_small else "others hold less, and a larger scale makes room"
    warnings.warn(f"{share}: {range_}; {cure}.", HardwareWarning, stacklevel=3)
