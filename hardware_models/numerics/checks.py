"""The sentence that refuses a parameter: which, whose, what was wanted, what came."""

from __future__ import annotations

import math

import numpy as np


def refuse(part, name: str, what: str) -> None:
    """Raise ValueError for a field of `part` that must be something else."""
    got = getattr(part, name)
    raise ValueError(f"The {name!r} parameter of {type(part).__name__} must be {what}. Got {got!r} instead.")


def require(part, names: str, what: str, fits, *, endless: bool = False) -> None:
    """Refuse every field in `names`, separated by spaces, that is not a finite number which fits; `endless` allows inf."""
    for name in names.split():
        value = getattr(part, name)
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not (number and (math.isfinite(value) or (endless and value == math.inf)) and fits(value)):
            refuse(part, name, what)


def require_positive(part, names: str, *, endless: bool = False) -> None:
    require(part, names, "positive", lambda v: v > 0, endless=endless)


def require_not_negative(part, names: str) -> None:
    require(part, names, "0 or more", lambda v: v >= 0)


def require_share(part, names: str) -> None:
    require(part, names, "from 0 to 1", lambda v: 0 <= v <= 1)
