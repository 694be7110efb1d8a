"""Pending updates: they are written by the next sweep of their array, or read without being written."""

from __future__ import annotations

import numpy as np

from hardware_models.numerics import memory
from neuroperturb.network.dynamics import Layers
from neuroperturb.network.rnn import LEARNT
from neuroperturb.simulation.configuration import MATRICES, Setup
from neuroperturb.simulation.handles import Handles
from neuroperturb.simulation.loops import Loops
from neuroperturb.simulation.state import RunState


class Updates:
    """The updates of one run.

    learnt : matrices that learn;  sweeps : the sweeps that write them
    """

    def __init__(self, setup: Setup, run: RunState, handles: Handles, loops: Loops, frozen: tuple[str, ...]):
        self.learnt = tuple(name for name in LEARNT if name not in frozen)
        self.sweeps: Layers = loops.sweeps
        self._setup, self._run, self._handles, self._pending_change = setup, run, handles, loops.pending_change

    def flush(self) -> None:
        """Write every pending update, without reading."""
        for name, sweep in zip(MATRICES, self.sweeps, strict=True):
            if getattr(self._run.pending, name).active[0]:
                sweep(*self._handles.synapses(name), *getattr(self._handles.empty, name))

    def requested(self, name: str) -> np.ndarray:
        """The change of one matrix requested by its next write, (n, m) weight units; without side effects."""
        pending, synapses = getattr(self._run.pending, name), getattr(self._run.memories, name)
        array, online = self._setup.arrays[name], self._setup.online
        n, m = array.shape
        rows = memory.zeros((m, n), self._setup.dtype)
        if online and not pending.active[0]:
            return np.zeros((n, m))
        moved = (
            synapses.trace, synapses.square, synapses.second, synapses.gradient, synapses.writes, synapses.key, pending.reward,
        )  # fmt: skip
        kept = [a.copy() for a in moved]
        if not online:  # as at the end of an episode
            synapses.key[0] = synapses.key[1]
            synapses.writes[0] += 1
            synapse = self._setup.rule.structure.synapse
            pending.reward[:] = pending.reward if synapse.credited_at_end and not synapse.integrates else 1
        self._pending_change(*self._handles.synapses(name), rows)
        for a, old in zip(moved, kept, strict=True):
            a[...] = old
        there = 1.0 if array.sites is None else array.sites.present
        return rows[:, :n].T.astype(np.float64) * float(array.state.scale[0]) * there
