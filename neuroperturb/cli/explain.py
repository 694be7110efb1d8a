"""`neuroperturb explain`: what a setting, a word of a report, a rule, a task or a device means."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

import hardware_models as hw
from hardware_models.numerics.names import near, question
from neuroperturb.cli import setting_names
from neuroperturb.cli.terminal import say
from neuroperturb.experiments import glossary, tags
from neuroperturb.experiments.docstrings import summary
from neuroperturb.experiments.examples import example
from neuroperturb.experiments.schema import schema as schema_of
from neuroperturb.experiments.settings import REQUIRED, KeyEntry, default_of, settings, under
from neuroperturb.results.grid import line_width
from neuroperturb.spec import InputError
from neuroperturb.study.keys import keys as keys_of_studies
from neuroperturb.tasks import TASKS

WIDTH = 110
KEYS = 4  # of the settings that are called as a word is


def explain(
    word: Annotated[
        str | None,
        typer.Argument(
            autocompletion=setting_names.words,
            metavar="KEY|WORD",
            help="A setting, e.g. hardware.time.faults; a key of a study, e.g. search; a word of a report, e.g. fidelity; a rule, task or device.",
        ),
    ] = None,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema", help="Print the JSON schema of an experiment's TOML, for the completion of an editor."
        ),
    ] = False,
) -> None:
    """Explain a setting, with its default and an example; or a word of a report; or list what can be explained.

    Example: neuroperturb explain rule.noise_std
    """
    if schema:
        say(json.dumps(schema_of(), indent=2, ensure_ascii=False))
    elif word is None:
        say(_contents())
    else:
        say(explanation(word))


def explanation(word: str) -> str:
    """What a word means; raises InputError, with what is near, if nothing is known of it."""
    asked = " ".join(word.split())
    keys = {one.key for one in settings()}
    found = [*_of_key(asked, keys), *_of_study_key(asked), *_of_word(asked, keys), *_of_name(asked)]
    if not found:
        found = [text for key in _called(asked, keys) for text in _of_key(key, keys)]
    if not found:
        raise InputError(f"Nothing is known of {word!r}. {_near(asked, keys)}")
    return "\n\n".join(found)


# ----------------------------------------------------------------------------------------------------------------------
# Where a word may stand


def _of_key(key: str, keys: set[str]) -> Iterator[str]:
    if key in keys:
        told = [one for one in settings() if one.key == key]
        yield "\n".join(_setting(key, told))


def _of_study_key(key: str) -> Iterator[str]:
    for one in keys_of_studies():
        if one.key == key:
            default = f";  default {one.default}" if one.default else ""
            form = [f"    {one.form}{default}"] if one.form else [f"    default {one.default}"] if one.default else []
            title = f"{key}, in the file of a study"
            yield "\n".join([*_wrapped(title, one.meaning), *form])


def _of_word(word: str, keys: set[str]) -> Iterator[str]:
    known = {name.casefold(): entry for name, entry in glossary.words().items()}
    entry = known.get(word.casefold()) or known.get(word.casefold().replace("_", " "))
    if entry is not None:
        settings_of = sorted(key for key in keys if key.endswith(f".{word}"))[:KEYS]
        more = _paragraph(f"As a setting: {', '.join(settings_of)}", "  ") if settings_of else []
        yield "\n".join([*_wrapped(entry, glossary.WORDS[entry]), *more])


def _of_name(name: str) -> Iterator[str]:
    if name in TASKS:
        yield "\n".join(_wrapped(f"{name}, a task", summary(TASKS[name])))
    said = tags.rules().get(name)
    if said is not None:
        yield "\n".join(_wrapped(f"{name}, a rule", f"{said.rstrip('.')}. More: neuroperturb audit {name}"))
    if name in hw.PRESETS:
        preset = hw.PRESETS[name]
        more = f"More: neuroperturb device {name}; neuroperturb advise --hardware {name}"
        text = f"{preset.technology}. {preset.publication}. {more}"
        yield "\n".join(_wrapped(f"{name}, a device", text))
    if name in hw.CELLS and name not in glossary.words():
        yield "\n".join(
            _wrapped(f"{name}, a model of cells", f'{summary(hw.CELLS[name])} hardware.cells.kind = "{name}"')
        )


def _called(word: str, keys: set[str]) -> list[str]:
    """Keys that somebody may mean: by another name of the field, or by their last part."""
    synonym = glossary.SYNONYMS.get(word.casefold())
    if synonym is not None:
        return [synonym]
    return sorted(key for key in keys if key.endswith("." + word))


def _near(word: str, keys: set[str]) -> str:
    """What was probably meant: what begins so comes first."""
    of_studies = (one.key for one in keys_of_studies())
    known = [
        *glossary.words(),
        *glossary.SYNONYMS,
        *sorted(keys),
        *of_studies,
        *TASKS,
        *tags.rules(),
        *hw.PRESETS,
        *hw.CELLS,
    ]
    last = word.rpartition(".")[2].casefold()
    begins = [name for name in known if len(last) > 2 and name.rpartition(".")[2].casefold().startswith(last)]
    return (
        question([*dict.fromkeys([*begins, *near(word, known)])][:3])
        or "`neuroperturb explain` lists what can be explained."
    )


# ----------------------------------------------------------------------------------------------------------------------
# Text


def _setting(key: str, told: list[KeyEntry]) -> list[str]:
    lines = [key]
    for one, places in _alike(told):
        lines += _paragraph(one.meaning or "(no description)", "  ")
        form = "" if one.kinds else f"{one.form};  "
        lines.append(f"    {form}{_default(one)}")
        for place in places:
            lines += _paragraph(f"where {place}", "    ")
    kinds = {kind: words for one in told for kind, words in one.kinds.items()}
    lines += [line for kind, words in kinds.items() for line in _item(kind, words)]
    below = under(key)
    if below:
        lines.append("  its settings:")
        lines += [line for name, meaning in _once(below) for line in _item(name, meaning)]
    return [*lines, *_example(key)]


def _alike(told: Iterable[KeyEntry]) -> list[tuple[KeyEntry, list[str]]]:
    """Each meaning once, with all places where the setting has it."""
    found: dict[tuple[str, str, str], list[KeyEntry]] = {}
    for one in told:
        found.setdefault((one.meaning, one.form, repr(one.default)), []).append(one)
    return [(alike[0], _places(alike)) for alike in found.values()]


def _places(alike: list[KeyEntry]) -> list[str]:
    """Where a setting is: alternatives that differ in their last kind alone are one, with its kinds."""
    kinds: dict[tuple[str, ...], dict[str, None]] = {}
    for one in alike:
        if not one.needs:
            return []
        key, _, kind = one.needs[-1].partition(" = ")
        kinds.setdefault((*one.needs[:-1], key), {})[kind] = None
    return [" and ".join([*around, f"{key} = {' or '.join(its)}"]) for (*around, key), its in kinds.items()]


def _once(below: Iterable[KeyEntry]) -> list[tuple[str, str]]:
    return list({one.key.rpartition(".")[2]: one.meaning for one in reversed(list(below))}.items())[::-1]


def _example(key: str) -> list[str]:
    """A TOML and a command, as they are typed."""
    found = example(key)
    if found is None:
        return []
    first, *rest = [line for line in found.toml.splitlines() if line]
    return ["", f"  TOML     {first}", *(f"           {line}" for line in rest), f"  command  {found.command}"]


def _default(one: KeyEntry) -> str:
    return "has no default" if one.default is REQUIRED else f"default {default_of(one)}"


def _item(name: str, text: str) -> list[str]:
    first, *rest = textwrap.wrap(text, line_width(WIDTH) - 30) or [""]
    return [f"    {name:24s}  {first}".rstrip(), *(" " * 30 + line for line in rest)]


def _wrapped(title: str, text: str) -> list[str]:
    return [title, *_paragraph(text, "  ")]


def _paragraph(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, line_width(WIDTH), initial_indent=indent, subsequent_indent=indent)


def _contents() -> str:
    top = [line for one in settings() if "." not in one.key for line in _item(one.key, one.meaning)]
    keys = ", ".join(one.key for one in keys_of_studies() if "." not in one.key)
    of_studies = textwrap.wrap(keys, line_width(WIDTH), initial_indent="    ", subsequent_indent="    ")
    words = textwrap.wrap(
        ", ".join(glossary.words()), line_width(WIDTH), initial_indent="    ", subsequent_indent="    "
    )
    return "\n".join(
        [
            "Settings (neuroperturb explain KEY goes down)",
            *top,
            "",
            "Keys of the file of a study",
            *of_studies,
            "",
            "Words of reports and of the field",
            *words,
        ]
    )
