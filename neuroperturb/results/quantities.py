"""Quantities in words."""

from __future__ import annotations

from hardware_models.costs import units
from neuroperturb.results.grid import number


def joules(value: float) -> str:
    """An energy, e.g. ``5.3 mJ``."""
    return units.with_prefix(value, "J")


def quantity(value: float, unit: str) -> str:
    """Counts with commas, shares in percent, long times in minutes, hours, days or years, the rest with prefixes.

    >>> quantity(26174, ""), quantity(3e-7, "share"), quantity(1.48e6, "s"), quantity(3.28e6, "MAC")
    ('26,174', '< 0.001 %', '17 days', '3.28 MMAC')
    """
    if unit == "":
        return f"{value:,.0f}" if value >= 100 or value == round(value) else number(value)
    if unit == "share":
        return "< 0.001 %" if value < 1e-5 else f"{100 * value:.2g} %"
    return units.quantity(value, unit)


def low_to_high(values: tuple[float, float, float], unit: str) -> str:
    """The low, the typical and the high end; one where people would write all of them alike."""
    ends = [quantity(value, unit) for value in values]
    return ends[0] if len(set(ends)) == 1 else " – ".join(ends) + " (low – typical – high)"
