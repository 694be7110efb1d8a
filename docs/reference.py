"""The reference: every setting, command, word, preset and public name, from the code itself.

`pages` gives Markdown by the name of its page; `hooks.py` puts it into the site, and `tests/test_docs.py` looks for what is missing.
"""

from __future__ import annotations

import ast
import html
import importlib
import inspect
import re
import typing
from collections.abc import Iterable
from pathlib import Path
from types import NoneType

import typer
from typer.models import OptionInfo

import hardware_models as hw
import neuroperturb
from neuroperturb.cli.app import COMMANDS, app
from neuroperturb.experiments import glossary
from neuroperturb.experiments.docstrings import plain
from neuroperturb.experiments.settings import REQUIRED, KeyEntry, default_of, settings
from neuroperturb.study.keys import keys

BESIDE = "hardware"  # the table with so many settings that each of its parts has a page
PACKAGES = (
    "neuroperturb", "neuroperturb.rules", "neuroperturb.tasks", "neuroperturb.baselines", "neuroperturb.spiking", "neuroperturb.study",
    "hardware_models",
)  # fmt: skip
DOORS = {"neuroperturb.sklearn": "sklearn", "neuroperturb.nir": "nir"}  # package with an extra → the extra
VALUES = {"str": "NAME", "int": "NUMBER", "float": "NUMBER", "Path": "FILE"}  # what an option takes, by its type
ROLE = re.compile(r":[a-z]+:(?=\w)")
CITATION = re.compile(r" ?\[\d+\]_")
MARKS = re.compile(r"([\\*_<>\[\]|])")


def pages() -> dict[str, str]:
    """Name of a page → Markdown."""
    return {
        **{_uri(group): _settings_page(group, found) for group, found in _groups().items()},
        "reference/study.md": _study_page(),
        "reference/command-line.md": _commands_page(),
        "reference/presets.md": _presets_page(),
        "reference/python.md": _python_page(),
        "reference/glossary.md": _glossary_page(),
    }


def settings_titles() -> dict[str, str]:
    """Title of a page of settings → its name."""
    return {group: _uri(group) for group in _groups()}


# ----------------------------------------------------------------------------------------------------------------------
# Settings


def _groups() -> dict[str, list[KeyEntry]]:
    found: dict[str, list[KeyEntry]] = {}
    for one in settings():
        top, *rest = one.key.split(".")
        group = f"{top}.{rest[0]}" if top == BESIDE and rest and _has_table(f"{top}.{rest[0]}") else top
        found.setdefault(group, []).append(one)
    return found


def _has_table(key: str) -> bool:
    return any(one.key.startswith(f"{key}.") for one in settings())


def _uri(group: str) -> str:
    return f"reference/settings/{group.replace('.', '-')}.md"


def _settings_page(group: str, found: list[KeyEntry]) -> str:
    lines = [
        f"# `{group}`",
        "",
        f"As keys of `--set KEY=VALUE`; in TOML, what stands before the last dot is the table. `neuroperturb explain {group}` prints the same.",
        "",
    ]
    by_key: dict[str, list[KeyEntry]] = {}
    for one in found:
        by_key.setdefault(one.key, []).append(one)
    for key, told in by_key.items():
        lines += [f"## `{key}`", ""] if key != group else []
        lines += _setting(told)
    return "\n".join(lines)


def _setting(told: list[KeyEntry]) -> list[str]:
    lines = []
    alike: dict[tuple[str, str, str], list[KeyEntry]] = {}
    for one in told:
        alike.setdefault((one.meaning, one.form, _default(one)), []).append(one)
    for (meaning, form, default), same in alike.items():
        places = [" and ".join(f"`{need}`" for need in one.needs) for one in same if one.needs]
        lines += [_escaped(_sentence(meaning)).rstrip(".") + ".", ""]
        lines += [f"- {_escaped(form)}" if form else "- a value", f"- {default}"]
        lines += [f"- where {'; or '.join(dict.fromkeys(places))}"] * bool(places)
        lines.append("")
    kinds = {kind: words for one in told for kind, words in one.kinds.items()}
    if kinds:
        rows = [f"| `{kind}` | {_escaped(words)} |" for kind, words in kinds.items()]
        lines += ["| kind | what it is |", "|---|---|", *rows, ""]
    return lines


