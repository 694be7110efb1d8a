"""Numbers with their units, as people write them."""

from __future__ import annotations

import math

PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P"}
PREFIXED = ("J", "s", "W", "B", "MAC")  # units that take a prefix
HOURS_A_YEAR = 365.25 * 24


def with_prefix(value: float, unit: str) -> str:
    """Three digits and a prefix, e.g. ``45 µs``; beyond the prefixes, as a power of ten.

    >>> with_prefix(1.02e-13, "J"), with_prefix(999.6, "J")
    ('102 fJ', '1 kJ')
    """
    if not math.isfinite(value) or value == 0:
        return f"{value:g} {unit}"
    rounded = float(f"{value:.3g}")
    power = min(max(3 * math.floor(math.log10(abs(rounded)) / 3), min(PREFIXES)), max(PREFIXES))
    return f"{rounded / 10.0**power:.3g} {PREFIXES[power]}{unit}"


def counted(number: int, noun: str) -> str:
    """A whole number of things, in the plural where it is not one.

    >>> counted(1, "cell"), counted(3_655, "run"), counted(0, "seed")
    ('1 cell', '3,655 runs', '0 seeds')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"


def duration(seconds: float) -> str:
    """Seconds in everyday units.

    >>> duration(61), duration(26_000), duration(1.48e6), duration(1e9)
    ('1 min 01 s', '7 h 13 min', '17 days', '32 years')
    """
    if not 0 <= seconds < math.inf:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 2 * HOURS_A_YEAR:
        return f"{hours / HOURS_A_YEAR:,.0f} years"
    if hours >= 48:
        return f"{hours / 24:.0f} days"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def quantity(value: float, unit: str = "") -> str:
    """Three digits, with a prefix before the units that take one; times of a minute and more in everyday units."""
    if unit == "s" and value >= 60:
        return duration(value)
    return with_prefix(value, unit) if unit in PREFIXED else f"{value:.3g} {unit}".rstrip()
