"""What a compiled kernel depends on, as a digest: equal keys mean equal machine code.

    key = sha256( stamp, flags, function, argument types )

stamp      text of both packages, versions of Python and of what compiles, processor, settings of Numba
function   its code, constants, defaults and closure, and the functions it names, recursively. Of code that is not ours also
           every global it names, and what it takes out of modules: an edited helper or constant is another key
types      as Numba spells them, with the fields of every NamedTuple: Numba calls two alike whose fields are swapped

What is of no kind known here has no key (:class:`Unkeyable`): a kernel that depends on it is compiled in every process.
"""

from __future__ import annotations

import builtins
import enum
import functools
import hashlib
import importlib.util
import inspect
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding
import numba
import numpy as np
import scipy
from numba.core.dispatcher import Dispatcher
from numba.core.registry import cpu_target
from numba.core.types import BaseTuple, Type
from numba.extending import intrinsic

OURS = ("hardware_models", "neuroperturb")  # in the stamp, whole
VERSIONED = {"builtins", "math", "cmath", "operator", "numpy", "numba", "scipy", "llvmlite", *sys.stdlib_module_names}
PROCESS = {"NUM_THREADS", "NUMBA_DEFAULT_NUM_THREADS", "CACHE_DIR"}  # settings of Numba that no code depends on

Intrinsic = type(intrinsic(lambda typingctx: None))


class Unkeyable(Exception):
    """Something whose content is not known: what depends on it has no key."""


@functools.cache
def stamp() -> str:
    """Of everything that all kernels depend on."""
    total = hashlib.sha256()
    for part in (*_package_texts(), *_machine()):
        total.update(len(part).to_bytes(8, "little") + part)
    return total.hexdigest()


def _package_texts() -> Iterator[bytes]:
    for package in OURS:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        folder = Path(spec.origin).parent
        for path in sorted(folder.rglob("*.py")):
            yield str(path.relative_to(folder)).encode()
            yield path.read_bytes()


def _machine() -> Iterator[bytes]:
    yield sys.version.encode()
    for module in (numba, llvmlite, np, scipy):
        yield f"{module.__name__} {module.__version__}".encode()
    yield repr(cpu_target.target_context.codegen().magic_tuple()).encode()
    settings = {
        name: getattr(numba.config, name) for name in dir(numba.config) if name.isupper() and name not in PROCESS
    }
    yield repr(
        sorted((name, value) for name, value in settings.items() if isinstance(value, int | float | str))
    ).encode()


def key_of(dispatcher: Dispatcher, arguments: tuple[Type, ...], for_python: bool) -> str | None:
    """The key of one version of a kernel, 64 hexadecimal digits; None where it has none."""
    try:
        return _digest("kernel", stamp(), repr(for_python), fingerprint(dispatcher), *map(fingerprint, arguments))
    except Unkeyable:
        return None


# ----------------------------------------------------------------------------------------------------------------------
# Fingerprints: a digest of what a thing is, equal in every process

_known: dict[int, tuple[Any, str]] = {}  # of functions that reach nobody's code but ours: those never change


def fingerprint(thing: Any) -> str:
    """Of a function, a value in its closure, or a type."""
    return _Fingerprints().of(thing)


def _digest(*parts: str) -> str:
    total = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        total.update(len(data).to_bytes(8, "little") + data)
    return total.hexdigest()


