"""Files among a study's runs that are damaged, or are another run than their name says: set aside in a sentence, and done again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import pytest
import stand_in
from study_cases import TWO_RULES
from typer.testing import CliRunner

from hardware_models.saving import seal
from neuroperturb.cli.app import app
from neuroperturb.results import examiner
from neuroperturb.results.file import RecordError
from neuroperturb.results.run import load, same_science
from neuroperturb.study import run_one
from neuroperturb.study.store import StudyFolder
from neuroperturb.study.table import read

ZEROED = Path(__file__).parents[2] / "data" / "zeroed_page_hangs.nc"  # HDF5 never returns from it


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """The records of a study that is done, in a folder of one's own."""
    monkeypatch.setattr(run_one, "Trainer", stand_in.Trainer)
    monkeypatch.setattr(stand_in.Trainer, "diverge_at", None)
    monkeypatch.setattr(stand_in.Trainer, "on_chunk", staticmethod(lambda step: None))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text(TWO_RULES.replace("[1, 2, 3]", "[1, 2]"))
    assert invoke("study", "s.toml").exit_code == 0
    return sorted((tmp_path / "runs" / "s" / "runs").glob("*.nc"))


def invoke(*arguments):
    return CliRunner().invoke(app, list(arguments))


def done_again(path, sentence):
    """The study sets a file aside, in a sentence, and makes the run of its name."""
    result = invoke("study", "s.toml")
    said = " ".join(result.output.split())
    assert result.exit_code == 0, said
    assert sentence in said
    assert f"It was moved to '{path.stem}.damaged-" in said
    assert load(path).name == path.stem
    assert len(list(path.parent.glob("*.damaged-*"))) == 1
    return load(path)


def zeroed(path):
    raw = path.read_bytes()
    path.write_bytes(raw[:8192] + bytes(4096) + raw[12288:])


def without_name(path):
    """As version 0.1.0 wrote it: no name inside, and no seal."""
    run = load(path)
    run.name = ""
    run.save(path)
    path.write_bytes(path.read_bytes()[: -seal.SIZE])
    return path


@pytest.mark.parametrize("damage", [zeroed, lambda path: shutil.copy(ZEROED, path)])
def test_a_damaged_run_is_done_again(runs, damage, monkeypatch):
    before = load(runs[1])
    damage(runs[1])
    monkeypatch.setattr(examiner, "LIMIT", 1.5)
    assert same_science(done_again(runs[1], "is damaged, or was not written by neuroperturb."), before)


@pytest.mark.parametrize("age", [lambda path: path, without_name])
def test_a_run_under_another_name_is_found(runs, age):
    before = load(runs[1])
    shutil.copy(age(runs[0]), runs[1])
    tables = read(StudyFolder(runs[0].parents[1]))
    wrong = tables.runs[tables.runs["run"] == runs[1].stem].iloc[0]
    assert wrong["status"] == "missing"
    assert "holds another run than that of its name" in wrong["reason"]
    assert same_science(done_again(runs[1], "holds another run than that of its name."), before)


def test_old_records_of_their_name_stay(runs):
    for path in runs:
        without_name(path)
    result = invoke("study", "s.toml")
    assert result.exit_code == 0
    assert "moved" not in result.output
    assert not list(runs[0].parent.glob("*.damaged-*"))


def test_a_report_says_what_it_could_not_read(runs):
    zeroed(runs[1])
    result = invoke("report", "runs/s")
    assert result.exit_code == 0
    assert result.stderr.count("is damaged") == 1
    assert runs[1].exists()  # a report moves nothing


def test_the_summary_of_an_old_record_is_made_from_its_arrays(runs):
    """One byte changed made a report say 9.87 for 4.87."""
    right = StudyFolder(runs[0].parents[1]).outcome(runs[0].stem).summary
    path = without_name(runs[0])
    with h5py.File(path, "r+") as file:
        file.attrs["glance"] = file.attrs["glance"].replace(str(right.first["test"]), "9.87")
    for look in (load, lambda path: StudyFolder(path.parents[1]).outcome(path.stem)):
        with pytest.raises(RecordError, match="is damaged"):
            look(path)


def test_damaged_baselines_are_fitted_again(runs):
    fit = sorted((runs[0].parents[1] / "fits").glob("*.json"))[0]
    before = fit.read_text()
    fit.write_bytes(bytes(len(before)))
    assert invoke("report", "runs/s").exit_code == 0
    result = invoke("study", "s.toml")
    assert result.exit_code == 0
    assert "It was moved to" in result.output
    assert fit.read_text() == before


@pytest.mark.parametrize("command", [("report", "runs/s"), ("study", "s.toml")])
def test_code_that_an_index_names_is_not_run(runs, command):
    for path in runs:
        without_name(path)
    (Path.cwd() / "evil.py").write_text("open('ran', 'w').close()\n")
    index = runs[0].parents[1] / "cells.json"
    table = json.loads(index.read_text())
    table["study"]["ageing"] = {"hardware": ["evil.py:X"], "seconds": [1.0]}
    for scheme in (table["names"], 1):
        index.write_text(json.dumps({**table, "names": scheme}))
        assert invoke(*command).exit_code == 0
        assert not (Path.cwd() / "ran").exists()
