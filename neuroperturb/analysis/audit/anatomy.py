"""A rule taken apart: its traced formulas and every quantity they and its parts use."""

from __future__ import annotations

from typing import NamedTuple

from neuroperturb.analysis.audit import quantities as known
from neuroperturb.analysis.audit.formulas import TracedRule, traced
from neuroperturb.analysis.audit.quantities import LAYER, SCALAR, Quantity, of_part
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.formula.graph import inputs, text, where


class Anatomy(NamedTuple):
    """rule, decorrelation; traced formulas; quantities in the order they are met."""

    rule: PerturbationRule
    decorrelation: Decorrelation | None
    traced: TracedRule
    quantities: tuple[Quantity, ...]

    @property
    def expressions(self) -> dict[str, str]:
        """The formulas as one reads them."""
        lines, kept = self.traced.lines, {"trace": self.traced.keeps_trace, "state": self.traced.keeps_state}
        told = {} if self.traced.told is None else {"told =": text(self.traced.told)}
        return told | {
            f"{name} {'←' if name in kept else '='}": text(node) for name, node in lines.items() if kept.get(name, True)
        }

    @property
    def lateral(self) -> dict[str, str]:
        """Matrices learnt beside the network's, and the term of their change that is proportional to themselves."""
        share = known.SHARE.get(self.rule.presynaptic.kind)
        decorrelated = self.decorrelation is not None and self.decorrelation.rate > 0
        return ({"D": "ε x̂_i² D_ij"} if decorrelated else {}) | ({"P": share} if share else {})

    @property
    def broadcasts(self) -> int:
        """Scalars that everybody hears: δL, what else formulas take of the kind, and every sum over a layer, which has to be sent out."""
        return sum(quantity.kind in (SCALAR, LAYER) for quantity in self.quantities)


def dissect(rule: PerturbationRule, decorrelation: Decorrelation | None) -> Anatomy:
    """Trace a rule's formulas and list what it uses."""
    expressions = traced(rule)
    found = [*_of_formulas(rule, expressions), *_of_parts(rule)]
    if decorrelation is not None and decorrelation.rate > 0:
        found += known.DECORRELATION
    return Anatomy(rule, decorrelation, expressions, tuple(found))


def _of_formulas(rule: PerturbationRule, expressions: TracedRule):
    """What the traced formulas take, and where."""
    names = known.ARGUMENTS | {"pre": (known.FACTOR.get(rule.presynaptic.kind, "pre_j"), known.PRE)}
    if rule.probe.kind == "deviation":
        names = names | {"clean": ("ā_i, a running mean", known.POST)}
    for argument in inputs(expressions.told) if expressions.told else ():
        yield Quantity(*names[argument], f"neuron: {where(argument, expressions.told)}")
    for argument in expressions.used:
        yield Quantity(*names[argument], _where(argument, expressions))


def _where(argument: str, expressions: TracedRule) -> str:
    """The first line of the formulas that holds an argument, and what it meets there."""
    lines = {name: node for name, node in expressions.lines.items() if argument in inputs(node)}
    name = next((name for name, node in lines.items() if not node.is_leaf), next(iter(lines)))
    return f"{name}: {where(argument, lines[name])}"


def _of_parts(rule: PerturbationRule):
    if rule.probe.kind == "weights_felt":
        yield known.FELT
    for axis, table in (("normaliser", known.BY_NORMALISER), ("presynaptic", known.BY_PRESYNAPTIC)):
        yield from of_part(table, axis, getattr(rule, axis).kind)
