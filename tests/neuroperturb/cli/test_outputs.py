"""Outputs that cannot be written, letters that they do not have, files as editors save them, rules that leave: one sentence each."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from slow_cases import slow

from hardware_models.numerics.checks import HardwareWarning
from neuroperturb.cli import terminal
from neuroperturb.experiments.toml import read_table, resolve
from neuroperturb.results import folders
from neuroperturb.spec import InputError

FULL = Path("/dev/full")


def call(*arguments, folder, stdout=subprocess.PIPE, **environment):
    return subprocess.run(
        [sys.executable, "-m", "neuroperturb", *map(str, arguments)], cwd=folder, stdout=stdout, stderr=subprocess.PIPE, timeout=120,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)} | environment,
    )  # fmt: skip


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("arguments", [["list"], *slow(["--help"], ["run", "--help"])])
def test_an_output_that_is_full_is_one_sentence(tmp_path, arguments):
    with FULL.open("w") as full:
        ended = call(*arguments, folder=tmp_path, stdout=full)
    assert ended.returncode == 2
    assert ended.stderr.decode() == "neuroperturb: The output cannot be written (No space left on device).\n"


@pytest.mark.parametrize("encoding", ["ascii:strict", *slow("ascii", "latin-1", "cp1252")])
def test_letters_that_an_output_does_not_have_are_replaced(tmp_path, encoding):
    for arguments in (["list"], ["run", "--help"]):
        ended = call(*arguments, folder=tmp_path, PYTHONIOENCODING=encoding)
        assert (ended.returncode, ended.stderr) == (0, b""), ended.stderr[-500:]


@pytest.mark.parametrize(
    "line", ["sys.exit()", *slow("sys.exit(0)", "sys.exit('no')", "raise SystemExit(3)", "exit()")]
)
def test_a_rule_that_leaves_is_one_sentence(tmp_path, line):
    (tmp_path / "mine.py").write_text(f"import sys\n{line}\n")
    ended = call("run", "delayed-xor", "--rule", "mine.py:Mine", "--quiet", folder=tmp_path)
    assert ended.returncode == 2 and not (tmp_path / "runs").exists()
    assert ended.stderr.startswith(
        b"neuroperturb: The module of the rule 'mine.py:Mine' cannot be imported: SystemExit"
    )
    assert ended.stderr.count(b"\n") == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_toml_as_editors_save_it(tmp_path, encoding, line):
    mark = "\ufeff" if encoding.endswith("le") else ""
    file = tmp_path / "a.toml"
    file.write_bytes(f"{mark}# σ{line}task = 'delayed-xor'{line}".encode(encoding))
    assert read_table(file) == {"task": "delayed-xor"}


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a = " + b"[" * 20_000, b"\xef\xbb\xbf=", b"a\x00=1"])
def test_what_is_no_toml_is_one_sentence(tmp_path, content):
    (tmp_path / "a.toml").write_bytes(content)
    with pytest.raises(InputError, match=r"is not valid TOML|is nested too deeply"):
        read_table(tmp_path / "a.toml")


def test_folders_two_thousand_deep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    deep = Path(*["a"] * 1500)
    assert folders.make(deep).is_dir() and folders.make(deep) == deep
    for folder in (deep, *deep.parents[:-1]):  # so deep that shutil.rmtree fails
        folder.rmdir()
    with pytest.raises(OSError, match="too long"):
        folders.make(Path("new", *["b"] * 5000))
    assert not Path("new").exists()
    ended = call("study", "none.toml", "--out", Path(*["c"] * 2100), folder=tmp_path)
    assert ended.returncode == 2 and ended.stderr.count(b"\n") == 1


def test_a_warning_is_a_sentence(capsys):
    """What hardware does other than meant is one line, without the line of code it comes from."""
    with warnings.catch_warnings(), terminal.warnings_in_words():
        warnings.simplefilter("always")
        warnings.warn("Two of three\n   weights were clipped.", HardwareWarning, stacklevel=1)
    assert capsys.readouterr().err == "neuroperturb: Two of three weights were clipped.\n"


def test_an_error_that_is_not_the_systems_is_a_sentence():
    assert terminal.sentence(OSError("no disk")) == "OSError: no disk."
    assert terminal.sentence(OSError()) == "OSError."
    assert terminal.sentence(OSError(28, "No space left on device", "a.nc")) == "'a.nc': No space left on device."


@pytest.mark.parametrize("text", [f"task = '{'x' * 10**6}'", "x" * 10**6, f"{'a . ' * 10**5}b = 1", "." * 10**6])
def test_a_long_toml_is_one_sentence_at_once(tmp_path, text):
    (tmp_path / "a.toml").write_text(text)
    start = time.process_time()
    with pytest.raises(InputError):
        resolve(read_table(tmp_path / "a.toml"))
    assert time.process_time() - start < 10  # of a square of its length it would take minutes
