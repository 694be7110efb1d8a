"""IDX files: arrays of unsigned bytes, as handwritten digits are distributed in, plain or compressed by gzip.

bytes 0, 1   0          byte 2   0x08, unsigned bytes          byte 3   number of axes, k
4 k bytes    sizes, big-endian          then   the values, last axis fastest
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import numpy as np

from neuroperturb.spec import InputError, SpecError, data_file
from neuroperturb.spec.data_file import FileNote

GZIP, UNSIGNED = b"\x1f\x8b", 0x08
MOST = 1 << 31  # bytes: more is no file of digits


def read(path: str, axes: int, key: str) -> tuple[FileNote, np.ndarray]:
    """Which file a path stands for, and its array of `axes` axes, uint8; key : of the path, for errors."""

    def refuse(what: str) -> InputError:
        return SpecError(key, verb=f"names {str(path)!r}, which {what}")

    note, content = data_file.read(path, refuse)
    values = parse(_unpacked(content, refuse), axes, refuse)
    return note._replace(rows=len(values)), values


def _unpacked(content: bytes, refuse: Callable[[str], InputError]) -> bytes:
    if not content.startswith(GZIP):
        return content
    try:
        inner = zlib.decompressobj(wbits=31)
        found = inner.decompress(content, MOST)
    except zlib.error as error:
        raise refuse(f"is no gzip file ({error})") from None
    if not inner.eof:
        raise refuse("is cut short, or larger than 2 GiB unpacked")
    return found


def parse(content: bytes, axes: int, refuse: Callable[[str], InputError]) -> np.ndarray:
    """The array of a file's content."""
    start = 4 + 4 * axes
    if len(content) < start or content[:2] != b"\0\0":
        raise refuse("is no IDX file")
    if content[2] != UNSIGNED or content[3] != axes:
        wanted = f"an IDX file of type 0x{UNSIGNED:02x} with {axes} axes"
        raise refuse(f"is not {wanted}: it is of type 0x{content[2]:02x} with {content[3]}")
    shape = tuple(int(n) for n in np.frombuffer(content[4:start], ">u4"))
    values = np.frombuffer(content[start:], np.uint8)
    wanted = 1
    for n in shape:
        wanted *= n
    if values.size != wanted or not wanted:
        raise refuse(f"has {values.size} values in place of {' × '.join(map(str, shape))}")
    return values.reshape(shape)


def write(values: np.ndarray, *, packed: bool = False) -> bytes:
    """The content of a file with these values, uint8."""
    head = bytes([0, 0, UNSIGNED, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    content = head + np.ascontiguousarray(values, np.uint8).tobytes()
    return gzip.compress(content, mtime=0) if packed else content
