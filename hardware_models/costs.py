r"""What operations cost: energies, times and endurance, each between a low and a high figure, with their sources.

    cross-point array     E = pulses · E_pulse + columns · cells · E_cell + conversions          E_cell = G V² t
    digital memory        E = updates · synapses · E_update + columns · synapses · E_operation + conversions
    n-bit ADC             E = F · 2ⁿ a conversion, F Walden's figure of merit (5 – 50 fJ a step)
    n-bit DAC             12 k_B T · 4ⁿ  ≤  E  ≤  that of the ADC of as many bits, which has such a DAC inside

The lower bound of a DAC is the charge on a capacitor large enough that its thermal noise k_B T/C stays at the noise of rounding,
V²/(12 · 4ⁿ). A `Bracket` with two published ends and nothing typical between them has its typical figure at their geometric mean.
Times say what works at once: a cross-point array reads a column in one integration over all its cells; a digital memory hands
out one presynaptic row an access at best, one synapse an access at worst. Where no figure could be checked there is None, and a
ledger says so.

What is not here: drivers, decoders, routing, control, leakage, refresh, and whatever turns activity into updates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from hardware_models.ledger import Done

BOLTZMANN, ROOM = 1.380649e-23, 300.0  # J/K, K
PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P"}

YANG = (
    "J. J. Yang, D. B. Strukov & D. R. Stewart, Memristive devices for computing, Nat. Nanotechnol. 8, 13 (2013), table 1, "
    "doi:10.1038/nnano.2012.240"
)
MEENA = (
    "J. S. Meena et al., Overview of emerging nonvolatile memory technologies, Nanoscale Res. Lett. 9, 526 (2014), table 2, "
    "doi:10.1186/1556-276X-9-526"
)
HUANG = "P. Huang et al., Analytic model of endurance degradation in metal oxide based RRAM, IEDM 2013 (HfOx, 4 levels)"
NEUROSIM = (
    "P.-Y. Chen, X. Peng & S. Yu, NeuroSim: a circuit-level macro model for benchmarking neuro-inspired architectures in online "
    "learning, IEEE Trans. CAD 37, 3067 (2018), doi:10.1109/TCAD.2018.2789723, default cells"
)
CROSSSIM = "default devices of CrossSim v3.2, Sandia National Laboratories"
MILO = "ReRAM of 50 – 225 µS: V. Milo et al., IRPS 2021, doi:10.1109/IRPS46558.2021.9405119"
IN_MEMORY = (
    "g_max 25 µS, integration 250 ns: S. R. Nandakumar et al., ICECS 2019, doi:10.1109/ICECS46596.2019.8964852; read voltage "
    "0.4 V: inference circuit of M. J. Rasch et al., AICAS 2021, doi:10.1109/AICAS51828.2021.9458494"
)
TANG_2018 = (
    "J. Tang et al., ECRAM as scalable synaptic cell for high-speed, low-power neuromorphic computing, IEDM 2018, "
    "doi:10.1109/IEDM.2018.8614551"
)
KIM_2019 = (
    "S. Kim et al., Metal-oxide based, CMOS-compatible ECRAM for deep learning accelerator, IEDM 2019, "
    "doi:10.1109/IEDM19573.2019.8993463"
)
OPEN_LOOP = (
    "Open-loop analog programmable electrochemical memory array, Nat. Commun. 14 (2023), doi:10.1038/s41467-023-41958-4"
)
HOROWITZ = "M. Horowitz, Computing's energy problem, ISSCC 2014, doi:10.1109/ISSCC.2014.6757323 (45 nm, 0.9 V)"
WALDEN = "range over published converters: B. Murmann, ADC Performance Survey; B. E. Jonsson, ADC survey (2013)"
DAVIES = (
    "M. Davies et al., Loihi: a neuromorphic manycore processor with on-chip learning, IEEE Micro 38, 82 (2018), "
    "doi:10.1109/MM.2018.112130359"
)
SENECA = "G. Tang et al., Front. Neurosci. 17, 1187252 (2023), table 3, doi:10.3389/fnins.2023.1187252"


@dataclass(frozen=True)
class Bracket:
    """A figure that is known between two ends.

    low, typical, high : in `unit`, 0 ≤ low ≤ typical ≤ high
    unit : "J", "s", …
    source : where the figure is from, and how it was derived
    """

    low: float
    typical: float
    high: float
    unit: str
    source: str

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.typical <= self.high < math.inf:
            got = (self.low, self.typical, self.high)
            raise ValueError(
                f"The ends of a Bracket must be finite and ordered, 0 ≤ low ≤ typical ≤ high. Got {got} instead."
            )

    @classmethod
    def between(cls, low: float, high: float, unit: str, source: str) -> Bracket:
        """Two ends, and their geometric mean."""
        return cls(low, min(max(math.sqrt(low * high), low), high), high, unit, source)

    @classmethod
    def exactly(cls, value: float, unit: str, source: str) -> Bracket:
        """A figure with no spread published."""
        return cls(value, value, value, unit, source)

    def __mul__(self, count: float | tuple[float, float, float]) -> Bracket:
        """So many times it, or as many times as (low, typical, high) say."""
        low, typical, high = count if isinstance(count, tuple) else (count,) * 3
        return Bracket(self.low * low, self.typical * typical, self.high * high, self.unit, self.source)

    def __add__(self, other: Bracket) -> Bracket:
        """Both: ends add up, as if all that is uncertain went the same way; sources are listed once."""
        if other.unit != self.unit:
            raise ValueError(
                f"The 'unit' of brackets that are added must be the same. Got {self.unit!r} and {other.unit!r}."
            )
        source = self.source if other.source in self.source else f"{self.source}; {other.source}"
        ends = (self.low + other.low, self.typical + other.typical, self.high + other.high)
        return Bracket(*ends, self.unit, source)

    def __str__(self) -> str:
        ends = f" ({quantity(self.low, self.unit)} … {quantity(self.high, self.unit)})"
        return quantity(self.typical, self.unit) + (ends if self.low < self.high else "")


def quantity(value: float, unit: str = "") -> str:
    """Three digits and, before J or s, a prefix: ``1.02e-13, "J"`` is ``102 fJ``."""
    if value == 0 or unit not in ("J", "s"):
        return f"{value:.3g} {unit}".rstrip()
    power = min(max(3 * math.floor(math.log10(abs(value) * (1 + 1e-12)) / 3), min(PREFIXES)), max(PREFIXES))
    digits = f"{value / 10.0**power:.3g}"
    if digits in ("1e+03", "-1e+03") and power < max(PREFIXES):
        power, digits = power + 3, digits.replace("e+03", "")
    return f"{digits} {PREFIXES[power]}{unit}".rstrip()


def read_energy(conductance: float, volts: float, seconds: float) -> float:
    """G V² t of a cell under the full read voltage all the while: inputs below it dissipate less [J]."""
    return conductance * volts**2 * seconds


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What every array may have: converters and a limited life.

    name : of the technology
    conversion_step : J for each of the 2ⁿ steps of an n-bit ADC
    conversion_bit : s for a bit of a successive-approximation ADC, and one more to sample
    endurance : writes a cell survives, or None
    """

    schedule: ClassVar[str]  # what times assume to happen at once

    name: str
    conversion_step: Bracket = Bracket.between(5e-15, 50e-15, "J", WALDEN)  # noqa: RUF009  frozen
    conversion_bit: Bracket = Bracket.between(  # noqa: RUF009  frozen
        1e-9, 8e-9, "s", f"1 ns a bit: {NEUROSIM}; up to 8 columns share a converter: {CROSSSIM}"
    )
    endurance: Bracket | None = None

    def adc(self, bits: float) -> Bracket:
        """J a conversion of n bits."""
        return self.conversion_step * 2.0**bits

    def dac(self, bits: float) -> Bracket:
        """J a value set with n bits; bounds as at the top of this file."""
        noise = 12 * BOLTZMANN * ROOM * 4.0**bits
        high = max(self.adc(bits).typical, noise)
        return Bracket.between(noise, high, "J", "from thermal noise to a whole ADC, derived in hardware_models.costs")

    def conversion(self, done: Done) -> Bracket | None:
        """J of all conversions, where there were converters."""
        parts = [self.adc(done.adc_bits) * done.outputs] if done.adc_bits else []
        parts += [self.dac(done.dac_bits) * done.inputs] if done.dac_bits else []
        return sum(parts[1:], parts[0]) if parts else None

    def conversion_time(self, done: Done) -> Bracket | None:
        """s of all conversions: outputs of a column side by side, but for those that share a converter."""
        columns = done.columns + done.back_columns
        return self.conversion_bit * float((math.ceil(done.adc_bits) + 1) * columns) if done.adc_bits else None

    def energy(self, done: Done) -> dict[str, Bracket | None]:
        """J of ``write`` and ``read``; None where that has no figure."""
        raise NotImplementedError

    def time(self, done: Done) -> dict[str, Bracket | None]:
        """s of ``write`` and ``read``; None where that has no figure."""
        raise NotImplementedError


