"""Tasks and cells of one's own: in TOML, by name and in Python; records that other processes read, resume, repeat; studies."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import hardware_models as hw
from neuroperturb import load
from neuroperturb.cli.app import app
from neuroperturb.experiments import experiment as config
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.toml import dumps, resolve
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.chip.part_tables import OwnPart
from neuroperturb.results.run import differences, same_science
from neuroperturb.spec import InputError, SpecError, user_code
from neuroperturb.study import run_name
from neuroperturb.tasks import DelayedXOR, OwnTask, Task
from neuroperturb.training.trainer import Trainer

ROOT = Path(__file__).parents[3]

MINE = '''
"""A task and a cell of one's own."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

import hardware_models as hw
from neuroperturb.tasks import Dataset, Sequence, Task

CLASSES = 3


def one_hot(labels):
    return np.eye(CLASSES)[labels]


class Letters(Dataset):
    """Which of three inputs is on?"""

    loss = "cross_entropy"
    n_in, n_out, batches_per_epoch = CLASSES, CLASSES, 4

    def __init__(self, seed, batch_size, steps):
        self._seed, self._batch_size, self._steps = seed, batch_size, steps
        self.validation, self.test = self._make(1, 12), self._make(2, 12)

    def batch(self, number):
        return self._make(10 + number, self._batch_size)

    def _make(self, stream, trials):
        labels = np.random.default_rng([self._seed, stream]).integers(0, CLASSES, trials)
        shown = np.broadcast_to(one_hot(labels), (self._steps, trials, CLASSES)).copy()
        mask, reset = np.zeros((self._steps, trials), bool), np.zeros(self._steps, bool)
        mask[-1], reset[0] = True, True
        return Sequence(shown, shown, mask, reset)

    def metrics(self, outputs, sequence):
        y, wanted = outputs[sequence.mask], sequence.targets[sequence.mask]
        y = y - y.max(axis=1, keepdims=True)
        log_softmax = y - np.log(np.exp(y).sum(axis=1, keepdims=True))
        return {"loss": float(-(wanted * log_softmax).sum(axis=1).mean())}

    def trivial(self):
        return {}


class WhichLetter(Task):
    schedule = "episode"
    default_batch_size = 6

    name: Literal["which"] = "which"
    steps: int = 4

    def data(self, seed, batch_size):
        return Letters(seed, batch_size, self.steps)


@dataclass(frozen=True, kw_only=True)
class MyCell(hw.SoftBounds):
    """Soft bounds whose pulses get smaller as the cell is used: here, just half of them."""

    share: float = 0.5

    def check(self):
        super().check()
        if not 0 < self.share <= 1:
            raise ValueError("a share of 0 makes no pulses")
