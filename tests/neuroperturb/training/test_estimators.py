"""scikit-learn's door: its own conformance test, sequences that need memory, hardware, and what is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from slow_cases import slow

sklearn = pytest.importorskip("sklearn", minversion="1.6")

from sklearn.model_selection import cross_val_score  # noqa: E402
from sklearn.utils.estimator_checks import estimator_checks_generator  # noqa: E402

from neuroperturb import sklearn as door  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4, 2))
LABELS = np.array(["down", "up"])[(X[:, 0, 0] > 0).astype(int)]
SMALL = {"size": 6, "epochs": 2}
# Of scikit-learn's checks of a classifier and a regressor, those that take longest here test no more of them than the others do.
LONG = {"check_classifiers_train", "check_regressors_train", "check_sample_weights_pandas_series"}


def checks(estimator):
    return [pair for pair in estimator_checks_generator(estimator, legacy=True) if pair[1].func.__name__ not in LONG]


@pytest.mark.parametrize("make", [door.RecurrentClassifier, *slow(door.RecurrentRegressor)])
def test_it_is_an_estimator(make):
    found = {}
    for estimator, check in checks(make(size=3, epochs=1)):
        try:
            check(estimator)
        except Exception as error:
            if type(error).__name__ != "SkipTest":
                found[check.func.__name__] = str(error)
    assert found == {}


def test_it_remembers_the_first_step():
    model = door.RecurrentClassifier(size=10, epochs=60, learning_rate=0.02).fit(X, LABELS)
    assert model.score(X, LABELS) > 0.9
    assert model.predict_proba(X).sum(axis=1) == pytest.approx(1)
    assert set(model.predict(X)) == {"down", "up"}
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_numbers_come_back_in_their_own_units():
    y = np.column_stack([100 + 7 * X[:, 0, 0], -3 * X[:, 1, 1]])
    model = door.RecurrentRegressor(size=10, epochs=60, learning_rate=0.02).fit(X, y)
    assert model.predict(X).shape == (60, 2)
    assert model.score(X, y) > 0.5
    one = door.RecurrentRegressor(**SMALL).fit(X[:, :, 0], y[:, 0])
    assert one.predict(X[:, :, 0]).shape == (60,)


def test_outputs_may_be_as_many_as_steps():
    assert door.RecurrentRegressor(**SMALL).fit(X, X[:, :, 0]).predict(X).shape == (60, 4)


def test_it_is_a_value_and_a_part_of_a_search():
    model = door.RecurrentClassifier(**SMALL).fit(X, LABELS)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    same = door.RecurrentClassifier(**SMALL).fit(X, LABELS)
    np.testing.assert_array_equal(same.predict_proba(X), model.predict_proba(X))
    assert len(cross_val_score(door.RecurrentClassifier(**SMALL), X, LABELS, cv=2)) == 2


@pytest.mark.slow
def test_it_runs_on_hardware():
    model = door.RecurrentClassifier(**SMALL, hardware="ecram").fit(X, LABELS)
    assert model.run_.experiment.hardware.label == "ecram"
    assert model.predict(X).shape == (60,)


def test_what_is_no_sequence_is_one_sentence():
    with pytest.raises(ValueError, match="X must be \\(samples, steps, features\\)"):
        door.RecurrentRegressor(**SMALL).fit(np.zeros((4, 2, 2, 2)) + 1, np.arange(4.0))
    with pytest.raises(ValueError, match="at least two classes"):
        door.RecurrentClassifier(**SMALL).fit(X, np.zeros(60))
