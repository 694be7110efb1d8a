"""Runs with Brian2: targets, command line, record; and one sentence where something is missing."""

from __future__ import annotations

import shutil
import subprocess
import sys

import brian2
import numpy as np
import pytest
from brian2.devices.device import get_device
from spiking_cases import LEARNT, make_case, rows_of, session

import hardware_models as hw
from hardware_models.numerics import random
from neuroperturb import RNN, Training, rules, tasks
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.lif import LIF, Brian2
from neuroperturb.results.run import load
from neuroperturb.training.trainer import Trainer

NP = rules.make("np", noise_std=0.1, learning_rate=1e-4)
TASK = tasks.MackeyGlass(steps=80, test_steps=30, dropped=20, horizon=2, lead_in=5)


def experiment(backend="kernel", **changes):
    made = {
        "task": TASK, "network": RNN(size=12, bias=True), "rule": NP,
        "training": Training(epochs=2, seed=3, dtype="float64"), "spiking": LIF(backend={"kind": backend}),
    }  # fmt: skip
    if backend == "brian2":
        made["spiking"] = LIF(backend=Brian2(target="numpy"))
    return Experiment(**made | changes)


def finished(e):
    trainer = Trainer(e)
    for _ in trainer:
        pass
    return trainer


def test_the_same_experiment_on_both_backends():
    """Data, initial weights, noise, learning, validation and test: everything a record holds agrees."""
    ours, theirs = finished(experiment()), finished(experiment("brian2"))
    for name in LEARNT:
        assert np.abs(ours.run().weights[name] - theirs.run().weights[name]).max() < 1e-9
    for column in ("train_loss", "validation_loss", "dW_rec", "twin_distance"):
        assert np.allclose(ours.run().history[column], theirs.run().history[column], rtol=1e-6)
    assert np.isclose(ours.score(ours.dataset.test)["loss"], theirs.score(theirs.dataset.test)["loss"], rtol=1e-6)


def test_episodes_of_several_trials():
    rule = rules.make("np-trace", schedule="episode", noise_std=0.1, learning_rate=1e-3)
    task = tasks.DelayedXOR(steps=4, cues=(0, 2), trials_per_epoch=3, validation_trials=3, test_trials=3)
    training = Training(epochs=2, seed=3, dtype="float64", batch_size=3, schedule="episode")
    both = [finished(experiment(b, rule=rule, task=task, training=training)) for b in ("kernel", "brian2")]
    ours, theirs = (trainer.run() for trainer in both)
    for name in LEARNT:
        assert np.abs(ours.weights[name] - theirs.weights[name]).max() < 1e-9
    assert np.allclose(ours.history["train_loss"], theirs.history["train_loss"], rtol=1e-6)


def test_a_run_stopped_in_the_middle_goes_on(tmp_path):
    e = experiment("brian2")
    whole, part = finished(e), Trainer(e)
    next(iter(part))
    again = Trainer(e, resume=load(part.run().save(tmp_path / "part.nc")))
    for _ in again:
        pass
    for name in LEARNT:
        assert np.array_equal(again.run().weights[name], whole.run().weights[name])


def test_brian2_is_left_as_it_was():
    before = {
        name: brian2.prefs[name]
        for name in ("codegen.target", "core.default_float_dtype", "codegen.loop_invariant_optimisations")
    }
    device, dt, state = get_device(), float(brian2.defaultclock.dt), np.random.get_state()[1].copy()
    finished(experiment("brian2", training=Training(epochs=1, seed=3, dtype="float64")))
    assert get_device() is device and float(brian2.defaultclock.dt) == dt
    assert np.array_equal(np.random.get_state()[1], state)
    assert before == {name: brian2.prefs[name] for name in before}


def cli(*arguments, cwd):
    return subprocess.run([sys.executable, "-m", "neuroperturb", *arguments], capture_output=True, text=True, cwd=cwd)


SMALL = [f"--set={s}" for s in (
    "task.steps=60", "task.test_steps=30", "task.dropped=10", "task.horizon=2", "task.lead_in=3", "network.size=10", "training.epochs=1",
    "spiking.backend.target=numpy",
)]  # fmt: skip


