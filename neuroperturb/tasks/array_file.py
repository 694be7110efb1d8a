"""Files of arrays: an npz with ``x_train, y_train`` and perhaps ``mask_train``, and the same of ``validation`` and ``test``.

``x, y, mask`` stand for trials that are still to be split. A text ``layout`` (and ``kind``) in the file says how its axes are ordered,
so that a file explains itself. Objects are never read from it: ``allow_pickle`` is off.

Arrays of a running program are held here under the hash of what is in them, as ``memory:3f2a…``, for as long as somebody holds the task.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hardware_models.saving import atomic
from neuroperturb.spec import SpecError, Words, data_file, held, require_memory
from neuroperturb.spec.data_file import SHORT, FileNote
from neuroperturb.tasks.array_parts import OWNER, GivenPart

PARTS = ("", "_train", "_validation", "_test")
NAMES = tuple(f"{letter}{part}" for part in PARTS for letter in ("x", "y", "mask"))
TEXTS = ("layout", "kind")
NPZ = b"PK"  # a zip file begins with this


class Content:
    """Arrays by name, as in a file, and texts about them.

    arrays : of `NAMES`;  texts : of `TEXTS`;  note : which file, or which content of memory
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], texts: Mapping[str, str], note: FileNote) -> None:
        self.arrays, self.texts, self.note = dict(arrays), dict(texts), note

    @property
    def inputs(self) -> np.ndarray:
        """``x``, of a file of new trials."""
        if "x" not in self.arrays:
            raise _wrong(self.note.place, "has no 'x', the inputs to predict from", Words(", ".join(self.arrays)))
        return self.arrays["x"]

    @property
    def parts(self) -> dict[str, GivenPart]:
        """What was given of each part, by its suffix: "" or "_train" first."""
        given = self.arrays
        for part in PARTS:
            pair = [f"{letter}{part}" for letter in ("x", "y")]
            lacking = [name for name in pair if name not in given]
            if len(lacking) == 1 or (len(lacking) == 2 and f"mask{part}" in given):
                raise _wrong(self.note.place, f"has no {lacking[0]!r}", Words(", ".join(given)))
        found = {p: GivenPart(given[f"x{p}"], given[f"y{p}"], given.get(f"mask{p}")) for p in PARTS if f"x{p}" in given}
        if ("" in found) == ("_train" in found):
            why = "has both 'x' and 'x_train'" if found else "has neither 'x' and 'y' nor 'x_train' and 'y_train'"
            raise _wrong(self.note.place, why, Words(", ".join(given) or "nothing"))
        return found


def read_arrays(path: str) -> Content:
    """The arrays of a file, or those held under this name."""
    if held.is_name(path):
        return _remembered(path)
    note, content = data_file.read(path, lambda why: _wrong(path, why))
    if not content.startswith(NPZ):
        raise _wrong(path, "is not an npz file, as numpy.savez writes it")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        require_memory(f"the arrays of {path!r}", (size,), each=1)
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            found = {name: _member(path, file, name) for name in file.files}
    except (
        OSError,
        EOFError,
        KeyError,
        ValueError,
        NotImplementedError,
        MemoryError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        if isinstance(error, SpecError):
            raise
        raise _wrong(path, f"cannot be read ({str(error).splitlines()[0] if str(error) else 'damaged'})") from None
    texts = {name: str(found.pop(name)) for name in TEXTS if name in found}
    for name in found:
        if name not in NAMES:
            raise _wrong(path, f"holds {name!r}, which is none of {', '.join((*NAMES, *TEXTS))}")
    return Content(found, texts, note)


def write_arrays(path: str | Path, content: Content) -> Path:
    """An npz file of these arrays, which says how its axes are ordered."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **content.texts, **content.arrays)  # type: ignore[arg-type]
    return atomic.write(path, buffer.getbuffer())


def _member(path: str, file: Any, name: str) -> np.ndarray:
    try:
        return file[name]
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise _wrong(path, f"holds Python objects in {name!r}, which are not read: store numbers") from None
        raise


def _wrong(path: str, why: str, got: object = Words()) -> SpecError:
    return SpecError("path", OWNER, f"{path!r}, which {why}", got, verb="names")


# ----------------------------------------------------------------------------------------------------------------------
# In memory


def hold(arrays: Mapping[str, np.ndarray], texts: Mapping[str, str]) -> tuple[str, Content]:
    """The name of these arrays, and what has to be kept for as long as the name is to mean something."""
    digest = hashlib.sha256(repr(sorted(texts.items())).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(repr((name, array.dtype.str, array.shape)).encode())
        digest.update(array.tobytes())
    name = held.PREFIX + digest.hexdigest()[:SHORT]
    return name, held.keep(name, Content(arrays, texts, FileNote(digest.hexdigest(), name)))


def _remembered(path: str) -> Content:
    content = held.find(path)
    if content is None:
        why = "were in the memory of another process: make them again there with tasks.Arrays, or keep them in a file with its 'save'"
        raise SpecError("path", OWNER, f"arrays, {path!r}, that {why}", verb="names")
    return content
