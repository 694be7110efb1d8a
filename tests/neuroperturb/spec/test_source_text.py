"""The text of a class of one's own: all it is made of, the same in every process, and equal where it does the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from neuroperturb.spec import InputError, user_code
from neuroperturb.spec.source_text import what_it_does
from neuroperturb.spec.user_code import Sought, UserCode, beside, find, opening

ROOT = Path(__file__).parents[3]
ANY = Sought("thing", "thing.name", lambda cls: True, "It has no class.")

HELPERS = """
SCALE = 3.0
UNUSED = 4.0


def scaled(x):
    return SCALE * x


def unused(x):
    return UNUSED * x
"""
MODULE = '''
import functools
from dataclasses import dataclass

import numpy as np
import numba

import helpers_of_mine as helpers

NAMES = {"b", "a", "c"}
TABLE = np.arange(3.0)
DEPTH = {"deep": (1, [2.5, "x"])}
OTHER = 5


class Base:
    def above(self):
        return DEPTH


class Part:
    """A class that the other makes."""

    def __init__(self, x):
        self.x = x + len(NAMES)


@dataclass(frozen=True)
class Thing(Base):
    """A thing."""

    size: int = 3

    def make(self):
        # a comment
        inner = lambda x: Part(helpers.scaled(x))
        return [inner(x) for x in TABLE]

    @property
    def sum(self):
        return functools.reduce(np.add, TABLE)


class Plain(Base):
    size = 7


def factory(factor):
    class Made:
        def scaled(self, x):
            return factor * x

    return Made
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "helpers_of_mine.py").write_text(HELPERS)
    (tmp_path / "things_of_mine.py").write_text(MODULE)
    yield tmp_path
    for name in [name for name in sys.modules if "of_mine" in name]:
        del sys.modules[name]


def text(name="things_of_mine:Thing"):
    return UserCode.of(find(name, ANY), ANY).text


def test_it_holds_what_the_class_reaches_and_nothing_else(folder):
    found = text()
    pieces = (
        "@dataclass(frozen=True)\nclass Thing(Base):", "class Base:", "class Part:", "def scaled(x):", "SCALE = 3.0",
        "NAMES = set(['a', 'b', 'c'])", "DEPTH = {'deep': tuple([1, list([2.5, 'x'])])}", "TABLE = 'float64 (3,) sha256 ",
    )  # fmt: skip
    for piece in pieces:
        assert piece in found, piece
    for word in ("UNUSED", "OTHER", "class Plain", "def unused", "def reduce"):
        assert word not in found
    compile(found, "text", "exec")


def test_another_process_finds_the_same(folder):
    code = (
        "import sys; from neuroperturb.spec.user_code import *\n"
        "any_ = Sought('thing', 'thing.name', lambda cls: True, '')\n"
        "print(UserCode.of(find('things_of_mine:Thing', any_), any_).does)"
    )
    for seed in ("1", "2"):  # of the hashes of text, which order sets
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == what_it_does(text())


def test_a_class_without_functions_has_a_text(folder):
    assert "class Plain(Base):\n    size = 7" in text("things_of_mine:Plain")


def test_what_a_closure_holds_is_part_of_it(folder):
    factory = sys.modules[find("things_of_mine:Thing", ANY).__module__].factory
    two, three = (UserCode.of(factory(k), ANY) for k in (2, 3))
    assert "factor = 2" in two.text
    assert two != three
    assert two == UserCode.of(factory(2), ANY)
    assert not two.stays


SAME = [
    'class A:\n    def f(self):\n        return 1\n',
    'class A:\n    """Of it."""\n\n    def f(self):\n        """What."""\n        # why\n        return (1)\n',
    "class A:\n\n\n    def f( self ): return 1\n",
]  # fmt: skip


def test_comments_docstrings_and_layout_do_nothing():
    assert len({what_it_does(written) for written in SAME}) == 1
    assert what_it_does(SAME[0]) != what_it_does(SAME[0].replace("1", "2"))
    assert what_it_does("class A:\n    '''Of it.'''\n") == what_it_does("class A:\n    pass\n")
    assert what_it_does("    f = lambda x: x)") != what_it_does(
        "    f = lambda x: 2 * x)"
    )  # pieces of a line, as they stand


def test_a_class_typed_at_a_prompt_goes_by_its_code():
    codes = []
    for body in ("return 1", "return 2"):
        names = {"__name__": "__main__"}
        exec(f"class A:\n    def f(self):\n        {body}\n", names)
        codes.append(UserCode.of(names["A"], ANY))
    assert [code.text for code in codes] == ["", ""]
    assert codes[0] != codes[1]
    held = []
    for number in (1, 2):
        names = {"__name__": "__main__"}
        exec(f"class B:\n    size = {number}\n", names)
        held.append(UserCode.of(names["B"], ANY))
    assert held[0] != held[1]


def test_a_name_is_looked_for_beside_the_file_that_names_it(folder, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(InputError, match=r"names a file 'things_of_mine\.py' that does not exist"):
        find("things_of_mine.py:Plain", ANY)
    with beside(folder):
        cls = find("things_of_mine.py:Part", ANY)
    assert cls.__name__ == "Part"


def test_opening_a_record_finds_nothing_and_later_looks_beside_it(folder, tmp_path_factory, monkeypatch):
    (folder / "alone_of_mine.py").write_text("class A:\n    def f(self):\n        return 1\n")
    code = UserCode.of(find("alone_of_mine.py:A", ANY), ANY)
    user_code._known.clear()
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with opening(folder), pytest.raises(InputError, match="opening a record runs no code"):
        code.bind(ANY)
    assert code.bind(ANY).__name__ == "A"


def test_a_changed_file_is_refused_before_it_is_run(folder):
    (folder / "changed_of_mine.py").write_text("class A:\n    def f(self):\n        return 1\n")
    code = UserCode.of(find("changed_of_mine.py:A", ANY), ANY)
    user_code._known.clear()
    (folder / "changed_of_mine.py").write_text(
        "raise SystemExit('ran')\nclass A:\n    def f(self):\n        return 2\n"
    )
    with pytest.raises(InputError, match=r"The thing 'changed_of_mine\.py:A' has changed since"):
        code.bind(ANY)
    (folder / "changed_of_mine.py").write_text("class A:\n    def f(self):\n        return 1  # as ever\n")
    assert code.bind(ANY)().f() == 1


def test_a_helper_that_changed_is_refused(folder):
    (folder / "both_of_mine.py").write_text(
        "def g():\n    return 1\n\n\nclass A:\n    def f(self):\n        return g()\n"
    )
    code = UserCode.of(find("both_of_mine.py:A", ANY), ANY)
    user_code._known.clear()
    (folder / "both_of_mine.py").write_text(
        "def g():\n    return 2\n\n\nclass A:\n    def f(self):\n        return g()\n"
    )
    with pytest.raises(InputError, match="has changed since"):
        code.bind(ANY)


def test_a_file_that_cannot_be_imported_is_one_sentence(folder):
    for content, words in (
        ("def f(:\n", "SyntaxError"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
        ("1 / 0\n", "ZeroDivisionError"),
    ):
        (folder / "bad_of_mine.py").write_text(content)
        with pytest.raises(InputError, match=f"The module of the thing 'bad_of_mine.py:A' cannot be imported: {words}"):
            find("bad_of_mine.py:A", ANY)
