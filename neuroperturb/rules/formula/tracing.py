"""Tracing: a formula is run, uncompiled, with values that record the operations on them.

The formula is the one that kernels compile; it is not parsed. If it branches on a traced value it is run again for each
branch, and the result is a `select`. Code that cannot be traced (a value turned into a plain number, a loop whose length depends on one)
raises an error with a sentence.
"""

from __future__ import annotations

import builtins
import functools
import math
import operator
import types
from collections.abc import Callable, Sequence

import numpy as np

from hardware_models.numerics import maths
from neuroperturb.rules.formula.graph import Node, input_, number, parameter
from neuroperturb.spec import InputError

BRANCHES = 64  # largest number of paths through a formula
BINARY = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power", "floordiv": "floor_divide", "mod": "remainder",
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal", "and": "logical_and",
    "or": "logical_or",
}  # fmt: skip
COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
NAMES = {"fabs": "absolute", "pow": "power"}  # names of the math module that differ from NumPy's
ALIASES = {"bitwise_and": "logical_and", "bitwise_or": "logical_or", "float_power": "power", "fabs": "absolute"}
CASTS = ("float32", "float64")  # change the precision of a number, not the formula
FORMULAS = (
    "exp",
    "log",
    "tanh",
)  # of hardware_models.numerics.maths: one operation each, whatever their implementation


class NotTraced(InputError):
    """A formula cannot be traced; the message says why."""


class Endless(NotTraced):
    """A formula has too many paths."""


class _Fork(Exception):
    """A branch that has not been decided yet."""

    def __init__(self, condition: Node):
        self.condition = condition


class Traced:
    """A value that records the operations on it. `type(w)(1)` makes one from a number, as in a kernel."""

    decisions: tuple[bool, ...] = ()  # of the branches so far on this path through the formula
    met: list
    __hash__ = None

    def __init__(self, value):
        self.node = value if isinstance(value, Node) else _node(value)

    def __bool__(self) -> bool:
        if self.node.op == "number":
            return bool(self.node.args[0])
        if len(self.met) == len(self.decisions):
            raise _Fork(self.node)
        self.met.append(self.node)
        return self.decisions[len(self.met) - 1]

    def __float__(self):
        raise NotTraced("makes a plain number of a traced value: write type(w)(…) instead of float(…)")

    def __int__(self):
        raise NotTraced("makes an integer of a traced value, but formulas use real numbers")

    __index__ = __int__

    def __getitem__(self, key):
        raise NotTraced("indexes one of its arguments: every argument is a single number")

    def __neg__(self):
        return type(self)(Node("negative", (self.node,)))

    def __pos__(self):
        return self

    def __abs__(self):
        return type(self)(Node("absolute", (self.node,)))

    def __invert__(self):
        return type(self)(Node("select", (self.node, number(0), number(1))))

    def __array_ufunc__(self, ufunc, method, *args, **kwargs):
        if method != "__call__" or kwargs:
            return NotImplemented
        return operation(type(self), ufunc.__name__, *args)

    def __array_function__(self, function, kinds, args, kwargs):
        if kwargs or function not in (np.where, np.clip):
            raise NotTraced(f"calls np.{function.__name__}, which is not a function of single numbers")
        if function is np.where:
            return operation(type(self), "select", *args)
        value, low, high = args
        return operation(type(self), "minimum", operation(type(self), "maximum", value, low), high)


def _method(op: str, swapped: bool):
    def method(self, other):
        return operation(type(self), op, *((other, self) if swapped else (self, other)))

    return method


for _name, _op in BINARY.items():
    setattr(Traced, f"__{_name}__", _method(_op, False))
    if _name not in COMPARISONS:
        setattr(Traced, f"__r{_name}__", _method(_op, True))


def _node(value) -> Node:
    if isinstance(value, Traced):
        return value.node
    if isinstance(value, bool | int | float | np.number | np.bool_):
        return number(value)
    raise NotTraced(f"computes with a {type(value).__name__}: a formula computes with its arguments and numbers")


def operation(kind: type[Traced], op: str, *args) -> Traced:
    """Apply an operation to traced values and numbers."""
    if op in ("square", "reciprocal"):
        return args[0] * args[0] if op == "square" else 1 / args[0]
    return kind(Node(ALIASES.get(op, op), tuple(map(_node, args))))


# ----------------------------------------------------------------------------------------------------------------------
# The formula, with what it calls made traceable


class _Module:
    """A module whose functions of numbers take traced values."""

    def __init__(self, module, kind: type[Traced], names: Sequence[str] | None):
        self._module, self._kind, self._names = module, kind, names

    def __getattr__(self, name: str):
        value = getattr(self._module, name)
        return _function(name, self._kind) if callable(value) and self._takes(name) else value

    def _takes(self, name: str) -> bool:
        return name in self._names if self._names is not None else True


def _function(name: str, kind: type[Traced]):
    if name in CASTS:
        return lambda value: value if isinstance(value, kind) else getattr(np, name)(value)
    return lambda *args: operation(kind, NAMES.get(name, name), *args)


