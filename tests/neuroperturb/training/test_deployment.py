"""After training: other chips, other ages; and hardware taken apart, source by source."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import hardware_models as hw
from hardware_models.ageing import Ageing, Drift
from hardware_models.neurons import Neurons
from hardware_models.numerics.compiled import COMPILED
from hardware_models.reading.reading import Reading
from neuroperturb import rules, tasks
from neuroperturb.baselines import Bptt
from neuroperturb.cli import app as cli
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.toml import resolve
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.chip.reward_channel import RewardChannel
from neuroperturb.network.rnn import RNN
from neuroperturb.results import text as report
from neuroperturb.results.ablation_table import table
from neuroperturb.results.run import Run
from neuroperturb.simulation.schedule import ONLINE_CHUNK, Training
from neuroperturb.spec import InputError, SpecError
from neuroperturb.training import ablation, comparison, deployment
from neuroperturb.training.trainer import Trainer

pytestmark = pytest.mark.kernels
interpreted = pytest.mark.skipif(COMPILED, reason="compiling each takes seconds; .ci/run does these with the JIT off")

CHIP = Chip(cells=hw.SoftBounds(dw_min=0.01), time=Ageing(drift=Drift(nu=0.05)), reading=Reading(output_noise_std=0.01))
EXPERIMENT = Experiment(
    task=tasks.DelayedXOR(steps=5, cues=(0, 2), trials_per_epoch=8, validation_trials=4, test_trials=8),
    network=RNN(size=5, bias=True), rule=rules.make("np-trace", None, "episode"), training=Training(epochs=1, batch_size=4),
    hardware=CHIP,
)  # fmt: skip


def trained(experiment=EXPERIMENT) -> Run:
    trainer = Trainer(experiment)
    for _ in trainer:
        pass
    return trainer.run()


@pytest.fixture(scope="module")
def run():
    return trained()


def test_the_trained_chip_is_as_training_left_it(run):
    whole = Trainer(EXPERIMENT)
    for _ in whole:
        pass
    assert deployment.Deployed(run).score() == whole.score(whole.dataset.test)


def test_another_chip_has_the_same_weights_and_other_cells(run):
    own, other = deployment.Deployed(run), deployment.Deployed(run, CHIP.replace(seed=9))
    a, b = own.simulation.arrays["W_rec"], other.simulation.arrays["W_rec"]
    assert float(a.state.scale[0]) == float(b.state.scale[0])
    inside = (b.state.cells.bound_low < a.state.cells.w) & (a.state.cells.w < b.state.cells.bound_up)
    n = a.shape[0]
    assert np.allclose(a.state.cells.w[:, :, :n][inside[:, :, :n]], b.state.cells.w[:, :, :n][inside[:, :, :n]])
    assert not np.array_equal(a.state.cells.bound_up, b.state.cells.bound_up)


@interpreted
def test_a_table_of_chips(run):
    frame = deployment.deploy(run, [4, 5, 4])
    assert frame["chip"].tolist() == ["trained", "4", "5", "4"]
    assert frame["loss"][1] == frame["loss"][3] != frame["loss"][2]
    lost = [sum(a.shortfall.clipped for a in deployment.Deployed(run, CHIP.replace(seed=4)).simulation.arrays.values())]
    assert frame["clipped"][1] == lost[0]
    assert (frame["unreached"] == 0).all()
    verified = CHIP.replace(programming=hw.WriteVerify(most_pulses=1))
    assert deployment.deploy(run, [4], hardware=verified)["unreached"].tolist()[1] > 0
    ideal = trained(EXPERIMENT.replace(hardware=None))
    with pytest.raises(SpecError, match="there is no chip to deploy on"):
        deployment.deploy(ideal, [1])
    exact = deployment.deploy(ideal, [1], hardware=Chip())
    assert exact["loss"][0] == pytest.approx(exact["loss"][1], rel=1e-5)


@interpreted
def test_drift_is_seen_and_compensated_at_every_age(run):
    """All cells drift alike, so that compensation brings every weight back: the loss is the new chip's again."""
    quiet = CHIP.replace(reading=None)
    frame = deployment.age(run, hardware=quiet)
    assert frame["age"].tolist() == ["new", "an hour", "a day", "a month", "a year"]
    assert np.isnan(frame["compensated"][0])
    assert frame["compensated"][1:].to_numpy() == pytest.approx(frame["loss"][0], rel=1e-4)
    assert len(set(frame["loss"])) == 5
    once = deployment.age(run, [deployment.YEAR], hardware=quiet)
    assert once["loss"].iloc[-1] == pytest.approx(frame["loss"].iloc[-1], rel=1e-4)


