"""Atomic writes: a file is complete under its name, or absent.

    bytes in memory ─▶ a temporary file in the same folder ─▶ fsync ─▶ rename ─▶ fsync of the folder

A full disk, a file-size limit or an interrupt therefore leaves the previous file, and no temporary one; the error is the
system's own OSError, with the name of the intended file. A rename replaces a symbolic link, never its target.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path

LONGEST = 200  # bytes of a name that the temporary one repeats: file systems allow 255


def write(path: str | Path, *parts: bytes | memoryview) -> Path:
    """Write these parts of bytes to a file, and return its path.

    Raises
    ------
    OSError
        With the name of the file: no room, no permission, no such folder.
    """
    path = Path(path)
    name = path.name if len(os.fsencode(path.name)) <= LONGEST else uuid.uuid4().hex
    temporary = path.with_name(f".{name}.part-{uuid.uuid4().hex[:8]}")
    try:
        with open(temporary, "xb", buffering=0) as file:
            for part in parts:
                _write_all(file, memoryview(part))
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return path


def write_text(path: str | Path, text: str) -> Path:
    """The same for text, as UTF-8."""
    return write(path, text.encode("utf-8"))


def sync_folder(folder: Path) -> None:
    """Make the rename survive a power cut, if the system allows it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _write_all(file, data: memoryview) -> None:
    """Write all bytes: the system may write only a part at once, up to a file-size limit, or 2 GiB."""
    data = data.cast("B")
    while data:
        data = data[file.write(data) :]
