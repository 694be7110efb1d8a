"""The seal of an HDF5 file, a record or arrays: length and hash of the file, in a line after its end, checked before anything else reads the bytes.

    HDF5 file  ‖  \\n neuroperturb sha256 DIGEST LENGTH \\n

On damaged bytes HDF5 may fail, end the process, or never return. A page of zeros, as left by a power cut, or a
truncated record is detected here first. Readers of HDF5 and netCDF ignore bytes beyond the end that the file names; a program that
edits the file removes the line, after which the file is read like one of an older version (:mod:`neuroperturb.results.examiner`).

A hash is not a signature: it protects against accidents, not against manipulation.
"""

from __future__ import annotations

import enum
import hashlib
import os
import re
from pathlib import Path

BLOCK = 1 << 20  # bytes hashed at once; interrupts are handled in between
MARK = b"\nneuroperturb sha256 "
SEAL = re.compile(re.escape(MARK) + rb"([0-9a-f]{64}) (\d{20})\n")
SIZE = len(MARK) + 64 + 1 + 20 + 1


class Seal(enum.Enum):
    """Result of comparing a file with its last line."""

    WHOLE = "the bytes are those that were written"
    BROKEN = "they are not"
    ABSENT = "there is no seal"


def of(image: bytes) -> bytes:
    """The line that belongs after these bytes."""
    return MARK + hashlib.sha256(image).hexdigest().encode() + b" %020d\n" % len(image)


def check(path: str | Path) -> Seal:
    """Compare a file with its seal; raises OSError where it cannot be read."""
    with open(path, "rb") as file:
        length = os.fstat(file.fileno()).st_size - SIZE
        if length < 0:
            return Seal.ABSENT
        file.seek(length)
        found = SEAL.fullmatch(file.read(SIZE))
        if found is None:
            return Seal.ABSENT
        if int(found[2]) != length:
            return Seal.BROKEN
        file.seek(0)
        digest, left = hashlib.sha256(), length
        while left and (block := file.read(min(BLOCK, left))):
            digest.update(block)
            left -= len(block)
    return Seal.WHOLE if digest.hexdigest() == found[1].decode() else Seal.BROKEN
