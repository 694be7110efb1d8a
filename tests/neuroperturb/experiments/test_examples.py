"""Every example that `explain` prints runs: its TOML is read, its command is taken, and the setting is changed."""

import shlex
import tomllib

import numpy as np
import pytest
from typer.testing import CliRunner

from neuroperturb.cli import app as cli
from neuroperturb.cli import run
from neuroperturb.cli.explain import explanation
from neuroperturb.experiments import toml
from neuroperturb.experiments.settings import settings

KEYS = list(dict.fromkeys(one.key for one in settings()))
ONLY_IN_RECORDS = "the text of one's own code, or the hash of a file, as a record keeps it: nobody types it"
WITHOUT = dict.fromkeys(
    [
        *(f"rule.formula{end}" for end in ("", ".source", ".parameters", ".sha256", ".text")),
        *(f"loss.{name}" for name in ("source", "parameters", "sha256", "text")),
        "network.initial.sha256",
    ],
    ONLY_IN_RECORDS,
)
OWN_RULE = """
from typing import NamedTuple


class MyRule(NamedTuple):
    decay: float = 0.9

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        trace = params.decay * trace + pre * post
        return trace, reward * trace
"""


@pytest.fixture
def files(tmp_path, monkeypatch):
    """What examples name as a file of one's own."""
    monkeypatch.chdir(tmp_path)
    rows = [f"2024-01-{1 + k // 24:02d} {k % 24:02d}:00,{k % 7},{k % 5}" for k in range(600)]
    (tmp_path / "load.csv").write_text("\n".join(["time,load_kw,temperature", *rows]))
    x = np.zeros((20, 5, 2), np.float32)
    np.savez(tmp_path / "trials.npz", x_train=x, y_train=np.zeros((20, 1), np.float32))
    (tmp_path / "my_rule.py").write_text(OWN_RULE)
    np.savez(tmp_path / "weights.npz", W_in=np.zeros((4, 2)), W_rec=np.zeros((4, 4)), W_out=np.zeros((1, 4)))
    np.savez(tmp_path / "chip.npz", **{"W_rec.step_up": np.full((20, 20), 0.01)})
    return tmp_path


def printed(key):
    """The TOML and the command of an explanation."""
    lines = explanation(key).splitlines()
    first = next((k for k, line in enumerate(lines) if line.startswith("  TOML")), None)
    if first is None:
        return None
    last = next(k for k, line in enumerate(lines) if line.startswith("  command"))
    text = "\n".join(line[11:] for line in lines[first:last])
    return text, lines[last][11:]


def refused(command, monkeypatch):
    """What the command line says to a command; nothing where it would train. And what it would train."""
    jobs = []
    monkeypatch.setattr(run, "carry_out", lambda job, **_: jobs.append(job) or 0)
    result = CliRunner().invoke(cli.app, shlex.split(command)[1:])
    return result.output if result.exit_code else "", jobs[0].experiment if jobs else None


def without_the_last(command):
    words = shlex.split(command)
    last = len(words) - 1 - words[::-1].index("--set")
    return shlex.join(words[:last] + words[last + 2 :])


def test_every_setting_has_an_example_but_those_that_only_records_have():
    assert [key for key in KEYS if printed(key) is None] == [key for key in KEYS if key in WITHOUT]
    assert set(WITHOUT) <= set(KEYS)


def test_every_printed_toml_and_command_is_taken_and_changes_something(files, monkeypatch):
    wrong = []
    for key in KEYS:
        if key in WITHOUT:
            continue
        text, command = printed(key)
        try:
            toml.resolve(tomllib.loads(text), folder=files)
        except ValueError as error:
            wrong.append(f"{key}: {error}")
        said, made = refused(command, monkeypatch)
        before = refused(without_the_last(command), monkeypatch)[1]
        if said or made == before:
            wrong.append(f"{key}: {command}: {said or 'changes nothing'}")
    assert wrong == []


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("hardware.cells.bits", "--set hardware.cells.kind=digital --set hardware.cells.bits=6"),
        ("network.bias", "network.bias="),
        ("spiking.dt", "--set 'spiking.dt=2 ms'"),
        ("task.test", "run mackey-glass --set task.test=another"),
        ("hardware.costs", "--set hardware.costs=reram"),
        ("task.target", "run load.csv --set 'task.target="),
    ],
)
def test_examples_have_the_task_the_kind_and_the_unit_that_they_need(key, command):
    assert command in printed(key)[1] and "True" not in printed(key)[1]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("rule.like", ["np-trace"]),
        ("rule.name", ["np-p", "danp", "bptt"]),
        ("hardware.cells.kind", ["digital", "exp-step"]),
        ("hardware.name", ["ecram", "rram-milo"]),
        ("task.name", ["weather"]),
        ("eta", ["rule.learning_rate"]),
    ],
)
def test_keys_that_choose_a_record_are_explained(key, words):
    assert all(word in explanation(key) for word in words)
