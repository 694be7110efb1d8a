"""Echo-state network: an untrained random recurrent network with a ridge readout of its state.

    x_t = (1 − α) x_{t−1} + α tanh(u_t W_in + b + x_{t−1} W_rec),        y_t = [1, u_t, x_t] W_out

W_rec is random with a given spectral radius, W_in and b are uniform, W_out is ridge regression.  The few settings are
chosen on the validation sequence.  It is the performance without any temporal credit assignment.

References
----------
.. [1] H. Jaeger, The "echo state" approach to analysing and training recurrent neural networks, GMD Report 148 (2001).
.. [2] M. Lukoševičius, A practical guide to applying echo state networks, Neural Networks: Tricks of the Trade (2012).
"""

from __future__ import annotations

from itertools import product
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field

from neuroperturb.baselines.forward import State, Weights, pieces, trajectory, zero_state
from neuroperturb.baselines.linear import Grid, NormalEquations, best, gains, training
from neuroperturb.spec import Spec, SpecError, require_memory
from neuroperturb.tasks.contract import Dataset, Sequence


class EchoState(Spec):
    """An echo-state network; all combinations of candidates are tried.

    units : n
    density : fraction of recurrent weights that are not zero
    spectral_radii : candidates for the largest |eigenvalue| of W_rec
    leaks : candidates for α
    input_scales : candidates for the range of W_in, uniform in ± that
    bias_scale : b is uniform in ± that
    strengths : candidates for the ridge λ, relative to the mean square of each feature
    washout : steps after a reset or start that the readout is not fitted on
    refit : once settings are chosen, fit the readout again with the validation rows, for the test
    """

    name: Literal["echo_state"] = "echo_state"
    units: int = Field(default=200, ge=1)
    density: float = Field(default=1.0, gt=0, le=1)
    spectral_radii: Grid = (0.8, 1.0, 1.2)
    leaks: Grid = (0.3, 1.0)
    input_scales: Grid = (0.3, 1.0)
    bias_scale: float = Field(default=0.3, ge=0)
    strengths: Grid = tuple(10.0**k for k in range(-12, 0))
    washout: int = Field(default=0, ge=0)
    refit: bool = True

    def fit(self, dataset: Dataset, seed: int) -> Reservoir:
        """Fit every candidate on one epoch of training sequences; keep the best on validation, not refitted."""
        settings = product(self.spectral_radii, self.leaks, self.input_scales)
        fitted = (model for setting in settings for model in self._candidates(dataset, seed, *setting))
        return best(fitted, lambda model: model.validation)

    def scores(self, dataset: Dataset, seed: int) -> dict[str, float]:
        """The task's loss of the fitted network: {"validation": loss, "test": loss}."""
        model = self.fit(dataset, seed)
        if self.refit:
            equations = self._equations(model.weights, model.leak, training(dataset), [dataset.validation])
            model = model._replace(readout=model.gain * equations.solve(model.strength))
        test = dataset.metrics(model.predict(dataset.test), dataset.test)["loss"]
        return {"validation": model.validation, "test": float(test)}

    def weights(self, n_in: int, seed: int, spectral_radius: float, input_scale: float) -> Weights:
        """Random weights; the same seed gives the same directions at every scale.  The last row of w_in is b."""
        recurrent, inputs = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
        n = self.units
        require_memory(f"a reservoir of {n} units", (4, n, n), (n_in, n))
        w_rec = recurrent.standard_normal((n, n)) * (recurrent.random((n, n)) < self.density)
        radius = np.abs(np.linalg.eigvals(w_rec)).max()
        w_in = inputs.uniform(-1, 1, (n_in + 1, n)) * np.append(np.full(n_in, input_scale), self.bias_scale)[:, None]
        # A few sparse units may form no loop, and then have no spectral radius to set.
        w_rec *= spectral_radius / radius if radius > 0 else 1.0
        return Weights(w_in, w_rec, np.zeros((n, 0)), np.eye(n_in), np.eye(n))

    def _candidates(self, dataset, seed, spectral_radius, leak, input_scale):
        """One reservoir with each ridge strength, and its loss on validation."""
        weights = self.weights(dataset.n_in, seed, spectral_radius, input_scale)
        equations = self._equations(weights, leak, training(dataset))
        parts = [features for _, features, _ in _features(weights, leak, dataset.validation, None)]
        for strength in self.strengths:
            readout = equations.solve(strength)
            if readout is None:
                continue
            outputs = np.concatenate([features @ readout for features in parts])
            for gain in gains(dataset):
                loss = float(dataset.metrics(gain * outputs, dataset.validation)["loss"])
                loss = loss if np.isfinite(loss) else float("inf")
                yield Reservoir(
                    weights, gain * readout, spectral_radius=spectral_radius, leak=leak, input_scale=input_scale, strength=strength,
                    gain=gain, validation=loss,
                )  # fmt: skip

    def _equations(self, weights, leak, *runs):
        """Normal equations of the readout; each run starts at rest and carries its state from sequence to sequence."""
        equations = NormalEquations()
        for run in runs:
            state, age = None, 0
            for sequence in run:
                for piece, features, after in _features(weights, leak, sequence, state):
                    state = after
                    ages = _ages(piece.reset, age)
                    age = int(ages[-1]) + 1
                    used = piece.mask & (ages >= self.washout)[:, None]
                    equations.add(features[used], np.asarray(piece.targets, float)[used])
        if equations.rows == 0:
            hint = "No scored training step is left."
            raise SpecError("washout", type(self).__name__, "shorter than the scored steps", self.washout, hint)
        return equations


class Reservoir(NamedTuple):
    """A fitted echo-state network: readout (1 + n_in + n, n_out), the settings chosen, and their validation loss."""

    weights: Weights
    readout: np.ndarray
    spectral_radius: float
    leak: float
    input_scale: float
    strength: float
    gain: float  # on the outputs, already in the readout
    validation: float

    def predict(self, sequence: Sequence) -> np.ndarray:
        """Outputs from zero state, shape (T, B, n_out)."""
        pieces = _features(self.weights, self.leak, sequence, None)
        return np.concatenate([features @ self.readout for _, features, _ in pieces])


def _features(weights: Weights, leak: float, sequence: Sequence, state: State | None):
    """Pieces of the sequence, with [1, u, x] (T', B, 1 + n_in + n) and the state to go on from."""
    state = zero_state(weights, sequence.inputs.shape[1]) if state is None else state
    for _, piece in pieces(sequence):
        u, _, x, state = trajectory(weights, piece, leak, True, state)
        yield piece, np.concatenate([u[..., -1:], u[..., :-1], x], axis=-1), state


def _ages(reset: np.ndarray, age: int) -> np.ndarray:
    """Steps since the last reset, going on from `age`."""
    steps = np.arange(len(reset))
    starts = np.where(reset, steps, -age)
    return steps - np.maximum.accumulate(starts)
