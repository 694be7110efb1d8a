"""Data of a task of one's own: any dtype is taken as it is meant, or refused in one sentence that blames the data."""

import copy
import pickle

import numpy as np
import pytest

from neuroperturb.baselines import EchoState, Ridge
from neuroperturb.spec import SpecError
from neuroperturb.spec.source_text import methods, text
from neuroperturb.tasks import Copying, Dataset, MackeyGlass, Sequence, Task, metrics
from neuroperturb.tasks.contract import require_usable
from neuroperturb.tasks.series import SeriesDataset
from neuroperturb.tasks.trials import blank

T, B = 6, 3
RNG = np.random.default_rng(0)
Y, WANTED = RNG.normal(size=(T, B, 1)), RNG.normal(size=(T, B, 1))
MASK = np.zeros((T, B), bool)
MASK[2:, 1] = True
RESET = np.arange(T) == 0


def a_list(mask):
    return mask.tolist()


def a_masked_array(mask):
    return np.ma.array(mask)


LIKE_BOOLS = [int, np.uint8, np.int8, float, np.float32, object, a_list, a_masked_array]
as_type = lambda m, kind: m.astype(kind) if isinstance(kind, type) else kind(m)  # noqa: E731
SCORES = [metrics.mse, metrics.nmse, metrics.cross_entropy, metrics.accuracy, metrics.sign_accuracy, metrics.error_bits]


@pytest.mark.parametrize("kind", LIKE_BOOLS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("score", SCORES, ids=lambda f: f.__name__)
def test_a_score_does_not_depend_on_the_dtype_of_its_mask(kind, score):
    assert score(Y, WANTED, as_type(MASK, kind)) == score(Y, WANTED, MASK)


def test_the_score_of_an_integer_mask_is_the_mean_over_the_masked_entries():
    assert metrics.mse(Y, WANTED, MASK.astype(int)) == pytest.approx(0.33279541470511664, rel=1e-12)
    assert metrics.error_bits(Y, WANTED, MASK.astype(int)) == (np.sign(Y) != np.sign(WANTED))[MASK].sum() / B


@pytest.mark.parametrize("kind", [int, np.uint8, np.int8])
def test_integer_targets_do_not_wrap(kind):
    wanted = (WANTED > 0).astype(kind) * 3
    assert metrics.mse(-Y, wanted, MASK) == metrics.mse(-Y, wanted.astype(float), MASK)
    assert metrics.sign_accuracy(Y, wanted, MASK) == metrics.sign_accuracy(Y, wanted.astype(float), MASK)
    assert metrics.nmse(wanted, wanted, MASK) == 0.0


@pytest.mark.parametrize("kind", LIKE_BOOLS, ids=lambda kind: kind.__name__)
def test_a_sequence_holds_bools_and_float64_whatever_it_is_given(kind):
    given = Sequence(Y.astype(np.float32), (WANTED > 0).astype(np.uint8), as_type(MASK, kind), as_type(RESET, kind))
    assert [a.dtype for a in given] == [np.float64, np.float64, bool, bool, np.int64]
    np.testing.assert_array_equal(given.mask, MASK)
    np.testing.assert_array_equal(given.reset, RESET)
    again = given._replace(reset=as_type(~RESET, kind))
    assert again.reset.dtype == bool
    np.testing.assert_array_equal(again.reset, ~RESET)


def test_arrays_of_the_right_kind_are_kept_as_they_are():
    given = Sequence(Y, WANTED, MASK, RESET)
    assert all(a is b for a, b in zip(given, (Y, WANTED, MASK, RESET), strict=False))
    for other in (copy.deepcopy(given), pickle.loads(pickle.dumps(given))):
        assert isinstance(other, Sequence)
        np.testing.assert_array_equal(other.inputs, Y)


@pytest.mark.parametrize("given", [[2, 0, 1], np.array([2.0, 0.0, 1.0]), np.tile(np.uint8([2, 0, 1]), (T, 1))])
def test_conditions_are_whole_numbers_one_a_trial(given):
    found = Sequence(Y, WANTED, MASK, RESET, given).condition
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, np.tile([2, 0, 1], (T, 1)))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"mask": MASK * 0.5}, "'mask' parameter of Sequence must be true and false, or 1 and 0. Got 0.5"),
        ({"mask": np.where(MASK, np.nan, 0)}, "'mask' .* Got nan"),
        ({"mask": MASK.astype(int) * 2}, "'mask' .* Got 2"),
        (
            {"mask": MASK[:, 0]},
            r"'mask' parameter .* have the shape \(T, B\) = \(6, 3\). Got \(6,\) instead. One for all",
        ),
        ({"mask": MASK.T}, r"'mask' .* Got \(3, 6\)"),
        ({"mask": MASK[:, :, None]}, r"'mask' .* Got \(6, 3, 1\)"),
        ({"mask": MASK.astype(str)}, "'mask' .* Got an array of <U5"),
        ({"reset": [0, 3]}, r"'reset' parameter .* \(T,\) = \(6,\). Got \(2,\)"),
        ({"reset": MASK}, r"'reset' .* applies to all trials"),
        ({"reset": np.arange(6)}, "'reset' .* Got 2"),
        ({"inputs": Y[:, :, 0]}, r"'inputs' parameter .* have the shape \(T, B, n_in\). Got \(6, 3\)"),
        ({"inputs": Y * 1j}, "'inputs' .* must be real numbers. Got an array of complex128"),
        ({"inputs": Y.astype(str)}, "'inputs' .* real numbers"),
        ({"inputs": [[[1], [2, 3]]]}, "'inputs' .* must be an array of numbers"),
        ({"inputs": None}, "'inputs'"),
        ({"targets": np.zeros((T, B), int)}, "'targets' .* one-hot rows"),
        ({"targets": WANTED[1:]}, r"'targets' .* \(T, B, n_out\) with \(T, B\) = \(6, 3\). Got \(5, 3, 1\)"),
        ({"targets": WANTED + 0j}, "'targets' .* real numbers"),
        ({"condition": [0, 1]}, r"'condition' .* Got \(2,\)"),
        ({"condition": [0, 1, -1]}, "'condition' .* whole numbers of 0 or more. Got -1"),
        ({"condition": [0, 0.5, 1]}, "'condition' .* Got 0.5"),
        ({"condition": [0, np.nan, 1]}, "'condition' .* Got nan"),
        ({"condition": np.arange(T * B).reshape(T, B)}, "'condition' .* the same at all steps"),
    ],
)
def test_what_has_no_one_meaning_is_refused_in_one_sentence(change, sentence):
    with pytest.raises(SpecError, match=sentence) as raised:
        Sequence(**{"inputs": Y, "targets": WANTED, "mask": MASK, "reset": RESET} | change)
    assert "\n" not in str(raised.value)


