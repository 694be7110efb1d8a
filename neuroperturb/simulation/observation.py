"""Observing a run without being part of it: reads have numbers of their own, and what reading moves is put back."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable

import numpy as np

from hardware_models.array import SynapseArray
from hardware_models.crossbar.state import Absent

OBSERVATION_KEY = 1 << 47  # where the numbers of reads begin that no run gets to
COUNTERS = ("reads", "columns")  # what a read changes on any array
READ_PARTS = ("reading", "slow", "programmed")  # of an array's state, what draws or moves when it is read


def reads_plainly(array: SynapseArray) -> bool:
    """Whether a read only reads."""
    return all(isinstance(getattr(array.state, part), Absent) for part in READ_PARTS)


class Observation:
    """How one run is observed.

    Parameters
    ----------
    arrays : of the network
    named : gives (name, array) of everything that a checkpoint holds
    flush : writes the updates that wait
    fired : (1,) how often circuits of neurons were read; None where reading them moves nothing
    """

    def __init__(
        self,
        arrays: dict[str, SynapseArray],
        named: Callable[[], Iterable[tuple[str, np.ndarray]]],
        flush: Callable[[], None],
        fired: np.ndarray | None,
    ):
        self.plain = all(map(reads_plainly, arrays.values()))  # whether reads of all arrays only read
        self._arrays, self._named, self._flush, self._fired = arrays, named, flush, fired

    def __call__(self) -> contextlib.AbstractContextManager[None]:
        """Inside, updates are written and reads have numbers of their own; afterwards all is as it was.

        Where a read does nothing but read, only its counters have to be put back, and what was written stays written.
        """
        return _Look(self._begin, self._moved)

    def _begin(self) -> None:
        self._flush()
        for array in self._arrays.values():
            array.state.reads[0] = OBSERVATION_KEY
        if self._fired is not None:
            self._fired[0] = OBSERVATION_KEY

    @functools.cached_property  # a state has hundreds of arrays, and small runs are observed more than they compute
    def _moved(self) -> tuple[np.ndarray, ...]:
        everything = self._fired is not None or not self.plain
        return tuple(a for name, a in self._named() if a.size and (everything or name.rsplit(".", 1)[-1] in COUNTERS))


class _Look(contextlib.AbstractContextManager[None]):
    """One observation. No generator: one that an interrupt left behind would put back the past when it is collected, whenever that is."""

    def __init__(self, begin: Callable[[], None], moved: tuple[np.ndarray, ...]):
        self._begin, self._moved = begin, moved

    def __enter__(self) -> None:
        self._kept = [(a, a.copy()) for a in self._moved]
        self._begin()

    def __exit__(self, *_: object) -> None:
        for a, before in self._kept:
            a[...] = before
