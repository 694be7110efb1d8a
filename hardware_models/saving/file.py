"""One netCDF 4 file of named arrays and a text, with a checksum; writes are atomic.

    HDF5 bytes │ line of 96: "\nhardware_models <length> <sha256 of the bytes before>\n"

HDF5 readers ignore what follows the end of the HDF5 data. Here the line is checked first, so that the HDF5 library never reads damaged
bytes.
"""

from __future__ import annotations

import hashlib
import io
import os
import uuid
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hardware_models.numerics.checks import InputError

FORMAT, VERSION = "arrays of hardware_models", 1
TEXT = "made_of"  # variable of the text: attributes are limited to 64 KiB
SEAL = 96  # bytes


class ArrayFileError(InputError):
    """A file that contains no arrays, or is damaged."""


def write(path: str | Path, text: str, arrays: Mapping[str, np.ndarray]) -> Path:
    """Write a text and arrays by their names, ``group/name``; an existing file of that name is replaced once all data are on the disk."""
    path = Path(path)
    whole = _hdf5(text, arrays)
    part = path.with_name(f".{path.name}.part-{uuid.uuid4().hex[:8]}")
    try:
        with open(part, "xb") as file:
            file.write(whole + _seal(whole))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def read(path: str | Path) -> tuple[str, dict[str, np.ndarray]]:
    """Read the text and the arrays of a file; raises ArrayFileError for any other file."""
    try:
        whole = Path(path).read_bytes()
    except OSError as error:
        raise ArrayFileError(f"The file {str(path)!r} cannot be read: {error.strerror or error}.") from None
    body, seal = whole[:-SEAL], whole[-SEAL:]
    if not seal.startswith(b"\nhardware_models "):
        raise ArrayFileError(f"The file {str(path)!r} contains no arrays of hardware_models, or is incomplete.")
    if seal != _seal(body):
        raise ArrayFileError(f"The file {str(path)!r} is damaged: its contents do not match their checksum.")
    return _contents(path, body)


def _seal(body: bytes) -> bytes:
    line = f"\nhardware_models {len(body)} {hashlib.sha256(body).hexdigest()}"
    return line.encode().ljust(SEAL - 1) + b"\n"


def _hdf5(text: str, arrays: Mapping[str, np.ndarray]) -> bytes:
    import h5netcdf
    import h5py

    buffer = io.BytesIO()
    with h5netcdf.File(buffer, "w") as file:
        file.attrs["format"], file.attrs["format_version"] = FORMAT, VERSION
        file.create_variable(TEXT, (), h5py.string_dtype(), np.array(text, object))
        for name, array in arrays.items():
            group, _, variable = name.rpartition("/")
            place = file[group] if group in file.groups else file.create_group(group)
            dims = tuple(f"{variable}_{axis}" for axis in range(array.ndim))
            place.dimensions.update(dict(zip(dims, array.shape, strict=True)))
            place.create_variable(variable, dims, array.dtype, array)
    return buffer.getvalue()


def _contents(path: str | Path, body: bytes) -> tuple[str, dict[str, np.ndarray]]:
    import h5netcdf

    with h5netcdf.File(io.BytesIO(body), "r") as file:
        version = int(file.attrs["format_version"])
        if version != VERSION:
            raise ArrayFileError(f"The file {str(path)!r} has format {version}, and this version reads {VERSION}.")
        text = file.variables[TEXT][()]
        arrays = {
            f"{group}/{name}": np.asarray(variable[...])
            for group, inside in file.groups.items()
            for name, variable in inside.variables.items()
        }
    return text.decode() if isinstance(text, bytes) else str(text), arrays
