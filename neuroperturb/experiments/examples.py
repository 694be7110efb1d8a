"""For every setting an example that runs: a whole TOML and a command, with the task and the kinds that the setting needs.

An example is searched for, not written: values other than the default are tried, in runs of a few tasks and rules, until one is taken by
what reads a TOML file, and makes another experiment than the same run without it. What no search can find, the name of a file or of a
class, and settings that go together, are in :mod:`neuroperturb.experiments.example_values`.
"""

from __future__ import annotations

import itertools
import shlex
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from neuroperturb.experiments import recipes, toml
from neuroperturb.experiments.entry import REQUIRED, KeyEntry
from neuroperturb.experiments.example_values import ALONE, BESIDE, INSTEAD, UNCHECKED, values
from neuroperturb.experiments.settings import TAGS, is_list, settings, under
from neuroperturb.experiments.toml_text import inline, short
from neuroperturb.spec import InputError

TASK = "delayed-xor"
OTHER_TASKS = ("weather", "bandit", "cart-pole")
SOURCES = {"series": "load.csv", "arrays": "trials.npz"}  # tasks that are given by their data
RULES = {  # that are tried with a setting of a table; None: that of the task
    "rule": (None, "np", "anp", "wp", "np-p", "bptt", "nrl", "rtrl"),
    "decorrelation": (None, "np"),
    "training": (None, "np"),
    "hardware": (None, "np"),
}
ON = (  # what the arrays are that a setting of hardware changes
    (),
    ("hardware.name=reram-es",),
    ("hardware.name=ecram-mo",),
    ("hardware.name=reram-es", "training.schedule=online", "training.batch_size=1"),
)
MANY = 3  # required settings of a table: from so many on, it is given at once
TRIED = 16  # values of one setting


class Example(NamedTuple):
    """A TOML and a command that do the same to one setting."""

    toml: str
    command: str


class _ExampleRun(NamedTuple):
    """What `neuroperturb run` is given."""

    task: str
    rule: str | None
    assignments: tuple[str, ...]

    @property
    def source(self) -> str:
        return SOURCES.get(self.task, self.task)

    def made(self) -> Any:
        """The experiment of the command."""
        table = recipes.recipe(self.task, self.rule)
        if self.source != self.task:
            table["task"]["path"] = self.source
        return toml.resolve(table, self.assignments)

    def table(self) -> dict:
        """The TOML that says no more than it must."""
        table: dict = {"task": self.task}
        if self.source != self.task:
            table = toml.override(table, f"task.path={self.source}")
        table |= {} if self.rule is None else {"rule": self.rule}
        for assignment in self.assignments:
            table = toml.override(table, assignment)
        return table

    def command(self) -> str:
        """As it is typed."""
        words = ["neuroperturb", "run", self.source, *([] if self.rule is None else ["--rule", self.rule])]
        return shlex.join([*words, *(word for one in self.assignments for word in ("--set", one))])

    def also(self, assignments: Iterable[str]) -> _ExampleRun:
        return self._replace(assignments=(*self.assignments, *assignments))


@cache
def example(key: str) -> Example | None:
    """The first example that is found for a key, or for one below it; None if there is none."""
    told = [one for one in settings() if one.key == key]
    found = itertools.chain(
        (made for one in told for made in examples(one)), map(example, (one.key for one in under(key)))
    )
    return next(filter(None, found), None)


def examples(one: KeyEntry) -> Iterator[Example]:
    """Examples of one setting, in the record that has it."""
    if one.key in ALONE:
        return
    usual = [one.default] if isinstance(one.default, bool | int | float | str) else []  # where the run has another
    tried = itertools.product(_runs(one), [*itertools.islice(values(one), TRIED)])
    for run, value in itertools.chain(tried, itertools.product(_runs(one), usual)):
        full = run.also(_assigned(one, value))
        if one.key in UNCHECKED or _works(run, full):
            yield Example(short(full.table()), full.command())


