"""check_rule: the requirements on a custom rule, as one test that users can run themselves."""

from __future__ import annotations

import dis
import itertools

import numpy as np

from hardware_models.crossbar.state import Pending
from hardware_models.numerics import memory as aligned
from hardware_models.numerics.compiled import COMPILED
from hardware_models.numerics.record import record
from neuroperturb.rules.formula.signatures import Nothing, formula, numbers, plain
from neuroperturb.rules.formula.tracing import Endless, trace
from neuroperturb.rules.kernels.loops import make_gather
from neuroperturb.rules.kernels.synapse import SynapseDraws, SynapseMemory
from neuroperturb.rules.noise.law import NoiseSource, fill_recorded
from neuroperturb.rules.user.requirements import (
    FORMS,
    RETURNED,
    arguments,
    formulas,
    named,
    require_computes,
    require_form,
    returned,
)
from neuroperturb.spec import InputError, SpecError

ORDINARY = (-1.3, -0.2, 0.0, 0.4, 1.7)
EXTREME = (-1e4, -1e-20, 0.0, 1e-20, 1e4)
DTYPES = ("float32", "float64")
SAME = 1e-9  # relative distance between compiled and uncompiled results, float64
ROWS, UNITS, TRIALS = 5, 7, 2  # of the small test array


def check_rule(rule: tuple | type[tuple]) -> None:
    """Raise InputError with one sentence if a custom rule violates the contract of :mod:`neuroperturb.rules.formula.signatures`.

    A rule is a NamedTuple of finite numbers with a `synapse`, and optionally a `neuron`, with the right arguments; these functions use only
    their arguments, named numbers, and functions of numbers; they compile, and preserve the dtype, in float32 and float64; their
    results are finite, for ordinary arguments and for arguments from 10⁻²⁰ to 10⁴; the same arguments give the same results at every
    call, compiled or not; without a reward there is no change; and in a small array, changes to other synapses, units and
    trials leave a synapse's change identical bit for bit.

    Parameters
    ----------
    rule : an object, ``MyRule()``, or a class with defaults

    Examples
    --------
    >>> from typing import NamedTuple
    >>> class Leaky(NamedTuple):
    ...     decay: float = 0.9
    ...
    ...     @staticmethod
    ...     def synapse(params, trace, weight, pre, post, reward, draw):
    ...         trace = params.decay * trace + post * pre
    ...         return trace, reward * trace
    >>> check_rule(Leaky(decay=0.8))
    """
    require_form(rule)
    rule = _filled(rule)
    require_form(rule)
    _require_end(rule)
    for dtype in DTYPES:
        require_computes(rule, dtype)
        for name in formulas(rule):
            _finite(rule, name, dtype)
        _idle_without_reward(rule, dtype)
    for name in formulas(rule):
        _repeats(rule, name)
    for dtype in DTYPES:
        _sees_itself_alone(rule, dtype)


def _filled(rule):
    """The object; for a class, one with its defaults."""
    if not isinstance(rule, type):
        return rule
    missing = [name for name in rule._fields if name not in rule._field_defaults]
    if missing:
        what = f"no default: write check_rule({rule.__name__}({missing[0]}=…))"
        raise SpecError(missing[0], rule.__name__, what, verb="has")
    return rule()


def _require_end(rule) -> None:
    """A loop whose length depends on an argument may never end: detected by tracing, before anything is run."""
    for name in formulas(rule):
        function = plain(getattr(type(rule), name))
        if any("BACKWARD" in step.opname for step in dis.get_instructions(function)):
            try:
                trace(function, numbers(rule, np.float64), FORMS[name][1:])
            except Endless:
                raise InputError(
                    f"{named(rule, name)} contains a loop whose length depends on its arguments: write for … in range(…) with a number."
                ) from None
            except InputError:
                continue  # code that cannot be traced is run below, and rejected there if necessary


def _calls(rule, name: str, values, dtype):
    """(values, results) of the compiled function for every combination of a few values."""
    function, count = formula(rule, name).function, len(FORMS[name]) - 1
    several = values if count < 4 else values[::2]
    for given in itertools.product(several, repeat=count):
        with np.errstate(all="ignore"):
            yield given, _called(rule, name, function, arguments(rule, name, dtype, given), given)


def _called(rule, name: str, function, called: tuple, given) -> tuple:
    """The results of a function, as a tuple of numbers."""
    try:
        value = function(*called)
    except Exception as error:
        why = f"{type(error).__name__}, {error}" if str(error) else type(error).__name__
        raise InputError(
            f"{named(rule, name)} raises {why}, for {_words(name, given)}: a kernel cannot, so write an if for the case, and keep what it "
            "takes the root, logarithm or exponential of within bounds."
        ) from None
    return returned(rule, name, value)


def _words(name: str, given) -> str:
    return ", ".join(f"{argument} = {value:g}" for argument, value in zip(FORMS[name][1:], given, strict=True))


