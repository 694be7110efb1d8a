"""The seal of a record, and what has none: damaged bytes are found before HDF5 sees them, within seconds, in one sentence."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from records import record

from hardware_models.saving import seal
from hardware_models.saving.seal import Seal
from neuroperturb.results import examiner, file
from neuroperturb.results.file import RecordError
from neuroperturb.results.run import existing, load, same_science

DATA = Path(__file__).parents[2] / "data"
OLD = DATA / "before_layout" / "plain.nc"
ZEROED = DATA / "zeroed_page_hangs.nc"  # version 0.1.0; HDF5 never returns from it
PAGE = 4096


def without_seal(path):
    """The same record as another program leaves it."""
    with h5py.File(path, "r+") as opened:
        opened.attrs["edited"] = 1
        del opened.attrs["edited"]
    assert seal.check(path) is Seal.ABSENT
    return path


def test_a_record_is_sealed_and_any_reader_opens_it(tmp_path):
    path = record().save(tmp_path / "a.nc")
    assert seal.check(path) is Seal.WHOLE
    with h5py.File(path, "r") as opened:
        assert opened.attrs["format"] == file.FORMAT
    assert same_science(load(without_seal(path)), record())


def test_every_zeroed_page_is_refused_before_hdf5_sees_it(tmp_path, monkeypatch):
    raw = record().save(tmp_path / "a.nc").read_bytes()
    monkeypatch.setattr(h5py, "File", lambda *_, **__: pytest.fail("HDF5 saw damaged bytes"))
    monkeypatch.setattr(examiner, "_current", lambda: pytest.fail("a sealed file needs no other process"))
    for start in range(0, len(raw) - seal.SIZE - PAGE, PAGE):
        damaged = raw[:start] + bytes(PAGE) + raw[start + PAGE :]
        if damaged != raw:
            (tmp_path / "b.nc").write_bytes(damaged)
            with pytest.raises(RecordError, match="is damaged, or was not written by neuroperturb"):
                load(tmp_path / "b.nc")


def test_zeros_at_the_end_are_found_too(tmp_path):
    path = record().save(tmp_path / "a.nc")
    raw = path.read_bytes()
    path.write_bytes(raw[:-PAGE] + bytes(PAGE))
    with pytest.raises(RecordError, match="is damaged"):
        load(path)


@pytest.fixture
def brief(monkeypatch):
    monkeypatch.setattr(examiner, "LIMIT", 1.5)


def test_an_old_record_that_hangs_hdf5_is_one_sentence(brief, tmp_path, monkeypatch):
    shutil.copy(ZEROED, tmp_path / "a.nc")
    with pytest.raises(RecordError, match=r"The file '.*a\.nc' is damaged, or was not written by neuroperturb\."):
        load(tmp_path / "a.nc")  # and ends
    monkeypatch.setattr(examiner, "LIMIT", 60.0)  # what is whole may take long on a busy machine
    shutil.copy(OLD, tmp_path / "old.nc")
    assert load(tmp_path / "old.nc").status == "finished"  # by a new examiner
    assert existing(tmp_path, load(tmp_path / "old.nc").experiment) == tmp_path / "old.nc"


def test_old_records_with_zeroed_pages_end(brief, tmp_path):
    raw, rng = OLD.read_bytes(), random.Random(0)
    pages = rng.sample(range(0, len(raw) - PAGE, PAGE), 8)
    for start in pages:
        (tmp_path / "a.nc").write_bytes(raw[:start] + bytes(PAGE) + raw[start + PAGE :])
        try:
            assert same_science(load(tmp_path / "a.nc"), load(OLD))  # zeros where nobody looks
        except RecordError as error:
            assert "\n" not in str(error)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_is_heard_while_a_record_is_examined():
    code = "import sys; from neuroperturb import load\nprint('begin', flush=True)\nload(sys.argv[1])"
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(ZEROED)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )  # fmt: skip
    assert child.stdout.readline() == "begin\n"
    time.sleep(1.0)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors


def test_an_examiner_that_dies_is_replaced(tmp_path):
    shutil.copy(OLD, tmp_path / "a.nc")
    assert examiner.examine(tmp_path / "a.nc") == (True, "")
    os.kill(examiner._examiners[-1]._process.pid, signal.SIGKILL)
    examiner._examiners[-1]._process.wait()
    shutil.copy(OLD, tmp_path / "b.nc")
    assert examiner.examine(tmp_path / "b.nc") == (True, "")


def test_a_record_that_ends_every_examiner_is_damaged(tmp_path, monkeypatch):
    shutil.copy(OLD, tmp_path / "a.nc")
    asked = []

    def ask(self, path, seconds):
        asked.append(path)
        self.close()
        return examiner.UNREADABLE

    monkeypatch.setattr(examiner._Examiner, "ask", ask)
    with pytest.raises(RecordError, match="is damaged"):
        load(tmp_path / "a.nc")
    assert len(asked) == 2
    examiner._examine.cache_clear()


@pytest.mark.skipif(not hasattr(signal, "alarm"), reason="signals of POSIX")
def test_an_examiner_ends_by_itself_where_nobody_is_there_to_end_it():
    child = subprocess.Popen(
        [sys.executable, "-m", "neuroperturb.results.examiner_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "ready\n"
    child.stdin.write(json.dumps([str(ZEROED), 1]) + "\n")
    child.stdin.close()
    assert child.wait(timeout=60) == -signal.SIGALRM
    child.stdout.close()


def test_the_current_folder_is_no_place_for_the_examiners_modules(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "h5py.py").write_text("open('ran', 'w')")
    (tmp_path / "json.py").write_text("open('ran', 'w')")
    examiner._close()
    shutil.copy(OLD, tmp_path / "a.nc")
    assert load(tmp_path / "a.nc").status == "finished"
    assert not (tmp_path / "ran").exists()


def test_threads_take_turns(tmp_path):
    found = []
    for k in range(6):
        shutil.copy(OLD, tmp_path / f"{k}.nc")
    threads = [threading.Thread(target=lambda k=k: found.append(load(tmp_path / f"{k}.nc").status)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["finished"] * 6


def test_files_of_other_programs(tmp_path):
    (tmp_path / "text.nc").write_text("no record")
    with h5py.File(tmp_path / "other.nc", "w") as opened:
        opened["x"] = np.zeros(3)
    assert not file.is_run(tmp_path / "text.nc")
    assert not file.is_run(tmp_path / "other.nc")
    assert file.is_run(OLD)
    assert file.is_run(record().save(tmp_path / "a.nc"))


@pytest.mark.parametrize("sealed", [True, False])
def test_the_summary_is_under_the_checksum(tmp_path, sealed):
    """One changed byte made a report say 9.87 for 4.87."""
    path = record().save(tmp_path / "a.nc")
    raw = path.read_bytes()
    for name in ('"validation": 0.1', '"test": 0.2'):
        assert raw.count(name.encode()) == 1
        changed = raw.replace(name.encode(), name[:-1].encode() + b"9")
        path.write_bytes(changed if sealed else changed[: -seal.SIZE])
        with pytest.raises(RecordError, match="is damaged"):
            load(path)