def _default(one: KeyEntry) -> str:
    return "no default" if one.default is REQUIRED else f"default `{default_of(one)}`"


def _sentence(text: str) -> str:
    """With a capital, where it begins with a word; η is no word."""
    return text[:1].upper() + text[1:] if text[:1].isascii() else text


def _study_page() -> str:
    lines = [
        "# Study file",
        "",
        "A study is an experiment and the values of settings that change, in one TOML file ([how to](../how-to/study.md)). Settings "
        "are those of an experiment; the keys around them are these.",
        "",
        "| key | what it must be | what it means | left out |",
        "|---|---|---|---|",
    ]
    for one in keys():
        form, meaning, default = (_barred(_escaped(text)) for text in (one.form, one.meaning, one.default))
        lines.append(f"| `{one.key}` | {form} | {meaning} | {default} |")
    return "\n".join([*lines, ""])


def _barred(text: str) -> str:
    """For a cell of a table, where an empty line or a bar would end it."""
    return " ".join(text.split())


# ----------------------------------------------------------------------------------------------------------------------
# Commands


def _commands_page() -> str:
    lines = ["# Command line", "", "The same as `neuroperturb COMMAND --help`.", "", "## `neuroperturb`", ""]
    lines += ["| | |", "|---|---|", *(f"| {names} | {_escaped(text)} |" for names, text in _common()), ""]
    for name, (place, _) in COMMANDS.items():
        file, _, function = place.partition(":")
        command = getattr(importlib.import_module(f"neuroperturb.cli.{file}"), function)
        hints = typing.get_type_hints(command, include_extras=True)
        told = [(one, hints[one.name]) for one in inspect.signature(command).parameters.values()]
        arguments = [_argument(one, hint) for one, hint in told if not _is_option(hint)]
        lines += [f"## `neuroperturb {name}`", "", *_help(command.__doc__), ""]
        rows = [*arguments, *(_option(one, hint) for one, hint in told if _is_option(hint))]
        lines += ["| | | default |", "|---|---|---|", *rows, ""] if rows else []
    return "\n".join(lines)


def _common() -> Iterable[tuple[str, str]]:
    """Options before a command, and that of every command."""
    root = typer.main.get_command(app)
    for one in root.params:
        yield ", ".join(f"`{name}`" for name in one.opts), one.help or ""
    names = root.context_settings["help_option_names"]
    yield ", ".join(f"`{name}`" for name in names), "Print the help, also after a command."


def _is_option(hint: typing.Any) -> bool:
    return isinstance(typing.get_args(hint)[1], OptionInfo)


def _argument(one: inspect.Parameter, hint: typing.Any) -> str:
    info = typing.get_args(hint)[1]
    return f"| {_in_cell(info.metavar or one.name.upper())} | {_escaped(info.help or '')} | |"


def _option(one: inspect.Parameter, hint: typing.Any) -> str:
    """A row of the table of options; Typer puts the first name of an annotated option where its default would be."""
    kind, info = typing.get_args(hint)[:2]
    said = [name for name in (info.default, *(info.param_decls or ())) if isinstance(name, str)]
    names = ", ".join(f"`{name}`" for name in said or [f"--{one.name.replace('_', '-')}"])
    words = (one.__name__ for one in typing.get_args(kind) or (kind,) if isinstance(one, type) and one is not NoneType)
    value = "" if kind is bool else f" {_in_cell(info.metavar or VALUES[next(words, 'str')])}"
    default = "" if one.default in (None, False) else f"`{one.default}`"
    return f"| {names}{value} | {_escaped(info.help or '')} | {default} |"


def _in_cell(code: str) -> str:
    """Code in a cell of a table, where a bar ends the cell."""
    return f"<code>{html.escape(code).replace('|', '&#124;')}</code>"


def _help(text: str | None) -> list[str]:
    """Paragraphs of a docstring, a line a line."""
    return [f"{_escaped(line)}  " if line.strip() else "" for line in inspect.cleandoc(text or "").splitlines()]


# ----------------------------------------------------------------------------------------------------------------------
# Words, presets, names


