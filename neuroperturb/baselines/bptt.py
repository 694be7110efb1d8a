"""Exact gradients through time, the quantity that perturbation rules estimate.

True backpropagation through time, of the network in :mod:`neuroperturb.baselines.forward`, with g = ∂ΣL/∂(·):

    g_y(t) = ∂L_t/∂y_t             mse: 2 (y − y*) / (n_out B);   cross-entropy: (softmax(y) − y*) / B
    g_x(t) = [g_y(t) W_outᵀ + g_a(t+1) W_recᵀ] D_recᵀ + (1 − α) g_x(t+1)
    g_a(t) = α f'(a_t) g_x(t)                             tanh: f' = 1 − tanh²(a)
    ∂W_in = Σ û_tᵀ g_a(t)     ∂W_rec = Σ x̂_{t−1}ᵀ g_a(t)     ∂W_out = Σ x̂_tᵀ g_y(t)

Three forms, which are not the same thing:

* ``window=None``: true BPTT.
* ``window=k``: BPTT(k), each L_t differentiated through a_t … a_{t−k+1} and no further; k = 1 is the one-step gradient
  that published comparisons call "BP"; k ≥ T is true BPTT.
* :func:`chunked_gradient`: the series is cut every `chunk` steps; the state crosses a cut, the gradient does not, so a
  loss just after a cut is differentiated through one step and a loss just before the next through `chunk`.

Matrices are presynaptic-major, ``w[j, i]`` from j to i.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hardware_models.numerics.compiled import kernel
from neuroperturb.baselines.forward import (
    Leaks,
    State,
    Weights,
    is_decorrelated,
    leak_pair,
    pieces,
    prepare,
    product,
    trajectory,
)
from neuroperturb.network.activation import TANH, Activation
from neuroperturb.network.scalar_losses import ScalarLoss
from neuroperturb.spec import SpecError
from neuroperturb.tasks.contract import Loss, Sequence


class Gradients(NamedTuple):
    """One array per trained matrix, of the same shape: w_in (m, n), w_rec (n, n), w_out (n, n_out)."""

    w_in: np.ndarray
    w_rec: np.ndarray
    w_out: np.ndarray


def gradient(
    weights: Weights,
    sequence: Sequence,
    *,
    loss: Loss | ScalarLoss,
    window: int | None = None,
    leak: Leaks = 1.0,
    bias: bool = False,
    state: State | None = None,
    activation: Activation = TANH,
) -> tuple[float, Gradients, np.ndarray, State]:
    """Gradient of Σ_t L_t (sum over steps, mean over the batch; masked steps count 0), at fixed weights.

    Memory is 2 T B n numbers; BPTT(k) does k times the recurrent products of true BPTT, k of them as one of (k B, n).

    Parameters
    ----------
    weights : Weights; their dtype is used throughout
    sequence : Sequence
    loss : "mse" (mean over outputs), "cross_entropy" (−Σ y* log softmax(y)), or a scalar one with a derivative
    window : int or None, number of steps that each loss is differentiated through; None for all
    leak : float in (0, 1], α, or one for every unit, (n,)
    bias : bool, whether a constant 1 is appended to û
    state : State before the first step, or None (zeros); it is not differentiated
    activation : Activation, f, which must have a derivative

    Returns
    -------
    loss : float, mean over the scored (step, trial) pairs; 0 if none is scored
    gradients : Gradients
    outputs : ndarray, shape (T, B, n_out)
    state : State after the last step
    """
    if window is not None and window < 1:
        raise SpecError("window", "gradient", "at least 1, or None", window)
    activation.require_derivative()
    passed, after = forward_pass(weights, sequence, leak=leak, bias=bias, state=state, activation=activation)
    return *differentiate(weights, passed, sequence, loss=loss, window=window, leak=leak), passed.outputs, after


class Passed(NamedTuple):
    """Activity of a forward pass for the backward pass: û (T, B, m), α f'(a) and x̂ (T, B, n), y (T, B, n_out), x̂ (B, n) before it."""

    u: np.ndarray
    slope: np.ndarray
    xhat: np.ndarray
    outputs: np.ndarray
    before: np.ndarray


