"""The one decorator that sets the compile flags of every kernel, here and in neuroperturb.

* ``nogil``: kernels release the interpreter lock, so runs can share one process on threads.
* ``error_model="numpy"``: a division by zero gives inf or nan, as in NumPy, instead of an exception.
* no reference counts: a kernel works on arrays it is given and allocates nothing, which the compiler then enforces; the few that
  must allocate say ``@kernel(allocates=True)``. Counting would also triple the time to compile.
* no ``fastmath``: sums keep their source order and nothing is contracted, so that the same source gives the same bits on
  every CPU, and a non-finite value stays visible.
* no ``cache``: a cached kernel silently keeps the old code of a callee in another file, and callees are what users edit.
"""

from __future__ import annotations

import numba

COMPILED = not numba.config.DISABLE_JIT  # False under NUMBA_DISABLE_JIT=1: kernels then run as plain Python


def kernel(function=None, /, *, allocates: bool = False, **options):
    """Compile a function with the house flags; use as ``@kernel`` or ``@kernel(forceinline=True)``."""
    flags = {"nogil": True, "error_model": "numpy", "_nrt": allocates, **options}
    if function is None:
        return lambda f: numba.njit(**flags)(f)
    return numba.njit(**flags)(function)
