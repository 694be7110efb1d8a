"""Cells that are written once, as conductances:  target g_T  →  programmed g_P  →  g(t) after drift  →  g(t) + σ_read(t) ξ at a read.

Weights are mapped to conductances: with a pair, one of the two represents the weight and the other is at g_min,

    g_± = g_min + (g_max − g_min) max(±w, 0)          w = ((g_+ − g_min) − (g_− − g_min)) / (g_max − g_min)

with a single cell, an exact reference in the middle of its range is subtracted,

    g = (g_max + g_min)/2 + w (g_max − g_min)/2       w = (g − (g_max + g_min)/2) / ((g_max − g_min)/2)

|w| ≤ 1 in device units; unless it is fixed, the scale of an array puts its largest |weight| at 1. Other effects on cells
(faults, slow noise, a leak) add to the model; weights written afterwards keep the drift of the programmed ones.

Each of the three can be switched off, or scaled relative to the measurement, by a strength s; g and g_P are those of the
model, and the first and the last strength do not change the draws of the others:

    g_P = max(g_T + s_programming σ_prog ξ, 0)          g_held(t) = g(0) + s_drift (g(t) − g(0))          s_read σ_read

With all three at 0 cells store their weights bit for bit, and reads are exact.

Read noise of n m cells reaches n outputs, so it is drawn there, with the same distribution: column k of a read reads

    y_i + √(Σ_j v_ij x_j²) ξ_i,   v_ij the sum over devices of σ_read² [device units²],   ξ standard normal, of read, column and output

which costs one more walk over v, as large as one device, for every column; a transposed read has the same noise, summed
over i. The 1/f spectrum that σ_read(t) is the integral of is
not resolved: noise of different reads is independent, as in the publications' own models; noise correlated between reads is in
:mod:`hardware_models.ageing.slow_noise`. Draws: stream PROGRAM, keyed by programming and cell; READ for reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from hardware_models.crossbar.contract import ROUNDING, Programming, Site
from hardware_models.crossbar.state import ArrayState
from hardware_models.crossbar.weights import Devices, DifferentialPair
from hardware_models.numerics import memory, random
from hardware_models.numerics.checks import ParameterError, Words, refuse, require_not_negative, require_positive
from hardware_models.numerics.compiled import kernel, separate

# The row of a draw of the READ stream: column, repetition and source, as in `hardware_models.reading.reading`, whose sources are others.
REPETITION, SOURCE, SIDE = 1 << 16, 8 << 24, 1 << 28
WRITE = 1 << 8  # step of a draw of the PROGRAM stream: number of the programming · WRITE + what it is for

fill_normal = separate(random.fill_normal)


class ProgramDraw(IntEnum):
    """What a draw of the PROGRAM stream is for."""

    PROGRAM = 0
    OWN = 1


class Written(NamedTuple):
    """Cells after programming, arrays of one shape.

    target, programmed : conductances [µS];  own : what makes each cell age in its own way, such as its drift exponent
    """

    target: np.ndarray
    programmed: np.ndarray
    own: np.ndarray


@dataclass(frozen=True, kw_only=True)
class WrittenOnce(Programming):
    """Common part of all models; a model defines `write`, `conductance` and `read_std`, in NumPy, µS and seconds.

    A model has `g_max` and `g_min`, fields or properties, the range of conductances that weights are mapped to [µS],
    0 ≤ g_min < g_max.

    programming_strength : factor on the programming noise; 1: as measured, 0: none
    drift_strength : factor on the drift; 1: as measured, 0: none
    read_strength : factor on the read noise; 1: as measured, 0: none
    """

    programming_strength: float = 1.0
    drift_strength: float = 1.0
    read_strength: float = 1.0

    if TYPE_CHECKING:
        g_max: ClassVar[float]
        g_min: ClassVar[float]

    weight: ClassVar[Devices] = DifferentialPair()  # mapping of cells to a weight in its publication
    ages: ClassVar[bool] = True

    def check(self) -> None:
        require_not_negative(self, "g_min")
        require_positive(self, "g_max")
        if not self.g_min < self.g_max:
            refuse(self, "g_min", f"below 'g_max', {self.g_max!r}")
        require_not_negative(self, "programming_strength drift_strength read_strength")

    @property
    def siemens(self) -> float | None:
        """Conductance of a cell at the end of its range [S]."""
        return self.g_max * 1e-6

    @property
    def drifts(self) -> bool:
        """Whether cells change with time."""
        return self.drift_strength > 0 and type(self).conductance is not WrittenOnce.conductance

    @property
    def reads_noisily(self) -> bool:
        """Whether two reads of the same cells may differ."""
        return self.read_strength > 0 and type(self).read_std is not WrittenOnce.read_std

    # the model

    def write(self, target: np.ndarray, xi: np.ndarray, own_xi: np.ndarray) -> Written:
        """Program conductances.

        Parameters
        ----------
        target : array, g_T [µS]
        xi, own_xi : arrays of the same shape, standard normal: of programming, and of what makes cells age differently
        """
        target = np.asarray(target, np.float64)
        programmed = np.maximum(target + self.programming_strength * self.programming_std(target) * xi, 0)
        return Written(target, programmed, self.own(target, own_xi))

    def programming_std(self, target: np.ndarray) -> np.ndarray:
        """σ_prog(g_T) [µS]."""
        raise NotImplementedError

    def own(self, target: np.ndarray, xi: np.ndarray) -> np.ndarray:
        """What makes each cell age in its own way."""
        del target
        return np.asarray(xi, np.float64)

    def conductance(self, written: Written, t: float) -> np.ndarray:
        """g(t) [µS], `t` seconds after programming."""
        self.check_time(t)
        return written.programmed

    def held(self, written: Written, t: float) -> np.ndarray:
        """g(t) as far as `drift_strength` lets it be [µS]: what cells hold."""
        if self.drift_strength == 1:
            return self.conductance(written, t)
        new = self.conductance(written, 0.0)
        return np.maximum(new + self.drift_strength * (self.conductance(written, t) - new), 0) if self.drifts else new

    def read_std(self, written: Written, t: float) -> np.ndarray:
        """Standard deviation of one read of what cells hold, at `read_strength` 1 [µS]."""
        del t
        return np.zeros(np.shape(written.target))

    # what an array requires

    def check_array(self, site: Site) -> None:
        """Reject incompatible cells and weights."""
        cell, name = site.cell, type(self).__name__
        if cell.is_pulsed or cell.bound is not None:
            wanted = f"another than {name}, which says itself what cells hold, unless cells are Ideal"
            raise ParameterError("programming", "SynapseArray", wanted, Words(f"cells {cell!r}"))
        if not site.weight.holds_conductances:
            raise ParameterError("weight", "SynapseArray", f"Single or DifferentialPair for {name}", site.weight)

    def scale(self, W: np.ndarray) -> float:
        """The largest |weight| is the end of the range."""
        return float(np.abs(W).max()) or 1.0

    def out_of_range(self, site: Site, target: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Weights beyond ±1, the ends of the range of conductance."""
        del states
        return np.abs(np.einsum("k,kji->ji", site.state.gain.astype(np.float64), target)) > 1 + ROUNDING

    def state(self, shape: tuple[int, int, int], number: int, dtype: DTypeLike) -> ProgrammedState:
        d, m, n = shape
        zeros = lambda: np.zeros((d, m, n))  # noqa: E731
        variance = memory.zeros((m, n), dtype, matrix=True)
        return ProgrammedState(
            written=Written(zeros(), zeros(), zeros()), since=np.zeros(1), variance=variance, row=memory.zeros((2, n), dtype),
            noisy=np.zeros(1, np.int64), stream=random.stream(random.Stream.READ, number),
        )  # fmt: skip

    def program(self, site: Site, target: np.ndarray) -> None:
        """Program what the weights made of `target` (d, m, n) [device units] are, clipped to ±1."""
        state, programs = site.state.programmed, int(site.state.programs[0])
        weights = np.clip(np.einsum("k,kji->ji", site.state.gain.astype(np.float64), target), -1, 1)
        g = self.to_conductance(weights, len(target))
        draw = lambda what: random.normal(  # noqa: E731
            site.state.seed, site.state.programming, programs * WRITE + int(what), g.shape, np.float64
        )
        written = self.write(g, draw(ProgramDraw.PROGRAM), draw(ProgramDraw.OWN))
        for kept, new in zip(state.written, written, strict=True):
            kept[:] = new
        state.since[0] = 0
        self._note_noise(state)
        error = self.to_weight(self.held(written, 0.0)) - self.to_weight(g)
        site.state.cells.w[:, :, : site.shape[0]] = _exact(weights, len(target)) + error

    def pass_time(self, state: ProgrammedState, seconds: float) -> np.ndarray:
        """Let time pass; returns the change of cells (d, m, n) [device units]."""
        before = self.held(state.written, float(state.since[0]))
        after = self.held(state.written, float(state.since[0]) + seconds)  # refused before anything changes
        state.since[0] += seconds
        self._note_noise(state)
        return self.to_weight(after) - self.to_weight(before)

    def make_read_noise(self, repeating: bool) -> Callable[..., Any]:
        return make_read_noise(repeating)

    def make_read_noise_back(self, state: ArrayState) -> Callable[..., Any] | None:
        return read_noise_back if state.programmed.noisy[0] else None

    def _note_noise(self, state: ProgrammedState) -> None:
        std = self.read_std(state.written, float(state.since[0])) / self._unit(len(state.written.target))
        std *= self.read_strength
        n = std.shape[2]
        state.variance[:, :n] = np.sum(std**2, axis=0)
        state.noisy[0] = bool(std.any())

    def to_conductance(self, w: np.ndarray, devices: int) -> np.ndarray:
        """Conductances (d, …) [µS] of weights w (…) [device units]."""
        if devices == 1:
            return np.asarray(self._middle + w * self._unit(1))[None]
        return self.g_min + self._unit(2) * np.stack([np.maximum(w, 0), np.maximum(-w, 0)])

    def ends(self, devices: int) -> tuple[float, float, float]:
        """States of cells at g_min, at g_max and without any conductance [device units]."""
        return tuple(float(self.to_weight(np.full(devices, g))[0]) for g in (self.g_min, self.g_max, 0.0))

    def to_weight(self, g: np.ndarray) -> np.ndarray:
        """What cells (d, …) hold [device units]."""
        return (g - (self._middle if len(g) == 1 else self.g_min)) / self._unit(len(g))

    @property
    def _middle(self) -> float:
        return (self.g_max + self.g_min) / 2

    def _unit(self, devices: int) -> float:
        """One device unit [µS]."""
        return (self.g_max - self.g_min) / (2 if devices == 1 else 1)


