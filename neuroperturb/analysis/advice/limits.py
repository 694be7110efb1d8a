"""What limits training on cells that are written by pulses: numbers of the mean cell, and sentences.

    step        g, mean of a pulse up and one down at w = 0 [device units];  states as on a card
    pulse       standard deviation of one pulse, relative to g
    rewriting   standard deviation of the weight that one write draws anew, relative to the range: no number of pulses averages it away
    asymmetry   (up − down) / (up + down) at w = 0, pulled towards the weight at which both are equal

A weight that K devices share, pulsed in turn, has steps and write noise of 1/K. K is chosen so that both are below
:data:`FINE` of half the range, which on the shipped devices separates the rows that learn with one cell from those that do not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import hardware_models as hw
from hardware_models.crossbar.weights import MOST_DEVICES
from hardware_models.devices.states import states

FINE = 0.0325  # of half the range: the largest step, or write noise, that one write of a weight may have
FEW = 32  # states below which requests are mostly rounded away
LOUD = 2.0  # standard deviation of a pulse, in steps
LOPSIDED = 0.1  # asymmetry


class Limits(NamedTuple):
    """Numbers of one device.

    half_range : half the range of a weight [device units];  step : g;  states : see :mod:`hardware_models.devices.states`
    pulse : spread of a pulse / g;  rewriting : write noise / range;  asymmetry : at w = 0
    one_sided : whether cells get pulses up only
    """

    half_range: float
    step: float
    states: float
    pulse: float
    rewriting: float
    asymmetry: float
    one_sided: bool

    @property
    def devices(self) -> int:
        """K, the number of devices to share a weight: a power of two."""
        coarse = max(self.step, 2 * self.rewriting * self.half_range) / self.half_range
        return int(min(2 ** max(0, np.ceil(np.log2(coarse / FINE))), MOST_DEVICES))


def limits_of(hardware: hw.Hardware) -> Limits | None:
    """Limits of hardware that is trained by pulses or in levels; None: its cells hold any number."""
    cells, weight = hardware.parts.cell, hardware.parts.weight
    step = float(getattr(cells, "granularity", 0.0) or 0.0)
    low, high = weight.span(cells) if step else (0.0, 0.0)
    if not step or not np.isfinite(high - low):
        return None
    return Limits(
        half_range=(high - low) / 2,
        step=step,
        states=states(cells, low, high, step),
        pulse=float(getattr(cells, "pulse_noise", 0.0)),
        rewriting=float(cells.write_noise) / (high - low),
        asymmetry=float(getattr(cells, "asymmetry", 0.0)),
        one_sided=weight.one_sided,
    )


def sentences(found: Limits) -> list[str]:
    """What hurts, worst first; empty if nothing does."""
    said, redrawn = [], 2 * found.rewriting * found.half_range / found.step  # by one write, in pulses
    if 2 * found.rewriting > FINE:
        said.append(
            f"every write draws noise of {found.rewriting:.1%} of the range anew, as much as {redrawn:.0f} pulses: "
            "requests must wait until they are worth a write"
        )
    if found.states < FEW:
        said.append(f"a weight has {found.states:.0f} states: most requests are rounded away unless their rest is kept")
    if found.pulse > LOUD:
        said.append(f"a pulse moves a cell by {found.pulse:.1f} steps more or less: what it did has to be read")
    if abs(found.asymmetry) > LOPSIDED:
        said.append(f"pulses up and down differ by {abs(found.asymmetry):.0%} at zero: noise alone pulls weights away")
    if found.one_sided:
        said.append("cells get pulses up only: a pair saturates and has to be reset")
    return said
