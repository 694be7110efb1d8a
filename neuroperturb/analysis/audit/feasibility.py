"""Whether an engine could run a rule, and why not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from neuroperturb.analysis.audit.anatomy import Anatomy
from neuroperturb.analysis.audit.engines import SUMS, Engine
from neuroperturb.analysis.audit.products import NotSumOfProducts, sum_of_products
from neuroperturb.analysis.audit.quantities import COLUMN, FAR, LAYER, Quantity
from neuroperturb.rules.formula.graph import Node, constant, fold, operations, text

SIGNED = "activity and perturbation are signed: two unsigned traces each, so that a product of both takes four"


class Fit(NamedTuple):
    """engine; whether it could run the rule as it is;  reasons why not;  notes on how it would"""

    engine: Engine
    runs: bool
    reasons: tuple[str, ...]
    notes: tuple[str, ...]


def fit(anatomy: Anatomy, engine: Engine) -> Fit:
    """What of a rule an engine cannot do, a sentence each."""
    reasons = [
        *unmet(anatomy.quantities, engine), *_of_formula(anatomy, engine), *_of_state(anatomy, engine), *_of_draws(anatomy, engine),
        *_of_neurons(anatomy, engine), *_of_lateral(anatomy, engine),
    ]  # fmt: skip
    return Fit(engine, not reasons, tuple(reasons), tuple(_notes(anatomy, engine)))


def unfit(quantities: tuple[Quantity, ...], engine: Engine) -> Fit:
    """Of a rule that has no synapse's formula: what it needs from elsewhere."""
    return Fit(engine, False, tuple(unmet(quantities, engine)), ())


def unmet(quantities: tuple[Quantity, ...], engine: Engine) -> Iterator[str]:
    """What a rule needs from beyond the synapse and an engine does not bring there."""
    if far := [quantity.name for quantity in quantities if quantity.is_any(FAR)]:
        yield f"{'; '.join(far)}: not where the synapse is"
    for quantity in quantities:
        instead = f"; instead, {quantity.replacement}" if quantity.replacement else ""
        if quantity.is_any(LAYER) and not engine.reductions:
            yield f"{quantity.name} is a sum over the layer, which nothing here adds up{instead}"
        if quantity.is_any(COLUMN) and not engine.column_reads:
            yield f"{quantity.name} is a read along the other side of the array, which is not there{instead}"


def _of_formula(anatomy: Anatomy, engine: Engine):
    if engine.rank_one:
        yield from _not_rank_one(anatomy)
        return
    for name, node in anatomy.traced.lines.items():
        foreign = _operations(node) - engine.operations
        if not foreign:
            continue
        try:
            sum_of_products(node)
        except NotSumOfProducts as error:
            yield f"the {name} {error.operation}, and a synapse here cannot"


def _operations(node: Node) -> set[str]:
    """Operations of an expression; a division by a constant is a product."""
    return {"multiply" if n.op == "divide" and constant(n.args[1]) is not None else n.op for n in operations(node)}


def _not_rank_one(anatomy: Anatomy):
    """A pulsed write is one product of a row's and a column's factor; whatever else a synapse needs is not in the array."""
    kept = [name for name in ("trace", "state") if name in anatomy.traced.used]
    if kept:
        return  # reported with the state
    try:
        terms = sum_of_products(anatomy.traced.change)
    except NotSumOfProducts as error:
        yield f"the change {error.operation}: pulses multiply a row's factor by a column's, and no more"
        return
    foreign = {name for term in terms for name in term.factors} - {"pre", "post", "reward"}
    if foreign - {"draw"} or len(terms) > 1:
        yield f"the change {text(fold(anatomy.traced.change))} is not one product of a row's factor and a column's"


def _of_state(anatomy: Anatomy, engine: Engine):
    kept = ["a trace e_ij"] * anatomy.traced.keeps_trace + ["a running square v_ij"] * anatomy.traced.keeps_state
    yield from unstored(kept, engine)


def unstored(kept: list[str], engine: Engine) -> Iterator[str]:
    """What a synapse keeps besides its weight, where an engine has no memory for it."""
    if len(kept) > engine.states:
        holds = (
            f"{engine.states} beside its weight"
            if engine.states
            else "nothing beside its weight: digital memory next to the array"
        )
        yield f"every synapse keeps {' and '.join(kept)}, and here it holds {holds}"


def _of_draws(anatomy: Anatomy, engine: Engine):
    if engine.draws == "own" or not ("draw" in anatomy.traced.used or anatomy.facts.synapse_draws):
        return
    has = "all share one random number a step" if engine.draws == "shared" else "there is none"
    yield f"every synapse needs a random number of its own, and {has}; instead, injected: noise of the unit"


def _of_neurons(anatomy: Anatomy, engine: Engine):
    if not engine.reductions:
        yield from anatomy.facts.dividers


def _of_lateral(anatomy: Anatomy, engine: Engine):
    """A lateral synapse's change holds a share of its own weight, which is no product of a row's and a column's pulses."""
    if not engine.rank_one:
        return
    for name, share in anatomy.lateral.items():
        yield f"{name} changes by {share}, in proportion to itself: pulses multiply a row's factor by a column's, and no more"


def _notes(anatomy: Anatomy, engine: Engine):
    if engine.operations == SUMS and {"pre", "post"} & set(anatomy.traced.used):
        yield SIGNED
    if engine.weight_bits:
        yield f"weights of {engine.weight_bits} bits"
    if anatomy.traced.keeps_trace and engine.states:
        yield f"the trace in {engine.state_bits} bits a synapse"
