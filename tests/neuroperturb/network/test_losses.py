"""Losses that a network learns from: shipped and of one's own, for perturbations and for the exact gradient, in records too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from slow_cases import slow

from neuroperturb import RNN, Experiment, Training, check_loss, load, rules, tasks, train
from neuroperturb.baselines.bptt import losses
from neuroperturb.experiments.toml import dumps, resolve
from neuroperturb.network.scalar_losses import Hinge, Huber, ScalarLoss, make_trial_loss, plain
from neuroperturb.spec import InputError, SpecError
from neuroperturb.tasks.contract import Sequence
from neuroperturb.training.trainer import Trainer

PINBALL = """
from typing import NamedTuple

class Pinball(NamedTuple):
    q: float = 0.9

    @staticmethod
    def loss(params, output, target):
        error = target - output
        return params.q * error if error > 0 else (params.q - 1) * error

    @staticmethod
    def derivative(params, output, target):
        return -params.q if target > output else 1 - params.q


class Blunt(NamedTuple):
    @staticmethod
    def loss(params, output, target):
        return abs(output - target)
"""
SMALL = {"trials_per_epoch": 8, "validation_trials": 4, "test_trials": 4, "steps": 4, "cues": [0, 1]}


class Squared(NamedTuple):
    """The mean squared error, written as one's own."""

    @staticmethod
    def loss(params, output, target):
        return (output - target) ** 2

    @staticmethod
    def derivative(params, output, target):
        return 2 * (output - target)


def by_hand(name, value, y, target):
    if name == "huber":
        error = abs(y - target)
        return 0.5 * error**2 if error <= value else value * (error - 0.5 * value)
    return max(0.0, value - target * y)


@pytest.mark.parametrize(("record", "name", "value"), [(Huber(0.7), "huber", 0.7), (Hinge(1.2), "hinge", 1.2)])
def test_shipped_losses_are_what_a_pencil_says(record, name, value):
    rng = np.random.default_rng(0)
    kernels = make_trial_loss(plain(type(record).loss), record)
    for _ in range(20):
        c, delta, target = rng.normal(size=3), 0.1 * rng.normal(size=3), rng.choice([-1.0, 1.0], 3)
        at = lambda y, target=target: np.mean([by_hand(name, value, a, b) for a, b in zip(y, target, strict=True)])  # noqa: E731
        np.testing.assert_allclose(kernels.twin(c, delta, target), (at(c), at(c + delta) - at(c)), atol=1e-13)
        np.testing.assert_allclose(
            kernels.pair(c, delta, target), (at(c), (at(c + delta) - at(c - delta)) / 2), atol=1e-13
        )
        np.testing.assert_allclose(kernels.single(c, delta, target), (at(c), at(c)), atol=1e-13)


@pytest.mark.parametrize("record", [Huber(0.7), Hinge(1.2), Squared()])
def test_derivatives_are_those_of_finite_differences(record):
    rng, loss = np.random.default_rng(1), ScalarLoss(record, "")
    y, target, mask = rng.normal(size=(3, 2, 2)), rng.choice([-1.0, 1.0], (3, 2, 2)), rng.random((3, 2)) < 0.7
    sequence = Sequence(np.zeros((3, 2, 1)), target, mask, [1, 0, 0])
    _, errors = losses(y, sequence, loss)
    scored = mask.sum()
    for place in np.ndindex(y.shape):
        step = np.zeros_like(y)
        step[place] = 1e-6
        up, down = (
            losses(y + s * step, sequence, loss)[0] * scored / 2 for s in (1, -1)
        )  # mean over scored → sum over steps, mean over B
        np.testing.assert_allclose(errors[place], (up - down) / 2e-6, atol=1e-6)


def experiment(**changes):
    table = {
        "task": {"name": "delayed-xor", **SMALL},
        "network": {"size": 3},
        "rule": "np-trace",
        "training": {"epochs": 1, "batch_size": 4, "seed": 2, "dtype": "float64"},
        **changes,
    }
    return resolve(table)


def trained(made):
    trainer = Trainer(made)
    for _ in trainer:
        pass
    return trainer.run()


