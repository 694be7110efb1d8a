r"""Cost estimates: energies, times and endurance, each with a low and a high value, and their sources.

    cross-point array     E = pulses · E_pulse + columns · cells · E_cell + conversions          E_cell = G V² t
    digital memory        E = updates · synapses · E_update + columns · synapses · E_operation + conversions
    ADC                   E = F · 2ᴺ a conversion, N its effective bits (ENOB), F Walden's figure of merit P/(2ᴺ f) (5 – 50 fJ a step)
    n-bit DAC             12 k_B T · 4ⁿ  ≤  E  ≤  that of the ADC of as many bits, which has such a DAC inside

The lower bound of a DAC is the charge on a capacitor large enough that its thermal noise k_B T/C stays at the noise of rounding,
V²/(12 · 4ⁿ). The effective bits of an ADC are its nominal ones less what noise of the outputs costs, which is taken for its own
(`Reading.adc_enob`); a converter without noise has as many as it is called. A `Bracket` with two published ends and nothing typical
between them has its typical figure at their geometric mean.

Times say what works at once: a cross-point array reads a column in one integration over all its cells; a digital memory hands
out one presynaptic row an access at best, one synapse an access at worst. Where no figure could be checked there is None, and a
ledger says so.

Not included: drivers, decoders, routing, control, leakage, refresh, and the conversion of activity into updates.
"""

from __future__ import annotations

import math
from dataclasses import fields

from hardware_models.costs.model import BOLTZMANN, ROOM, AnalogCosts, Bracket, Costs, DigitalCosts, read_energy
from hardware_models.costs.sources import (
    DAVIES,
    HOROWITZ,
    HUANG,
    IN_MEMORY,
    KIM_2019,
    MEENA,
    MILO,
    NEUROSIM,
    OPEN_LOOP,
    TANG_2018,
    YANG,
)
from hardware_models.numerics.checks import ParameterError

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
    """n-bit weights in static memory next to adders and multipliers.

    Energies of 32-bit arithmetic are scaled to n bits: addition ∝ n, multiplication ∝ n². Low: n-bit arithmetic and the bit
    cells alone; typical: n-bit product, sum of whole 32-bit words, an 8 KB memory read 64 bits at a time; high: a 32-bit
    processor. An update is one product, one sum and two accesses; a column read one product, one sum and one access. An array that was
    made with them has those of its own bits.
    """
    if not 1 <= bits <= 64:
        raise ParameterError("bits", "sram", "from 1 to 64", bits)
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
        endurance=Bracket.exactly(1e16, "pulses", YANG), bits=bits,
    )  # fmt: skip


LOIHI = DigitalCosts(
    name="Loihi",
    update_energy=Bracket.exactly(120e-12, "J", f"pairwise STDP: {DAVIES}"),
    operation_energy=Bracket.exactly(23.6e-12, "J", f"an operation a synapse, as if each input spiked: {DAVIES}"),
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
    """All estimates of a technology, by name."""
    return {f.name: value for f in fields(costs) if isinstance(value := getattr(costs, f.name), Bracket)}
