"""The anatomy of a rule: its traced formulas, and every quantity used by them and by the values of its axes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from neuroperturb.analysis.audit.formulas import TracedRule, traced
from neuroperturb.analysis.audit.quantities import ARGUMENTS, DECORRELATION, LAYER, SCALAR, Quantity
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.formula.graph import inputs, text, where
from neuroperturb.rules.plan import RuleFacts, facts_of


class Anatomy(NamedTuple):
    """rule, decorrelation; facts of its axes; traced formulas; quantities in order of first use."""

    rule: PerturbationRule
    decorrelation: Decorrelation | None
    facts: RuleFacts
    traced: TracedRule
    quantities: tuple[Quantity, ...]

    @property
    def expressions(self) -> dict[str, str]:
        """The formulas as text."""
        lines, kept = (
            self.traced.lines,
            {"trace": self.traced.keeps_trace, "state": self.traced.keeps_state, "second": self.traced.keeps_second},
        )
        factor = {} if self.traced.factor is None else {"factor =": text(self.traced.factor)}
        return factor | {
            f"{name} {'←' if name in kept else '='}": text(node) for name, node in lines.items() if kept.get(name, True)
        }

    @property
    def decorrelated(self) -> bool:
        """Whether D is learned."""
        return self.decorrelation is not None and self.decorrelation.rate > 0

    @property
    def lateral(self) -> dict[str, str]:
        """Matrices learned in addition to the network's, and the term of their change that is proportional to themselves."""
        share = self.facts.lateral_share
        return ({"D": "ε x̂_i² D_ij"} if self.decorrelated else {}) | ({"P": share} if share else {})

    @property
    def broadcasts(self) -> int:
        """Broadcast scalars: δL, other scalars that formulas use, and every sum over a layer, which has to be sent."""
        return sum(quantity.is_any(SCALAR, LAYER) for quantity in self.quantities)


def dissect(rule: PerturbationRule, decorrelation: Decorrelation | None) -> Anatomy:
    """Trace a rule's formulas and list what it uses."""
    expressions, facts = traced(rule), facts_of(rule)
    anatomy = Anatomy(rule, decorrelation, facts, expressions, (*_of_formulas(facts, expressions), *facts.quantities))
    return anatomy._replace(quantities=anatomy.quantities + DECORRELATION) if anatomy.decorrelated else anatomy


def _of_formulas(facts: RuleFacts, expressions: TracedRule) -> Iterator[Quantity]:
    """The quantities in the traced formulas, and where they enter."""
    names = {argument: (facts.symbols.get(argument, symbol), kind) for argument, (symbol, kind) in ARGUMENTS.items()}
    for argument in inputs(expressions.factor) if expressions.factor else ():
        yield Quantity(*names[argument], f"neuron: {where(argument, expressions.factor)}")
    for argument in expressions.used:
        yield Quantity(*names[argument], _where(argument, expressions))


def _where(argument: str, expressions: TracedRule) -> str:
    """The first line of the formulas that contains an argument."""
    lines = {name: node for name, node in expressions.lines.items() if argument in inputs(node)}
    name = next((name for name, node in lines.items() if not node.is_leaf), next(iter(lines)))
    return f"{name}: {where(argument, lines[name])}"
