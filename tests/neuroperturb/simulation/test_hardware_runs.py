"""Training on hardware: same bits, looks that change nothing, the same array for every rule, and what a record says of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

import hardware_models as hw
from hardware_models.ageing import Ageing, Drift, OneOverF, SlowNoise
from hardware_models.crossbar.state import Absent
from hardware_models.neurons import Neurons
from hardware_models.numerics.compiled import COMPILED
from hardware_models.reading.reading import Reading
from neuroperturb import rules, tasks
from neuroperturb.analysis.diagnosis import record_section as section_of
from neuroperturb.baselines import Bptt, Sgd
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.toml import resolve
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.chip.reward_channel import RewardChannel
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.results import text as report
from neuroperturb.results.run import Run, differences
from neuroperturb.simulation import learner
from neuroperturb.simulation.configuration import MIN_COLUMNS
from neuroperturb.simulation.schedule import Training
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.tasks.contract import Sequence
from neuroperturb.training.trainer import Trainer

pytestmark = pytest.mark.kernels
compiled = pytest.mark.skipif(not COMPILED, reason="every noise of every cell takes minutes without the compiler")
interpreted = pytest.mark.skipif(COMPILED, reason="compiling each takes seconds; .ci/run does these with the JIT off")

SOFT = hw.SoftBounds(dw_min=0.01, dw_min_std=0.3, write_noise_std=1.0)
RICH = Chip(  # everything that keeps a state or draws
    cells=SOFT, seed=3, step_seconds=0.1, reading=Reading(output_noise_std=0.02, gain_std=0.05),
    time=Ageing(drift=Drift(nu=0.02), slow=SlowNoise(sources=(OneOverF(std=0.01, fastest=1.0, slowest=100.0),))),
    neurons=Neurons(slope_std=0.1, noise_std=0.01), reward=RewardChannel(noise_std=1e-3, delay=2),
)  # fmt: skip
FEW = RICH.replace(time=Ageing(drift=Drift(nu=0.02)), D_rec=hw.Hardware(cells=hw.Digital(bits=8)))
SLOPPY = hw.Hardware(cells=SOFT, reading=FEW.reading, time=FEW.time)
SERIES = tasks.MackeyGlass(steps=40, test_steps=10, dropped=0, lead_in=5, horizon=2)
CREDIT = tasks.DelayedXOR(steps=5, cues=(0, 2), trials_per_epoch=8, validation_trials=4, test_trials=4)
SMALL, TWO = RNN(size=4, bias=True), Training(epochs=2, batch_size=4)
EXPERIMENTS = {
    "online": Experiment(
        task=SERIES, network=SMALL, rule=rules.make("anp"), training=TWO.replace(batch_size=1), hardware=RICH
    ),
    "episode": Experiment(
        task=CREDIT, network=SMALL, rule=rules.make("np-trace", None, "episode"), training=TWO, hardware=FEW,
        decorrelation=Decorrelation(rate=0.01),
    ),
    "bptt": Experiment(task=CREDIT, network=SMALL, rule=Bptt(), training=TWO, hardware=FEW),
    "lateral": Experiment(task=CREDIT, network=SMALL, rule=rules.make("np-p", None, "episode"), training=TWO, hardware=FEW.replace(P=SLOPPY)),
}  # fmt: skip
CASES = [  # the fullest is compiled, and the others are small enough for Python
    pytest.param("online", marks=compiled), pytest.param("episode", marks=interpreted), pytest.param("bptt", marks=interpreted),
    pytest.param("lateral", marks=interpreted),
]  # fmt: skip


def finished(trainer) -> Run:
    for _ in trainer:
        pass
    record = trainer.run()
    assert record.status == "finished"
    return record


# ---------------------------------------------------------------------------------------------------------------- bits


@pytest.mark.parametrize("name", CASES)
def test_stopped_watched_and_resumed_it_is_the_same_run(name, tmp_path, monkeypatch):
    """Against a run that nobody looks at: stops at several steps, once through a file, scores and records in between."""
    reference = finished(Trainer(EXPERIMENTS[name]))
    monkeypatch.setattr(learner, "CHUNK", 1e-9)
    trainer = Trainer(EXPERIMENTS[name])
    for chunks in (1, 2, 3):
        for _ in range(chunks):
            if not trainer.ended:
                trainer.advance()
            trainer.score(trainer.dataset.test)
            trainer.learner.weights()
        record = trainer.run()
        if chunks == 2:
            record = Run.load(record.save(tmp_path / "run.nc"))
        trainer = Trainer(EXPERIMENTS[name], resume=record)
    assert differences(finished(trainer), reference) == []
    assert reference.seeds["chip"] == reference.seeds["read"] == 3
    assert reference.seeds["init"] == 42


@pytest.mark.parametrize("name", CASES[:2])
def test_a_diagnosis_changes_nothing(name, monkeypatch):
    watched = Trainer(EXPERIMENTS[name])
    monkeypatch.setattr(Trainer, "_diagnose", lambda self: {})
    left, right = (trainer.learner.checkpoint() for trainer in (watched, Trainer(EXPERIMENTS[name])))
    assert [key for key in left if left[key].tobytes() != right[key].tobytes()] == []


def sequence(T=20, B=2, n_in=2, n_out=2, seed=0):
    rng = np.random.default_rng(seed)
    return Sequence(
        rng.normal(size=(T, B, n_in)), rng.normal(size=(T, B, n_out)), np.ones((T, B), bool), np.arange(T) == 0
    )  # fmt: skip


def simulation(
    hardware=None, rule="np", schedule="online", batch=2, dtype="float32", size=9, decorrelation=None, **changes
):
    network = RNN(size=size, bias=True)
    chosen = rules.make(rule, None, schedule, **{"noise_std": 0.01, "learning_rate": 0.01, **changes})
    return Simulation(
        network, chosen, initial_weights(network, 2, 2, 1), schedule=schedule, batch=batch, steps=20, total_steps=20, dtype=dtype,
        seed=1, hardware=hardware, decorrelation=decorrelation,
    )  # fmt: skip


OFF = {
    "reading": Reading(dac=None, input_noise_std=0.0, output_noise_std=0.0, gain_std=0.0, offset_std=0.0),
    "time": Ageing(drift=Drift(nu=0.0), slow=SlowNoise(sources=(OneOverF(std=0.0, fastest=1.0, slowest=10.0),))),
    "step_seconds": 1.0,
    "reward": RewardChannel(bound=1e19),
}


@pytest.mark.parametrize("schedule", ["online", pytest.param("episode", marks=interpreted)])
def test_everything_present_with_strength_zero_is_ideal_to_the_bit(schedule):
    found = []
    for chip in (None, Chip(), Chip(**OFF)):
        sim = simulation(chip, schedule=schedule)
        assert sim.present_all(sequence())
        found.append([w.tobytes() for w in sim.weights()] + [sim.evaluate(sequence(seed=1)).tobytes()])
    assert found[0] == found[1] == found[2]


@interpreted
def test_two_passes_meet_different_read_noise_and_the_same_slow_noise():
    """NP with a σ so small that what differs between the passes is the arrays'."""
    still = {"noise_std": 1e-5, "learning_rate": 0.0}
    read = simulation(Chip(reading=Reading(output_noise_std=0.1)), dtype="float64", **still)
    slow = simulation(
        Chip(time=Ageing(slow=SlowNoise(sources=(OneOverF(std=0.1, fastest=1.0, slowest=10.0),)))), dtype="float64", **still
    )  # fmt: skip
    for sim in (read, slow):
        data, differences = sim.prepare(sequence()), []
        for t in range(20):
            sim.present(data, "learn", t, t + 1)
            differences.append(sim.run.act.y[2:] - sim.run.act.y[:2])
        size = np.std(differences)
        assert size > 0.1 if sim is read else size < 1e-3
    assert not isinstance(slow.arrays["W_rec"].state.slow, Absent)


