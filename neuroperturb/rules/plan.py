"""A compiled rule: the answers of all its axes, combined in one place. Everything else reads facts about a rule here.

    plan = compile_rule(rule, schedule, dtype, sizes)

    plan.structure   what selects code (:mod:`~neuroperturb.rules.structure`): the loops of a simulation are compiled for it
    plan.rows        kernels that read and change a row of synapses
    plan.formulas    records with the scalar functions of units, synapses and writes
    plan.numbers     parameters for the kernels, in the dtype of the run
    plan.facts       its costs, state, draws and quantities

Readers that run nothing use :func:`facts_of` and :func:`formulas_of`, which need only a rule:

    audit        facts.quantities, symbols, unit_state, unit_draws, unit_work, synapse_state, synapse_draws, dividers, lateral_share,
                 lateral_work, draw_held, integrates, perturbs_units;  rule.normaliser.facts.reduces
    diagnosis    facts.paired, independent, passes, knows_noise, perturbs_units, array_noise, draw_held;  rule.rate.factor(done)
    alignment    facts.separable, one_draw_a_batch;  rule.probe.with_a_draw_for_each_trial()
    Brian2       rule.<axis>.facts.brian (None: it has no text), :func:`choices` of an axis, facts.sign, passes, paired, knows_noise,
                 separable;  rule.normaliser.layer_gain
    spiking      rule.<axis>.facts.spiking

No reader checks which value an axis has: one that needs more information adds a fact to :class:`neuroperturb.rules.facts.Facts`,
and each value provides it. The values are in :mod:`neuroperturb.rules.axes`, one file per axis, and :mod:`neuroperturb.rules.noise`.
"""

from __future__ import annotations

import typing
from typing import NamedTuple

import numpy as np

from hardware_models.crossbar.fused import rank_change
from neuroperturb.rules.axes.clock import make_integrated
from neuroperturb.rules.axes.credit import InstantCredit
from neuroperturb.rules.axes.step import PlainStep
from neuroperturb.rules.contract import AXES, PerturbationRule
from neuroperturb.rules.facts import AxisValue, Quantity, Scales, UnitWork
from neuroperturb.rules.formula.signatures import Nothing, formula, numbers
from neuroperturb.rules.kernels.loops import gather_summed, make_change, make_gather, make_learning, make_step_row
from neuroperturb.rules.kernels.synapse import make_probe_read
from neuroperturb.rules.noise.law import fill_recorded
from neuroperturb.rules.structure import (
    FactorPlan,
    LateralPlan,
    NoisePlan,
    PassPlan,
    RewardPlan,
    RowKernels,
    RuleStructure,
    SynapsePlan,
)
from neuroperturb.rules.user import requirements


class RuleFormulas(NamedTuple):
    """Records with the scalar functions of a rule; `neuron` is None if weights are perturbed and units have no factor."""

    synapse: tuple
    neuron: tuple | None
    step: tuple


class RuleNumbers(NamedTuple):
    """Parameters of a rule for the kernels.

    noise_std : σ of the injected noise, in the dtype of the run;  draw_scale : of a synapse's own draw, 1 or 1/σ
    learning_rate : η;  discount : λ, in the dtype of the run
    hold, write : τ_p, draws, and τ_θ, writes
    probe, presynaptic, normaliser, baseline, rate : records of the values of these axes
    neuron : of the function of units
    """

    noise_std: float
    draw_scale: float
    learning_rate: float
    discount: float
    hold: int
    write: int
    probe: tuple
    presynaptic: tuple
    normaliser: tuple
    baseline: tuple
    rate: tuple
    neuron: tuple


