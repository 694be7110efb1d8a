"""check_rule: rules in order pass; everything that can be wrong with one is a sentence that names function, argument and cure."""

from __future__ import annotations

import math
import random
from typing import NamedTuple

import numpy as np
import pytest

from hardware_models.numerics.compiled import COMPILED, kernel
from neuroperturb import check_rule, rules
from neuroperturb.rules.axes.credit import InstantCredit, TraceCredit
from neuroperturb.rules.axes.probe import DrawCredit
from neuroperturb.rules.formula.signatures import SYNAPSE, formula
from neuroperturb.spec import InputError

pytestmark = pytest.mark.kernels
WEIGHTS, LIST, HALF, RATES = np.ones((3, 3)), [0.1, 0.2], 0.5, (0.1, 0.2)
WIDE, CALLS = 0.3, 0
compiled = pytest.mark.skipif(not COMPILED, reason="a matter of the compiler")


def rule(synapse=InstantCredit.synapse, neuron=None):
    """A rule of these functions."""

    class MyRule(NamedTuple):
        decay: float = 0.9

    MyRule.synapse = staticmethod(synapse)
    if neuron is not None:
        MyRule.neuron = staticmethod(neuron)
    return MyRule()


@kernel
def squashed(x):
    return math.tanh(x)


class Everything(NamedTuple):
    """All that is allowed: both functions, a compiled function of one's own, numbers by name, a branch, math and numpy."""

    decay: float = 0.9
    floor: float = 0.1

    @staticmethod
    def neuron(params, clean, noisy, noise):
        return squashed(noisy - clean) + noise / (abs(noise) + params.floor)

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        trace = params.decay * trace + math.tanh(post) * pre
        if trace > type(trace)(HALF):
            trace = type(trace)(RATES[0])
        return trace, reward * (np.sqrt(abs(trace)) - params.floor * weight)


@pytest.mark.parametrize("kept", [TraceCredit(0.9), DrawCredit(), Everything()], ids=lambda r: type(r).__name__)
def test_rules_in_order_pass(kept):
    check_rule(kept)


def test_what_a_formula_does_not_read_costs_nothing():
    used = {cls: formula(cls, "synapse").used for cls in (InstantCredit, TraceCredit, DrawCredit, Everything)}
    assert used[InstantCredit] == {"pre", "post", "reward"}
    assert used[TraceCredit] == {"params", "trace", "pre", "post", "reward"}
    assert used[DrawCredit] == {"reward", "draw"}
    assert used[Everything] == set(SYNAPSE) - {"draw"}


def test_a_trace_that_comes_back_changed_on_some_way_is_kept():
    def sometimes(params, trace, weight, pre, post, reward, draw):
        return (trace if reward < 100 else pre), reward * pre

    def swapped(params, trace, weight, pre, post, reward, draw):
        pre, trace = trace, pre
        return trace, reward * pre

    for function in (sometimes, swapped):
        assert "trace" in formula(rule(function), "synapse").used


def test_numbers_that_change_compile_nothing():
    assert formula(Everything(decay=0.1), "synapse") is formula(Everything(decay=0.2), "synapse")


def indexed(params, trace, weight, pre, post, reward, draw):
    return trace, reward * weight[0]


def lacking(params, trace, weight, pre, post, reward):
    return trace, reward * pre


def misnamed(params, trace, weight, pre, post, rewards, draw):
    return trace, rewards * pre


def method(self, trace, weight, pre, post, reward, draw):
    return trace, reward * pre


def reordered(params, weight, trace, pre, post, reward, draw):
    return trace, reward * pre


def alone(params, trace, weight, pre, post, reward, draw):
    return reward * pre


def fieldless(params, trace, weight, pre, post, reward, draw):
    return trace, reward * params.tau * pre


def texts(params, trace, weight, pre, post, reward, draw):
    return trace, reward * ("a" + pre)


def wide(params, trace, weight, pre, post, reward, draw):
    return trace, reward * pre * 0.25


def wide_trace(params, trace, weight, pre, post, reward, draw):
    return trace * 0.25, reward * pre


def dividing(params, trace, weight, pre, post, reward, draw):
    return trace, reward * pre / post


def growing(params, trace, weight, pre, post, reward, draw):
    return np.exp(pre), reward * pre


def idle(params, trace, weight, pre, post, reward, draw):
    return trace, -params.decay * weight


def global_array(params, trace, weight, pre, post, reward, draw):
    return trace, reward * pre * type(pre)(WEIGHTS[0, 1])


def global_list(params, trace, weight, pre, post, reward, draw):
    return trace, reward * pre * type(pre)(LIST[1])


