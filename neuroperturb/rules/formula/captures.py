"""Hidden inputs of a formula: arrays and other mutable objects in globals and closures.

A scalar formula cannot access another synapse through its arguments. It can through a global array, or one captured by a closure:
a kernel compiles its contents in, and a rule that uses it would need a wire from every cell it reads.
"""

from __future__ import annotations

import dis
import types
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

import numpy as np

from hardware_models.numerics import maths
from neuroperturb.rules.formula.signatures import FORMS
from neuroperturb.rules.formula.tracing import FORMULAS, trace

HARMLESS = (
    int, float, bool, complex, str, bytes, type(None), np.number, np.bool_, np.dtype, np.ufunc, type, Enum, types.ModuleType,
    types.BuiltinFunctionType,
)  # fmt: skip


class Capture(NamedTuple):
    """function;  name of the hidden input;  through: ``"global"`` or ``"closure"``;  value"""

    function: str
    name: str
    through: str
    value: Any

    def __str__(self) -> str:
        return f"{self.function!r} reads the {type(self.value).__name__} {self.name!r} through a {self.through}"


def captures(function: Callable) -> tuple[Capture, ...]:
    """Hidden inputs other than numbers, functions and modules, in a formula and in the functions it calls."""
    return tuple(_captures(function, set()))


def of_rule(rule) -> tuple[Capture, ...]:
    """Hidden inputs of the functions of a rule's class."""
    functions = [getattr(rule, name) for name in FORMS if hasattr(rule, name)]
    return tuple(capture for function in functions for capture in captures(function))


def moves(rule, capture: Capture) -> bool:
    """Whether the rule's results depend on the contents of a hidden input: change them, trace the rule again, restore them."""
    value = capture.value
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or not value.flags.writeable:
        return False
    kept, before = value.copy(), _expressions(rule)
    try:
        value[...] = np.random.default_rng(0).normal(size=value.shape)
        return _expressions(rule) != before
    finally:
        value[...] = kept


def _expressions(rule) -> list:
    """Expressions of a rule's functions, with its parameters at one half."""
    cls = rule if isinstance(rule, type) else type(rule)
    params = cls(*[0.5] * len(cls._fields))
    return [trace(getattr(cls, name), params, FORMS[name][1:], what=name) for name in FORMS if hasattr(cls, name)]


def _captures(function, seen: set) -> Iterator[Capture]:
    plain = getattr(function, "py_func", function)
    if id(plain) in seen or not isinstance(plain, types.FunctionType):
        return
    seen.add(id(plain))
    for through, name, value in _read(plain):
        if _calls(value):
            yield from _captures(value, seen)
        elif not _harmless(value):
            yield Capture(plain.__name__, name, through, value)


def _read(plain: types.FunctionType) -> Iterator[tuple[str, str, Any]]:
    """(through, dotted name, value) of the outside names in a function's code."""
    for name, value in _globals(plain.__code__, plain.__globals__):
        yield "global", name, value
    for name, cell in zip(plain.__code__.co_freevars, plain.__closure__ or (), strict=True):
        yield "closure", name, cell.cell_contents


def _globals(code: types.CodeType, names: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Global names that code loads, attributes of modules followed: `state.weights` is `weights` of the module `state`."""
    value, path = None, ""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "LOAD_GLOBAL" and instruction.argval in names:
            if path:
                yield path, value
            path, value = instruction.argval, names[instruction.argval]
        elif path and isinstance(value, types.ModuleType) and instruction.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            path, value = f"{path}.{instruction.argval}", getattr(value, instruction.argval, None)
        elif path and instruction.opname not in ("PUSH_NULL", "PRECALL", "CACHE"):
            yield path, value
            path = ""
    if path:
        yield path, value
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _globals(inner, names)


def _calls(value) -> bool:
    """Whether to examine a function: one of the author's, not one of NumPy, math or this toolkit's maths."""
    if any(value is getattr(maths, name) for name in FORMULAS):
        return False
    return isinstance(getattr(value, "py_func", value), types.FunctionType) and not _of_library(value)


def _of_library(value) -> bool:
    return (getattr(value, "__module__", "") or "").split(".")[0] in ("numpy", "math", "numba", "builtins")


def _harmless(value) -> bool:
    if isinstance(value, tuple | frozenset):
        return all(map(_harmless, value))
    known = isinstance(value, HARMLESS) or any(value is getattr(maths, name) for name in FORMULAS)
    return (
        known
        or (callable(value) and _of_library(type(value)))
        or isinstance(getattr(value, "py_func", value), types.FunctionType)
    )
