"""A new value of an axis, written here: audit, diagnosis, alignment and Brian2 read what it says of itself, and none of them knows it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
import pytest

import hardware_models as hw
from hardware_models.numerics.compiled import kernel
from neuroperturb import Chip, audit
from neuroperturb.analysis.alignment.estimate import Setting, measure
from neuroperturb.analysis.diagnosis.diagnosis import diagnose
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.rules import RMS, ActivityDifference, LayerNorm, NoiseVariance, PerturbationRule, Plain
from neuroperturb.rules.axes.normaliser import Normaliser
from neuroperturb.rules.axes.step import Step
from neuroperturb.rules.contract import KIND
from neuroperturb.rules.facts import LAYER, BrianText, Facts, Quantity, UnitWork
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.spec import SpecError
from neuroperturb.spiking import brian_equations as equations
from neuroperturb.tasks.contract import Sequence

pytestmark = pytest.mark.kernels


@kernel
def over_largest(p, a, n, params, shared, variance, post):
    for b in range(p.shape[0]):
        largest = type(p[0, 0])(0)
        for i in range(n):
            largest = max(largest, abs(p[b, i]))
        for i in range(n):
            post[b, i] = p[b, i] / largest if largest > 0 else largest
    return 0


class Largest(Normaliser):
    """p/max_k |p_k|: the largest perturbation of the layer is the unit."""

    kind: Literal["largest"] = "largest"
    kernel: ClassVar[object] = staticmethod(over_largest)
    facts: ClassVar[Facts] = Facts(
        quantities=(Quantity("max_k |p_k|", LAYER, "post = p_i/max_k |p_k|", "noise_std: a constant"),),
        unit_work=UnitWork(0, divisions=1),
        divider="p_i/max_k |p_k| is a division at the neuron",
    )


class SignStep(NamedTuple):
    """rate : η"""

    rate: float
    symbols = (("rate", "η"),)

    @staticmethod
    def step(params, state, gradient, correction):
        return state, params.rate * np.sign(gradient)


class Sign(Step):
    """Δw = −η sign(g)."""

    kind: Literal["sign"] = "sign"
    facts: ClassVar[Facts] = Facts(brian=BrianText("dw = eta_post*sign(estimate)"))

    def formula(self, learning_rate: float) -> SignStep:
        return SignStep(learning_rate)


class Extended(PerturbationRule):
    """What two more lines in the unions of the contract make of it."""

    normaliser: Annotated[NoiseVariance | LayerNorm | Largest, KIND] = Largest()
    step: Annotated[Plain | RMS | Sign, KIND] = Sign()


RULE = Extended(label="extended", probe=ActivityDifference(), noise_std=0.05, learning_rate=0.01)
NETWORK = RNN(size=4, bias=True)


def trials(steps=4, batch=2):
    rng = np.random.default_rng(1)
    return Sequence(
        rng.normal(size=(steps, batch, 2)), rng.normal(size=(steps, batch, 2)), np.ones((steps, batch), bool), np.arange(steps) == 0
    )  # fmt: skip


def test_it_is_audited():
    found = audit(RULE)
    assert found.passed and not found.is_local
    assert "max_k |p_k|, a layer reduction" in found.verdict
    assert found.expressions["change ="] == "η·sign(gradient)"
    assert {check.what: (check.seen, check.because) for check in found.checks}["unit: perturbation of other units"] == (
        True,
        "layer reduction",
    )
    online = found.costs[0]
    assert online.neuron.others == {"divide": 1} and online.state_neuron == 1  # the activity of the other pass
    loihi = found.engines[0]
    assert "p_i/max_k |p_k| is a division at the neuron" in loihi.reasons
    assert any(reason.endswith("instead, noise_std: a constant") for reason in loihi.reasons)


@pytest.mark.slow
def test_it_learns_and_is_diagnosed():
    initial = initial_weights(NETWORK, 2, 2, 0)
    chip = Chip(cells=hw.Digital(bits=8))
    simulation = Simulation(NETWORK, RULE, initial, batch=2, steps=4, total_steps=40, dtype="float64", hardware=chip)
    found = diagnose(simulation, [trials()])
    assert 0 < found.perturbation.hidden.credited <= 1 and np.isfinite(found.wander)
    before = simulation.weights().W_rec
    simulation.present_all(trials())
    assert np.any(simulation.weights().W_rec != before)


def test_its_update_is_compared_with_the_gradient():
    initial = initial_weights(NETWORK, 2, 2, 0)
    rows = measure(RULE, Setting(NETWORK, initial, trials(batch=1)), samples=40)
    assert all(np.isfinite(row["cosine"]) for row in rows)


def test_brian2_writes_what_it_has_text_of_and_refuses_the_rest():
    written = RULE.replace(normaliser=NoiseVariance())
    equations.check(written)
    text = equations.text(written, equations.RATE_NAMES, online=True)
    assert "dw = eta_post*sign(estimate)" in text.learn and "factor = p/sigma**2" in text.unit_receive
    with pytest.raises(SpecError, match=r"'rule\.normaliser' parameter must be 'noise_std' .* Got 'largest' instead"):
        equations.check(RULE)
