"""The network: one recurrent layer without biases, and its initial weights.

    û_t = D_in u_t                                input decorrelation, optional
    a_t = W_in û_t + W_rec x̂_{t−1}                pre-activation
    x_t = (1 − α) x_{t−1} + α f(a_t)              leak α, one or one a unit; activation f; α = 1 and tanh in the published network
    x̂_t = D_rec x_t                               input of the recurrence and of the readout
    y_t = W_out x̂_t                               linear readout

Rows are units: W[i, j] is from j to i. Arrays hold the transpose (presynaptic-major), see hardware_models.array.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from pydantic import Field, model_serializer, model_validator

from hardware_models.numerics import memory, random
from neuroperturb.network.activation import TANH, AnyActivation
from neuroperturb.network.timescales import Leak, leaks_of
from neuroperturb.spec import Spec, SpecError, Words, require_memory

LEARNT, DECORRELATING = ("W_in", "W_rec", "W_out"), ("D_in", "D_rec")

ALL = "all"  # the three matrices as one vector
FIRST = ("size", "leak", "bias", "gain", "spectral_radius")  # parameters of the first version, which every table has


class RNN(Spec):
    """Sizes and initial weights of a recurrent network.

    size : n, hidden units
    leak : α, in (0, 1]; or one for every unit; or ``LogSpaced(slowest=20)``, ``{kind = "log-spaced", slowest = 20}`` in tables
    activation : f, by name, see :mod:`neuroperturb.network.activation`
    bias : whether a constant input of 1 is added to the task's inputs
    gain : factor on the Xavier standard deviation √(2/(fan_in + fan_out)) of W_rec
    spectral_radius : if given, W_rec is scaled to this spectral radius instead
    """

    size: int = Field(default=100, ge=1)
    leak: Leak = 1.0
    bias: bool = False
    gain: float = Field(default=1.0, ge=0)
    spectral_radius: float | None = Field(default=None, ge=0)
    activation: AnyActivation = TANH

    @model_validator(mode="after")
    def _leaks_are_of_units(self):
        if isinstance(self.leak, tuple) and len(self.leak) != self.size:
            raise SpecError("leak", "RNN", f"one number for each of {self.size} units", Words(f"{len(self.leak)}"))
        return self

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, write) -> dict:
        """Parameters that came later are left out where they change nothing: a table of before stays what it was."""
        usual = type(self).model_fields
        return {k: v for k, v in write(self).items() if k in FIRST or getattr(self, k) != usual[k].default}

    @property
    def shared_leak(self) -> bool:
        """Whether all units have one leak."""
        return isinstance(self.leak, float)

    @property
    def leaks(self) -> float | np.ndarray:
        """α of all units, or (n,) of every one."""
        return leaks_of(self.leak, self.size)

    def leak_pair(self, dtype: np.dtype) -> tuple[Any, Any]:
        """α and 1 − α for kernels: numbers of the dtype of the run, or (n,) arrays of them."""
        one, alpha = dtype.type(1), self.leaks
        if isinstance(alpha, float):
            return dtype.type(alpha), one - dtype.type(alpha)
        alpha = alpha.astype(dtype)
        return memory.place(alpha, dtype), memory.place(one - alpha, dtype)


class Matrices(NamedTuple):
    """Weights of one network, W[i, j] from j to i: W_in (n, n_in [+ 1 with bias]), W_rec (n, n), W_out (n_out, n), D_in
    (n_in, n_in), D_rec (n, n)."""

    W_in: np.ndarray
    W_rec: np.ndarray
    W_out: np.ndarray
    D_in: np.ndarray
    D_rec: np.ndarray


def require_room(network: RNN, n_in: int, n_out: int, batch: int = 1) -> None:
    """Reject a network that does not fit into memory with the states of `batch` trials; a lower bound."""
    n = network.size
    squares = (4, n, n)  # W_rec and D_rec, initial and present
    require_memory(f"a network of {n} units and {batch} trials", squares, (2, n, n_in + n_out), (4, n, batch))


def initial_weights(network: RNN, n_in: int, n_out: int, seed: int) -> Matrices:
    """Xavier-normal weights and identity D's, float64, from the `init` stream of the seed."""
    require_room(network, n_in, n_out)
    n, m = network.size, n_in + network.bias
    W_in, W_rec, W_out = (
        np.sqrt(2 / sum(shape)) * random.normal(seed, random.stream(random.Stream.INIT, k), 0, shape, dtype=np.float64)
        for k, shape in enumerate([(n, m), (n, n), (n_out, n)])
    )
    W_rec *= network.gain if network.spectral_radius is None else network.spectral_radius / spectral_radius(W_rec)
    return Matrices(W_in, W_rec, W_out, np.eye(n_in), np.eye(n))


def spectral_radius(W: np.ndarray) -> float:
    """Largest absolute eigenvalue; dense below 200 units, Arnoldi with a fixed start above, to 1e-4 there.

    Eigenvalues of a random matrix are dense at the edge of their circle: with the usual Krylov space of 20 vectors Arnoldi converges to a
    wrong one, 2 % too small; 96 vectors find the right one, in the same time.
    """
    n = len(W)
    if not np.isfinite(W).all():
        return float("nan")
    if n < 200:
        return float(np.abs(np.linalg.eigvals(W)).max())
    from scipy.sparse.linalg import ArpackNoConvergence, eigs

    try:
        values = eigs(W.astype(np.float64), k=1, ncv=96, v0=np.ones(n), tol=1e-4, return_eigenvectors=False)
    except ArpackNoConvergence:
        values = np.linalg.eigvals(W)
    return float(np.abs(values).max())
