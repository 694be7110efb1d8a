"""Files of data that an experiment reads: which parts name them, and which files these are now."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from neuroperturb.spec import data_file
from neuroperturb.spec.data_file import FileNote
from neuroperturb.tasks import OwnTask


def files(part: Any) -> dict[str, str]:
    """Paths of what parts of an experiment read, each with who reads it."""
    return {path: _class(p) for p in parts(part) for path in _paths(p)}


def _paths(part: Any) -> Iterator[str]:
    """The path of a part, or its several ones."""
    path = getattr(part, "path", None)
    if isinstance(path, str):
        yield path
    held = type(part).model_fields if isinstance(part, BaseModel) else (f.name for f in dataclasses.fields(part))
    values = (getattr(part, name) for name in held if name != "path")
    yield from (value for value in values if isinstance(value, data_file.DataPath))


def digests(part: Any) -> dict[str, str]:
    """sha256 of the files that parts read and that are there, by path as typed."""
    found = {path: data_file.find(path) for path in files(part)}
    return {path: _digest(place, os.stat(place).st_mtime_ns) for path, place in found.items() if place is not None}


def notes(part: Any, read: Mapping[str, FileNote] | None = None) -> dict[str, FileNote]:
    """Which files there are now, by path as typed; `read`: what is known of those that were read already."""
    read = read or {}
    found = {path: read.get(path) or data_file.note_of(path) for path in files(part)}
    return {path: note for path, note in found.items() if note is not None}


def of_experiment(experiment: Any, read: Mapping[str, FileNote] | None = None) -> dict[str, FileNote]:
    """The same of what a record of an experiment depends on: the data of its task, and the cells of its chip."""
    return notes(experiment.task, read) | notes(experiment.hardware)


@functools.lru_cache
def _digest(place: Path, modified: int) -> str:
    """Of a file as it is since then."""
    return data_file.digest(place)


def _class(part: Any) -> str:
    return part.label if isinstance(part, OwnTask) else type(part).__name__


def parts(part: Any) -> Iterator[Any]:
    """A part and the parts it is made of."""
    if isinstance(part, BaseModel):
        inner = [getattr(part, field) for field in type(part).model_fields]
    elif dataclasses.is_dataclass(part):
        inner = [getattr(part, field.name) for field in dataclasses.fields(part)]
    elif isinstance(part, tuple):
        inner = list(part)
    else:
        return
    if type(part) is not tuple:
        yield part
    for one in inner:
        yield from parts(one)
