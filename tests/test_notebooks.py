"""Notebooks that ship: numbered, listed, with what came out of them, by public names alone."""

from __future__ import annotations

import ast
import importlib
import json
import re
from pathlib import Path

import pytest

import neuroperturb
from neuroperturb.study import shipped

ROOT = Path(__file__).parents[1]
LIST = (ROOT / "docs" / "pages" / "learn" / "notebooks.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"# (\d) · ")
LARGEST = 600_000  # bytes
# of one machine, one day or one process: what makes outputs differ from one execution to the next
OWN = re.compile(r"/(?:tmp|root|home|work)/|\b0x[0-9a-f]{6,}|\b20\d\d-\d\d-\d\d\b|\r|\x1b")
notebooks = pytest.mark.parametrize("path", sorted(ROOT.glob("notebooks/*.ipynb")), ids=lambda path: path.stem)


def cells(path, kind):
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell | {"source": "".join(cell["source"])} for cell in found if cell["cell_type"] == kind]


@notebooks
def test_outputs_are_there_and_none_is_an_error(path):
    outputs = [output for cell in cells(path, "code") for output in cell["outputs"]]
    assert [cell["execution_count"] for cell in cells(path, "code")] == [*range(1, len(cells(path, "code")) + 1)]
    assert outputs and not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert path.stat().st_size < LARGEST


@notebooks
def test_outputs_are_those_of_any_machine(path):
    for cell in cells(path, "code"):
        for output in cell["outputs"]:
            shown = {kind: text for kind, text in output.get("data", {}).items() if not kind.startswith("image/")}
            text = (
                json.dumps([output.get("text", ""), shown], ensure_ascii=False)
                .replace("\\r", "\r")
                .replace("\\u001b", "\x1b")
            )
            assert OWN.findall(text) == []


@notebooks
def test_names_are_public(path):
    rooms = {"neuroperturb", "hardware_models", *(f"neuroperturb.{room}" for room in neuroperturb._ROOMS)}
    for cell in cells(path, "code"):
        lines = [line for line in cell["source"].splitlines() if not line.startswith("!")]
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.Import):
                ours = {
                    alias.name
                    for alias in node.names
                    if alias.name.split(".")[0] in ("neuroperturb", "hardware_models")
                }
                assert ours <= rooms
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] in ("neuroperturb", "hardware_models"):
                assert node.module in rooms
                module = importlib.import_module(node.module)
                names = getattr(module, "__all__", None) or vars(module)
                assert [alias.name for alias in node.names if alias.name not in names] == []


@notebooks
def test_it_is_numbered_and_says_how_long_it_takes(path):
    first = cells(path, "markdown")[0]["source"]
    number = NUMBER.match(first)
    assert number and f"| {number[1]} · [{path.stem}](" in LIST
    assert re.search(r"(second|minute)s?\b", first)


def test_they_are_listed_in_their_order():
    assert list(shipped.notebooks()) == re.findall(r"^\| \d · \[(\w+)\]", LIST, re.MULTILINE)
