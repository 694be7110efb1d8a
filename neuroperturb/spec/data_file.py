"""Data files of an experiment: where they are searched for, and the identity of the file.

A path is kept as typed, and searched for

    1  next to the TOML file, or the record, that names it       2  in the current folder        3  at the place stored in a record

``~`` is the home folder. If a record identifies the file, by its hash, the first file with this hash is used, and only if there is none,
the first that exists: operations that would mix the two raise an error (:meth:`FileNote.difference`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import ValidatorFunctionWrapHandler, WrapValidator

from neuroperturb.spec import held
from neuroperturb.spec.errors import InputError
from neuroperturb.spec.user_code import looked_beside

SHORT = 12  # digits of a hash that a sentence shows


class FileNote(NamedTuple):
    """Identity of a data file.

    sha256 : of its bytes;  place : where it was found, absolute
    rows : of data, 0 if unknown;  first, last : their dates, empty if they have none
    """

    sha256: str
    place: str
    rows: int = 0
    first: str = ""
    last: str = ""

    @property
    def words(self) -> str:
        """A description of the file."""
        rows = f"{self.rows:,} rows" if self.rows else ""
        dates = f"{self.first} to {self.last}" if self.first else ""
        return ", ".join(filter(None, [rows, dates, f"sha256 {self.sha256[:SHORT]}"]))

    def difference(self, name: str, other: FileNote | None) -> str:
        """A sentence about another file in place of this one; empty if it is the same."""
        if other is None:
            return f"The file {name!r} of the record ({self.words}) does not exist any more; it was {self.place!r}."
        if other.sha256 == self.sha256:
            return ""
        return f"The file {name!r} differs from that of the record: {other.place!r} has {other.words}; the record was made with {self.words}."


_recorded: ContextVar[Mapping[str, FileNote]] = ContextVar("recorded", default={})  # noqa: B039 (nobody writes into it)


@contextlib.contextmanager
def recorded(notes: Mapping[str, FileNote]) -> Iterator[None]:
    """Inside, paths that are read are those of a record, which says which files they were."""
    token = _recorded.set(notes)
    try:
        yield
    finally:
        _recorded.reset(token)


class DataPath(str):
    """A path as it was typed, which knows beside which file that was, and which file a record says it was; equal to its text."""

    folder: Path | None = None
    note: FileNote | None = None

    @classmethod
    def typed(cls, text: str) -> DataPath:
        """A path that is read now."""
        made = cls(text)
        folder = looked_beside()
        made.folder, made.note = None if folder is None else Path(folder).resolve(), _recorded.get().get(text)
        return made

    @property
    def places(self) -> list[Path]:
        """Where it may be, the likeliest first."""
        path = Path(self).expanduser()
        places = [folder / path for folder in (self.folder, Path.cwd()) if folder is not None]
        return list(dict.fromkeys([*places, *([Path(self.note.place)] if self.note else [])]))

    def find(self) -> Path:
        """The file; raises FileNotFoundError."""
        there = [place for place in self.places if _is_there(place)]
        if not there:
            raise FileNotFoundError(2, os.strerror(2), str(self))
        if self.note is not None and len(there) > 1:
            return next((place for place in there if digest(place) == self.note.sha256), there[0])
        return there[0]

    @property
    def sought(self) -> str:
        """Where it was looked for, in words."""
        return " and ".join(dict.fromkeys(repr(str(place.parent)) for place in self.places))


def find(path: str) -> Path | None:
    """The file that a path of a part stands for; None where there is none."""
    try:
        place = path.find() if isinstance(path, DataPath) else Path(path)
        return place if place.is_file() else None
    except (OSError, ValueError, RuntimeError):
        return None


def located(path: str) -> str:
    """The path of the file that a typed path stands for: beside the TOML file that names it, or as it was typed."""
    place = find(DataPath.typed(path))
    return path if place is None else str(place)


def read(path: str, refuse: Callable[[str], InputError]) -> tuple[FileNote, bytes]:
    """Which file a path stands for, and its content.

    refuse : makes the error where it cannot be read, out of what is wrong with it: ``"cannot be opened (…)"``
    """
    typed = path if isinstance(path, DataPath) else DataPath.typed(path)
    try:
        place = typed.find()
        content = place.read_bytes()
    except FileNotFoundError as error:
        raise refuse(f"cannot be opened ({error.strerror}): searched for in {typed.sought}") from None
    except (OSError, ValueError, RuntimeError) as error:
        raise refuse(f"cannot be opened ({getattr(error, 'strerror', None) or error})") from None
    return FileNote(hashlib.sha256(content).hexdigest(), str(place.resolve())), content


def note_of(path: str) -> FileNote | None:
    """Which file is there now, or which data in memory; None where there is none that can be read."""
    if (content := held.find(path)) is not None:
        return content.note
    place = find(path)
    try:
        return None if place is None else FileNote(digest(place), str(place.resolve()))
    except OSError:
        return None


def digest(place: Path) -> str:
    """sha256 of a file."""
    with open(place, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_the_same(before: Mapping[str, FileNote], now: Mapping[str, FileNote], purpose: str) -> None:
    """Refuse, in one sentence, to go on with other files of data than those a record was made with; `purpose`: what is refused."""
    for name, note in before.items():
        difference = note.difference(name, now.get(name))
        if difference:
            raise InputError(f"{difference} {purpose} needs the original file: restore it.")


def _is_there(place: Path) -> bool:
    try:
        return place.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _keep(value: Any, check: ValidatorFunctionWrapHandler) -> DataPath:
    if isinstance(value, DataPath):
        return value
    return DataPath.typed(check(os.fspath(value) if isinstance(value, os.PathLike) else value))


DataFile = Annotated[str, WrapValidator(_keep)]  # of a field
