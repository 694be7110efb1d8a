"""What a rule costs on chip: numbers sent, kept and drawn, and arithmetic, at every synapse and every neuron.

A synapse's arithmetic is counted in its traced formulas, what is known in advance worked out and what occurs twice done once; a
perturbed weight, w + σΞ, is one multiply–add more. One multiply–add does a product and a sum; the count is the larger of products and
sums. A neuron's is that of the rule's parts. Noise that lasts, or remembers, is kept where it is drawn: a simulation regenerates it from
its key, and a chip has to store it. What a network does without learning, its own reads and activations, is not counted. The online
schedule writes at every step, or the sum of several steps; an episode adds up the changes of its steps, one more number a synapse.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from neuroperturb.analysis.audit.anatomy import Anatomy
from neuroperturb.rules import PerturbationRule, WeightNoise
from neuroperturb.rules.formula.graph import Node, constant, operations

PERTURBED = ("weights", "weights_felt")  # probes that draw at every synapse
REMEMBER = ("ornstein_uhlenbeck", "telegraph")  # sources whose next draw depends on the last
PRODUCTS, SUMS = ("multiply",), ("add", "subtract", "negative")


class Work(NamedTuple):
    """multiply–adds, and how often every other operation is done."""

    multiply_adds: int
    others: dict[str, int]

    def __str__(self) -> str:
        parts = [f"{self.multiply_adds} multiply–add{'s' * (self.multiply_adds != 1)}"] if self.multiply_adds else []
        return ", ".join(parts + [f"{count} {name}" for name, count in self.others.items()]) or "nothing"


class RuleCosts(NamedTuple):
    """Of one schedule, one trial at a time.

    broadcasts : scalars sent to everybody each step;  broadcast_bits : the same in bits
    state_synapse, state_neuron : numbers kept besides weights and activity;  *_bits : the same in bits
    draws_synapse, draws_neuron : random numbers a step
    step : arithmetic of a synapse at every step;  write : at every write;  neuron : of a neuron at every step
    writes : a synapse and step;  passes : trajectories that run side by side
    lateral : synapses outside the network, in numbers of units, a neuron;  lateral_step : arithmetic of such a one at every step
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
    """RuleCosts of a rule in one schedule, with so many bits for every number that is sent or kept."""
    rule, found = anatomy.rule, anatomy.traced
    summed = (schedule == "episode" and not _is_held(rule)) or rule.clock.write > 1
    perturbed = int(rule.probe.kind in PERTURBED)
    synapse = found.keeps_trace + found.keeps_state + summed + perturbed * _lasts(rule)
    neuron, work, draws = _of_neuron(anatomy)
    step, write = _work(found.trace, found.gradient), _work(found.trace, found.gradient, found.state, found.change)
    return RuleCosts(
        schedule=schedule, broadcasts=anatomy.broadcasts, broadcast_bits=anatomy.broadcasts * bits,
        state_synapse=synapse, state_synapse_bits=synapse * bits, state_neuron=neuron, state_neuron_bits=neuron * bits,
        draws_synapse=perturbed, draws_neuron=draws,
        step=step._replace(multiply_adds=step.multiply_adds + summed + perturbed), write=_less(write, step), neuron=work,
        writes=_writes(schedule, rule.clock.write), passes=rule.baseline.passes,
        lateral=len(anatomy.lateral), lateral_step=Work(sum(_of_lateral(anatomy)), {}),
    )  # fmt: skip


LATERAL = {"D": 3, "whitened": 5, "recursive": 4}  # column read and change, 1 + 2; of P its reads too: z and z', or k


def _of_lateral(anatomy: Anatomy) -> list[int]:
    """Multiply–adds of a lateral synapse a step: D's own read is the network's, P serves learning alone."""
    return [LATERAL.get(name, LATERAL.get(anatomy.rule.presynaptic.kind)) for name in anatomy.lateral]


def _lasts(rule: PerturbationRule) -> bool:
    """Whether a draw has to be known again at a later step."""
    return rule.clock.hold > 1 or rule.noise.kind in REMEMBER or getattr(rule.probe, "hold", "step") != "step"


def _writes(schedule: str, every: int) -> str:
    unit = "step" if schedule == "online" else "sequence"
    return f"1 a {unit}" if every == 1 else f"1 every {every} {unit}s"


def _is_held(rule: PerturbationRule) -> bool:
    """Weight noise that lasts is credited with one number at the end: its synapses add up nothing."""
    return isinstance(rule.probe, WeightNoise) and rule.probe.hold != "step"


def _work(*nodes: Node) -> Work:
    """Arithmetic of expressions, what they share done once."""
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


NORMALISING = {  # multiply–adds and divisions of a unit
    "as_told": (0, 0), "noise_std": (1, 0), "noise_variance": (1, 0), "layer_norm": (2, 0), "running_variance": (3, 1),
}  # fmt: skip


def _of_neuron(anatomy: Anatomy) -> tuple[int, Work, int]:
    """Numbers kept besides the activity, arithmetic and random draws of a neuron: its formula, and the rule's parts."""
    rule, told = anatomy.rule, anatomy.traced.told
    twin = rule.baseline.passes - 1  # the activity of the other pass
    if told is None:
        return twin, Work(int("D" in anatomy.lateral), {}), 0
    own, (work, divisions) = _work(told), NORMALISING[rule.normaliser.kind]
    draws = int(rule.probe.kind not in ("array", *PERTURBED))
    pair = 2 * int(rule.baseline.kind in ("antithetic", "second_run"))  # mean and half difference
    mean = int(rule.probe.kind == "deviation")  # of what the unit was lately
    private, recursive = int(rule.presynaptic.kind == "whitened"), int(rule.presynaptic.kind == "recursive")
    decorrelated = int("D" in anatomy.lateral)  # x̂_i²
    divisions += recursive
    before = int(rule.presynaptic.kind != "activity")  # z of the step before
    kept = twin + before + mean + int(rule.normaliser.kind == "running_variance") + draws * _lasts(rule)
    others = {**own.others, **({"divide": divisions} if divisions else {})}
    return (
        kept,
        Work(own.multiply_adds + work + draws + pair + mean + private + recursive + decorrelated, others),
        draws + private,
    )
