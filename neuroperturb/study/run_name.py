"""The name of a run: a digest of everything that its bits depend on, as far as a file can know.

    name = sha256(experiment, versions of what computes, source of the modules of every part of the experiment)[:16]

Parts are the task, the rule and its parts, the network, the hardware and its parts: of each, the file that defines its
class, equations included; of a task that reads a file, what is in it. A rule that is edited therefore has new runs, and those of
all others stay. What is common to all runs (the loops) goes by the version of the package. Two machines with different processors may
differ in bits under one name; the record holds the processor.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from neuroperturb.experiment.experiment import Experiment
from neuroperturb.results.file import VERSION
from neuroperturb.results.provenance import versions
from neuroperturb.spec import Spec

DIGITS = 16


def name(experiment: Experiment, ageing: Spec | None = None) -> str:
    """What the file of a run is called, without its ending; `ageing`: what its weights go through afterwards."""
    afterwards = {} if ageing is None else {"ageing": ageing.table()}
    parts = {"experiment": experiment.table(), "sources": sources(experiment), **_files_of(experiment)}
    return digest({**parts, **afterwards, **computing()})


def fit_name(experiment: Experiment, asked: Iterable[str] = ()) -> str:
    """What the file of the baselines `asked` for is called: they depend on data and sizes, and on no rule and no epoch count."""
    network, training = experiment.network, experiment.training
    data = {"task": experiment.task.table(), "seed": training.seed, "batch_size": training.batch_size}
    return digest(
        {
            **data,
            "units": network.size,
            "baselines": sorted(asked),
            "sources": {**_sources_of(experiment.task), **_fitting()},
            **_files_of(experiment.task),
            **computing(),
        }
    )


@functools.cache
def computing() -> dict:
    """Versions that bits depend on."""
    made_by = {name: version for name, version in versions().items() if name != "python"}
    return {"versions": made_by, "format": VERSION}


def digest(plain: Any) -> str:
    """Sixteen hexadecimal digits of plain data."""
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:DIGITS]


def sources(experiment: Experiment) -> dict[str, str]:
    """Digest of the file of every module that defines a part of the experiment, by module."""
    return _sources_of(experiment)


def _sources_of(part: Any) -> dict[str, str]:
    modules = {(type(p).__module__, type(p).__qualname__) for p in _parts(part)}
    return {module: _source(module, kind) for module, kind in sorted(modules)}


def files(part: Any) -> dict[str, str]:
    """Paths of what parts of an experiment read, each with who reads it."""
    return {path: type(p).__name__ for p in _parts(part) if isinstance(path := getattr(p, "path", None), str)}


def _files_of(part: Any) -> dict[str, dict[str, str]]:
    """Digests of the files that parts read, where there are any; one that cannot be read fails the run, and says so there."""
    digests = {path: _file(path, os.stat(path).st_mtime_ns) for path in files(part) if os.path.isfile(path)}
    return {"files": digests} if digests else {}


@functools.lru_cache
def _file(path: str, modified: int) -> str:
    """Of a file as it is since then."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]


def _fitting() -> dict[str, str]:
    from neuroperturb.baselines import EchoState, Ridge

    return {m.__module__: _source(m.__module__, m.__qualname__) for m in (Ridge, EchoState)}


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


@functools.cache
def _source(module: str, kind: str) -> str:
    """Of a module's file; of the class alone where there is no file, as in a notebook."""
    file = getattr(sys.modules.get(module), "__file__", None)
    try:
        if file and module != "__main__":
            with open(file, "rb") as opened:
                text = opened.read()
        else:
            text = inspect.getsource(getattr(sys.modules[module], kind.split(".")[0])).encode()
    except (OSError, TypeError, AttributeError):
        text = f"{module}.{kind}".encode()  # typed into a prompt: its name is all there is
    return hashlib.sha256(text).hexdigest()[:DIGITS]