class Mine(Dataset):
    """One sequence for everything."""

    loss, n_in, n_out, batches_per_epoch = "mse", 1, 1, 1

    def __init__(self, **change):
        sequence = Sequence(Y, WANTED, MASK, RESET)
        self.sequence = self.validation = self.test = sequence._replace(**change)

    def batch(self, number):
        return self.sequence

    def metrics(self, outputs, sequence):
        return {"loss": metrics.mse(outputs, sequence.targets, sequence.mask)}

    def trivial(self):
        return {}


class MyTask(Task):
    """Hands out what it is given."""

    made: object = None

    def data(self, seed, batch_size):
        return self.made


def spoilt(array, value, t, b=1):
    array = array.copy()
    array[t, b, 0] = value
    return array


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, -1e20])
def test_numbers_that_are_none_are_blamed_on_the_data(value):
    for name, array in (("inputs", spoilt(Y, value, 4)), ("targets", spoilt(WANTED, value, 4))):
        mine = Mine(**{name: array})
        with pytest.raises(
            SpecError, match=rf"'{name}' parameter of training batch 7 .* Got .*step 4, trial 1, channel 0"
        ):
            mine.batch(7)
        with pytest.raises(SpecError, match=f"'{name}' parameter of the validation data"):
            MyTask(made=mine).data(0, B)


def test_a_hole_that_is_not_scored_is_no_fault_and_what_is_hidden_is_a_hole():
    assert Mine(targets=spoilt(WANTED, np.nan, 0)).batch(0).mask.sum() == T - 2
    hidden = np.ma.array(WANTED, mask=np.zeros_like(WANTED, bool))
    hidden[4, 1, 0] = np.ma.masked
    with pytest.raises(SpecError, match=r"'targets' parameter of training batch 0 .* Got nan"):
        Mine(targets=hidden).batch(0)


def test_targets_that_are_no_numbers_are_blamed_by_scores():
    with pytest.raises(SpecError, match=r"'targets' parameter of a score .* Got nan .*step 4"):
        metrics.mse(Y, spoilt(WANTED, np.nan, 4), MASK)
    assert np.isnan(metrics.mse(spoilt(Y, np.nan, 4), WANTED, MASK))  # a network that diverged


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"n_in": 2}, r"'inputs' parameter of the validation data must be of shape \(T, B, 2\)"),
        ({"n_out": 2}, r"'targets' .* \(T, B, 2\)"),
        ({"n_in": 0}, "'n_in' parameter of Mine must be an integer of at least 1. Got 0"),
        ({"batches_per_epoch": 1.5}, "'batches_per_epoch'"),
        ({"loss": "mae"}, "'loss' parameter of Mine must be 'mse' or 'cross_entropy'"),
        ({"loss": "cross_entropy"}, "'targets' parameter of the validation data must be one-hot rows"),
        ({"test": {"inputs": 1}}, "'sequence' parameter of the test data must be a Sequence. Got dict"),
    ],
)
def test_a_dataset_that_no_run_can_use_is_refused(change, sentence):
    mine = Mine()
    vars(mine).update(change)
    with pytest.raises(SpecError, match=sentence):
        MyTask(made=mine).data(0, B)


def test_a_task_that_returns_nothing_is_told():
    with pytest.raises(SpecError, match=r"'data' parameter of MyTask must return a Dataset. Got NoneType"):
        MyTask().data(0, 1)


def test_baselines_do_not_depend_on_the_dtype_of_the_mask():
    data = MackeyGlass(steps=300, test_steps=60, lead_in=20).data(1, 1)
    parts = data.train, data.validation, data.test
    whole = SeriesDataset(*(s._replace(mask=s.mask.astype(int), reset=s.reset.astype(float)) for s in parts), 0)
    assert Ridge(taps=3).scores(whole) == Ridge(taps=3).scores(data)
    small = EchoState(units=5, spectral_radii=[0.9], leaks=[1.0], input_scales=[1.0])
    assert small.scores(whole, 1) == small.scores(data, 1)
    assert whole.trivial() == data.trivial()


def test_the_text_of_a_task_is_what_its_author_wrote():
    for cls, name in ((MyTask, "return self.made"), (Mine, "return self.sequence")):
        written = text(cls, methods(cls))
        assert name in written and f"class {cls.__name__}(" in written and "require_usable(self" not in written


def test_what_the_shipped_tasks_fill_in_is_looked_at():
    data = Copying(trials_per_epoch=2, validation_trials=2, test_trials=2).data(0, 2)
    sequence = blank(4, 2, 2)
    sequence.inputs[1, 1, 1] = np.nan
    with pytest.raises(SpecError, match=r"'inputs' parameter of mine .* Got nan"):
        require_usable(data, sequence, "mine")