def _times(bracket: Bracket | None, count) -> Bracket | None:
    return None if bracket is None else bracket * count


@dataclass(frozen=True, kw_only=True)
class AnalogCosts(Costs):
    """A cross-point array: cells change by pulses and multiply by Ohm's law.

    pulse_energy : J a pulse and cell;  pulse_time : s
    read_energy : J a cell for a column of inputs;  read_time : s for a column, all cells at once

    Three ways to send the same pulses bound the time of writing from what was counted: all rows at once takes at least as many
    pulse times as the busiest cell got pulses (low), row by row at least the sum over rows of the busiest cell of each (typical),
    and cell by cell as many as there were pulses (high).
    """

    schedule: ClassVar[str] = "pulses to all rows at once (low), row by row, cell by cell (high); a column read at once"

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
    access_time : s for an access to the memory: a presynaptic row at best (low, typical), one synapse at worst (high)
    """

    schedule: ClassVar[str] = "an access for a presynaptic row, or for a synapse (high)"

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


# ----------------------------------------------------------------------------------------------------------------------
# Cross-point arrays

RERAM = AnalogCosts(
    name="ReRAM",
    pulse_energy=Bracket.between(0.1e-12, 3e-12, "J", f"memristor, per bit written: {YANG}"),
    pulse_time=Bracket.exactly(10e-9, "s", YANG),
    read_energy=Bracket(
        read_energy(0.1e-6, 0.5, 5e-9), read_energy(2.55e-6, 0.5, 10e-9), read_energy(225e-6, 0.5, 10e-9), "J",
        f"G V² t with 0.5 V; 100 nS and 5 ns, and the mean of 100 nS and 5 µS: {NEUROSIM}; 10 ns: {YANG}; {MILO}",
    ),
    read_time=Bracket(5e-9, 10e-9, 10e-9, "s", f"{NEUROSIM}; {YANG}"),
    endurance=Bracket.between(1e6, 1e12, "pulses", f"{HUANG}; best case: {YANG}"),
)  # fmt: skip
PCM = AnalogCosts(
    name="PCM",
    pulse_energy=Bracket.between(2e-12, 25e-12, "J", f"per bit written: {YANG}"),
    pulse_time=Bracket.between(50e-9, 500e-9, "s", YANG),
    read_energy=Bracket(
        read_energy(12.5e-6, 0.4, 10e-9), read_energy(12.5e-6, 0.4, 50e-9), read_energy(25e-6, 0.4, 250e-9), "J",
        f"G V² t at half of g_max, and at g_max for the longest time; {IN_MEMORY}; 10 – 50 ns: {YANG}",
    ),
    read_time=Bracket(10e-9, 50e-9, 250e-9, "s", f"{YANG}; {IN_MEMORY}"),
    endurance=Bracket.between(1e9, 1e12, "pulses", f"{YANG}; {MEENA}"),
)  # fmt: skip
ECRAM = AnalogCosts(
    name="ECRAM",
    pulse_energy=Bracket.between(
        1e-15, 9e-15, "J", f"projected for 100 nm × 100 nm, and by area, as charge scales, for 300 nm × 300 nm: {TANG_2018}"
    ),
    pulse_time=Bracket.between(5e-9, 100e-3, "s", f"shortest: {TANG_2018}; in a 10 × 10 array: {OPEN_LOOP}"),
    read_energy=Bracket.between(
        read_energy(0.1e-6, 0.5, 5e-9), read_energy(230e-6, 0.5, 5e-9), "J",
        f"G V² t; 0.1 – 230 µS: {OPEN_LOOP}; 0.5 V, 5 ns: {NEUROSIM}",
    ),
    read_time=Bracket.exactly(5e-9, "s", NEUROSIM),
)  # fmt: skip
ECRAM_MO = AnalogCosts(
    name="ECRAM, metal oxide",
    pulse_energy=ECRAM.pulse_energy,
    pulse_time=Bracket.between(10e-9, 100e-3, "s", f"shortest: {KIM_2019}; in a 10 × 10 array: {OPEN_LOOP}"),
    read_energy=ECRAM.read_energy,
    read_time=ECRAM.read_time,
)
CAPACITOR = AnalogCosts(
    name="capacitor",
    pulse_energy=Bracket.between(
        400 * BOLTZMANN * ROOM, 0.05e-12, "J",
        "from 400 k_B T, where thermal noise √(k_B T/C) is one of 400 steps of V on a capacitor C and a step moves charge C V/400, "
        f"to a DRAM cell charged whole: {YANG}",
    ),
    pulse_time=Bracket.exactly(10e-9, "s", f"DRAM: {YANG}"),
    read_energy=Bracket.between(
        read_energy(1 / 24e6, 0.5, 5e-9), read_energy(1 / 240e3, 0.5, 5e-9), "J",
        f"G V² t of a transistor with the weight on its gate, 240 kΩ on, 24 MΩ off, 0.5 V, 5 ns: {NEUROSIM}",
    ),
    read_time=Bracket.exactly(5e-9, "s", NEUROSIM),
    endurance=Bracket.exactly(1e16, "pulses", f"DRAM: {YANG}"),
)  # fmt: skip
CROSS_POINT = AnalogCosts(
    name="ideal cross-point",
    pulse_energy=Bracket(
        read_energy(0.1e-6, 2, 10e-9), read_energy(2.55e-6, 2, 10e-9), read_energy(5e-6, 2, 10e-9), "J",
        f"G V² t with 2 V, 10 ns and 100 nS, mean, 5 µS: {NEUROSIM}",
    ),
    pulse_time=Bracket.exactly(10e-9, "s", NEUROSIM),
    read_energy=Bracket(
        read_energy(0.1e-6, 0.5, 5e-9), read_energy(2.55e-6, 0.5, 5e-9), read_energy(5e-6, 0.5, 5e-9), "J",
        f"G V² t with 0.5 V, 5 ns and 100 nS, mean, 5 µS: {NEUROSIM}",
    ),
    read_time=Bracket.exactly(5e-9, "s", NEUROSIM),
)  # fmt: skip
SILVER = AnalogCosts(
    name="Ag:a-Si",
    pulse_energy=Bracket(
        read_energy(3.08e-9, 2.8, 300e-6), read_energy(20.79e-9, 3.2, 300e-6), read_energy(38.5e-9, 3.2, 300e-6), "J",
        f"G V² t with 300 µs and 3.08 nS at 2.8 V, mean and 38.5 nS at 3.2 V: {NEUROSIM}",
    ),
    pulse_time=Bracket.exactly(300e-6, "s", NEUROSIM),
    read_energy=Bracket(
        read_energy(3.08e-9, 0.5, 5e-9), read_energy(20.79e-9, 0.5, 5e-9), read_energy(38.5e-9, 0.5, 5e-9), "J",
        f"G V² t with 0.5 V, 5 ns and 3.08 nS, mean, 38.5 nS: {NEUROSIM}",
    ),
    read_time=Bracket.exactly(5e-9, "s", NEUROSIM),
)  # fmt: skip


# ----------------------------------------------------------------------------------------------------------------------
# Digital memories


def sram(bits: int) -> DigitalCosts:
    """n-bit weights in static memory beside adders and multipliers.

    Energies of 32-bit arithmetic are scaled to n bits: addition ∝ n, multiplication ∝ n². Low: n-bit arithmetic and the bit
    cells alone; typical: n-bit product, sum of whole 32-bit words, an 8 KB memory read 64 bits at a time; high: a 32-bit
    processor. An update is one product, one sum and two accesses; a column read one product, one sum and one access.
    """
    if not 1 <= bits <= 64:
        raise ValueError(f"The 'bits' parameter of sram must be from 1 to 64. Got {bits!r} instead.")
    words = math.ceil(bits / 32)
    add = (0.1e-12 * bits / 32, 0.1e-12 * words, 0.1e-12 * words)
    multiply = (3.1e-12 * (bits / 32) ** 2,) * 2 + (3.1e-12 * words**2,)
    access = (0.0005e-12 * bits, 10e-12 / 64 * bits, 5e-12 * words)
    arithmetic = f"arithmetic and memory: {HOROWITZ}; bit cells: {YANG}"
    cost = lambda accesses: Bracket(  # noqa: E731
        *(a + p + accesses * s for a, p, s in zip(add, multiply, access, strict=True)), "J", arithmetic
    )
    return DigitalCosts(
        name=f"SRAM, {bits} bits", update_energy=cost(2), operation_energy=cost(1),
        access_time=Bracket.between(0.1e-9, 0.3e-9, "s", YANG),
        endurance=Bracket.exactly(1e16, "pulses", YANG),
    )  # fmt: skip


LOIHI = DigitalCosts(
    name="Loihi",
    update_energy=Bracket(23.6e-12, 120e-12, 120e-12, "J", f"pairwise STDP, and no less than an operation: {DAVIES}"),
    operation_energy=Bracket(
        1.54e-12,
        23.6e-12,
        26e-12,
        "J",
        f"Loihi, an operation a synapse as if each input spiked: {DAVIES}; ends: {SENECA}",
    ),
    endurance=Bracket.exactly(1e16, "pulses", f"SRAM: {YANG}"),
)
BRAINSCALES_2 = DigitalCosts(name="BrainScaleS-2", endurance=Bracket.exactly(1e16, "pulses", f"SRAM: {YANG}"))

COSTS = {
    "reram": RERAM,
    "pcm": PCM,
    "ecram": ECRAM,
    "ecram-mo": ECRAM_MO,
    "capacitor": CAPACITOR,
    "cross-point": CROSS_POINT,
    "silver": SILVER,
    "sram-8": sram(8),
    "loihi": LOIHI,
    "brainscales-2": BRAINSCALES_2,
}


def brackets(costs: Costs) -> dict[str, Bracket]:
    """Every figure that a technology has, by name."""
    return {f.name: value for f in fields(costs) if isinstance(value := getattr(costs, f.name), Bracket)}
