"""Networks, data and draws that both backends are given."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hardware_models import Hardware, SynapseArray
from neuroperturb import RNN
from neuroperturb.network.chip.arrays import programmed
from neuroperturb.network.rnn import initial_weights
from neuroperturb.spiking.brian_network import Rows, Session
from neuroperturb.spiking.encoding import input_spikes
from neuroperturb.spiking.model import decays
from neuroperturb.tasks.contract import Sequence

LEARNT = ("W_in", "W_rec", "W_out")


class Case(NamedTuple):
    """One trial after the other is what a batch of 1 is; `draws` are standard normal, (T, 1, units)."""

    network: RNN
    initial: object
    sequence: Sequence
    hidden: np.ndarray
    output: np.ndarray


def make_case(steps, *, size=20, n_in=2, n_out=1, bias=True, leak=1.0, gain=1.0, trial=50, seed=0) -> Case:
    rng = np.random.default_rng(seed)
    network = RNN(size=size, bias=bias, leak=leak, gain=gain)
    sequence = Sequence(
        rng.normal(size=(steps, 1, n_in)), np.sin(np.arange(steps) / 5)[:, None, None] + 0.1 * rng.normal(size=(steps, 1, n_out)),
        rng.random((steps, 1)) < 0.9, np.arange(steps) % trial == 0,
    )  # fmt: skip
    draws = rng.normal(size=(steps, 1, size)), rng.normal(size=(steps, 1, n_out))
    return Case(network, initial_weights(network, n_in, n_out, 3), sequence, *draws)


def arrays_of(case: Case, cell=None, seed=0) -> dict[str, SynapseArray]:
    """Float64 arrays with the numbers, and the scale, that a simulation gives them."""
    made_of = Hardware() if cell is None else Hardware(cells=cell)
    return {
        name: programmed(made_of, getattr(case.initial, name), dtype=np.dtype(np.float64), seed=seed, number=number)
        for number, name in enumerate(LEARNT)
    }


def session(case: Case, rule, *, lif=None, arrays=None, online=True, target="numpy", **options) -> Session:
    return Session(
        rule, arrays or arrays_of(case), lif=lif, n_in=case.sequence.inputs.shape[2], leak=case.network.leak,
        steps=len(case.sequence.inputs), online=online, target=target, **options,
    )  # fmt: skip


def rows_of(case: Case, rule, *, lif=None, seed=0, finish=False) -> Rows:
    """The case as rows of a presentation."""
    u, T = case.sequence.inputs[:, 0], len(case.sequence.inputs)
    gain, spikes, coded = 1.0, np.zeros((1, 2)), lif is not None and lif.encoding.kind != "current"
    bias = np.ones((T, int(case.network.bias)))
    if lif is not None:
        gain = decays(lif).gain
    if coded:
        kicks = decays(lif).kick * input_spikes(lif, case.sequence.inputs, seed, 0)[:, :, 0]
        spikes = np.pad(kicks.reshape(-1, u.shape[1]), ((0, 0), (0, int(case.network.bias))))
    ones, finishes = np.ones(T), np.zeros(T)
    finishes[-1] = float(finish)
    return Rows(
        np.hstack([0 * u if coded else gain * u, bias]), spikes, rule.noise_std * case.hidden[:, 0], rule.noise_std * case.output[:, 0],
        case.sequence.targets[:, 0], case.sequence.mask[:, 0].astype(float), ones, case.sequence.reset.astype(float), finishes,
        rule.learning_rate * ones,
    )  # fmt: skip


def largest_difference(a, b) -> float:
    return max(float(np.abs(getattr(a, name) - getattr(b, name)).max()) for name in LEARNT)


def smallest_change(a, initial) -> float:
    return min(float(np.abs(getattr(a, name) - getattr(initial, name)).max()) for name in LEARNT)
