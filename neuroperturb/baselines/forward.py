"""The clean network: its weights, and its forward pass without perturbation.

    û_t = u_t D_in                               input, decorrelated (D_in = I when off); `bias` appends a constant 1
    a_t = û_t W_in + x̂_{t−1} W_rec               pre-activation
    x_t = (1 − α) x_{t−1} + α f(a_t)             state with leak α, one or one a unit, and activation f
    x̂_t = x_t D_rec                              decorrelated state: input of the recurrence and of the readout
    y_t = x̂_t W_out

Rows are trials.  Every matrix is stored *presynaptic-major*, ``w[j, i]`` from j to i, the transpose of the papers' W.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from hardware_models.numerics.compiled import kernel
from neuroperturb.network.activation import TANH, Activation, Nonlinearity
from neuroperturb.spec import SpecError
from neuroperturb.tasks.contract import Sequence

Leaks = float | np.ndarray  # α of all units, or (n,) of every one
_PIECE = 256  # steps per kernel call: long enough to hide the overhead, short enough for Ctrl-C and for memory


class Weights(NamedTuple):
    """A network's matrices, presynaptic-major.

    w_in : ndarray, shape (m, n); m = n_in, or n_in + 1 with a bias input (its weights are the last row)
    w_rec : ndarray, shape (n, n)
    w_out : ndarray, shape (n, n_out)
    d_in : ndarray, shape (n_in, n_in)
    d_rec : ndarray, shape (n, n)
    """

    w_in: np.ndarray
    w_rec: np.ndarray
    w_out: np.ndarray
    d_in: np.ndarray
    d_rec: np.ndarray


def from_matrices(matrices: Iterable[np.ndarray], dtype: DTypeLike = np.float64) -> Weights:
    """Weights from W_in, W_rec, W_out, D_in, D_rec in the papers' orientation, W[i, j] from j to i."""
    return Weights(*(np.array(matrix.T, dtype, order="C") for matrix in matrices))


class State(NamedTuple):
    """State of a network between steps: x and x̂, each of shape (B, n)."""

    x: np.ndarray
    xhat: np.ndarray


def zero_state(weights: Weights, batch_size: int) -> State:
    """The state after a reset."""
    shape = (batch_size, weights.w_rec.shape[0])
    return State(np.zeros(shape, weights.w_rec.dtype), np.zeros(shape, weights.w_rec.dtype))


def run_clean(
    weights: Weights, sequence: Sequence, *, leak: Leaks = 1.0, bias: bool = False, state: State | None = None,
    activation: Activation = TANH,
) -> tuple[np.ndarray, State]:  # fmt: skip
    """Outputs of the unperturbed network, without storing its trajectory.

    Parameters
    ----------
    weights : Weights, whose dtype is the dtype of everything here
    sequence : Sequence; its targets and mask are not used
    leak : float in (0, 1], α, or one for every unit, (n,)
    bias : bool, whether a constant 1 is appended to û
    state : State or None (zeros)
    activation : Activation, f

    Returns
    -------
    outputs : ndarray, shape (T, B, n_out)
    state : State after the last step
    """
    weights, state = prepare(weights, sequence, bias, state)
    steps, batch_size = sequence.inputs.shape[:2]
    outputs = np.empty((steps, batch_size, weights.w_out.shape[1]), weights.w_out.dtype)
    for start, piece in pieces(sequence):
        _, _, xhat, state = trajectory(weights, piece, leak, bias, state, activation)
        with np.errstate(over="ignore", invalid="ignore"):  # a diverged network is scored as such, without a warning
            outputs[start : start + len(xhat)] = xhat @ weights.w_out
    return outputs, state


def pieces(sequence: Sequence, length: int = _PIECE) -> Iterator[tuple[int, Sequence]]:
    """(first step, piece) of consecutive pieces of a sequence, each at most `length` steps long."""
    for start in range(0, len(sequence.inputs), length):
        yield start, Sequence(*(part[start : start + length] for part in sequence))


def prepare(weights, sequence, bias, state) -> tuple[Weights, State]:
    """Contiguous matrices of one dtype, and a state of the sequence's batch size; raises for shapes that do not match."""
    dtype = weights.w_rec.dtype
    weights = Weights(*(np.ascontiguousarray(matrix, dtype) for matrix in weights))
    n_in, n = sequence.inputs.shape[2], weights.w_rec.shape[0]
    if weights.w_in.shape != (n_in + bool(bias), n):
        wanted = f"(n_in{' + 1' if bias else ''}, n) = {(n_in + bool(bias), n)}"
        raise SpecError("w_in", "Weights", wanted, weights.w_in.shape, verb="must have the shape")
    batch_size = sequence.inputs.shape[1]
    if state is None:
        return weights, zero_state(weights, batch_size)
    state = State(*(np.ascontiguousarray(part, dtype) for part in state))
    if state.x.shape != (batch_size, n):
        raise SpecError("state", "", f"(B, n) = {(batch_size, n)}", state.x.shape, verb="must have the shape")
    return weights, state


