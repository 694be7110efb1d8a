"""Requirements on a custom rule; each error is one sentence that names the function, the argument and what to write.

form       a NamedTuple of numbers with a `synapse` of the right arguments, that uses nothing but them         costs nothing
computes   both functions run on single numbers, compile, and preserve the dtype                               once per dtype
"""

from __future__ import annotations

import inspect
import linecache
import re
import traceback
import types

import numba
import numpy as np
from numba.core import types as numba_types
from numba.core.errors import NumbaError, UnsupportedBytecodeError

from hardware_models.numerics.checks import is_finite
from hardware_models.numerics.compiled import COMPILED
from neuroperturb.rules.formula.captures import captures
from neuroperturb.rules.formula.signatures import FORMS, RETURNS, formula, numbers, plain
from neuroperturb.rules.user.forbidden import require_plain_code
from neuroperturb.spec import InputError, SpecError

ENDS = {"neuron": "return one number, p", "synapse": "return trace, change"}
RETURNED = {"neuron": ("the factor of the unit",), "synapse": ("trace", "change")}


def formulas(rule) -> list[str]:
    """Names of the contract's functions that a rule has."""
    return [name for name in FORMS if hasattr(rule, name)]


def named(rule, name: str) -> str:
    """Name of a rule's function in error messages."""
    return f"The {name!r} function of {(rule if isinstance(rule, type) else type(rule)).__name__}"


def require_form(rule) -> None:
    """Reject a rule that is not of the required form; `rule` is an object or a class."""
    cls = rule if isinstance(rule, type) else type(rule)
    if cls.__module__ == "builtins":
        raise InputError(f"The rule must be an object of a NamedTuple, as in MyRule(). Got {rule!r} instead.")
    if not (issubclass(cls, tuple) and hasattr(cls, "_fields")):
        raise InputError(f"The rule {cls.__name__} must be a NamedTuple: write class {cls.__name__}(NamedTuple).")
    if not hasattr(cls, "synapse"):
        raise InputError(f"The rule {cls.__name__} has no 'synapse' function: write {_header('synapse')}.")
    if not isinstance(rule, type):
        for name, value in rule._asdict().items():
            if not is_finite(value):
                raise SpecError(name, cls.__name__, "a finite number", value)
    for name in formulas(cls):
        _require_signature(cls, name)
    require_plain_code(cls)
    for name in formulas(cls):
        _require_nothing_hidden(cls, name)


def _header(name: str) -> str:
    return f"@staticmethod and def {name}({', '.join(FORMS[name])})"


def _require_signature(cls: type, name: str) -> None:
    function = plain(getattr(cls, name))
    if not isinstance(function, types.FunctionType):
        raise InputError(f"{named(cls, name)} must be a function: write {_header(name)}.")
    found = tuple(inspect.signature(function).parameters)
    if found == FORMS[name]:
        return
    odd = next((argument for argument in found if argument not in FORMS[name]), None)
    missing = next((argument for argument in FORMS[name] if argument not in found), None)
    if odd is not None:
        what = f"takes {odd!r}" + (f", which is not an argument of a {name}" if odd != "self" else "")
    elif missing is not None:
        what = f"lacks the argument {missing!r}"
    else:
        got, wanted = next(pair for pair in zip(found, FORMS[name], strict=True) if pair[0] != pair[1])
        what = f"takes {got!r} where {wanted!r} belongs"
    raise InputError(f"{named(cls, name)} {what}: write {_header(name)}.")


def _require_nothing_hidden(cls: type, name: str) -> None:
    function = plain(getattr(cls, name))
    hidden = next(iter(captures(function)), None)
    if hidden is not None:
        kind = type(hidden.value).__name__
        inside = "" if hidden.function == function.__name__ else f" in {hidden.function!r}, which it calls,"
        raise InputError(
            f"{named(cls, name)} reads the {kind} {hidden.name!r}{inside} through a {hidden.through}: a {name} may only use its arguments, "
            f"{', '.join(FORMS[name][1:])}; make a parameter a field of {cls.__name__} and read it as params.<field>."
        )
    found = inspect.getclosurevars(function)
    for called, value in {**found.globals, **found.nonlocals}.items():
        if COMPILED and isinstance(value, types.FunctionType) and not value.__module__.startswith(("numpy", "math")):
            raise InputError(
                f"{named(cls, name)} calls {called!r}, which is not compiled: write @kernel, from hardware_models.numerics.compiled, above "
                f"def {called}."
            )


def require_fit(rule, own) -> None:
    """Reject functions of a rule whose arguments the other parts of a :class:`PerturbationRule` do not provide.

    rule : the PerturbationRule;  own : the object its functions belong to
    """
    synapse, neuron = formula(own, "synapse").used, formula(own, "neuron")
    probe = rule.probe.kind
    if neuron is not None and probe == "activity":
        raise SpecError(
            "rule.probe",
            wanted=f"'injected' or 'array' for {type(own).__name__}, which has a 'neuron' function",
            got=probe,
        )
    if neuron is not None and rule.baseline.passes == 1 and "clean" in neuron.used:
        raise InputError(
            f"{named(own, 'neuron')} reads 'clean', which a single pass does not have: read 'noise', or choose a 'rule.baseline' other than "
            f"{rule.baseline.kind!r}."
        )
    if probe != "weights":
        return
    if neuron is not None or "post" in synapse:
        raise InputError(
            f"{named(own, 'neuron' if neuron is not None else 'synapse')} has no effect with weight noise, where units have no factor: read "
            "'draw' in the 'synapse' function, or choose another 'rule.probe' than 'weights'."
        )
    if "pre" in synapse and rule.probe.hold != "trial":
        raise InputError(
            f"{named(own, 'synapse')} reads 'pre' of one trial, but the noise of a weight is shared by the whole batch: hold it per trial, "
            "with rule.probe = { kind = 'weights', hold = 'trial' }."
        )


