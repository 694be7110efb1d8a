"""The name of a run: a digest of everything that its results depend on, as far as files can tell.

    name = sha256(experiment, code of custom classes, versions of the libraries, data files)[:16]

Built-in parts are identified by name: their behaviour is fixed by the version of the package, which is in the digest, so after editing
one, raise the version or use another folder. A custom class, also one that was registered under a name, is identified by its name and its
code: its source, and that of what it calls, without comments, docstrings and layout (:mod:`neuroperturb.spec.source_text`). An edited
rule therefore gets new runs, and those of all others stay valid; a rule moved to another file keeps its runs. For a task that reads a
file, the contents of the file count. Machines with different processors may differ in the last bits under one name; the record names the
processor.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable
from typing import Any

from neuroperturb.experiments.data_files import digests, parts
from neuroperturb.experiments.essence import essence, user_code
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.results.file import VERSION
from neuroperturb.results.provenance import versions
from neuroperturb.spec import Spec
from neuroperturb.spec.user_code import HOUSE, Sought, UserCode

DIGITS = 16
REGISTERED = Sought("part", "", lambda cls: True, "")
SCHEME = 2  # version of the naming scheme; 1, of version 0.1.0, hashed paths and texts of modules, see :mod:`neuroperturb.study.old_names`


def name(experiment: Experiment, ageing: Spec | None = None, made_by: dict[str, str] | None = None) -> str:
    """What the file of a run is called, without its ending.

    Parameters
    ----------
    experiment : Experiment
    ageing : what its weights go through afterwards
    made_by : versions that a record holds; those of this process unless given
    """
    by = computing() if made_by is None else {**computing(), "versions": relevant(made_by)}
    return digest({**_named_by(experiment, ageing), **by})


def names(experiment: Experiment, seeds: Iterable[int], ageing: Spec | None = None) -> tuple[str, ...]:
    """The same of runs that differ from an experiment by ``training.seed`` alone."""
    whole = _named_by(experiment, ageing)
    of_training = whole["experiment"]["training"]
    with_seed = lambda seed: {**whole["experiment"], "training": {**of_training, "seed": seed}}  # noqa: E731
    return tuple(digest({**whole, "experiment": with_seed(seed), **computing()}) for seed in seeds)


def fit_name(experiment: Experiment, asked: Iterable[str] = ()) -> str:
    """The file name of the requested baselines: they depend on data and sizes, but not on rules or numbers of epochs."""
    return fit_names(experiment, [experiment.training.seed], asked)[0]


def fit_names(experiment: Experiment, seeds: Iterable[int], asked: Iterable[str] = ()) -> tuple[str, ...]:
    """The same with other values of ``training.seed``."""
    data = {
        "task": essence({"task": experiment.task.table()})["task"],
        "batch_size": experiment.training.batch_size,
    }
    more = {"units": experiment.network.size, "baselines": sorted(asked)}
    whole = {**data, **more, **_files_of(experiment.task), **computing()}
    return tuple(digest({**whole, "seed": seed}) for seed in seeds)


def _named_by(experiment: Experiment, ageing: Spec | None) -> dict[str, Any]:
    """What a run goes by, but for what computes it."""
    afterwards = {} if ageing is None else {"ageing": ageing.table()}
    parts = {**_files_of(experiment), **_registered(experiment)}
    return {"experiment": essence(experiment.table()), **parts, **afterwards}


@functools.cache
def computing() -> dict:
    """Versions that results depend on."""
    return {"versions": relevant(versions()), "format": VERSION, "names": SCHEME}


def relevant(made_by: dict[str, str]) -> dict[str, str]:
    """The versions in a record that its results depend on."""
    return {name: version for name, version in made_by.items() if name not in ("python", "sources")}


def digest(plain: Any) -> str:
    """Sixteen hexadecimal digits of plain data."""
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:DIGITS]


def sources(experiment: Experiment) -> dict[str, str]:
    """The code of custom classes, by name: for the record."""
    return {code.label: code.does[:DIGITS] for code in user_code(experiment.table())}


def _registered(experiment: Experiment) -> dict[str, dict[str, str]]:
    """Behaviour of kinds that were added to our catalogues: they go by a name, which no version of ours describes."""
    own = {code.label for code in user_code(experiment.table())}
    foreign = {type(part) for part in parts(experiment)}
    found = {
        cls.__name__: cls for cls in foreign if cls.__module__.split(".")[0] not in HOUSE and cls.__name__ not in own
    }
    does = {name: UserCode.of(cls, REGISTERED).does[:DIGITS] for name, cls in sorted(found.items())}
    return {"registered": does} if does else {}


def _files_of(part: Any) -> dict[str, dict[str, str]]:
    """Digests of the files that parts read, where there are any; one that cannot be read fails the run, and says so there."""
    found = {path: whole[:DIGITS] for path, whole in digests(part).items()}
    return {"files": found} if found else {}
