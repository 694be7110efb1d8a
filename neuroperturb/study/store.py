"""The folder of a study: one file per run, each complete or absent.  See :mod:`neuroperturb.study` for its contents."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import re
import time
import tomllib
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hardware_models.saving.atomic import write_text
from neuroperturb.experiments import data_files
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.results import folders, summary
from neuroperturb.results.file import VERSION, OpenRecord, RecordError, opened
from neuroperturb.results.run import Run, load
from neuroperturb.results.summary import Summary
from neuroperturb.spec import InputError
from neuroperturb.spec.user_code import opening
from neuroperturb.study import run_name
from neuroperturb.study.ageing import StudyAgeing
from neuroperturb.study.declaration import Study
from neuroperturb.study.grid import Cell
from neuroperturb.study.index import check_cell, check_study
from neuroperturb.study.leases import STALE, passing
from neuroperturb.study.run_name import SCHEME

INDEX = "cells.json"
INDEX_FORMAT = "neuroperturb study"
NAME = re.compile(r"[0-9a-f]{16}")
PART = re.compile(r"\.([0-9a-f]{16})\.\w+\.part-[0-9a-f]+")  # a temporary file
ROOMS = ("runs", "failed", "fits", "claims")
OURS = re.compile(rf"({'|'.join(ROOMS)}|report)$|\.?tune\.|\.{re.escape(INDEX)}\.part-")  # may exist without an index


class RunOutcome(NamedTuple):
    """The outcome of a run, for planning and the live table.

    status : "finished", "diverged" or "failed";  validation : loss of its final weights, nan if there is none
    weights : whether its record has them;  reason : why it failed;  summary : of a finished or diverged run, None if it failed
    data : the files of data that it was made with, by path
    """

    status: str
    validation: float = math.nan
    seconds: float = math.nan
    reason: str = ""
    summary: Summary | None = None
    weights: bool = True
    data: tuple[tuple[str, dict], ...] = ()


class StudyFolder:
    """The files of a study.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root: str | Path):
        self.root = Path(root)
        self.runs, self.failed, self.fits, self.claims = (self.root / room for room in ROOMS)

    def make(self) -> None:
        """Create the folders; raises InputError if that fails, or if the folder is in use for something else."""
        if self.root.exists() and not self.root.is_dir():
            raise InputError(f"The '--out' option names {str(self.root)!r}, which is a file: choose a folder.")
        if (
            self.root.is_dir()
            and not (self.root / INDEX).exists()
            and not all(OURS.match(path.name) for path in self.root.iterdir())
        ):
            raise InputError(
                f"The folder {str(self.root)!r} contains other files but no study: choose another with '--out'."
            )
        try:
            for room in ROOMS:
                folders.make(self.root / room)
            probe = self.claims / passing("clock")
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise InputError(
                f"The folder {str(self.root)!r} cannot be written to ({error.strerror}): choose another with '--out'."
            ) from None

    # the index

    def write_index(self, study: Study, cells: list[Cell]) -> None:
        """Write the index of the study's runs, if it is not up to date."""
        named = {
            "format": INDEX_FORMAT,
            "format_version": VERSION,
            "names": SCHEME,
            "name": study.name,
            "study": study.source,
        }
        text, path = json.dumps({**named, "cells": [cell.table() for cell in cells]}), self.root / INDEX
        if not path.exists() or path.read_bytes() != text.encode():
            write_text(path, text)

    def read_index(self) -> tuple[dict, list[Cell]]:
        """The declaration's table with its name, and the cells; raises RecordError if there is no study."""
        path = self.root / INDEX
        try:
            index = json.loads(path.read_text(encoding="utf-8"))
            if index["format"] != INDEX_FORMAT or isinstance(index["format_version"], bool | float):
                raise ValueError
            if index["format_version"] == VERSION:
                return check_study({"name": index["name"], **index["study"]}), [
                    Cell.of(check_cell(one)) for one in index["cells"]
                ]
        except OSError:
            raise RecordError(f"The folder {str(self.root)!r} is not a study: there is no {INDEX!r} in it.") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise RecordError(
                f"The file {str(path)!r} is damaged: run the study again, which keeps its runs."
            ) from None
        raise RecordError(
            f"The study {str(self.root)!r} has format {index['format_version']!r} and this version of neuroperturb reads {VERSION}: "
            "use the version that wrote it."
        )

    # runs

    def run_file(self, name: str) -> Path:
        """Path of a run's file, whether it exists or not."""
        return self.runs / f"{name}.nc"

    def outcome(self, name: str) -> RunOutcome | None:
        """How a run ended; None where it has not, or not yet; RecordError where a file has its name and is another, or none."""
        try:
            done = read_outcome(self.run_file(name), self._is_called)
        except FileNotFoundError:
            done = None
        return done or self._failure(name)

    def sound(self, name: str, say: Callable[[str], None]) -> RunOutcome | None:
        """The same; a file that has the name of a run, or of baselines, and is none is set aside, and said."""
        if self.fit_file(name).exists():
            if self.fit(name) is not None:
                return RunOutcome("finished")
            say(f"The file {str(self.fit_file(name))!r} is damaged. {_moved(self._set_aside(self.fit_file(name)))}")
            return None
        try:
            return self.outcome(name)
        except RecordError as error:
            say(f"{error} {_moved(self.set_aside(name))}")
            return self._failure(name)

    def checkpoint(self, name: str) -> Run | None:
        """The checkpoint of an interrupted run; None if it is damaged."""
        path = self.run_file(name)
        try:
            run = load(path) if path.exists() else None
        except RecordError:
            return None
        return run if run is not None and run.status == "interrupted" else None

    def save(self, name: str, run: Run) -> None:
        """Keep a run, whatever its status; it says its name inside, too."""
        run.name = name
        run.save(self.run_file(name))
        self._failed(name).unlink(missing_ok=True)

    def fail(self, name: str, what: dict) -> None:
        """Save why a run failed: ``reason``, in one sentence, and further details."""
        write_text(self._failed(name), json.dumps(what, indent=1))

    def _failed(self, name: str) -> Path:
        return self.failed / f"{name}.json"

    def _failure(self, name: str) -> RunOutcome | None:
        try:
            what = json.loads(self._failed(name).read_text(encoding="utf-8"))
            return RunOutcome("failed", reason=str(what["reason"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return RunOutcome("failed", reason="The file with the reason is damaged.")

    # fits

    def fit_file(self, name: str) -> Path:
        """Path of the baselines of one task and seed."""
        return self.fits / f"{name}.json"

    def fit(self, name: str) -> list[dict] | None:
        """Rows of baselines; None where there are none, or what is there cannot be read."""
        try:
            rows = json.loads(self.fit_file(name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return rows if isinstance(rows, list) and all(isinstance(row, dict) for row in rows) else None

    def save_fit(self, name: str, rows: list[dict]) -> None:
        write_text(self.fit_file(name), json.dumps(rows, indent=1))
        self._failed(name).unlink(missing_ok=True)

    # other files

    def set_aside(self, name: str) -> Path:
        """Move away a file that has a run's name and is none, so that nothing is lost; returns where it is now."""
        return self._set_aside(self.run_file(name))

    def _set_aside(self, path: Path) -> Path:
        aside = path.with_suffix(f".damaged-{uuid.uuid4().hex[:4]}")
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            os.replace(path, aside)
        return aside

    # names

    def _is_called(self, record: OpenRecord, name: str) -> bool:
        """Whether a record is the one of its file's name, by what it says, or else by the experiment inside."""
        attributes = record.file.attrs
        if "name" in attributes:
            return str(attributes["name"]) == name
        if self._declared.get("names") != SCHEME:
            return True  # the file has a name of version 0.1.0, or nobody knows what became of its weights
        try:
            with opening(self.root):
                experiment = Experiment.parse(tomllib.loads(str(attributes["experiment"])))
            made_by, ageings = json.loads(attributes["versions"]), self._ageings
        except (InputError, ValueError):
            return True  # another version's: what it was called cannot be told
        names = {run_name.name(experiment, ageing, made_by) for ageing in ageings}
        return name in names or bool(data_files.files(experiment))  # data may have changed since

    @functools.cached_property
    def _declared(self) -> dict:
        """The index as it was when the first name was compared."""
        try:
            index = json.loads((self.root / INDEX).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return index if isinstance(index, dict) else {}

    @functools.cached_property
    def _ageings(self) -> list[StudyAgeing | None]:
        """What the weights of a run may have gone through; raises InputError where that cannot be read without running code."""
        study = self._declared.get("study")
        declared = study.get("ageing") if isinstance(study, dict) else None
        with opening(self.root):
            return [None] if declared is None else [None, StudyAgeing.parse(declared, "ageing")]

    def tidy(self, alive: Callable[[str], bool]) -> None:
        """Remove temporary files whose writer is gone; `alive(name)` tells whether a process has the run."""
        for room in ("runs", "failed", "fits"):
            for path in (self.root / room).iterdir():
                part = PART.fullmatch(path.name)
                if part and not alive(part[1]):
                    path.unlink(missing_ok=True)
        for path in self.root.glob(f".{INDEX}.part-*"):
            if not alive(INDEX):
                path.unlink(missing_ok=True)

    def tidy_trials(self) -> None:
        """Remove temporary files of tables of trials whose writer is surely gone."""
        for path in self.root.glob(".tune.*.part-*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > STALE:
                    path.unlink()

    def strangers(self, cells: list[Cell]) -> list[str]:
        """Messages about files among the runs that belong to no cell: they are left unchanged."""
        known = {f"{name}.nc" for cell in cells for names in cell.names for name in names}
        others = [p for p in self.runs.iterdir() if p.name not in known and not p.name.startswith(".")]
        runs = [p for p in others if p.suffix == ".nc" and NAME.fullmatch(p.stem)]
        foreign = sorted(p.name for p in others if p not in runs)
        said = []
        if runs:
            said.append(
                f"{_count(len(runs), 'run file')} in {str(self.runs)!r} from another version, or no longer part of any cell: left unchanged."
            )
        if foreign:
            said.append(
                f"{_count(len(foreign), 'file')} in {str(self.runs)!r} not written by a study ({foreign[0]!r}): left unchanged."
            )
        return said


def read_outcome(path: Path, is_called: Callable[[OpenRecord, str], bool]) -> RunOutcome | None:
    """How the run of a file ended; None for a checkpoint, RecordError for what is no run, FileNotFoundError for no file."""
    with opened(path) as record:
        file = record.file
        if not is_called(record, path.stem):
            raise RecordError(f"The file {str(path)!r} holds another run than that of its name.")
        status = str(file.attrs["status"])
        if status == "interrupted":
            return None
        seen = summary.read(file, kept=record.sealed)
        return RunOutcome(
            status, seen.first.get("validation", math.nan), seen.seconds, summary=seen, weights="weights" in file,
            data=tuple(json.loads(file.attrs.get("data", "{}")).items()),
        )  # fmt: skip


def _moved(aside: Path) -> str:
    return f"It was moved to {aside.name!r}, and the run is done again."


def _count(number: int, noun: str) -> str:
    return f"There is 1 {noun}" if number == 1 else f"There are {number} {noun}s"
