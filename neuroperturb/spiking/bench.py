"""Speed of spiking networks: computing time per simulated second, with learning; the kernel against Brian2's cython.

A network of 200 neurons learns online by node perturbation, two passes, one write of all matrices for every step of the task.
"""

from __future__ import annotations

import time

import numpy as np

from hardware_models.array import SynapseArray
from neuroperturb import rules
from neuroperturb.network.lif import LIF
from neuroperturb.network.rnn import RNN, Matrices, initial_weights
from neuroperturb.spiking.brian_network import Rows, Session
from neuroperturb.spiking.simulation import SpikingSimulation
from neuroperturb.tasks.contract import Sequence

NEURONS, STEPS, ROUNDS = 200, 100, 5
NEVER = 1e9  # ticks between reports: only the one at the end
LEARNT = ("W_in", "W_rec", "W_out")


def measure(target: str = "cython", neurons: int = NEURONS) -> dict:
    """Medians of both, and their ratio; both are run once before, to compile."""
    lif, rule, network = LIF(), rules.make("np", noise_std=0.1, learning_rate=1e-6), RNN(size=neurons)
    initial = initial_weights(network, 1, 1, 0)
    inputs = 0.3 * np.random.default_rng(0).normal(size=(STEPS, 1, 1))
    kernel, brian = _kernel(network, rule, lif, initial, inputs), _brian(rule, lif, initial, inputs, target)
    kernel(), brian()
    pairs = [(_seconds(kernel), brian()) for _ in range(ROUNDS)]
    ours, theirs = (float(median) / (STEPS * lif.step) for median in np.median(pairs, axis=0))
    return {"kernel_s": ours, "brian2_s": theirs, "ratio": theirs / ours, "target": target, "neurons": neurons}


def _kernel(network: RNN, rule, lif: LIF, initial: Matrices, inputs: np.ndarray):
    simulation = SpikingSimulation(network, rule, initial, lif=lif, steps=STEPS, total_steps=STEPS)
    data = simulation.prepare(Sequence(inputs, inputs, np.ones((STEPS, 1), bool), np.arange(STEPS) == 0))
    return lambda: simulation.present(data, "learn", 0, STEPS)


def _brian(rule, lif: LIF, initial: Matrices, inputs: np.ndarray, target: str):
    """run() of a Brian2 network with loaded rows: seconds of its loop, without preparation."""
    arrays = {name: SynapseArray(getattr(initial, name).shape, dtype=np.float64) for name in LEARNT}
    for name, array in arrays.items():
        array.program(getattr(initial, name))
    session = Session(rule, arrays, lif=lif, n_in=1, steps=STEPS, online=True, target=target)
    noise = rule.noise_std * np.random.default_rng(1).normal(size=(STEPS, len(initial.W_rec) + 1))
    ones, u = np.ones(STEPS), inputs[:, 0]
    rows = Rows(
        inputs=u, spikes=np.zeros((1, 2)), noise=noise[:, :-1], noise_y=noise[:, -1:], targets=u, masks=ones, learns=ones,
        begins=np.arange(STEPS) == 0, finishes=0 * ones, etas=1e-6 * ones,
    )  # fmt: skip
    session.present(rows, session.initial())

    def run() -> float:
        elapsed = []
        session.objects.network.restore()
        session.run(
            STEPS, report=lambda seconds, *_: elapsed.append(float(seconds)), report_period=NEVER * session.objects.tick
        )
        return elapsed[-1]

    return run


def _seconds(action) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