def _works(run: _ExampleRun, full: _ExampleRun) -> bool:
    """Whether it is taken, and changes something."""
    try:
        made, _ = full.made(), toml.resolve(full.table())
    except InputError:
        return False
    try:
        return made != run.made()
    except InputError:  # it cannot do without
        return True


def _runs(one: KeyEntry) -> Iterator[_ExampleRun]:
    """Runs in which a setting may stand, the plainest first."""
    needs = _needs(one)
    task, rule = needs.pop("task.name", None), needs.pop("rule.name", None)
    beside = next((more for start, more in BESIDE.items() if one.key.startswith(start)), ())
    top = one.key.partition(".")[0]
    tasks = (task,) if task is not None else (TASK, *OTHER_TASKS)
    rules = (rule,) if rule is not None else RULES.get(top, (None,))
    whole = _whole(one)
    chosen = {key: kind for key, kind in needs.items() if whole is None or key != f"{whole.key}.kind"}
    kinds = (f"{key}={INSTEAD.get((key, kind), kind)}" for key, kind in chosen.items())
    asked = (*beside, *kinds, *_required(one, needs))
    for on, name, by in itertools.product(ON if top == "hardware" else ((),), tasks, rules):
        yield _ExampleRun(name, UNCHECKED.get(one.key) or by, (*on, *asked))


def _needs(one: KeyEntry) -> dict[str, str]:
    """The kinds that a setting needs, by key."""
    return {key: tomllib.loads(f"v = {kind}")["v"] for key, kind in (need.split(" = ", 1) for need in one.needs)}


def _assigned(one: KeyEntry, value: Any) -> Iterator[str]:
    """The assignments of a value: of the setting, or of a whole table around it; then of what a chosen kind must have."""
    whole = _whole(one)
    if whole is not None:
        kind = value if one.name == "kind" else _needs(one).get(f"{whole.key}.kind")
        had = {other.name: next(values(other)) for other in (*_beside(one), *_of_kind(whole.key, kind))}
        table = ({} if kind is None else {"kind": kind}) | had | {one.name: value}
        order = [other.name for other in under(whole.key)]
        table = dict(sorted(table.items(), key=lambda item: order.index(item[0])))
        yield f"{whole.key}={_text([table] if is_list(whole) else table)}"
        return
    yield f"{one.key}={_text(value)}"
    table = one.table if one.name in TAGS else one.key
    for other in _of_kind(table, value):
        yield f"{other.key}={_text(next(values(other)))}"


def _of_kind(table: str, kind: Any) -> Iterator[KeyEntry]:
    """The required settings of a kind of table."""
    for other in under(table):
        if other.default is REQUIRED and f"{table}.kind = {kind!r}" in other.needs:
            yield other


def _whole(one: KeyEntry) -> KeyEntry | None:
    """The table that must be given at once for one of its settings: in a list, or with many that are required."""
    around = next((other for other in settings() if other.key == one.table), None)
    if around is None or not (is_list(around) or sum(1 for _ in _beside(one)) >= MANY):
        return None
    return around


def _beside(one: KeyEntry) -> Iterator[KeyEntry]:
    """The required settings of the same record."""
    for other in under(one.table) if one.table else ():
        chooses = other.name in TAGS and other.kinds
        if other.default is REQUIRED and other.key != one.key and not chooses and set(other.needs) <= set(one.needs):
            yield other


def _required(one: KeyEntry, needs: dict[str, str]) -> Iterator[str]:
    """Assignments of what the tables around a setting must have."""
    if _whole(one) is not None or one.key.startswith("hardware.costs."):  # whose costs are those of a technology
        return
    given = {"task", "task.name", one.key} | ({"task.path"} if _needs(one).get("task.name") in SOURCES else set())
    for other in settings():
        around = other.table and (other.table == one.table or one.key.startswith(other.table + "."))
        if other.default is REQUIRED and around and other.key not in given and set(other.needs) <= set(one.needs):
            given.add(other.key)
            yield f"{other.key}={_text(next(values(other)))}"


def _text(value: Any) -> str:
    """A value as `--set` reads it."""
    return value if isinstance(value, str) else inline(value)
