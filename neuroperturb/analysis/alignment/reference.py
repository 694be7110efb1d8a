"""References of an estimate: true BPTT and BPTT(1), in the plain metric and in that of the presynaptic covariance.

    ⟨u, v⟩ = tr(u vᵀ)            ⟨u, v⟩_C = tr(u C vᵀ) = ⟨u √C, v √C⟩,     C = mean over steps and trials of q qᵀ

q is the presynaptic activity of a matrix: û for W_in, x̂ of the previous step for W_rec, x̂ for W_out. The second metric measures an update
by its effect on pre-activations for this input; it is the fair one for a right-sided natural gradient, u = g P.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroperturb.baselines.bptt import gradient
from neuroperturb.baselines.forward import Weights, from_matrices, prepare, trajectory
from neuroperturb.network.rnn import LEARNT, RNN, Matrices
from neuroperturb.tasks.contract import Loss, Sequence

WINDOWS = {"bptt": None, "bptt(1)": 1}
PLAIN, WHITE = "plain", "C_x"


class Reference(NamedTuple):
    """gradient : by matrix, (n, m), W[i, j] from j to i;  root : by matrix, √C (m, m), or None for the plain metric."""

    name: str
    metric: str
    gradient: dict[str, np.ndarray]
    root: dict[str, np.ndarray | None]


def references(network: RNN, matrices: Matrices, sequence: Sequence, loss: Loss) -> list[Reference]:
    """Gradients of Σ_t L_t, mean over the trials, from zero state, in float64, of the synapses that exist: each window in each metric."""
    weights = from_matrices(matrices)
    roots = {PLAIN: dict.fromkeys(LEARNT), WHITE: _roots(network, weights, sequence)}
    found, there = [], network.present(sequence.inputs.shape[2], sequence.targets.shape[2])
    for name, window in WINDOWS.items():
        units = {"leak": network.leaks, "bias": network.bias, "activation": network.activation}
        g = gradient(weights, sequence, loss=loss, window=window, **units)[1]
        by_matrix = {matrix: part.T * there[matrix] for matrix, part in zip(LEARNT, g, strict=True)}
        found += [Reference(name, metric, by_matrix, root) for metric, root in roots.items()]
    return found


def _roots(network: RNN, weights: Weights, sequence: Sequence) -> dict[str, np.ndarray]:
    """√C of every matrix."""
    weights, state = prepare(weights, sequence, network.bias, None)
    u, _, xhat, _ = trajectory(weights, sequence, network.leaks, network.bias, state, network.activation)
    before = np.concatenate([np.zeros_like(xhat[:1]), xhat[:-1]])
    before[sequence.reset] = 0
    return {name: _root(seen) for name, seen in zip(LEARNT, (u, before, xhat), strict=True)}


def _root(seen: np.ndarray) -> np.ndarray:
    """Symmetric square root of the mean of q qᵀ over the rows of q (T, B, m)."""
    q = seen.reshape(-1, seen.shape[-1])
    values, vectors = np.linalg.eigh(q.T @ q / len(q))
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
