"""Searches by Optuna: they go on where they stopped, give up early, and keep the runs that a study would."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import sqlite3
import tomllib

import pytest
import stand_in
from slow_cases import slow
from typer.testing import CliRunner

from neuroperturb.cli import app as cli
from neuroperturb.results.run import load
from neuroperturb.study import declaration, run_one
from neuroperturb.study.grid import lay_out
from neuroperturb.study.tune import closed_after, storage_at

optuna = pytest.importorskip("optuna", reason="the extra 'tune' is not installed")

BASE = """
[base]
task = {name = "delayed-xor", trials_per_epoch = 8, validation_trials = 8, test_trials = 8}
network = {size = 3, bias = true}
training = {schedule = "episode", batch_size = 4, epochs = 4}
rule = "np"
"""
TUNE = """
[tune]
trials = 6
over.learning_rate = { low = 1e-4, high = 1.0, log = true }
"""
AXES = """
[axes]
rule = ["np", "anp"]
seed = [1, 2]
"""


class Trainer(stand_in.Trainer):
    """Ends well at a learning rate of 0.01, and the worse the further from it."""

    made = 0

    def __init__(self, experiment, *, resume=None, dataset=None):
        super().__init__(experiment, resume=resume, dataset=dataset)
        type(self).made += 1
        if resume is None:
            distance = abs(math.log10(experiment.rule.learning_rate) + 2)
            self.weights["W_out"][:] = abs(self.weights["W_out"]) * (1 + distance)


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    monkeypatch.setattr(run_one, "Trainer", Trainer)
    monkeypatch.setattr(Trainer, "made", 0)
    monkeypatch.chdir(tmp_path)


def tune(folder, text, *options):
    (folder / "s.toml").write_text(text)
    return CliRunner().invoke(cli.app, ["tune", str(folder / "s.toml"), *map(str, options)])


def trials(folder):
    url = f"sqlite:///{folder / 'runs' / 's' / 'tune.db'}"
    with closed_after(storage_at(optuna, url)) as kept:
        found = {name: optuna.load_study(study_name=name, storage=kept) for name in optuna.get_all_study_names(kept)}
        return {name.split(" [")[0].removeprefix("s "): study.get_trials() for name, study in found.items()}


def test_every_cell_is_searched_and_the_best_is_said(tmp_path):
    result = tune(tmp_path, BASE + AXES + TUNE)
    assert result.exit_code == 0, result.output
    found = trials(tmp_path)
    assert len(found) == 2 and {len(of_cell) for of_cell in found.values()} == {6}
    assert result.output.count("best validation loss") == 2
    for of_cell in found.values():
        done = [t for t in of_cell if t.state == optuna.trial.TrialState.COMPLETE]
        assert all(1e-4 <= t.params["learning_rate"] <= 1.0 and math.isfinite(t.value) for t in done)
    table = (tmp_path / "runs" / "s" / "tune.csv").read_text().splitlines()
    assert len(table) == 1 + 12


def test_the_same_command_goes_on_and_a_longer_one_adds_what_is_missing(tmp_path):
    text = BASE + TUNE
    assert tune(tmp_path, text, "--trials", 3).exit_code == 0
    (before,) = trials(tmp_path).values()
    made = Trainer.made
    assert tune(tmp_path, text, "--trials", 3).exit_code == 0
    assert Trainer.made == made
    assert tune(tmp_path, text, "--trials", 5).exit_code == 0
    (after,) = trials(tmp_path).values()
    assert [t.params for t in after[:3]] == [t.params for t in before]
    assert len(after) == 5 and Trainer.made == made + 2


def rename_search(folder):
    """As a version that names runs otherwise left it: the runs have their names of now, the search has that of then."""
    with contextlib.closing(sqlite3.connect(folder / "runs" / "s" / "tune.db")) as database, database:
        database.execute("UPDATE studies SET study_name = replace(study_name, '[', '[0')")
    database.close()


def test_a_search_that_an_earlier_version_named_otherwise_goes_on(tmp_path):
    text = BASE + AXES + TUNE.replace("over.", "over.network.leak = [0.5, 1.0]\nover.")
    assert tune(tmp_path, text, "--trials", 3).exit_code == 0
    made, before = Trainer.made, trials(tmp_path)
    rename_search(tmp_path)
    result = tune(tmp_path, text, "--trials", 3)
    assert result.exit_code == 0, result.output
    assert result.output.count("continues the 3 trials of a search that an earlier version named otherwise") == 2
    assert Trainer.made == made
    after = trials(tmp_path)
    assert {cell: [t.params for t in found] for cell, found in after.items()} == {
        cell: [t.params for t in found] for cell, found in before.items()
    }
    assert tune(tmp_path, text, "--trials", 4).exit_code == 0
    assert Trainer.made == made + 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        *slow(("epochs = 4", "epochs = 3"), ("high = 1.0", "high = 0.9")),
        ("trials = 6", "trials = 6\nseeds = 2"),
    ],
)
def test_another_search_of_an_earlier_version_does_not_pass_for_this_one(tmp_path, old, new):
    assert tune(tmp_path, BASE + AXES + TUNE).exit_code == 0
    rename_search(tmp_path)
    made = Trainer.made
    result = tune(tmp_path, (BASE + AXES + TUNE).replace(old, new))
    assert result.exit_code == 0 and "continues" not in result.output
    assert Trainer.made > made


def test_a_search_that_is_stopped_says_so_without_a_traceback(tmp_path, monkeypatch, caplog):
    stopped = iter([False] * 6 + [True] * 1000)
    monkeypatch.setattr("neuroperturb.cli.tune.stop_request", lambda: contextlib.nullcontext(_Asked(stopped)))
    result = tune(tmp_path, BASE + TUNE)
    assert result.exit_code == 130, result.output
    assert "Traceback" not in result.output and "run the same command again" in result.output
    assert "failed with" not in caplog.text


class _Asked:
    """Whether somebody has asked to stop, by now."""

    def __init__(self, answers):
        self.answers = answers

    def __bool__(self):
        return next(self.answers)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        *slow(("epochs = 4", "epochs = 3"), ("low = 1e-4", "low = 1e-3")),
        ("trials = 6", "trials = 6\nseeds = 2"),
    ],
    ids=["base", "ends", "seeds"],
)
def test_another_search_does_not_pass_for_this_one(tmp_path, old, new):
    assert tune(tmp_path, BASE + AXES + TUNE).exit_code == 0
    made, text = Trainer.made, (BASE + AXES + TUNE).replace(old, new)
    assert tune(tmp_path, text).exit_code == 0
    assert Trainer.made >= made + 2 * 3
    made = Trainer.made
    assert tune(tmp_path, text).exit_code == 0
    assert Trainer.made == made


def test_what_fails_is_recorded_and_a_cell_without_any_trial_is_a_failure(tmp_path, monkeypatch):
    def broken(self):
        raise RuntimeError("no room")

    monkeypatch.setattr(Trainer, "__iter__", broken)
    result = tune(tmp_path, BASE + TUNE)
    assert result.exit_code == 1
    assert "none succeeded" in result.output and "Traceback" not in result.output
    reasons = [json.loads(path.read_text())["reason"] for path in (tmp_path / "runs" / "s" / "failed").iterdir()]
    assert set(reasons) == {"RuntimeError: no room"}


def test_a_search_that_is_stopped_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    def interrupt(step):
        if Trainer.made == 3 and step == 20:  # the third trial, half-way
            monkeypatch.setattr(Trainer, "on_chunk", staticmethod(lambda step: None))
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Trainer, "on_chunk", staticmethod(interrupt))
    result = tune(tmp_path, BASE + TUNE, "--trials", 4)
    assert result.exit_code == 130, result.output
    (stopped,) = trials(tmp_path).values()
    stopped = [t.params for t in stopped[:3]]
    met = []
    monkeypatch.setattr(Trainer, "on_chunk", staticmethod(met.append))
    assert tune(tmp_path, BASE + TUNE, "--trials", 4).exit_code == 0
    (after,) = trials(tmp_path).values()
    ended = [t for t in after if t.state.name in ("COMPLETE", "PRUNED")]
    assert [t.params for t in ended[:3]] == stopped and len(ended) == 4
    assert met[0] == 25  # chunks of 5, after the 20 that were done


def test_bad_settings_are_given_up_early_and_leave_no_run(tmp_path):
    assert tune(tmp_path, BASE + TUNE, "--trials", 20).exit_code == 0
    (found,) = trials(tmp_path).values()
    pruned = [t for t in found if t.state == optuna.trial.TrialState.PRUNED]
    complete = [t for t in found if t.state == optuna.trial.TrialState.COMPLETE]
    assert pruned and len(complete) >= 5 and len(pruned) + len(complete) == 20
    assert all(max(t.intermediate_values) < 4 for t in pruned)  # of four epochs
    assert len(list((tmp_path / "runs" / "s" / "runs").iterdir())) == len(complete)
    assert not any((tmp_path / "runs" / "s" / "claims").iterdir())


def test_its_runs_are_those_of_a_study_with_the_same_settings(tmp_path):
    assert tune(tmp_path, BASE + AXES + TUNE, "--trials", 2).exit_code == 0
    kept = {path.stem for path in (tmp_path / "runs" / "s" / "runs").iterdir()}
    named = set()
    for label, of_cell in trials(tmp_path).items():
        rates = [t.params["learning_rate"] for t in of_cell]
        rule = "anp" if "anp" in label else "np"
        axes = {"rule": [rule], "seed": [1], "learning_rate": rates}
        study = declaration.parse({**tomllib.loads(BASE), "axes": axes}, "t")
        named |= {name for cell in lay_out(study) for names in cell.names for name in names}
    assert kept == named and len(named) == 4


def test_what_is_wrong_is_said_in_one_sentence_before_anything_runs(tmp_path):
    (tmp_path / "foreign.db").write_text(
        "a shopping list, which is no database, and is long enough to be looked at" * 20
    )
    foreign = f"sqlite:///{tmp_path / 'foreign.db'}"
    cases = [
        (BASE + TUNE, ("--storage", foreign), "cannot be opened"),
        (BASE + TUNE.replace("learning_rate", "rule.lerning_rate"), (), "lerning_rate"),
        (BASE + TUNE.replace("1e-4", "2.0"), (), "low < high"),
        (
            BASE + TUNE.replace("log = true", "log = 1"),
            (),
            "learning_rate.log' parameter of a study must be true or false",
        ),
        (BASE + AXES.replace("rule = ", "learning_rate = [0.1]\nrule = ") + TUNE, (), "is set twice"),
        (BASE, (), "There is nothing to search"),
    ]
    for text, options, said in cases:
        result = tune(tmp_path, text, *options)
        assert result.exit_code == 2, (said, result.output)
        assert said in result.output and "Traceback" not in result.output
    assert Trainer.made == 0
    assert "shopping list" in (tmp_path / "foreign.db").read_text()


@pytest.mark.parametrize(
    "line",
    [
        "over.learning_rate = [1e-3, 1e-2]",
        "over.network.size = [3, 5]\nover.learning_rate = [1e-2]",
        'over.rule.noise = ["gaussian", "rademacher"]',
        'over.rule.rate = [{kind = "constant"}, {kind = "cosine"}]',
    ],
)
def test_a_choice_is_told_by_its_value_everywhere(tmp_path, line):
    import pandas as pd

    result = tune(tmp_path, BASE + "[axes]\nseed = [1]\n[tune]\ntrials = 6\n" + line)
    assert result.exit_code == 0, result.output
    frame = pd.read_csv(tmp_path / "runs" / "s" / "tune.csv")
    best = frame.loc[frame["value"].idxmin()]
    choices = {
        "learning_rate": {1e-3, 1e-2},
        "network.size": {3, 5},
        "rule.noise": {"gaussian", "rademacher"},
        "rule.rate": {"constant", "cosine"},
    }
    keys = [column.removeprefix("params_") for column in frame if column.startswith("params_")]
    assert keys
    for key in keys:
        assert set(frame[f"params_{key}"]) <= choices[key]
        assert f"{key} {best[f'params_{key}']}" in result.output
    if keys == ["learning_rate"]:
        runs = [load(path) for path in (tmp_path / "runs" / "s" / "runs").glob("*.nc")]
        losses = {run.experiment.rule.learning_rate: run.results["validation"][0] for run in runs}
        assert best["value"] == losses[best["params_learning_rate"]] == min(losses.values())


def test_a_search_is_reported(tmp_path):
    tune(tmp_path, BASE + AXES + "[tune]\ntrials = 4\nover.learning_rate = [1e-3, 1e-2]\n")
    folder = tmp_path / "runs" / "s"
    result = CliRunner().invoke(cli.app, ["report", str(folder)])
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines() if line.startswith(("np ", "anp "))]
    assert len(lines) == 2 and {line[-1] for line in lines} <= {"0.01", "0.001"}
    assert "| np | 4 | 0 |" in (folder / "report" / "tune.md").read_text()
    assert (folder / "report" / "tune.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "number,value,state,cell\nx,y,COMPLETE,np\n", "\x00"])
def test_a_damaged_table_of_trials_is_one_sentence(tmp_path, text):
    (tmp_path / "tune.csv").write_text(text)
    result = CliRunner().invoke(cli.app, ["report", str(tmp_path)])
    assert result.exit_code == 2 and result.stderr.startswith("neuroperturb: ") and "tune.csv" in result.stderr


def test_a_table_half_written_when_the_process_was_killed_is_no_hindrance(tmp_path):
    root = tmp_path / "runs" / "s"
    root.mkdir(parents=True)
    old, new = root / ".tune.csv.part-0123abcd", root / ".tune.csv.part-0123abce"
    for path in (old, new):
        path.write_text("half")
    os.utime(old, (1e9, 1e9))
    assert tune(tmp_path, BASE + TUNE, "--trials", 1).exit_code == 0
    assert not old.exists() and new.exists()  # of the new one nobody knows


def test_a_database_that_cannot_be_written_is_one_sentence(tmp_path):
    """A trigger stands for a file without the right to write, which root has."""
    assert tune(tmp_path, BASE + TUNE).exit_code == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "runs" / "s" / "tune.db")) as database, database:
        database.execute("CREATE TRIGGER no BEFORE INSERT ON studies BEGIN SELECT RAISE(ABORT, 'read only'); END")
    result = tune(tmp_path, (BASE + TUNE).replace("epochs = 4", "epochs = 3"))
    assert result.exit_code == 2 and "cannot be opened" in result.output and "Traceback" not in result.output
