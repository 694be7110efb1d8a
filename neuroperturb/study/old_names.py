"""Study folders of version 0.1.0: their runs under today's names.

An old name was a digest of paths and texts of modules, which have moved since. But a record contains its experiment and the versions
that made it, so that its new name can be derived from its contents: its file is renamed, and nothing is repeated. Exceptions are
runs of other versions, whose results could differ, and runs on a data file that was modified since.

    runs/OLD.nc    ─▶ runs/NAME.nc          NAME of the experiment in the record
    fits/OLD.json  ─▶ fits/NAME.json        of the runs that the index lists with them
    failed/OLD.json ─▶ failed/NAME.json     of the experiment in the file
"""

from __future__ import annotations

import contextlib
import json
import os
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from neuroperturb.experiments import data_files
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.results.file import opened
from neuroperturb.spec import InputError, data_file
from neuroperturb.spec.user_code import opening
from neuroperturb.study import run_name
from neuroperturb.study.ageing import StudyAgeing
from neuroperturb.study.grid import Cell
from neuroperturb.study.store import INDEX, NAME, StudyFolder

Renamed = dict[Path, Path]  # present file name → new file name


class _Then(NamedTuple):
    """Contents of an old index.

    cells : of the study;  ageing : of their weights;  baselines : fitted for them
    """

    cells: list[Cell]
    ageing: StudyAgeing | None
    baselines: tuple[str, ...]

    @property
    def names(self) -> set[str]:
        """Names of all runs of the study."""
        return {name for cell in self.cells for names in cell.names for name in names}


class _Run(NamedTuple):
    """The parts of a record that its name depends on; `aged`: whether its weights were tested on other chips."""

    experiment: Experiment
    versions: dict[str, str]
    started: str
    aged: bool


def found(folder: StudyFolder) -> Renamed:
    """Files of version 0.1.0 in a folder that correspond to runs, or baselines, of today."""
    then = _then(folder)
    if then is None:
        return {}
    with opening(folder.root):
        runs = {path: _run(path) for path in _named(folder.runs, ".nc")}
        names = {path.stem: _name(path.stem, run, then) for path, run in runs.items() if run is not None}
        made = {path: path.with_name(f"{names[path.stem]}.nc") for path in runs if names.get(path.stem)}
        made |= dict(_failed(folder, then))
        made |= dict(
            _fits(folder, then, {path.stem: run.experiment for path, run in runs.items() if names.get(path.stem)})
        )
    return {old: new for old, new in made.items() if old != new and not new.exists()}


def rename(renamed: Renamed) -> None:
    """Rename the files."""
    for old, new in renamed.items():
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            os.replace(old, new)


def under_old_names(cells: list[Cell], renamed: Renamed) -> list[Cell]:
    """The cells with the present names of their files, before renaming."""
    old = {new.stem: path.stem for path, new in renamed.items()}
    return [
        cell._replace(
            names=tuple(tuple(old.get(name, name) for name in names) for names in cell.names),
            fits=tuple(old.get(name, name) for name in cell.fits),
        )
        for cell in cells
    ]


def _then(folder: StudyFolder) -> _Then | None:
    """The index, if it is of version 0.1.0; an empty one if there is none, as with `tune`."""
    path = folder.root / INDEX
    if not path.exists():
        return _Then([], None, ()) if folder.runs.is_dir() else None
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        if index.get("names", 1) == run_name.SCHEME:
            return None
        study = index["study"]
        with opening(folder.root):  # the folder may be somebody else's
            ageing = StudyAgeing.parse(study["ageing"], "ageing") if "ageing" in study else None
        return _Then([Cell.of(table) for table in index["cells"]], ageing, tuple(study.get("baselines", ())))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _named(room: Path, ending: str) -> list[Path]:
    return sorted(p for p in room.glob(f"*{ending}") if NAME.fullmatch(p.stem)) if room.is_dir() else []


def _run(path: Path) -> _Run | None:
    """What a record says of itself; None of a file that is none, or of an experiment that cannot be read."""
    try:
        with opened(path) as record:
            texts = {name: str(record.file.attrs[name]) for name in ("experiment", "versions", "timestamps")}
            aged = "age" in record.file["results"]
        experiment = Experiment.parse(tomllib.loads(texts["experiment"]))
        return _Run(experiment, json.loads(texts["versions"]), json.loads(texts["timestamps"]).get("started", ""), aged)
    except (InputError, OSError, ValueError):  # whoever wants the run says so
        return None


def _name(stem: str, run: _Run, then: _Then) -> str:
    """New name of a run; "" for a run of other versions, of changed data, or of an unknown ageing."""
    known = stem in then.names
    if run_name.relevant(run.versions) != run_name.computing()["versions"] or (run.aged and not known):
        return ""
    if any(_written_since(path, run.started) for path in data_files.files(run.experiment)):
        return ""
    return run_name.name(run.experiment, then.ageing if known else None)


def _written_since(path: str, started: str) -> bool:
    """Whether a data file is newer than a run, or gone."""
    try:
        return os.stat(data_file.find(path) or path).st_mtime > datetime.fromisoformat(started).timestamp()
    except (OSError, ValueError):
        return True


def _failed(folder: StudyFolder, then: _Then) -> Iterator[tuple[Path, Path]]:
    for path in _named(folder.failed, ".json"):
        with contextlib.suppress(InputError, ValueError, KeyError, TypeError, OSError):
            table: Any = json.loads(path.read_text(encoding="utf-8"))["experiment"]
            if path.stem in then.names:
                yield path, path.with_name(f"{run_name.name(Experiment.parse(table), then.ageing)}.json")


def _fits(folder: StudyFolder, then: _Then, experiments: dict[str, Experiment]) -> Iterator[tuple[Path, Path]]:
    """New names of baselines, which depend on data and sizes: from any run that the index lists with them."""
    for cell in then.cells:
        for old, beside in zip(cell.fits, zip(*(names[cell.tuned :] for names in cell.names))):
            one = next((experiments[name] for name in beside if name in experiments), None)
            path = folder.fit_file(old)
            if one is not None and path.exists():
                yield path, path.with_name(f"{run_name.fit_name(one, then.baselines)}.json")
