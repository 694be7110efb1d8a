"""One netCDF 4 file of named arrays and a text, sealed (:mod:`.seal`) and written atomically (:mod:`.atomic`)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hardware_models.numerics.checks import InputError
from hardware_models.saving import atomic, seal
from hardware_models.saving.seal import Seal

FORMAT, VERSION = "arrays of hardware_models", 1
TEXT = "made_of"  # variable of the text: attributes are limited to 64 KiB


class ArrayFileError(InputError):
    """A file that contains no arrays, or is damaged."""


def write(path: str | Path, text: str, arrays: Mapping[str, np.ndarray]) -> Path:
    """Write a text and arrays by their names, ``group/name``; an existing file of that name is replaced once all data are on the disk."""
    whole = _hdf5(text, arrays)
    return atomic.write(path, whole, seal.of(whole))


def read(path: str | Path) -> tuple[str, dict[str, np.ndarray]]:
    """Read the text and the arrays of a file; raises ArrayFileError for any other file."""
    try:
        found = seal.check(path)
    except OSError as error:
        raise ArrayFileError(f"The file {str(path)!r} cannot be read: {error.strerror or error}.") from None
    if found is Seal.ABSENT:
        raise ArrayFileError(f"The file {str(path)!r} contains no arrays of hardware_models, or is incomplete.")
    if found is Seal.BROKEN:
        raise ArrayFileError(f"The file {str(path)!r} is damaged: its contents do not match their checksum.")
    return _contents(path)


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


def _contents(path: str | Path) -> tuple[str, dict[str, np.ndarray]]:
    import h5netcdf

    with h5netcdf.File(path, "r") as file:
        if file.attrs.get("format") != FORMAT:
            raise ArrayFileError(f"The file {str(path)!r} contains no arrays of hardware_models.")
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