def forward_pass(
    weights: Weights, sequence: Sequence, *, leak: Leaks, bias: bool, state: State | None, activation: Activation
) -> tuple[Passed, State]:
    """What :func:`differentiate` needs of a sequence, and the state after it."""
    weights, before = prepare(weights, sequence, bias, state)
    with np.errstate(over="ignore", invalid="ignore"):  # a diverging run has a non-finite loss
        u, slope, xhat, after = trajectory(weights, sequence, leak, bias, before, activation)
        return Passed(u, slope, xhat, xhat @ weights.w_out, before.xhat), after


def differentiate(
    weights: Weights, passed: Passed, sequence: Sequence, *, loss: Loss | ScalarLoss, window: int | None, leak: Leaks
) -> tuple[float, Gradients]:
    """Mean loss and gradient of a given forward pass; `weights` are those of the backward pass. Its slope is overwritten."""
    with np.errstate(over="ignore", invalid="ignore"):
        total, errors = losses(passed.outputs, sequence, loss)
        _to_gradient(passed.slope, errors, sequence.reset, weights, window, leak)
        return total, collect(passed.u, passed.before, passed.xhat, passed.slope, errors, sequence.reset)


def chunked_gradient(
    weights: Weights,
    sequence: Sequence,
    *,
    chunk: int,
    loss: Loss | ScalarLoss,
    leak: Leaks = 1.0,
    bias: bool = False,
    state: State | None = None,
    activation: Activation = TANH,
) -> tuple[float, Gradients, np.ndarray, State]:
    """Like :func:`gradient`, cut every `chunk` steps: the state is carried over a cut, the gradient is not."""
    if chunk < 1:
        raise SpecError("chunk", "chunked_gradient", "at least 1", chunk)
    total, scored, outputs, sums = 0.0, 0, [], None
    for _, piece in pieces(sequence, chunk):
        part, gradients, y, state = gradient(
            weights, piece, loss=loss, leak=leak, bias=bias, state=state, activation=activation
        )
        count = int(piece.mask.sum())
        total, scored = total + part * count, scored + count
        sums = gradients if sums is None else Gradients(*(a + b for a, b in zip(sums, gradients, strict=True)))
        outputs.append(y)
    return total / max(scored, 1), sums, np.concatenate(outputs), state


def losses(outputs: np.ndarray, sequence: Sequence, loss: Loss | ScalarLoss) -> tuple[float, np.ndarray]:
    """Mean loss over scored (step, trial) pairs, and ∂(Σ_t L_t)/∂y, shape (T, B, n_out)."""
    errors = np.empty_like(outputs)
    targets = np.ascontiguousarray(sequence.targets, outputs.dtype)
    mask = np.ascontiguousarray(sequence.mask)
    if isinstance(loss, str):
        total = _loss_steps(outputs, targets, mask, loss == "cross_entropy", errors)
    else:
        total = loss.differentiated(outputs, targets, mask, errors)
    return total / max(int(sequence.mask.sum()), 1), errors


@kernel(allocates=True)
def loss_step(y, target, scored, cross_entropy, error):
    """Sum of the scored trials' losses at one step; error (B, n_out) becomes ∂L/∂y, zero for the others."""
    total = 0.0
    for b in range(y.shape[0]):
        if not scored[b]:
            error[b].fill(0)  # its target may be anything, NaN included
        elif cross_entropy:
            total += _cross_entropy(y[b], target[b], error[b], y.shape[0])
        else:
            total += _squared(y[b], target[b], error[b], y.shape[0])
    return total


@kernel(allocates=True)
def _squared(y, target, error, batch_size):
    total = 0.0
    for i in range(len(y)):
        difference = y[i] - target[i]
        total += difference * difference / len(y)
        error[i] = 2 * difference / (len(y) * batch_size)
    return total


@kernel(allocates=True)
def _cross_entropy(y, target, error, batch_size):
    largest = y[0]
    for i in range(1, len(y)):
        largest = max(largest, y[i])
    partition, mass, total = 0.0, 0.0, 0.0
    for i in range(len(y)):
        partition += np.exp(y[i] - largest)  # softmax is unchanged and exp cannot overflow
        mass += target[i]
    for i in range(len(y)):
        total += target[i] * (np.log(partition) - (y[i] - largest))
        error[i] = (mass / partition * np.exp(y[i] - largest) - target[i]) / batch_size
    return total