def test_ages_end_where_the_cells_were_no_longer_measured(run):
    """After two days, or five; an age that is asked for beyond is refused."""
    wan, sonos = (Chip(programming=model, weight=hw.DifferentialPair()) for model in (hw.ReRamWan2022(), hw.SONOS()))
    assert deployment.age(run, hardware=wan)["age"].tolist() == ["new", "an hour", "a day"]
    days = [deployment.DAY * days for days in (1, 2, 3, 5, 6)]
    assert deployment.measured(wan, days) == days[:2]
    assert deployment.measured(wan.replace(W_in=hw.Hardware(), programming=hw.SONOS()), days) == days[:4]
    assert deployment.measured(sonos.replace(W_out=wan), days) == days[:2]
    assert deployment.measured(Chip(), days) == days
    with pytest.raises(ValueError, match="were measured for 172800 s"):
        deployment.age(run, [deployment.YEAR], hardware=wan)


def test_what_does_not_age_or_is_lost_is_refused(run):
    with pytest.raises(SpecError, match=r"'hardware\.time' parameter must have a mechanism of ageing"):
        deployment.age(run, hardware=Chip(cells=hw.Digital()))
    lost = dataclasses.replace(run, status="diverged", diverged_step=3)
    with pytest.raises(InputError, match="diverged has no weights"):
        deployment.Deployed(lost)


def test_commands(run, tmp_path):
    run.save(tmp_path / "a.nc")
    invoke = lambda *arguments: CliRunner().invoke(cli.app, [str(a) for a in arguments])  # noqa: E731
    chips = invoke("deploy", tmp_path / "a.nc", "--chip", 3, "--chip", 4)
    assert chips.exit_code == 0, chips.output
    assert [line.split()[0] for line in chips.output.splitlines()] == [
        "chip",
        chips.output.splitlines()[1].split()[0],
        "trained",
        "3",
        "4",
    ]
    aged = invoke("age", tmp_path / "a.nc", "--set", "hardware.time.drift.nu=0.2", "--out", tmp_path / "ages")
    assert aged.exit_code == 0, aged.output
    assert "a year" in aged.output
    assert (tmp_path / "ages" / "a_age.png").read_bytes()[:4] == b"\x89PNG"
    still = invoke("age", tmp_path / "a.nc", "--hardware", "digital-8")
    assert still.exit_code == 2
    back = invoke("age", tmp_path / "a.nc", "--set", "hardware.time.drift.nu=0.2", "--after", 9, "--after", 3)
    assert back.exit_code == 2


# ------------------------------------------------------------------------------------------------------------- ablation

FULL = Chip(
    cells=hw.PRESETS["reram-array-om-corrupt"].cells, W_out=hw.Hardware(cells=hw.Digital(bits=4)), seed=3,
    reading=Reading(output_noise_std=0.1, gain_std=0.1), time=Ageing(drift=Drift(nu=0.1)),
    neurons=Neurons(slope_std=0.1, noise_std=0.1, state_bits=6), reward=RewardChannel(noise_std=0.1, delay=1),
)  # fmt: skip


