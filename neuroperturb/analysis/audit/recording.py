"""Recorded inputs of the synapses of a real run: the recurrent array of a small network that learns delayed XOR online.

One trial at a time, every step written; the loss is scored at the last step of each trial, so that only a rule with a trace can credit
what came before. The sequence is then replayed, open loop, in other arithmetic: there the activity does not respond to the weights.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroperturb.analysis.audit.fixed_point import SynapticInputs
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.rules import PerturbationRule
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.tasks import DelayedXOR

NETWORK, TASK, TRIALS = RNN(size=20, gain=1.1, bias=True), DelayedXOR(), 100


class Recording(NamedTuple):
    """sequence; initial and final weights, (m, n);  source, as text"""

    sequence: SynapticInputs
    weight: np.ndarray
    final: np.ndarray
    source: str


def record_run(rule: PerturbationRule, *, trials: int = TRIALS, seed: int = 0) -> Recording:
    """Record W_rec of a run in floating point.

    Parameters
    ----------
    rule : without weight noise, whose synapses make their own draws
    trials : trials of delayed XOR, one after the other
    seed : of weights, data and perturbations
    """
    data = TASK.data(seed, 1)
    weights = initial_weights(NETWORK, data.n_in, data.n_out, seed)
    simulation = Simulation(
        NETWORK, rule, weights, schedule="online", steps=TASK.steps, total_steps=trials * TASK.steps, seed=seed
    )  # fmt: skip
    steps = [step for number in range(trials) for step in _steps(simulation, data.batch(number))]
    received = [np.array(column) for column in zip(*steps, strict=True)]
    source = f"W_rec of {trials} trials of delayed XOR online, {NETWORK.size} units, seed {seed}, replayed open loop"
    return Recording(
        SynapticInputs(*received, np.zeros((1, 1, 1))), weights.W_rec.T.copy(), simulation.weights().W_rec.T, source
    )


def _steps(simulation: Simulation, sequence):
    """(pre, post, reward, reset) of every step."""
    data, n = simulation.prepare(sequence), NETWORK.size
    for t in range(len(data.inputs)):
        simulation.present(data, "learn", t, t + 1)
        pending, signal = simulation.run.pending.W_rec, simulation.run.signal
        yield pending.pre[0, :n].copy(), pending.post[0, :n].copy(), -float(signal.dL[0]), bool(data.reset[t])
