"""A rule's scalar formulas, traced: the factor of a unit, the synapse's computation with it, and the optimiser step at a write.

    neuron     (clean, noisy, noise) -> p                                  every unit, step and trial
    synapse    (trace, weight, pre, post, reward, draw) -> (trace, g)      every synapse, step and trial
    step       (state, gradient, correction) -> (state, Δw)                every synapse and write; with a second state between, in and out

The functions are those of the rule's axes, or of the user, that the kernels compile.
"""

from __future__ import annotations

from typing import NamedTuple

from neuroperturb import rules
from neuroperturb.analysis.audit.products import NotSumOfProducts, sum_of_products
from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.formula.graph import Node, fold, input_, inputs, rename, substitute
from neuroperturb.rules.formula.signatures import NEURON, SYNAPSE, TWO_STATES, arguments_of, formula, numbers
from neuroperturb.rules.formula.tracing import trace
from neuroperturb.rules.plan import formulas_of
from neuroperturb.spec import InputError, SpecError, Words

ARGUMENTS = {"neuron": NEURON[1:], "synapse": SYNAPSE[1:], "step": TWO_STATES[1:]}  # after the record of numbers
RETURNED = {"neuron": 1, "synapse": 2, "step": 2}


class RuleFunction(NamedTuple):
    """name of the signature; the compiled function;  params : the record it is called with."""

    name: str
    function: object
    params: tuple

    def trace(self) -> tuple[Node, ...]:
        """Its return values, as expressions."""
        what = f"{type(self.params).__name__}.{self.name}"
        takes = arguments_of(self.function)[1:] if self.name == "step" else ARGUMENTS[self.name]
        returned = RETURNED[self.name] + ("second" in takes)
        found = trace(self.function, self.params, takes, what=what)
        if len(found) != returned:
            raise InputError(f"The function {what!r} must return {returned} numbers. Got {len(found)} instead.")
        return tuple(rename(node, dict(getattr(self.params, "symbols", ()))) for node in found)

    def numbers(self, dtype) -> tuple:
        """The record in one dtype, as the kernels use it."""
        return numbers(self.params, dtype)


class RuleFunctions(NamedTuple):
    """Formulas of a rule; `neuron` is None if weights are perturbed and units have no factor."""

    neuron: RuleFunction | None
    synapse: RuleFunction
    step: RuleFunction


def formulas(rule: PerturbationRule) -> RuleFunctions:
    """The functions of a rule."""
    made_of = formulas_of(rule)
    records = {"neuron": made_of.neuron, "synapse": made_of.synapse, "step": made_of.step}
    return RuleFunctions(**{name: _formula(name, record) for name, record in records.items()})


def _formula(name: str, record: tuple | None) -> RuleFunction | None:
    return None if record is None else RuleFunction(name, formula(record, name).function, record)


class TracedRule(NamedTuple):
    """Expressions in terms of `ARGUMENTS`, parameters by name.

    factor : p of a unit, or None;  trace : a synapse's new trace;  gradient : its term of the gradient estimate
    state, second, change : of a write, with the gradient substituted
    lines : the synapse's formulas by name and in order, each in terms of the results of those before
    """

    factor: Node | None
    trace: Node
    gradient: Node
    state: Node
    second: Node
    change: Node
    lines: dict[str, Node]

    @property
    def keeps_trace(self) -> bool:
        return fold(self.trace) != input_("trace") and "trace" in inputs(fold(self.gradient), fold(self.trace))

    @property
    def keeps_state(self) -> bool:
        return fold(self.state) != input_("state")

    @property
    def keeps_second(self) -> bool:
        return fold(self.second) != input_("second")

    @property
    def refused(self) -> tuple[str, NotSumOfProducts] | None:
        """The first line that is not a sum of products, and why; None if all are."""
        for name, node in self.lines.items():
            try:
                sum_of_products(node)
            except NotSumOfProducts as error:
                return name, error
        return None

    @property
    def used(self) -> tuple[str, ...]:
        """Arguments that a change depends on, directly or through stored state."""
        kept = [self.trace] * self.keeps_trace + [self.state] * self.keeps_state + [self.second] * self.keeps_second
        found = inputs(*map(fold, (self.change, *kept)))
        return tuple(name for name in (*ARGUMENTS["synapse"], *ARGUMENTS["step"]) if name in found)


def traced(rule: PerturbationRule) -> TracedRule:
    """The traced formulas of a rule."""
    neuron, synapse, step = formulas(rule)
    e, g = synapse.trace()
    v, *more, dw = step.trace()
    m = more[0] if more else input_("second")
    lines = {"trace": e, "gradient": _reading(g, "trace", e), "state": v, **({"second": m} if more else {})}
    lines["change"] = _reading(_reading(dw, "state", v), "second", m)
    state, second, change = (substitute(node, input_("gradient"), g) for node in (v, m, dw))
    return TracedRule(None if neuron is None else neuron.trace()[0], e, g, state, second, change, lines)


def _reading(node: Node, name: str, kept: Node) -> Node:
    """An expression that reads the state just stored, by its name."""
    return node if kept.is_leaf else substitute(node, kept, input_(name))


def resolve(rule) -> PerturbationRule:
    """A rule, from itself, its name ("anp", "anp published", "module:Class"), or a record with a rule's functions."""
    if isinstance(rule, str):
        name, _, form = rule.partition(" ")
        return rules.make(name, form or None)
    if isinstance(rule, PerturbationRule):
        return rule
    if hasattr(rule, "synapse"):
        return rules.own(rule() if isinstance(rule, type) else rule)
    raise SpecError("rule", "", "a rule, its name, or a record with a 'synapse' function", Words(type(rule).__name__))
