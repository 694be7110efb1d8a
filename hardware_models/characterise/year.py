"""A year in the life of programmed weights: cells programmed to several levels, at times up to a year.

    error        rms(w(t) − w(0)) / rms(w(0))
    compensated  the same of α w(t), α = Σ |w(0)| / Σ |w(t)|: with one compensation factor for the whole array

The cells are neither written nor read in between: read noise is not included.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from hardware_models.array import SynapseArray
from hardware_models.hardware import Hardware

YEAR = 365.25 * 86400  # s
TIMES = np.concatenate([[0.0], np.geomspace(0.1, YEAR, 18)])  # s
LEVELS, PERCENTILES = 5, (5, 50, 95)


class Year(NamedTuple):
    """Weights while time passes, device units.

    times : (t,) s;  levels : (5,) programming targets
    percentiles : (t, 5, 3), 5, 50 and 95 % over the cells of a level
    left : (t,) mean |w| relative to its initial value;  error, compensated : (t,), see above
    """

    times: np.ndarray
    levels: np.ndarray
    percentiles: np.ndarray
    left: np.ndarray
    error: np.ndarray
    compensated: np.ndarray


def year(hardware: Hardware, seed: int = 0, side: int = 64) -> Year | None:
    """A year of ageing of an array of `side` inputs and outputs; None if it does not age.

    If the model is only valid for a shorter time, the record ends there.
    """
    if not hardware.ages:
        return None
    array = replace(hardware, weight_scale=1.0, reading=None, cells_file=None).array((side, side), seed=seed)
    levels, of_row = np.linspace(*weight_range(array), LEVELS), np.arange(side) * LEVELS // side
    array.program(np.broadcast_to(levels[of_row, None], (side, side)))
    W = _life(array)
    if not (W - W[0]).any():
        return None
    percentiles = [[np.percentile(w[of_row == k], PERCENTILES) for k in range(LEVELS)] for w in W]
    size, rms = np.abs(W).mean(axis=(1, 2)), lambda w: np.sqrt(np.mean(w**2, axis=(1, 2)))
    alpha = np.divide(size[0], size, out=np.ones_like(size), where=size > 1e-6 * size[0])[
        :, None, None
    ]  # else nothing is left
    return Year(
        TIMES[: len(W)], levels, np.array(percentiles), size / size[0], rms(W - W[0]) / rms(W[:1]),
        rms(alpha * W - W[0]) / rms(W[:1]),
    )  # fmt: skip


def _life(array: SynapseArray) -> np.ndarray:
    """The weights at all `TIMES` for which the model is valid, (t, n, m)."""
    seen, before = [], 0.0
    for now in TIMES[array.programming.measured_for >= TIMES]:
        array.age(now - before)
        seen.append(array.read().astype(np.float64))
        before = now
    return np.array(seen)


def weight_range(array: SynapseArray) -> tuple[float, float]:
    """The range of weights [device units] of single cells, or of pairs of them: that of the mean cell."""
    bound = array.cell.bound or 1.0
    return (-bound, bound) if len(array.state.gain) > 1 else array.cell.span
