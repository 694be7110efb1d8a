"""The record of a run: what made it, its curves, its weights, what it was compared with; one self-describing file.

The file is netCDF 4 (`xarray.open_datatree` opens it), holds numbers and text only, and is written to a temporary name
in its own folder and renamed, so that a file of that name is always whole. Its groups:

    /                  attributes: format, status, experiment (TOML), seeds, versions, cpu, a checksum of everything, and what
                       tables of many runs need, at a glance
    /history           one row an epoch         /results           one row for the rule and each thing beside it
    /weights           W[i, j] is from j to i   /initial_weights
    /state             what resuming needs, the pending update included: one array a type, and an index of names and shapes
    /ledger            what the hardware did
    /timing            when and how fast: all that differs between two runs of one experiment
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from neuroperturb import config, glance
from neuroperturb.config import Experiment
from neuroperturb.netcdf import Writer
from neuroperturb.spec import SpecError

if TYPE_CHECKING:
    import pandas as pd

FORMAT, VERSION = "neuroperturb run", 1
HISTORY = {  # column: type
    "epoch": np.int64,
    "step": np.int64,  # time steps trained on so far
    "train_loss": np.float64,
    "validation_loss": np.float64,
    "dW_in": np.float64,  # Frobenius norm of the change over the epoch
    "dW_rec": np.float64,
    "dW_out": np.float64,
    "twin_distance": np.float64,  # mean ‖δx‖/σ
    "spectral_radius": np.float64,
    "skipped": np.int64,  # singular steps
    "seconds": np.float64,  # of training, compiling left out
}
RESULTS = ("name", "validation", "test", "status", "settings", "seconds")
TEXT = ("name", "status", "settings")
Status = Literal["finished", "interrupted", "diverged"]


class RecordError(ValueError):
    """A file that is no run, or no whole one: the message is one sentence."""


@dataclass(eq=False, kw_only=True)
class Run:
    """What a run leaves behind.

    Parameters
    ----------
    experiment : Experiment
    history : DataFrame, or a list of rows as dicts, one an epoch; columns as in `HISTORY`, others welcome
    weights, initial_weights : dict of ndarray, W[i, j] from j to i
    status : "finished", "interrupted" or "diverged"
    diverged_step : int or None, the time step whose loss was not finite
    results : DataFrame, or a list of rows; columns as in `RESULTS`, and ``validation_…``, ``test_…`` for each metric
    seeds : dict of int, by named stream
    state : dict of ndarray, what continues the run
    ledger : dict of plain values
    versions, cpu : dict of str, of the machine that ran it
    timestamps : dict of str
    """

    experiment: Experiment
    history: pd.DataFrame
    weights: dict[str, np.ndarray]
    initial_weights: dict[str, np.ndarray]
    status: Status = "finished"
    diverged_step: int | None = None
    results: pd.DataFrame = ()  # type: ignore[assignment]
    seeds: dict[str, int] = field(default_factory=dict)
    state: dict[str, np.ndarray] = field(default_factory=dict)
    ledger: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=lambda: versions())
    cpu: dict[str, str] = field(default_factory=lambda: cpu())
    timestamps: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        self.history = _frame(self.history, HISTORY)
        self.results = _frame(self.results, RESULTS)

    def set_results(self, rows) -> None:
        """Replace the results by a DataFrame or a list of rows."""
        self.results = _frame(rows, RESULTS)

    def save(self, path: str | Path) -> Path:
        """Write the file, whole or not at all; an older file of that name is replaced."""
        path = Path(path)
        part = path.with_name(f".{path.name}.part-{uuid.uuid4().hex[:8]}")
        try:
            _write(self, part)
            with open(part, "rb") as file:
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
        _sync_folder(path.parent)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Run:
        """Read a file that :meth:`save` wrote; anything else is refused in one sentence."""
        return load(path)

    def plot(self, ax=None):
        """The learning curve, on given or new matplotlib axes."""
        from neuroperturb import plots

        return plots.learning_curve(self, ax)

    def report(self) -> str:
        """The run in words and tables."""
        from neuroperturb import report

        return report.text(self)

    def _repr_html_(self) -> str:
        from neuroperturb import report

        return report.html(self)

    def __repr__(self) -> str:
        done = int(self.history["epoch"].iloc[-1]) if len(self.history) else 0
        rule, task = config.label(self.experiment), self.experiment.task.name
        return f"<Run {rule} on {task}: {self.status}, {done} of {self.experiment.training.epochs} epochs>"


def same_science(a: Run, b: Run) -> bool:
    """Whether two runs agree bit for bit in everything but machine, versions and time."""
    return _science(a) == _science(b)


def differences(a: Run, b: Run) -> list[str]:
    """The parts in which two runs differ, as ``group/name``."""
    left, right = _science(a), _science(b)
    return sorted(key for key in left.keys() | right.keys() if left.get(key) != right.get(key))


def versions() -> dict[str, str]:
    """Versions of what computes."""
    names = ("neuroperturb", "numpy", "numba", "llvmlite", "scipy")
    return {"python": platform.python_version(), **{name: _version(name) for name in names}}


def cpu() -> dict[str, str]:
    """The processor as the compiler sees it: bits may differ where these differ."""
    from llvmlite import binding

    features = binding.get_host_cpu_features().flatten()
    return {"name": binding.get_host_cpu_name(), "features": hashlib.sha256(features.encode()).hexdigest()[:12]}


@functools.cache  # looking through what is installed takes 10 ms
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _frame(rows, columns) -> pd.DataFrame:
    """A table with at least these columns, of these types; text is text, everything else a number."""
    import pandas as pd

    given = _columns_of(rows)
    count = len(next(iter(given.values()), ()))
    types = columns if isinstance(columns, Mapping) else {}
    typed = {}
    for name in dict.fromkeys([*columns, *given]):
        values = given.get(name, np.full(count, np.nan))
        if name in TEXT:
            text = ["" if value is None or value != value else str(value) for value in values]
            typed[name] = pd.Series(text, dtype=object)
        else:
            typed[name] = np.array(values, dtype=types.get(name, np.float64))
    return pd.DataFrame(typed)


def _columns_of(rows) -> dict:
    """Of a DataFrame or of a list of rows; nan where a row has nothing."""
    if hasattr(rows, "columns"):
        return {name: rows[name].to_numpy() for name in rows.columns}
    rows = list(rows)
    return {name: [row.get(name, np.nan) for row in rows] for name in dict.fromkeys(k for row in rows for k in row)}


# ----------------------------------------------------------------------------------------------------------------------
# Parts: a run as (group, name) → array, or text


def _arrays(run: Run) -> Iterator[tuple[str, str, np.ndarray]]:
    """Every array of a run; text columns are arrays of objects. Seconds go to the one group that may differ."""
    for group, frame in (("history", run.history), ("results", run.results)):
        for name in frame.columns:
            column = frame[name].to_numpy()
            yield ("timing", f"{group}_seconds", column) if name == "seconds" else (group, name, column)
    for group in ("weights", "initial_weights", "state"):
        for name, array in getattr(run, group).items():
            if "/" in name:
                raise ValueError(
                    f"The {group!r} parameter of Run must have flat names, with dots. Got {name!r} instead."
                )
            yield group, name, np.asarray(array)


def _packed(run: Run) -> Iterator[tuple[str, str, np.ndarray]]:
    """The same with the state end to end, one array a type: a netCDF variable costs 8 ms, and a state has hundreds."""
    yield from ((group, name, array) for group, name, array in _arrays(run) if group != "state")
    by_type: dict[str, list[tuple[str, np.ndarray]]] = {}
    for name, array in run.state.items():
        by_type.setdefault(np.asarray(array).dtype.name, []).append((name, np.asarray(array)))
    for kind, items in by_type.items():
        yield "state", kind, np.concatenate([array.ravel() for _, array in items])
        index = [json.dumps([name, *array.shape]) for name, array in items]
        yield "state", f"{kind}_index", np.array(index, dtype=object)


def _unpack(packed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The state by name, out of one array a type and its index of names and shapes."""
    state = {}
    for kind in (name for name in packed if not name.endswith("_index")):
        start = 0
        for name, *shape in map(json.loads, packed[f"{kind}_index"]):
            size = int(np.prod(shape, dtype=np.int64))
            state[name] = packed[kind][start : start + size].reshape(shape)
            start += size
    return state


