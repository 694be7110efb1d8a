"""An installed package adds names of tasks, rules and cells: they are listed, run, recorded, and looked for only where ours have none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neuroperturb import audit, load, rules
from neuroperturb.cli.app import app
from neuroperturb.experiments.toml import resolve
from neuroperturb.network.chip import chip
from neuroperturb.spec import InputError, SpecError, plugins
from neuroperturb.study.declaration import parse
from neuroperturb.training.trainer import Trainer

CODE = '''
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

import hardware_models as hw
from neuroperturb import tasks


class Parity(tasks.TrialTask):
    """Say whether an odd number of inputs was +1."""

    steps: int = 3

    def draw(self, rng, trials):
        x = rng.choice([-1.0, 1.0], (self.steps, trials, 1))
        return x, -np.prod(-x, axis=0)


class Leaky(NamedTuple):
    decay: float = 0.9

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        trace = params.decay * trace + post * pre
        return trace, reward * trace


@dataclass(frozen=True)
class Coarse(hw.SoftBounds):
    dw_min: float = 0.1
'''
POINTS = """[neuroperturb.tasks]
parity = lab_things.parts:Parity
delayed-xor = lab_things.parts:Parity
broken = lab_things.broken:Nothing
gone = lab_things.nowhere:Nothing

[neuroperturb.rules]
leaky = lab_things.parts:Leaky

[neuroperturb.cells]
coarse = lab_things.parts:Coarse
"""
SMALL = {
    "network": {"size": 3},
    "rule": {"name": "leaky", "noise_std": 0.1},
    "training": {"epochs": 1, "batch_size": 4, "seed": 1, "schedule": "episode"},
}
PARITY = {"name": "parity", "trials_per_epoch": 4, "validation_trials": 4, "test_trials": 4}


def install(folder, name="lab-things", points=POINTS):
    info = folder / f"{name.replace('-', '_')}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(points)
    return folder


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package as an installer leaves it, on the path."""
    folder = install(tmp_path / "site")
    (folder / "lab_things").mkdir()
    (folder / "lab_things" / "__init__.py").write_text("")
    (folder / "lab_things" / "parts.py").write_text(CODE)
    (folder / "lab_things" / "broken.py").write_text("import neuroperturb\n1 / 0\n")
    monkeypatch.syspath_prepend(str(folder))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == "lab_things"]:
        del sys.modules[name]


def invoke(*arguments):
    return CliRunner().invoke(app, list(arguments))


def test_they_are_listed_without_being_imported(package):
    output = invoke("list").output
    assert "  parity               lab_things.parts:Parity, of the package lab-things 1.2" in output
    assert "  leaky                lab_things.parts:Leaky" in output
    assert "  coarse               lab_things.parts:Coarse" in output
    assert output.count("  delayed-xor ") == 1
    assert "lab_things" not in sys.modules


def test_a_name_of_ours_means_ours(package):
    task = resolve({"task": {"name": "delayed-xor"}}).task
    assert type(task).__module__.startswith("neuroperturb")


def test_a_name_is_looked_for_only_where_ours_has_none(package, monkeypatch):
    monkeypatch.setattr(plugins.metadata, "entry_points", lambda **_: pytest.fail("looked"))
    resolve({"task": "delayed-xor", "rule": "np-trace", "hardware": "ecram"})
    rules.make("danp")


@pytest.mark.slow
def test_all_three_sorts_run_and_their_record_is_read_elsewhere(package, tmp_path):
    experiment = resolve({"task": PARITY, **SMALL, "hardware": {"name": "coarse", "seed": 3}})
    assert (experiment.task.name, experiment.task.steps) == ("lab_things.parts:Parity", 3)
    trainer = Trainer(experiment)
    for _ in trainer:
        pass
    record = trainer.run().save(tmp_path / "r.nc")
    assert load(record).experiment == experiment
    code = (
        f"import neuroperturb, sys; run = neuroperturb.load({str(record)!r}); assert 'lab_things' not in sys.modules; "
        f"sys.path.insert(0, {str(package)!r}); print(run.predict([[1.0]] * 3).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment())
    assert done.stdout == "(3, 1)\n", done.stderr


def environment():
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}


def test_every_command_knows_the_name(package):
    small = [f"task.{key}={value}" for key, value in PARITY.items() if key != "name"]
    sets = [word for setting in (*small, "network.size=3", "training.batch_size=4") for word in ("--set", setting)]
    result = invoke(
        "run", "parity", "--rule", "leaky", "--hardware", "coarse", *sets, "--epochs", "1", "--quiet", "--out", "a.nc"
    )
    assert result.exit_code == 0, result.output
    assert audit("leaky", test=False).verdict == audit("lab_things.parts:Leaky", test=False).verdict
    assert rules.make("leaky", noise_std=0.1).label == "Leaky"
    assert chip.read({"cells": {"kind": "coarse", "dw_min": 0.2}}).cells.dw_min == 0.2
    study = parse({"base": "parity", "axes": {"rule": ["leaky"]}}, "s")
    assert study.base["task"]["name"] == "lab_things.parts:Parity"


def test_what_is_wrong_with_a_package_is_one_sentence(package):
    for name, message in (
        (
            "broken",
            "The module of the task 'lab_things.broken:Nothing' cannot be imported: ZeroDivisionError: division by zero.",
        ),
        ("gone", "names a module 'lab_things.nowhere' that cannot be found"),
    ):
        result = invoke("run", name)
        assert result.exit_code == 2
        assert message in " ".join(result.stderr.split())
    with pytest.raises(SpecError, match=r"cannot be 'paritty'. Did you mean 'parity'"):
        resolve({"task": "paritty"})
    with pytest.raises(SpecError, match=r"cannot be 'leeky'. Did you mean 'leaky'"):
        rules.make("leeky")


def test_two_packages_with_one_name_are_refused(package, tmp_path, monkeypatch):
    other = install(tmp_path / "other", "other-lab", "[neuroperturb.tasks]\nparity = other_lab:Parity\n")
    monkeypatch.syspath_prepend(str(other))
    with pytest.raises(InputError, match=r"The name 'parity' is added by .* and by .*: give its place") as error:
        resolve({"task": "parity"})
    assert "lab-things 1.2" in str(error.value) and "other-lab 1.2" in str(error.value)


def test_without_packages_nothing_changes():
    assert plugins.located("task", "nowhere", ()) == "nowhere"
    assert plugins.located("task", 3, ()) == 3
