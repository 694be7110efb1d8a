"""Every table of README and docs, by name: which rows, which columns, which number of them. The rest is data.

A room lists its tables by being imported.
"""

from __future__ import annotations

from pathlib import Path

from studies.publish.tables import arrays, credit, series, spikes
from studies.publish.tables.rows import TABLES


def made(root: Path, name: str) -> str:
    """A table as Markdown."""
    head, *lines = TABLES[name](root)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *lines])