def _texts(run: Run) -> dict[str, str]:
    """Everything else, as attributes of the file."""
    return {
        "status": run.status,
        "diverged_step": json.dumps(run.diverged_step),
        "experiment": config.dumps(run.experiment),
        "seeds": json.dumps(run.seeds),
        "ledger": json.dumps(run.ledger),
        "versions": json.dumps(run.versions),
        "cpu": json.dumps(run.cpu),
        "timestamps": json.dumps(run.timestamps),
    }


def _science(run: Run) -> dict[str, tuple]:
    arrays = {f"{group}/{name}": _bits(array) for group, name, array in _arrays(run) if group != "timing"}
    return arrays | {k: (v,) for k, v in _texts(run).items() if k not in ("versions", "cpu", "timestamps")}


def _bits(array: np.ndarray) -> tuple:
    if array.dtype.kind == "O":
        return ("text", *array.tolist())
    return (array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes())


def _checksum(arrays: dict[str, np.ndarray], texts: dict[str, str]) -> str:
    """sha256 over every name, type, shape and bit."""
    total = hashlib.sha256()
    for name, value in sorted({**arrays, **texts}.items()):
        parts = (value,) if isinstance(value, str) else _bits(value)
        for part in (name, *parts):
            data = part if isinstance(part, bytes) else str(part).encode()
            total.update(len(data).to_bytes(8, "little") + data)
    return total.hexdigest()


