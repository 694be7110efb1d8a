"""The form of a rule: a record of numbers, and scalar functions that use nothing but their arguments.

    class MyRule(NamedTuple):
        decay: float = 0.9

        @staticmethod
        def neuron(params, clean, noisy, noise):                             # optional; -> the factor a unit gives its synapses
            return noise

        @staticmethod
        def synapse(params, trace, weight, pre, post, reward, draw):         # -> trace, change
            trace = params.decay * trace + post * pre
            return trace, reward * trace

Both are called for every unit, or synapse, and every trial, with single numbers in the dtype of the run:

    clean, noisy   pre-activation (of an output: the output) without and with the perturbation; of an antithetic pair the mean of
                   both passes, and the pass with +ξ
    noise          the noise injected into this unit, σξ
    trace          state of this synapse for this trial, kept from step to step; 0 at the start of a sequence
    weight         the stored weight
    pre            activity x̂_j of the presynaptic unit, after the rule's `presynaptic` part
    post           result of `neuron`, after the rule's `normaliser`
    reward         −δL of this trial, divided by the batch size if the rule does so: the broadcast
    draw           the synapse's own random number of this step, mean 0 and variance 1, from the rule's noise distribution; with weight noise,
                   the perturbation Ξ_ij of the weight

`change` is an estimate of the negative gradient. Changes are summed over the trials of a batch, and the rule's `step` turns the sum into
a write. Without a reward there is no change. The built-in rules have this form, too (:mod:`neuroperturb.rules.axes`).
"""

from __future__ import annotations

import dis
import types
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hardware_models.numerics.compiled import kernel

SYNAPSE = ("params", "trace", "weight", "pre", "post", "reward", "draw")
NEURON = ("params", "clean", "noisy", "noise")
STEP = ("params", "state", "gradient", "correction")
FORMS = {"neuron": NEURON, "synapse": SYNAPSE}  # method → arguments
RETURNS = {"neuron": 1, "synapse": 2}  # numbers a method returns
TWO_STATES = ("params", "state", "second", "gradient", "correction")  # of a step that keeps two numbers
KEPT = ("trace", "state", "second")  # arguments that a function updates and returns


class Formula(NamedTuple):
    """One scalar function of a rule.

    name : ``"synapse"``, ``"neuron"`` or ``"step"``
    function : compiled with the project's flags, once for each Python function
    used : names of the arguments it uses
    """

    name: str
    function: object
    used: frozenset[str]


def plain(function) -> types.FunctionType:
    """The Python function under a compiled one, or itself."""
    return getattr(function, "py_func", function)


def formula(rule, name: str) -> Formula | None:
    """A method of a rule's class as a formula; None if it has none.

    rule : a NamedTuple of the form above, or its class
    """
    function = getattr(rule if isinstance(rule, type) else type(rule), name, None)
    return None if function is None else _formula(name, plain(function))


@lru_cache
def _formula(name: str, function: types.FunctionType) -> Formula:
    return Formula(name, kernel(function), _used(function))


def arguments_of(function) -> tuple[str, ...]:
    """Names of the arguments of a plain or compiled function."""
    code = plain(function).__code__
    return code.co_varnames[: code.co_argcount]


class Nothing(NamedTuple):
    """Numbers of a rule without any: kernels cannot take an empty record."""

    zero: float = 0.0


def numbers(rule, dtype) -> tuple:
    """The rule's record for kernels, with every number in `dtype`: changing numbers needs no recompilation."""
    rule = rule if rule._fields else Nothing()
    return rule._replace(**{name: np.dtype(dtype).type(value) for name, value in rule._asdict().items()})


# ----------------------------------------------------------------------------------------------------------------------
# Which arguments a function reads


def loads(function) -> list[str]:
    """Names of the arguments and local variables a function loads, once for each occurrence."""
    names = []
    for instruction in dis.get_instructions(plain(function)):
        if "LOAD_FAST" in instruction.opname:
            found = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
            names.extend(found[1:] if instruction.opname.startswith("STORE_FAST") else found)  # of a joint instruction
    return names


def _used(function) -> frozenset[str]:
    code = function.__code__
    read = set(loads(function)) & set(code.co_varnames[: code.co_argcount])
    return frozenset(name for name in read if name not in KEPT or not _hands_on(function, name))


def _hands_on(function, kept: str) -> bool:
    """Whether a trace or state is returned unchanged: it occurs once, in code without branches, and the same object is returned."""
    code, steps = function.__code__, list(dis.get_instructions(function))
    names = code.co_varnames[: code.co_argcount]
    if kept not in names or loads(function).count(kept) != 1 or any("JUMP" in step.opname for step in steps):
        return False
    if any("STORE_FAST" in step.opname and step.argval == kept for step in steps):
        return False
    arguments = [_Half() if name == "params" else np.float64(0.5) for name in names]
    try:
        with np.errstate(all="ignore"):
            returned = function(*arguments)
    except Exception:  # errors of the call are left to `check_rule`; keeping an unused trace does no harm
        return False
    return isinstance(returned, tuple) and returned[0] is arguments[names.index(kept)]


class _Half:
    """Placeholder for any record of numbers."""

    def __getattr__(self, name: str) -> float:
        return 0.5
