"""A kernel is compiled for those who call it: other kernels, or Python.

Numba makes three things of every function: its code, a wrapper for callers in Python and one for callers in C, and machine code for
each of them. Most kernels are called by other kernels only, which link them in: they get neither wrapper, and machine code when somebody
asks for an address. That is a third of the time to compile, with the same code, and so the same bits. What is linked in is not optimised as a
whole before: it is where it ends up. Symbols are short: Numba writes the types of all arguments out, which of the state of a run is thousands of
letters wherever a function is named.

A kernel that Python calls after all is compiled once more, with its wrapper.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import secrets
import threading
from collections.abc import Iterator

from numba.core import bytecode, sigutils, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.environment import lookup_environment
from numba.core.funcdesc import default_mangler
from numba.core.registry import CPUDispatcher, cpu_target

ENVIRONMENT = "_ZN08NumbaEnv"  # where compiled code finds its Python constants


class LateLibrary(JITCodeLibrary):
    """Code that becomes machine code when its address is asked for."""

    _emitted = _optimised = False

    def _finalize_final_module(self) -> None:
        if not self._object_caching_enabled or self._compiled_object:  # Numba's own runtime; machine code out of a file
            self._optimised = True  # as far as it will be
            self.emit()
            return
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True

    def _optimize_final_module(self) -> None:
        if is_root():  # what is linked into another kernel is optimised there, whole
            self._optimised = True
            super()._optimize_final_module()

    def emit(self) -> None:
        """Make machine code, unless that is done."""
        if not self._emitted:
            self._emitted = True
            if not self._optimised:  # first a part of another kernel, now called by its address
                self._optimised = True
                super()._optimize_final_module()
            super()._finalize_final_module()
            _set_environments(self)

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        self.emit()
        return super().get_pointer_to_function(name)

    def serialize_using_object_code(self):
        self._ensure_finalized()
        self.emit()
        return super().serialize_using_object_code()


def _set_environments(library) -> None:
    """Tell code, and what is linked into it, where its constants are."""
    for variable in library._get_module_for_linking().global_variables:
        found = lookup_environment(variable.name) if variable.name.startswith(ENVIRONMENT) else None
        if found is not None and library._codegen._engine.get_global_value_address(variable.name):
            library.codegen.set_env(variable.name, found)


class _Callers(threading.local):
    """Who asked for what is being compiled."""

    def __init__(self) -> None:
        self.python = False  # Python will call it
        self.separate = [0]  # depths of the compiler's stack at which a kernel was asked for across `separate`


_callers = _Callers()


@contextlib.contextmanager
def separately() -> Iterator[None]:
    """Inside, the next kernel to be compiled is asked for by its address."""
    _callers.separate.append(len(cpu_target.typing_context.callstack))
    try:
        yield
    finally:
        _callers.separate.pop()


def is_root() -> bool:
    """Whether the kernel being compiled is called from Python or by its address, and not a part of another."""
    return len(cpu_target.typing_context.callstack) == _callers.separate[-1]


def is_for_python() -> bool:
    """Whether the kernel being compiled gets a wrapper for callers in Python."""
    return _callers.python


class Kernel(CPUDispatcher):
    """A compiled function of either package; to its users what ``numba.njit`` makes."""

    @global_compiler_lock  # whose kernel is on the compiler's stack is another thread's as long as that compiles
    def compile(self, signature):
        arguments = tuple(sigutils.normalize_signature(signature)[0])
        before, codegen = _callers.python, self.targetctx.codegen()
        _callers.python = is_root() and len(_callers.separate) == 1
        existing = self.overloads.get(arguments)
        if existing is not None and _callers.python and not _has_wrapper(existing):
            del self.overloads[arguments]
        outer = codegen.__dict__.get("_library_class")
        codegen._library_class, self.targetctx.mangler = LateLibrary, short_symbol
        collecting = gc.isenabled()
        gc.disable()  # a kernel makes millions of objects that are needed until it is compiled: a seventh of the time
        try:
            return super().compile(signature)
        finally:
            if collecting:
                gc.enable()
            _callers.python = before
            if outer is None:
                del codegen._library_class, self.targetctx.mangler
            else:
                codegen._library_class = outer

    def get_call_template(self, args, kws):
        return super().get_call_template(tuple(map(_any_number, args)), {k: _any_number(v) for k, v in kws.items()})

    def add_overload(self, compiled) -> None:
        if _has_wrapper(compiled):
            super().add_overload(compiled)
            return
        if compiled.entry_point is None:  # what callers among kernels know it by
            compiled = compiled._replace(entry_point=_Uncallable(self.py_func.__name__))
            self.targetctx.insert_user_function(compiled.entry_point, compiled.fndesc, [compiled.library])
        self.overloads[tuple(compiled.signature.args)] = compiled


_versions: dict[tuple, int] = {}  # of a function, by the types of its arguments and its flags


def short_symbol(name: str, arguments: tuple, *, abi_tags: tuple = (), uid: int | None = None) -> str:
    """The symbol of a version of a function: its name, its number, which no other function of any process has, and the version's."""
    if uid is None:
        return default_mangler(name, arguments, abi_tags=abi_tags, uid=uid)
    version = _versions.setdefault((uid, tuple(arguments), tuple(abi_tags)), len(_versions))
    return default_mangler(name, (), abi_tags=(str(version),), uid=uid)


def _any_number(kind: types.Type) -> types.Type:
    """A number, or True, that is written into a call is one like any other: Numba would compile a version for each."""
    return types.unliteral(kind) if isinstance(kind, types.IntegerLiteral | types.BooleanLiteral) else kind


class _Uncallable:
    """In the place of a wrapper for Python."""

    def __init__(self, name: str):
        self.__name__ = name


def _has_wrapper(compiled) -> bool:
    name = compiled.fndesc.llvm_cpython_wrapper_name
    return any(f.name == name and not f.is_declaration for f in compiled.library._get_module_for_linking().functions)


def lean(dispatcher: CPUDispatcher) -> CPUDispatcher:
    """The same function, compiled for those who call it."""
    dispatcher.__class__ = Kernel

    def for_callers(flags):
        flags.no_cfunc_wrapper = True
        if not _callers.python:
            flags.no_cpython_wrapper = True
            flags.no_compile = True
        return flags

    dispatcher._compiler._customize_flags = for_callers
    return dispatcher


def keep_symbols_apart() -> None:
    """Let names of functions differ between processes: two closures of one name would be taken for each other once linked.

    Numba numbers functions from 1 in every process.
    """
    if hasattr(bytecode.FunctionIdentity, "_unique_ids"):
        bytecode.FunctionIdentity._unique_ids = itertools.count(secrets.randbits(60))
