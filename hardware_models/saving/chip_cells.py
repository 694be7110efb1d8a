"""The cells of one chip by name: what was fabricated, and what a measured chip has in its place.

    array.cells.names                         step_up step_down bound_up bound_low stuck, and a, b where a cell model keeps them
    array.cells.get("step_up")                (d, n, m), from j to i, for d devices per weight, like pulse counts
    array.cells.set("step_up", values)        of that shape, or (n, m), or a number
    array.cells.save("chip.npz")  .load(…)    all of them, or some, in one file of NumPy arrays without code

One file may hold several matrices, by names such as ``W_rec.step_up``; names without a matrix are for each that is read from it.

They are part of the state of an array: copies and files keep them. A cell whose range is a point, with steps of 0, is stuck there, as
corrupt cells are; ``stuck`` is that point, NaN where a cell is not. A cell that holds what its new range does not is moved to its end.
References and tiers that rest at symmetry points are not measured again; programming the array puts tiers to where they now are.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike

from hardware_models.crossbar.contract import Site
from hardware_models.numerics.checks import InputError, ParameterError, Words, are_numbers
from hardware_models.saving import atomic

STUCK = "stuck"
ENDING = ".npz"


class Kind(NamedTuple):
    """What values must be, in words, and whether they are."""

    wanted: str
    fits: Any


STEP = Kind("0 or more, and finite", lambda v: bool((v >= 0).all() and np.isfinite(v).all()))
FINITE = Kind("finite", lambda v: bool(np.isfinite(v).all()))
PLACE = Kind("finite, or NaN where a cell is not stuck", lambda v: not np.isinf(v).any())
KINDS = {
    "step_up": STEP,
    "step_down": STEP,
    "bound_up": FINITE,
    "bound_low": FINITE,
    "a": FINITE,
    "b": FINITE,
    STUCK: PLACE,
}
OWNER = "cells"


class ChipCells:
    """Per-cell parameters of an array, in device units.

    Examples
    --------
    >>> import numpy as np
    >>> import hardware_models as hw
    >>> array = hw.SynapseArray((2, 3), hw.SoftBounds(), seed=1)
    >>> array.cells.set("step_up", 0.002)
    >>> array.cells.set("stuck", [[np.nan, 0.1, np.nan], [np.nan, np.nan, np.nan]])
    >>> array.cells.get("step_up")[0].round(4)
    array([[0.002, 0.   , 0.002],
           [0.002, 0.002, 0.002]])
    >>> array.read()[0]
    array([0. , 0.1, 0. ], dtype=float32)
    """

    def __init__(self, array: Site):
        self._array = array

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters that cells of this model have of their own."""
        cells = self._array.state.cells
        return tuple(name for name in KINDS if name == STUCK or getattr(cells, name).size > 1) if self._own else ()

    @property
    def _own(self) -> bool:
        return self._array.state.cells.bound_up.size > 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """(d, n, m)."""
        return len(self._array.state.gain), *self._array.shape

    def get(self, name: str) -> np.ndarray:
        """A parameter of every cell, (d, n, m) float64; a copy."""
        self._require(name)
        if name == STUCK:
            low, high = self._part("bound_low"), self._part("bound_up")
            return np.where(low == high, low, np.nan).transpose(0, 2, 1).astype(np.float64)
        return self._part(name).transpose(0, 2, 1).astype(np.float64)

    def set(self, name: str, values: ArrayLike) -> None:
        """Set a parameter of every cell.

        Parameters
        ----------
        name : one of `names`
        values : a number, (n, m) for all devices of a weight, or (d, n, m); steps 0 or more, bounds finite and the lower one not above the
            upper one

        Raises
        ------
        ParameterError : for a name that these cells do not have, another shape, or values out of range
        """
        self._put({name: values})

    def save(self, path: str | Path) -> Path:
        """Write all parameters to an ``.npz`` file; the write is atomic."""
        buffer, found = io.BytesIO(), {name: self.get(name) for name in self.names}
        np.savez(buffer, **cast(dict[str, Any], found))
        return atomic.write(_npz(path), buffer.getvalue())

    def load(self, path: str | Path, matrix: str = "") -> None:
        """Set the parameters that an ``.npz`` file holds by their names; all of them or, where one does not fit, none.

        matrix : this array, as the names of a file of several matrices say; of those, names of others are left alone

        Raises
        ------
        InputError : for a file that cannot be read, or holds nothing for this array
        ParameterError : as `set` does
        """
        found = {whole.rpartition(".")[::2]: values for whole, values in _arrays(path).items()}
        mine = {name: values for of in ("", matrix) for (owner, name), values in found.items() if owner == of}
        if not mine:
            names = ", ".join(names_in(path))
            raise InputError(f"The file {str(path)!r} holds no cells of {matrix or 'this array'}. Its names: {names}.")
        self._put(mine)

    def _put(self, given: Mapping[str, ArrayLike]) -> None:
        """Check everything, then set it."""
        for name in given:
            self._require(name)
        new = {name: self._checked(name, values) for name, values in given.items()}
        stuck = new.pop(STUCK, None)
        low, high = (new.get(name, self._part(name)) for name in ("bound_low", "bound_up"))
        if (low > high).any():
            name, wanted = (
                ("bound_low", "at most 'bound_up'") if "bound_low" in new else ("bound_up", "at least 'bound_low'")
            )
            raise ParameterError(name, OWNER, f"{wanted} of every cell", Words("bounds that cross"))
        for name, values in new.items():
            self._part(name)[:] = values
        if stuck is not None:
            there = ~np.isnan(stuck)
            for name, values in (
                ("bound_low", stuck),
                ("bound_up", stuck),
                ("step_up", 0 * stuck),
                ("step_down", 0 * stuck),
            ):
                self._part(name)[there] = values[there]
        self._stay_within()

    def _require(self, name: str) -> None:
        if name not in self.names:
            cell = type(self._array.cell).__name__
            wanted = f"one of {', '.join(map(repr, self.names))}" if self.names else "left out"
            hint = "" if self.names else f"Cells of {cell} have no parameters of their own."
            raise ParameterError("name", OWNER, wanted, name, hint)

    def _checked(self, name: str, values: ArrayLike) -> np.ndarray:
        """Values (d, m, n), as they are stored."""
        given = np.asarray(values)
        d, n, m = self.shape
        if not are_numbers(given):
            raise ParameterError(name, OWNER, f"numbers of shape {self.shape}", Words(f"values of type {given.dtype}"))
        if given.shape not in ((), (n, m), (d, n, m)):
            wanted = f"a number, or shape {(n, m)} or {(d, n, m)}"
            raise ParameterError(name, OWNER, wanted, Words(f"shape {given.shape}"))
        if not KINDS[name].fits(given.astype(np.float64)):
            raise ParameterError(name, OWNER, KINDS[name].wanted, Words("others"))
        return np.broadcast_to(given, (d, n, m)).transpose(0, 2, 1).astype(self._array.dtype)

    def _part(self, name: str) -> np.ndarray:
        """A parameter as it is stored, (d, m, n)."""
        return getattr(self._array.state.cells, name)[:, :, : self._array.shape[0]]

    def _weights(self) -> list[np.ndarray]:
        """The visible weights and, where they differ, the stored ones."""
        cells, n = self._array.state.cells, self._array.shape[0]
        return [w[:, :, :n] for w in ((cells.w, cells.held) if cells.held.size > 1 else (cells.w,))]

    def _stay_within(self) -> None:
        low, high = self._part("bound_low"), self._part("bound_up")
        visible, *stored = self._weights()
        held = stored[0] if stored else visible
        within = np.clip(held, low, high)
        visible[:] = np.where(held == within, visible, within)
        held[:] = within


def names_in(path: str | Path) -> list[str]:
    """Names of the arrays in a file."""
    return list(_arrays(path))


def _npz(path: str | Path) -> Path:
    found = Path(path)
    if found.suffix != ENDING:
        raise InputError(f"Cells of a chip are kept in a file that ends in {ENDING}. Got {str(path)!r} instead.")
    return found


def _arrays(path: str | Path) -> Mapping[str, np.ndarray]:
    """The arrays of a file; nothing in it is run."""
    try:
        with np.load(_npz(path), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except OSError as error:
        raise InputError(f"The file {str(path)!r} cannot be read: {error.strerror or error}.") from None
    except (ValueError, EOFError):
        raise InputError(f"The file {str(path)!r} does not hold NumPy arrays.") from None
