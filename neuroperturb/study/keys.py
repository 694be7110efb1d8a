"""Every key of the file of a study: what it must be, what it means, and what it is when left out; for the reference.

Keys of tables that are read into records have their meaning from the record, as settings of an experiment do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from neuroperturb.experiments.docstrings import meanings
from neuroperturb.spec import Spec
from neuroperturb.study.ageing import StudyAgeing
from neuroperturb.study.declaration import BASELINES, CONTROLS, Search


class StudyKey(NamedTuple):
    """One key: dotted, in words what it must be, what it means, and its default in words, "" for none."""

    key: str
    form: str
    meaning: str
    default: str = ""


GRID = (
    StudyKey(
        "axes",
        "a table of lists",
        "every combination of these values is a cell; keys are dotted settings, `seed` is `training.seed`",
    ),
    StudyKey("zip", "a list of tables of lists, `[[zip]]`", "lists of one length, whose values change together"),
    StudyKey("set", "a table", "settings that are the same in every cell"),
    StudyKey(
        "search", "a table", "settings chosen by validation loss, separately in every cell, before its seeds are run"
    ),
    StudyKey(
        "controls",
        f"a list of {', '.join(map(repr, CONTROLS))}",
        "repeat every cell with `W_in` and `W_rec` fixed at their initial values",
        "none",
    ),
)
OWN = (
    StudyKey("about", "a text", "purpose, size and duration; printed first"),
    StudyKey(
        "base",
        "a task, the name of a TOML file, or a table",
        "the experiment that axes and settings change: the recipe of a task, a file as for `run`, or its tables written out",
    ),
    StudyKey("metrics", "a list of texts", "columns of the table of runs, beside losses and status", "all of them"),
    StudyKey(
        "baselines",
        f"a list of {', '.join(map(repr, BASELINES))}",
        "fitted once for each task and seed",
        "'trivial' alone",
    ),
    StudyKey(
        "threshold", "a number", "a validation loss: its first epoch, and the share of seeds below it, are reported"
    ),
    StudyKey("weights", "true or false", "keep the weights of every run, not only its curves and scores", "true"),
    StudyKey("names", "a table of texts", "labels of your own for values of axes, by the label that they have"),
    *GRID,
    StudyKey(
        "grid", "a list of tables, `[[grid]]`", "several grids, each with keys of its own in addition to those above"
    ),
    StudyKey("grid.name", "a text", "of the grid, in tables and figures"),
    *(one._replace(key=f"grid.{one.key}", meaning=f"as `{one.key}`, for this grid alone", default="") for one in GRID),
    StudyKey("quick", "a table", "what `--quick` replaces: fewer values and seeds, which show the effect in minutes"),
    StudyKey("small", "a table", "what `--small` replaces: a smoke test, which shows no effect"),
    StudyKey(
        "ageing", "a table", "chips that the trained weights of every run are programmed on, and tested as they age"
    ),
    StudyKey("tune", "a table", "what `neuroperturb tune` searches with Optuna, in every cell"),
    StudyKey("tune.trials", "a whole number", "settings to try in each cell", "40"),
    StudyKey(
        "tune.seeds", "a whole number", "each setting is tried on this many of the study's seeds, the first ones", "1"
    ),
    StudyKey(
        "tune.over",
        "a table of ranges and lists",
        "what is searched, by dotted setting: `{ low = 1e-4, high = 1.0, log = true }` is a range, a list is a choice",
    ),
)
RECORDS: dict[str, type[Spec]] = {"search": Search, "ageing": StudyAgeing}


def keys() -> Iterator[StudyKey]:
    """All of them, tables before what is in them."""
    for one in OWN:
        yield one
        if one.key in RECORDS:
            yield from _of(one.key, RECORDS[one.key])


def _of(table: str, record: type[Spec]) -> Iterator[StudyKey]:
    said = meanings(record)
    for name, field in record.model_fields.items():
        default = "" if field.is_required() else _words(field.default)
        yield StudyKey(f"{table}.{name}", "", said[name], default)


def _words(default: object) -> str:
    """As TOML has it."""
    return (repr(list(default)) if default else "none") if isinstance(default, tuple) else repr(default)
