"""A task in one method, and the check that a task keeps the contract: one broken task for each sentence."""

import numpy as np
import pytest
from task_names import COMPLETE

from neuroperturb import check_task
from neuroperturb.spec import InputError
from neuroperturb.tasks import TASKS, DelayedXOR, Sequence, Task, TrialTask
from neuroperturb.tasks.trial_task import DrawnTrials

SHORT = {"trials_per_epoch": 8, "validation_trials": 6, "test_trials": 6}


class Parity(TrialTask):
    """Say at the last step whether an odd number of inputs was +1."""

    steps: int = 6

    def draw(self, rng, trials):
        x = rng.choice([-1.0, 1.0], (self.steps, trials, 1))
        return x, -np.prod(-x, axis=0)


class Loudest(TrialTask):
    """Say at every step which of three inputs is largest."""

    classes = 3

    def draw(self, rng, trials):
        x = rng.normal(size=(5, trials, 3))
        return x, x.argmax(axis=2), rng.random((5, trials)) < 0.8


@pytest.mark.parametrize("name", COMPLETE)
def test_the_tasks_that_ship_keep_the_contract(name):
    check_task(TASKS[name])


@pytest.mark.parametrize("task", [Parity(**SHORT), Parity, Loudest(**SHORT)])
def test_one_method_is_enough(task):
    check_task(task)


def test_what_the_method_makes_is_what_is_learned():
    data = Parity(steps=3, **SHORT).data(1, 4)
    batch = data.batch(5)
    ups = (batch.inputs[:, :, 0] > 0).sum(axis=0)
    np.testing.assert_array_equal(batch.targets[-1, :, 0] > 0, ups % 2 == 1)
    assert batch.mask.sum(axis=0).tolist() == [1] * 4
    assert (data.batches_per_epoch, data.n_in, data.n_out) == (2, 1, 1)
    assert data.metrics(batch.targets, batch) == {"loss": 0.0, "nmse": 0.0}
    labelled = Loudest(**SHORT).data(1, 4)
    np.testing.assert_array_equal(labelled.test.targets.argmax(axis=2), labelled.test.inputs.argmax(axis=2))
    assert labelled.metrics(50 * labelled.test.targets, labelled.test)["accuracy"] == 1
    assert labelled.trivial()["guess"]["test"] == pytest.approx(np.log(3), rel=0.1)


class Changed(DrawnTrials):
    """The data of `Parity`, with one thing wrong."""

    def __init__(self, task, seed, size):
        super().__init__(task, seed, size)
        self.seed, self.size = seed, size


def broken(**members):
    """A task whose data have some members replaced."""
    data = type("Broken", (Changed,), members)
    return type("Bad", (Parity,), {"data": lambda self, seed, size: data(self, seed, size)})(**SHORT)


class Forgets(TrialTask):
    pass


class Elsewhere(Parity):
    def draw(self, rng, trials):
        x = np.random.normal(size=(3, trials, 1))
        return x, x[-1]


class Unseeded(Parity):
    def draw(self, rng, trials):
        x = np.random.default_rng().normal(size=(3, trials, 1))
        return x, x[-1]


class Endless(Parity):
    def draw(self, rng, trials):
        x = np.full((3, trials, 1), rng.normal() * np.inf)
        return x, x[-1]


class TrialsFirst(Parity):
    def draw(self, rng, trials):
        x = rng.normal(size=(trials, 3, 1))
        return x, x[:, -1]


class OneThing(Parity):
    def draw(self, rng, trials):
        return rng.normal(size=(3, trials, 1))


class ManyClasses(Loudest):
    classes = 2


class Shared(Parity):
    def draw(self, rng, trials):
        x = np.stack([np.random.default_rng(k).normal(size=(60, 1)) for k in rng.integers(0, 3, trials)], axis=1)
        return x, x[-1]


class OneSeed(Parity):
    def data(self, seed, batch_size):
        return super().data(3, batch_size)


def without_scores(self, number):
    batch = DrawnTrials.batch(self, number)
    return batch._replace(mask=np.zeros_like(batch.mask))


