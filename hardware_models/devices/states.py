"""How many states a weight has: the one definition that cards and advice share.

cells of n bits    range / step + 1    levels, both ends counted: 2ⁿ − 1
cells of pulses    range / g           mean pulses at zero, g, from one end to the other
"""

from __future__ import annotations

from typing import Any


def states(cell: Any, low: float, high: float, step: float) -> float:
    """States between two ends, at steps of this size, all in device units."""
    return (high - low) / step + (1 if _has_levels(cell) else 0)


def meaning(cell: Any) -> str:
    """What these states are, in words."""
    return "levels, both ends counted" if _has_levels(cell) else "mean pulses from end to end"


def _has_levels(cell: Any) -> bool:
    return not cell.pulse_up
