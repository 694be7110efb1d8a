"""A custom task as a parameter: the location of its class, its parameters, and its source.

task = "mine.py:MyTask"    or    [task]  name = "mine.py:MyTask"  steps = 14

[task.source]              added by a record
sha256 = "…"
text = "…"
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import model_serializer

from neuroperturb.spec import SpecError
from neuroperturb.spec.user_code import Sought, UserCode, find
from neuroperturb.tasks.contract import Dataset, NewInputs, Task

SOURCE = "source"  # key of a task's table under which a record stores its source


def _is_task(cls: type) -> bool:
    return issubclass(cls, Task) and cls.__module__.split(".")[0] != "neuroperturb"


TASK = Sought("task", "task.name", _is_task, "It has no subclass of neuroperturb.tasks.Task.")


class OwnTask(Task):
    """A custom task as data: opening a record imports and runs nothing, generating data does.

    name : ``module:Class`` or ``path/to/file.py:Class``
    parameters : its parameters, by name; also available as attributes
    sha256, text : of its source, see :class:`neuroperturb.spec.user_code.UserCode`
    """

    name: str
    parameters: dict[str, Any]
    sha256: str
    text: str

    @classmethod
    def of(cls, task: Task) -> OwnTask:
        """From an object, ``MyTask(steps=14)``; raises if a record could not recreate it."""
        made_of = type(task)
        code = UserCode.of(made_of, TASK)
        try:
            parameters = _without_none({key: value for key, value in task.table().items() if key != "name"})
            same = made_of.parse(parameters) == task
        except ValueError:
            same = False
        if not same:
            raise SpecError("", code.label, "made of numbers, texts and lists of these, which a record can store", task)
        if SOURCE in parameters:
            raise SpecError(
                SOURCE, code.label, verb="needs another name: a record stores the source of the class there"
            )
        return cls(name=code.name, parameters=parameters, sha256=code.sha256, text=code.text)

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> OwnTask:
        """From a table: of a record, unchanged; of a user, with the present source of the class."""
        rest = {key: value for key, value in table.items() if key not in ("name", SOURCE)}
        if SOURCE not in table:
            return _as_data(_found(table["name"]).parse(rest, "task"))
        source = table[SOURCE]
        if not isinstance(source, Mapping) or not {"sha256", "text"} == source.keys():
            raise SpecError(f"task.{SOURCE}", wanted="a table of 'sha256' and 'text'", got=source)
        return cls.parse({"name": table["name"], "parameters": _without_none(rest), **source}, "task")

    @model_serializer
    def _flat(self) -> dict:
        """Parameters in the same place as those of a built-in task."""
        return {"name": self.name, **self.parameters, SOURCE: {"sha256": self.sha256, "text": self.text}}

    @property
    def code(self) -> UserCode:
        """The class as data."""
        return UserCode(self.name, self.sha256, self.text)

    @property
    def label(self) -> str:
        """Name in tables and figures: that of its class."""
        return self.code.label

    def __getattr__(self, name: str) -> Any:
        parameters = self.__dict__.get("parameters", {})
        return parameters[name] if name in parameters else super().__getattr__(name)  # type: ignore[misc]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OwnTask):
            return NotImplemented
        return (self.code, self.parameters) == (other.code, other.parameters)

    def __hash__(self) -> int:
        return hash((self.code, json.dumps(self.parameters, sort_keys=True)))

    # what runs the class

    def replace(self, **changes: Any) -> OwnTask:
        """The same task with some parameters changed, validated by its class."""
        return OwnTask.of(self.bind().replace(**changes))

    def bind(self) -> Task:
        """The task itself, ``MyTask(steps=14)``; raises if its source is not the one this experiment was made with."""
        return self.code.bind(TASK).parse(self.parameters, "task")

    @property
    def schedule(self) -> str:  # type: ignore[override]
        """The default schedule of its class."""
        return self.bind().schedule

    @property
    def default_batch_size(self) -> int:  # type: ignore[override]
        """Of its class."""
        return self.bind().default_batch_size

    @property
    def ridge_taps(self) -> int:  # type: ignore[override]
        """Of its class."""
        return self.bind().ridge_taps

    def data(self, seed: int, batch_size: int) -> Dataset:
        """Of its class."""
        return self.bind().data(seed, batch_size)

    def new_rows(self, path: str) -> NewInputs:
        """Of its class."""
        return self.bind().new_rows(path)


def kept(task: Any) -> Any:
    """A task for an experiment; a custom one is converted to data."""
    own = isinstance(task, Task) and not isinstance(task, OwnTask) and _is_task(type(task))
    return OwnTask.of(task) if own else task


def _as_data(task: Task) -> OwnTask:
    try:
        return OwnTask.of(task)
    except SpecError as error:
        raise error.under("task") from None


def _found(name: str) -> type[Task]:
    cls = find(name, TASK)
    if not _is_task(cls):
        raise SpecError(TASK.path, verb=f"names {name!r}, which is not a subclass of neuroperturb.tasks.Task")
    return cls


def _without_none(value: Any) -> Any:
    """TOML has no null: None is left out, and is restored by the default."""
    return {k: _without_none(v) for k, v in value.items() if v is not None} if isinstance(value, dict) else value
