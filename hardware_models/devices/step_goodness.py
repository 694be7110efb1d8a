"""Goodness of a model of measured steps: single steps, of a held-out fifth of the pulses, and ramps, of all pulses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hardware_models.devices.step_model import PulseSteps, StepModel, at, expected, spread_of, usable
from hardware_models.numerics import random

REPEATS = 8  # simulated steps for each measured one
ROUNDING = 1e-6  # of a step is no difference
TINY = 1e-30  # of the squares of parts of the range: nothing, and yet no 0 to divide by


class Goodness(NamedTuple):
    """How well the model says what a fifth of the pulses did that it was not made from; pairs are (up, down).

    r2 : part of the variance of single steps that place and device explain. Low where pulses are noisy, however good the model
    variance_ratio : variance of what is left over the one predicted; 1 where the spread is right
    ks : Kolmogorov–Smirnov distance of measured steps from as many times 8 simulated ones at the same places and devices;
        sampling alone gives up to 1.4 / √pulses in 19 of 20 cases
    ramp : largest deviation of the noise-free cell from the measured ramps when it starts where they start, relative to the range;
        mean over ramps, maximum over pulses. A ramp can be far off although R² is 1: a single wrong step is enough
    """

    r2: tuple[float, float]
    variance_ratio: tuple[float, float]
    ks: tuple[float, float]
    devices: int
    pulses: int
    ramp: tuple[float, float]

    def __str__(self) -> str:
        two = lambda name, pair: f"{name} {pair[0]:.3g} up, {pair[1]:.3g} down"  # noqa: E731
        ramp = f"ramps off by {self.ramp[0]:.2%} of the range up, {self.ramp[1]:.2%} down"
        return "; ".join(
            [two("R²", self.r2), two("variance ratio", self.variance_ratio), two("KS distance", self.ks), ramp]
        )


def _simulated(model: StepModel, steps: PulseSteps, m, spread) -> np.ndarray:
    """Steps (8, pulses) of the model at the same places: clipped as an array clips them, then read."""
    t = steps.places(model.share)
    room = np.where(steps.sign > 0, 1 - t, t)
    xi, eta = (random.normal(0, random.Stream.CYCLE, k, (REPEATS, len(m)), np.float64) for k in range(2))
    return np.minimum(m + spread * xi, room) + np.sqrt(2 * model.read_variance) * eta


def judge(model: StepModel, steps: PulseSteps, devices: int, pulses: int) -> Goodness:
    steps = steps.some(usable(model, steps))
    y, m, spread = steps.moved, expected(model, steps), spread_of(model, steps)
    simulated, v = _simulated(model, steps, m, spread), spread**2 + 2 * model.read_variance
    r2, ratio, ks = [], [], []
    for rows in (steps.sign > 0, steps.sign < 0):
        left_over = np.sum((y - m)[rows] ** 2)
        total = np.sum((y[rows] - y[rows].mean()) ** 2)
        rounding = ROUNDING**2 * np.sum(y[rows] ** 2) + TINY
        r2.append(float(1 - left_over / max(total, rounding)))
        ratio.append(float(left_over / max(v[rows].sum(), rounding)))
        unit = ROUNDING * np.sqrt(np.mean(y[rows] ** 2)) + TINY  # equal steps differ by rounding
        ks.append(ks_distance(np.round(y[rows] / unit), np.round(simulated[:, rows].ravel() / unit)))
    return Goodness(tuple(r2), tuple(ratio), tuple(ks), devices, pulses, (np.nan, np.nan))


def ramp_errors(model: StepModel, steps: PulseSteps) -> tuple[float, float]:
    """Up and down: the largest difference, at any pulse of a ramp, of the noise-free cell from the mean ramp [parts of the range]."""
    before, after = steps.before, steps.before + steps.sign * steps.moved
    goes_on = (steps.device[1:] == steps.device[:-1]) & (steps.sign[1:] == steps.sign[:-1])
    goes_on &= np.isclose(before[1:], after[:-1], rtol=0, atol=ROUNDING)
    first = np.flatnonzero(np.concatenate([[True], ~goes_on]))
    lengths = np.diff(np.concatenate([first, [len(before)]]))
    w, found = np.clip(before[first], steps.low[steps.device[first]], steps.high[steps.device[first]]), [[0.0], [0.0]]
    for n in range(lengths.max()):
        on = lengths > n
        rows = first[on] + n
        w = w[on] if n == 0 else w[on[lengths > n - 1]]
        w = _pulsed(model, steps, rows, w)
        for way, errors in zip((1, -1), found):
            these = steps.sign[rows] == way
            if these.any():
                errors.append(float(np.abs((w - after[rows])[these].mean())))
    return max(found[0]), max(found[1])


def _pulsed(model: StepModel, steps: PulseSteps, rows, w) -> np.ndarray:
    """Where the pulses of some rows take the cell, without noise, from w."""
    device, sign = steps.device[rows], steps.sign[rows]
    low, high = steps.low[device], steps.high[device]
    t = np.clip((w - low) / (high - low), 0, 1)
    step = np.where(sign > 0, *(d.gain[device] * at(d.mean, t) for d in (model.up, model.down)))
    return np.clip(w + sign * step, low, high)


def ks_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Largest difference of the distribution functions of two samples, 0 … 1."""
    at = np.concatenate([one, other])
    parts = (np.searchsorted(np.sort(sample), at, side="right") / len(sample) for sample in (one, other))
    return float(np.max(np.abs(np.subtract(*parts))))
