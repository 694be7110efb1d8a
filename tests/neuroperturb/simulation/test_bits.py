"""Same seed, same bits: repeated, beside other runs, by another walk over the cells, interrupted and resumed anywhere."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from slow_cases import slow

from hardware_models import Hardware, Ideal
from neuroperturb import rules, tasks
from neuroperturb.baselines import Bptt
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.results.run import Run, differences
from neuroperturb.simulation import learner
from neuroperturb.simulation.schedule import Training
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.tasks.contract import Sequence
from neuroperturb.training.trainer import Trainer

SERIES = tasks.MackeyGlass(steps=300, test_steps=40, dropped=0, lead_in=20)
CREDIT = tasks.DelayedXOR(trials_per_epoch=24, validation_trials=16, test_trials=16)
TWO = Training(epochs=2, batch_size=None)
EXPERIMENTS = {
    "online": Experiment(task=SERIES, network=RNN(size=10), rule=rules.make("anp"), training=TWO),
    "episode": Experiment(
        task=CREDIT, network=RNN(size=10, bias=True), rule=rules.make("np-trace", None, "episode"),
        training=TWO.replace(batch_size=8),
    ),
    "series by episode": Experiment(  # in two passes, the first of which learns the D's
        task=SERIES, network=RNN(size=10), rule=rules.make("anp", None, "episode"),
        decorrelation=Decorrelation(rate=0.01, state=True, input=True),
        training=TWO.replace(schedule="episode", batch_size=2, carry_state=True),
    ),
    "bptt": Experiment(
        task=CREDIT, network=RNN(size=10, bias=True), rule=Bptt(), training=TWO.replace(batch_size=8)
    ),
}  # fmt: skip


def finished(trainer) -> Run:
    for _ in trainer:
        pass
    record = trainer.run()
    assert record.status == "finished"
    assert all(np.isfinite(w).all() for w in record.weights.values())
    return record


@pytest.fixture(scope="module")
def references():
    return {name: finished(Trainer(experiment)) for name, experiment in EXPERIMENTS.items()}


def assert_same(found, reference):
    assert differences(found, reference) == []
    for name, w in reference.weights.items():
        assert w.dtype == found.weights[name].dtype == np.float32


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_repeated(name, references):
    assert_same(finished(Trainer(EXPERIMENTS[name])), references[name])
    other = EXPERIMENTS[name].replace(training=EXPERIMENTS[name].training.replace(seed=7))
    assert "weights/W_out" in differences(finished(Trainer(other)), references[name])


def test_beside_other_runs(references):
    """Each twice and all at once, on as many threads."""
    jobs = [*EXPERIMENTS, *EXPERIMENTS]
    barrier = Barrier(len(jobs))

    def go(name):
        trainer = Trainer(EXPERIMENTS[name])
        barrier.wait()
        return finished(trainer)

    with ThreadPoolExecutor(len(jobs)) as pool:
        for name, found in zip(jobs, pool.map(go, jobs), strict=True):
            assert_same(found, references[name])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_interrupted_and_resumed_anywhere(name, references, tmp_path, monkeypatch):
    """Stopped after a number of chunks of about one step, more than once, once through a file."""
    monkeypatch.setattr(learner, "CHUNK", 1e-9)
    steps = Trainer(EXPERIMENTS[name]).steps
    for stops in ((1,), (2, 3), (18, 300), (steps // 2 - 16, 1, 1, 17)):
        trainer = Trainer(EXPERIMENTS[name])
        for stop in stops:
            for _ in range(stop):
                if not trainer.ended:
                    trainer.advance()
            record = trainer.run()
            if stop == 300:
                record = Run.load(record.save(tmp_path / "run.nc"))
            trainer = Trainer(EXPERIMENTS[name], resume=record)
        assert_same(finished(trainer), references[name])


def test_a_look_changes_nothing(references):
    """Scores and records taken after every chunk."""
    for name, experiment in EXPERIMENTS.items():
        trainer = Trainer(experiment)
        for _ in trainer:
            trainer.score(trainer.dataset.test)
            trainer.run()
        assert_same(trainer.run(), references[name])


class Walked(Ideal):
    """An ideal cell that says it is not one: a device kernel with everything switched off."""

    is_pulsed = True


@pytest.mark.parametrize("schedule", ["online", *slow("episode")])
def test_an_ideal_kernel_is_a_device_kernel_with_everything_off(schedule):
    """Fused rows against the general walk; matrices D are learnt too."""
    rule = rules.make("anp", None, schedule, learning_rate=0.05)
    decorrelation = Decorrelation(rate=0.01, state=True, input=True)
    initial = initial_weights(RNN(size=37), 3, 2, 0)
    rng = np.random.default_rng(1)
    sequence = Sequence(
        rng.normal(size=(50, 1, 3)), rng.normal(size=(50, 1, 2)), np.ones((50, 1), bool), np.arange(50) == 0
    )
    found = []
    for cell in (Ideal(), Walked()):
        simulation = Simulation(
            RNN(size=37), rule, initial, decorrelation=decorrelation, schedule=schedule, batch=1, steps=50, total_steps=50,
            hardware=Chip(cells=cell, D_in=Hardware(cells=cell), D_rec=Hardware(cells=cell)),
        )  # fmt: skip
        assert simulation.present_all(sequence)
        found.append(simulation.weights())
    for name, left, right in zip(initial._fields, *found, strict=True):
        assert not np.array_equal(left, getattr(initial, name))
        if schedule == "online" or not name.startswith("D"):
            assert left.tobytes() == right.tobytes(), name
        else:  # the column read of a whole block is a matrix product for ideal cells
            assert np.allclose(left, right, rtol=1e-5, atol=1e-6), name
