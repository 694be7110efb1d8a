"""Pages of docs/how-to do what they say: their Python runs, in order, and so do their commands."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neuroperturb.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "how-to").glob("*.md"))
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\S+\.py)\n")  # a first line that says which file a block is


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before, names = set(sys.modules), {"__name__": "page"}
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    assert blocks
    for language, text in blocks:
        if language == "console":
            for line in text.splitlines():
                command, *arguments = shlex.split(line)
                assert command == "neuroperturb"
                result = CliRunner().invoke(app, arguments)
                assert result.exit_code == 0, f"{line}\n{result.output}"
        elif (file := FILE.match(text)) is not None:
            Path(file[1]).write_text(text, encoding="utf-8")
        else:
            exec(compile(text, str(page), "exec"), names)
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def test_the_class_of_the_page_on_tasks_has_ten_lines():
    (text,) = (
        text
        for _, text in BLOCK.findall((ROOT / "docs/how-to/own-task.md").read_text(encoding="utf-8"))
        if "class" in text and "draw" in text
    )
    assert len([line for line in text.splitlines() if line.strip() and not line.startswith("#")]) <= 10
