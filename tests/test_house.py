"""The shape of the house: short files and functions, one name a class, records built by keyword, choices that answer for themselves."""

from __future__ import annotations

import ast
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


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path):
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_function_is_short(path):
    """A factory of kernels holds them inside itself; anything else longer than this has a second noun in it."""
    long = [
        f.name for f in functions(path) if f.end_lineno - f.lineno >= 80 and not f.name.startswith(("make_", "_make_"))
    ]
    assert long == []


@pytest.mark.parametrize("path", FILES, ids=str)
def test_no_call_of_eight_by_position(path):
    calls = [n for n in ast.walk(tree(path)) if isinstance(n, ast.Call) and len(n.args) >= 8]
    assert [f"{call.lineno}: {ast.unparse(call.func)}" for call in calls] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_class_name_is_one_class(package):
    found = defaultdict(list)
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path.relative_to(ROOT)))
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_choice_answers_for_itself(path):
    name = path.relative_to(ROOT).as_posix()
    if name.startswith(ANSWERS):
        return
    assert [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if ASKED.search(line)] == []
