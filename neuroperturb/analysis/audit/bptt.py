"""Audit of backpropagation through time: what each synapse would need, from where, and from when.

    g_a(t) = α (1 − tanh²(a_t)) ([g_y(t) W_outᵀ + g_a(t+1) W_recᵀ] D_recᵀ + …)       ∂W_rec = Σ_t x̂_{t−1}ᵀ g_a(t)

The test behind it keeps a recorded forward pass fixed and changes one thing: other synapses' weights, later losses, activity of
earlier steps. It runs :func:`neuroperturb.baselines.bptt.differentiate` itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroperturb.analysis.audit.permutation import Finding
from neuroperturb.analysis.audit.quantities import ERRORS, FAR, OWN, POST, PRE, Quantity
from neuroperturb.baselines.bptt import Passed, differentiate
from neuroperturb.baselines.forward import Weights
from neuroperturb.tasks.contract import Sequence

STEPS, TRIALS, SIZE, INPUTS, OUTPUTS = 6, 2, 5, 3, 2
FROM, TO, T = 1, 3, 2  # the synapse under test, and the first step whose loss counts as later


def quantities(window: int | None) -> tuple[Quantity, ...]:
    """The quantities used by BPTT, or BPTT(k)."""
    history = "of all steps" if window is None else f"of {window} steps"
    rows = [
        Quantity("x̂_j(t−1)", PRE, "∂W_rec = Σ_t x̂_{t−1}ᵀ g_a(t)"),
        Quantity("1 − tanh²(a_i)", POST, "g_a = α(1 − tanh²(a)) g_x"),
        Quantity(
            "W_outᵀ",
            FAR,
            "g_x ∋ g_y W_outᵀ",
            "a fixed random feedback (RFLO, e-prop); or one broadcast scalar and a perturbation",
        ),
        ERRORS,
    ]
    if window != 1:
        rows += [
            Quantity(
                "W_recᵀ",
                FAR,
                "g_x ∋ g_a(t+1) W_recᵀ",
                "a perturbation, which the network itself propagates forward (np-trace)",
            ),
            Quantity(
                "future losses, g_a(t+1)",
                FAR,
                "g_x ∋ g_a(t+1) W_recᵀ",
                "a causal trace: e ← λ e + p_i x̂_j (np-trace)",
            ),
            Quantity(f"stored history {history}", FAR, "Σ_t, run backwards", "a causal trace, one number per synapse"),
        ]
    return (*rows, Quantity("Σ_t ∂w_ij", OWN, "accumulated over the sequence"))


def findings(window: int | None, seed: int = 0) -> tuple[Finding, ...]:
    """Dependencies of the gradient of one recurrent synapse, for a fixed forward pass."""
    before = _gradient(_recorded_pass(seed), window)
    return tuple(
        Finding(
            "W_rec",
            quantity,
            "others",
            _gradient(alter(_recorded_pass(seed), _recorded_pass(seed + 1)), window) != before,
        )
        for quantity, alter in ALTERATIONS.items()
    )


class _RecordedPass(NamedTuple):
    """Weights, a recorded pass and its targets."""

    weights: Weights
    passed: Passed
    targets: np.ndarray


def _recorded_pass(seed: int) -> _RecordedPass:
    """Random numbers of the right shapes; the tested synapse's input is 0 from step T on, so that its gradient comes from earlier steps."""
    rng = np.random.default_rng(seed)
    draw = lambda *shape: rng.normal(size=shape) * 0.5  # noqa: E731
    weights = Weights(draw(INPUTS, SIZE), draw(SIZE, SIZE), draw(SIZE, OUTPUTS), np.eye(INPUTS), np.eye(SIZE))
    xhat = draw(STEPS, TRIALS, SIZE)
    xhat[T:, :, FROM] = 0
    u, f, y = draw(STEPS, TRIALS, INPUTS), np.tanh(draw(STEPS, TRIALS, SIZE)), draw(STEPS, TRIALS, OUTPUTS)
    return _RecordedPass(weights, Passed(u, 1 - f * f, xhat, y, np.zeros((TRIALS, SIZE))), draw(STEPS, TRIALS, OUTPUTS))


def _other_weights(case: _RecordedPass, new: _RecordedPass) -> _RecordedPass:
    w_rec = new.weights.w_rec.copy()
    w_rec[FROM, TO] = case.weights.w_rec[FROM, TO]
    return case._replace(weights=case.weights._replace(w_rec=w_rec))


def _readout(case: _RecordedPass, new: _RecordedPass) -> _RecordedPass:
    return case._replace(weights=case.weights._replace(w_out=new.weights.w_out))


def _later_losses(case: _RecordedPass, new: _RecordedPass) -> _RecordedPass:
    """Change the losses after step T, the last at which the synapse's input affected its unit."""
    targets = np.concatenate([case.targets[: T + 1], new.targets[T + 1 :]])
    return case._replace(targets=targets)


def _other_units(case: _RecordedPass, new: _RecordedPass) -> _RecordedPass:
    slope = new.passed.slope.copy()
    slope[..., TO] = case.passed.slope[..., TO]
    return case._replace(passed=case.passed._replace(slope=slope))


ALTERATIONS = {
    "W_recᵀ": _other_weights,
    "W_outᵀ": _readout,
    "future losses": _later_losses,
    "activity of other units": _other_units,
}


def _gradient(case: _RecordedPass, window: int | None) -> bytes:
    """∂L/∂w of the tested synapse, as bytes."""
    sequence = Sequence(case.passed.u, case.targets, np.ones((STEPS, TRIALS), bool), np.arange(STEPS) == 0)
    _, gradients = differentiate(case.weights, case.passed, sequence, loss="mse", window=window, leak=1.0)
    return gradients.w_rec[FROM, TO].tobytes()


def expected(quantity: str, window: int | None) -> bool:
    """Whether an exact gradient should depend on it: BPTT(1) needs the readout only."""
    return window != 1 or quantity == "W_outᵀ"