def _exact(w, devices: int) -> np.ndarray:
    """What cells (d, …) hold of weights (…) without any error [device units]."""
    return w[None] if devices == 1 else np.stack([np.maximum(w, 0), np.maximum(-w, 0)])


class ProgrammedState(NamedTuple):
    """Programming state of an array.

    written : (d, m, n) float64 each;  since : (1,) float64, seconds since
    variance : (m, n) of one read, summed over devices [device units²];  row : (2, n) scratch;  noisy : (1,) int64
    stream : key of the noise of reads
    """

    written: Written
    since: np.ndarray
    variance: np.ndarray
    row: np.ndarray
    noisy: np.ndarray
    stream: int


def read_noise_back(array, y, repetitions=0) -> np.ndarray:
    """Noise (K, m) of a read of inputs y (K, n) along the other side [device units · input units].

    array : `ArrayState`;  repetitions : (K,) how often a column was read before, with noise of its own each time
    """
    state, (K, n) = array.programmed, y.shape
    noise = np.zeros((K, state.variance.shape[0]), array.scale.dtype)
    for k, repetition in enumerate(np.broadcast_to(repetitions, K)):
        row = SIDE + SOURCE + int(repetition) * REPETITION + k
        random.fill_normal(array.seed, state.stream, int(array.back_reads[0]), row, noise[k])
    return noise * np.sqrt(y[:, :n] ** 2 @ state.variance[:, :n].T)


@lru_cache
def make_read_noise(repeating: bool):
    """read_noise(array, x, acc): add the read noise of programmed cells to sums acc (K, n) of inputs x (K, m).

    repeating : the array has a reading, which may read a column again
    """

    @kernel
    def read_noise(array, x, acc):
        state, n = array.programmed, array.size[0]
        if state.noisy[0] == 0:
            return
        total, draws = state.row[0], state.row[1]
        for k in range(x.shape[0]):
            row, out = SOURCE + k, acc[k]
            if repeating:
                row += array.reading.scratch.repetition[k] * REPETITION
            total[:] = 0
            for j in range(state.variance.shape[0]):
                v, square = state.variance[j], x[k, j] * x[k, j]
                for i in range(total.shape[0]):
                    total[i] += v[i] * square
            fill_normal(array.seed, state.stream, array.reads[0], row, draws)
            for i in range(n):
                out[i] += np.sqrt(total[i]) * draws[i]

    return separate(read_noise)