# ----------------------------------------------------------------------------------------------------------------------
# What it computes


def arguments(rule, name: str, dtype, values) -> tuple:
    """Arguments of one call: the record of numbers and a value for each of the others, in the dtype."""
    t = np.dtype(dtype).type
    return numbers(rule, dtype), *(t(value) for value in values)


def require_computes(rule, dtype) -> None:
    """Reject a rule whose functions do not run on single numbers of a dtype, or do not preserve it."""
    for name in formulas(rule):
        given = arguments(rule, name, dtype, [0.5] * (len(FORMS[name]) - 1))
        _require_runs(rule, name, given)
        if COMPILED:
            _require_keeps_dtype(rule, name, _compile(rule, name, given, dtype), np.dtype(dtype).name)


def _require_runs(rule, name: str, given: tuple) -> None:
    """Run uncompiled: errors of Python are short, and name a line."""
    function = plain(getattr(type(rule), name))
    try:
        with np.errstate(all="ignore"):
            value = function(*given)
    except Exception as error:
        frames = traceback.walk_tb(error.__traceback__)
        line = next((line for frame, line in frames if frame.f_code is function.__code__), 0)
        raise _does_not_compute(rule, name, str(error), line) from None
    returned(rule, name, value)


def returned(rule, name: str, value) -> tuple:
    """The results of a function, checked to be a tuple of the right number of numbers."""
    count = RETURNS[name]
    values = value if isinstance(value, tuple) else (value,)
    if len(values) != count or value is None:
        got = f"{len(values)} values" if isinstance(value, tuple) else _article(value)
        raise InputError(f"{named(rule, name)} must end in {ENDS[name]}. Got {got} instead.")
    for what, number in zip(RETURNED[name], values, strict=True):
        if isinstance(number, bool | np.bool_) or not isinstance(number, int | float | np.number):
            raise InputError(
                f"{named(rule, name)} must end in {ENDS[name]}, one number each. Got {_article(number)} for {what!r} instead."
            )
    return values


def _article(value) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _does_not_compute(rule, name: str, why: str, line: int) -> InputError:
    code = plain(getattr(type(rule), name)).__code__
    text = linecache.getline(code.co_filename, line).strip() if line else ""
    words = set(re.findall(r"\w+", text))
    met = [argument for argument in FORMS[name] if argument in words]
    fields = ", ".join(rule._fields) or "none"
    where = f" in the line {text!r}" if text else ""
    if "params" in met and "attribute" in why:
        return InputError(
            f"{named(rule, name)} reads a field of 'params'{where} that {type(rule).__name__} does not have: its fields are {fields}."
        )
    what = f" with {_joined(met)}" if met else ""
    return InputError(
        f"{named(rule, name)} cannot be computed{where}{what}, because of {why.rstrip('.: ') or 'an unknown error'}: every argument is one number, "
        "so write arithmetic, comparisons and functions of math or numpy on numbers."
    )


def _joined(words: list[str]) -> str:
    """'a', 'b' and 'c'"""
    *first, last = map(repr, words)
    return f"{', '.join(first)} and {last}" if first else last


def _compile(rule, name: str, given: tuple, dtype):
    """The type a compiled function returns."""
    function = formula(rule, name).function
    kinds = tuple(map(numba.typeof, given))
    try:
        function.compile(kinds)
    except (NumbaError, UnsupportedBytecodeError) as error:
        plainly = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
        lines = [int(found) for found in re.findall(r"line (\d+)", plainly)]
        reasons = [text.strip() for text in plainly.splitlines() if text.strip() and "pipeline" not in text]
        raise _does_not_compute(rule, name, reasons[0] if reasons else "", lines[-1] if lines else 0) from None
    return function.overloads[kinds].signature.return_type


def _require_keeps_dtype(rule, name: str, kind, dtype: str) -> None:
    if isinstance(kind, numba_types.Optional | numba_types.NoneType):
        raise InputError(f"{named(rule, name)} must end in {ENDS[name]} on every path. Got nothing on some instead.")
    kinds = list(kind) if isinstance(kind, numba_types.BaseTuple) else [kind]
    for what, found in zip(RETURNED[name], kinds, strict=True):
        if str(found) != dtype:
            raise InputError(
                f"{named(rule, name)} gives {what!r} as {found} for arguments of {dtype}: {_widened(rule, name)}."
            )


def _widened(rule, name: str) -> str:
    """The most likely reason, and what to write."""
    example = FORMS[name][-2]
    function = plain(getattr(type(rule), name))
    found = inspect.getclosurevars(function)
    called = [k for k, v in {**found.globals, **found.nonlocals}.items() if isinstance(v, int | float)]
    bare = [repr(v) for v in function.__code__.co_consts if type(v) in (int, float)]
    value = (called + bare + [""])[0]
    if not value:
        return f"something it calls returns a wider number; write type({example})(…) around that"
    return f"the untyped {value} in it is a wider number; write type({example})({value}), or make it a field and read params.<field>"
