"""Pulse curves: the response of many cells to single pulses, recorded, and two recordings compared.

A curve has one row per pulse: direction (±1), pulses so far in that direction, then mean, standard deviation and the percentiles
5, 25, 50, 75, 95 over the cells of the visible weight. Cells start from a programmed 0; all up pulses come first.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from hardware_models.array import SynapseArray
from hardware_models.numerics.checks import InputError
from hardware_models.presets import PRESETS

SIDE = 128  # cells along a side of a recorded array
PERCENTILES = (5, 25, 50, 75, 95)
MOMENTS = np.array(
    [(1, p) for p in (0, 1, 2, 5, 10, 20, 50, 100, 200, 400)] + [(-1, p) for p in (1, 2, 5, 10, 20, 50, 100, 200, 400)]
)
RECORDED_NAMES = {
    "ReRamES": "reram-es", "ReRamSB": "reram-sb", "Capacitor": "capacitor", "EcRam": "ecram", "EcRamMO": "ecram-mo",
    "Idealized": "idealized", "GokmenVlasov": "gokmen-vlasov", "PCM": "pcm", "ReRamArrayOM": "reram-array-om",
    "ReRamArrayHfO2": "reram-array-hfo2",
}  # fmt: skip
SIGMAS = 4  # tolerated difference of two samples in standard errors
OF_MEAN, OF_PERCENTILE = 0.01, 0.02  # in addition, these fractions of the excursion of the recorded mean
RESAMPLES = 1000


class Deviation(NamedTuple):
    """Largest difference from a recorded curve over its allowance; 1 or less is within the tolerance."""

    mean: float
    percentile: float


class CurveError(InputError):
    """A file of pulse curves that cannot be compared."""


def weights(cell, moments=MOMENTS, *, side: int = SIDE, seed: int = 0):
    """Yield the visible weights (side²,) [device units] at each moment (direction, pulses so far in that direction)."""
    array = SynapseArray((side, side), cell, seed=seed, weight_scale=1.0)
    array.program(np.zeros((side, side)))
    sent = {1: 0, -1: 0}
    for direction, pulses in np.asarray(moments).astype(int):
        for _ in range(pulses - sent[direction]):
            array.pulse(direction)
        sent[direction] = max(pulses, sent[direction])
        yield array.read().ravel().astype(np.float64)


def curve(cell, moments=MOMENTS, *, side: int = SIDE, seed: int = 0) -> np.ndarray:
    """The pulse curve of a cell, one row per pulse."""
    return np.array(
        [_row(moment, w) for moment, w in zip(moments, weights(cell, moments, side=side, seed=seed), strict=True)]
    )


def _row(moment, w) -> np.ndarray:
    return np.array([*moment, w.mean(), w.std(), *np.percentile(w, PERCENTILES)])


def _bootstrap_error(w, rng) -> np.ndarray:
    """Bootstrap standard error of each percentile of w.

    The k-th smallest of n numbers drawn with replacement is at rank ⌈n U_(k)⌉ of the n given ones, U_(k) ~ Beta(k, n + 1 − k).
    """
    n, w = len(w), np.sort(w)
    k = np.maximum(np.round(np.array(PERCENTILES) / 100 * n), 1)
    ranks = (n * rng.beta(k, n + 1 - k, size=(RESAMPLES, len(k)))).astype(int)
    return w[np.minimum(ranks, n - 1)].std(axis=0)


def compare(cell, recorded: np.ndarray, *, seed: int = 0) -> Deviation:
    """Simulate a recorded curve with as many cells and compare: means by standard errors, percentiles by bootstrap ones."""
    excursion = np.ptp(recorded[:, 2])
    rng = np.random.default_rng(seed)
    worst_mean = worst_percentile = 0.0
    for row, w in zip(recorded, weights(cell, recorded[:, :2], seed=seed), strict=True):
        ours = _row(row[:2], w)
        error = np.hypot(ours[3], row[3]) / SIDE
        worst_mean = max(worst_mean, abs(ours[2] - row[2]) / (SIGMAS * error + OF_MEAN * excursion))
        allowed = SIGMAS * _bootstrap_error(w, rng) + OF_PERCENTILE * excursion
        worst_percentile = max(worst_percentile, float(np.max(np.abs(ours[4:] - row[4:]) / allowed)))
    return Deviation(float(worst_mean), worst_percentile)


def is_curves(path: str | Path) -> bool:
    """Whether a file holds pulse curves: only tables of nine columns, as many as there are names."""
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            return bool(file.files) and all(file[name].ndim == 2 and file[name].shape[1] == 9 for name in file.files)
    except Exception:  # not a file of curves: another reader reports what is wrong with it
        return False


def load(path: str | Path) -> dict[str, np.ndarray]:
    """Recorded curves by the name of their preset."""
    with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
        curves = {RECORDED_NAMES.get(name, name): file[name] for name in file.files}
    for name, table in curves.items():
        if name not in PRESETS:
            raise CurveError(
                f"The file {str(path)!r} has a curve of {name!r}, which is not a preset: {', '.join(PRESETS)}."
            )
        direction, pulses = table[:, :2].T
        whole = np.isin(direction, (-1, 1)) & (pulses == np.floor(pulses)) & (pulses >= 0)
        if not (np.isfinite(table).all() and whole.all()):
            raise CurveError(
                f"The curve of {name!r} in {str(path)!r} has a row that is not a direction ±1, whole pulses and numbers."
            )
    return curves


def verify(path: str | Path) -> dict[str, Deviation]:
    """The deviation of every preset in a file of recorded curves."""
    return {name: compare(PRESETS[name].cell, table) for name, table in load(path).items()}
