"""Trials of your own: how arrays are read, split and scored, which file they are, and what is refused in one sentence."""

import copy
import pickle
import re

import numpy as np
import pytest
from slow_cases import slow
from typer.testing import CliRunner

from neuroperturb import forecast, load, predict
from neuroperturb.cli.app import app
from neuroperturb.experiments.toml import resolve
from neuroperturb.spec import InputError, SpecError
from neuroperturb.tasks import Arrays
from neuroperturb.training.trainer import Trainer

T, B, N = 6, 30, 2
TIME_FIRST, TRIAL_FIRST = "time, trial, feature", "trial, time, feature"
X = np.random.default_rng(1).normal(size=(T, B, N))
Y = np.random.default_rng(2).normal(size=(T, B, 3))
LABELS = np.arange(B) % 3


def numbered(y_of=lambda trial: trial):
    """Trials that can be told apart: x holds the number of the trial, and so does y."""
    trial = np.arange(B, dtype=float)
    x = np.broadcast_to(trial[None, :, None], (T, B, 1))
    return x.copy(), np.array([y_of(k) for k in trial])


def test_both_layouts_are_the_same_trials():
    one = Arrays(train=(X, Y), layout=TIME_FIRST).data(3, 4)
    two = Arrays(train=(X.swapaxes(0, 1), Y.swapaxes(0, 1)), layout=TRIAL_FIRST).data(3, 4)
    for a, b in ((one.batch(5), two.batch(5)), (one.test, two.test), (one.validation, two.validation)):
        for left, right in zip(a, b, strict=True):
            np.testing.assert_array_equal(left, right)


def test_whole_trials_are_split_and_keep_their_targets():
    found = Arrays(train=numbered(), layout=TIME_FIRST).data(0, 4)
    parts = [found.train.inputs[0, :, 0], found.validation.inputs[0, :, 0], found.test.inputs[0, :, 0]]
    assert [len(part) for part in parts] == [21, 3, 6]
    assert sorted(np.concatenate(parts)) == list(range(B))
    for sequence in (found.batch(0), found.validation, found.test):
        np.testing.assert_array_equal(sequence.targets, sequence.inputs)
        assert sequence.mask.sum(axis=0).tolist() == [1] * sequence.inputs.shape[1]
        assert sequence.mask[-1].all()
    other = Arrays(train=numbered(), layout=TIME_FIRST).data(1, 4)
    assert other.test.inputs[0, :, 0].tolist() != found.test.inputs[0, :, 0].tolist()


def test_every_epoch_presents_every_trial_once_in_an_order_of_its_own():
    found = Arrays(train=numbered(), test=numbered(), validation=numbered(), layout=TIME_FIRST).data(0, 5)
    assert found.batches_per_epoch == 6
    orders = [np.concatenate([found.batch(6 * e + k).inputs[0, :, 0] for k in range(6)]) for e in range(2)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(B))
    assert orders[0].tolist() != orders[1].tolist()
    np.testing.assert_array_equal(found.test.inputs[0, :, 0], np.arange(B))


def test_classes_are_scored_by_the_cross_entropy():
    found = Arrays(train=(X, LABELS), kind="classification", layout=TIME_FIRST, test_share=0.5).data(0, 2)
    assert (found.loss, found.n_out) == ("cross_entropy", 3)
    frequencies = found.train.targets[-1].mean(axis=0)
    test = found.test.targets[-1]
    by_hand = -(test @ np.log(frequencies)).mean()
    assert found.trivial()["guess"]["test"] == pytest.approx(by_hand)
    right = found.metrics(100 * found.test.targets, found.test)
    assert (right["accuracy"], right["loss"]) == (1.0, pytest.approx(0, abs=1e-9))


def test_the_mean_is_the_training_mean():
    found = Arrays(train=(X, Y), layout=TIME_FIRST).data(0, 2)
    mean = found.train.targets.mean(axis=(0, 1))
    assert found.trivial()["mean"]["test"] == pytest.approx(((found.test.targets - mean) ** 2).mean())