# ----------------------------------------------------------------------------------------------------------------------
# The file


def load(path: str | Path) -> Run:
    """Read a run's file; anything else is refused in one sentence."""
    path = Path(path)
    if not path.is_file():
        raise RecordError(f"There is no run file {str(path)!r}.")
    try:
        texts, arrays = _read(path)
    except RecordError:
        raise
    except Exception:  # a damaged HDF5 file fails in any way the library can
        raise RecordError(f"The file {str(path)!r} is damaged, or was not written by neuroperturb.") from None
    try:
        return _run(texts, arrays)
    except SpecError as error:
        raise RecordError(f"The file {str(path)!r} holds an experiment this version cannot read: {error}") from None


def is_run(path: str | Path) -> bool:
    """Whether a file calls itself a run, whatever state it is in."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return file.attrs.get("format") == FORMAT
    except OSError:
        return False


def _write(run: Run, path: Path) -> None:
    import h5py

    texts, arrays = _texts(run), {}
    with h5py.File(path, "w") as file:
        writer = Writer(file)
        for group, name, array in _packed(run):
            arrays[f"{group}/{name}"] = array
            shared = {"history": "epoch", "results": "row", "timing": name}.get(group)
            writer.variable(group, name, [shared or f"{name}_{axis}" for axis in range(array.ndim)], array)
        # Attributes are limited to 64 KiB; a ledger is not.
        file.create_dataset("ledger/json", data=texts["ledger"], dtype=h5py.string_dtype())
        file.attrs.update({k: v for k, v in texts.items() if k != "ledger"})
        file.attrs.update({"format": FORMAT, "format_version": VERSION, "checksum": _checksum(arrays, texts)})
        if (text := _glance(run, texts).text) is not None:
            file.attrs[glance.NAME] = text


def _glance(run: Run, texts: dict[str, str]) -> glance.Glance:
    history, results = (
        {name: frame[name].to_numpy() for name in frame.columns if name not in ("seconds", *TEXT)}
        for frame in (run.history, run.results)
    )
    return glance.take(history, results, run.history["seconds"].to_numpy(), texts)


def _read(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
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
        names = ("status", "diverged_step", "experiment", "seeds", "versions", "cpu", "timestamps")
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


def _run(texts: dict[str, str], arrays: dict[str, np.ndarray]) -> Run:
    import tomllib

    import pandas as pd

    def group(name):
        return {key.split("/", 1)[1]: array for key, array in arrays.items() if key.split("/", 1)[0] == name}

    timing = group("timing")
    tables = {
        name: pd.DataFrame({**group(name), "seconds": timing[f"{name}_seconds"]}) for name in ("history", "results")
    }
    plain = {
        name: json.loads(texts[name]) for name in ("diverged_step", "seeds", "ledger", "versions", "cpu", "timestamps")
    }
    kept = {name: group(name) for name in ("weights", "initial_weights")}
    return Run(
        experiment=Experiment.parse(tomllib.loads(texts["experiment"])),
        status=texts["status"],
        **tables,
        **kept,
        state=_unpack(group("state")),
        **plain,
    )


def _sync_folder(folder: Path) -> None:
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
