"""Ridge regression on the present input, or on a window of past ones: a baseline without a network.

    y_t = w_0 + Σ_{l < d} W_l u_{t−l},        W = argmin  mean ‖y − y*‖² + λ Σ_j ⟨f_j²⟩ ‖W_j‖²         (w_0 is not penalised)

⟨f_j²⟩ is the mean square of feature j over the fitted rows: the strength λ is dimensionless, and predictions do not depend on the units
of inputs.
A window never spans a reset, nor the start of a sequence.  The rows that have only d < taps inputs (the
d-th of a segment) have a separate model: d taps, fitted on every scored training row that has at least d inputs.
No input is padded and every scored row is predicted.  λ is chosen on the validation sequence, by the task's own loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from neuroperturb.spec import InputError, Spec, require_memory
from neuroperturb.tasks.contract import Dataset, Sequence

_ROWS = 4096  # rows of features at a time: bounds memory, and a product of this height runs at full speed

# Strengths relative to the mean square of each feature; lists (from TOML) are accepted.
Grid = Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=1, strict=False)]


class Ridge(Spec):
    """Ridge regression on the last `taps` inputs, the present one included.

    taps : 1 is the present input alone; 48 is two days of hourly weather
    strengths : candidates for λ, relative to the mean square of each feature
    refit : once λ is chosen, fit again with the validation rows, for the test; False uses only the training data, as for a rule
    """

    name: Literal["ridge"] = "ridge"
    taps: int = Field(default=1, ge=1)
    strengths: Grid = tuple(10.0**k for k in range(-12, 2))
    refit: bool = True

    def fit(self, dataset: Dataset) -> WindowModel:
        """Fit one epoch of training sequences, without refitting; choose λ on the validation sequence."""
        models = self._equations(training(dataset))
        candidates = (WindowModel(models, s, g) for s in self.strengths for g in gains(dataset))
        return best(candidates, lambda model: _loss(dataset, model.predict(dataset.validation), dataset.validation))

    def scores(self, dataset: Dataset) -> dict[str, float]:
        """The task's loss of the fitted model: {"validation": loss, "test": loss}."""
        model = self.fit(dataset)
        validation = _loss(dataset, model.predict(dataset.validation), dataset.validation)
        if self.refit:
            rows = chain(training(dataset), [dataset.validation])
            model = WindowModel(self._equations(rows), model.strength, model.gain)
        return {"validation": validation, "test": _loss(dataset, model.predict(dataset.test), dataset.test)}

    def _equations(self, sequences: Iterable[Sequence]) -> dict[int, NormalEquations]:
        """Normal equations of every depth: rows of exactly that depth first, then those of the deeper ones join."""
        models: dict[int, NormalEquations] = {}
        for sequence in sequences:
            n_in, deepest = sequence.inputs.shape[2], min(self.taps, len(sequence.inputs))
            require_memory(f"windows of {deepest} taps", *((1 + d * n_in,) * 2 for d in range(1, deepest + 1)))
            for d, features, targets, _ in _groups(sequence, self.taps):
                models.setdefault(d, NormalEquations()).add(features, targets)
        depths = sorted(models, reverse=True)
        for deeper, d in pairwise(depths):
            models[d].absorb(models[deeper])
        return models


class NormalEquations:
    """XᵀX and XᵀY of rows seen so far; the first column of X is the constant 1.

    gram : ndarray, shape (p, p); cross : ndarray, shape (p, q); rows : int
    """

    def __init__(self):
        self.gram, self.cross, self.rows = 0.0, 0.0, 0
        self._solved: dict[tuple, np.ndarray | None] = {}

    def add(self, features: np.ndarray, targets: np.ndarray) -> None:
        self.gram = self.gram + features.T @ features
        self.cross = self.cross + features.T @ targets
        self.rows += len(features)
        self._solved.clear()

    def absorb(self, larger: NormalEquations) -> None:
        """Add another's rows, of which only the leading features are used."""
        p = len(self.gram)
        self.gram += larger.gram[:p, :p]
        self.cross += larger.cross[:p]
        self.rows += larger.rows
        self._solved.clear()

    def solve(self, strength: float, p: int | None = None) -> np.ndarray | None:
        """Coefficients of the first p features (None: all), shape (p, q), by Cholesky: (XᵀX/R + λ I' diag(XᵀX/R)) W = XᵀY/R.

        None if λ is too small for float64.
        """
        if (strength, p) not in self._solved:
            self._solved[strength, p] = self._cholesky(strength, p)
        return self._solved[strength, p]

    def _cholesky(self, strength, p):
        from scipy.linalg import LinAlgError, cho_factor, cho_solve

        gram, cross = self.gram[:p, :p] / self.rows, self.cross[:p] / self.rows
        squares = np.diag(gram)
        penalty = strength * np.where(squares > 0, squares, 1.0)  # a feature that is always 0 has a coefficient of 0
        penalty[0] = 0.0  # the mean is not penalised
        try:
            return cho_solve(cho_factor(gram + np.diag(penalty)), cross)
        except LinAlgError:
            return None


