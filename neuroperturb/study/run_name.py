"""The name of a run: a digest of everything that its bits depend on, as far as a file can know.

    name = sha256(what the experiment says, what its own classes do, versions of what computes, files of data)[:16]

Built-in parts go by name: what they do is a matter of the version of the package, which is in the digest, so whoever edits one raises
the version or takes another folder. A class of one's own, and one that somebody has registered in the list of its kinds, goes by its
name and by what it does: its source, and that of what it calls, without comments, docstrings and layout
(:mod:`neuroperturb.spec.source_text`). A rule that is edited therefore has new runs, and those of all others stay; one that moved to
another file has its old ones. Of a task that reads a file, what is in it counts. Two machines with different processors may differ in
bits under one name; the record holds the processor.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from neuroperturb.experiments.essence import essence, user_code
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.results.file import VERSION
from neuroperturb.results.provenance import versions
from neuroperturb.spec import Spec
from neuroperturb.spec.user_code import HOUSE, Sought, UserCode
from neuroperturb.tasks import OwnTask

DIGITS = 16
REGISTERED = Sought("part", "", lambda cls: True, "")
SCHEME = 2  # of names; 1, of version 0.1.0, hashed paths and texts of modules, see :mod:`neuroperturb.study.old_names`


def name(experiment: Experiment, ageing: Spec | None = None) -> str:
    """What the file of a run is called, without its ending; `ageing`: what its weights go through afterwards."""
    afterwards = {} if ageing is None else {"ageing": ageing.table()}
    parts = {**_files_of(experiment), **_registered(experiment)}
    return digest({"experiment": essence(experiment.table()), **parts, **afterwards, **computing()})


def fit_name(experiment: Experiment, asked: Iterable[str] = ()) -> str:
    """What the file of the baselines `asked` for is called: they depend on data and sizes, and on no rule and no epoch count."""
    network, training = experiment.network, experiment.training
    data = {
        "task": essence({"task": experiment.task.table()})["task"],
        "seed": training.seed,
        "batch_size": training.batch_size,
    }
    more = {"units": network.size, "baselines": sorted(asked)}
    return digest({**data, **more, **_files_of(experiment.task), **computing()})


@functools.cache
def computing() -> dict:
    """Versions that bits depend on."""
    return {"versions": relevant(versions()), "format": VERSION, "names": SCHEME}


def relevant(made_by: dict[str, str]) -> dict[str, str]:
    """Of the versions that a record holds, those that its bits depend on."""
    return {name: version for name, version in made_by.items() if name not in ("python", "sources")}


def digest(plain: Any) -> str:
    """Sixteen hexadecimal digits of plain data."""
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:DIGITS]


def sources(experiment: Experiment) -> dict[str, str]:
    """What the classes of one's own do, by name: for the record."""
    return {code.label: code.does[:DIGITS] for code in user_code(experiment.table())}


def _registered(experiment: Experiment) -> dict[str, dict[str, str]]:
    """What kinds do that somebody has put into our lists: they go by a name, and no version of ours says what they do."""
    own = {code.label for code in user_code(experiment.table())}
    foreign = {type(part) for part in _parts(experiment)}
    found = {
        cls.__name__: cls for cls in foreign if cls.__module__.split(".")[0] not in HOUSE and cls.__name__ not in own
    }
    does = {name: UserCode.of(cls, REGISTERED).does[:DIGITS] for name, cls in sorted(found.items())}
    return {"registered": does} if does else {}


def files(part: Any) -> dict[str, str]:
    """Paths of what parts of an experiment read, each with who reads it."""
    return {path: _class(p) for p in _parts(part) if isinstance(path := getattr(p, "path", None), str)}


def _class(part: Any) -> str:
    return part.label if isinstance(part, OwnTask) else type(part).__name__


def _files_of(part: Any) -> dict[str, dict[str, str]]:
    """Digests of the files that parts read, where there are any; one that cannot be read fails the run, and says so there."""
    digests = {path: _file(path, os.stat(path).st_mtime_ns) for path in files(part) if os.path.isfile(path)}
    return {"files": digests} if digests else {}


@functools.lru_cache
def _file(path: str, modified: int) -> str:
    """Of a file as it is since then."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]


def _parts(part: Any) -> Iterator[Any]:
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
        yield from _parts(one)
