"""A new task is one file and one line: from there on it is listed, configured, run and kept like any other."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import stand_in
from typer.testing import CliRunner

from neuroperturb.cli import app as cli
from neuroperturb.cli import training
from neuroperturb.experiments.toml import resolve
from neuroperturb.results.run import load
from neuroperturb.tasks import TASKS
from neuroperturb.training import comparison

PARITY = '''
"""Parity: is the number of +1 among the inputs odd?"""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from neuroperturb.tasks.contract import Sequence, Task
from neuroperturb.tasks.trials import SignTrials, blank, signs


class Parity(Task):
    """Say at the last step whether an odd number of the inputs was +1.

    Parameters
    ----------
    steps : int, inputs shown
    """

    schedule: ClassVar[Literal["online", "episode"]] = "episode"
    default_batch_size: ClassVar[int] = 4
    name: Literal["parity"] = "parity"
    steps: int = Field(3, ge=2)

    def data(self, seed: int, batch_size: int) -> SignTrials:
        return SignTrials(self._trials, self.name, seed, batch_size, (8, 8, 8))

    def _trials(self, rng: np.random.Generator, trials: int) -> Sequence:
        sequence = blank(self.steps, trials, 1)
        shown = signs(rng, self.steps, trials)
        sequence.inputs[:, :, 0] = shown
        sequence.targets[-1, :, 0] = -np.prod(-shown, axis=0)
        sequence.mask[-1] = True
        return sequence
'''


@pytest.fixture
def parity(tmp_path, monkeypatch):
    """The file, and its line in the table."""
    (tmp_path / "parity.py").write_text(PARITY)
    spec = importlib.util.spec_from_file_location("parity", tmp_path / "parity.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(TASKS, "parity", module.Parity)
    monkeypatch.setattr(training, "Trainer", stand_in.Trainer)
    monkeypatch.setattr(comparison, "Trainer", stand_in.Trainer)
    monkeypatch.chdir(tmp_path)
    return module.Parity


def invoke(*arguments):
    return CliRunner().invoke(cli.app, list(arguments))


def test_a_new_task_is_listed_run_and_kept(parity, tmp_path):
    assert "  parity               Say at the last step whether" in invoke("list").output
    result = invoke(
        "run", "parity", "--set", "task.steps=4", "--set", "network.size=3", "--epochs", "1", "--out", "a.nc"
    )
    assert result.exit_code == 0, result.output
    assert "guess" in result.output
    assert load("a.nc").experiment.task == parity(steps=4)
    assert "identical bit for bit" in invoke("run", "a.nc").output


def test_its_key_is_named_where_it_is_wrong(parity):
    result = invoke("run", "parity", "--set", "task.stepz=4")
    assert (
        result.exit_code,
        "'task.stepz' parameter of Parity is unknown. Did you mean 'steps'?" in result.stderr,
    ) == (2, True)
    assert "Did you mean 'parity'?" in invoke("run", "party").stderr


def test_its_data_are_what_a_pencil_says(parity):
    batch = resolve({"task": {"name": "parity", "steps": 2}}).task.data(1, 4).batch(0)
    ups = (batch.inputs[:, :, 0] > 0).sum(axis=0)
    np.testing.assert_array_equal(batch.targets[-1, :, 0] > 0, ups % 2 == 1)
