"""The one decorator that sets the compile flags of every kernel, here and in neuroperturb.

* ``nogil``: kernels release the interpreter lock, so runs can share one process on threads.
* ``error_model="numpy"``: a division by zero gives inf or nan, as in NumPy, instead of an exception.
* no reference counts: a kernel works on arrays it is given and allocates nothing, which the compiler then enforces; the few that
  must allocate say ``@kernel(allocates=True)``. Counting would also triple the time to compile.
* no ``fastmath``: sums keep their source order and nothing is contracted, so that the same source gives the same bits on
  every CPU, and a non-finite value stays visible.
* no ``cache`` of Numba's, which silently keeps the old code of a callee in another file, and callees are what users edit; kernels
  are kept by all they depend on instead (:mod:`hardware_models.numerics.kernel_cache`).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from hardware_models.numerics.kernel_cache import KernelCache, symbol_of
from hardware_models.numerics.lean_compiler import keep_symbols_apart, lean, separately

keep_symbols_apart()
COMPILED = not numba.config.DISABLE_JIT  # False under NUMBA_DISABLE_JIT=1: kernels then run as plain Python
INTO_CALLER = {"nogil": True, "error_model": "numpy", "forceinline": True}  # flags of what an `overload` gives


def kernel(
    function: Callable[..., Any] | None = None, /, *, allocates: bool = False, **options: Any
) -> Callable[..., Any]:
    """Compile a function with the house flags; use as ``@kernel`` or ``@kernel(forceinline=True)``."""
    flags = {"nogil": True, "error_model": "numpy", "_nrt": allocates, **options}
    if function is None:
        return lambda f: _compiled(f, flags)
    return _compiled(function, flags)


def _compiled(function, flags: dict):
    dispatcher = numba.njit(**flags)(function)
    if COMPILED:
        lean(dispatcher)
        dispatcher.house_flags = flags
        dispatcher._cache = KernelCache(dispatcher)
    return dispatcher


def inlined(function):
    """Compile into the caller: a loop around a call that is not inlined cannot be vectorised.

    Interpreted, NumPy scalars warn of the overflow and the invalid operations that branch-free code computes and then
    does not select.
    """
    return kernel(forceinline=True)(function) if COMPILED else np.errstate(all="ignore")(function)


def by_dtype(single, double):
    """A function of one number that picks, while the caller is compiled, the form for the number's dtype."""

    def pick(x):
        return single(x) if isinstance(x, np.float32) else double(x)

    @overload(pick, jit_options=INTO_CALLER)
    def compiled_pick(x):
        return (lambda x: single(x)) if x == types.float32 else (lambda x: double(x))

    return pick


@functools.lru_cache
def separate(function):
    """A kernel that its callers call as it is, instead of compiling its code into theirs once more.

    Numba links the code of a callee into every caller and optimises all of it again at each level, so that a deep nest
    of large kernels compiles for minutes. Across this boundary nothing is inlined: for large kernels, called seldom.
    """
    if not COMPILED:
        return function

    # What `call` closes over is part of every caller's key: the kernel, and nothing that has none.
    def call(typingctx, *given, **named):
        args = inspect.signature(function.py_func).bind(*given, **named).args
        with separately():
            function.compile(args)
        found = function.overloads[args].signature
        symbol, restype, argtypes = symbol_of(function, args), found.return_type, found.args

        def codegen(context, builder, kinds, values):
            convention = context.call_conv
            kind = convention.get_function_type(restype, argtypes)
            callee = cgutils.get_or_insert_function(builder.module, kind, symbol)
            status, result = convention.call_function(builder, callee, restype, argtypes, values)
            with cgutils.if_unlikely(builder, status.is_error):
                convention.return_status_propagate(builder, status)
            return result

        return restype(*args), codegen

    typingctx = inspect.Parameter("typingctx", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    call.__signature__ = inspect.Signature([typingctx, *inspect.signature(function.py_func).parameters.values()])
    return intrinsic(call)
