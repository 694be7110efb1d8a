"""Peers of `neuroperturb bench`, and its history."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from neuroperturb.analysis.speed import peers
from neuroperturb.analysis.speed.bench import LINES
from neuroperturb.analysis.speed.peers import reservoirpy_run, torch_gradient

KEEP = Path(__file__).parents[3] / "benchmarks" / "keep.py"


@pytest.fixture
def keep():
    spec = importlib.util.spec_from_file_location("keep", KEEP)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_sentence_for_each_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert peers.measure() == {}
    assert [sentence.count("pip install") for sentence in peers.absent()] == [1] * len(peers.PEERS)


def test_one_that_is_installed_is_measured_and_said(monkeypatch):
    row = {"ours_us": 10.0, "theirs_us": 25.0, "ratio": 2.5, "difference": 3e-7}
    there = peers.Peer("theirs", "json", "some work", lambda: {"20": row})
    monkeypatch.setattr(peers, "PEERS", (there,))
    (name, found), *others = peers.measure().items()
    assert not others and not peers.absent()
    kind, _, rest = name.partition("_")
    assert LINES[kind](found, rest, None) == (
        "some work, n = 20: 10 µs, theirs 25 µs: 2.50 × as long (largest difference 3e-07)"
    )


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")
def test_gradients_are_those_of_pytorch(monkeypatch):
    monkeypatch.setattr(torch_gradient, "ROUNDS", 1)
    assert torch_gradient._measure(5)["difference"] < 1e-5


@pytest.mark.skipif(importlib.util.find_spec("reservoirpy") is None, reason="needs reservoirpy")
def test_states_are_those_of_reservoirpy(monkeypatch):
    monkeypatch.setattr(reservoirpy_run, "ROUNDS", 1)
    assert reservoirpy_run._measure(6)["difference"] < 1e-12


def test_history_by_commit(keep, tmp_path, monkeypatch, capsys):
    history = tmp_path / "history.jsonl"
    keep.keep({"load": (1.0, 2.0), "online_500": {"ratio": 1.23456}}, "abc1234", history)
    keep.keep({"online_500": {"ratio": np.float64(2).item()}, "batch": {"ratio": 0.5}}, "def5678+", history)
    lines = [json.loads(line) for line in history.read_text().splitlines()]
    assert [line["commit"] for line in lines] == ["abc1234", "def5678+"] and lines[0]["online_500"]["ratio"] == 1.235
    monkeypatch.setattr(keep, "HISTORY", history)
    monkeypatch.setattr(sys, "argv", ["keep.py", "--show", "online_500.ratio", "batch.ratio"])
    monkeypatch.setattr(keep.show, "__defaults__", (history,))
    keep.main()
    rows = [row.split() for row in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["commit", "day", "online_500.ratio", "batch.ratio"]
    assert [row[2:] for row in rows[1:]] == [["1.235", "–"], ["2.0", "0.5"]]