def _replaced(value, kind: type[Traced]):
    """A traceable version of an object that a formula refers to: compiled functions uncompiled, modules of numeric functions wrapped."""
    for name in FORMULAS:
        if value is getattr(maths, name):
            return _function(name, kind)
    if value is np:
        return _Module(np, kind, CASTS)
    if value is math or value is maths:
        return _Module(value, kind, None if value is math else FORMULAS)
    if getattr(value, "__module__", None) == "math" and callable(value):
        return _function(value.__name__, kind)
    return _traceable(value, kind) if hasattr(value, "py_func") or isinstance(value, types.FunctionType) else value


def _traceable(function, kind: type[Traced]):
    """The uncompiled function, with its globals replaced by traceable ones when it is called."""
    plain = getattr(function, "py_func", function)
    names = _Names(plain.__globals__, kind)
    cells = tuple(types.CellType(_replaced(cell.cell_contents, kind)) for cell in plain.__closure__ or ())

    def call(*args, **kwargs):
        copy = types.FunctionType(plain.__code__, names.of(plain.__code__), plain.__name__, plain.__defaults__, cells)
        copy.__kwdefaults__ = plain.__kwdefaults__
        return copy(*args, **kwargs)

    return call


class _Names:
    """The globals of a function, with those it uses replaced."""

    def __init__(self, own: dict, kind: type[Traced]):
        self._own, self._kind = own, kind

    def of(self, code) -> dict:
        found = {name: _replaced(self._own[name], self._kind) for name in code.co_names if name in self._own}
        return {**self._own, **found, "__builtins__": {**vars(builtins), **_of_numbers(self._kind)}}


def _of_numbers(kind: type[Traced]) -> dict:
    """Built-in functions of numbers, for traced ones."""
    pair = lambda op: lambda a, b, *more: functools.reduce(lambda x, y: operation(kind, op, x, y), (a, b, *more))  # noqa: E731
    return {"min": pair("minimum"), "max": pair("maximum"), "pow": operator.pow, "float": _float(kind)}


def _float(kind: type[Traced]):
    return lambda value: value if isinstance(value, kind) else float(value)


# ----------------------------------------------------------------------------------------------------------------------
# Running it


def trace(function: Callable, params, names: Sequence[str], *, what: str = "") -> tuple[Node, ...]:
    """Run a scalar formula with traced values.

    Parameters
    ----------
    function : compiled or not; its first argument is `params`, the others are numbers
    params : NamedTuple of numbers, or None if the formula takes no parameters
    names : names of the other arguments in the graph
    what : name of the formula in error messages

    Returns
    -------
    nodes : one for each number that the formula returns

    Raises
    ------
    NotTraced (an InputError)
    """
    try:
        return _explore(function, params, tuple(names), (), [0])
    except NotTraced as error:
        raise type(error)(f"{_called(function, what)} {error}.") from None
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise NotTraced(f"{_called(function, what)} cannot be traced on single numbers: {error}.") from error


def _called(function, what: str) -> str:
    return f"The function {what or getattr(function, '__name__', 'formula')!r}"


def _explore(function, params, names, decisions: tuple[bool, ...], ways: list) -> tuple[Node, ...]:
    """The result after these decisions, a `select` if the next one is open."""
    ways[0] += 1
    if ways[0] > BRANCHES:
        raise Endless(f"has more than {BRANCHES} paths, perhaps because of a loop whose length depends on an argument")
    kind = type("Traced", (Traced,), {"decisions": decisions, "met": []})
    given = () if params is None else (_record(params, kind),)
    try:
        returned = _traceable(function, kind)(*given, *(kind(input_(name)) for name in names))
    except _Fork as fork:
        yes, no = (_explore(function, params, names, (*decisions, way), ways) for way in (True, False))
        return tuple(_merge(fork.condition, a, b) for a, b in zip(yes, no, strict=True))
    return tuple(map(_node, returned if isinstance(returned, tuple) else (returned,)))


def _merge(condition: Node, yes: Node, no: Node) -> Node:
    """A `select` around the smallest part that differs between two branches."""
    if yes == no:
        return yes
    if yes.op == no.op and not yes.is_leaf and len(yes.args) == len(no.args):
        differing = [k for k, (a, b) in enumerate(zip(yes.args, no.args, strict=True)) if a != b]
        if len(differing) == 1:
            k = differing[0]
            return Node(yes.op, (*yes.args[:k], _merge(condition, yes.args[k], no.args[k]), *yes.args[k + 1 :]))
    return Node("select", (condition, yes, no))


def _record(params, kind: type[Traced]):
    """The parameter record, with its numbers traced under their names."""
    values = {
        name: kind(parameter(name, value)) if _is_number(value) else value for name, value in params._asdict().items()
    }
    return params._replace(**values)


def _is_number(value) -> bool:
    return isinstance(value, bool | int | float | np.number)