def presented(weights: Weights, inputs: np.ndarray, bias: bool) -> np.ndarray:
    """Input of the input weights, û, shape (T, B, m)."""
    u = np.asarray(inputs, weights.w_in.dtype) @ weights.d_in
    return np.concatenate([u, np.ones_like(u[..., :1])], axis=-1) if bias else u


def trajectory(
    weights: Weights, sequence: Sequence, leak: Leaks, bias: bool, state: State, activation: Activation = TANH
) -> tuple[np.ndarray, np.ndarray, np.ndarray, State]:
    """Run every step: û (T, B, m), α f'(a) (T, B, n), x̂ (T, B, n) and the final state; without a derivative, any numbers for f'."""
    u = presented(weights, sequence.inputs, bias)
    slope = u @ weights.w_in
    xhat = np.empty_like(slope)
    state = State(state.x.copy(), state.xhat.copy())
    alpha, keep = leak_pair(leak, slope.dtype, len(weights.w_rec))
    reset = np.ascontiguousarray(sequence.reset)
    make_advance(activation.curve())(
        slope, xhat, *state, weights.w_rec, weights.d_rec, decorrelated=is_decorrelated(weights), reset=reset, alpha=alpha, keep=keep
    )  # fmt: skip
    return u, slope, xhat, state


def leak_pair(leak: Leaks, dtype: np.dtype, size: int) -> tuple[np.ndarray, np.ndarray]:
    """α and 1 − α of every unit in the dtype of the run, (n,), so that kernels preserve it."""
    alpha = np.broadcast_to(np.asarray(leak, np.float64), (size,))
    return alpha.astype(dtype), (1.0 - alpha).astype(dtype)


def is_decorrelated(weights: Weights) -> bool:
    """Whether D_rec differs from the identity, and so costs a product."""
    return not np.array_equal(weights.d_rec, np.eye(len(weights.d_rec), dtype=weights.d_rec.dtype))


@kernel(allocates=True)
def product(x, w, out):
    """out = x w; x (B, m), w (m, n), out (B, n).  One trial goes through gemv: several times faster than gemm."""
    if x.shape[0] == 1:
        np.dot(x[0], w, out[0])
    else:
        np.dot(x, w, out)


@kernel(allocates=True)
def product_back(g, w, out):
    """out = g wᵀ; g (B, n), w (m, n), out (B, m)."""
    if g.shape[0] == 1:
        np.dot(w, g[0], out[0])
    else:
        np.dot(g, w.T, out)


@kernel(allocates=True)
def product_over_rows(a, b, out):
    """out = aᵀ b; a (R, m), b (R, n), out (m, n).  One row is a loop that writes each number once: gemm is slower."""
    if a.shape[0] > 1:
        np.dot(a.T, b, out)
        return
    for j in range(out.shape[0]):
        factor = a[0, j]
        for i in range(out.shape[1]):
            out[j, i] = factor * b[0, i]


@kernel(allocates=True)
def copy_rows(source, target):
    """target = source, (B, n).  A loop: a slice assignment adds seconds of compilation for error formatting."""
    for b in range(target.shape[0]):
        for i in range(target.shape[1]):
            target[b, i] = source[b, i]


@lru_cache
def make_leaky_step(curve: Nonlinearity):
    """leaky_step(drive, recurrent, x, slope, alpha, keep): x = (1 − α) x + α f(a), a = drive + recurrent; slope = α f'(a); all (B, n)."""
    value, differentiable, slope_of = curve.exact, curve.slope is not None, curve.slope

    @kernel(allocates=True)
    def leaky_step(drive, recurrent, x, slope, alpha, keep):
        for b in range(x.shape[0]):
            for i in range(x.shape[1]):
                a = drive[b, i] + recurrent[b, i]
                f = value(a)
                x[b, i] = keep[i] * x[b, i] + alpha[i] * f
                if differentiable:
                    slope[b, i] = slope_of(alpha[i], a, f)

    return leaky_step


@lru_cache
def make_advance(curve: Nonlinearity):
    """advance: all steps of one trajectory.  slope: û W_in in, α f'(a) out; x and previous (x̂) are the state, in place."""
    leaky_step = make_leaky_step(curve)

    @kernel(allocates=True)
    def advance(slope, xhat, x, previous, w_rec, d_rec, decorrelated, reset, alpha, keep):
        recurrent = np.empty_like(x)
        for t in range(slope.shape[0]):
            if reset[t]:
                x.fill(0)
                previous.fill(0)
            product(previous, w_rec, recurrent)
            leaky_step(slope[t], recurrent, x, slope[t], alpha, keep)
            if decorrelated:
                product(x, d_rec, xhat[t])
            else:
                copy_rows(x, xhat[t])
            copy_rows(xhat[t], previous)

    return advance
