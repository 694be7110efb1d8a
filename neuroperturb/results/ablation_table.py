"""What each source of imperfection costs, out of the rows of a record."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

IDEAL, ONLY, WITHOUT = "ideal hardware", "only ", "without "  # names of rows


class Cost(NamedTuple):
    """What a source costs, losses on the test data; see above."""

    source: str
    alone: float
    cost: float
    removed: float
    regained: float


def is_row(name: str) -> bool:
    """Whether a row of results is of an ablation."""
    return name == IDEAL or name.startswith((ONLY, WITHOUT))


def table(results) -> list[Cost]:
    """What each source costs, from the rows of a record, the first of which is the run itself; nothing without an ablation."""
    losses = dict(zip(results["name"], results["test"], strict=True))
    if IDEAL not in losses:
        return []
    everything, ideal = float(results["test"].iloc[0]), losses[IDEAL]
    found = []
    for name in (name.removeprefix(ONLY) for name in losses if name.startswith(ONLY)):
        one, rest = losses[ONLY + name], losses.get(WITHOUT + name, np.nan)
        found.append(Cost(name, one, one - ideal, rest, everything - rest))
    return found
