"""A number that all units share, or one for every unit, by the same name in a kernel."""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from hardware_models.numerics.compiled import INTO_CALLER


def of_unit(values, i):
    """Unit i's number: `values` itself, or element i of it; which of both is settled while the caller is compiled."""
    return values[i] if np.ndim(values) else values


@overload(of_unit, jit_options=INTO_CALLER)
def _compiled_of_unit(values, i):
    return (lambda values, i: values[i]) if isinstance(values, types.Array) else (lambda values, i: values)
