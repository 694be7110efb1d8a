"""A trainer is a value: its copies are independent, and each trains on to the bits of the run nobody copied."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys

import pytest
from slow_cases import slow

import hardware_models as hw
from hardware_models.numerics.compiled import COMPILED
from neuroperturb import RNN, Chip, Experiment, Trainer, Training, rules, tasks
from neuroperturb.baselines import Bptt, Rtrl
from neuroperturb.network.lif import LIF
from neuroperturb.results.run import differences

pytestmark = pytest.mark.kernels

TASK = tasks.DelayedXOR(steps=5, cues=(0, 2), trials_per_epoch=8, validation_trials=4, test_trials=4)
CHIP = Chip(
    cells=hw.PRESETS["reram-es"].cells, weight=hw.DifferentialPair(), step_seconds=0.01, reading=hw.Reading(output_noise_std=0.01),
    time=hw.Ageing(drift=hw.Drift(nu=0.05)),
)  # fmt: skip
RUNS = {
    "np-trace": {"rule": rules.make("np-trace")},
    "np, online": {"rule": rules.make("np"), "schedule": "online"},
    "wp": {"rule": rules.make("wp")},
    "anp on a chip": {"rule": rules.make("anp"), "hardware": CHIP},
    "bptt": {"rule": Bptt()},
    "bptt on a chip": {"rule": Bptt(), "hardware": CHIP},
    "rtrl": {"rule": Rtrl()},
    "spikes": {"rule": rules.make("np"), "spiking": LIF()},
}
WAYS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda trainer: pickle.loads(pickle.dumps(trainer)),
}


def experiment(name):
    parts = dict(RUNS[name])
    training = Training(
        epochs=3, batch_size=4, seed=3, **({"schedule": parts.pop("schedule")} if "schedule" in parts else {})
    )
    return Experiment(network=RNN(size=3), task=TASK, training=training, **parts)


def to_the_end(trainer):
    for _ in trainer:
        pass
    return trainer.run()


def changed(one, other):
    return [key for key in differences(one, other) if "seconds" not in key and "timestamps" not in key]


@pytest.mark.parametrize("name", ["np-trace", *slow("anp on a chip")] if COMPILED else RUNS)
def test_copies_train_on_to_the_same_bits(name):
    full = to_the_end(Trainer(experiment(name)))
    trainer = Trainer(experiment(name))
    for _ in range(3):
        trainer.advance()
    before = trainer.run()
    ways = WAYS.values() if name == "anp on a chip" else [WAYS["pickle"]]
    for way in ways:
        other = way(trainer)
        assert changed(before, other.run()) == []
        assert changed(full, to_the_end(other)) == []
        assert changed(before, trainer.run()) == []  # the copy trained, this one did not
    assert changed(full, to_the_end(trainer)) == []


def test_a_copy_before_the_first_step_and_after_the_last():
    trainer = Trainer(experiment("np-trace"))
    full = to_the_end(copy.deepcopy(trainer))
    assert changed(full, to_the_end(trainer)) == []
    assert changed(full, copy.copy(trainer).run()) == []
    assert copy.copy(trainer).ended


def test_a_copy_of_a_torn_trainer_is_whole():
    """What an interrupt left half done is not copied."""
    trainer = Trainer(experiment("np-trace"))
    full = to_the_end(copy.copy(trainer))
    trainer.advance()
    whole = trainer.run()
    trainer._guard.keep_next()
    trainer.run()  # keeps a copy of this moment
    trainer._guard.torn = True
    trainer.learner.simulation.arrays["W_rec"].state.cells.w[:] = 9
    other = copy.copy(trainer)
    assert changed(whole, other.run()) == []
    assert changed(full, to_the_end(other)) == []


def test_a_simulation_is_a_value():
    trainer = Trainer(experiment("anp on a chip"))
    trainer.advance()
    simulation = trainer.learner.simulation
    sequence = trainer.dataset.batch(1)
    others = [way(simulation) for way in WAYS.values()]
    before = simulation.weights()
    for other in others:
        other.present_all(sequence)
    assert all((a == b).all() for a, b in zip(before, simulation.weights(), strict=True))
    simulation.present_all(sequence)
    for other in others:
        assert all(a.tobytes() == b.tobytes() for a, b in zip(other.weights(), simulation.weights(), strict=True))


def test_chips_are_values():
    for way in WAYS.values():
        assert way(CHIP) == CHIP
        assert way(experiment("anp on a chip")) == experiment("anp on a chip")


def test_another_process_trains_on(tmp_path):
    trainer = Trainer(experiment("anp on a chip"))
    trainer.advance()
    (tmp_path / "trainer.pickle").write_bytes(pickle.dumps(trainer))
    code = """
import pickle, sys
trainer = pickle.load(open(sys.argv[1], "rb"))
for _ in trainer:
    pass
trainer.run().save(sys.argv[2])
"""
    call = [sys.executable, "-c", code, str(tmp_path / "trainer.pickle"), str(tmp_path / "run.nc")]
    subprocess.run(call, capture_output=True, text=True, check=True, env=dict(os.environ))
    from neuroperturb import load

    assert changed(to_the_end(trainer), load(tmp_path / "run.nc")) == []
