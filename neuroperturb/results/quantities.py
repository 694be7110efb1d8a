"""Quantities in words, with SI prefixes."""

from __future__ import annotations

import math

PREFIXES = {3: "k", 0: "", -3: "m", -6: "µ", -9: "n", -12: "p", -15: "f"}


def joules(value: float) -> str:
    """An energy, e.g. ``5.3 mJ``."""
    return with_prefix(value, "J")


def with_prefix(value: float, unit: str) -> str:
    """Three digits and a prefix, e.g. ``45 µs``; beyond the prefixes, as a power of ten."""
    if not math.isfinite(value) or value == 0:
        return f"{value:g} {unit}"
    exponent = 3 * math.floor(math.log10(abs(float(f"{value:.3g}"))) / 3)
    exponent = min(max(exponent, min(PREFIXES)), max(PREFIXES))
    return f"{value / 10**exponent:.3g} {PREFIXES[exponent]}{unit}"
