"""Audit of forward-mode gradients: rtrl, rflo and eprop, whose formulas are those of :mod:`neuroperturb.baselines`.

    e_ji ← … e_ji + α f'(a_i) q_j        s_i = Σ_k (y_k − y*_k) F_ki        Δw_ji = −η s_i e_ji

Every unit receives one error per output and weights them by its own feedback F: with a fixed random F, nothing else is needed from
elsewhere; with the readout's weights, every unit would have to know weights that are not its own. The test behind it runs the method
itself over recorded steps, and changes one thing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroperturb.analysis.audit.engines import Engine
from neuroperturb.analysis.audit.feasibility import Fit, unmet, unstored
from neuroperturb.analysis.audit.permutation import Finding
from neuroperturb.analysis.audit.quantities import ERRORS, FAR, OWN, POST, PRE, SCALAR, Quantity
from neuroperturb.baselines.eligibility import Passage
from neuroperturb.baselines.eprop import Eprop
from neuroperturb.baselines.forward import Weights
from neuroperturb.baselines.rflo import Rflo
from neuroperturb.baselines.rtrl import Rtrl

STEPS, TRIALS, SIZE, INPUTS, OUTPUTS, LEAK = 5, 2, 5, 3, 2, 0.6
FROM, TO = INPUTS + 1, 3  # the tested synapse of W_rec, among those of W_in and W_rec

SIGNAL = "s_i = Σ_k (y_k − y*_k) F_ki"
READOUT = Quantity(
    "W_outᵀ", FAR, SIGNAL, "feedback = 'random', drawn once and fixed; or one broadcast scalar and a perturbation"
)
FEEDBACK = Quantity("F_ki, drawn once", POST, SIGNAL)


def quantities(rule: Rtrl | Rflo | Eprop) -> tuple[Quantity, ...]:
    """The quantities used by a method."""
    step = f"the step, {rule.optimiser.kind}"
    return (
        Quantity("q_j: û_j, x̂_j(t−1)", PRE, "α f'(a_i) q_j"),
        Quantity("α f'(a_i)", POST, "α f'(a_i) q_j"),
        ERRORS,
        READOUT if rule.own_feedback else FEEDBACK,
        *rule.quantities,
        *(Quantity(f"{name} of the gradient", OWN, step) for name in rule.optimiser.moments),
        *[Quantity("1 − βᵏ, k updates", SCALAR, step)] * rule.optimiser.aged,
    )


def fit(rule: Rtrl | Rflo | Eprop, engine: Engine) -> Fit:
    """Whether an engine could run it: non-local quantities, state of a synapse, and divisions of its optimiser."""
    reasons = [*unmet(quantities(rule), engine), *unstored([rule.keeps, *rule.optimiser.moments], engine)]
    if rule.optimiser.divides and "divide" not in engine.operations and not engine.rank_one:
        reasons.append(
            f"the step of {rule.optimiser.kind} divides by a square root, which a synapse of this engine cannot do; instead, sgd"
        )
    notes = (f"{engine.weight_bits}-bit weights",) if engine.weight_bits else ()
    return Fit(engine, not reasons, tuple(reasons), notes)


# ----------------------------------------------------------------------------------------------------------------------
# The test


class _RecordedSteps(NamedTuple):
    """Recorded steps, errors at outputs, and the readout."""

    pre: np.ndarray  # (T, B, m + n)
    slope: np.ndarray  # (T, B, n)
    back: np.ndarray  # (n, n)
    errors: np.ndarray  # (T, B, n_out)
    w_out: np.ndarray  # (n, n_out)


def _recorded_steps(seed: int) -> _RecordedSteps:
    rng = np.random.default_rng(seed)
    shapes = (
        (STEPS, TRIALS, INPUTS + SIZE),
        (STEPS, TRIALS, SIZE),
        (SIZE, SIZE),
        (STEPS, TRIALS, OUTPUTS),
        (SIZE, OUTPUTS),
    )
    return _RecordedSteps(*(rng.uniform(0.1, 1, shape) for shape in shapes))


def _gradient(rule, case: _RecordedSteps) -> bytes:
    """Σ_t ∂L_t/∂w of the tested synapse, as bytes."""
    none = np.zeros((INPUTS, SIZE))
    fixed = rule.fixed_feedback(Weights(none, case.back, case.w_out, np.eye(INPUTS), np.eye(SIZE)), 0)
    feedback = case.w_out.T if fixed is None else fixed
    trace, total = rule.zeros(TRIALS, INPUTS + SIZE, SIZE, np.float64), 0.0
    for pre, slope, error in zip(case.pre, case.slope, case.errors, strict=True):
        rule.advance(trace, Passage(pre, slope, 1 - LEAK, case.back))
        total += rule.credit(trace, error @ feedback)[FROM, TO]
    return np.float64(total).tobytes()


def _but_own(old: np.ndarray, new: np.ndarray, *own) -> np.ndarray:
    """New numbers everywhere except at the tested synapse."""
    new = new.copy()
    new[own] = old[own]
    return new


ALTERATIONS = {
    "weights of other units' synapses": lambda a, b: a._replace(back=_but_own(a.back, b.back, TO, TO)),
    "activity of other units": lambda a, b: a._replace(slope=_but_own(a.slope, b.slope, ..., TO)),
    "W_outᵀ": lambda a, b: a._replace(w_out=b.w_out),
    "other inputs": lambda a, b: a._replace(pre=_but_own(a.pre, b.pre, ..., FROM)),
    "errors at the outputs": lambda a, b: a._replace(errors=b.errors),
}


def findings(rule: Rtrl | Rflo | Eprop, seed: int = 0) -> tuple[Finding, ...]:
    """Dependencies of the gradient of one recurrent synapse."""
    case, other = _recorded_steps(seed), _recorded_steps(seed + 1)
    before = _gradient(rule, case)
    return tuple(
        Finding("W_rec", name, "others", _gradient(rule, alter(case, other)) != before)
        for name, alter in ALTERATIONS.items()
    )


def expected(quantity: str, rule: Rtrl | Rflo | Eprop) -> str:
    """Why a gradient should depend on it; "" if it should not."""
    if quantity == "errors at the outputs":
        return "broadcast"
    if quantity == "W_outᵀ":
        return "non-local" if rule.own_feedback else ""
    return "" if rule.local or quantity == "other inputs" else "non-local"
