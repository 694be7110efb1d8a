"""A mean with its spread, as text."""

from __future__ import annotations

import math

ROUNDING = 1e-9  # device units: a spread below this is that of sums


def beside(mean: float, std: float) -> str:
    """A mean with its spread, to the digits that the spread leaves: 0.00 ± 0.01; what only rounding makes is 0."""
    std = 0.0 if std < ROUNDING else std
    digits = min(max(1 - math.floor(math.log10(std)), 0), 9) if std else 0
    text = f"{mean:+.{digits}f}" if std else f"{mean if abs(mean) > ROUNDING else 0.0:+.2g}"
    return f"{text if float(text) else text.lstrip('+-')} ± {std:.2g}"
