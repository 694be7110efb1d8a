"""The loop of training: positions, carried states, rows of the history, and which learner an experiment gets."""

from __future__ import annotations

import numpy as np
import pytest

from neuroperturb import RNN, Chip, Experiment, Trainer, Training, tasks
from neuroperturb.baselines import FORWARD, Bptt
from neuroperturb.baselines.learner import Exact, ExactOnArrays
from neuroperturb.network.lif import LIF
from neuroperturb.network.rnn import Matrices
from neuroperturb.simulation.learner import Perturbed
from neuroperturb.spec import SpecError
from neuroperturb.spiking import SpikingSimulation
from neuroperturb.training.history import History
from neuroperturb.training.loop import Loop, Sequences

TASK = tasks.DelayedXOR(steps=5, cues=(0, 2), trials_per_epoch=8, validation_trials=4, test_trials=4)
EPOCHS = Training(epochs=3, batch_size=4)


class Counting:
    """A learner that presents two steps a call, in two phases, and notes what it was called with."""

    phases = ("decorrelate", "learn")
    diverged_step = -1

    def __init__(self, stop_at=None):
        self.calls, self.stop_at, self.loss = [], stop_at, np.array([6.0, 2.0])

    def present(self, number, sequence, phase, first):
        self.calls.append((number, phase, first, bool(sequence.reset[0])))
        if self.calls[-1][:3] == self.stop_at:
            self.diverged_step = 17
            return -1
        return min(first + 2, len(sequence.inputs))

    def weights(self):
        return Matrices(*(np.full((2, 2), float(len(self.calls))) for _ in Matrices._fields))

    def row(self):
        return {"skipped": 3}


def made(learner, **changes):
    return Loop(Sequences(TASK.data(1, 4), EPOCHS.replace(**changes)), learner)


def test_every_sequence_goes_through_every_phase_chunk_by_chunk():
    learner = Counting()
    loop = made(learner)
    ended = []
    while not loop.ended:
        ended.append(loop.advance())
    assert [call[:3] for call in learner.calls] == [(k, p, t) for k in range(6) for p in (0, 1) for t in (0, 2, 4)]
    assert np.flatnonzero(ended).tolist() == [11, 23, 35]  # two sequences an epoch
    assert loop.finished and loop.step == loop.sequences.steps == 30


def test_only_the_learning_phase_counts_steps():
    loop = made(Counting())
    steps = []
    for _ in range(7):
        loop.advance()
        steps.append(loop.step)
    assert steps == [0, 0, 0, 2, 4, 5, 5]


def test_a_position_is_all_that_continuing_needs():
    first, whole = Counting(), Counting()
    loop, straight = made(first), made(whole)
    for _ in range(8):
        loop.advance()
    second = Counting()
    resumed = made(second)
    resumed.restore(loop.checkpoint())
    for loop in (straight, resumed):
        while not loop.ended:
            loop.advance()
    assert first.calls + second.calls == whole.calls


@pytest.mark.parametrize("carried", [False, True])
def test_a_carried_state_is_reset_at_the_first_sequence_only(carried):
    learner = Counting()
    loop = made(learner, carry_state=carried)
    while not loop.ended:
        loop.advance()
    assert [reset for number, _, _, reset in learner.calls if number == 0] == [True] * 6
    assert {reset for number, _, _, reset in learner.calls if number > 0} == {not carried}


def test_divergence_ends_the_run_and_its_epoch():
    loop = made(Counting(stop_at=(1, 1, 2)))
    while not loop.ended:
        ended = loop.advance()
    assert ended and not loop.finished and loop.diverged == 17


def test_rows_of_the_history():
    learner = Counting()
    history = History(learner.weights())
    assert np.isnan(history.last("validation_loss"))
    learner.calls += [1, 2, 3]
    history.seconds = 0.5
    history.end_epoch(learner, step=10, validation_loss=0.25, diverged=False)
    history.end_epoch(learner, step=20, validation_loss=0.5, diverged=True)
    one, two = history.rows
    assert (one["epoch"], one["step"], one["train_loss"], one["validation_loss"], one["seconds"]) == (
        1,
        10,
        3.0,
        0.25,
        0.5,
    )
    assert one["dW_rec"] == 6.0 and one["skipped"] == 3  # three more in each of four entries
    assert (two["epoch"], two["dW_rec"], two["seconds"]) == (2, 0.0, 0.0) and np.isnan(two["train_loss"])
    assert learner.loss.tolist() == [0, 0] and history.last("validation_loss") == 0.5


@pytest.mark.parametrize(
    ("changes", "learner"),
    [
        ({}, Perturbed),
        ({"hardware": Chip()}, Perturbed),
        ({"rule": Bptt()}, Exact),
        ({"rule": Bptt(), "hardware": Chip()}, ExactOnArrays),
        *(({"rule": rule()}, Exact) for rule in FORWARD.values()),
        ({"spiking": LIF()}, Perturbed),
    ],
    ids=str,
)
def test_what_learns(changes, learner):
    trainer = Trainer(Experiment(task=TASK, network=RNN(size=4), training=EPOCHS, **changes))
    assert type(trainer.learner) is learner
    assert isinstance(getattr(trainer.learner, "simulation", None), SpikingSimulation) == ("spiking" in changes)


def test_spikes_have_no_exact_gradient():
    with pytest.raises(
        SpecError, match="'rule' parameter of Experiment must be a perturbation rule for spiking neurons"
    ):
        Trainer(Experiment(task=TASK, network=RNN(size=4), training=EPOCHS, rule=Bptt(), spiking=LIF()))