class RuleFacts(NamedTuple):
    """Facts about a rule, all axes together; fields shared with single values are as in :class:`neuroperturb.rules.facts.Facts`.

    passes : number of parallel trajectories;  sign : of the noise in each;  paired, independent : as in `PassPlan`
    effective_noise_std : σ of the perturbation known to units: half the difference of two runs has half the variance
    perturbs_units : units have a postsynaptic factor; else synapses are credited with their own draw
    knows_noise : the factor is the injected noise, not a measured quantity
    array_noise : no noise is injected; read noise is the perturbation
    one_draw_a_batch : all trials are credited with one draw
    draw_held : a synapse is credited with a draw that lasts an episode or a trial
    draws_last : a draw is needed again at a later step
    integrates : a write sums several steps or episodes
    unit_state, synapse_state : numbers stored by a unit or a synapse because of lasting draws and the axes; without traces and states
        of formulas
    """

    passes: int
    sign: tuple[float, ...]
    paired: bool
    independent: bool
    effective_noise_std: float
    perturbs_units: bool
    knows_noise: bool
    array_noise: bool
    one_draw_a_batch: bool
    draw_held: bool
    draws_last: bool
    integrates: bool
    separable: bool
    quantities: tuple[Quantity, ...]
    symbols: dict[str, str]
    unit_state: int
    unit_draws: int
    unit_work: UnitWork
    synapse_state: int
    synapse_draws: int
    dividers: tuple[str, ...]
    lateral_work: int
    lateral_share: str

    @property
    def local(self) -> bool:
        return all(quantity.is_local for quantity in self.quantities)


class Rule(NamedTuple):
    """A compiled rule, see the module docstring.

    spec : the specification
    """

    spec: PerturbationRule
    structure: RuleStructure
    rows: RowKernels
    formulas: RuleFormulas
    numbers: RuleNumbers
    facts: RuleFacts


# ----------------------------------------------------------------------------------------------------------------------


def compile_rule(
    rule: PerturbationRule, schedule: str, dtype, sizes: tuple[int, int, int], *, recorded: bool = False
) -> Rule:
    """Combine the answers of the axes of a rule.

    Parameters
    ----------
    rule : PerturbationRule
    schedule : ``"online"`` or ``"episode"``
    dtype : of the run
    sizes : hidden units, inputs without the bias, outputs
    recorded : whether draws come from a recording

    Raises
    ------
    SpecError : if custom functions do not fit the rest of the rule, or cannot be computed in the dtype
    """
    formulas, facts, online = formulas_of(rule), facts_of(rule), schedule == "online"
    if rule.formula is not None:
        requirements.require_fit(rule, formulas.synapse)
        requirements.require_computes(formulas.synapse, dtype)
    fill = fill_recorded if recorded else rule.noise.kernel
    structure = _structure(rule, formulas, facts, fill, online)
    return Rule(
        spec=rule,
        structure=structure,
        rows=_rows(rule, formulas, structure, online),
        formulas=formulas,
        numbers=_numbers(rule, formulas, Scales(np.dtype(dtype).type, facts.effective_noise_std, sizes)),
        facts=facts,
    )


def formulas_of(rule: PerturbationRule) -> RuleFormulas:
    """The functions of units, synapses and writes of a rule, with custom functions if it has them."""
    own, step = None if rule.formula is None else rule.formula.bind(), rule.step.formula(rule.learning_rate)
    synapse = next(record for record in (own, rule.probe.synapse, rule.credit.formula) if record is not None)
    return RuleFormulas(synapse, own if hasattr(own, "neuron") else rule.probe.neuron, step)


def facts_of(rule: PerturbationRule) -> RuleFacts:
    """The facts of a rule's values, combined."""
    probe, baseline = rule.probe, rule.baseline
    brought = [getattr(rule, axis).facts for axis in AXES]
    last = rule.clock.hold > 1 or rule.noise.remembers or probe.lasts
    units = probe.perturbs_units
    return RuleFacts(
        passes=baseline.passes,
        sign=baseline.sign,
        paired=baseline.paired,
        independent=baseline.independent,
        effective_noise_std=rule.noise_std * baseline.noise_share,
        perturbs_units=units,
        knows_noise=probe.knows_noise,
        array_noise=not (probe.injects or probe.shifts),
        one_draw_a_batch=not (units or probe.per_trial),
        draw_held=not units and probe.lasts,
        draws_last=last,
        integrates=rule.clock.write > 1,
        separable=rule.formula is None and all(facts.separable for facts in brought),
        quantities=tuple(quantity for facts in brought for quantity in facts.quantities),
        symbols=dict(pair for facts in brought for pair in facts.symbols),
        unit_state=sum(facts.unit_state for facts in brought) + probe.facts.unit_draws * last,
        unit_draws=sum(facts.unit_draws for facts in brought),
        unit_work=_sum_work([facts.unit_work for facts in brought]) if units else UnitWork(),
        synapse_state=probe.facts.synapse_draws * last,
        synapse_draws=sum(facts.synapse_draws for facts in brought),
        dividers=tuple(facts.divider for facts in brought if facts.divider),
        lateral_work=sum(facts.lateral_work for facts in brought),
        lateral_share="".join(facts.lateral_share for facts in brought),
    )


