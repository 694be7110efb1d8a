"""Cost models of operations, with low and high estimates, for analog arrays and digital memories."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from hardware_models.costs.sources import CROSSSIM, NEUROSIM, WALDEN
from hardware_models.costs.units import quantity
from hardware_models.numerics.checks import InputError

BOLTZMANN, ROOM = 1.380649e-23, 300.0  # J/K, K


@dataclass(frozen=True)
class Bracket:
    """An estimate between a low and a high value.

    low : least that is likely, in `unit`, at most typical
    typical : what to count with, in `unit`
    high : most that is likely, in `unit`, at least typical
    unit : of the three numbers, "J" or "s"; of an endurance, "writes"
    source : publication of the estimate, and its derivation
    """

    low: float
    typical: float
    high: float
    unit: str
    source: str

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.typical <= self.high < math.inf:
            got = (self.low, self.typical, self.high)
            raise InputError(
                f"The ends of a Bracket must be finite and ordered, 0 ≤ low ≤ typical ≤ high. Got {got} instead."
            )

    @classmethod
    def between(cls, low: float, high: float, unit: str, source: str) -> Bracket:
        """A low and a high value, and their geometric mean."""
        return cls(low, min(max(math.sqrt(low * high), low), high), high, unit, source)

    @classmethod
    def exactly(cls, value: float, unit: str, source: str) -> Bracket:
        """An estimate without a published spread."""
        return cls(value, value, value, unit, source)

    def __mul__(self, count: float | tuple[float, float, float]) -> Bracket:
        """A multiple, by one factor or by separate ones for (low, typical, high)."""
        low, typical, high = count if isinstance(count, tuple) else (count,) * 3
        return Bracket(self.low * low, self.typical * typical, self.high * high, self.unit, self.source)

    def __add__(self, other: Bracket) -> Bracket:
        """Sum: bounds add, as for fully correlated uncertainties; sources are listed once."""
        if other.unit != self.unit:
            raise InputError(
                f"The 'unit' of brackets that are added must be the same. Got {self.unit!r} and {other.unit!r}."
            )
        source = self.source if other.source in self.source else f"{self.source}; {other.source}"
        ends = (self.low + other.low, self.typical + other.typical, self.high + other.high)
        return Bracket(*ends, self.unit, source)

    def __str__(self) -> str:
        ends = f" ({quantity(self.low, self.unit)} … {quantity(self.high, self.unit)})"
        return quantity(self.typical, self.unit) + (ends if self.low < self.high else "")


def read_energy(conductance: float, volts: float, seconds: float) -> float:
    """G V² t of a cell at the full read voltage for the whole time: smaller inputs dissipate less [J]."""
    return conductance * volts**2 * seconds


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Costs common to all arrays: converters and endurance.

    name : of the technology, in ledgers
    conversion_step : J for each of the 2ᴺ steps of an ADC of N effective bits
    conversion_bit : s per bit of a successive-approximation ADC, plus one for sampling
    endurance : writes that a cell survives, or None: not known
    bits : of a word of the static memory that the figures were derived for, see :func:`hardware_models.costs.figures.sram`: an array of other
        bits has those of its own; 0: figures of one technology
    """

    schedule: ClassVar[str]  # parallelism assumed by the times
    writes_by_pulses: ClassVar[bool] = False  # whether the cost of a write follows from its pulses alone

    name: str
    conversion_step: Bracket = Bracket.between(5e-15, 50e-15, "J", WALDEN)  # noqa: RUF009  frozen
    conversion_bit: Bracket = Bracket.between(  # noqa: RUF009  frozen
        1e-9, 8e-9, "s", f"1 ns per bit: {NEUROSIM}; up to 8 columns share a converter: {CROSSSIM}"
    )
    endurance: Bracket | None = None
    bits: int = 0

    def adc(self, enob: float) -> Bracket:
        """J per conversion with this effective number of bits; Walden's figure of merit is F = P/(2^ENOB f)."""
        return self.conversion_step * 2.0**enob

    def dac(self, bits: float) -> Bracket:
        """J per value set with n bits; bounds as in hardware_models.costs.figures."""
        noise = 12 * BOLTZMANN * ROOM * 4.0**bits
        high = max(self.adc(bits).typical, noise)
        return Bracket.between(
            noise, high, "J", "from thermal noise to a whole ADC, derived in hardware_models.costs.figures"
        )

    def conversion(self, done: Done) -> Bracket | None:
        """J of all conversions, if there are converters."""
        parts = [self.adc(done.adc_enob or done.adc_bits) * done.outputs] if done.adc_bits else []
        parts += [self.dac(done.dac_bits) * done.inputs] if done.dac_bits else []
        return sum(parts[1:], parts[0]) if parts else None

    def row_reading(self, done: Done) -> Bracket | None:
        """J of the rows that were read while writing, conversions included; None where that has no figure."""
        read = self.energy(done._replace(columns=done.row_reads, back_columns=0))["read"]
        if read is None:
            return None
        read *= 1 / done.rows
        return read + self.adc(done.row_read_bits) * done.row_outputs if done.row_read_bits else read

    def row_reading_time(self, done: Done) -> Bracket | None:
        """s of the same: a row takes as long as a column."""
        read = self.time(done._replace(columns=done.row_reads, back_columns=0))["read"]
        if read is None or not done.row_read_bits:
            return read
        return read + self.conversion_bit * float((math.ceil(done.row_read_bits) + 1) * done.row_reads)

    def conversion_time(self, done: Done) -> Bracket | None:
        """s of all conversions: outputs of a column in parallel, except for those that share a converter."""
        columns = done.columns + done.back_columns
        return self.conversion_bit * float((math.ceil(done.adc_bits) + 1) * columns) if done.adc_bits else None

    def energy(self, done: Done) -> dict[str, Bracket | None]:
        """J of ``write`` and ``read``; None without an estimate."""
        raise NotImplementedError

    def time(self, done: Done) -> dict[str, Bracket | None]:
        """s of ``write`` and ``read``; None without an estimate."""
        raise NotImplementedError


