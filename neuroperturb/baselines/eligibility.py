"""Forward-mode gradients, in traces that are updated at every step.

    q_t = (û_t, x̂_{t−1})                 presynaptic activity of a unit's synapses, m + n numbers
    E_t = advance(E_{t−1}; q_t, α f'(a_t))     the trace of the method: rtrl, rflo, eprop
    s_t = ∂L_t/∂y_t F                     the learning signal of each unit;  F = (D_rec W_out)ᵀ is that of the readout
    ∂L_t/∂(W_in, W_rec) ≈ credit(E_t, s_t)         ∂L_t/∂W_out = x̂_tᵀ ∂L_t/∂y_t, which is exact

No step needs earlier activity, so an update can be made at every step. Rows are trials; matrices are presynaptic-major.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from neuroperturb.baselines.bptt import Gradients, loss_step
from neuroperturb.baselines.forward import Leaks, State, Weights, is_decorrelated, leak_pair, prepare, presented
from neuroperturb.network.activation import TANH, Activation, make_apply
from neuroperturb.rules.facts import Quantity
from neuroperturb.tasks.contract import Loss, Sequence


class Passage(NamedTuple):
    """Signals of one step for a trace: pre (B, m + n) is q;  slope (B, n) is α f'(a);  keep (n,) is 1 − α;
    back (n, n) is D_rec W_rec, through which a state reaches the next pre-activation.
    """

    pre: np.ndarray
    slope: np.ndarray
    keep: np.ndarray
    back: np.ndarray


class Method(Protocol):
    """Initialisation and update of a trace, and the gradient from it; see `rtrl`, `rflo`, `eprop`.

    keeps : state of a synapse, as text;  quantities : used by its trace, and how far each travels;  local : whether they are available
    at the synapse's own unit;  own_feedback : whether the error is fed back through the weights of the readout
    """

    keeps: str
    quantities: tuple[Quantity, ...]
    local: bool

    @property
    def own_feedback(self) -> bool: ...

    def zeros(self, batch: int, sources: int, units: int, dtype) -> np.ndarray:
        """The trace after a reset; `sources` is m + n."""

    def advance(self, trace: np.ndarray, passage: Passage) -> None:
        """One step, in place."""

    def credit(self, trace: np.ndarray, signal: np.ndarray) -> np.ndarray:
        """∂L_t with respect to W_in over W_rec, (m + n, n), from the learning signal (B, n)."""

    def fixed_feedback(self, weights: Weights, seed: int) -> np.ndarray | None:
        """F (n_out, n) if it is fixed; None for the present readout weights."""


class Walk:
    """A network at a position in a sequence, with the trace of a method; its weights may change between two steps.

    Parameters
    ----------
    method : Method
    weights : Weights, read again at every step
    state : State to start from, changed in place
    loss : "mse" or "cross_entropy"
    leak : float in (0, 1], α, or one for every unit, (n,)
    activation : f, which must have a derivative
    feedback : F, (n_out, n), or None for that of the readout
    """

    def __init__(
        self, method: Method, weights: Weights, state: State, *, loss: Loss, leak: Leaks, activation: Activation = TANH,
        feedback: np.ndarray | None = None,
    ):  # fmt: skip
        self.method, self.weights, self.state, self.fixed = method, weights, state, feedback
        self.cross_entropy = loss == "cross_entropy"
        activation.require_derivative()
        self.alpha, self.keep = leak_pair(leak, state.x.dtype, state.x.shape[1])
        self._apply = make_apply(activation.curve())
        self.decorrelated = is_decorrelated(weights)
        m, n = weights.w_in.shape
        self.trace = method.zeros(len(state.x), m + n, n, state.x.dtype)

    def step(
        self, u: np.ndarray, target: np.ndarray, scored: np.ndarray, reset: bool
    ) -> tuple[float, Gradients, np.ndarray]:
        """Summed loss of the scored trials, ∂L_t, and the outputs; u (B, m) is û, including the bias input."""
        x, xhat = self.state
        if reset:
            for part in (x, xhat, self.trace):
                part.fill(0)
        pre = np.concatenate([u, xhat], axis=1)
        a = u @ self.weights.w_in + xhat @ self.weights.w_rec
        f, slope = np.empty_like(a), np.empty_like(a)
        self._apply(a, self.alpha, f, slope)
        x[:] = self.keep * x + self.alpha * f
        xhat[:] = self._through_d(x)
        y = xhat @ self.weights.w_out
        error = np.empty_like(y)
        loss = loss_step(y, target, scored, self.cross_entropy, error)
        self.method.advance(self.trace, Passage(pre, slope, self.keep, self._before_d(self.weights.w_rec)))
        return loss, self._gradients(error), y

    def _gradients(self, error) -> Gradients:
        F = self._before_d(self.weights.w_out).T if self.fixed is None else self.fixed
        both = self.method.credit(self.trace, error @ F)
        m = len(self.weights.w_in)
        return Gradients(both[:m], both[m:], self.state.xhat.T @ error)

    def _through_d(self, x):
        return x @ self.weights.d_rec if self.decorrelated else x

    def _before_d(self, w):
        return self.weights.d_rec @ w if self.decorrelated else w


def forward_gradient(
    method: Method,
    weights: Weights,
    sequence: Sequence,
    *,
    loss: Loss,
    leak: Leaks = 1.0,
    bias: bool = False,
    state: State | None = None,
    activation: Activation = TANH,
    seed: int = 0,
) -> tuple[float, Gradients, np.ndarray, State]:
    """A method's approximation of the gradient of Σ_t L_t, at fixed weights; as :func:`neuroperturb.baselines.gradient`.

    Parameters
    ----------
    method : Rtrl, Rflo, Eprop, or anything that implements :class:`Method`
    weights, sequence, loss, leak, bias, state, activation : as there
    seed : of a random feedback matrix

    Returns
    -------
    loss : float, mean over the scored (step, trial) pairs; 0 if none is scored
    gradients : Gradients
    outputs : ndarray, shape (T, B, n_out)
    state : State after the last step
    """
    weights, before = prepare(weights, sequence, bias, state)
    state = State(*(part.copy() for part in before))
    feedback = method.fixed_feedback(weights, seed)
    walk = Walk(method, weights, state, loss=loss, leak=leak, activation=activation, feedback=feedback)
    total, sums, outputs = 0.0, Gradients(*(np.zeros_like(w) for w in weights[:3])), []
    with np.errstate(over="ignore", invalid="ignore"):
        for step in steps(weights, sequence, bias):
            part, gradients, y = walk.step(*step)
            total += part
            outputs.append(y)
            for whole, piece in zip(sums, gradients, strict=True):
                whole += piece
    outputs = np.stack(outputs) if outputs else np.empty((0, *sequence.targets.shape[1:]), weights.w_out.dtype)
    return total / max(int(sequence.mask.sum()), 1), sums, outputs, state


def steps(weights: Weights, sequence: Sequence, bias: bool):
    """(û_t, y*_t, scored, reset) of every step, in the dtype of the weights."""
    u = np.ascontiguousarray(presented(weights, sequence.inputs, bias))
    targets = np.ascontiguousarray(sequence.targets, u.dtype)
    yield from zip(u, targets, np.ascontiguousarray(sequence.mask), sequence.reset, strict=True)