@kernel(allocates=True)
def _loss_steps(outputs, targets, mask, cross_entropy, errors):
    total = 0.0
    for t in range(outputs.shape[0]):
        total += loss_step(outputs[t], targets[t], mask[t], cross_entropy, errors[t])
    return total


def _to_gradient(slope, errors, reset, weights, window, leak):
    """Turn α f'(a) into ∂ΣL/∂a, in place."""
    decorrelated = is_decorrelated(weights)
    back_rec = weights.d_rec @ weights.w_rec if decorrelated else weights.w_rec
    back_out = weights.d_rec @ weights.w_out if decorrelated else weights.w_out
    lags = 0 if window is None or window >= len(slope) else int(window)
    _, keep = leak_pair(leak, slope.dtype, slope.shape[2])
    reset = np.ascontiguousarray(reset)
    back_rec, back_out = np.ascontiguousarray(back_rec.T), np.ascontiguousarray(back_out.T)
    _backward(slope, errors, reset, back_rec, back_out, keep=keep, lags=lags)


@kernel(allocates=True)
def _backward(slope, errors, reset, back_rec, back_out, keep, lags):
    """Backward recursion: lags = 0 propagates one sum of all later losses, lags = k a slot for each of the k nearest ones.

    A loss enters its slot at its own step and is overwritten k steps further back: that is the window.
    slope (T, B, n), α f'(a), becomes g_a, in place; back_rec (n, n) and back_out (n_out, n) are (D W)ᵀ; a slot is B rows of g_x, g_a.
    """
    steps, batch_size, n = slope.shape
    slots = max(lags, 1)
    g_x = np.zeros((slots * batch_size, n), slope.dtype)
    g_a = np.zeros_like(g_x)
    carried = np.zeros_like(g_x)
    direct = np.empty((batch_size, n), slope.dtype)
    for t in range(steps - 1, -1, -1):
        if lags != 1:
            product(g_a, back_rec, carried)
            add_scaled(carried, keep, g_x)
        product(errors[t], back_out, direct)
        _enter(direct, t % slots, lags == 0, g_x)
        through_units(slope[t], g_x, g_a)
        if reset[t]:  # no earlier step affected it
            g_x.fill(0)
            g_a.fill(0)


@kernel(allocates=True)
def add_scaled(a, keep, out):
    """out = a + keep · out; keep (n,)."""
    for b in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[b, i] = a[b, i] + keep[i] * out[b, i]


@kernel(allocates=True)
def _enter(direct, slot, adding, g_x):
    """Add the loss of this step to the sum, or replace the loss that has left the window."""
    for b in range(direct.shape[0]):
        row = slot * direct.shape[0] + b
        for i in range(direct.shape[1]):
            g_x[row, i] = g_x[row, i] + direct[b, i] if adding else direct[b, i]


@kernel(allocates=True)
def through_units(slope, g_x, g_a):
    """g_a = α f'(a) g_x for every slot; slope (B, n) is overwritten by their sum."""
    batch_size = slope.shape[0]
    for b in range(batch_size):
        for i in range(slope.shape[1]):
            steepness = slope[b, i]
            slope[b, i] = 0
            for row in range(b, len(g_x), batch_size):
                g_a[row, i] = steepness * g_x[row, i]
                slope[b, i] += g_a[row, i]


def collect(u, before, xhat, g_a, errors, reset) -> Gradients:
    """Sums over steps of presynaptic ⊗ postsynaptic, each as one matrix product over the (T B) rows."""

    def outer(pre, post):
        return pre.reshape(-1, pre.shape[-1]).T @ post.reshape(-1, post.shape[-1])

    linked = ~reset[1:]  # a reset step read zeros, not the state before it
    recurrent = outer(xhat[:-1], g_a[1:]) if linked.all() else outer(xhat[:-1][linked], g_a[1:][linked])
    if len(reset) and not reset[0]:
        recurrent += before.T @ g_a[0]
    return Gradients(outer(u, g_a), recurrent, outer(xhat, errors))
