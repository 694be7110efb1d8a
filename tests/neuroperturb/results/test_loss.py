"""What a loss is called, its unit and its guess level: said by the data, kept by the record, used by figures; never by a task's name."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from task_names import COMPLETE
from typer.testing import CliRunner

from neuroperturb import tasks
from neuroperturb.cli.app import app
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.results import loss
from neuroperturb.results.figures import learning_curve
from neuroperturb.results.run import differences, load
from neuroperturb.study.figures import canvas
from neuroperturb.study.store import StudyFolder
from neuroperturb.study.summary import floor_of, lines
from neuroperturb.study.table import read
from neuroperturb.tasks.contract import Sequence, constant_loss
from neuroperturb.training.trainer import Trainer

MINE = """
import numpy as np

from neuroperturb.tasks import Dataset, Sequence, Task


class Coins(Dataset):
    loss = "cross_entropy"
    n_in, n_out, batches_per_epoch = 1, 2, 2

    def __init__(self, seed):
        self._seed = seed
        self.validation, self.test = self._make(1), self._make(2)

    def batch(self, number):
        return self._make(3 + number)

    def _make(self, stream):
        sides = np.random.default_rng([self._seed, stream]).integers(0, 2, 8)
        shown = np.broadcast_to(np.eye(2)[sides], (3, 8, 2)).copy()
        return Sequence(shown[:, :, :1], shown, np.ones((3, 8), bool), np.arange(3) == 0)

    def metrics(self, outputs, sequence):
        y = outputs - outputs.max(axis=2, keepdims=True)
        log_softmax = y - np.log(np.exp(y).sum(axis=2, keepdims=True))
        return {"loss": float(-(sequence.targets * log_softmax).sum(axis=2).mean())}

    def trivial(self):
        return {}


class Coin(Task):
    schedule = "episode"
    default_batch_size = 8

    def data(self, seed, batch_size):
        return Coins(seed)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "coin.py").write_text(MINE)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("coin_")]:
        del sys.modules[name]


def trained(experiment):
    trainer = Trainer(experiment)
    for _ in trainer:
        pass
    return trainer.run()


def axis_label(run):
    return learning_curve.learning_curve(run, learning_curve.blank(2, 2).subplots()).get_ylabel()


@pytest.mark.parametrize("name", COMPLETE)
def test_built_in_data_say_what_they_are_scored_by(name):
    if name == "digits":
        pytest.importorskip("sklearn")
    data = tasks.TASKS[name]().data(3, 2)
    scale = data.loss_scale()
    assert (scale.name, scale.unit) == (("cross-entropy", "nats") if name == "digits" else ("mean squared error", ""))
    constant = [losses for baseline, losses in data.trivial().items() if baseline in ("guess", "mean")]
    assert scale.guess == {part: min(losses[part] for losses in constant) for part in ("validation", "test")}


def test_the_best_constant_output_by_hand():
    targets = np.array([[[0.0, 1.0]], [[1.0, 0.0]], [[1.0, 0.0]], [[9.0, 9.0]]])
    mask = np.array([[True], [True], [True], [False]])
    sequence = Sequence(np.zeros((4, 1, 1)), targets, mask, np.zeros(4, bool))
    assert constant_loss("cross_entropy", sequence) == pytest.approx(-(np.log(1 / 3) + 2 * np.log(2 / 3)) / 3)
    assert constant_loss("mse", sequence) == pytest.approx(2 / 9)
    assert np.isnan(constant_loss("mse", sequence._replace(mask=np.zeros((4, 1), bool))))


def test_a_task_of_ones_own_is_labelled_by_its_data(folder):
    run = trained(Experiment.parse({"task": "coin.py:Coin", "network": {"size": 3}, "training": {"epochs": 1}}))
    assert axis_label(run) == "cross-entropy [nats]"
    assert "loss      cross-entropy [nats]; the best constant output scores 0." in run.report()
    loaded = load(run.save(folder / "coin.nc"))
    assert loaded.loss == run.loss
    assert axis_label(loaded) == "cross-entropy [nats]"
    assert differences(run, loaded) == []
    run.loss = {"name": "surprise", "unit": "bits", "guess": {"validation": 1.0, "test": float("nan")}}
    loaded = load(run.save(folder / "coin.nc"))
    assert axis_label(loaded) == "surprise [bits]"
    assert "loss      surprise [bits]; the best constant output scores 1.00 on validation data\n" in loaded.report()
    assert differences(run, loaded) == []  # what a record says of its loss is no other science


def test_a_record_that_does_not_say_falls_back_on_what_there_was(folder):
    run = trained(
        Experiment.parse(
            {"task": {"name": "delayed-xor", "trials_per_epoch": 4}, "network": {"size": 3}, "training": {"epochs": 1}}
        )
    )
    assert run.loss["name"] == "mean squared error"
    run.loss = {}
    old = load(run.save(folder / "old.nc"))
    assert axis_label(old) == "mean squared error"
    assert loss.line(old) == ""
    assert loss.of_task("digits")["name"] == "cross-entropy"


def test_figures_of_a_study_are_labelled_by_its_records(folder):
    (folder / "s.toml").write_text(
        "base = { network = { size = 3 }, training = { epochs = 1 } }\n[axes]\n"
        'task = ["coin.py:Coin", { name = "delayed-xor", trials_per_epoch = 4, validation_trials = 4, test_trials = 4 }]\nrule = ["np"]\n'
    )
    result = CliRunner().invoke(app, ["study", "s.toml", "--workers", "1", "--quiet"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    tables = read(StudyFolder(folder / "runs" / "s"))
    made = lines(tables)
    named = {
        name: canvas.loss_name(canvas.Facet(name, [line for line in made if line.facet == name], [], tables))
        for name in dict.fromkeys(line.facet for line in made)
    }
    coin, xor = named
    assert named == {coin: "test loss (cross-entropy) [nats]", xor: "test loss"}
    floor = floor_of(tables, coin)
    assert (floor.name, floor.loss) == ("a constant output", pytest.approx(tables.losses[0]["guess"]["test"]))
    assert floor_of(tables, xor).name == "guessing"
    index = json.loads((folder / "runs" / "s" / "cells.json").read_text())
    assert index["names"] == 2
