"""Whole files that hold something else than a run, and records whose parts do not fit: one sentence, whoever reads them."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from neuroperturb.experiments.toml import resolve
from neuroperturb.results import file as record_file
from neuroperturb.results.run import load
from neuroperturb.spec import InputError
from neuroperturb.training.deployment import Deployed
from neuroperturb.training.trainer import Trainer

TASK = {
    "name": "delayed-xor",
    "steps": 4,
    "cues": [0, 1],
    "trials_per_epoch": 4,
    "validation_trials": 2,
    "test_trials": 2,
}
SMALL = {"task": TASK, "rule": "np", "network": {"size": 2}, "training": {"epochs": 2, "batch_size": 2}}


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """Texts and arrays of a run on hardware that stopped half way."""
    trainer = Trainer(resolve({**SMALL, "hardware": "ecram"}))
    while trainer.step < 8:
        trainer.advance()
    return record_file.read(trainer.run().save(tmp_path_factory.mktemp("run") / "run.nc"))


def written(path, texts, arrays):
    """A whole file, its checksum right."""
    axis_first = sorted(arrays, key=lambda name: name != "history/epoch")  # a variable that is an axis of others
    packed = [(*name.split("/", 1), arrays[name]) for name in axis_first]
    record_file.write(path, texts, packed, None)
    return path


TEXTS = {
    "status": ["", "done", "3"],
    "diverged_step": ["", "{", "[]", "-1", "1.5", "true", "7"],
    "experiment": ["", "task = ", "task = 3", "x = 1", "\x01"],
    "seeds": ["", "[]", "3", '{"init": "x"}'],
    "versions": ["", "[]", '{"numpy": 3}'],
    "cpu": ["{", "null", '{"name": []}'],
    "timestamps": ["{", "null", '{"started": 3}'],
    "ledger": ["{", "[]", "3", '{"hardware": {"arrays": 3}}', '{"hardware": {"arrays": {}, "total": {}}}'],
    "loss": ["{", "[1]", '"x"', '{"name": 3}', '{"name": "x", "unit": "", "guess": 3}'],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in TEXTS.items() for text in texts])
def test_another_text(content, tmp_path, name, text):
    texts, arrays = content
    path = written(tmp_path / "other.nc", {**texts, name: text}, arrays)
    refused(path)


def refused(path):
    with pytest.raises(InputError) as error:
        load(path)
    sentence = str(error.value)
    assert "other.nc" in sentence and "\n" not in sentence and sentence.endswith(".")


ARRAYS = ["history/epoch", "history/train_loss", "timing/history_seconds"]


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize(
    "other",
    [None, np.zeros((2, 3)), np.zeros(0), np.array(["a", "b"], object)],
    ids=["gone", "shape", "empty", "texts"],
)
def test_another_array(content, tmp_path, name, other):
    texts, arrays = content
    assert name in arrays
    changed = {key: array for key, array in arrays.items() if key != name} | ({} if other is None else {name: other})
    refused(written(tmp_path / "other.nc", texts, changed))


@pytest.mark.parametrize("name", ["W_rec", "W_in", "D_in"])
@pytest.mark.parametrize(
    "other",
    [None, np.zeros((2, 3)), np.zeros(0), np.array(["a", "b"], object)],
    ids=["gone", "shape", "empty", "texts"],
)
def test_other_weights_are_not_deployed(content, tmp_path, name, other):
    texts, arrays = content
    run = load(written(tmp_path / "other.nc", texts, arrays))
    run.weights = {key: w for key, w in run.weights.items() if key != name} | ({} if other is None else {name: other})
    with pytest.raises(InputError):
        Deployed(run, run.experiment.hardware)


@pytest.mark.parametrize(
    "index", ['["position", 1]', '["position", -3]', "[]", "{", '["position", 10000]', '["elsewhere", 3]']
)
def test_another_index_of_the_state(content, tmp_path, index):
    """A state that is cut otherwise is refused when it is read, or when the run is continued."""
    texts, arrays = content
    rows = arrays["state/int64_index"].copy()
    rows[[json.loads(row)[0] for row in rows].index("position")] = index
    path = written(tmp_path / "other.nc", texts, {**arrays, "state/int64_index": rows})
    with pytest.raises(InputError):
        run = load(path)
        Trainer(run.experiment, resume=run)


def test_a_state_that_lacks_an_array_is_not_continued(content, tmp_path):
    texts, arrays = content
    run = load(written(tmp_path / "other.nc", texts, arrays))
    some = [
        "position",
        "epoch.W_in",
        "epoch.D_rec",
        *sorted(name for name in run.state if name.startswith("learner."))[::20],
    ]
    for name in some:
        rest = {key: value for key, value in run.state.items() if key != name}
        whole, run.state = run.state, rest
        with pytest.raises(InputError):
            Trainer(run.experiment, resume=run)
        run.state = {**whole, name: np.zeros((7, 7))}
        with pytest.raises(InputError):
            Trainer(run.experiment, resume=run)
        run.state = whole
    Trainer(run.experiment, resume=run)


def test_another_librarys_file(tmp_path):
    for number, make in enumerate((lambda f: None, lambda f: f.attrs.update(format="neuroperturb run"), nearly)):
        path = tmp_path / f"other.nc{number}"
        with h5py.File(path, "w") as file:
            make(file)
        refused(path)


def nearly(file):
    """A file that says that it is a run, without being one."""
    file.attrs.update(
        format="neuroperturb run", format_version=1, checksum="0", **dict.fromkeys(record_file.TEXTS, "{}")
    )
    file["ledger/json"] = "{}"
    file["history/epoch"] = np.arange(3)