def test_an_evaluation_goes_through_trials_in_blocks_of_what_fits():
    sim = simulation(Chip(reading=Reading(output_noise_std=0.1)))
    many = sequence(T=3, B=MIN_COLUMNS + 7)
    whole, first = (
        sim.evaluate(many),
        sim.evaluate(Sequence(*(part[:, :MIN_COLUMNS] if part.ndim > 1 else part for part in many))),
    )
    assert whole.shape == (3, MIN_COLUMNS + 7, 2)
    assert np.array_equal(whole[:, :MIN_COLUMNS], first)
    assert np.isfinite(whole).all()
    assert sim.run.arrays.W_in.reads[0] == 0  # watching is no part of the run


@interpreted
def test_time_passes_with_every_sequence():
    chip = Chip(time=Ageing(drift=Drift(nu=0.1)), step_seconds=0.5)
    sim = simulation(chip, learning_rate=0.0)
    before = sim.weights()
    for _ in range(3):
        sim.present_all(sequence())
    assert sim.arrays["W_rec"].clock == 3 * 20 * 0.5
    ratio = sim.weights().W_rec / before.W_rec
    assert np.allclose(ratio, ratio[0, 0])
    assert 0.5 < ratio[0, 0] < 0.95
    assert np.array_equal(sim.weights().D_rec, before.D_rec)  # no table, so ideal


