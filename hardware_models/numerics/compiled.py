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

import numba
from numba.core import cgutils
from numba.extending import intrinsic

from hardware_models.numerics.kernel_cache import KernelCache, keep_symbols_apart, symbol_of
from hardware_models.numerics.lean_compiler import lean, separately

keep_symbols_apart()
COMPILED = not numba.config.DISABLE_JIT  # False under NUMBA_DISABLE_JIT=1: kernels then run as plain Python


def kernel(function=None, /, *, allocates: bool = False, **options):
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


@functools.lru_cache
def separate(function):
    """A kernel that its callers call as it is, instead of compiling its code into theirs once more.

    Numba links the code of a callee into every caller and optimises all of it again at each level, so that a deep nest
    of large kernels compiles for minutes. Across this boundary nothing is inlined: for large kernels, called seldom.
    """
    if not COMPILED:
        return function

    def call(typingctx, *args):
        with separately():
            function.compile(args)
        signature = function.overloads[args].signature
        symbol, restype, argtypes = symbol_of(function, args), signature.return_type, signature.args

        def codegen(context, builder, signature, values):
            convention = context.call_conv
            kind = convention.get_function_type(restype, argtypes)
            callee = cgutils.get_or_insert_function(builder.module, kind, symbol)
            status, result = convention.call_function(builder, callee, restype, argtypes, values)
            with cgutils.if_unlikely(builder, status.is_error):
                convention.return_status_propagate(builder, status)
            return result

        return restype(*args), codegen

    parameters = inspect.signature(function.py_func).parameters.values()
    call.__signature__ = inspect.Signature(
        [inspect.Parameter("typingctx", inspect.Parameter.POSITIONAL_OR_KEYWORD), *parameters]
    )
    return intrinsic(call)