def writes_outer_products(rule: PerturbationRule, schedule: str) -> bool:
    """Whether each write is a sum of outer products of what units know: what lines of rows and columns can carry between them."""
    if rule.formula is not None or rule.probe.synapse is not None or rule.clock.write > 1:
        return False
    instant = isinstance(rule.credit.formula, InstantCredit)
    return schedule == "online" and instant and isinstance(rule.step.formula(rule.learning_rate), PlainStep)


def choices(axis: str, rule: type[PerturbationRule] = PerturbationRule) -> tuple[type[AxisValue], ...]:
    """The values that an axis may have, in the order of their union."""
    return typing.get_args(rule.model_fields[axis].annotation)


def _sum_work(works: list[UnitWork]) -> UnitWork:
    return UnitWork(sum(work.multiply_adds for work in works), sum(work.divisions for work in works))


def _structure(rule: PerturbationRule, formulas: RuleFormulas, facts: RuleFacts, fill, online: bool) -> RuleStructure:
    probe, baseline, own = rule.probe, rule.baseline, rule.formula is not None
    synapse = formula(formulas.synapse, "synapse")
    neuron, step = formula(formulas.synapse, "neuron") if own else None, formula(formulas.step, "step")
    return RuleStructure(
        passes=PassPlan(
            count=baseline.passes, paired=baseline.paired, independent=baseline.independent, expect=baseline.expect,
            timed=baseline.timed, sampled=baseline.sampled,
        ),
        noise=NoisePlan(
            fill=fill, fill_lanes=None if fill is fill_recorded else rule.noise.lanes, injected=probe.injects, shifted=probe.shifts,
            lasts=probe.lasts, keyed=probe.shifts or "draw" in synapse.used,
        ),
        factor=FactorPlan(
            present=probe.perturbs_units, measure=probe.measure, keeps_mean=probe.keeps_mean, neuron=neuron and neuron.function,
            normalise=rule.normaliser.kernel, unit=rule.normaliser.unit,
        ),
        lateral=LateralPlan(rule.presynaptic.leave, rule.presynaptic.private, rule.presynaptic.tracks),
        synapse=SynapsePlan(
            formula=synapse, own=own, tracing="trace" in synapse.used, stateful="state" in step.used, doubly="second" in step.used,
            gather=make_gather(synapse, fill), integrates=facts.integrates, credited_at_end=facts.draw_held and not own,
        ),
        reward=RewardPlan(
            shared=rule.broadcast == "batch", mean=rule.batch_divisor == "mean" and not facts.one_draw_a_batch,
            pooled=facts.one_draw_a_batch, factor=rule.rate.kernel, holds_rate=online and rule.step.linear,
        ),
    )  # fmt: skip


def _rows(rule: PerturbationRule, formulas: RuleFormulas, structure: RuleStructure, online: bool) -> RowKernels:
    """Kernels for a row: its change in the loop, its change at the end of an episode, and its read."""
    synapse, fill = structure.synapse, structure.noise.fill
    read = make_probe_read(fill, rule.probe.per_trial) if structure.noise.shifted else None
    step = type(formulas.step)
    if not online:
        at_end = synapse.credited_at_end and not synapse.integrates
        waited = synapse.gather if at_end else gather_summed
        return RowKernels(rank_change, make_change(waited, make_step_row(step)), read)
    if synapse.integrates:
        return RowKernels(make_integrated(synapse.gather, make_step_row(step)), None, read)
    return RowKernels(make_learning(synapse.formula, step, fill), None, read)


def _numbers(rule: PerturbationRule, formulas: RuleFormulas, scales: Scales) -> RuleNumbers:
    return RuleNumbers(
        noise_std=scales.t(rule.noise_std),
        draw_scale=rule.normaliser.draw_scale(rule.noise_std),
        learning_rate=rule.learning_rate,
        discount=scales.t(rule.credit.discount),
        hold=rule.clock.hold,
        write=rule.clock.write,
        probe=rule.probe.numbers(scales),
        presynaptic=rule.presynaptic.numbers(scales),
        normaliser=rule.normaliser.numbers(scales),
        baseline=rule.baseline.numbers(scales),
        rate=rule.rate.numbers(scales),
        neuron=numbers(formulas.neuron or Nothing(), scales.t),
    )
