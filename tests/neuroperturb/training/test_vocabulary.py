"""One vocabulary in Python: names, presets, hardware and tables are taken alike, and objects say what they are."""

import copy
import re

import numpy as np
import pytest

import hardware_models as hw
from neuroperturb import RNN, Training, experiment, rules, train
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.toml import resolve
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.chip.chip import read as read_chip
from neuroperturb.spec import SpecError
from neuroperturb.tasks import DelayedXOR

TASK = DelayedXOR(trials_per_epoch=8, validation_trials=2, test_trials=2)
TRAINING = Training(epochs=1, batch_size=4, seed=1)


@pytest.mark.kernels
def test_names_are_what_they_stand_for():
    by_name = train(RNN(size=3), TASK, "np-trace", training=TRAINING)
    by_object = train(RNN(size=3), TASK, rules.make("np-trace", schedule="episode"), training=TRAINING)
    for name, weights in by_object.weights.items():
        np.testing.assert_array_equal(by_name.weights[name], weights)
    assert by_name.experiment.rule == by_object.experiment.rule


def test_every_form_of_hardware_is_the_same_chip():
    forms = [
        "ecram",
        {"name": "ecram"},
        hw.PRESETS["ecram"],
        hw.PRESETS["ecram"].hardware,
        Chip(**vars(hw.PRESETS["ecram"].hardware)),
    ]
    chips = [read_chip(form) for form in forms]
    assert all(chip == chips[0] for chip in chips)
    assert chips[-1].origin().name == "ecram"


def test_a_task_by_name_and_a_rule_that_decorrelates(monkeypatch):
    made = []
    monkeypatch.setattr("neuroperturb.training.train.Trainer", lambda experiment: made.append(experiment) or _Stopped())
    train(RNN(size=3), "delayed-xor", "danp")
    assert made[0].task == DelayedXOR() and made[0].decorrelation is not None
    train(RNN(size=3), "delayed-xor", "bptt", hardware="ecram")
    assert made[1].rule.name == "bptt" and isinstance(made[1], Experiment)


def test_tables_are_what_they_are_in_a_file(monkeypatch):
    made = []
    monkeypatch.setattr("neuroperturb.training.train.Trainer", lambda experiment: made.append(experiment) or _Stopped())
    task = {"name": "delayed-xor", "steps": 16}
    rule = {"name": "danp", "learning_rate": 0.02}
    train({"size": 3}, task, rule, training={"epochs": 2, "schedule": "episode"}, modifier="additive")
    table = {"network": {"size": 3}, "task": task, "rule": rule, "training": {"epochs": 2, "schedule": "episode"}}
    assert made[0] == resolve({**table, "modifier": "additive"})


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"training": 3}, "The 'training' parameter of Experiment must be a table. Got 3 instead."),
        ({"task": 7}, "The 'task' parameter of Experiment must be a table. Got 7 instead."),
        ({"rule": None}, "The 'rule' parameter of Experiment must be a table. Got None instead."),
        ({"rule": {"name": "np-q"}}, "Did you mean 'np-p'?"),
        ({"rule": {}}, "'rule.name'"),
        ({"modifier": "noise"}, "'modifier.kind' parameter cannot be 'noise'"),
    ],
)
def test_a_part_that_is_none_is_said_in_one_sentence(part, said):
    with pytest.raises(SpecError, match=re.escape(said)):
        train(**{"network": RNN(size=3), "task": "delayed-xor", "rule": "np", **part})


class _Stopped:
    def __iter__(self):
        return iter(())

    def run(self):
        return None


@pytest.mark.parametrize(
    ("task", "rule", "hint"),
    [("delayed-xo", "np", "Did you mean 'delayed-xor'?"), ("delayed-xor", "np-q", "Did you mean 'np-p'?")],
)
def test_a_wrong_name_is_one_sentence(task, rule, hint):
    with pytest.raises(SpecError) as error:
        train(RNN(size=3), task, rule)
    assert hint in str(error.value)


def test_objects_say_what_they_are():
    array = hw.PRESETS["ecram"].array((2, 3), seed=1)
    np.testing.assert_array_equal(np.asarray(array), array.read())
    assert np.asarray(array, np.float64).dtype == np.float64
    assert repr(array).startswith("SynapseArray(2 × 3, LinearStep(")
    assert "electrochemical RAM" in repr(hw.PRESETS["ecram"])
    assert repr(read_chip({"name": "ecram", "seed": 7})) == "Chip(ecram, seed=7)"
    assert repr(rules.make("np")) != repr(rules.make("np-p")) and "dtype" not in repr(rules.make("np"))
    assert "injected" not in repr(rules.make("np"))  # the plain probe
    page = hw.PRESETS._repr_html_()
    assert page.count("<tr>") == len(hw.PRESETS) + 1 and "ClosedLoop" in page


def test_objects_show_a_small_escaped_table_in_a_notebook():
    preset = hw.PRESETS["ecram"]
    shown = {
        "array": (preset.array((2, 3), seed=7), ("2 × 3", "LinearStep", "seed")),
        "preset": (preset, ("electrochemical RAM", "ClosedLoop", "doi:")),
        "hardware": (preset.hardware, ("LinearStep",)),
        "chip": (read_chip({"name": "ecram", "seed": 7}), ("ecram", "seed", ">7<")),
        "rule": (rules.make("np-p"), ("np-p", "presynaptic")),
        "own name": (rules.make("np").replace(label="<b>&"), ("&lt;b&gt;&amp;",)),
    }
    for kind, (thing, words) in shown.items():
        page = thing._repr_html_()
        assert page.startswith("<table>") and page.endswith("</table>"), kind
        assert [word for word in words if word not in page] == [], kind
        assert len(page) < 4000 and "<b>" not in page, kind
    assert "np-p" not in rules.make("np")._repr_html_()
    assert "costs" not in hw.Hardware()._repr_html_() and "cells_file" not in hw.Hardware()._repr_html_()


def test_a_trainer_says_what_it_trains_and_how_far_it_is():
    setup = Experiment(network=RNN(size=3), task=TASK, rule=rules.make("np"), training=TRAINING)
    page = experiment(setup)._repr_html_()
    assert "by np" in page and "ideal weights" in page and "0 of " in page
    assert re.fullmatch(r"<Trainer of np.* on delayed-xor: 0 of [\d,]+ time steps>", repr(experiment(setup)))


def test_a_loop_is_told_after_every_epoch_or_so_many_steps():
    setup = Experiment(network=RNN(size=3), task=TASK, rule=rules.make("np"), training=TRAINING.replace(epochs=3))
    assert [now.epoch for now in experiment(setup, every="epoch")] == [1, 2, 3]
    each = (
        experiment(setup).dataset.batch(0).inputs.shape[0]
    )  # a sequence is presented whole, and there are two an epoch
    assert [now.step for now in experiment(setup, every=each)] == [each * k for k in range(1, 7)]
    assert [now.step for now in experiment(setup, every=each + 1)] == [each * k for k in (2, 3, 4, 5, 6)]
    assert [now.step for now in experiment(setup, every=4 * each)] == [4 * each]
    assert copy.deepcopy(experiment(setup, every="epoch")).every == "epoch"


@pytest.mark.parametrize("every", ["epochs", 0, -3, 1.5, True])
def test_what_is_no_pace_is_said(every):
    with pytest.raises(SpecError, match="'every' parameter of experiment must be 'epoch', or a number of time steps"):
        experiment(Experiment(network=RNN(size=3), task=TASK, rule=rules.make("np"), training=TRAINING), every=every)
