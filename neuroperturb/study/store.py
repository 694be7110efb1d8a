"""The folder of a study: one file per run, each complete or absent.  See :mod:`neuroperturb.study` for its contents."""

from __future__ import annotations

import json
import math
import os
import re
import uuid
from pathlib import Path
from typing import NamedTuple

from neuroperturb.results import folders, summary
from neuroperturb.results.file import FORMAT, VERSION, RecordError
from neuroperturb.results.run import Run, load
from neuroperturb.results.summary import Summary
from neuroperturb.spec import InputError
from neuroperturb.study.declaration import Study
from neuroperturb.study.grid import Cell
from neuroperturb.study.index import check_cell, check_study
from neuroperturb.study.leases import passing
from neuroperturb.study.run_name import SCHEME

INDEX = "cells.json"
INDEX_FORMAT = "neuroperturb study"
NAME = re.compile(r"[0-9a-f]{16}")
PART = re.compile(r"\.([0-9a-f]{16})\.\w+\.part-[0-9a-f]+")  # a temporary file
ROOMS = ("runs", "failed", "fits", "claims")
OURS = re.compile(rf"({'|'.join(ROOMS)}|report)$|tune\.|\.{re.escape(INDEX)}\.part-")  # may exist without an index


class RunOutcome(NamedTuple):
    """The outcome of a run, for planning and the live table.

    status : "finished", "diverged" or "failed";  validation : loss of its final weights, nan if there is none
    weights : whether its record has them;  reason : why it failed;  summary : of a finished or diverged run, None if it failed
    """

    status: str
    validation: float = math.nan
    seconds: float = math.nan
    reason: str = ""
    summary: Summary | None = None
    weights: bool = True


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
        """The outcome of a run; None if it has not ended."""
        try:
            done = read_outcome(self.run_file(name))
        except FileNotFoundError:
            done = None
        return done or self._failure(name)

    def checkpoint(self, name: str) -> Run | None:
        """The checkpoint of an interrupted run; None if it is damaged."""
        path = self.run_file(name)
        try:
            run = load(path) if path.exists() else None
        except RecordError:
            return None
        return run if run is not None and run.status == "interrupted" else None

    def save(self, name: str, run: Run) -> None:
        """Save a run, whatever its status."""
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

    def save_fit(self, name: str, rows: list[dict]) -> None:
        write_text(self.fit_file(name), json.dumps(rows, indent=1))
        self._failed(name).unlink(missing_ok=True)

    # other files

    def set_aside(self, name: str) -> Path:
        """Move an invalid file with a run's name aside, so that nothing is lost; returns its new path."""
        aside = self.run_file(name).with_suffix(f".damaged-{uuid.uuid4().hex[:4]}")
        os.replace(self.run_file(name), aside)
        return aside

    def tidy(self, alive) -> None:
        """Remove temporary files whose writer is gone; `alive(name)` tells whether a process has the run."""
        for room in ("runs", "failed", "fits"):
            for path in (self.root / room).iterdir():
                part = PART.fullmatch(path.name)
                if part and not alive(part[1]):
                    path.unlink(missing_ok=True)
        for path in self.root.glob(f".{INDEX}.part-*"):
            if not alive(INDEX):
                path.unlink(missing_ok=True)

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


def read_outcome(path: Path) -> RunOutcome | None:
    """The outcome of the run in a file; None for a checkpoint; RecordError if it is not a run, FileNotFoundError if there is none."""
    import h5py

    if not path.exists():
        raise FileNotFoundError(path)
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise RecordError(f"The file {str(path)!r} is not a run of neuroperturb.")
            if file.attrs["format_version"] != VERSION:
                found = int(file.attrs["format_version"])
                raise RecordError(
                    f"The file {str(path)!r} is a run of another version (format {found}, here {VERSION})."
                )
            status = str(file.attrs["status"])
            if status == "interrupted":
                return None
            seen = summary.read(file)
            return RunOutcome(
                status, seen.first.get("validation", math.nan), seen.seconds, summary=seen, weights="weights" in file
            )
    except RecordError:
        raise
    except Exception:  # a damaged HDF5 file fails in any way the library can
        raise RecordError(f"The file {str(path)!r} is damaged.") from None


def write_text(path: Path, text: str) -> None:
    """A text file, whole or not at all."""
    part = path.with_name(f".{path.name}.part-{uuid.uuid4().hex[:8]}")
    try:
        with open(part, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _count(number: int, noun: str) -> str:
    return f"There is 1 {noun}" if number == 1 else f"There are {number} {noun}s"