def closure():
    stolen = np.ones(3)

    def synapse(params, trace, weight, pre, post, reward, draw):
        return trace, reward * type(pre)(stolen[0])

    return synapse


@kernel
def accomplice(x):
    return x * type(x)(WEIGHTS[0, 1])


def by_another_hand(params, trace, weight, pre, post, reward, draw):
    return trace, reward * accomplice(pre)


def throwing_dice(params, trace, weight, pre, post, reward, draw):
    return trace, reward * type(pre)(np.random.normal())


def uncompiled_helper(x):
    return x


def calling(params, trace, weight, pre, post, reward, draw):
    return trace, reward * uncompiled_helper(pre)


def nothing(params, trace, weight, pre, post, reward, draw):
    trace = trace + pre


def sometimes_nothing(params, trace, weight, pre, post, reward, draw):
    if pre > 0:
        return trace, reward * pre


def three(params, trace, weight, pre, post, reward, draw):
    return trace, reward * pre, weight


def a_list(params, trace, weight, pre, post, reward, draw):
    return [trace, reward * pre]


def an_array(params, trace, weight, pre, post, reward, draw):
    return trace, np.array([reward * pre])


def a_truth(params, trace, weight, pre, post, reward, draw):
    return trace, reward * pre > 0


def changing_its_argument(params, trace, weight, pre, post, reward, draw):
    pre[0] = 1
    return trace, reward * pre


def pythons_dice(params, trace, weight, pre, post, reward, draw):
    return trace, reward * pre * random.random()


def counting(params, trace, weight, pre, post, reward, draw):
    global CALLS
    CALLS = CALLS + 1
    return trace, reward * pre


def remembering():
    calls = 0

    def synapse(params, trace, weight, pre, post, reward, draw):
        nonlocal calls
        calls += 1
        return trace, reward * pre

    return synapse


def recursive(params, trace, weight, pre, post, reward, draw):
    return recursive(params, trace, weight, pre, post, reward, draw)


def printing(params, trace, weight, pre, post, reward, draw):
    print(pre)
    return trace, reward * pre


def importing(params, trace, weight, pre, post, reward, draw):
    import cmath

    return trace, reward * cmath.exp(pre)


def without_end(params, trace, weight, pre, post, reward, draw):
    while pre > 0:
        pre = pre + 1
    return trace, reward * pre


def raising(params, trace, weight, pre, post, reward, draw):
    if post > 1:
        raise ValueError("too large")
    return trace, reward * pre


def catching(params, trace, weight, pre, post, reward, draw):
    try:
        return trace, reward / pre
    except ZeroDivisionError:
        return trace, reward


def overflowing(params, trace, weight, pre, post, reward, draw):
    return trace, reward * np.exp(post)


def powers(params, trace, weight, pre, post, reward, draw):
    return trace, reward * post**20


@kernel
def whispering(x):
    print(x)
    return x


def by_a_whisperer(params, trace, weight, pre, post, reward, draw):
    return trace, reward * whispering(pre)


CASES = {  # function: what its sentence says of function, argument and cure
    indexed: r"cannot be computed in the line 'return trace, reward \* weight\[0\]' with 'trace', 'weight' and 'reward'.*one number",
    lacking: r"'synapse' function of MyRule lacks the argument 'draw': write @staticmethod and def synapse\(params, trace, .*draw\)",
    misnamed: "takes 'rewards', which is not an argument of a synapse: write",
    method: "takes 'self': write @staticmethod",
    reordered: r"takes 'weight' where 'trace' belongs: write",
    alone: "must end in return trace, change. Got a",
    fieldless: "reads a field of 'params' in the line .* that MyRule does not have: its fields are decay",
    texts: "cannot be computed in the line .* with 'trace', 'pre' and 'reward'",
    dividing: "gives 'change' = -?(inf|nan) in float32 for .*post = -?0.*: keep what it divides by away from 0",
    growing: "gives 'trace' = inf in float32 for .*pre = 10000",
    idle: r"gives 'change' = .* without a reward, .*: write reward \*",
    global_array: "reads the ndarray 'WEIGHTS' through a global: a synapse may only use its arguments, trace, weight, .* field of MyRule",
    global_list: "reads the list 'LIST' through a global",
    closure(): "reads the ndarray 'stolen' through a closure",
    by_another_hand: "reads the ndarray 'WEIGHTS' in 'accomplice', which it calls, through a global",
    nothing: "must end in return trace, change. Got nothing instead",
    sometimes_nothing: "must end in return trace, change.* Got nothing",
    three: "must end in return trace, change. Got 3 values instead",
    a_list: "must end in return trace, change. Got a list instead",
    an_array: "must end in return trace, change, one number each. Got a ndarray for 'change' instead",
    a_truth: "one number each. Got a bool_? for 'change' instead",
    changing_its_argument: r"cannot be computed in the line 'pre\[0\] = 1' with 'pre'",
    pythons_dice: "draws its own random numbers: take them from 'draw'",
    counting: "writes the global 'CALLS': the state of a synapse is its 'trace'",
    remembering(): "writes the variable of an enclosing function 'calls': the state of a synapse is its 'trace'",
    recursive: "calls itself: write arithmetic, or a loop of fixed length",
    printing: "'synapse' function of MyRule calls 'print', at every synapse and step: leave it out",
    by_a_whisperer: "function 'whispering', called by MyRule calls 'print'",
    importing: "imports 'cmath' inside the function: import it at the top of the file",
    without_end: r"contains a loop whose length depends on its arguments: write for … in range\(…\) with a number",
    raising: "raises ValueError, too large, for .*post = 1.7.*: a kernel cannot, so write an if",
    catching: "catches exceptions, but kernels raise none: write an if",
    overflowing: "gives 'change' = -?inf in float32 for .*post = 10000.*: keep .* exponentiates within bounds",
    powers: "gives 'change' = -?inf in float32 for .*post = -?10000",
    throwing_dice: "'synapse' function of MyRule draws its own random numbers: take them from 'draw'",
}


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_what_is_wrong_is_one_sentence(function):
    with pytest.raises(InputError, match=CASES[function]) as refused:
        check_rule(rule(function))
    assert "\n" not in str(refused.value)


