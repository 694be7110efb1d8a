"""Fidelity of writes: how well cells realise and retain the changes that a rule requests, and how well they can be read.

Over M writes, Δ_m is the requested and D the realised change of a matrix [weight units], N its number of synapses; g is the size of one
pulse. The realised change is that of the cells, without write noise, plus the contents of a digital accumulator.

    request/step    rms Δ_m / g                                 below 1, most requests produce no pulse
    fidelity        f = cos²(Σ_m Δ_m, D)                        share of the weight change that was requested
    wander          √((1/f − 1) Σ Δ²) / rms W, all matrices     how far the rest moves weights in a run
    weight error    √(g²/12 + σ_write²) / rms W                 levels and write noise against the weights
    asymmetry       A = (s_up(w) − s_down(w)) / (s_up(w) + s_down(w)), root mean square over cells at their weights
    forgets         A Σ |Δ| / rms W                             how often cells forget their weights in a run; 0 where a writing reads
                                                                cells back, and makes good what pulses did besides

Sums are over the writes of the whole run, extrapolated from those observed with the learning-rate schedule.

A pulse up and one down leave a cell displaced by s_up − s_down. Requests that cancel in the mean still pull a weight towards the
symmetry point of its cell, by A |Δ| per write, so that after rms W / (A |Δ|) writes it has forgotten its value. Perturbation estimates
request N times as many pulses as an exact gradient for the same weight change: that is why asymmetry hurts perturbation rules most.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hardware_models.array import SynapseArray
from hardware_models.crossbar.symmetry_point import cells_in_a_row, make_asymmetry


class WriteRatios(NamedTuple):
    """Ratios of one matrix; see above. NaN if nothing was requested, infinite if cells have no steps.

    request_std : rms Δ_m [weight units]
    """

    request_std: float
    request_per_step: float
    fidelity: float
    weight_error: float
    asymmetry: float
    forgets: float


class Writes:
    """Accumulates the requested changes of one array, and compares them with the realised ones."""

    def __init__(self, array: SynapseArray):
        self.array, self.before = array, stored(array)
        self.rms, self.asymmetry = rms_weight(array), asymmetry(array)
        self.total = np.zeros(array.shape)
        self.square = self.size = 0.0
        self.count = 0

    def request(self, change) -> None:
        """One write requests a change (n, m), weight units; a change of only zeros does not count as a write."""
        if change.any():
            self.total += change
            self.square += float(np.vdot(change, change))
            self.size += float(np.abs(change).sum())
            self.count += 1

    def realised(self) -> np.ndarray:
        """The realised change of the weights (n, m), after all requests are written."""
        return stored(self.array) - self.before

    def result(self, runs: float) -> WriteRatios:
        """The ratios, for a run with `runs` times the observed requests."""
        size, M = self.total.size, max(self.count, 1)
        rms, step = np.sqrt(self.square / (M * size)), step_size(self.array)
        error = np.hypot(step / np.sqrt(12), write_noise(self.array))
        return WriteRatios(
            request_std=float(rms),
            request_per_step=_over(rms, step),
            fidelity=squared_cosine(self.total, self.realised()),
            weight_error=_over(error, self.rms, empty=0.0),
            asymmetry=self.asymmetry,
            forgets=0.0
            if self.array.writing.corrects
            else _over(self.asymmetry * runs * self.size / size, self.rms, empty=0.0),
        )


def squared_cosine(a, b) -> float:
    """Squared cosine of two arrays; 0 if one of them is all 0, NaN if nothing was requested."""
    if not np.any(a):
        return float("nan")
    norm = float(np.vdot(a, a)) * float(np.vdot(b, b))
    return float(np.vdot(a, b)) ** 2 / norm if norm > 0 else 0.0


def stored(array: SynapseArray) -> np.ndarray:
    """The weights of an array plus its accumulated changes still to be written, (n, m) weight units, float64."""
    state, n = array.state, array.shape[0]
    cells = state.cells.held if state.cells.held.size > 1 else state.cells.w
    W = np.einsum("k,kji->ij", state.gain.astype(np.float64), cells[:, :, :n])
    waiting = array.writing.waiting(state)
    return float(state.scale[0]) * (W if waiting is None else W + waiting.T)


def rms_weight(array: SynapseArray) -> float:
    return float(np.sqrt(np.mean(np.square(array.read(), dtype=np.float64))))


def step_size(array: SynapseArray) -> float:
    """Mean change of a weight at 0 by one pulse to one of its devices, weight units; 0 for cells without steps."""
    gain = np.abs(array.state.gain[: array.weight.trained]).min()
    return float(array.cell.granularity * gain * array.state.scale[0])


def write_noise(array: SynapseArray) -> float:
    """Standard deviation of a weight as read about its stored value, weight units."""
    devices = np.sqrt(np.sum(np.square(array.state.gain[: array.weight.trained], dtype=np.float64)))
    return float(array.cell.write_noise * devices * array.state.scale[0])


def asymmetry(array: SynapseArray) -> float:
    """Root mean square over the weights of (up − down) / (up + down), devices weighted by their contributions."""
    if array.cell.pulse_up is None:
        return 0.0
    state, total = array.state, np.zeros(array.shape[::-1])
    for k in range(array.weight.trained):
        up, down = _steps(array, k)
        with np.errstate(all="ignore"):
            part = np.where(up + down > 0, (up - down) / (up + down), 0.0)
        total += abs(float(state.share[k])) * float(state.gain[k]) * part
    return float(np.sqrt(np.mean(total**2)))


def _steps(array: SynapseArray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean sizes of a pulse up and down for every cell of device k, (m, n), at its present weight."""
    cell, cells, n = array.cell, array.state.cells, array.shape[0]
    w = (cells.held if cells.held.size > 1 else cells.w)[k, :, :n].astype(np.float64)
    p, row = cell.numbers(np.float64), cells_in_a_row(cells, n, k)
    none, both, up = np.zeros(w.size), np.empty(w.size), np.empty(w.size)
    difference = make_asymmetry(cell.pulse_up, cell.pulse_down)
    difference(p, w.ravel(), row, both)
    difference(p, w.ravel(), row._replace(step_down=none), up)
    return up.reshape(w.shape), (up - both).reshape(w.shape)


def _over(a: float, b: float, empty: float = float("inf")) -> float:
    """a/b; `empty` if b is 0."""
    return float(a) / float(b) if b > 0 else empty