def test_mask_and_washout_say_what_is_scored():
    mask = np.zeros((T, B), bool)
    mask[1:4] = True
    found = Arrays(train=(X, Y), mask=mask, washout=2, layout=TIME_FIRST).data(0, 2)
    assert found.test.mask.any(axis=1).tolist() == [False, False, True, True, False, False]
    one_a_trial = Arrays(train=(X, LABELS, mask), kind="classification", layout=TIME_FIRST).data(0, 2)
    assert one_a_trial.test.mask.any(axis=1).tolist() == [False, True, True, True, False, False]
    every = Arrays(train=(X, LABELS + np.zeros((T, 1))), kind="classification", layout=TIME_FIRST).data(0, 2)
    assert every.test.mask.all()
    hidden = np.where(mask[:, :, None], Y, np.nan)  # where nothing is scored, nothing need be known
    assert np.isnan(Arrays(train=(X, hidden, mask), layout=TIME_FIRST).data(0, 2).test.targets[0]).all()


def test_a_file_is_the_same_task_and_says_how_it_is_ordered(tmp_path):
    held = Arrays(train=(X.swapaxes(0, 1), LABELS), layout=TRIAL_FIRST, kind="classification")
    kept = held.save(tmp_path / "trials.npz")
    assert kept.label == "arrays trials"
    for task in (kept, Arrays(path=str(tmp_path / "trials.npz"))):
        for left, right in zip(task.data(0, 4).batch(3), held.data(0, 4).batch(3), strict=True):
            np.testing.assert_array_equal(left, right)
    np.savez(tmp_path / "b.npz", x=X.astype(np.float32), y=Y)
    assert Arrays(path=str(tmp_path / "b.npz"), layout=TIME_FIRST).data(0, 4).n_out == 3


def test_arrays_in_memory_go_by_their_content_and_travel_whole():
    task = Arrays(train=(X, Y), layout=TIME_FIRST)
    assert task == Arrays(train=(X.copy(), Y), layout=TIME_FIRST)
    assert task != Arrays(train=(X + 1, Y), layout=TIME_FIRST)
    sent = pickle.dumps(task)
    path = task.path
    assert copy.deepcopy(task) == task
    del task
    with pytest.raises(InputError, match="in the memory of another process"):
        Arrays(path=path, layout=TIME_FIRST).data(0, 2)
    assert pickle.loads(sent).data(0, 2).n_in == N
    x = X.copy()
    task = Arrays(train=(x, Y), layout=TIME_FIRST)
    x[:] = 0  # a task is a constant
    assert task.data(0, 2).batch(0).inputs.any()


def trained(task, **changes):
    table = {
        "task": task,
        "network": {"size": 4},
        "rule": "np-trace",
        "training": {"epochs": 1, "seed": 1, "batch_size": 4},
        **changes,
    }
    trainer = Trainer(resolve(table))
    for _ in trainer:
        pass
    return trainer


@pytest.mark.parametrize("hardware", [None, *slow("ecram")])
def test_a_record_predicts_the_trials_of_another_file(tmp_path, hardware):
    Arrays(train=(X, LABELS), kind="classification", layout=TIME_FIRST).save(tmp_path / "a.npz")
    trainer = trained({"name": "arrays", "path": str(tmp_path / "a.npz")}, hardware=hardware)
    run = load(trainer.run().save(tmp_path / "r.nc"))
    assert run.data[str(tmp_path / "a.npz")].rows == B
    np.savez(tmp_path / "new.npz", x=trainer.dataset.test.inputs)
    table = forecast(run, tmp_path / "new.npz")
    outputs = trainer.evaluate(trainer.dataset.test)[-1]
    assert list(table.columns) == ["trial", "step", "class", "p 0", "p 1", "p 2"]
    assert table["class"].tolist() == outputs.argmax(axis=1).tolist()
    np.testing.assert_allclose(table[["p 0", "p 1", "p 2"]].sum(axis=1), 1)
    np.testing.assert_array_equal(predict(run, trainer.dataset.test.inputs)[-1], outputs)