def without_reset(self, number):
    batch = DrawnTrials.batch(self, number)
    return batch._replace(reset=np.zeros_like(batch.reset))


def longer(self, number):
    batch = DrawnTrials.batch(self, number)
    return Sequence(*(np.concatenate([a] * (1 + number % 2)) for a in batch[:4]))


def one_more(self, number):
    return self._draw("train", number, self._batch_size + 1)


def from_the_test(self, number):
    del number
    return Sequence(*(a[:, : self._batch_size] for a in self.test[:3]), self.test.reset)


def in_order_of_requests(self, number):
    self.asked = getattr(self, "asked", 0) + 1
    return self._draw("train", self.asked, self._batch_size)


WRONG = {
    "no method": (Forgets(), "'draw' parameter of Forgets is missing. It makes trials: draw"),
    "a global generator": (Elsewhere(**SHORT), "Elsewhere makes other numbers for training batch 0 when it is asked again"),
    "a generator of no seed": (Unseeded(**SHORT), "Unseeded makes other numbers"),
    "not finite": (Endless(**SHORT), "'x' parameter of Endless.draw must be a finite number"),
    "trials first": (TrialsFirst(**SHORT), "'y' parameter of TrialsFirst.draw must have the shape"),
    "x alone": (OneThing(**SHORT), "'draw' parameter of OneThing must return x, y or x, y, mask"),
    "a class too many": (ManyClasses(**SHORT), "'y' parameter of ManyClasses.draw must be smaller than the 2 classes. Got 2"),
    "the seed ignored": (OneSeed(**SHORT), "OneSeed draws the same trials for another seed"),
    "nothing scored": (broken(batch=without_scores), "Bad scores no step of training batch 0"),
    "no reset": (broken(batch=without_reset), "Bad does not reset the state before the first step of training batch 0"),
    "two lengths": (broken(batch=longer), "Bad has 12 steps in training batch 1 and 6 in the first"),
    "another batch size": (broken(batch=one_more), "Bad has 5 trials in training batch 0, where batch_size = 4 were asked for"),
    "trained on the test": (broken(batch=from_the_test), "Bad draws the same trials for training batch 0 and for the test data"),
    "a trial of the test": (Shared(**SHORT), "Shared draws the same trials for training batch 0 and for the validation data"),
    "a generator used up": (broken(batch=in_order_of_requests), "Bad makes other numbers for training batch 0"),
    "a score, not a loss": (broken(metrics=lambda self, y, s: {"loss": -float((y - s.targets)[s.mask].var())}), "a smaller loss is better"),
    "no loss": (broken(metrics=lambda self, y, s: {"error": 0.0}), "whose first entry is 'loss'"),
    "an infinite loss": (broken(metrics=lambda self, y, s: {"loss": np.inf}), "a loss must be a finite number"),
    "a baseline of nan": (broken(trivial=lambda self: {"mean": {"validation": np.nan, "test": 1.0}}), "'mean' with a validation loss of nan"),
    "a baseline too good": (broken(trivial=lambda self: {"mean": {"validation": 1.0, "test": 0.1}}), "no constant output scores less than"),
    "no test baseline": (broken(trivial=lambda self: {"ridge": {"validation": 1.0}}), "'ridge' with a test loss of nan"),
    "no task": (3, "'task' parameter of check_task must be a subclass of neuroperturb.tasks.Task"),
    "no default": (TASKS["series"], "'path' parameter of Series has no default"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_breaks_the_contract_is_one_sentence(case):
    task, message = WRONG[case]
    with pytest.raises(InputError, match=message) as error:
        check_task(task)
    assert "\n" not in str(error.value)


def test_global_generators_are_left_as_they_were():
    before = np.random.get_state()[1].copy()
    check_task(DelayedXOR(**SHORT))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_a_task_without_data_says_so():
    class Nothing(Task):
        pass

    with pytest.raises(InputError, match="'data' parameter of Nothing is missing"):
        check_task(Nothing())
