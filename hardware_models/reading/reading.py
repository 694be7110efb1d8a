r"""A read of an array: converters, noise, spread between lines and the resistance of wires around Σ_j w_ij x_j.

For every column x of inputs, in device units (w) and input units (x), α the divisor of `scaling`, ξ standard normal, independent:

    x'_j = dac(x_j / α) + σ_in ξ_j
    y_i  = Σ_j w_ij x'_j − lost in wires_i + σ_i ξ_i
    y_i ← y_i / (1 + κ |y_i|)                                            κ the compression of the read-out
    y_i ← adc((1 + σ_gain ξ_i) y_i + σ_offset ξ_i + σ_out ξ_i)        gain and offset drawn once per chip and line
    read_i = α y_i

σ_i stands for noise on every weight, redrawn for every read. Noise of n m weights reaches n outputs, so it is drawn there,
with the same distribution: independent N(0, σ_w² s(w)²) on every device of a weight gives

    σ_i² = σ_w² Σ_k gain_k² Σ_j s(w_kji)² x'_j²       s = 1, √|w|, |w|: `ConstantReadNoise`, `RootReadNoise`, `ProportionalReadNoise`

The first costs one inner product per column; the others, and wires, need one more pass over the weights. Weight perturbations of
a read enter Σ w x', but neither σ_i nor the loss in wires. Draws are keyed by array, sweep that read, column, repetition
and source, so that switching one source on changes no other: streams READ, CONVERT (stochastic rounding) and CHIP (lines).

Beyond the sums, in float32 on one core (AVX2) with 1000 inputs and outputs, a column costs 0.4 µs with everything off, 2 µs more for
each noise, 3 µs with both converters, `AbsMax` and output noise; 0.15 µs an input for noise that depends on weights.

A transposed read, Wᵀy, uses separate drivers, converters and lines with the same parameters (`read_back`); so do the column reads
of decorrelation and whitening in compiled loops (:mod:`hardware_models.crossbar.column_reads`), in which no wires are modelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from hardware_models.crossbar.column_reads import ColumnStages
from hardware_models.crossbar.contract import Readout, Site
from hardware_models.crossbar.state import Absent, ArrayState
from hardware_models.crossbar.sweep import Stages
from hardware_models.numerics import memory, panels, random
from hardware_models.numerics.checks import ParameterError, refuse, require_not_negative, require_spread
from hardware_models.numerics.record import record
from hardware_models.reading import wiring
from hardware_models.reading.apart import after_apart, after_apart_back
from hardware_models.reading.converters import (
    CONVERTERS,
    NO_CONVERTER,
    SCALINGS,
    UNSCALED,
    Conversion,
    Iterative,
    Scaling,
)
from hardware_models.reading.kernels import (
    REPETITION,
    SIDE,
    ReadingNumbers,
    ReadingScratch,
    ReadingState,
    after_back,
    again,
    again_back,
    before,
    before_back,
    make_after,
)
from hardware_models.reading.wiring import Wires


class Line(IntEnum):
    """Steps of the CHIP stream that belong to lines; those below 64 belong to cells."""

    GAIN = 64
    OFFSET = 65


# ---------------------------------------------------------------------------------------------------------- parameters


@dataclass(frozen=True, kw_only=True)
class WeightReadNoise:
    """Noise on every weight, redrawn for every read.

    std : standard deviation on a weight of one device unit [device units]
    """

    std: float = 0.0

    power: ClassVar[int]  # s(w)² = |w|^power

    def check(self) -> None:
        require_not_negative(self, "std")


@dataclass(frozen=True, kw_only=True)
class ConstantReadNoise(WeightReadNoise):
    """The same on every weight."""

    power: ClassVar[int] = 0


@dataclass(frozen=True, kw_only=True)
class RootReadNoise(WeightReadNoise):
    """Grows with the root of a weight, as read noise of phase-change memory is often modelled."""

    power: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class ProportionalReadNoise(WeightReadNoise):
    """Proportional to a weight."""

    power: ClassVar[int] = 2


# Names in tables
WEIGHT_NOISES: dict[str, type[WeightReadNoise]] = {
    "constant": ConstantReadNoise,
    "root": RootReadNoise,
    "proportional": ProportionalReadNoise,
}


# field → the class of part that it holds, and those there are
PARTS: dict[str, tuple[type, Iterable[type]]] = {
    "dac": (Conversion, CONVERTERS.values()),
    "adc": (Conversion, CONVERTERS.values()),
    "scaling": (Scaling, SCALINGS.values()),
    "bound_management": (Iterative, (Iterative,)),
    "weight_noise": (WeightReadNoise, WEIGHT_NOISES.values()),
    "wires": (Wires, (Wires,)),
}


@dataclass(frozen=True, kw_only=True)
class Reading(Readout):
    """Model of a read; with the defaults reads are exact, bit for bit.

    dac : converter of the inputs, or None: they are exact
    adc : converter of the outputs, or None: they are exact
    scaling : `AbsMax` or `Scaled`, digital scaling of inputs before the DAC, undone after the ADC; or None
    bound_management : `Iterative`, which reads again with smaller inputs where the adc clips; or None
    input_noise_std : standard deviation of the noise on every driven line, after the DAC [input units, scaled]
    weight_noise : `ConstantReadNoise`, `RootReadNoise` or `ProportionalReadNoise`, on every weight; or None
    output_noise_std : standard deviation of the read noise on every output, before the ADC [device units · input units, scaled]
    gain_std : spread of the gain of output lines, relative
    offset_std : spread of the offset of output lines [device units · input units, scaled]
    compression : κ, 0 or more: the read-out saturates at 1/κ [1 / (device units · input units, scaled)]
    wires : resistance of the lines, and with it IR drop; or None: none

    Examples
    --------
    7-bit DAC, 9-bit ADC, scaled inputs and repeated reads:

    >>> import hardware_models as hw
    >>> reading = hw.Reading(
    ...     dac=hw.Converter(bits=7), adc=hw.Converter(bits=9, bound=12.0), scaling=hw.AbsMax(),
    ...     bound_management=hw.Iterative(), output_noise_std=0.06,
    ... )
    >>> array = hw.SynapseArray((10, 20), reading=reading, columns=2, seed=1)
    """

    dac: Conversion | None = None
    adc: Conversion | None = None
    scaling: Scaling | None = None
    bound_management: Iterative | None = None
    input_noise_std: float = 0.0
    weight_noise: WeightReadNoise | None = None
    output_noise_std: float = 0.0
    gain_std: float = 0.0
    offset_std: float = 0.0
    compression: float = 0.0
    wires: Wires | None = None

    keeps_state: ClassVar[bool] = True

    def check(self) -> None:
        for name, (base, kinds) in PARTS.items():
            part = getattr(self, name)
            if not isinstance(part, base | None):
                refuse(self, name, f"None or one of {', '.join(kind.__name__ for kind in kinds)}")
            if part is not None:
                part.check()
        require_not_negative(self, "input_noise_std output_noise_std offset_std compression")
        require_spread(self, "gain_std")
        if self.bound_management is not None and self.adc is None:
            refuse(self, "bound_management", "None without an adc, whose bound it manages")

    # what an array requires

    @property
    def dac_bits(self) -> float:
        return 0 if self.dac is None else self.dac.bits

    @property
    def adc_bits(self) -> float:
        return 0 if self.adc is None else self.adc.bits

    @property
    def adc_enob(self) -> float:
        """Effective bits of the ADC, with the noise of the outputs taken for its own: what is lost to noise is no resolution.

        bits − ½ log₂(1 + 12 σ_out² / step²): a sine of full scale over the noise of rounding, step²/12, and σ_out²
        """
        return 0.0 if self.adc is None else self.adc.enob(self.output_noise_std)

    def fitted(self, siemens: float | None) -> Reading:
        wires = self.wires
        if wires is None or wires.conductance is not None or siemens is None:
            return self
        return replace(self, wires=replace(wires, conductance=siemens))

    def check_array(self, site: Site) -> None:
        if site.parts.weight.read_apart:
            self._check_apart(site)
        if self.wires is not None:
            wiring.warn_of_error(site)

    def _check_apart(self, site: Site) -> None:
        weight = type(site.parts.weight).__name__
        for name, there in (
            ("wires", self.wires is not None),
            ("gain_std", self.gain_std > 0),
            ("offset_std", self.offset_std > 0),
        ):
            if there:
                wanted = f"left out: {weight} has an ADC for each device, without them"
                raise ParameterError(f"reading.{name}", "SynapseArray", wanted, getattr(self, name))
        if site.parts.programming.reads_noisily:
            wanted = f"one without read noise of its own for {weight}, whose devices are read apart"
            raise ParameterError("programming", "SynapseArray", wanted, site.parts.programming)

    @property
    def reads_noisily(self) -> bool:
        weight = self.weight_noise is not None and self.weight_noise.std > 0
        random = any(converter is not None and converter.draws for converter in (self.dac, self.adc))
        return weight or random or self.input_noise_std > 0 or self.output_noise_std > 0

    def numbers(self, dtype: type[np.floating]) -> ReadingNumbers:
        """What kernels take."""
        noise = self.weight_noise or ConstantReadNoise()
        wires = self.wires or Wires(word_resistance=0.0, bit_resistance=0.0)
        return ReadingNumbers(
            dac=(self.dac or NO_CONVERTER).numbers(dtype), adc=(self.adc or NO_CONVERTER).numbers(dtype),
            scaling=(self.scaling or UNSCALED).numbers(dtype), most=self.bound_management.most if self.bound_management else 0,
            input_std=dtype(self.input_noise_std), weight_std=dtype(noise.std), power=noise.power,
            spread=int(self.gain_std > 0 or self.offset_std > 0), output_std=dtype(self.output_noise_std),
            compression=dtype(self.compression), wires=wires.numbers(dtype),
        )  # fmt: skip

    def state(
        self, shape: tuple[int, int], columns: int, seed: int, number: int, dtype: DTypeLike, devices: int = 1, side: int = 0,
    ) -> ReadingState:  # fmt: skip
        """State for an array (n, m) of chip `seed`, for at most `columns` columns; the lines are drawn here.

        devices : of a weight;  side : `SIDE` for reads along the other side
        """
        if not 1 <= columns <= REPETITION:
            raise ParameterError("columns", "SynapseArray", f"from 1 to {REPETITION} with a reading", columns)
        gain, offset = self._lines(shape[0], seed, number, dtype, side)
        rereads, turned = np.zeros(1, np.int64), Absent()
        if side == 0:
            alone = replace(self, wires=None)
            turned = alone.state(shape[::-1], columns, seed, number, dtype, devices, SIDE)._replace(rereads=rereads)
        return ReadingState(
            numbers=self.numbers(np.dtype(dtype).type), seed=seed, read=random.stream(random.Stream.READ, number),
            convert=random.stream(random.Stream.CONVERT, number), side=side, gain=gain, offset=offset, rereads=rereads,
            scratch=self._scratch(shape, columns, dtype, devices), turned=turned,
        )  # fmt: skip

    def rereads(self, state: ArrayState) -> int:
        return int(state.reading.rereads[0])

    def _lines(self, n: int, seed: int, number: int, dtype, side: int):
        """Gain and offset of every output line of this chip."""
        chip = random.stream(random.Stream.CHIP, number)
        row = int(side > 0)
        draw = lambda line: random.normal(seed, chip, int(line), (row + 1, n), np.float64)[row]  # noqa: E731
        lines = memory.zeros((2, n), dtype)
        lines[0, :n] = 1 + self.gain_std * draw(Line.GAIN)
        lines[1, :n] = self.offset_std * draw(Line.OFFSET)
        return lines[0], lines[1]

    def _scratch(self, shape, columns: int, dtype, devices: int) -> ReadingScratch:
        n, m = shape
        zeros = lambda *size: memory.zeros(size, dtype)  # noqa: E731
        noise = self.weight_noise
        many = columns if noise is not None and noise.power > 0 and columns >= panels.WIDE else 1
        wired = (devices, m, n, columns) if self.wires is not None else (1, 1, 1, 1)
        return ReadingScratch(
            x=zeros(columns, m), divisor=np.zeros(columns, dtype), repetition=np.zeros(columns, np.int64),
            waiting=np.zeros(columns, np.int64), done=zeros(columns, n), variance=zeros(columns, n),
            squares=zeros(many, m), panel=panels.zeros(many, m, dtype), row=zeros(1, n)[0],
            draws=zeros(1, max(n, m))[0], wires=wiring.make_scratch(*wired, dtype),
        )  # fmt: skip

    def read_back(self, state: ArrayState, y: np.ndarray, noise: Callable[..., Any] | None = None) -> np.ndarray:
        """Through drivers, converters and lines of its own: the array is turned around and read by the same kernels.

        What wires let through is the transpose of what they let through forwards: networks of resistors are reciprocal.
        """
        (K, n), (d, m, _), number = y.shape, state.cells.w.shape, state.reading.read >> 8
        dtype, alone = state.scale.dtype, replace(self, wires=None)
        turned = lambda cells: memory.place(cells[:, :, :n].transpose(0, 2, 1), dtype) if cells.size > 1 else cells  # noqa: E731
        cells = state.cells._replace(w=turned(state.cells.w), slow=turned(state.cells.slow))
        reading = alone.state((m, n), K, state.seed, number, dtype, d, SIDE)
        mirror = record(state._replace(cells=cells, reads=state.back_reads, size=np.array([m]), reading=reading))
        w, y, acc = self._seen(state, n), memory.place(y, dtype), memory.zeros((K, m), dtype)
        before(mirror, y)
        waiting = True
        while waiting:
            driven = np.ascontiguousarray(reading.scratch.x[:, :n])
            acc[:, :m] = driven @ w
            if noise is not None:
                acc[:, :m] += noise(state, driven, reading.scratch.repetition)
            (after_apart if hasattr(state.weight, "adc_bounds") else make_after(False))(mirror, reading.scratch.x, acc)
            waiting = again(mirror, y, acc)
        state.reading.rereads[0] += reading.rereads[0]
        return acc[:, :m] * state.scale

    def _seen(self, state, n: int) -> np.ndarray:
        """The effective weights (n, m) of a read, wires included [device units]."""
        w, p = (state.cells.w + state.cells.slow)[:, :, :n], state.reading.numbers.wires
        if p.word == 0 and p.bit == 0:
            return np.ascontiguousarray(np.einsum("k,kji->ij", state.gain, w))
        read = wiring.fast_read(w, np.eye(w.shape[1]), self.wires, state.gain)
        return np.ascontiguousarray(read.T, state.scale.dtype)

    @property
    def stages(self) -> Stages:
        """What a sweep does around its walk; nearly the same kernels for all readings, so that strengths never recompile."""
        back = ColumnStages(before_back, after_back, again_back)
        return Stages(before=before, after=make_after(self.wires is not None), again=again, back=back)

    @property
    def stages_apart(self) -> Stages:
        back = ColumnStages(before_back, after_apart_back, again_back)
        return Stages(before=before, after=after_apart, again=again, back=back, apart=True)


# Names in tables
KINDS: dict[str, type[Reading]] = {"analog": Reading}
