"""The name of a run: a digest of everything that its bits depend on, as far as a file can know.

    name = sha256(what the experiment says, what its own classes do, versions of what computes, files of data)[:16]

Built-in parts go by name: what they do is a matter of the version of the package, which is in the digest, so whoever edits one raises
the version or takes another folder. A class of one's own goes by its name and by what it does: its source, and that of what it calls,
without comments, docstrings and layout (:mod:`neuroperturb.spec.source_text`). A rule that is edited therefore has new runs, and those
of all others stay; one that moved to another file has its old ones. Of a task that reads a file, what is in it counts. Two machines
with different processors may differ in bits under one name; the record holds the processor.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable
from typing import Any

from neuroperturb.experiments.data_files import digests
from neuroperturb.experiments.essence import essence, user_code
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.results.file import VERSION
from neuroperturb.results.provenance import versions
from neuroperturb.spec import Spec

DIGITS = 16
SCHEME = 2  # of names; 1, of version 0.1.0, hashed paths and texts of modules, see :mod:`neuroperturb.study.old_names`


def name(experiment: Experiment, ageing: Spec | None = None, made_by: dict[str, str] | None = None) -> str:
    """What the file of a run is called, without its ending.

    Parameters
    ----------
    experiment : Experiment
    ageing : what its weights go through afterwards
    made_by : versions that a record holds; those of this process unless given
    """
    afterwards = {} if ageing is None else {"ageing": ageing.table()}
    by = computing() if made_by is None else {**computing(), "versions": relevant(made_by)}
    return digest({"experiment": essence(experiment.table()), **_files_of(experiment), **afterwards, **by})


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


def _files_of(part: Any) -> dict[str, dict[str, str]]:
    """Digests of the files that parts read, where there are any; one that cannot be read fails the run, and says so there."""
    found = {path: whole[:DIGITS] for path, whole in digests(part).items()}
    return {"files": found} if found else {}
