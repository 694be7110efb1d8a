"""Measured steps and their model; lengths are relative to the range."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

FEW = 5  # pulses in a direction are too few for tables
BEYOND = 0.1  # of the range, that a pulse may start outside of it
FARTHEST = 0.1  # from a bound, in parts of the range, that pulses are left out for what it does to them


class Direction(NamedTuple):
    """One direction: μ and σ² at the nodes; G and its sampling variance, (devices,), infinite where nothing is known."""

    mean: np.ndarray
    variance: np.ndarray
    gain: np.ndarray
    gain_variance: np.ndarray


class StepModel(NamedTuple):
    up: Direction
    down: Direction
    read_variance: float
    share: float  # c


class PulseSteps(NamedTuple):
    """Pulses, device by device, over the common range: `before` from 0 to 1, `moved` positive in the direction of the pulse."""

    before: np.ndarray
    moved: np.ndarray
    sign: np.ndarray
    device: np.ndarray
    low: np.ndarray  # (devices,) range of each, in parts of the common one
    high: np.ndarray

    def places(self, c: float) -> np.ndarray:
        """t of every pulse, in the range of its device."""
        low, high = self.low[self.device], self.high[self.device]
        return (self.before + c * self.sign * self.moved - low) / (high - low)

    def inside(self, t: np.ndarray, reach: np.ndarray | float = 0.0) -> np.ndarray:
        """Pulses that start further than they reach from the end they push against: a step may end there.

        Pulses that start slightly outside the range, at the end they lead away from, count as starting at that end: the range ends at a
        quantile, and the first pulse of a ramp starts at an extreme. If steps are large there, it is the only pulse that shows it.

        Of a direction in which those are few, or start from one place, all in the range; or else all there are.
        """
        room, chosen = np.where(self.sign > 0, 1 - t, t), np.zeros(len(t), bool)
        within = (room > 0) & (room <= 1 + BEYOND)
        for way in (self.sign > 0, self.sign < 0):
            candidates = (way & within & (room > reach), way & within, way)
            chosen |= next((rows for rows in candidates if rows.sum() >= FEW and len(np.unique(t[rows])) > 1), way)
        return chosen

    def some(self, rows: np.ndarray) -> PulseSteps:
        return PulseSteps(*(part[rows] for part in self[:4]), self.low, self.high)


def at(heights, t) -> np.ndarray:
    return np.interp(t, np.linspace(0, 1, len(heights)), heights)


def expected(model: StepModel, steps: PulseSteps) -> np.ndarray:
    """G μ(t) of every pulse."""
    t = steps.places(model.share)
    return np.where(steps.sign > 0, *(d.gain[steps.device] * at(d.mean, t) for d in (model.up, model.down)))


def spread_of(model: StepModel, steps: PulseSteps) -> np.ndarray:
    """G σ(t) of every pulse."""
    t = steps.places(model.share)
    own = (d.gain[steps.device] * np.sqrt(at(d.variance, t)) for d in (model.up, model.down))
    return np.where(steps.sign > 0, *own)


def reach(model: StepModel, steps: PulseSteps) -> np.ndarray:
    """How far a pulse may well go, but no more than a tenth of the range: where few states are, some must do."""
    return np.minimum(expected(model, steps) + 2 * spread_of(model, steps), FARTHEST)


def usable(model: StepModel, steps: PulseSteps) -> np.ndarray:
    return steps.inside(steps.places(model.share), reach(model, steps))
