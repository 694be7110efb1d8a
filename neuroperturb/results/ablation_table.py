"""The cost of each non-ideality, from the rows of a record."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

IDEAL, ONLY, WITHOUT = "ideal hardware", "only ", "without "  # names of rows


class Cost(NamedTuple):
    """The cost of a source: test losses with it alone and without it, and the differences they make."""

    source: str
    alone: float
    cost: float
    removed: float
    regained: float


def is_row(name: str) -> bool:
    """Whether a row of results belongs to an ablation."""
    return name == IDEAL or name.startswith((ONLY, WITHOUT))


def table(results) -> list[Cost]:
    """The cost of each source, from the rows of a record, the first of which is the run itself; empty without an ablation."""
    losses = dict(zip(results["name"], results["test"], strict=True))
    if IDEAL not in losses:
        return []
    everything, ideal = float(results["test"].iloc[0]), losses[IDEAL]
    found = []
    for name in (name.removeprefix(ONLY) for name in losses if name.startswith(ONLY)):
        one, rest = losses[ONLY + name], losses.get(WITHOUT + name, np.nan)
        found.append(Cost(name, one, one - ideal, rest, everything - rest))
    return found
