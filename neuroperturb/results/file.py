"""The file of a record: names, arrays and texts under one checksum; netCDF 4, numbers and text only.

It is made in memory and then written by :mod:`.atomic`: HDF5 that meets a full disk ends the process. It is looked at before HDF5 sees
it: against its seal (:mod:`.seal`), and where it has none, by another process (:mod:`.examiner`).
"""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hardware_models.saving import atomic, seal
from hardware_models.saving.seal import Seal
from neuroperturb.results import examiner
from neuroperturb.results.netcdf import Writer
from neuroperturb.results.summary import NAME as SUMMARY
from neuroperturb.spec import InputError

FORMAT, VERSION = "neuroperturb run", 1
SIGNATURE = b"\x89HDF\r\n\x1a\n"  # of an HDF5 file
TEXTS = ("status", "diverged_step", "experiment", "seeds", "versions", "cpu", "timestamps")  # attributes of every file
LATER = ("loss",)  # attributes that files of version 0.1.0 do not have
SOME = ("name", "data")  # of runs of studies, and of those that read files


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
        for part in (name, *((value,) if isinstance(value, str) else _parts(value))):
            data = part if isinstance(part, np.ndarray) else str(part).encode()
            total.update(len(data).to_bytes(8, "little"))
            total.update(data)
    return total.hexdigest()


def _parts(array: np.ndarray) -> tuple:
    """What of an array goes under the checksum: as in `bits`, without a copy."""
    if array.dtype == object:
        return ("text", *array.tolist())
    return (array.dtype.str, array.shape, np.ascontiguousarray(array).reshape(-1).view(np.uint8))


def is_run(path: str | Path) -> bool:
    """Whether a file calls itself a run, whatever state it is in."""
    try:
        found = seal.check(path)
        return found is not Seal.ABSENT or (_is_hdf5(path) and examiner.examine(path).run)
    except OSError:
        return False


def experiment(path: Path) -> str:
    """The experiment of a record, as TOML, without a look at anything else in the file."""
    with opened(path) as record:
        return str(record.file.attrs["experiment"])


class OpenRecord(NamedTuple):
    """A file that HDF5 can read.

    file : h5py.File, open for reading;  sealed : whether it is, to the bit, what was written
    """

    file: Any
    sealed: bool


@contextlib.contextmanager
def opened(path: str | Path) -> Iterator[OpenRecord]:
    """A record, open for reading, after a look at its bytes.

    Raises
    ------
    RecordError
        Whatever is wrong with the file, in one sentence.
    FileNotFoundError
    """
    import h5py

    sealed = _require_whole(path)
    try:
        with h5py.File(path, "r") as file:
            require_format(file, path)
            yield OpenRecord(file, sealed)
    except (InputError, FileNotFoundError):
        raise
    except Exception:  # a damaged HDF5 file fails in any way the library can
        raise _damaged(path) from None


def _require_whole(path: str | Path) -> bool:
    """Refuse bytes that are not those written; whether a seal says so, or a process that has read them."""
    try:
        found = seal.check(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RecordError(f"The file {str(path)!r} cannot be read: {error.strerror or error}.") from None
    if found is Seal.BROKEN or (found is Seal.ABSENT and not _is_hdf5(path)):
        raise _damaged(path)
    if found is Seal.ABSENT:
        error = examiner.examine(path).error
        if error != "":
            raise _damaged(path) if error is None else RecordError(error)
    return found is Seal.WHOLE


def _is_hdf5(path: str | Path) -> bool:
    with open(path, "rb") as file:
        return file.read(len(SIGNATURE)) == SIGNATURE


def _damaged(path: str | Path) -> RecordError:
    return RecordError(f"The file {str(path)!r} is damaged, or was not written by neuroperturb.")


def write(
    path: str | Path, texts: dict[str, str], packed: Iterable[tuple[str, str, np.ndarray]], summary: str | None
) -> Path:
    """Write texts as attributes and arrays (group, name, values) as variables; `summary` is what tables of many runs need.

    The file is in memory twice for a moment. Raises OSError where it cannot be written, and the file of before is still there.
    """
    made = image(texts, packed, summary)
    return atomic.write(path, made, seal.of(made))


def image(texts: dict[str, str], packed: Iterable[tuple[str, str, np.ndarray]], summary: str | None) -> bytes:
    """The bytes of a record, without its seal."""
    import h5py

    arrays, sealed = {}, dict(texts)
    # Two files in memory must not share a name.
    with h5py.File(uuid.uuid4().hex, "w", driver="core", backing_store=False) as file:
        writer = Writer(file)
        for group, name, array in packed:
            arrays[f"{group}/{name}"] = array
            shared = {"history": "epoch", "results": "row", "timing": name}.get(group)
            writer.variable(group, name, [shared or f"{name}_{axis}" for axis in range(array.ndim)], array)
        # Attributes are limited to 64 KiB; a ledger is not.
        file.create_dataset("ledger/json", data=texts["ledger"], dtype=h5py.string_dtype())
        file.attrs.update({k: v for k, v in texts.items() if k != "ledger"})
        if summary is not None:
            file.attrs[SUMMARY] = sealed[SUMMARY] = summary
        file.attrs.update({"format": FORMAT, "format_version": VERSION, "checksum": _checksum(arrays, sealed)})
        file.flush()
        return file.id.get_file_image()


def read(path: str | Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Texts and arrays of a record; raises RecordError."""
    with opened(path) as record:
        return contents(record.file, path)


def calls_itself_a_run(file) -> bool:
    """Whether an open HDF5 file has the mark of a run."""
    return file.attrs.get("format") == FORMAT


def require_format(file, path: str | Path) -> None:
    """Refuse an open HDF5 file that is no run, or one of another version."""
    if not calls_itself_a_run(file):
        raise RecordError(f"The file {str(path)!r} is not a run of neuroperturb.")
    if file.attrs["format_version"] != VERSION:
        found = int(file.attrs["format_version"])
        raise RecordError(
            f"The file {str(path)!r} has format {found} and this version of neuroperturb reads {VERSION}: "
            "use the version that wrote it."
        )


def contents(file, path: str | Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Texts and arrays of an open HDF5 file, compared with their checksum."""
    require_format(file, path)
    names = (*TEXTS, *(name for name in (*LATER, *SOME) if name in file.attrs))
    texts = {name: str(file.attrs[name]) for name in names}
    texts["ledger"] = file["ledger/json"].asstr()[()]
    groups = [name for name in file if name != "ledger"]
    arrays = {f"{g}/{n}": _read_array(v) for g in groups for n, v in file[g].items() if _is_variable(v)}
    kept = {SUMMARY: str(file.attrs[SUMMARY])} if SUMMARY in file.attrs else {}
    # In files of version 0.1.0 the summary, which repeats what the arrays say, is not under the checksum.
    if file.attrs["checksum"] not in (_checksum(arrays, texts | kept), _checksum(arrays, texts)):
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