def test_a_source_alone_and_without_make_the_whole():
    """What is removed is gone everywhere; with every other removed only it is left; a source not there changes nothing."""
    found = ablation.sources(FULL)
    names = [source.name for source in found]
    assert names == [
        "shape of the response", "steps", "noise of pulses", "spread of cells", "write noise", "dead cells", "read noise",
        "spread of lines", "drift", "spread of neurons", "noise of neurons", "levels of neurons", "noise of the reward",
        "delay of the reward",
    ]  # fmt: skip
    for source in found:
        assert source not in ablation.sources(ablation.without(FULL, source)) or source.name in ("steps",)
        left = {other.name for other in ablation.sources(ablation.alone(FULL, source))} - {"steps"}
        assert left <= {source.name}
        assert ablation.alone(FULL, source).seed == 3
    assert ablation.sources(Chip()) == []


def test_what_is_left_of_cells():
    by_name = {source.name: source for source in ablation.SOURCES}
    es = Chip(cells=hw.PRESETS["reram-es"].cells)
    flat = ablation.without(es, by_name["shape of the response"]).cells
    assert type(flat) is hw.ConstantStep
    assert flat.granularity == pytest.approx(es.cells.granularity)
    assert flat.dw_min_std == pytest.approx(es.cells.dw_min_std)  # of this cell in proportion to its step
    assert flat.write_noise_std * flat.dw_min == pytest.approx(es.cells.write_noise_std * es.cells.dw_min)
    fine = ablation.without(es, by_name["steps"]).cells
    assert fine.granularity == pytest.approx(es.cells.granularity / 16)
    assert fine.write_noise_std * fine.dw_min == pytest.approx(es.cells.write_noise_std * es.cells.dw_min)
    # the noise of 16 small pulses is that of a large one
    assert 16 * (fine.dw_min_std * fine.dw_min) ** 2 == pytest.approx((es.cells.dw_min_std * es.cells.dw_min) ** 2)
    assert ablation.without(Chip(cells=hw.Digital(bits=4)), by_name["steps"]).cells == hw.Digital(bits=16)


def off_by(cell, w):
    """Standard deviation of a pulse up."""
    up, p = getattr(cell.pulse_up, "py_func", cell.pulse_up), cell.numbers(np.float64)
    ends = [float(up(p, w, cell.dw_min, cell.w_max, cell.w_min, 0.0, 0.0, xi)) for xi in (0.0, 1.0)]
    return ends[1] - ends[0]


def test_what_is_left_of_phase_change_cells():
    """Steps by hand: up 0.28235, down 0.03235 at w = 0; a pulse there is off by 0.6 (step + 0.042), and a fine one by as little."""
    by_name, pcm = {source.name: source for source in ablation.SOURCES}, hw.PRESETS["pcm"].hardware
    chip = Chip(cells=pcm.cells, weight=pcm.weight)
    flat = ablation.without(chip, by_name["shape of the response"]).cells
    up, down = 0.01 * (1 + 27.235), 0.01 * (1 + 2.235)
    assert flat.dw_min == pytest.approx((up + down) / 2)
    assert flat.dw_min_std * flat.dw_min == pytest.approx(0.6 * (up + down + 2 * 0.042) / 2)
    assert (flat.w_min, flat.w_max) == (0.0, 2.0)  # a pair holds both signs as it is
    assert ablation.without(Chip(cells=pcm.cells), by_name["shape of the response"]).cells.w_min == -2.0
    fine = ablation.without(chip, by_name["steps"]).cells
    for w in (0.3, 1.2):
        large, small = off_by(pcm.cells, w), off_by(fine, w)
        assert 4 * small == pytest.approx(large)  # √16 of them


