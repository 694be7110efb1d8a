"""Constructs that the code of a formula must not contain, even if they compile: each a sentence, detected without running anything.

A formula is called for every synapse at every step. It stores nothing but its trace, draws no random numbers, prints nothing, and
terminates.
"""

from __future__ import annotations

import dis
import inspect
import random
import types

import numpy as np

from neuroperturb.rules.formula.signatures import FORMS, plain
from neuroperturb.rules.user.source import reached
from neuroperturb.spec import InputError

WRITES = {"STORE_GLOBAL": "global", "DELETE_GLOBAL": "global", "STORE_DEREF": "variable of an enclosing function"}
SPEAKS = ("print", "input", "open", "exec", "eval")
DICE = (random.Random, np.random.RandomState, np.random.Generator)


def require_plain_code(cls: type) -> None:
    """Reject constructs that no formula, and no function it calls, may use."""
    for function in reached(cls):
        own = next((name for name in FORMS if plain(getattr(cls, name, None)) is function), None)
        what = _forbidden(function, "noise" if own == "neuron" else "draw")
        if what:
            called = f"The {own!r} function of" if own else f"The function {function.__name__!r}, called by"
            raise InputError(f"{called} {cls.__name__} {what}.")


def _forbidden(function: types.FunctionType, draw: str) -> str:
    """The problem, and what to write instead; "" if there is none."""
    found = inspect.getclosurevars(function)
    values = {**found.globals, **found.nonlocals}
    for step in dis.get_instructions(function):
        kind = WRITES.get(step.opname)
        if kind and not (step.opname == "STORE_DEREF" and step.argval in function.__code__.co_cellvars):
            return (
                f"writes the {kind} {step.argval!r}: the state of a synapse is its 'trace', an argument that it returns"
            )
        if step.opname == "IMPORT_NAME":
            return f"imports {step.argval!r} inside the function: import it at the top of the file"
    if _draws(function, values.values()):
        return (
            f"draws its own random numbers: take them from {draw!r}, which is separate for each call and reproducible"
        )
    if speaking := [name for name in SPEAKS if name in found.builtins]:
        return f"calls {speaking[0]!r}, at every synapse and step: leave it out"
    if any(plain(value) is function for value in values.values()):
        return "calls itself: write arithmetic, or a loop of fixed length over range(…)"
    if function.__code__.co_exceptiontable and not inspect.isgeneratorfunction(function):
        return "catches exceptions, but kernels raise none: write an if for that case"
    return ""


def _draws(function: types.FunctionType, values) -> bool:
    """Whether it is a random generator: `random`, `numpy.random`, or one of their functions or generators."""
    values = list(values)
    if any(value is np for value in values) and "random" in function.__code__.co_names:
        return True
    return any(
        (isinstance(value, types.ModuleType) and value.__name__ in ("random", "numpy.random", "secrets"))
        or isinstance(value, DICE)
        or isinstance(getattr(value, "__self__", None), DICE)
        for value in values
    )
