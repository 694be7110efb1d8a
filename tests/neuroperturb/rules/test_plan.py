"""What a rule brings with it, joined over its axes; and loops that are compiled for its structure alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from rule_cases import N_IN, N_OUT, PLAIN, SIZE, simulate, trials, weights

from neuroperturb import rules
from neuroperturb.rules.contract import AXES
from neuroperturb.rules.facts import UnitWork
from neuroperturb.rules.plan import choices, compile_rule, facts_of, formulas_of

pytestmark = pytest.mark.kernels
SIZES = (SIZE, N_IN, N_OUT)


def compiled(rule, schedule="online", dtype="float64", **options):
    return compile_rule(rule, schedule, dtype, SIZES, **options)


@pytest.mark.parametrize("name", rules.RULES)
def test_every_published_rule_compiles(name):
    for schedule in ("online", "episode"):
        plan = compiled(rules.make(name, None, schedule), schedule)
        hash(plan.structure)
        assert (plan.rows.written is None) == (schedule == "online")
        assert plan.structure.factor.present == plan.facts.perturbs_units == (plan.formulas.neuron is not None)
        assert len(plan.facts.sign) == plan.facts.passes == plan.structure.passes.count


def test_numbers_are_no_part_of_the_structure():
    one = compiled(rules.make("anp", "published", normaliser=rules.LayerNorm(gain="network")))
    other = compiled(rules.make("anp", "published", noise_std=0.3, learning_rate=2.0, normaliser=rules.LayerNorm()))
    assert one.structure == other.structure and one.rows == other.rows
    assert one.numbers.normaliser.gain == np.sqrt(sum(SIZES)) and other.numbers.normaliser.gain == 0
    assert one.structure != compiled(rules.make("anp")).structure  # one reward for each trial


def test_draws_are_recorded_or_made():
    rule = rules.make("np")
    assert compiled(rule).structure.noise.fill is rules.Gaussian.kernel
    assert compiled(rule, recorded=True).structure.noise.fill is not rules.Gaussian.kernel


def test_facts_of_units():
    """By hand: the twin's activity, what is measured of the noise, and the arithmetic of each."""
    np_, anp = facts_of(rules.make("np")), facts_of(rules.make("anp"))
    assert (np_.unit_state, np_.unit_draws, np_.unit_work) == (1, 1, UnitWork(2))  # scaled noise, over σ²
    assert (anp.unit_state, anp.unit_draws, anp.unit_work) == (1, 1, UnitWork(3))  # scaled noise, p², g p/‖p‖²
    assert np_.knows_noise and not anp.knows_noise
    assert np_.local and not anp.local
    whitened = facts_of(rules.make("np-p"))
    assert (whitened.unit_state, whitened.unit_draws) == (2, 2)  # z of the step before; private noise
    assert (whitened.lateral_share, whitened.lateral_work) == ("ε P_ji", 5)


def test_facts_of_draws():
    assert facts_of(rules.make("wp")).one_draw_a_batch and not facts_of(rules.make("wp-held")).one_draw_a_batch
    held, felt = facts_of(rules.make("wp-held")), facts_of(rules.make("hybrid"))
    assert held.draw_held and not felt.draw_held  # the hybrid's units are credited
    assert (held.synapse_draws, held.synapse_state) == (1, 1) == (felt.synapse_draws, felt.synapse_state)
    assert facts_of(rules.make("wp")).synapse_state == 0  # redrawn at every step
    assert facts_of(rules.make("wp", noise=rules.Telegraph())).synapse_state == 1
    second = facts_of(rules.make("np", baseline=rules.SecondRun(), noise_std=0.1))
    assert second.effective_noise_std == 0.1 * np.sqrt(0.5) and second.sign == (1, 1)
    assert facts_of(rules.make("anp", probe=rules.ArrayNoise())).array_noise


@pytest.mark.parametrize("axis", AXES)
def test_values_are_told_apart_and_name_their_own_fields(axis):
    kinds = [cls.model_fields["kind"].default for cls in choices(axis)]
    assert len(set(kinds)) == len(kinds)
    for cls in choices(axis):
        named = cls.facts.brian.constants if cls.facts.brian else ()
        assert {field for _, field in named} <= set(cls.model_fields)


class Steady(NamedTuple):
    """Nothing of its own but the outer product."""

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        return trace, reward * pre * post


def test_weights_are_perturbed_anew_whatever_the_synapse_reads():
    """A draw is keyed by its number also where no formula asks for it."""
    rule = rules.own(Steady(), probe=rules.WeightNoiseFelt(hold="step"), noise_std=0.1)
    sim = simulate(PLAIN, rule, weights(PLAIN), trials(4, 2, gaps=False))
    data, moved = sim.prepare(trials(4, 2, gaps=False)), []
    for t in range(4):
        sim.gather(data, t, t + 1)
        moved.append(int(sim.run.memories.W_rec.key[1]))
    assert moved == [0, 1, 2, 3]


def test_a_deviation_is_one_under_a_second_run_too():
    """The factor is what the unit measures in the last pass, and not the difference of the draws."""
    rule = rules.make(
        "np", probe=rules.Deviation(rate=0.5), baseline=rules.SecondRun(), normaliser=rules.AsTold(), noise_std=0.1
    )
    sequence = trials(3, 2, gaps=False)
    sim = simulate(PLAIN, rule, weights(PLAIN), sequence)
    data, mean = sim.prepare(sequence), np.zeros((2, SIZE))
    for t in range(3):
        sim.gather(data, t, t + 1)
        last = sim.run.act.a[2:, :SIZE]
        np.testing.assert_array_equal(sim.run.signal.post[:, :SIZE], last - mean)
        mean += 0.5 * (last - mean)


def test_formulas_are_the_users_where_there_are_any():
    own = formulas_of(rules.own(Steady()))
    assert type(own.synapse) is Steady and own.neuron is rules.InjectedNoise.neuron
