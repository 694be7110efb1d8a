"""What a record names is not run until it is asked for, and then only where its text is that of the record, and said."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import sys

import pytest

from neuroperturb.spec import InputError, user_code
from neuroperturb.spec.user_code import Sought, UserCode, find

ANY = Sought("thing", "task.name", lambda cls: True, "It has no class.")
RAN = "open('ran', 'w').close()\n"
CLASS = "class A:\n    def f(self):\n        return g()\n"
HELPER = "ONE = 1\n\n\ndef g():\n    return ONE\n\n\n"
WHOLE = HELPER + "\n" + CLASS


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(user_code, "_known", {})
    monkeypatch.setattr(user_code, "_met", {})
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def code(name="evil.py:A", text=HELPER + CLASS):
    return UserCode(name, hashlib.sha256(text.encode()).hexdigest(), text)


def refused(folder, made, match):
    with pytest.raises(InputError, match=match):
        made.bind(ANY)
    assert not (folder / "ran").exists()


@pytest.mark.parametrize(
    "text",
    ["", "def (:", "class B:\n    pass\n", "\0", "A = 1\n"],
    ids=["none", "no Python", "another class", "a null", "no class"],
)
@pytest.mark.parametrize("name", ["evil.py:A", "evil:A", "sub/evil.py:A"])
def test_what_cannot_be_compared_is_not_run(folder, text, name):
    (folder / "sub").mkdir()
    for place in (folder, folder / "sub"):
        (place / "evil.py").write_text(RAN + WHOLE)
    refused(folder, code(name, text), "cannot be compared with the record")


@pytest.mark.parametrize(
    "content",
    [
        RAN + WHOLE.replace("return g()", "return 2"),
        RAN + WHOLE.replace("return ONE", "return 2"),  # what it calls
        RAN + WHOLE.replace("ONE = 1", "ONE = 2"),  # what that reads
        RAN + "# no class at all\n",
        "# coding: latin-1\n" + RAN + "x = '\u00e4'\n" + WHOLE.replace("return ONE", "return 2"),
        RAN + "def (:\n",
    ],
    ids=["class", "helper", "value", "none", "latin-1", "no Python"],
)
@pytest.mark.parametrize("name", ["evil.py:A", "evil:A"])
def test_a_file_that_is_another_is_not_run(folder, content, name):
    (folder / "evil.py").write_bytes(content.encode("latin-1"))
    refused(folder, code(name), "has changed since this experiment was written")


def test_a_package_is_not_run_to_look_for_a_module_in_it(folder):
    (folder / "evil").mkdir()
    (folder / "evil" / "__init__.py").write_text(RAN)
    refused(folder, code("evil.sub:A"), "cannot be found")
    (folder / "evil" / "sub.py").write_text(WHOLE.replace("return ONE", "return 2"))
    refused(folder, code("evil.sub:A"), "has changed since")


def test_what_is_not_python_source_is_not_run(folder):
    import py_compile

    (folder / "source.py").write_text(RAN + WHOLE)
    py_compile.compile(str(folder / "source.py"), cfile=str(folder / "evil.pyc"))
    refused(folder, code("evil:A"), "cannot be found")


def test_the_file_that_was_compared_is_the_one_that_runs(folder, monkeypatch):
    """The current folder comes first where it is on Python's path already, too, and last."""
    other = folder / "other"
    other.mkdir()
    (other / "evil.py").write_text(RAN + WHOLE)
    (folder / "evil.py").write_text(WHOLE)
    monkeypatch.setattr(sys, "path", [str(other), *sys.path, str(folder)])
    before = list(sys.path)
    assert code("evil:A").bind(ANY)().f() == 1
    assert not (folder / "ran").exists()
    assert sys.path == before


@pytest.mark.parametrize("name", ["evil.py:A", "evil:A"])
def test_what_runs_is_said(folder, name, caplog):
    (folder / "evil.py").write_text(WHOLE)
    with caplog.at_level(logging.WARNING, logger="neuroperturb"):
        code(name).bind(ANY)
    (line,) = caplog.messages
    assert line == f"neuroperturb runs {folder / 'evil.py'}, which has the thing 'A' of the record."
    caplog.clear()
    code(name).bind(ANY)  # it is here by now
    assert caplog.messages == []


def test_a_class_that_is_given_needs_no_file(folder):
    (folder / "mine.py").write_text(WHOLE)
    cls = find("mine.py:A", ANY)
    made = UserCode.of(cls, ANY)
    (folder / "mine.py").write_text(RAN)
    assert dataclasses.replace(made, name="elsewhere.py:A").bind(ANY) is cls
