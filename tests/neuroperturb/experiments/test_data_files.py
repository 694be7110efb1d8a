"""Files of data: found beside what names them, known by their hash, and never mixed with another of the same name."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from typer.testing import CliRunner

from neuroperturb.cli.app import app
from neuroperturb.experiments.toml import load as load_toml
from neuroperturb.network.chip import chip
from neuroperturb.results.run import load
from neuroperturb.spec import InputError
from neuroperturb.spec.data_file import DataPath
from neuroperturb.study.declaration import load as load_study
from neuroperturb.study.grid import lay_out
from neuroperturb.tasks.weather_file import FILE_COLUMNS
from neuroperturb.training.deployment import deploy
from neuroperturb.training.train import experiment

TOML = """
task = {name = "weather", path = "w.csv", split = 60, horizon = 1, washout = 0, lead_in = 3}
rule = "np"
[network]
size = 2
[training]
epochs = 1
"""
STUDY = (
    "[base]\n"
    + TOML.replace("[network]", "[base.network]").replace("[training]", "[base.training]")
    + "[axes]\nseed = [1]\n"
)
ROWS = 90


def series(path, seed=0):
    rng = np.random.default_rng(seed)
    rows = [",".join(["date", *FILE_COLUMNS])]
    for hour, values in enumerate(rng.normal(size=(ROWS, len(FILE_COLUMNS))).round(3)):
        rows.append(",".join([f"1/{1 + hour // 24}/2010 {hour % 24}:00", *map(str, values)]))
    path.write_text("\n".join(rows) + "\n")
    return path


def invoke(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


def said(result):
    return " ".join(result.output.split())


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with an experiment and its data; the current folder is another."""
    here = tmp_path / "data"
    here.mkdir()
    (here / "w.toml").write_text(TOML)
    (here / "s.toml").write_text(STUDY)
    series(here / "w.csv")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return here


@pytest.fixture
def done(place):
    """The record of a run on it."""
    result = invoke("run", place / "w.toml", "--quiet", "--out", place / "r.nc")
    assert result.exit_code == 0, result.output
    return place / "r.nc"


def test_the_record_says_which_file_it_was(done, place):
    note = load(done).data["w.csv"]
    assert note.rows == ROWS
    assert (note.first, note.last) == ("1/1/2010 0:00", "1/4/2010 17:00")
    assert note.place == str(place / "w.csv")
    assert "data      w.csv (90 rows, 1/1/2010 0:00 to 1/4/2010 17:00, sha256 " in load(done).report()


def test_it_is_found_beside_the_toml_then_here_then_at_home(place, monkeypatch, tmp_path):
    assert load_toml(place / "w.toml").task.path.find() == place / "w.csv"
    (place / "w.csv").rename(tmp_path / "elsewhere" / "w.csv")
    assert load_toml(place / "w.toml").task.path.find() == tmp_path / "elsewhere" / "w.csv"
    monkeypatch.setenv("HOME", str(place))
    series(place / "v.csv")
    (place / "w.toml").write_text(TOML.replace("w.csv", "~/v.csv"))
    assert load_toml(place / "w.toml").task.path.find() == place / "v.csv"
    assert invoke("run", place / "w.toml", "--quiet", "--out", place / "r.nc").exit_code == 0


def test_two_files_of_one_name_are_not_mixed_up(place, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "w.toml").write_text(TOML)
    series(other / "w.csv", seed=1)
    first, second = load_toml(place / "w.toml"), load_toml(other / "w.toml")
    assert first.task.path.find().parent == place and second.task.path.find().parent == other
    a, b = (one.task.data(0, 1).train.inputs for one in (first, second))
    assert (a != b).any()


def test_the_message_says_where_it_looked(place, tmp_path):
    (place / "w.csv").unlink()
    for command in (("run", place / "w.toml"), ("study", place / "s.toml"), ("study", place / "s.toml", "--dry-run")):
        result = invoke(*command)
        assert result.exit_code == 2
        assert repr(str(place)) in said(result) and repr(str(tmp_path / "elsewhere")) in said(result)


def test_a_path_is_its_text(place):
    path = load_toml(place / "w.toml").task.path
    assert path == "w.csv" and hash(path) == hash("w.csv")
    for other in (copy.deepcopy(path), pickle.loads(pickle.dumps(path))):
        assert other == path and other.find() == place / "w.csv"
    assert load_toml(place / "w.toml").replace().task.path.find() == place / "w.csv"
    assert isinstance(path, DataPath)


@pytest.mark.parametrize("gone", [False, True])
def test_changed_data_are_said_and_refused(done, place, gone):
    if gone:
        (place / "w.csv").unlink()
    else:
        series(place / "w.csv", seed=1)
    why = "does not exist any more" if gone else "differs from that of the record"
    more = ("run", place / "w.toml", "--epochs", 2, "--resume", "--out", done)
    before = done.read_bytes()
    for command in (
        more,
        ("run", done),
        ("deploy", done, "--hardware", "reram-es"),
        ("age", done, "--hardware", "hermes"),
    ):
        result = invoke(*command)
        assert result.exit_code == 2, said(result)
        assert why in said(result) and "'w.csv'" in said(result)
    report = invoke("report", done)
    assert report.exit_code == 0
    assert why in " ".join(report.stderr.split())
    assert done.read_bytes() == before
    run = load(done)
    with pytest.raises(InputError, match=r"of the record|the record's"):
        experiment(run.experiment, resume=run)
    with pytest.raises(InputError, match=r"of the record|the record's"):
        deploy(run, [1], hardware=chip.read("reram-es"))


def test_a_record_is_repeated_from_any_folder(done, place, tmp_path, monkeypatch):
    series(tmp_path / "elsewhere" / "w.csv", seed=1)  # another file of that name is no reason
    moved = done.rename(tmp_path / "elsewhere" / "r.nc")
    result = invoke("run", moved, "--quiet")
    assert result.exit_code == 0, said(result)
    assert "identical bit for bit" in said(result)
    assert invoke("report", moved).stderr == ""


def test_other_data_are_another_run_of_a_study(place):
    study = load_study(place / "s.toml")
    (before,) = lay_out(study)
    series(place / "w.csv", seed=1)
    (after,) = lay_out(study)
    assert before.names != after.names
    assert invoke("study", place / "s.toml", "--quiet", "--out", place / "s", "--workers", 1).exit_code == 0
    (record,) = (place / "s" / "runs").glob("*.nc")
    assert load(record).data["w.csv"].rows == ROWS
    assert invoke("report", place / "s").stderr == ""
    series(place / "w.csv", seed=2)
    report = invoke("report", place / "s")
    assert report.exit_code == 0
    assert report.stderr.count("The file 'w.csv' differs from that of the record") == 1
