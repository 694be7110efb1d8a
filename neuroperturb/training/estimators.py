"""scikit-learn's door: recurrent networks with ``fit``, ``predict`` and ``score``.

    from neuroperturb import sklearn
    model = sklearn.RecurrentClassifier(size=50, rule="np-p", hardware="ecram").fit(X, y)

X is (samples, steps, features); (samples, steps) is sequences of one number. y is one label, or one number or row of numbers, a sample, read out at
the last step. Features, and the numbers to predict, are standardised by the training samples.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from neuroperturb.experiments.experiment import Experiment
from neuroperturb.network.chip import chip as chips
from neuroperturb.network.rnn import RNN
from neuroperturb.results.run import Run
from neuroperturb.rules import make
from neuroperturb.rules.axes.rate import Cosine
from neuroperturb.simulation.schedule import Training
from neuroperturb.tasks.arrays import Arrays
from neuroperturb.training.prediction import predict
from neuroperturb.training.trainer import Trainer

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    raise ImportError("The estimators need scikit-learn 1.6 or later: pip install 'neuroperturb[sklearn]'.") from None

HELD_OUT = 0.1  # share of the samples whose loss is in the history; they are learned from, too


class RecurrentEstimator(BaseEstimator):
    """What the two have in common: the network, the rule, and the run."""

    def __init__(
        self, size: int = 50, *, rule: Any = "np-p", learning_rate: float = 0.01, noise_std: float = 0.05, epochs: int = 100,
        batch_size: int = 16, gain: float = 1.0, leak: float = 1.0, hardware: Any = None, random_state: int | None = 0,
    ) -> None:  # fmt: skip
        self.size = size
        self.rule = rule
        self.learning_rate = learning_rate
        self.noise_std = noise_std
        self.epochs = epochs
        self.batch_size = batch_size
        self.gain = gain
        self.leak = leak
        self.hardware = hardware
        self.random_state = random_state

    def _learn(self, X: np.ndarray, y: np.ndarray, kind: str) -> Self:
        """Train on X (samples, steps, features) and targets in the form of :class:`neuroperturb.tasks.Arrays`."""
        self._center, self._width = _spread(X.reshape(-1, X.shape[2]))
        X, few = self._scaled(X), max(1, round(HELD_OUT * len(X)))
        last = np.zeros(X.shape[:2], bool)
        last[:, -1] = True
        part = (X[:few], y[:few], last[:few])
        task = Arrays(train=(X, y, last), validation=part, test=part, layout="trial, time, feature", kind=kind)
        training = Training(
            schedule="episode",
            batch_size=min(self.batch_size, len(X)),
            epochs=self.epochs,
            seed=self._seed(),
            dtype="float64",
        )
        trainer = Trainer(
            Experiment(
                network=RNN(size=self.size, gain=self.gain, leak=self.leak, bias=True), task=task, rule=self._rule(), training=training,
                hardware=None if self.hardware is None else chips.read(self.hardware),
            )
        )  # fmt: skip
        for _ in trainer:
            pass
        self.run_: Run = trainer.run()
        self.loss_curve_ = self.run_.history["train_loss"].to_numpy()
        self.n_iter_ = len(self.loss_curve_)
        return self

    def _rule(self) -> Any:
        if not isinstance(self.rule, str):
            return self.rule
        return make(
            self.rule,
            schedule="episode",
            learning_rate=self.learning_rate,
            noise_std=self.noise_std,
            rate=Cosine(final=0.0),
        )

    def _seed(self) -> int:
        if self.random_state is None:
            return int(np.random.SeedSequence().generate_state(1)[0])
        if isinstance(self.random_state, np.random.RandomState):
            return int(self.random_state.randint(2**31))
        return int(self.random_state)

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        return (X - self._center) / self._width

    def _outputs(self, X: Any) -> np.ndarray:
        """Outputs at the last step, (samples, n_out)."""
        check_is_fitted(self, "run_")
        X = _sequences(validate_data(self, X, reset=False, allow_nd=True, dtype=np.float64))
        return predict(self.run_, self._scaled(X).swapaxes(0, 1))[-1]


class RecurrentRegressor(RegressorMixin, RecurrentEstimator):
    """Numbers from sequences, learned by a perturbation and one broadcast number.

    Parameters
    ----------
    size : hidden units
    rule : name of a perturbation rule, or a rule
    learning_rate, noise_std : of a rule that is named
    epochs, batch_size : passes over the samples, and samples of an update
    gain, leak : of the recurrent weights, and of the units
    hardware : name of a preset, or a Chip; None: ideal
    random_state : seed of weights, order and perturbations

    Attributes
    ----------
    run_ : the record of the run, :class:`neuroperturb.Run`
    loss_curve_ : training loss of every epoch

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(64, 5))
    >>> model = RecurrentRegressor(size=8, epochs=2).fit(X, X.sum(axis=1))
    >>> model.predict(X[:3]).shape
    (3,)
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Learn y, (samples,) or (samples, n_out)."""
        X, y = validate_data(
            self, X, y, allow_nd=True, multi_output=True, y_numeric=True, dtype=np.float64, ensure_min_samples=2
        )
        self._flat = y.ndim == 1
        rows = np.asarray(y, np.float64).reshape(len(y), -1)
        self._target_center, self._target_width = _spread(rows)
        X, rows = _sequences(X), (rows - self._target_center) / self._target_width
        return self._learn(X, np.repeat(rows[:, None], X.shape[1], axis=1), "regression")

    def predict(self, X: Any) -> np.ndarray:
        """Numbers, (samples,) or (samples, n_out)."""
        found = self._outputs(X) * self._target_width + self._target_center
        return found[:, 0] if self._flat else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.three_d_array = True
        tags.regressor_tags.poor_score = True  # on problems of ten samples that the checks make
        return tags


class RecurrentClassifier(ClassifierMixin, RecurrentEstimator):
    """Classes of sequences, learned by a perturbation and one broadcast number; parameters as of :class:`RecurrentRegressor`.

    Attributes
    ----------
    classes_ : labels
    run_, loss_curve_ : as of a regressor

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(64, 5))
    >>> model = RecurrentClassifier(size=8, epochs=2).fit(X, X.sum(axis=1) > 0)
    >>> model.predict_proba(X[:3]).shape
    (3, 2)
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Learn labels, (samples,)."""
        X, y = validate_data(self, X, y, allow_nd=True, dtype=np.float64, ensure_min_samples=2)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"The labels of RecurrentClassifier must be of at least two classes. Got 1 class, {self.classes_[0]!r}."
            )
        return self._learn(_sequences(X), labels, "classification")

    def decision_function(self, X: Any) -> np.ndarray:
        """Logits, (samples, classes); of two classes their difference, (samples,)."""
        logits = self._outputs(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities, (samples, classes)."""
        logits = self._outputs(X)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """Labels, (samples,)."""
        logits = self._outputs(X)
        return self.classes_[logits.argmax(axis=1)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _sequences(X: np.ndarray) -> np.ndarray:
    """(samples, steps, features)"""
    if X.ndim == 2:
        return X[:, :, None]
    if X.ndim != 3:
        raise ValueError(f"X must be (samples, steps, features), or (samples, steps). Got the shape {X.shape} instead.")
    return X


def _spread(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of columns; 1 for one that is constant."""
    width = rows.std(axis=0)
    return rows.mean(axis=0), np.where(width > 0, width, 1.0)