def _glossary_page() -> str:
    lines = ["# Glossary", "", "`neuroperturb explain WORD` prints one of them.", ""]
    for word in sorted(glossary.WORDS, key=str.casefold):
        text = glossary.WORDS[word]
        lines += [f"## {word}", "", _sentence(text), ""]
    rows = [f"| {name} | `{key}` |" for name, key in sorted(glossary.SYNONYMS.items())]
    return "\n".join([*lines, "## Other names of settings", "", "| in the field | here |", "|---|---|", *rows, ""])


def _presets_page() -> str:
    lines = [
        "# Presets",
        "",
        "Hardware by name, for `--hardware NAME`, TOML and `hw.PRESETS`. `neuroperturb device NAME` draws one, `neuroperturb advise "
        "--hardware NAME` says what limits it; [the advised writing](../learn/writing.md) of those marked is `--writing recommended`.",
        "",
        "| name | technology, cells | advised | publication |",
        "|---|---|---|---|",
    ]
    for name, one in hw.PRESETS.items():
        advised = "yes" if one.recommended is not None else ""
        what = f"{_escaped(one.technology)}; `{type(one.cells).__name__}`"
        row = (f"`{name}`", what, advised, _linked(one.publication))
        lines.append(f"| {' | '.join(row)} |")
    lines += ["", "## Cell models", "", "Any of them is hardware by name, too, with its default parameters.", ""]
    lines += ["| name | class | what it is |", "|---|---|---|"]
    lines += [f"| `{name}` | `hw.{cell.__name__}` | {_first(cell)} |" for name, cell in hw.CELLS.items()]
    return "\n".join([*lines, ""])


def _python_page() -> str:
    lines = ["# Python", "", "Public names; `help(name)` has the parameters, with shapes, units and errors.", ""]
    for package in PACKAGES:
        module = importlib.import_module(package)
        lines += [f"## `{package}`", "", _first(module), "", "| name | what it is |", "|---|---|"]
        lines += [f"| `{name}` | {_first(getattr(module, name))} |" for name in public(module)]
        lines.append("")
    for package, extra in DOORS.items():
        lines += [f"## `{package}`", "", f"With the extra `{extra}`: `pip install 'neuroperturb[{extra}]'`.", ""]
        lines += ["| name | what it is |", "|---|---|"]
        lines += [f"| `{name}` | {first} |" for name, first in _of_door(package)]
        lines.append("")
    return "\n".join(lines)


def _of_door(package: str) -> Iterable[tuple[str, str]]:
    """Public names of a package with an extra and what they are, from its text: the site is built without the extra."""
    home = neuroperturb._DOORS[package.rpartition(".")[2]]
    path = Path(neuroperturb.__file__).parent / f"{home.replace('.', '/')}.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, _prose(ast.get_docstring(node) or "")


def public(module) -> Iterable[str]:
    """Names that a package offers."""
    names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    ours = (name for name in names if not _foreign(getattr(module, name)))
    return sorted(ours)


def _foreign(thing: object) -> bool:
    """Submodules, and what a module imports for itself."""
    return (inspect.ismodule(thing) and thing.__name__ not in PACKAGES) or thing is annotations


def _first(thing: object) -> str:
    """The first paragraph of a docstring; of a table of names, what it holds."""
    if isinstance(thing, dict):
        return f"a table of {len(thing)} names"
    if not (inspect.ismodule(thing) or inspect.isclass(thing) or inspect.isroutine(thing)):
        return _escaped(f"a {type(thing).__name__}")
    return _prose(inspect.cleandoc(thing.__doc__ or ""))


def _prose(text: str) -> str:
    """Its first paragraph, on a line."""
    return _escaped(ROLE.sub("", plain(" ".join(text.split("\n\n")[0].split()))))


def _escaped(text: str) -> str:
    """Prose, in which nothing is markup but code in backticks."""
    pieces = CITATION.sub("", text).split("`")
    return "`".join(piece if k % 2 else MARKS.sub(r"\\\1", piece) for k, piece in enumerate(pieces))


def _linked(publication: str) -> str:
    """With its DOI as a link."""
    return re.sub(r"doi:(10\.[^\s,;]+)", r"[doi:\1](https://doi.org/\1)", _escaped(publication).replace("\\_", "_"))
