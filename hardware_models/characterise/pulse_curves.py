"""Pulse curves: the response of many cells to single pulses, recorded, and two recordings compared.

A curve has one row per pulse: direction (±1), pulses so far in that direction, then mean, standard deviation and the percentiles
5, 25, 50, 75, 95 over the cells of the visible weight. Cells start from a programmed 0; all up pulses come first.

Mean, spread and percentiles are compared by their standard errors. A record of one tile of a simulator that draws the noise of pulses
from one table of 32,768 normal numbers is not a sample of the device: the mean m of that table, σ_m = 1/√32768, shifts every pulse of the
tile the same way, by c m steps (2 % of a step where c, the spread between pulses, is 3.75), and its standard deviation is off by a part
1/√65536 of itself. Where a record is of one tile, and only there, four times

    |∂⟨w⟩/∂ξ| σ_m        from the mean, what a shift of every ξ does to the mean of cells without other noise
    std / √65536         from the spread

are allowed in addition. A record that is the mean over several tiles, or of independent numbers, gets no such allowance.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hardware_models.array import SynapseArray
from hardware_models.crossbar.pulses import make_pulse
from hardware_models.crossbar.symmetry_point import cells_in_a_row
from hardware_models.numerics.checks import InputError
from hardware_models.numerics.compiled import COMPILED, kernel
from hardware_models.presets import PRESETS

SIDE = 128  # cells along a side of a recorded array
PERCENTILES = (5, 25, 50, 75, 95)
MOMENTS = np.array(
    [(1, p) for p in (0, 1, 2, 5, 10, 20, 50, 100, 200, 400)] + [(-1, p) for p in (1, 2, 5, 10, 20, 50, 100, 200, 400)]
)
# what a simulator calls them whose tiles share one table of normal numbers; a record by these names is of one tile
RECORDED_NAMES = {
    "ReRamES": "reram-es", "ReRamSB": "reram-sb", "Capacitor": "capacitor", "EcRam": "ecram", "EcRamMO": "ecram-mo",
    "Idealized": "idealized", "GokmenVlasov": "gokmen-vlasov", "PCM": "pcm", "ReRamArrayOM": "reram-array-om",
    "ReRamArrayHfO2": "reram-array-hfo2",
}  # fmt: skip
TABLE = 32768  # normal numbers that one tile draws from
SHIFTED = 256  # cells that a shift of every draw is tried on
SIGMAS = 4  # tolerated difference of two samples in standard errors
OF_MEAN, OF_PERCENTILE, OF_SPREAD = 0.01, 0.02, 1e-3  # in addition, these parts of the excursion of the recorded mean
TINY = 1e-300
RESAMPLES = 1000


class Deviation(NamedTuple):
    """Largest difference from a recorded curve over its allowance; 1 or less is within the tolerance.

    mean, spread, percentile : of the mean, the standard deviation and the percentiles over cells, at any moment
    """

    mean: float
    percentile: float
    spread: float


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


def _spread_error(w) -> float:
    """Standard error of the standard deviation of w, from its fourth moment."""
    off = w - w.mean()
    variance = np.mean(off**2)
    return float(np.sqrt(max(np.mean(off**4) - variance**2, 0) / (4 * max(variance, TINY) * len(w))))


def shift_of_mean(cell, moments, *, seed: int = 0) -> np.ndarray:
    """∂⟨w⟩/∂ξ at each moment [device units]: what a shift of the noise of every pulse does to cells without other noise."""
    array = SynapseArray((SHIFTED, 1), cell, seed=seed, weight_scale=1.0, dtype=np.float64)
    row, delta = cells_in_a_row(array.state.cells, SHIFTED), 1 / np.sqrt(TABLE)
    p, pulse = cell.numbers(np.float64), make_pulse_all(cell.pulse_up, cell.pulse_down, cell.extras)
    w, found = np.clip(np.zeros((2, SHIFTED)), row.lower, row.upper), []
    sent = {1: 0, -1: 0}
    for direction, pulses in np.asarray(moments).astype(int):
        for _ in range(pulses - sent[direction]):
            for shifted, xi in zip(w, (0.0, delta)):
                pulse(p, shifted, row, direction > 0, xi)
        sent[direction] = max(pulses, sent[direction])
        found.append((w[1] - w[0]).mean() / delta)
    return np.array(found)


@lru_cache
def make_pulse_all(pulse_up, pulse_down, extras: int):
    """pulse_all(p, w, row, up, xi): one pulse, up or down, to every cell of a `Row`, all with the same noise."""
    pulse = make_pulse(pulse_up, pulse_down, extras)

    @kernel
    def pulse_all(p, w, row, up, xi):
        for i in range(w.shape[0]):
            w[i] = pulse(p, w[i], up, not up, row, i, xi)

    return pulse_all if COMPILED else np.errstate(all="ignore")(pulse_all)


def compare(cell, recorded: np.ndarray, *, seed: int = 0, one_tile: bool = False) -> Deviation:
    """Simulate a recorded curve with as many cells and compare, by standard errors; percentiles by bootstrap ones.

    Parameters
    ----------
    cell : a pulsed cell
    recorded : (moments, 9), see above
    seed : of the chip
    one_tile : the record is of one tile, whose pulses share one table of normal numbers: allow for what that shifts
    """
    excursion = np.ptp(recorded[:, 2])
    rng = np.random.default_rng(seed)
    shifts = shift_of_mean(cell, recorded[:, :2], seed=seed) / np.sqrt(TABLE) if one_tile else np.zeros(len(recorded))
    worst_mean = worst_percentile = worst_spread = 0.0
    for row, w, shift in zip(recorded, weights(cell, recorded[:, :2], seed=seed), shifts, strict=True):
        ours, of_table = _row(row[:2], w), row[3] / np.sqrt(2 * TABLE) if one_tile else 0.0
        error = np.hypot(ours[3], row[3]) / SIDE
        allowed = SIGMAS * (error + abs(shift)) + OF_MEAN * excursion
        worst_mean = max(worst_mean, abs(ours[2] - row[2]) / allowed)
        allowed = SIGMAS * (np.sqrt(2) * _spread_error(w) + of_table) + OF_SPREAD * excursion
        worst_spread = max(worst_spread, abs(ours[3] - row[3]) / allowed)
        allowed = SIGMAS * _bootstrap_error(w, rng) + OF_PERCENTILE * excursion
        worst_percentile = max(worst_percentile, float(np.max(np.abs(ours[4:] - row[4:]) / allowed)))
    return Deviation(float(worst_mean), worst_percentile, float(worst_spread))


def is_curves(path: str | Path) -> bool:
    """Whether a file holds pulse curves: only tables of nine columns, as many as there are names."""
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            return bool(file.files) and all(file[name].ndim == 2 and file[name].shape[1] == 9 for name in file.files)
    except Exception:  # not a file of curves: another reader reports what is wrong with it
        return False


class Curves(dict[str, np.ndarray]):
    """Recorded curves by the name of their preset.

    of_one_tile : names of those that go by the name of a simulator whose tiles share one table of normal numbers, one tile each
    """

    def __init__(self, curves: dict[str, np.ndarray], of_one_tile: frozenset[str]):
        super().__init__(curves)
        self.of_one_tile = of_one_tile


def load(path: str | Path) -> Curves:
    """Recorded curves by the name of their preset."""
    with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
        curves = {RECORDED_NAMES.get(name, name): file[name] for name in file.files}
        of_tiles = frozenset(RECORDED_NAMES[name] for name in file.files if name in RECORDED_NAMES)
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
    return Curves(curves, of_tiles)


def verify(path: str | Path) -> dict[str, Deviation]:
    """The deviation of every preset in a file of recorded curves."""
    curves = load(path)
    return {
        name: compare(PRESETS[name].cells, table, one_tile=name in curves.of_one_tile) for name, table in curves.items()
    }
