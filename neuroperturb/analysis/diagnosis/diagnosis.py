"""Diagnosis: measurements on the first steps of a run, and the ratio that limits its rule on its hardware.

The simulation is run ahead with the same kernels, for `EPISODES` episodes or `STEPS` steps of the online schedule, and its state is
restored afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from neuroperturb.analysis.diagnosis.perturbation_snr import Perturbation, Signals
from neuroperturb.analysis.diagnosis.write_fidelity import WriteRatios, Writes, squared_cosine
from neuroperturb.simulation.simulation import Prepared, Simulation
from neuroperturb.tasks.contract import Sequence

EPISODES, STEPS = 12, 200  # number measured, in either schedule


class Diagnosis(NamedTuple):
    """Results;  fidelity, wander : of all matrices together, see :mod:`neuroperturb.analysis.diagnosis.write_fidelity`."""

    perturbation: Perturbation
    writing: dict[str, WriteRatios]
    fidelity: float
    wander: float


def diagnose(simulation: Simulation, sequences: Iterable[Sequence]) -> Diagnosis:
    """Run ahead through a few sequences, and restore the state.

    Parameters
    ----------
    simulation : simulation of a network; left unchanged
    sequences : training sequences, `EPISODES` of them for the episode schedule; one is enough online
    """
    kept = simulation.checkpoint()
    simulation.flush()
    signals, steps = Signals(simulation), 0
    writes = {name: Writes(simulation.arrays[name]) for name in simulation.pending_update()}
    try:
        for number, sequence in enumerate(sequences):
            simulation.run.counters.sequence[0] = number
            data = simulation.prepare(_beginning(sequence))
            steps += len(data.inputs)
            _observe(simulation, data, signals, writes)
        simulation.flush()
        runs = simulation.setup.total_steps / max(steps, 1)
        fidelity = _fidelity(writes)
        return Diagnosis(
            signals.ratios(), {name: written.result(runs * _mean_factor(simulation, 1)) for name, written in writes.items()},
            fidelity, _wander(writes, fidelity, runs * _mean_factor(simulation, 2)),
        )  # fmt: skip
    finally:
        simulation.restore(kept)


def _fidelity(writes: dict[str, Writes]) -> float:
    requested, realised = (
        np.concatenate([part.ravel() for part in parts])
        for parts in ([w.total for w in writes.values()], [w.realised() for w in writes.values()])
    )
    return squared_cosine(requested, realised)


def _wander(writes: dict[str, Writes], fidelity: float, runs: float) -> float:
    """How far weights move in a run beyond the requested change, relative to their root mean square."""
    if not fidelity > 0:
        return float("inf")
    requested = runs * sum(w.square for w in writes.values())
    weights = sum(w.total.size * w.rms**2 for w in writes.values())
    return float(np.sqrt(max(1 / fidelity - 1, 0.0) * requested / weights))


def _mean_factor(simulation: Simulation, power: int) -> float:
    """Mean over the run of a power of the learning-rate factor."""
    rate = simulation.rule.rate
    return float(np.mean([rate.factor(p) ** power for p in np.linspace(0, 1, 101)]))


def _observe(simulation: Simulation, data: Prepared, signals: Signals, writes: dict[str, Writes]) -> None:
    T, online = len(data.inputs), simulation.schedule == "online"
    if "decorrelate" in simulation.phases:
        simulation.present(data, "decorrelate", 0, T)
    for t in range(T):
        if simulation.gather(data, t, t + 1) == t:
            return  # diverged
        signals.note(data, t)
        if online:
            _request(simulation, writes)
    if not online:
        _request(simulation, writes)
        simulation.finish()


def _request(simulation: Simulation, writes: dict[str, Writes]) -> None:
    for name, change in simulation.pending_update().items():
        writes[name].request(change)


def _beginning(sequence: Sequence) -> Sequence:
    """The first steps of a sequence."""
    return Sequence(*(part[:STEPS] for part in sequence))