def test_arrays_that_are_written_once_are_taken_apart():
    """Programming, drift and reads are sources of their own, where the model has them; without all three nothing is left."""
    pcm = Chip(programming=hw.PCMLike(), weight=hw.DifferentialPair())
    found = ablation.sources(pcm)
    assert [source.name for source in found] == ["programming", "drift of conductances", "read noise of cells"]
    programming = ablation.alone(pcm, found[0]).programming
    assert programming == hw.PCMLike(drift_strength=0.0, read_strength=0.0)
    assert ablation.without(pcm, found[1]).programming == hw.PCMLike(drift_strength=0.0)
    joshi = Chip(programming=hw.PCMJoshi(), weight=hw.DifferentialPair())
    assert [source.name for source in ablation.sources(joshi)] == ["programming"]
    verified = Chip(cells=hw.ConstantStep(), programming=hw.WriteVerify())
    assert "programming" in [source.name for source in ablation.sources(verified)]


def test_every_matrix_is_taken_apart():
    """P and D have hardware of their own."""
    for name in ("P", "D_rec", "W_in"):
        chip = Chip(**{name: hw.Hardware(cells=hw.Digital(bits=4), reading=Reading(output_noise_std=0.1))})
        assert [source.name for source in ablation.sources(chip)] == ["steps", "read noise"]


def test_costs_come_from_the_rows_of_a_record():
    losses = {"np": 0.9, "guess": 1.0, "ideal hardware": 0.1, "only steps": 0.3, "only drift": 0.1, "without steps": 0.2,
              "without drift": 0.8}  # fmt: skip
    frame = pd.DataFrame({"name": list(losses), "test": list(losses.values())})
    steps, drift = table(frame)
    assert steps == pytest.approx(("steps", 0.3, 0.2, 0.2, 0.7)) or [*steps[1:]] == pytest.approx([0.3, 0.2, 0.2, 0.7])
    assert [*drift[1:]] == pytest.approx([0.1, 0.0, 0.8, 0.1])
    assert table(frame[:2]) == []


@interpreted
def test_an_ablation_and_the_controls_run_on_the_same_hardware():
    experiment = EXPERIMENT.replace(
        hardware=Chip(cells=hw.Digital(bits=4), reward=RewardChannel(noise_std=0.1), seed=5)
    )
    dataset = experiment.task.data(experiment.training.seed, experiment.training.batch_size)
    plan = ablation.plan(experiment, dataset)
    names = ["ideal hardware", "only steps", "only noise of the reward", "without steps", "without noise of the reward"]
    assert [name for name, _ in plan] == names
    rows = [comparison.trained_row("np-trace", experiment, dataset), *(compute() for _, compute in plan)]
    record = trained(experiment)
    record.set_results(rows)
    text = report.text(record)
    assert "regains" in text
    assert "only steps" not in text  # told in a table of their own
    ideal = comparison.trained_row("ideal", experiment.replace(hardware=None), dataset)
    assert rows[1]["test"] == pytest.approx(ideal["test"], rel=1e-6)
    controls = dict(comparison.plan(experiment, dataset))
    assert comparison.SAME_HARDWARE in controls
    row = controls[comparison.SAME_HARDWARE]()
    assert np.isfinite(row["test"])
    assert comparison.SAME_HARDWARE not in dict(comparison.plan(experiment.replace(hardware=None), dataset))


def test_ablating_nothing_is_refused():
    result = CliRunner().invoke(cli.app, ["run", "delayed-xor", "--ablate"])
    assert result.exit_code == 2
    result = CliRunner().invoke(cli.app, ["run", "delayed-xor", "--hardware", "digital-5"])
    assert result.exit_code == 2


def test_bptt_needs_a_chunk_on_hardware():
    with pytest.raises(SpecError, match=r"'rule\.chunk' parameter must be a number of steps with hardware"):
        resolve({"task": "weather", "rule": {"name": "bptt", "window": 1}, "hardware": "ecram"})
    assert resolve({"task": "weather", "rule": "bptt", "hardware": "ecram"}).rule == Bptt(chunk=ONLINE_CHUNK)