class WindowModel:
    """Fitted coefficients for every depth of window, at one strength.

    strength : λ;  gain : factor on the outputs, other than 1 only if they are scored as logits
    """

    def __init__(self, models: dict[int, NormalEquations], strength: float, gain: float):
        self.models, self.strength, self.gain = models, strength, gain

    def coefficients(self, depth: int) -> np.ndarray | None:
        """For `depth` taps, shape (1 + depth · n_in, n_out): the constant, the newest input, the one before …"""
        # A depth with no training row of its own is fitted on the deeper rows alone.
        nearest = min(d for d in self.models if d >= depth)
        equations = self.models[nearest]
        n_in = (len(equations.gram) - 1) // nearest
        return equations.solve(self.strength, 1 + depth * n_in)

    def predict(self, sequence: Sequence) -> np.ndarray | None:
        """Outputs, shape (T, B, n_out); 0 for masked rows; None if λ is too small for a solution."""
        outputs = np.zeros(sequence.targets.shape)
        for d, features, _, where in _groups(sequence, max(self.models)):
            w = self.coefficients(d)
            if w is None:
                return None
            outputs[where] = self.gain * (features @ w)
        return outputs


def training(dataset: Dataset) -> Iterator[Sequence]:
    """One epoch of training sequences."""
    return (dataset.batch(number) for number in range(dataset.batches_per_epoch))


def gains(dataset: Dataset) -> tuple[float, ...]:
    """Candidate factors on the outputs: least squares on one-hot targets gives 0 … 1, too narrow to be logits."""
    return (1.0, 3.0, 10.0, 30.0, 100.0) if dataset.loss == "cross_entropy" else (1.0,)


def best(candidates, loss):
    """The candidate with the smallest loss; the first of equals."""
    scored = [(loss(candidate), candidate) for candidate in candidates]
    least, winner = min(scored, key=lambda pair: pair[0])
    if not np.isfinite(least):
        raise InputError(
            "No ridge strength gave a finite validation loss; check the data for NaN, or add larger strengths."
        )
    return winner


def _loss(dataset: Dataset, outputs: np.ndarray | None, sequence: Sequence) -> float:
    if outputs is None:
        return float("inf")
    loss = float(dataset.metrics(outputs, sequence)["loss"])
    return loss if np.isfinite(loss) else float("inf")


def _depths(reset: np.ndarray) -> np.ndarray:
    """Inputs available at each step: 1 at a reset and at the start, then 2, 3 …"""
    steps = np.arange(len(reset))
    starts = np.where(reset | (steps == 0), steps, 0)
    return steps - np.maximum.accumulate(starts) + 1


def _groups(sequence: Sequence, taps: int):
    """Scored rows by depth: depth, features (R, 1 + depth · n_in), targets (R, n_out), (steps, trials) of the rows."""
    inputs, targets = np.asarray(sequence.inputs, float), np.asarray(sequence.targets, float)
    depths = np.minimum(_depths(sequence.reset), taps)
    length = max(1, _ROWS // inputs.shape[1])
    for d in np.unique(depths[sequence.mask.any(axis=1)]):
        steps = np.flatnonzero(depths == d)
        for some in np.split(steps, range(length, len(steps), length)):
            s, b = np.nonzero(sequence.mask[some])
            t = some[s]
            columns = [np.ones((len(t), 1)), *(inputs[t - lag, b] for lag in range(d))]
            yield int(d), np.concatenate(columns, axis=1), targets[t, b], (t, b)
