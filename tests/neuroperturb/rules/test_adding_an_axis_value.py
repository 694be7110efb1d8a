"""A new value of an axis is a class and one line in a union: it is refused, compiled, trained, saved and read back like the others."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
import pytest
from rule_cases import N_IN, PLAIN, SIZE, trials, weights
from slow_cases import slow

from neuroperturb import audit
from neuroperturb.rules import RMS, Clipped, NoiseStd, NoiseVariance, PerturbationRule, Plain
from neuroperturb.rules.axes.normaliser import NoiseNumbers, Normaliser, make_unit_loop
from neuroperturb.rules.axes.step import Step
from neuroperturb.rules.contract import KIND
from neuroperturb.rules.facts import Facts, Scales, UnitWork
from neuroperturb.rules.plan import choices, compile_rule, facts_of
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.spec import SpecError

pytestmark = pytest.mark.kernels

# ----------------------------------------------------------------------------------------------------------------------
# The two values: what their files would hold


def bounded(params, p):
    return p / (params.sigma + abs(p))


class Bounded(Normaliser):
    """p/(σ + |p|): no perturbation counts for more than 1."""

    kind: Literal["bounded"] = "bounded"
    kernel: ClassVar[object] = staticmethod(make_unit_loop(bounded))
    needs_noise_std: ClassVar[bool] = True
    facts: ClassVar[Facts] = Facts(unit_work=UnitWork(1, divisions=1), divider="p/(σ + |p|) is a division")

    def numbers(self, scales: Scales) -> NoiseNumbers:
        return NoiseNumbers(scales.t(scales.noise_std))


class MomentumStep(NamedTuple):
    """rate : η;  decay : μ"""

    rate: float
    decay: float

    @staticmethod
    def step(params, state, gradient, correction):
        state = params.decay * state + gradient
        return state, params.rate * state


class Momentum(Step):
    """v ← μ v + g;   Δw = η v."""

    kind: Literal["momentum"] = "momentum"
    decay: float = 0.9

    def formula(self, learning_rate: float) -> MomentumStep:
        return MomentumStep(learning_rate, self.decay)

    def fits(self, rule) -> SpecError | None:
        return (
            SpecError("credit", "a rule with momentum", "instant", rule.credit.kind) if rule.credit.discount else None
        )


class Wider(PerturbationRule):
    """The union of the contract, with one line more in two axes."""

    normaliser: Annotated[NoiseStd | NoiseVariance | Bounded, KIND] = Bounded()
    step: Annotated[Plain | RMS | Clipped | Momentum, KIND] = Momentum()


# ----------------------------------------------------------------------------------------------------------------------


def simulate(rule, schedule, sequence, dtype="float64"):
    T, B = sequence.mask.shape
    return Simulation(
        PLAIN, rule, weights(PLAIN), schedule=schedule, batch=B, steps=T, total_steps=T, dtype=dtype, seed=3
    )


@pytest.mark.parametrize("schedule", ["online", *slow("episode")])
def test_it_trains(schedule):
    """Step by step against the two equations in NumPy, for W_out: its presynaptic activity does not depend on the weights."""
    sequence = trials(5, 2, gaps=False)
    sigma, eta, mu = 0.1, 0.01, 0.8
    rule = Wider(noise_std=sigma, learning_rate=eta, step=Momentum(decay=mu), batch_divisor="sum")
    sim = simulate(rule, schedule, sequence)
    data, n_out = sim.prepare(sequence), sequence.targets.shape[2]
    before, state, summed = sim.weights().W_out, np.zeros((n_out, SIZE)), np.zeros((n_out, SIZE))
    after = before.copy()
    for t in range(5):
        assert sim.gather(data, t, t + 1) == t + 1
        noise, x = sim.run.act.xi_y[:, :n_out], sim.run.act.xh[:2, :SIZE]
        factor = noise / (sigma + np.abs(noise))
        np.testing.assert_array_equal(sim.run.signal.post_y[:, :n_out], factor)
        gradient = np.einsum("b,bi,bj->ij", -sim.run.signal.dL, factor, x)
        summed += gradient
        if schedule == "online":
            state = mu * state + gradient
            after = after + eta * state
    sim.finish()
    if schedule == "episode":
        after = before + eta * summed
    np.testing.assert_allclose(sim.weights().W_out, after, rtol=0, atol=1e-14)
    assert np.abs(after - before).max() > 1e-4


def test_its_facts_are_read():
    facts = facts_of(Wider())
    assert facts.dividers == ("p/(σ + |p|) is a division",)
    assert facts.unit_work == UnitWork(2, divisions=1)  # and the scaling of the noise
    assert choices("normaliser", Wider) == (NoiseStd, NoiseVariance, Bounded)


def test_it_is_audited():
    """The page, the permutation test on the compiled kernels, costs and engines; see also tests/neuroperturb/analysis."""
    found = audit(Wider())
    assert found.passed and found.is_local
    assert found.expressions["state ←"] == "decay·state + gradient"
    online = found.costs[0]
    assert online.state_synapse == 1 and online.state_neuron == 1  # v; the activity of the other pass
    assert online.neuron.multiply_adds == 2 and online.neuron.others == {"divide": 1}
    assert "p/(σ + |p|) is a division" in found.engines[0].reasons


def test_it_refuses_what_it_does_not_fit():
    with pytest.raises(SpecError, match="The 'credit' parameter of a rule with momentum must be instant"):
        Wider.parse({"credit": {"kind": "trace"}})
    with pytest.raises(SpecError, match="the σ of the array's own noise is unknown"):
        Wider.parse({"probe": {"kind": "array"}})


def test_it_is_a_table():
    rule = Wider.parse({"step": {"kind": "momentum", "decay": 0.5}})
    assert rule.step == Momentum(decay=0.5)
    assert Wider.parse(rule.table()) == rule


def test_numbers_compile_nothing():
    """Rules that differ in numbers alone have one structure, and so one pair of compiled loops."""
    made = [
        compile_rule(rule, "online", "float32", (SIZE, N_IN, 3))
        for rule in (Wider(), Wider(noise_std=0.2, learning_rate=0.5, step=Momentum(decay=0.1)), Wider(step=RMS()))
    ]
    assert made[0].structure == made[1].structure and hash(made[0].structure) == hash(made[1].structure)
    assert made[0].rows == made[1].rows
    assert (
        made[0].structure == made[2].structure and made[0].rows != made[2].rows
    )  # another step is other code of rows alone
    assert made[0].numbers.normaliser.sigma == np.float32(1e-3) and made[1].numbers.normaliser.sigma == np.float32(0.2)