class _Fingerprints:
    """One walk through what a function reaches."""

    def __init__(self) -> None:
        self._open: dict[int, int] = {}  # functions on the way down: recursion is a step back up
        self._foreign = False  # whether code that is not ours was met

    def of(self, thing: Any) -> str:
        if isinstance(thing, Dispatcher):
            return _digest(
                "dispatcher",
                repr(sorted(getattr(thing, "house_flags", thing.targetoptions).items())),
                self.of(thing.py_func),
            )
        if isinstance(thing, types.FunctionType):
            return self._function(thing)
        if isinstance(thing, Intrinsic):
            return _digest("intrinsic", self.of(thing._defn))
        if isinstance(thing, Type):
            return self._type(thing)
        if isinstance(thing, type):
            return self._class(thing)
        if isinstance(thing, types.CodeType):
            return self._code(thing)
        return self._value(thing)

    def _function(self, function: types.FunctionType) -> str:
        found = _known.get(id(function))
        if found is not None:
            return found[1]
        if id(function) in self._open:
            return f"up {len(self._open) - self._open[id(function)]}"
        root = function.__module__.split(".")[0] if function.__module__ else ""
        if root in VERSIONED:
            return _digest("library", function.__module__, function.__qualname__)
        before, self._foreign = self._foreign, root not in OURS
        self._open[id(function)] = len(self._open)
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        parts = [
            self.of(function.__code__),
            self.of(function.__defaults__),
            self.of(function.__kwdefaults__),
            *map(self.of, cells),
        ]
        if root not in OURS:
            parts += self._globals(function)
        del self._open[id(function)]
        digest = _digest("function", function.__module__ or "", function.__qualname__, *parts)
        if not self._foreign and not self._open:
            _known[id(function)] = function, digest
        self._foreign = self._foreign or before
        return digest

    def _globals(self, function: types.FunctionType) -> Iterator[str]:
        """What a function of somebody else's reads by name, and takes out of modules."""
        names = set(_names(function.__code__))
        for name in sorted(names & function.__globals__.keys()):
            value = function.__globals__[name]
            yield _digest("global", name, self.of(value))
            if isinstance(value, types.ModuleType) and value.__name__.split(".")[0] not in (*VERSIONED, *OURS):
                for attribute in sorted(names):
                    if hasattr(value, attribute):
                        yield _digest("attribute", name, attribute, self.of(getattr(value, attribute)))

    def _code(self, code: types.CodeType) -> str:
        constants = [self.of(constant) for constant in code.co_consts]
        names = repr((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars))
        shape = repr((code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags))
        return _digest(
            "code", code.co_code.hex(), names, shape, getattr(code, "co_exceptiontable", b"").hex(), *constants
        )

    def _class(self, cls: type) -> str:
        root = cls.__module__.split(".")[0]
        parts = [cls.__module__, cls.__qualname__]
        if hasattr(cls, "_fields"):
            parts.append(repr(cls._fields))
        elif issubclass(cls, enum.Enum):
            parts.append(repr([(member.name, member.value) for member in cls]))
        elif root not in (*VERSIONED, *OURS):
            raise Unkeyable(cls)
        return _digest("class", *parts)

    def _type(self, kind: Type) -> str:
        parts = [type(kind).__qualname__, str(kind)]
        for name in ("instance_class", "cls"):
            if isinstance(getattr(kind, name, None), type):
                parts.append(self._class(getattr(kind, name)))
        if hasattr(kind, "dispatcher"):
            parts.append(self.of(kind.dispatcher))
        inner = getattr(kind, "slots", None)
        if isinstance(inner, dict):  # of a record
            parts += [self._type(field) for field, _ in inner.values()]
        if isinstance(kind, BaseTuple):
            parts += map(self._type, kind)
        return _digest("type", *parts)

    def _value(self, thing: Any) -> str:
        name = type(thing).__qualname__
        if thing is None or thing is Ellipsis or isinstance(thing, bool | int | str | bytes):
            return _digest("value", name, repr(thing))
        if isinstance(thing, float | complex):
            return _digest("value", name, repr(thing))
        if isinstance(thing, np.dtype):
            return _digest("dtype", thing.str)
        if isinstance(thing, np.generic):
            return _digest("scalar", thing.dtype.str, thing.tobytes().hex())
        if isinstance(thing, np.ndarray) and not thing.dtype.hasobject:
            flags = (thing.flags.c_contiguous, thing.flags.f_contiguous, thing.flags.writeable)
            return _digest("array", thing.dtype.str, repr((thing.shape, flags)), thing.tobytes().hex())
        if isinstance(thing, tuple | list):
            return _digest("sequence", self._class(type(thing)), *map(self.of, thing))
        if isinstance(thing, dict):
            return _digest("dict", *(part for pair in thing.items() for part in map(self.of, pair)))
        if isinstance(thing, frozenset):
            return _digest("set", *sorted(map(self.of, thing)))
        if isinstance(thing, types.ModuleType):
            return _digest("module", thing.__name__)
        if isinstance(thing, functools._lru_cache_wrapper):
            return _digest("factory", self.of(thing.__wrapped__))
        if isinstance(thing, np.ufunc):
            return _digest("ufunc", thing.__name__)
        if inspect.isbuiltin(thing) or any(thing is builtin for builtin in vars(builtins).values()):
            return _digest("builtin", getattr(thing, "__module__", None) or "", thing.__qualname__)
        if type(thing).__module__.split(".")[0] in VERSIONED and hasattr(
            thing, "__name__"
        ):  # NumPy's functions, of its own kind
            return _digest("library", str(getattr(thing, "__module__", "")), thing.__name__)
        raise Unkeyable(thing)


def _names(code: types.CodeType) -> Iterator[str]:
    """What a code object, and those inside it, read by name."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