'''
TOML = """
task = {{ name = "{place}:WhichLetter", steps = 5 }}
rule = {{ name = "np-trace", noise_std = 0.05 }}
network = {{ size = 4, bias = true }}
training = {{ epochs = 2, seed = 3 }}
hardware = {{ cells = {{ kind = "{place}:MyCell", dw_min = 0.02 }}, seed = 4 }}
"""


def forget():
    """As in another process, which met none of the folders of the tests before."""
    user_code._known.clear()
    user_code._met.clear()
    for name in [name for name in sys.modules if name.startswith("mine")]:
        del sys.modules[name]


def test_threads_that_look_for_one_class_find_it(tmp_path, monkeypatch):
    """The second must not meet a module that the first is still executing, by path or by name."""
    monkeypatch.chdir(tmp_path)
    text = "import time\nfrom dataclasses import dataclass\nimport hardware_models as hw\n@dataclass(frozen=True, kw_only=True)\n"
    text += "class Slow(hw.SoftBounds):\n    time.sleep(0.2)\n"
    for stem in ("slow_by_path", "slow_by_name"):
        (tmp_path / f"{stem}.py").write_text(text)
    sought = user_code.Sought("cell", "cells", lambda cls: True, "")
    for name in ("slow_by_path.py:Slow", "slow_by_name:Slow"):
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda _, name=name: user_code.find(name, sought), range(4)))
        assert len(set(found)) == 1 and found[0].__name__ == "Slow"
        assert str(tmp_path) not in sys.path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "run.toml").write_text(TOML.format(place="mine.py"))
    forget()
    yield tmp_path
    forget()


def trained(experiment, resume=None, epochs=None):
    trainer = Trainer(experiment, resume=resume)
    for _ in trainer:
        if epochs is not None and len(trainer.run().history) >= epochs:
            break
    return trainer.run()


def invoke(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)


def test_a_table_names_a_task_and_a_cell_and_reads_back(folder):
    for place in ("mine.py", "mine"):
        experiment = resolve(tomllib.loads(TOML.format(place=place)))
        assert (experiment.task.name, experiment.task.steps, experiment.task.label) == (
            f"{place}:WhichLetter",
            5,
            "WhichLetter",
        )
        assert (experiment.training.schedule, experiment.training.batch_size) == ("episode", 6)
        assert type(experiment.hardware.cells).__name__ == "MyCell"
        assert experiment.hardware.cells.dw_min == 0.02
        table = experiment.table()
        assert table["task"]["steps"] == 5
        for text in (table["task"]["source"]["text"], table["hardware"]["cells"]["source"]["text"]):
            assert "class WhichLetter(Task)" in text or "class MyCell(hw.SoftBounds)" in text
        for piece in ("class Letters(Dataset)", "def one_hot(labels)", "CLASSES = 3"):  # all that it is made of
            assert piece in table["task"]["source"]["text"]
        again = Experiment.parse(tomllib.loads(dumps(experiment)))
        assert again == experiment
        assert config.digest(again) == config.digest(experiment)
        assert isinstance(again.hardware.cells, OwnPart)
        assert again.bound() == experiment
        assert again.bound().hardware.cells == experiment.hardware.cells
        assert not isinstance(again.bound().hardware.cells, OwnPart)


def test_a_name_alone_is_enough_and_a_table_of_a_cell_may_name_a_matrix(folder):
    experiment = resolve({"task": "mine.py:WhichLetter", "hardware": "mine.py:MyCell"}, ["task.steps=3"])
    assert experiment.task.steps == 3
    assert experiment.hardware.of("W_in").cells.share == 0.5
    one = resolve({"task": "mine.py:WhichLetter", "hardware": {"W_out": {"cells": "mine.py:MyCell"}}}).hardware
    assert type(one.of("W_out").cells).__name__ == "MyCell"
    assert one.of("W_in").cells == hw.Ideal()


def test_a_record_is_read_without_running_anything(folder):
    """Not even a file that is not there any more is missed, until it is needed."""
    experiment = resolve(tomllib.loads(TOML.format(place="mine.py")))
    run = trained(experiment)
    path = run.save(folder / "run.nc")
    forget()
    (folder / "mine.py").write_text("raise SystemExit('ran')\n")
    loaded = load(path)
    assert loaded.experiment.task == experiment.task
    assert "WhichLetter" in loaded.report()
    assert "mine.py:WhichLetter (sha256 " in loaded.report()
    assert repr(loaded) == repr(run) == "<Run np-trace unbiased on WhichLetter, MyCell: finished, 2 of 2 epochs>"
    assert differences(run, loaded) == []
    forget()
    for attempt in (
        loaded.experiment.task.bind,
        loaded.experiment.bound,
        lambda: loaded.experiment.hardware.of("W_in"),
    ):
        with pytest.raises(
            InputError, match=r"'mine.py:(WhichLetter|MyCell)' has changed since this experiment was written"
        ):
            attempt()
    (folder / "mine.py").unlink()
    with pytest.raises(InputError, match=r"names a file 'mine\.py' that does not exist"):
        load(path).experiment.bound()


@pytest.mark.parametrize("part", ["task", "rule", "hardware"])
def test_a_record_that_names_code_without_its_text_is_refused_unread(folder, part):
    """A record that somebody else made cannot make us import what it names: its checksum has no key, anybody can write it."""
    import h5py
    import tomli_w

    from neuroperturb.results import file

    (folder / "evil.py").write_text("raise SystemExit('CODE NAMED BY A RECORD RAN')\n")
    path = trained(resolve({"task": "mine.py:WhichLetter", "network": {"size": 3}, "training": {"epochs": 1}})).save(
        "a.nc"
    )
    with h5py.File(path, "a") as opened:
        named = "evil.py:X" if part == "hardware" else {"name": "evil.py:X"}
        opened.attrs["experiment"] = tomli_w.dumps(tomllib.loads(opened.attrs["experiment"]) | {part: named})
        texts, arrays = _contents(opened, file)
        opened.attrs["checksum"] = file._checksum(arrays, texts)
    with pytest.raises(InputError, match=r"names code, 'evil\.py:X', without its text: opening a record runs no code"):
        load(path)


def _contents(opened, file):
    texts = {name: str(opened.attrs[name]) for name in (*file.TEXTS, *file.LATER)}
    texts["ledger"] = opened["ledger/json"].asstr()[()]
    arrays = {
        f"{g}/{n}": file._read_array(v)
        for g in opened
        if g != "ledger"
        for n, v in opened[g].items()
        if file._is_variable(v)
    }
    return texts, arrays


def test_a_run_is_resumed_by_another_process_to_the_same_bits(folder):
    experiment = resolve(tomllib.loads(TOML.format(place="mine.py")))
    whole = trained(experiment)
    path = trained(experiment, epochs=1).save(folder / "half.nc")
    forget()
    half = load(path)
    assert half.status == "interrupted"
    rest = trained(half.experiment, resume=half)
    assert same_science(rest, whole), differences(rest, whole)
    (folder / "mine.py").write_text(MINE.replace("    share: float", "    # of a pulse\n    share: float"))
    forget()
    again = trained(load(path).experiment, resume=load(path))
    assert "# of a pulse" in again.experiment.table()["hardware"]["cells"]["source"]["text"]
    assert same_science(again, whole)  # comments are no science
    assert config.digest(rest.experiment) == config.digest(whole.experiment)


def python(*arguments, cwd):
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "NUMBA_DISABLE_JIT": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", "neuroperturb", *arguments], cwd=cwd, env=environment, capture_output=True, text=True
    )


@pytest.mark.slow
def test_the_command_line_trains_repeats_deploys_and_reports(folder):
    small = ["--set", "network.size=3", "--epochs", "1", "--quiet"]
    done = python("run", "mine.py:WhichLetter", "--hardware", "mine.py:MyCell", *small, cwd=folder)
    assert done.returncode == 0, done.stderr
    (path,) = (folder / "runs").glob("WhichLetter-*.nc")
    again = python("run", str(path), "--quiet", cwd=folder)
    assert again.returncode == 0, again.stderr
    assert "bit for bit" in again.stdout, again.stdout
    assert python("deploy", str(path), "--chip", "1", cwd=folder).returncode == 0
    report = invoke("report", path)
    assert report.exit_code == 0 and "cross-entropy [nats]" in report.output
    forget()
    (folder / "mine.py").write_text(MINE.replace("CLASSES = 3", "CLASSES = 4"))
    assert invoke("report", path, "--no-figure").exit_code == 0
    refused = python("run", str(path), "--quiet", cwd=folder)
    assert refused.returncode == 2
    assert "The task 'mine.py:WhichLetter' has changed since this experiment was written" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_study_of_them_goes_on_where_it_was(folder):
    (folder / "s.toml").write_text(
        'baselines = ["ridge"]\n[base]\nnetwork = { size = 3 }\ntraining = { epochs = 1 }\n[axes]\n'
        'task = ["mine.py:WhichLetter", { name = "mine.py:WhichLetter", steps = 3 }]\nhardware = ["ideal", "mine.py:MyCell"]\nseed = [1]\n'
    )
    assert invoke("study", "s.toml", "--workers", "1", "--quiet").exit_code == 0
    runs = sorted((folder / "runs" / "s" / "runs").iterdir())
    times = [path.stat().st_mtime_ns for path in runs]
    assert len(runs) == 4
    forget()
    (folder / "mine.py").write_text(MINE + "\n# another comment\n")
    assert invoke("study", "s.toml", "--workers", "1", "--quiet").exit_code == 0
    assert [path.stat().st_mtime_ns for path in sorted((folder / "runs" / "s" / "runs").iterdir())] == times
    forget()
    assert invoke("report", "runs/s").exit_code == 0
    assert not [name for name in sys.modules if name.startswith("mine")]  # the class was not even looked for


def test_a_worker_gets_the_table_and_finds_the_class_itself(folder):
    experiment = resolve(tomllib.loads(TOML.format(place="mine.py")))
    table, name = experiment.table(), run_name.name(experiment)
    forget()
    there = Experiment.parse(table)
    assert run_name.name(there) == name
    assert not [module for module in sys.modules if module.startswith("mine")]
    assert trained(there).status == "finished"


# ----------------------------------------------------------------------------------------------------------------------
# In Python


class Mine(DelayedXOR):
    """A task of this file."""

    extra: int = 3


@dataclass(frozen=True, kw_only=True)
class Cell(hw.SoftBounds):
    """A cell of this file."""

    def check(self):
        super().check()


SMALL = {"trials_per_epoch": 8, "validation_trials": 4, "test_trials": 4}


def test_objects_of_ones_own_are_kept_as_data():
    experiment = Experiment(
        task=Mine(**SMALL, extra=5), hardware=Chip(cells=Cell(dw_min=0.01)), network={"size": 3}, training={"epochs": 1}
    )
    assert isinstance(experiment.task, OwnTask)
    assert experiment.task.extra == 5
    assert experiment.task.bind() == Mine(**SMALL, extra=5)
    assert experiment.hardware.cells == Cell(dw_min=0.01)
    again = Experiment.parse(tomllib.loads(dumps(experiment)))
    assert again == experiment
    assert hash(again.task) == hash(experiment.task)
    assert again.task != experiment.task.of(Mine(**SMALL, extra=6))
    assert trained(again).status == "finished"


def test_a_class_that_nobody_else_finds_is_kept_and_said():
    class Local(DelayedXOR):
        """Of this function."""

    experiment = Experiment(task=Local(**SMALL), network={"size": 3}, training={"epochs": 1})
    with pytest.warns(
        UserWarning, match="Local is defined in a script, a notebook or a function. Records store its source"
    ):
        run = trained(experiment)
    assert "its source exists only in the record" in run.report()
    with (
        warnings.catch_warnings(),
        pytest.raises(InputError, match="'Local' was defined in a script, a notebook or a function, where no other"),
    ):
        warnings.simplefilter("ignore")
        user_code._known.clear()
        Experiment.parse(run.experiment.table()).bound()


class Odd(Task):
    """Holds what no record can."""

    model_config = Task.model_config | {"arbitrary_types_allowed": True}
    what: object = None


@dataclass(frozen=True)
class OddCell(hw.SoftBounds):
    """Holds what no record can."""

    table: object = None


def test_what_no_record_can_hold_is_refused_before_training():
    with pytest.raises(SpecError, match="'task' parameter of Odd must be made of numbers, texts and lists of these"):
        Experiment(task=Odd(what=np.zeros))
    with pytest.raises(
        SpecError,
        match=r"'cells\.table' parameter of OddCell must be a number, a text, a list or a part, which a record can",
    ):
        Chip(cells=OddCell(table=np.zeros))


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (
            {"task": "mine.py:Nothing"},
            "'task.name' parameter names no class 'Nothing' in 'mine.py'. Known: WhichLetter.",
        ),
        (
            {"task": "mine.py:Letters"},
            "'task.name' parameter names 'mine.py:Letters', which is not a subclass of neuroperturb.tasks.Task",
        ),
        ({"task": "nowhere.py:X"}, "'task.name' parameter names a file 'nowhere.py' that does not exist."),
        (
            {"task": {"name": "mine.py:WhichLetter", "stepz": 3}},
            "'task.stepz' parameter of WhichLetter is unknown. Did you mean 'steps'?",
        ),
        (
            {"task": {"name": "mine.py:WhichLetter", "steps": "x"}},
            "'task.steps' parameter of WhichLetter must be an integer. Got 'x'",
        ),
        (
            {"task": {"name": "mine.py:WhichLetter", "source": 3}},
            "'task.source' parameter must be a table of 'sha256' and 'text'. Got 3",
        ),
        (
            {"hardware": "mine.py:Nothing"},
            "'hardware.cells.kind' parameter names no class 'Nothing' in 'mine.py'. Known: MyCell.",
        ),
        (
            {"hardware": {"cells": "mine.py:Letters"}},
            "'hardware.cells.kind' parameter names 'mine.py:Letters', which is not a dataclass or",
        ),
        (
            {"hardware": {"cells": {"kind": "mine.py:MyCell", "dw_mn": 1}}},
            "'hardware.cells.dw_mn' parameter of MyCell is unknown. Did you mean",
        ),
        (
            {"hardware": {"cells": {"kind": "mine.py:MyCell", "share": 0}}},
            "'hardware.cells' parameter is invalid: a share of 0",
        ),
        (
            {"hardware": {"W_in": {"cells": {"kind": "mine.py:MyCell", "share": "x"}}}},
            "'hardware.W_in.cells.share' parameter of MyCell must be",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(folder, table, sentence):
    with pytest.raises(InputError) as error:
        resolve({"task": "delayed-xor", **table})
    assert sentence in str(error.value), str(error.value)
    assert "\n" not in str(error.value)


def test_a_class_given_to_load_needs_no_import(folder, tmp_path_factory, monkeypatch):
    experiment = resolve(tomllib.loads(TOML.format(place="mine.py")))
    path = trained(experiment).save(folder / "a.nc").rename(tmp_path_factory.mktemp("elsewhere") / "a.nc")
    task, cell = type(experiment.task.bind()), type(experiment.hardware.bound().of("W_in").cells)
    (folder / "mine.py").unlink()
    forget()
    user_code._met.clear()
    monkeypatch.chdir(path.parent)
    with pytest.raises(InputError, match="does not exist"):
        load(path).experiment.bound()
    again = load(path, task=task, hardware=cell)
    assert type(again.experiment.bound().task.bind()) is task

    class WhichLetter(task):
        def data(self, seed, batch_size):
            return super().data(seed + 1, batch_size)

    with pytest.raises(InputError, match="was not made with this task 'WhichLetter'"):
        load(path, task=WhichLetter)