def test_numbers_at_every_step_have_a_row_each(tmp_path):
    Arrays(train=(X, Y), layout=TIME_FIRST).save(tmp_path / "a.npz")
    run = trained({"name": "arrays", "path": str(tmp_path / "a.npz")}).run()
    np.savez(tmp_path / "new.npz", x=X[:, :2])
    table = forecast(run, tmp_path / "new.npz")
    assert table["trial"].tolist() == [0] * T + [1] * T
    np.testing.assert_array_equal(table["output 2"].to_numpy().reshape(2, T).T, predict(run, X[:, :2])[:, :, 2])


def test_the_commands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Arrays(train=(X, LABELS), kind="classification", layout=TIME_FIRST).save("a.npz")
    small = ["--epochs", "1", "--set", "network.size=3", "--set", "training.batch_size=4", "--quiet"]
    result = CliRunner().invoke(app, ["run", "a.npz", *small, "--out", "r.nc"])
    assert result.exit_code == 0, result.output
    assert "guess" in result.output
    result = CliRunner().invoke(app, ["predict", "r.nc", "a.npz"])
    assert result.exit_code == 2
    assert "has no 'x', the inputs to predict from. Got x_train, y_train instead" in " ".join(result.output.split())
    np.savez("new.npz", x=X[:, :5])
    result = CliRunner().invoke(app, ["predict", "r.nc", "new.npz"])
    assert result.exit_code == 0, result.output
    assert len((tmp_path / "new-r.csv").read_text().splitlines()) == 6