@pytest.mark.parametrize(
    "rule", ["np", "np-trace", *slow("np-p", "wp-held"), "bptt", *slow({"name": "np", "baseline": "running_mean"})]
)
def test_a_loss_of_ones_own_that_is_the_tasks_learns_the_same(rule):
    ours = trained(experiment(rule=rule))
    own = trained(experiment(rule=rule).replace(loss=Squared()))
    for name, weights in ours.weights.items():
        np.testing.assert_allclose(own.weights[name], weights, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", ["huber", {"kind": "huber", "delta": 0.3}, "hinge", "mse"])
@pytest.mark.parametrize("rule", ["np-trace", "bptt"])
def test_what_is_scored_stays_the_tasks_loss(loss, rule):
    run, plain_run = trained(experiment(rule=rule, loss=loss)), trained(experiment(rule=rule))
    assert run.loss["name"] == "mean squared error"
    same = np.array_equal(run.weights["W_rec"], plain_run.weights["W_rec"])
    assert same == (loss == "mse")


def test_it_is_in_the_toml_the_record_and_the_digest(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(PINBALL)
    monkeypatch.chdir(tmp_path)
    made = experiment(loss={"name": "mine.py:Pinball", "q": 0.8})
    assert made.loss.parameters == {"q": 0.8}
    assert made != experiment() and "loss" not in experiment().table()
    assert resolve(__import__("tomllib").loads(dumps(made))) == made
    record = trained(made).save(tmp_path / "r.nc")
    run = load(record)
    assert run.experiment == made
    assert "source=mine.py:Pinball" in run.report()
    code = f"import neuroperturb; print(neuroperturb.load({str(record)!r}).predict([[1.0, 0.0]] * 4).shape)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment())
    assert done.stdout == "(4, 1)\n", done.stderr
    (tmp_path / "mine.py").write_text(PINBALL.replace("params.q * error if", "2 * params.q * error if"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment())
    assert "The loss 'mine.py:Pinball' has changed since this experiment was written" in done.stderr


def environment():
    import os

    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}


def test_train_takes_one(tmp_path):
    task = tasks.DelayedXOR(steps=4, cues=(0, 1), trials_per_epoch=8, validation_trials=4, test_trials=4)
    run = train(RNN(size=3), task, rules.make("np"), training=Training(epochs=1, batch_size=4), loss=Huber(0.5))
    assert run.experiment.loss.parameters == {"delta": 0.5}


WRONG = [
    ({"loss": "hubert"}, "'loss' parameter cannot be 'hubert'. Did you mean 'huber'"),
    ({"loss": {"kind": "huber", "delta": 0}}, "'loss.delta' parameter of HuberLoss must be greater than 0"),
    ({"loss": {"kind": "huber", "gamma": 1}}, "'loss.gamma' parameter of HuberLoss is unknown"),
    ({"loss": "mine.py:Nothing"}, "names no class 'Nothing' in 'mine.py'"),
    ({"loss": {"name": "mine.py:Pinball", "p": 1}}, "'loss.p' parameter of Pinball is unknown"),
    ({"loss": 3}, "'loss' parameter of Experiment must be a name or a table"),
    ({"loss": "huber", "rule": "rtrl"}, "'loss' parameter of Experiment must be 'mse' or 'cross_entropy' with the rule 'rtrl'"),
    ({"loss": "cross_entropy"}, "'loss' parameter of Experiment must be that of targets which are numbers"),
    ({"loss": "mine.py:Blunt", "rule": "bptt"}, "'derivative' parameter of Blunt is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), WRONG, ids=str)
def test_what_does_not_fit_is_one_sentence(tmp_path, monkeypatch, changes, message):
    (tmp_path / "mine.py").write_text(PINBALL)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message) as error:
        trained(experiment(**changes))
    assert "\n" not in str(error.value)


def test_a_perturbation_needs_no_derivative(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(PINBALL)
    monkeypatch.chdir(tmp_path)
    assert trained(experiment(loss="mine.py:Blunt")).status == "finished"


class Wrong(NamedTuple):
    @staticmethod
    def loss(params, output, target):
        return (output - target) ** 2

    @staticmethod
    def derivative(params, output, target):
        return output - target


class Infinite(NamedTuple):
    @staticmethod
    def loss(params, output, target):
        return 1e400 * (output - target)


class Others(NamedTuple):
    @staticmethod
    def loss(params, y, wanted):
        return y


@pytest.mark.parametrize("loss", [Huber(), Hinge, Squared()])
def test_losses_that_keep_the_form(loss):
    check_loss(loss)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (Wrong(), "'derivative' parameter of Wrong must be .*, as finite differences have it"),
        (Infinite(), "'loss' parameter of Infinite must be finite"),
        (Others(), r"'loss' parameter of Others must have the form loss\(params, output, target\)"),
        (Experiment, "must be a NamedTuple of numbers"),
    ],
)
def test_losses_that_do_not(loss, message):
    with pytest.raises(SpecError, match=message):
        check_loss(loss)
