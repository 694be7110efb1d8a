"""Numbers that stand for a missing value, such as -9999: found by how far they lie from all others."""

from __future__ import annotations

import math

import numpy as np


def code_for_missing(column: np.ndarray) -> float | None:
    """A number far outside the rest: at least ten times as far from the next as the rest is wide, half that if it is all nines.

    The rest grows from the median outwards, by the nearest value, until it contains half of all rows; only then are gaps considered.
    """
    levels, rows = np.unique(column, return_counts=True)
    if len(levels) < 2:
        return None
    low = high = int(np.searchsorted(np.cumsum(rows), (len(column) + 1) // 2))
    while low > 0 or high < len(levels) - 1:
        below = levels[low] - levels[low - 1] if low > 0 else math.inf
        above = levels[high + 1] - levels[high] if high < len(levels) - 1 else math.inf
        number, gap = (levels[low - 1], below) if below <= above else (levels[high + 1], above)
        width, most = levels[high] - levels[low], 2 * rows[low : high + 1].sum() >= len(column)
        nines = set(f"{abs(number):.10g}".replace(".", "")) == {"9"} and abs(number) >= 99
        if gap > (0.5 if nines else 10.0) * width and most and (width > 0 or nines):
            return float(number)
        low, high = (low - 1, high) if below <= above else (low, high + 1)
    return None