ONE = np.float64(1)
PICKLE = np.array([{"a": 1}, None], dtype=object)
WRONG = {
    "objects": ({"x": PICKLE, "y": Y}, {}, "holds Python objects in 'x', which are not read"),
    "ragged": ({"train": ([[1.0], [1.0, 2.0]], Y)}, {}, "'x_train' parameter of Arrays must be an array of numbers, with rows of equal length"),
    "texts": ({"train": (X.astype(str), Y)}, {}, "'x_train' parameter of Arrays must be an array of numbers"),
    "nan": ({"train": (np.where(X > 2, np.nan, X), Y)}, {}, "'x_train' parameter of Arrays must be a finite number .* Got nan instead"),
    "nan target": ({"train": (X, np.where(Y > 2, np.nan, Y))}, {}, "'y_train' parameter of Arrays must be a finite number .* where it is scored"),
    "two axes": ({"train": (X[:, 0], Y)}, {}, r"'x_train' parameter of Arrays must have three axes, \(time, trial, feature\)"),
    "other times": ({"train": (X, Y[1:])}, {}, r"must have the shape \(time, trial, output\) = \(6, 30, n\), or \(trial, output\)"),
    "other trials": ({"train": (X, Y[:, 1:])}, {}, "'y_train' parameter of Arrays must have the shape"),
    "steps as outputs": ({"train": (X, Y[:, :, 0])}, {}, r"One output at every step is y_train\[:, :, None\]"),
    "labels not whole": ({"train": (X, LABELS + 0.5)}, {"kind": "classification"}, "whole numbers of 0 or more, the labels of classes. Got 0.5"),
    "labels below 0": ({"train": (X, LABELS - 1)}, {"kind": "classification"}, "whole numbers of 0 or more, .* Got -1"),
    "labels too many": ({"train": (X, LABELS[1:])}, {"kind": "classification"}, r"must have the shape \(trial\) = \(30,\), or \(time, trial\)"),
    "a class never trained": ({"train": (X, LABELS), "test": (X, LABELS + 1)}, {"kind": "classification"},
                              "'y_test' parameter of Arrays must be at most 2"),
    "a mask of numbers": ({"train": (X, Y, 2 * np.ones((T, B)))}, {}, "'mask_train' parameter of Arrays must be true and false"),
    "a mask of another shape": ({"train": (X, Y, np.ones(B))}, {}, "'mask_train' parameter of Arrays must have the shape"),
    "nothing scored": ({"train": (X, Y)}, {"washout": 6}, "'washout' parameter of Arrays must be smaller than the 6 steps of a trial. Got 6"),
    "other features": ({"train": (X, Y), "test": (X[:, :, :1], Y)}, {}, "'x_test' parameter of Arrays must have as many features as 'x_train', 2"),
    "one trial": ({"train": (X[:, :1], Y[:, :1])}, {}, "must have at least 3 trials to be split into training, test, validation. Got 1"),
    "a batch too large": ({"train": (X, Y)}, {"batch": 22}, "'batch_size' parameter of Arrays data must be at most 21"),
    "no layout": ({"train": (X, Y)}, {"layout": None}, "'layout' parameter of Arrays is missing. Which axis of x is time is not known"),
    "an odd layout": ({"train": (X, Y)}, {"layout": "B, T, n"}, "'layout' parameter of Arrays must be 'time, trial, feature' or"),
    "no targets": ({"train": (X,)}, {}, r"'train' parameter of Arrays must be \(x, y\) or \(x, y, mask\)"),
    "no training": ({"test": (X, Y)}, {}, "'train' parameter of Arrays is missing"),
    "half a part": ({"x": X, "y": Y, "x_test": X}, {}, "has no 'y_test'"),
    "two kinds of training": ({"x": X, "y": Y, "x_train": X, "y_train": Y}, {}, "has both 'x' and 'x_train'"),
    "other names": ({"X": X, "y": Y}, {}, "holds 'X', which is none of x, y, mask"),
    "an empty file": ({}, {}, "has neither 'x' and 'y' nor 'x_train' and 'y_train'. Got nothing instead"),
    "shares": ({"train": (X, Y)}, {"test_share": 0.95}, "'validation_share' parameter of Arrays must be less than 1 together with 'test_share'"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_used_is_one_sentence(tmp_path, case):
    given, settings, message = WRONG[case]
    settings = {"layout": TIME_FIRST, **settings}
    batch = settings.pop("batch", 2)
    with pytest.raises(SpecError, match=message) as error:
        if given.keys() & {"train", "test"}:
            Arrays(**given, **settings).data(0, batch)
        else:
            np.savez(tmp_path / "a.npz", **given)
            Arrays(path=str(tmp_path / "a.npz"), **settings).data(0, batch)
    assert "\n" not in str(error.value)


def damaged(name, tmp_path):
    np.savez(tmp_path / "whole.npz", x=X, y=Y)
    whole = (tmp_path / "whole.npz").read_bytes()
    np.save(tmp_path / "one.npy", X)
    return {
        "no file": None,
        "text": b"a,b\n1,2\n",
        "npy": (tmp_path / "one.npy").read_bytes(),
        "cut": whole[: len(whole) // 2],
        "bits": whole[:200] + bytes(8) + whole[208:],
        "zip of text": b"PK\3\4" + bytes(100),
    }[name]


@pytest.mark.parametrize("case", ["no file", "text", "npy", "cut", "bits", "zip of text"])
def test_what_is_no_file_of_arrays_is_one_sentence(tmp_path, case):
    content = damaged(case, tmp_path)
    if content is not None:
        (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(SpecError, match=re.escape("'path' parameter of Arrays names")) as error:
        Arrays(path=str(tmp_path / "a.npz"), layout=TIME_FIRST).data(0, 2)
    assert "\n" not in str(error.value)


def test_a_changed_file_is_not_the_one_of_the_record(tmp_path):
    Arrays(train=(X, Y), layout=TIME_FIRST).save(tmp_path / "a.npz")
    run = trained({"name": "arrays", "path": str(tmp_path / "a.npz")}).run()
    Arrays(train=(X + 1, Y), layout=TIME_FIRST).save(tmp_path / "a.npz")
    with pytest.raises(InputError, match="differs from that of the record"):
        predict(run, X)