def _finite(rule, name: str, dtype: str) -> None:
    for values in (ORDINARY, EXTREME):
        for given, result in _calls(rule, name, values, dtype):
            for what, value in zip(RETURNED[name], result, strict=True):
                if not np.isfinite(value):
                    raise InputError(
                        f"{named(rule, name)} gives {what!r} = {value} in {dtype} for {_words(name, given)}: keep what it divides by away "
                        "from 0, as in x / (abs(x) + params.floor), and what it raises or exponentiates within bounds."
                    )


def _idle_without_reward(rule, dtype: str) -> None:
    for values in (ORDINARY, EXTREME):
        for given, (_, change) in _calls(rule, "synapse", values, dtype):
            if given[FORMS["synapse"].index("reward") - 1] == 0 and change != 0:
                raise InputError(
                    f"{named(rule, 'synapse')} gives 'change' = {change:g} without a reward, for {_words('synapse', given)}: write "
                    "reward * (…), so that nothing is written when nothing was learned."
                )


def _repeats(rule, name: str) -> None:
    function, python = formula(rule, name).function, plain(getattr(type(rule), name))
    for given, result in _calls(rule, name, ORDINARY, np.float64):
        called = arguments(rule, name, np.float64, given)
        if np.array(_called(rule, name, function, called, given)).tobytes() != np.array(result).tobytes():
            raise InputError(
                f"{named(rule, name)} gives different results when it is called again, for {_words(name, given)}: take random numbers from "
                f"{'draw' if name == 'synapse' else 'noise'!r}, which is separate for each call and reproducible."
            )
        if not COMPILED:
            continue
        with np.errstate(all="ignore"):
            uncompiled = _called(rule, name, python, called, given)
        for what, left, right in zip(RETURNED[name], result, uncompiled, strict=True):
            if not abs(left - right) <= SAME * max(1.0, abs(left), abs(right)):
                raise InputError(
                    f"{named(rule, name)} gives {what!r} = {left:g} compiled and {right:g} in Python, for {_words(name, given)}: write it "
                    "with operations that mean the same in both, such as those of math and numpy on floats."
                )


# ----------------------------------------------------------------------------------------------------------------------
# In an array


def _sees_itself_alone(rule, dtype: str) -> None:
    """Redraw all quantities of other synapses; the tested synapse's state and change must stay the same."""
    gather = make_gather(formula(rule, "synapse"), fill_recorded)
    watched = {"weight": (2, 3), "trace": (2, 3), "draw": (2, 3), "pre": (2,), "post": (3,)}  # row j = 2, unit i = 3
    before = _gathered(rule, gather, dtype, _drawn(0), *watched["weight"])
    for what, place in watched.items():
        values = _drawn(0)
        altered = _drawn(1)[what]
        altered[(..., *place)] = values[what][(..., *place)]
        if _gathered(rule, gather, dtype, {**values, what: altered}, *watched["weight"]) != before:
            raise InputError(
                f"{named(rule, 'synapse')} returns a different change when the {what!r} of other synapses changes: it may only use its "
                "arguments."
            )


def _drawn(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng([seed, 6])
    shapes = {
        "weight": (ROWS, UNITS), "trace": (TRIALS, ROWS, UNITS), "draw": (TRIALS, ROWS, UNITS), "pre": (TRIALS, ROWS), "post": (TRIALS, UNITS),
    }  # fmt: skip
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def _gathered(rule, gather, dtype: str, values: dict[str, np.ndarray], j: int, i: int) -> bytes:
    """State and change of the synapse from j to i, after all rows have been gathered in a random order."""
    t, place = np.dtype(dtype), lambda name: aligned.place(values[name], dtype)
    w, one, whole = place("weight"), np.ones(1, t), lambda: np.zeros(1, np.int64)
    draws = aligned.place(values["draw"].reshape(1, TRIALS * ROWS, UNITS), dtype)
    memory = SynapseMemory(
        trace=place("trace"), square=aligned.zeros((1, 1), t), gradient=aligned.zeros((1, 1), t), kept=one, rate=one, writes=whole(),
        source=NoiseSource(0, 0, draws), key=np.array([0, 0, UNITS, ROWS]), offset=np.zeros(2, t), passes=np.array([2]),
        scratch=SynapseDraws(aligned.zeros((1, UNITS), t), np.full(1, -1), aligned.zeros((UNITS,), t)),
        params=numbers(rule, t), step=Nothing(), due=one, second=np.zeros((0, 0), t),
    )  # fmt: skip
    pending = Pending(place("post"), place("pre"), np.array([0.7, -0.4], t), np.zeros(1, t), whole())
    g, found = aligned.zeros((UNITS,), t), b""
    with np.errstate(all="ignore"):
        for row in np.random.default_rng(int(1e6 * abs(values["weight"][0, 0]))).permutation(ROWS):
            gather(record(pending), record(memory), w[row], t.type(1), row, g)
            found = g[i : i + 1].tobytes() if row == j else found
    return found + memory.trace[:, j, i].tobytes()