def by_name(params, trace, weight, pre, post, reward, draw):
    return trace, reward * pre * WIDE


def whole(params, trace, weight, pre, post, reward, draw):
    k = int(post * type(post)(1e10))
    return trace, reward * type(pre)(k * k * k)


@compiled
@pytest.mark.parametrize(
    ("function", "words"),
    [
        (
            wide,
            r"gives 'change' as float64 for arguments of float32: the untyped 0.25 in it .* write type\(reward\)\(0.25\)",
        ),
        (wide_trace, r"gives 'trace' as float64 for arguments of float32: the untyped 0.25"),
        (by_name, "gives 'change' as float64 .*: the untyped WIDE in it is a wider number; write type.reward..WIDE."),
        (whole, "gives 'change' = .* compiled and .* in Python"),
        (calling, "calls 'uncompiled_helper', which is not compiled: write @kernel"),
    ],
)
def test_what_only_the_compiler_sees(function, words):
    with pytest.raises(InputError, match=words):
        check_rule(rule(function))


def test_a_neuron_is_held_to_the_same():
    with pytest.raises(
        InputError,
        match=r"'neuron' function of MyRule takes 'weight', which is not an argument of a neuron: .*clean, noisy, noise",
    ):
        check_rule(rule(neuron=lambda params, clean, noisy, weight: noisy))
    with pytest.raises(InputError, match=r"'neuron' function of MyRule must end in return one number"):
        check_rule(rule(neuron=lambda params, clean, noisy, noise: (noisy, clean)))
    with pytest.raises(InputError, match=r"gives 'the factor of the unit' = .* for clean = "):
        check_rule(rule(neuron=lambda params, clean, noisy, noise: noise / (noisy - clean)))


class Undecided(NamedTuple):
    decay: float

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        return trace, reward * pre * params.decay


def test_a_class_stands_for_its_defaults():
    check_rule(Everything)
    with pytest.raises(
        InputError, match=r"'decay' parameter of Undecided has no default: write check_rule\(Undecided\(decay=…\)\)"
    ):
        check_rule(Undecided)


@pytest.mark.parametrize("given", [None, 3, "np", wide], ids=["None", "3", "np", "function"])
def test_what_is_no_object_of_a_rule(given):
    with pytest.raises(InputError, match=r"must be an object of a NamedTuple, as in MyRule\(\). Got"):
        check_rule(given)


def test_what_is_no_rule():
    class Plain:
        synapse = staticmethod(wide)

    class Empty(NamedTuple):
        decay: float = 0.5

    with pytest.raises(InputError, match=r"Plain must be a NamedTuple: write class Plain\(NamedTuple\)"):
        check_rule(Plain())
    with pytest.raises(InputError, match=r"Empty has no 'synapse' function: write @staticmethod"):
        check_rule(Empty())
    with pytest.raises(InputError, match=r"'decay' parameter of TraceCredit must be a finite number. Got nan"):
        check_rule(TraceCredit(float("nan")))


@pytest.mark.parametrize("function", [global_array, lacking])
def test_a_run_refuses_it_where_it_is_made(function):
    """What costs nothing to see is said at once, in the same words."""
    with pytest.raises(InputError, match=CASES[function]):
        rules.own(rule(function))
