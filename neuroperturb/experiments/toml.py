"""Experiments as TOML, and assignments ``key.path=value`` on top."""

from __future__ import annotations

import codecs
import copy
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from neuroperturb.experiments import misnamed
from neuroperturb.experiments.expand import _without_none
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.spec import InputError, SpecError
from neuroperturb.spec.user_code import beside

# a key of 500 steps, of which tomllib takes the square; it begins where a step begins, so that no text is searched twice
LONG_KEY = re.compile(r"""(?<![^\s.="'\[\]{}#,])(?:[^\s.="'\[\]{}#,]++[ \t]*+\.[ \t]*+){500}""")
DEEPEST = 50  # nested tables and lists; experiments have six
# The longer marks first: that of UTF-16 is a prefix of that of UTF-32.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip


def load(path: str | Path, overrides: Iterable[str] = ()) -> Experiment:
    """The experiment in a TOML file, with ``key.path=value`` assignments on top."""
    return resolve(read_table(path), overrides, Path(path).parent)


def resolve(table: dict, overrides: Iterable[str] = (), folder: Path | None = None) -> Experiment:
    """The experiment of a table, with ``key.path=value`` assignments on top; custom rules may be in `folder`."""
    for assignment in overrides:
        table = override(table, assignment)
    with beside(folder):
        try:
            return Experiment.parse(table)
        except SpecError as error:
            raise misnamed.told(error) from None


def read_table(path: str | Path) -> dict:
    """A TOML file as a table; errors are one sentence."""
    try:
        text = _text(Path(path).read_bytes())
        table = None if LONG_KEY.search(text) else tomllib.loads(text)
    except OSError as error:
        raise InputError(f"The file {str(path)!r} cannot be read: {error.strerror or error}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The file {str(path)!r} is not valid TOML: {error}.") from None
    except RecursionError:
        table = None
    if table is None or _depth(table) > DEEPEST:
        raise InputError(
            f"The file {str(path)!r} is nested too deeply: at most {DEEPEST} tables and lists in one another."
        )
    return table


def _depth(table: Any) -> int:
    """How many tables and lists lie in one another, told without recursion."""
    level, here = 0, [table]
    while here and level <= DEEPEST:
        nested = (one.values() if isinstance(one, dict) else one for one in here if isinstance(one, dict | list))
        level, here = level + 1, [inner for values in nested for inner in values]
    return level


def _text(content: bytes) -> str:
    """UTF-8 or, with a byte order mark, UTF-16 or UTF-32; line ends of any kind."""
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding).lstrip("\ufeff").replace("\r\n", "\n")
    return content.decode("utf-8").replace("\r\n", "\n")


def dumps(experiment: Experiment) -> str:
    """An experiment as TOML that :func:`load` reads back."""
    import tomli_w

    return tomli_w.dumps(plain(experiment))


def plain(experiment: Experiment) -> dict:
    """An experiment as a table for TOML, without None."""
    return _without_none(experiment.table())


def override(table: dict, assignment: str) -> dict:
    """A copy of a table with one ``key.path=value`` set; a value that is not TOML is a string."""
    key, equals, text = assignment.partition("=")
    if not equals or not all(step.strip() for step in key.split(".")) or key.count(".") > DEEPEST:
        raise InputError(f"The '--set' option must look like key.path=value. Got {assignment!r} instead.")
    return put(table, key, _value(text.strip()))


def put(table: dict, key: str, value: Any) -> dict:
    """A copy of a table with the value at a dotted key; intermediate tables are created, or expanded from a bare name."""
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
                f"The key {key.strip()!r} cannot be set, since {'.'.join(path[: depth + 1])!r} is not a table."
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
    except RecursionError:
        parsed = None
    if parsed is None or _depth(parsed) > DEEPEST:
        raise InputError(f"The '--set' option takes at most {DEEPEST} tables and lists in one another.")
    return parsed["value"] if len(parsed) == 1 else text