# ------------------------------------------------------------------------------------------- the exact gradient, the array's noise


@interpreted
def test_bptt_on_ideal_hardware_is_bptt():
    plain = EXPERIMENTS["bptt"].replace(
        hardware=None, training=EXPERIMENTS["bptt"].training.replace(dtype="float64"), rule=Bptt(optimiser=Sgd(learning_rate=0.05))
    )  # fmt: skip
    records = [finished(Trainer(plain.replace(hardware=chip))) for chip in (None, Chip())]
    for name, w in records[0].weights.items():
        assert np.abs(w - records[1].weights[name]).max() < 1e-12
    assert records[1].ledger["hardware"]["total"]["counts"]["updates"] == 3 * 4
    assert records[0].ledger == {}


@interpreted
def test_bptt_writes_through_the_cells_and_leaves_frozen_matrices_alone():
    experiment = EXPERIMENTS["bptt"].replace(
        hardware=Chip(cells=hw.Digital(bits=4)), training=EXPERIMENTS["bptt"].training.replace(frozen=("W_in",))
    )
    trainer = Trainer(experiment)
    record = finished(trainer)
    arrays = trainer.learner.simulation.arrays
    assert np.array_equal(record.weights["W_in"], record.initial_weights["W_in"])
    assert not np.array_equal(record.weights["W_rec"], record.initial_weights["W_rec"])
    levels = record.weights["W_rec"] / float(arrays["W_rec"].state.scale[0]) * 7
    assert np.abs(levels - np.round(levels)).max() < 1e-5
    pulses = {name: sum(counts.sum() for counts in array.pulse_counts()) for name, array in arrays.items()}
    assert pulses["W_rec"] > 0
    assert pulses["W_in"] == 0


@interpreted
def test_the_arrays_own_noise_perturbs():
    """Nothing is injected, and still units differ and weights move; the rule is told all of it."""
    sim = simulation(
        Chip(reading=Reading(output_noise_std=0.05)), rule="anp", probe=rules.ArrayNoise(), learning_rate=0.1
    )
    before = sim.weights()
    assert sim.present_all(sequence())
    assert not sim.run.act.xi.any()
    assert np.std(sim.run.signal.da[:, :9]) > 0.03
    assert all(not np.array_equal(after, w) for after, w in zip(sim.weights()[:3], before[:3], strict=True))


