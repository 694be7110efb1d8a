"""Copies of arrays: every copy is independent of its original and continues bit for bit as the original would.

    copy.copy   copy.deepcopy   pickle   joblib        the parts of the array, and its state as plain arrays
    save   load   save_all   load_all                  the same in one netCDF file, which contains no code

Kernels access the state by its memory address (:mod:`hardware_models.numerics.record`). A copy therefore allocates new memory with the
alignment that kernels need and copies the values; scratch memory is not part of the state.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from hardware_models.costs.html_table import html_table
from hardware_models.crossbar.state import Shortfall
from hardware_models.numerics.checks import ParameterError
from hardware_models.saving import file, parts
from hardware_models.saving.file import ArrayFileError

SKIPPED = ("scratch", "turned")  # work space, and lines of the other side, which the chip determines
LAID_OUT = ("state", "ageing", "record")  # attributes that are memory, or point to it
AS_THEY_ARE = ("shape", "cell", "weight", "writing", "programming", "reading", "time", "number", "columns", "costs")
ONE = "array"  # the name of a single array in a file
MISSED = "shortfall"  # key of what programming could not do


class Value:
    """Mixin: copies, and files, of an array.

    Subclasses have their parts as attributes, the NamedTuples of arrays ``state`` and ``ageing``, and the method ``_lay_out(seed)``,
    which allocates the memory of a new array.
    """

    state: Any
    ageing: Any
    weight: Any
    shortfall: Shortfall
    dtype: np.dtype
    tracks: bool
    _fixed_scale: float | None

    def _lay_out(self, seed: int) -> None:
        raise NotImplementedError

    def _repr_html_(self) -> str:
        design = self.design
        (n, m), costs = design.pop("shape"), design.pop("costs")  # costs with their sources are long
        priced = "without costs" if costs is None else costs.name
        rows = [(name, value) for name, value in design.items() if value is not None]
        return html_table(f"Array of {n} × {m} synapses, {priced}", rows)

    @property
    def design(self) -> dict[str, Any]:
        """The parameters of the constructor."""
        plain = {name: getattr(self, name) for name in AS_THEY_ARE}
        return plain | {
            "weight": self.weight.given,  # without the devices that the writing adds
            "dtype": self.dtype.name, "seed": int(self.state.seed), "weight_scale": self._fixed_scale, "track": self.tracks,
        }  # fmt: skip

    # copies

    def __getstate__(self) -> dict[str, Any]:
        own = {name: value for name, value in vars(self).items() if name not in LAID_OUT}
        return {"own": own, "seed": int(self.state.seed), "arrays": dict(self._arrays())}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state["own"])
        self._lay_out(state["seed"])
        self._fill(state["arrays"])

    def _arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        """All state by name."""
        yield from _arrays_of(self.state, "state.")
        yield from _arrays_of(self.ageing, "ageing.")

    def _fill(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Copy a state into the memory of this array."""
        for name, own in self._arrays():
            given = arrays.get(name)
            if given is None or given.shape != own.shape or given.dtype != own.dtype:
                raise ArrayFileError(
                    f"The state of the array does not match its parameters: {name!r} is missing or has another shape."
                )
            own[...] = given

    # files

    def save(self, path: str | Path) -> Path:
        """Write the parts and the state of the array to a netCDF file; the write is atomic.

        An existing file of that name is replaced. Custom parts are stored by the name of their class.
        """
        return self.save_all(path, {ONE: self})

    @classmethod
    def load(cls, path: str | Path, *, classes: Iterable[type] = ()) -> Self:
        """Read an array that `save` wrote; it continues bit for bit as the saved array would.

        Parameters
        ----------
        path : path of the file
        classes : classes of custom parts; loading a file imports nothing that the file names

        Raises
        ------
        ArrayFileError
            If the file does not contain exactly one array, or is damaged.
        """
        found = cls.load_all(path, classes=classes)
        if len(found) != 1:
            names = ", ".join(map(repr, found))
            raise ArrayFileError(
                f"The file {str(path)!r} contains {len(found)} arrays, {names}: read them by load_all()."
            )
        return next(iter(found.values()))

    @staticmethod
    def save_all(path: str | Path, arrays: Mapping[str, Value]) -> Path:
        """Write several named arrays, such as those of a chip, to one file; see `save`."""
        for name in arrays:
            if not isinstance(name, str) or not name or "/" in name or name in (".", "..", file.TEXT):
                raise ParameterError("arrays", "save_all", "a dict whose keys are names", name)
        text = {name: {**parts.written(array.design), MISSED: list(array.shortfall)} for name, array in arrays.items()}
        state = {f"{name}/{key}": values for name, array in arrays.items() for key, values in array._arrays()}
        return file.write(path, json.dumps(text), state)

    @classmethod
    def load_all(cls, path: str | Path, *, classes: Iterable[type] = ()) -> dict[str, Self]:
        """Read the arrays of a file by name; see `load`."""
        text, state = file.read(path)
        found: dict[str, Self] = {}
        for name, table in json.loads(text).items():
            missed = table.pop(MISSED, ())
            design = {key: parts.read(value, classes) for key, value in table.items()}
            found[name] = cls(**design)
            found[name].shortfall = Shortfall(*missed)
            own = f"{name}/"
            found[name]._fill({key.removeprefix(own): array for key, array in state.items() if key.startswith(own)})
        return found


def _arrays_of(record: NamedTuple, prefix: str) -> Iterator[tuple[str, np.ndarray]]:
    """(dotted name, array) of every non-empty array in nested NamedTuples, except what is not state."""
    for name, value in zip(record._fields, record, strict=True):
        if name in SKIPPED:
            continue
        if isinstance(value, np.ndarray) and value.size:
            yield prefix + name, value
        elif hasattr(value, "_fields"):
            yield from _arrays_of(value, f"{prefix}{name}.")
