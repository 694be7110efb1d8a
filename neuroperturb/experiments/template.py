"""An experiment as a TOML file to edit: every setting with its meaning beside it."""

from __future__ import annotations

import tomli_w

from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.settings import KeyEntry, settings
from neuroperturb.experiments.toml import plain

WIDTH = 100  # of a comment: longer ones are cut at a word


def template(experiment: Experiment, command: str) -> str:
    """The TOML of an experiment with comments; it reads back as an equal experiment.

    command : how it is run, for the first line
    """
    known: dict[str, list[KeyEntry]] = {}
    for one in settings():
        known.setdefault(one.key, []).append(one)
    lines = [f"# {command}", "# What a setting means: neuroperturb explain KEY", ""]
    return "\n".join([*lines, *_table(plain(experiment), "", known, ())]) + "\n"


def _table(table: dict, prefix: str, known: dict[str, list[KeyEntry]], kinds: tuple[str, ...]) -> list[str]:
    """Values first, then tables, each under its heading."""
    lines: list[str] = []
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    tag = next((f"{prefix[:-1]}.{tag} = {table[tag]!r}" for tag in ("kind", "name") if tag in table), "")
    kinds = (*kinds, tag) if tag else kinds
    for key, value in table.items():
        if key not in inner:
            lines.append(_line(key, value, _comment(known.get(prefix + key, []), kinds, value)))
    for key, value in inner.items():
        meant = _comment(known.get(prefix + key, []), kinds)
        lines += [
            "",
            f"[{prefix}{key}]" + (f"  # {meant}" if meant else ""),
            *_table(value, f"{prefix}{key}.", known, kinds),
        ]
    return lines


def _line(key: str, value: object, comment: str) -> str:
    text = tomli_w.dumps({key: value}, multiline_strings=False).strip()
    return text if "\n" in text or not comment else f"{text}  # {comment}"


def _comment(found: list[KeyEntry], kinds: tuple[str, ...], value: object = None) -> str:
    """What the chosen kind is, or the meaning of a key, of the record that is there where several have it."""
    fitting = [one for one in found if set(one.needs) <= set(kinds)] or found
    chosen = fitting[0].kinds.get(value, "") if fitting and isinstance(value, str) else ""
    text = chosen or (fitting[0].meaning if fitting else "")
    return text if len(text) <= WIDTH else text[:WIDTH].rsplit(" ", 1)[0] + " …"
