"""Files are there whole, or as they were: full disks of every size, for everything that writes."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import pytest
from records import record
from slow_cases import slow
from typer.testing import CliRunner

from hardware_models.saving import atomic
from neuroperturb.cli import report, run, study, tune  # noqa: F401 (before processes are forked)
from neuroperturb.cli.app import app
from neuroperturb.results.run import load, same_science
from neuroperturb.spec import InputError
from neuroperturb.study import tune as tuning

resource = pytest.importorskip("resource")
SIZES, FEWER = 30, int(os.environ.get("NEUROPERTURB_DISK_SIZES", "8"))  # of a record, and of what a command writes


def limited(limit, act):
    """What `act` comes to in a process whose files may have `limit` bytes: 0 done, 3 OSError, 4 any other exception, −signal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of other tests: the child does without
        child = os.fork()
    if child == 0:
        code = 4
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            act()
            code = 0
        except OSError:
            code = 3
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def sizes(largest, count=SIZES):
    return [1 + k * largest // (count - 1) for k in range(count - 1)] + [largest + 1]


@pytest.mark.parametrize("old", [*slow(False), True])
def test_a_record_on_a_full_disk(tmp_path, old):
    whole = record().save(tmp_path / "whole.nc")
    size = whole.stat().st_size
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "a.nc"
    before = record(status="interrupted")
    if old:
        before.save(path)
    for limit in sizes(size):
        code = limited(limit, lambda: record().save(path))
        assert code == (0 if limit >= size else 3), limit
        assert [p.name for p in folder.iterdir()] == (["a.nc"] if old or limit >= size else [])
        if old and code:
            assert same_science(load(path), before)
    assert same_science(load(path), record())


def test_the_sentence_names_the_file_that_was_wanted(tmp_path):
    path = tmp_path / "folder" / "a.csv"
    with pytest.raises(FileNotFoundError) as error:
        atomic.write_text(path, "x")
    assert error.value.filename == str(path)


def test_long_names_and_empty_files(tmp_path):
    name = "ä" * 120 + ".nc"
    assert atomic.write(tmp_path / name, b"a", b"", b"b").read_bytes() == b"ab"
    assert atomic.write(tmp_path / name, b"").read_bytes() == b""
    assert len(list(tmp_path.iterdir())) == 1


def test_an_interrupt_leaves_no_litter(tmp_path, monkeypatch):
    atomic.write_text(tmp_path / "a", "before")

    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic.write_text(tmp_path / "a", "after")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "before"


BASE = """
task = {name = "delayed-xor", trials_per_epoch = 2, validation_trials = 2, test_trials = 2}
rule = "np"
network = {size = 2}
training = {epochs = 1, batch_size = 2}
"""
STUDY = f"""
[base]
{BASE}
[axes]
seed = [1, 2]
"""
TUNE = """
[tune]
trials = 2
seeds = 1
over.learning_rate = [1e-4, 1e-2]
"""


def command(arguments, folder):
    """Ends the process as the command line does; the exit code is 0 or 2, and otherwise a bug."""

    def act():
        os.chdir(folder)
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        result = CliRunner().invoke(app, arguments, catch_exceptions=True)
        if result.exit_code == 2:
            raise OSError(result.output)
        if result.exit_code not in (0, 1):
            raise RuntimeError(result.output)

    return act


def litter(folder):
    """Files on their way to a name, leases of nobody; every record must be whole."""
    there = [path for path in Path(folder).rglob("*") if path.is_file()]
    assert all(load(path) for path in there if path.suffix == ".nc")
    return [
        path for path in there if ".part-" in path.name or path.parent.name == "claims" or path.name.startswith(".")
    ]


@pytest.mark.parametrize("what", ["study", *slow("run", "report", "tune")])
def test_every_command_on_a_full_disk(tmp_path, what):
    if what == "tune":
        pytest.importorskip("optuna")
    (tmp_path / "s.toml").write_text(STUDY + TUNE * (what == "tune"))
    (tmp_path / "r.toml").write_text(BASE)
    if what == "report":
        assert limited(resource.RLIM_INFINITY, command(["study", "s.toml", "--quiet"], tmp_path)) == 0
    arguments = {
        "run": ["run", "r.toml", "--quiet"], "study": ["study", "s.toml", "--quiet", "--workers", "1"], "report": ["report", "runs/s"],
        "tune": ["tune", "s.toml"],
    }[what]  # fmt: skip
    for limit in sizes(250_000, FEWER):
        code = limited(limit, command(arguments, tmp_path))
        assert code in (0, 3), limit
        assert litter(tmp_path) == []
    assert limited(resource.RLIM_INFINITY, command(arguments, tmp_path)) == 0


def test_a_database_of_trials_is_created_completely_or_not_at_all(tmp_path):
    """SQLite left the table of searches without its index: every later one had a double."""
    optuna = pytest.importorskip("optuna")
    path = tmp_path / "tune.db"

    def make():
        try:
            tuning._make_database(optuna, path)
        except InputError as error:
            raise OSError(str(error)) from None

    for limit in range(80_000, 125_001, 7_500):
        code = limited(limit, make)
        assert code in (0, 3), limit
        assert [p.name for p in tmp_path.iterdir()] == ["tune.db"] * (code == 0)
        if code == 0:
            for _ in range(2):
                with tuning.closed_after(tuning.storage_at(optuna, f"sqlite:///{path}")) as storage:
                    optuna.create_study(storage=storage, study_name="s", load_if_exists=True)
            return
    raise AssertionError("larger than any of these")
