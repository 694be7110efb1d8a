"""The file of a record: names, arrays and texts under one checksum; netCDF 4, numbers and text only."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from neuroperturb.results.netcdf import Writer
from neuroperturb.results.summary import NAME as SUMMARY
from neuroperturb.spec import InputError

FORMAT, VERSION = "neuroperturb run", 1
TEXTS = ("status", "diverged_step", "experiment", "seeds", "versions", "cpu", "timestamps")  # attributes of every file
LATER = ("loss",)  # attributes that files of version 0.1.0 do not have


class RecordError(InputError):
    """A file that is not a run, or is damaged: the message is one sentence."""


def bits(array: np.ndarray) -> tuple:
    if array.dtype == object:
        return ("text", *array.tolist())
    return (array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes())


def _checksum(arrays: dict[str, np.ndarray], texts: dict[str, str]) -> str:
    """sha256 over every name, type, shape and bit."""
    total = hashlib.sha256()
    for name, value in sorted({**arrays, **texts}.items()):
        parts = (value,) if isinstance(value, str) else bits(value)
        for part in (name, *parts):
            data = part if isinstance(part, bytes) else str(part).encode()
            total.update(len(data).to_bytes(8, "little") + data)
    return total.hexdigest()


def is_run(path: str | Path) -> bool:
    """Whether a file is marked as a run, be it damaged or not."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return file.attrs.get("format") == FORMAT
    except OSError:
        return False


def experiment(path: Path) -> str:
    """The experiment of a record, as TOML, without reading anything else in the file."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return str(file.attrs["experiment"])
    except Exception:  # a damaged HDF5 file fails in any way the library can
        raise RecordError(f"The file {str(path)!r} is not a run of neuroperturb.") from None


def write(
    path: Path, texts: dict[str, str], packed: Iterable[tuple[str, str, np.ndarray]], summary: str | None
) -> None:
    """Write texts as attributes and arrays (group, name, values) as variables; `summary` serves tables of many runs."""
    import h5py

    arrays = {}
    with h5py.File(path, "w") as file:
        writer = Writer(file)
        for group, name, array in packed:
            arrays[f"{group}/{name}"] = array
            shared = {"history": "epoch", "results": "row", "timing": name}.get(group)
            writer.variable(group, name, [shared or f"{name}_{axis}" for axis in range(array.ndim)], array)
        # Attributes are limited to 64 KiB; a ledger is not.
        file.create_dataset("ledger/json", data=texts["ledger"], dtype=h5py.string_dtype())
        file.attrs.update({k: v for k, v in texts.items() if k != "ledger"})
        file.attrs.update({"format": FORMAT, "format_version": VERSION, "checksum": _checksum(arrays, texts)})
        if summary is not None:
            file.attrs[SUMMARY] = summary


def read(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    import h5py

    with h5py.File(path, "r") as file:
        if file.attrs.get("format") != FORMAT:
            raise RecordError(f"The file {str(path)!r} is not a run of neuroperturb.")
        if file.attrs["format_version"] != VERSION:
            found = int(file.attrs["format_version"])
            raise RecordError(
                f"The file {str(path)!r} has format {found} and this version of neuroperturb reads {VERSION}: "
                "use the version that wrote it."
            )
        names = (*TEXTS, *(name for name in LATER if name in file.attrs))
        texts = {name: str(file.attrs[name]) for name in names}
        texts["ledger"] = file["ledger/json"].asstr()[()]
        groups = [name for name in file if name != "ledger"]
        arrays = {f"{g}/{n}": _read_array(v) for g in groups for n, v in file[g].items() if _is_variable(v)}
        if file.attrs["checksum"] != _checksum(arrays, texts):
            raise RecordError(f"The file {str(path)!r} is damaged: its contents do not match their checksum.")
    return texts, arrays


def _is_variable(dataset) -> bool:
    name = dataset.attrs.get("NAME", b"")
    return not bytes(name).startswith(b"This is a netCDF dimension but not a netCDF variable")


def _read_array(dataset) -> np.ndarray:
    import h5py

    if h5py.check_string_dtype(dataset.dtype):
        return np.array(dataset.asstr()[...], dtype=object)
    array = np.asarray(dataset[...])
    return array.astype(bool) if dataset.attrs.get("dtype") == "bool" else array


def sync_folder(folder: Path) -> None:
    """Make the rename last through a power cut, where the system allows it."""
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
