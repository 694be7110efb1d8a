"""Whether an engine could run a rule, and why not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from neuroperturb.analysis.audit.anatomy import Anatomy
from neuroperturb.analysis.audit.engines import SUMS, Engine
from neuroperturb.analysis.audit.products import NotSumOfProducts, sum_of_products
from neuroperturb.analysis.audit.quantities import COLUMN, FAR, LAYER, Quantity
from neuroperturb.rules.formula.graph import Node, constant, fold, operations, text

SIGNED = "activity and perturbation are signed and take two unsigned traces each, so that a product of both takes four products"


class Fit(NamedTuple):
    """engine; whether it could run the rule unchanged;  reasons why not;  notes on how it would"""

    engine: Engine
    runs: bool
    reasons: tuple[str, ...]
    notes: tuple[str, ...]


def fit(anatomy: Anatomy, engine: Engine) -> Fit:
    """Why an engine cannot run a rule, a sentence for each reason."""
    reasons = [
        *unmet(anatomy.quantities, engine), *_of_formula(anatomy, engine), *_of_state(anatomy, engine), *_of_draws(anatomy, engine),
        *_of_neurons(anatomy, engine), *_of_lateral(anatomy, engine),
    ]  # fmt: skip
    return Fit(engine, not reasons, tuple(reasons), tuple(_notes(anatomy, engine)))


def unfit(quantities: tuple[Quantity, ...], engine: Engine) -> Fit:
    """The same for a rule without a synaptic formula: what it needs from elsewhere."""
    return Fit(engine, False, tuple(unmet(quantities, engine)), ())


def unmet(quantities: tuple[Quantity, ...], engine: Engine) -> Iterator[str]:
    """Non-local quantities of a rule that an engine cannot provide."""
    if far := [quantity.name for quantity in quantities if quantity.is_any(FAR)]:
        yield f"{'; '.join(far)}: not available at the synapse"
    for quantity in quantities:
        instead = f"; instead, {quantity.replacement}" if quantity.replacement else ""
        if quantity.is_any(LAYER) and not engine.reductions:
            yield f"{quantity.name} is a sum over the layer, which this engine cannot compute{instead}"
        if quantity.is_any(COLUMN) and not engine.column_reads:
            yield f"{quantity.name} is a column read, a transposed read of the array, which this engine cannot do{instead}"


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
            yield f"the {name} {error.operation}, which a synapse of this engine cannot do"


def _operations(node: Node) -> set[str]:
    """Operations of an expression; a division by a constant is a product."""
    return {"multiply" if n.op == "divide" and constant(n.args[1]) is not None else n.op for n in operations(node)}


def _not_rank_one(anatomy: Anatomy):
    """A pulsed write is a single product of a row's and a column's factor; the array provides nothing else."""
    kept = [name for name in ("trace", "state", "second") if name in anatomy.traced.used]
    if kept:
        return  # reported with the state
    try:
        terms = sum_of_products(anatomy.traced.change)
    except NotSumOfProducts as error:
        yield f"the change {error.operation}: pulses only multiply a row's factor by a column's"
        return
    foreign = {name for term in terms for name in term.factors} - {"pre", "post", "reward"}
    if foreign - {"draw"} or len(terms) > 1:
        yield f"the change {text(fold(anatomy.traced.change))} is not a single product of a row's factor and a column's"


def _of_state(anatomy: Anatomy, engine: Engine):
    kept = ["a trace e_ij"] * anatomy.traced.keeps_trace + list(anatomy.rule.step.kept)
    yield from unstored(kept, engine)


def unstored(kept: list[str], engine: Engine) -> Iterator[str]:
    """State of a synapse other than its weight that an engine has no memory for."""
    if len(kept) > engine.states:
        holds = (
            f"only {engine.states} in addition to its weight"
            if engine.states
            else "nothing but its weight: digital memory next to the array would be needed"
        )
        yield f"every synapse needs {' and '.join(kept)}, but here it stores {holds}"


def _of_draws(anatomy: Anatomy, engine: Engine):
    if engine.draws == "own" or not ("draw" in anatomy.traced.used or anatomy.facts.synapse_draws):
        return
    has = "all share one random number per step" if engine.draws == "shared" else "there is none"
    yield f"every synapse needs its own random number, but {has}; instead, injected: noise of the unit"


def _of_neurons(anatomy: Anatomy, engine: Engine):
    if not engine.reductions:
        yield from anatomy.facts.dividers


def _of_lateral(anatomy: Anatomy, engine: Engine):
    """A lateral synapse's change has a term proportional to its own weight, which is not a product of a row's and a column's pulses."""
    if not engine.rank_one:
        return
    for name, share in anatomy.lateral.items():
        yield f"{name} changes by {share}, in proportion to itself: pulses only multiply a row's factor by a column's"


def _notes(anatomy: Anatomy, engine: Engine):
    if engine.operations == SUMS and {"pre", "post"} & set(anatomy.traced.used):
        yield SIGNED
    if engine.weight_bits:
        yield f"{engine.weight_bits}-bit weights"
    if anatomy.traced.keeps_trace and engine.states:
        yield f"{engine.state_bits} bits per synapse for the trace"