def _times(bracket: Bracket | None, count) -> Bracket | None:
    return None if bracket is None else bracket * count


@dataclass(frozen=True, kw_only=True)
class AnalogCosts(Costs):
    """A cross-point array: cells change by pulses and multiply by Ohm's law.

    pulse_energy : energy of a pulse, of one cell [J];  pulse_time : duration of a pulse [s]
    read_energy : energy of a read with one column of inputs, of one cell [J]
    read_time : duration of a read with one column of inputs, all cells at once [s]

    Three schedules for the same pulses bound the time of writing: all rows at once takes at least the pulses of the
    most-pulsed cell (low), row by row at least their sum over rows (typical), and cell by cell the number of all
    pulses (high), each times the pulse time.
    """

    schedule: ClassVar[str] = "pulses to all rows at once (low), row by row, cell by cell (high); a column read at once"
    writes_by_pulses: ClassVar[bool] = True

    pulse_energy: Bracket | None = None
    pulse_time: Bracket | None = None
    read_energy: Bracket | None = None
    read_time: Bracket | None = None

    def energy(self, done: Done) -> dict[str, Bracket | None]:
        reads = float((done.columns + done.back_columns) * done.cells)
        return {"write": _times(self.pulse_energy, float(done.pulses)), "read": _times(self.read_energy, reads)}

    def time(self, done: Done) -> dict[str, Bracket | None]:
        slots = (float(done.busiest_cell), float(done.busiest_rows), float(done.pulses))
        columns = float(done.columns + done.back_columns)
        return {"write": _times(self.pulse_time, slots), "read": _times(self.read_time, columns)}


@dataclass(frozen=True, kw_only=True)
class DigitalCosts(Costs):
    """Weights in a digital memory: every synapse is visited by every update and every column read, whatever its value.

    update_energy : J for a synapse to be updated: read, change, write back
    operation_energy : J for a synapse to take part in a column read: fetch, multiply, add
    access_time : s per access to the memory: a presynaptic row at best (low, typical), one synapse at worst (high)
    """

    schedule: ClassVar[str] = "one access per presynaptic row, or per synapse (high)"

    update_energy: Bracket | None = None
    operation_energy: Bracket | None = None
    access_time: Bracket | None = None

    def energy(self, done: Done) -> dict[str, Bracket | None]:
        operations = float((done.columns + done.back_columns) * done.cells)
        return {
            "write": _times(self.update_energy, float(done.updates * done.cells)),
            "read": _times(self.operation_energy, operations),
        }

    def time(self, done: Done) -> dict[str, Bracket | None]:
        accesses = lambda columns: (float(columns * done.rows),) * 2 + (float(columns * done.cells),)  # noqa: E731
        reads = accesses(done.columns + done.back_columns)
        return {"write": _times(self.access_time, accesses(done.updates)), "read": _times(self.access_time, reads)}


class Done(NamedTuple):
    """Operation counts of one array that its costs depend on.

    rows, cells : presynaptic rows; cells, all devices of all weights
    updates; pulses : updates written, pulses of either sign
    busiest_cell, busiest_rows : pulses of the most-pulsed cell, and their sum over rows of the most-pulsed cell in each
    columns, back_columns : columns read, and transposed columns read
    inputs, outputs : values set by a DAC and read by an ADC, with their bits; 0 bits: no converter. A column that is read again
        counts as a normal one
    row_reads, row_outputs : rows of weights read while writing, and values that an ADC of `row_read_bits` read there
    adc_enob : effective bits of the ADC, which set its energy (all bits set its time); 0: all are
    """

    rows: int
    cells: int
    updates: int
    pulses: int
    busiest_cell: int
    busiest_rows: int
    columns: int
    back_columns: int
    inputs: int
    outputs: int
    dac_bits: float
    adc_bits: float
    row_reads: int = 0
    row_outputs: int = 0
    row_read_bits: float = 0
    adc_enob: float = 0


# Names in tables
KINDS: dict[str, type[Costs]] = {"analog": AnalogCosts, "digital": DigitalCosts}
