"""Pages of the documentation do what they say: their Python and commands run, in order; links lead somewhere; the reference is whole."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import hardware_models as hw
import neuroperturb
from neuroperturb.cli.app import COMMANDS, app
from neuroperturb.experiments import glossary
from neuroperturb.experiments.settings import settings
from neuroperturb.study import declaration, tune_table
from neuroperturb.study.ageing import StudyAgeing

ROOT = Path(__file__).parents[1]
SITE = ROOT / "docs" / "pages"
BLOCK = re.compile(r"^```(python|console|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\S+\.(?:py|toml))\n")  # a first line that says which file a block is
RUNS = re.compile(r"^```(python|console)$", re.MULTILINE)
LONG = {
    *(
        "align",
        "chip-in-the-loop",
        "deploy-and-age",
        "long-delays",
        "my-world",
        "other-tools",
        "own-cell",
        "own-loss",
        "own-rule",
    ),
    *("own-task", "spiking", "study"),
}  # whole commands in a row; each of their parts is tested in its room
PAGES = sorted(page for page in SITE.rglob("*.md") if RUNS.search(page.read_text(encoding="utf-8")))
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
GENERATED = "reference/"  # pages that are made when the site is built


def test_pages_that_take_long_are_there():
    assert {page.stem for page in PAGES} > LONG


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[pytest.mark.slow] * (page.stem in LONG)) for page in PAGES],
    ids=[page.stem for page in PAGES],
)
def test_a_page_does_what_it_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before, names = set(sys.modules), {"__name__": "page"}
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    for language, text in blocks:
        if language == "console":
            for line in text.splitlines():
                command, *arguments = shlex.split(line)
                assert command == "neuroperturb"
                result = CliRunner().invoke(app, arguments)
                assert result.exit_code == 0, f"{line}\n{result.output}"
        elif (file := FILE.match(text)) is not None:
            Path(file[1]).write_text(text, encoding="utf-8")
        elif language == "python":
            exec(compile(text, str(page), "exec"), names)
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def test_the_class_of_the_page_on_tasks_has_ten_lines():
    (text,) = (
        text
        for _, text in BLOCK.findall((ROOT / "docs/pages/how-to/own-task.md").read_text(encoding="utf-8"))
        if "class" in text and "draw" in text
    )
    assert len([line for line in text.splitlines() if line.strip() and not line.startswith("#")]) <= 10


WRITTEN = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / ".github").glob("*.md")),
    *sorted(SITE.rglob("*.md")),
]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page):
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert [target for target in missing if GENERATED not in target] == []


def test_every_study_is_listed():
    text = (SITE / "how-to" / "study.md").read_text(encoding="utf-8")
    assert {path.name for path in (ROOT / "studies").glob("*.toml") if f"| `{path.name}` |" not in text} == set()


def test_every_page_of_results_is_linked():
    text = (SITE / "results" / "index.md").read_text(encoding="utf-8")
    pages = (ROOT / "studies" / "results").glob("*/README.md")
    assert {path.parent.name for path in pages if f"/{path.parent.name}/README.md)" not in text} == set()


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("docs_reference", ROOT / "docs" / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_has_every_setting(reference):
    text = "\n".join(page for uri, page in reference.pages().items() if "/settings/" in uri)
    assert {one.key for one in settings() if f"# `{one.key}`\n" not in text} == set()
    kinds = {kind for one in settings() for kind in one.kinds if kind}
    assert {kind for kind in kinds if f"| `{kind}` |" not in text} == set()


def test_the_reference_has_every_command_and_its_options(reference):
    text = reference.pages()["reference/command-line.md"]
    for name in COMMANDS:
        (part,) = re.findall(rf"^## `neuroperturb {name}`$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        result = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
        options = set(re.findall(r"^\W+(--[a-z0-9-]+)", result.output, re.MULTILINE)) - {"--help"}
        assert set(re.findall(r"^\| `(--[a-z0-9-]+)`", part, re.MULTILINE)) == options
    (part,) = re.findall(r"^## `neuroperturb`$(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert all(f"`{name}`" in part for name in ("--version", "-h", "--help", "--install-completion"))


def test_the_reference_has_every_preset_word_and_name(reference):
    found = reference.pages()
    assert {name for name in hw.PRESETS if f"| `{name}` |" not in found["reference/presets.md"]} == set()
    assert {word for word in glossary.WORDS if f"## {word}\n" not in found["reference/glossary.md"]} == set()
    parts = dict(re.findall(r"^## `(\S+)`$(.*?)(?=^## |\Z)", found["reference/python.md"], re.MULTILINE | re.DOTALL))
    rooms = {f"neuroperturb.{room}" for room in (*neuroperturb._ROOMS, *neuroperturb._DOORS)}
    assert set(parts) == {"neuroperturb", "hardware_models", *rooms}
    for package, part in parts.items():
        if package.removeprefix("neuroperturb.") in neuroperturb._DOORS:
            continue
        module = importlib.import_module(package)
        names = getattr(module, "__all__", None) or reference.public(module)
        assert {name for name in names if f"| `{name}` |" not in part} == set(), package
        nameless = re.findall(r"^\| `(\w+)` \| *\|$", part, re.MULTILINE)
        assert nameless == [], f"{package}: without a docstring"
    assert "| `RecurrentClassifier` |" in parts["neuroperturb.sklearn"] and "| `export` |" in parts["neuroperturb.nir"]


def test_the_reference_has_every_key_of_a_study(reference):
    text = reference.pages()["reference/study.md"]
    own = {*declaration.STUDY_KEYS, *declaration.SIZES[1:]}
    inner = {f"grid.{key}" for key in declaration.GRID_KEYS} | {f"tune.{key}" for key in tune_table.KEYS}
    inner |= {f"search.{key}" for key in declaration.Search.model_fields}
    inner |= {f"ageing.{key}" for key in StudyAgeing.model_fields}
    listed = re.findall(r"^\| `(\S+)` \|", text, re.MULTILINE)
    assert set(listed) == own - {"name"} | inner
    assert len(listed) == len(set(listed))
