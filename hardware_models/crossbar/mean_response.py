"""The response of a mean cell to pulses from its lower bound: what a circuit can use without reading single cells.

w_0 = w_min,    w_{r + 1} = clip(pulse_up(w_r))        without spread, without noise
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hardware_models.crossbar.pulses import LONGEST
from hardware_models.numerics.compiled import kernel

SATURATED = 1e-4  # of a mean step: a pulse that moves the mean cell less is none


@lru_cache
def make_response(pulse_up):
    """respond(p, w, own, least, out): weights after 0, 1, … pulses; how many fit in before steps fade.

    own : step, upper and lower bound, a and b of the cell
    """

    @kernel
    def respond(p, w, own, least, out):
        upper, lower = own[1], own[2]
        out[0] = w
        for r in range(1, out.shape[0]):
            after = min(max(pulse_up(p, w, *own, type(w)(0)), lower), upper)
            if not after - w > least:
                return r
            w = after
            out[r] = w
        return out.shape[0]

    return respond


def response(cell) -> np.ndarray:
    """Weights [device units] of the mean cell after 0, 1, … pulses up from its lower bound, increasing, float64."""
    chip, p, out = cell.mean_chip(), cell.numbers(np.float64), np.empty(LONGEST + 1)
    parts = (chip.step_up, chip.bound_up, chip.bound_low, chip.a, chip.b)
    own = tuple(np.float64(0 if part is None else part.item()) for part in parts)
    with np.errstate(all="ignore"):
        count = make_response(cell.pulse_up)(p, own[2], own, np.float64(SATURATED * cell.granularity), out)
    return out[:count].copy()


def pulses_to(weights, response) -> np.ndarray:
    """Numbers of pulses up from the lower bound after which the mean cell is nearest to `weights`, of their shape."""
    middle = (response[1:] + response[:-1]) / 2
    return np.searchsorted(middle, weights)
