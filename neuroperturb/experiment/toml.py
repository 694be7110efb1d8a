"""Experiments as TOML, and assignments ``key.path=value`` on top."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from neuroperturb.experiment.expand import _without_none
from neuroperturb.experiment.experiment import Experiment
from neuroperturb.spec import InputError
from neuroperturb.spec.user_code import beside


def load(path: str | Path, overrides: Iterable[str] = ()) -> Experiment:
    """The experiment in a TOML file, with ``key.path=value`` assignments on top."""
    return resolve(read_table(path), overrides, Path(path).parent)


def resolve(table: dict, overrides: Iterable[str] = (), folder: Path | None = None) -> Experiment:
    """The experiment of a table, with ``key.path=value`` assignments on top; rules of one's own may lie in `folder`."""
    for assignment in overrides:
        table = override(table, assignment)
    with beside(folder):
        return Experiment.parse(table)


def read_table(path: str | Path) -> dict:
    """A TOML file as a table; anything that keeps it from being read is one sentence."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The file {str(path)!r} cannot be read: {error.strerror or error}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The file {str(path)!r} is not valid TOML: {error}.") from None


def dumps(experiment: Experiment) -> str:
    """An experiment as TOML that :func:`load` reads back."""
    import tomli_w

    return tomli_w.dumps(plain(experiment))


def plain(experiment: Experiment) -> dict:
    """An experiment as a table without None: what TOML can hold."""
    return _without_none(experiment.table())


def override(table: dict, assignment: str) -> dict:
    """A copy of a table with one ``key.path=value`` set; a value that is not TOML is a string."""
    key, equals, text = assignment.partition("=")
    if not equals or not all(step.strip() for step in key.split(".")):
        raise InputError(f"The '--set' option must look like key.path=value. Got {assignment!r} instead.")
    return put(table, key, _value(text.strip()))


def put(table: dict, key: str, value: Any) -> dict:
    """A copy of a table with the value at a dotted key; tables on the way are made, or made out of a bare name."""
    path = [step.strip() for step in key.split(".")]
    table = copy.deepcopy(table)
    node = table
    for depth, step in enumerate(path[:-1]):
        inner = node.get(step)
        if inner is None:
            inner = {}
        elif isinstance(inner, str):  # a bare name: make it the table it stands for
            inner = {"kind" if depth else "name": inner}
        elif not isinstance(inner, dict):
            raise InputError(
                f"The key {key.strip()!r} cannot be set, since {'.'.join(path[: depth + 1])!r} is no table."
            )
        node[step] = inner
        node = inner
    node[path[-1]] = value
    return table


def _value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if len(parsed) == 1 else text