def test_the_command_line(tmp_path):
    done = cli("run", "mackey-glass", "--backend", "brian2", *SMALL, "--out", "out.nc", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = load(tmp_path / "out.nc")
    assert record.status == "finished" and record.experiment.spiking.backend == Brian2(target="numpy")
    assert len(record.history) == 1 and record.weights["W_rec"].shape == (10, 10)
    assert cli("report", "out.nc", cwd=tmp_path).returncode == 0


def test_show_equations_prints_the_model(tmp_path):
    shown = cli("run", "delayed-xor", "--backend", "brian2", "--show-equations", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    membrane = "dv/dt = free*(v_rest - v + g + current)/tau_membrane : volt"
    for part in (membrane, "g_post += theta*kick_s*w", "factor_post*x_bar_pre", "tau_membrane = 20 ms"):
        assert part in shown.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"hardware": Chip(cells=hw.SoftBounds())},
            "The 'hardware.W_in.cells' parameter must be ideal, digital or constant-step",
        ),
        (
            {"hardware": Chip(weight=hw.DifferentialPair())},
            "The 'hardware.W_in.weight' parameter must be ideal, digital or constant-step",
        ),
        *(
            (
                {"hardware": Chip(cells=hw.Digital(bits=4), writing=writing)},
                "The 'hardware.W_in.writing' parameter must be ideal, digital or constant-step",
            )
            for writing in (hw.MixedPrecision(), hw.ClosedLoop())
        ),
        ({"training": Training(epochs=1)}, "The 'training.dtype' parameter must be 'float64' on the backend 'brian2'."),
        (
            {"task": tasks.SequentialDigits()},
            "The 'task' parameter must be one with a mean squared error on the backend 'brian2'.",
        ),
        (
            {"rule": NP.replace(baseline=rules.PerCondition())},
            "The 'rule.baseline' parameter must be 'clean_twin' or 'antithetic' or 'running_mean' on the backend 'brian2'.",
        ),
        (
            {"rule": NP.replace(noise=rules.Uniform())},
            "The 'rule.noise' parameter must be 'gaussian' on the backend 'brian2'.",
        ),
    ],
)
def test_what_brian2_cannot_do_is_one_sentence(changes, sentence):
    with pytest.raises(ValueError) as error:
        Trainer(experiment("brian2", **changes))
    assert str(error.value).startswith(sentence) and "\n" not in str(error.value)


@pytest.mark.parametrize("target", ["cython", "cpp_standalone"])
def test_a_missing_compiler_is_one_sentence(target, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(
        ValueError,
        match=rf"^The 'spiking.backend.target' parameter can be '{target}' only with a C\+\+ compiler .*'numpy'\.$",
    ):
        Trainer(experiment("brian2", spiking=LIF(backend=Brian2(target=target))))


def test_constant_steps_have_rounding_noise_and_bounds():
    """One write: n = ⌊dw/s + U⌋ with the array's own U, then n s + c √|n| s ξ, clipped at the bounds."""
    cell = hw.ConstantStep(
        dw_min=0.01, dw_min_std=0.5, dw_min_dtod=0, up_down_dtod=0, w_max=1, w_min=-1, w_max_dtod=0, w_min_dtod=0
    )
    case, lif, rule = make_case(8, size=60, bias=False), LIF(background="30 mV"), NP.replace(learning_rate=0.05)
    options = {"dtype": np.float64, "weight_scale": 1.0, "seed": 3}
    arrays = {
        name: hw.SynapseArray(getattr(case.initial, name).shape, cell, number=number, **options)
        for number, name in enumerate(LEARNT)
    }
    for array in arrays.values():
        array.program(np.zeros(array.shape))
    made = session(case, rule, lif=lif, arrays=arrays, seed=3)
    rows, state = rows_of(case, rule, lif=lif), made.initial()
    rows.learns[:-1], rows.masks[-1] = 0, 1
    state["W_rec.w"][:60] = 0.995  # of the first neuron
    _, after = made.present(rows, state)
    unit = made.objects.units[0]
    wanted = (unit.eta[0] * unit.reward[0] * np.outer(unit.x_bar[:], unit.factor[:])).ravel() / 0.01
    draws = random.uniform(3, random.stream(random.Stream.ROUNDING, 1), 0, (60, 60), np.float64).ravel()
    pulses, moved = np.floor(wanted + draws), (after["W_rec.w"] - state["W_rec.w"]) / 0.01
    assert after["W_rec.w"].max() == 1 and (after["W_rec.w"] == 1).sum() > 5
    free = (np.arange(3600) >= 60) & (pulses != 0)
    assert free.sum() > 1000 and np.array_equal(moved[pulses == 0], 0 * moved[pulses == 0])
    z = (moved - pulses)[free] / (0.5 * np.sqrt(np.abs(pulses[free])))
    assert abs(z.mean()) < 4 / np.sqrt(free.sum()) and abs(z.std() - 1) < 4 / np.sqrt(2 * free.sum())
