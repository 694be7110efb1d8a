"""The shape of the house: short files and functions, one name a class, records built by keyword, choices that answer for themselves."""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("hardware_models", "neuroperturb")
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
# `isinstance` of a part of a rule, or its kind, asked where the part should have answered
ASKED = re.compile(r"isinstance\((self\.)?rule\.|\.kind (==|in)")
ANSWERS = ("neuroperturb/rules/", "neuroperturb/spec/")  # rooms that may ask


@functools.cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path):
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def offences(found):
    """What was found, by file, for files where something was: all at once."""
    by_file = {path.relative_to(ROOT).as_posix(): found(path) for path in FILES}
    return {name: those for name, those in by_file.items() if those}


def test_a_file_is_short():
    def too_long(path):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        return lines if lines > 400 else None

    assert offences(too_long) == {}


def test_a_function_is_short():
    """A factory of kernels holds them inside itself; anything else longer than this has a second noun in it."""

    def too_long(path):
        exempt = ("make_", "_make_")
        return [f.name for f in functions(path) if f.end_lineno - f.lineno >= 80 and not f.name.startswith(exempt)]

    assert offences(too_long) == {}


def test_no_call_of_eight_by_position():
    def calls(path):
        found = [n for n in ast.walk(tree(path)) if isinstance(n, ast.Call) and len(n.args) >= 8]
        return [f"{call.lineno}: {ast.unparse(call.func)}" for call in found]

    assert offences(calls) == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_class_name_is_one_class(package):
    found = defaultdict(list)
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path.relative_to(ROOT)))
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_a_choice_answers_for_itself():
    def asked(path):
        lines = (
            []
            if path.relative_to(ROOT).as_posix().startswith(ANSWERS)
            else path.read_text(encoding="utf-8").splitlines()
        )
        return [line.strip() for line in lines if ASKED.search(line)]

    assert offences(asked) == {}
