"""Expand names of tasks, rules and parts of rules to the tables they stand for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from neuroperturb import rules, tasks
from neuroperturb.baselines import FORWARD, GRADIENTS
from neuroperturb.baselines.trainer import Bptt
from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.axes.baseline import PerStep
from neuroperturb.simulation.schedule import ONLINE_CHUNK
from neuroperturb.spec import SpecError, plugins, suggest
from neuroperturb.spec.user_code import is_name

WITH_ANOTHER = ("clean_twin", "antithetic", "second_run")  # baselines of presets that nothing in a world corresponds to


def expand(table: dict) -> dict:
    """A table with every name of a task, a rule or a part of a rule replaced by the table it stands for."""
    table = _without_none(table)
    if "task" not in table:
        raise SpecError.missing("task", "Experiment", suggest("", tasks.TASKS))
    task = table["task"] = _task(_named("task", table["task"], tasks.TASKS))
    table |= {key: spelt(key, table[key]) for key in SHORT if key in table}
    if "rule" in table:
        rule = _named("rule", table["rule"], RULE_NAMES)
        if decorrelated(rule):
            table.setdefault("decorrelation", {})
        _, table["rule"] = named(task, rule, table.get("training"))
    return table


RULE_NAMES = (*rules.RULES, *rules.OF_WORLDS, *rules.DECORRELATED, *GRADIENTS, "perturbation")


def named(task: Any, rule: Any, training: Any = None) -> tuple[Any, Any]:
    """A task and a rule that may be names, or tables as in TOML, as what an experiment takes; without a schedule, the task's.

    >>> named("delayed-xor", {"name": "np-p", "learning_rate": 0.02})[1]["learning_rate"]
    0.02
    """
    if isinstance(task, str | dict):
        task = _task(_named("task", task, tasks.TASKS))
    if isinstance(rule, str | dict) and isinstance(task, tasks.Task):
        rule = _expand_rule(_named("rule", rule, RULE_NAMES), _asked(training) or task.schedule, alone=task.closed_loop)
    return task, rule


SHORT = {"spiking": "backend", "modifier": "kind"}  # the key that a name alone gives


def spelt(key: str, value: Any) -> Any:
    """The table that a name alone stands for; anything else as it is.

    >>> spelt("spiking", "numba")
    {'backend': 'numba'}
    """
    return {SHORT[key]: value} if isinstance(value, str) else value


def decorrelated(rule: Any) -> bool:
    """Whether a rule is the name, or a table with the name, of one that brings its decorrelation."""
    name = rule.get("name") if isinstance(rule, dict) else rule
    return isinstance(name, str) and name in rules.DECORRELATED


def _asked(training: Any) -> str | None:
    """The schedule that a training, or its table, asks for."""
    return training.get("schedule") if isinstance(training, dict) else getattr(training, "schedule", None)


def _named(key: str, value: Any, known: Iterable[str]) -> dict:
    """A name, or a table with one, as the full table; an unknown name must be a location, ``module:Class``, or stand for one."""
    table = {"name": value} if isinstance(value, str) else value
    if not isinstance(table, dict):
        raise SpecError(key, "Experiment", "a name or a table", value)
    name = plugins.located(key, table.get("name"), known)
    if name is None:
        raise SpecError.missing(f"{key}.name", hint=suggest("", known))
    if not isinstance(name, str) or not (name in known or is_name(name)):
        raise SpecError.no_choice(f"{key}.name", "", name, [*known, *plugins.names(key)])
    return {**table, "name": name}


def _task(table: dict) -> tasks.Task:
    if is_name(table["name"]):
        return tasks.OwnTask.read(table)
    return tasks.TASKS[table["name"]].parse(table, "task")


def _expand_rule(table: dict, schedule: str, *, alone: bool = False) -> dict:
    """The preset of that name, as a table, with the given changes; `alone`: a second trajectory, if it has one, is not there."""
    changes = {
        key: {"kind": value} if key in _axes() and isinstance(value, str) else value for key, value in table.items()
    }
    name = table["name"]
    if name == "perturbation":
        return changes
    if name in FORWARD:
        return _merge(FORWARD[name]().table(), changes)
    if name == "bptt":
        # True BPTT of a long series is not feasible: by default its gradient is truncated every ONLINE_CHUNK steps.
        chunk = ONLINE_CHUNK if schedule == "online" and not changes.keys() & {"window", "chunk"} else None
        return _merge(Bptt(chunk=chunk).table(), changes)
    if is_name(name):
        try:
            own = rules.own(
                name, changes.pop("parameters", {}), like=changes.pop("like", None), schedule=schedule
            ).table()
        except SpecError as error:
            raise (error.under("rule") if error.name == "like" else error) from None
        return _merge(own, {**changes, "name": own["name"]})
    form = changes.pop("form", None)
    if form is not None and not isinstance(form, str):
        raise SpecError("rule.form", wanted="a string", got=form)
    try:
        preset = rules.make(name, form, schedule).table()
    except SpecError as error:
        raise error.under("rule") from None
    if alone and preset["baseline"]["kind"] in WITH_ANOTHER:
        preset["baseline"] = PerStep().table()
    return _merge(preset, {**changes, "name": preset["name"]})


def _merge(preset: dict, changes: dict) -> dict:
    return preset | {key: _over(preset.get(key), value) for key, value in changes.items()}


def _over(preset: Any, change: Any) -> Any:
    """Apply a change to one part of a preset: another kind replaces the part, parameters alone are merged."""
    if (
        isinstance(preset, dict)
        and isinstance(change, dict)
        and change.get("kind", preset.get("kind")) == preset.get("kind")
    ):
        return preset | change
    return change


def _axes() -> set[str]:
    """The parameters of a rule that are parts with kinds."""
    fields = {**PerturbationRule.model_fields, **Bptt.model_fields}
    return {name for name, field in fields.items() if hasattr(field.default, "kind")}


def _without_none(table: dict) -> dict:
    """TOML has no null: None is left out, and is restored by the default."""
    return {k: _without_none(v) if isinstance(v, dict) else v for k, v in table.items() if v is not None}
