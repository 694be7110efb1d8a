"""Costs of a rule on chip: numbers transmitted, stored and drawn, and arithmetic, at every synapse and every neuron.

A synapse's arithmetic is counted in its traced formulas, after constant folding and common-subexpression elimination; a
perturbed weight, w + σΞ, costs one more multiply–add. One multiply–add does a product and a sum; the count is the larger of products and
sums. A neuron's arithmetic is that of the rule's parts. Held or correlated noise is stored where it is drawn: a simulation regenerates it
from its key, but a chip has to store it. The network's own inference, reads and activations, is not counted. The online schedule writes
at every step, or the sum of several steps; an episode accumulates the changes of its steps, one more number per synapse.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from neuroperturb.analysis.audit.anatomy import Anatomy
from neuroperturb.rules.formula.graph import Node, constant, operations

PRODUCTS, SUMS = ("multiply",), ("add", "subtract", "negative")


class Work(NamedTuple):
    """multiply–adds, and the count of every other operation."""

    multiply_adds: int
    others: dict[str, int]

    def __str__(self) -> str:
        parts = [f"{self.multiply_adds} multiply–add{'s' * (self.multiply_adds != 1)}"] if self.multiply_adds else []
        return ", ".join(parts + [f"{count} {name}" for name, count in self.others.items()]) or "nothing"


class RuleCosts(NamedTuple):
    """Costs of one schedule, one trial at a time.

    broadcasts : scalars broadcast per step;  broadcast_bits : the same in bits
    state_synapse, state_neuron : numbers stored in addition to weights and activity;  *_bits : the same in bits
    draws_synapse, draws_neuron : random numbers per step
    step : arithmetic of a synapse at every step;  write : at every write;  neuron : of a neuron at every step
    writes : per synapse and step;  passes : parallel trajectories
    lateral : lateral synapses per neuron, in numbers of units;  lateral_step : arithmetic of one of them at every step
    """

    schedule: str
    broadcasts: int
    broadcast_bits: int
    state_synapse: int
    state_synapse_bits: int
    state_neuron: int
    state_neuron_bits: int
    draws_synapse: int
    draws_neuron: int
    step: Work
    write: Work
    neuron: Work
    writes: str
    passes: int
    lateral: int
    lateral_step: Work


def costs(anatomy: Anatomy, schedule: str, bits: int) -> RuleCosts:
    """RuleCosts of a rule in one schedule, with `bits` bits per transmitted or stored number."""
    rule, facts, found = anatomy.rule, anatomy.facts, anatomy.traced
    # a held draw is credited once, at the end: its synapses accumulate nothing
    summed = (schedule == "episode" and not facts.draw_held) or facts.integrates
    synapse = found.keeps_trace + found.keeps_state + found.keeps_second + summed + facts.synapse_state
    step, write = (
        _work(found.trace, found.gradient),
        _work(found.trace, found.gradient, found.state, found.second, found.change),
    )
    return RuleCosts(
        schedule=schedule, broadcasts=anatomy.broadcasts, broadcast_bits=anatomy.broadcasts * bits,
        state_synapse=synapse, state_synapse_bits=synapse * bits, state_neuron=facts.unit_state, state_neuron_bits=facts.unit_state * bits,
        draws_synapse=facts.synapse_draws, draws_neuron=facts.unit_draws,
        step=step._replace(multiply_adds=step.multiply_adds + summed + facts.synapse_draws), write=_less(write, step), neuron=_of_neuron(anatomy),
        writes=_writes(schedule, rule.clock.write), passes=facts.passes,
        lateral=len(anatomy.lateral), lateral_step=Work(_of_lateral(anatomy), {}),
    )  # fmt: skip


DECORRELATING = 3  # multiply–adds per step of a synapse of D: column read and change, 1 + 2; its forward read belongs to the network


def _of_lateral(anatomy: Anatomy) -> int:
    """Multiply–adds per step of a lateral synapse, all lateral matrices together."""
    return DECORRELATING * anatomy.decorrelated + anatomy.facts.lateral_work


def _writes(schedule: str, every: int) -> str:
    unit = "step" if schedule == "online" else "sequence"
    return f"1 per {unit}" if every == 1 else f"1 every {every} {unit}s"


def _work(*nodes: Node) -> Work:
    """Arithmetic of expressions, common subexpressions counted once."""
    counts = Counter(_name(node) for node in operations(*nodes))
    products, sums = (sum(counts.pop(name, 0) for name in names) for names in (PRODUCTS, SUMS))
    return Work(max(products, sums), dict(counts))


def _name(node: Node) -> str:
    return "multiply" if node.op == "divide" and constant(node.args[1]) is not None else node.op


def _less(all_: Work, part: Work) -> Work:
    others = {name: count - part.others.get(name, 0) for name, count in all_.others.items()}
    return Work(
        max(0, all_.multiply_adds - part.multiply_adds), {name: count for name, count in others.items() if count}
    )


def _of_neuron(anatomy: Anatomy) -> Work:
    """Arithmetic of a neuron at every step: its formula, and the work of the rule's axes."""
    factor, axes = anatomy.traced.factor, anatomy.facts.unit_work
    own = Work(0, {}) if factor is None else _work(factor)
    others = {**own.others, **({"divide": axes.divisions} if axes.divisions else {})}
    return Work(own.multiply_adds + axes.multiply_adds + anatomy.decorrelated, others)  # x̂_i²
