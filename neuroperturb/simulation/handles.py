"""Arguments of kernels: the state of a run, allocated once, and the records inside it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from hardware_models.numerics import memory
from hardware_models.numerics.record import inside, record
from neuroperturb.network.dynamics import Layers
from neuroperturb.simulation.configuration import MATRICES, Setup
from neuroperturb.simulation.state import RunState


class Columns(NamedTuple):
    """Inputs and outputs of a read of an array: x (K, m), acc (K, n)."""

    x: np.ndarray
    acc: np.ndarray


def no_columns(n: int, m: int, dtype) -> Columns:
    """Empty inputs, with which a sweep only writes."""
    return Columns(memory.zeros((0, m), dtype), memory.zeros((0, n), dtype))


class Handles:
    """The records of one run.

    state : the state itself;  run : all its records;  whitener : P, and its reads;  lateral : its array, update and sum;  nothing : no
        columns for every matrix;  empty : the same by name
    clean : activity of a clean pass that is part of the run, one column per trial;  clean_memories : of synapses read without noise
    """

    def __init__(self, setup: Setup, run: RunState, clean_activity: Any):
        self.state, self.run = run, record(run)
        self.whitener = inside(self.run, "whitener")
        self.lateral = tuple(inside(self.whitener, part) for part in ("array", "pending", "sum"))
        self.clean = record(clean_activity)
        still = (m._replace(passes=np.array([1]), offset=np.zeros(1, setup.dtype)) for m in run.memories)
        self.clean_memories = record(Layers(*still))
        self.empty = Layers(*(no_columns(*setup.arrays[name].shape, setup.dtype) for name in MATRICES))
        self.nothing = record(self.empty)
        self._network = inside(self.run, "arrays"), inside(self.run, "pending")
        self._neurons = inside(self.run, "neurons")

    def synapses(self, name: str) -> tuple:
        """Array, update and memory of one matrix."""
        return tuple(inside(self.run, part, name) for part in ("arrays", "pending", "memories"))

    def clean_pass(self, act: Any) -> tuple:
        """Arguments of a clean pass with a separate activity: arrays, updates, memories, activity, neurons."""
        return *self._network, self.clean_memories, record(act), self._neurons