# -------------------------------------------------------------------------------------------------------------- P and D

CONVERTERS = hw.Hardware(reading=Reading(dac=hw.Converter(bits=6, bound=2.0), adc=hw.Converter(bits=6, bound=4.0)))


@interpreted
@pytest.mark.parametrize("schedule", ["online", "episode"])
def test_d_is_read_through_its_converters(schedule):
    found = []
    for made_of in (None, hw.Hardware(reading=Reading()), CONVERTERS):
        chip = None if made_of is None else Chip(D_in=made_of, D_rec=made_of)
        sim = simulation(chip, schedule=schedule, decorrelation=Decorrelation(rate=0.02, input=True))
        assert sim.present_all(sequence())
        found.append(sim.weights())
        for name in ("D_in", "D_rec"):
            counts = sim.arrays[name].ledger().counts
            waits = (
                schedule == "online" and made_of is not None
            )  # the last update; an observation of ideal arrays writes it
            assert counts["back_columns"] == (20 - waits) * 2
            n = sim.arrays[name].shape[0]
            assert counts["outputs"] == (made_of is CONVERTERS) * (counts["columns"] + counts["back_columns"]) * n
    assert all(a.tobytes() == b.tobytes() for a, b in zip(found[0], found[1], strict=True))
    assert not np.allclose(found[0].D_rec, found[2].D_rec, rtol=0, atol=1e-5)


@interpreted
def test_the_record_has_p_where_it_is_on_hardware():
    run = finished(Trainer(EXPERIMENTS["lateral"]))
    arrays = run.ledger["hardware"]["arrays"]
    assert arrays.keys() == {"W_in", "W_rec", "W_out", "D_rec", "P"}
    counts = arrays["P"]["ledger"]["counts"]
    assert (
        counts["back_columns"] == counts["columns"] / 2 == 4 * 5 * 4
    )  # sequences, steps, trials; with and without noise
    assert counts["pulses_up"] > 0
    assert "P" in report.text(run)
    plain = EXPERIMENTS["lateral"].replace(hardware=FEW)
    assert finished(Trainer(plain)).ledger["hardware"]["arrays"].keys() == {"W_in", "W_rec", "W_out", "D_rec"}


# -------------------------------------------------------------------------------------------------------------- record


@interpreted
def test_the_record_says_what_the_hardware_did(tmp_path):
    experiment = resolve(
        {"task": {"name": "delayed-xor", "trials_per_epoch": 16, "validation_trials": 8, "test_trials": 8}, "rule": "np-trace",
         "network": {"size": 8}, "training": {"epochs": 2, "batch_size": 8}, "hardware": "reram-array-hfo2"}
    )  # fmt: skip
    record = finished(Trainer(experiment))
    section = record.ledger["hardware"]
    assert section["limit"] == "weight error"
    assert "use finer levels" in section["warning"]
    assert section["arrays"].keys() == {"W_in", "W_rec", "W_out"}
    counts = section["total"]["counts"]
    assert counts["updates"] == 3 * 4
    assert counts["columns"] == 3 * 4 * 14 * 16  # arrays, sequences, steps, passes times trials
    assert json.loads(json.dumps(section)) == section or np.isinf(section["diagnosis"]["layers"]["hidden"]["loss_snr"])
    again = Run.load(record.save(tmp_path / "a.nc"))
    assert again.ledger == record.ledger
    text = report.text(again)
    assert "hardware  reram-array-hfo2" in text
    assert "warning" not in text  # it is said once, in the answer
    told = section_of.limits_of(again.ledger["hardware"], again.experiment.rule)
    assert told[0].ratio == "weight error" and str(told[0]) == section["warning"]
    for word in ("credited", "request/step", "at bound", "pulses/cell", "energy"):
        assert word in text
    ideal = experiment.replace(hardware=None)
    assert finished(Trainer(ideal)).ledger == {}
