"""Numbers and tables as plain text."""

from __future__ import annotations

import math


def number(value: float) -> str:
    """Three significant digits; empty for a missing value."""
    if value is None or value != value:
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0 or (abs(value) >= 100 and abs(value) < 1e6):
        return f"{value:.0f}"
    return f"{value:#.3g}" if 1e-2 <= abs(value) < 100 else f"{value:.2e}"


def grid(columns: dict) -> str:
    """Columns of text under their names: the first and the last aligned left, numbers aligned right."""
    cells = [[name, *map(str, column)] for name, column in columns.items()]
    widths = [max(map(len, column)) for column in cells]
    last = len(cells) - 1
    lines = []
    for row in zip(*cells, strict=True):
        aligned = [
            cell.ljust(width) if k == 0 or (k == last and list(columns)[k] == "settings") else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(aligned).rstrip())
    return "\n".join([lines[0], "  ".join("─" * width for width in widths if width), *lines[1:]])


def duration(seconds: float) -> str:
    """Seconds in everyday units."""
    if not 0 <= seconds < 1e8:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
