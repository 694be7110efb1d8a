"""One experiment, the same bits: by command and in Python, on one thread and on two, beside others, compiled and interpreted.

Kernels keep the order of their sums, compiled or not (no fastmath). Interpreted, though, NumPy promotes single numbers, so that sums over
an episode, gradients and losses may be rounded otherwise: weights of the runs in :data:`EQUAL` are equal bit for bit, those of the others,
and all losses, to rounding of the dtype.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from slow_cases import slow
from study_cases import assert_same, declare
from typer.testing import CliRunner

from hardware_models.numerics.compiled import COMPILED
from neuroperturb import experiment, load, train
from neuroperturb.cli.app import app
from neuroperturb.experiments.toml import resolve
from neuroperturb.results.run import differences
from neuroperturb.simulation import layout
from neuroperturb.training.trainer import Trainer

TASK = {
    "name": "delayed-xor",
    "steps": 6,
    "cues": [0, 2],
    "trials_per_epoch": 16,
    "validation_trials": 8,
    "test_trials": 8,
}
TABLES = {
    "online": {"rule": "anp", "training": {"schedule": "online"}},
    "episode": {"rule": "np-trace", "training": {"schedule": "episode"}},
    "double": {"rule": "np-trace", "training": {"schedule": "episode", "dtype": "float64"}},
    "device": {"rule": "np", "hardware": "ecram", "training": {"schedule": "online"}},
    "bptt": {"rule": "bptt", "training": {"schedule": "episode"}},
}
EQUAL = {"online", "double", "device"}  # compiled and interpreted
ROOT = Path(__file__).parents[3]


def whole(name: str) -> dict:
    table = TABLES[name]
    return {
        "task": TASK,
        "network": {"size": 6},
        **table,
        "training": {"epochs": 2, "batch_size": 4, **table["training"]},
    }


def finished(trainer: Trainer):
    for _ in trainer:
        pass
    return trainer.run()


def science(one, other) -> list[str]:
    """What differs, but for the rows that the command compares a run with."""
    return [name for name in differences(one, other) if not name.startswith("results/")]


@pytest.mark.parametrize("name", ["online", "episode", *slow("double", "device", "bptt")])
def test_a_command_and_python(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path("case.toml").write_text(tomli_w.dumps(whole(name)))
    assert CliRunner().invoke(app, ["run", "case.toml", "--quiet", "--out", "run.nc"]).exit_code == 0
    by_command, made = load("run.nc"), resolve(whole(name))
    assert science(by_command, finished(Trainer(made))) == []
    assert science(by_command, finished(experiment("case.toml"))) == []
    parts = {part: getattr(made, part) for part in ("decorrelation", "training", "hardware", "spiking")}
    assert science(by_command, train(made.network, made.task, made.rule, **parts)) == []


SCRIPT = """
import json, sys
from neuroperturb.experiments.toml import resolve
from neuroperturb.training.trainer import Trainer
for name, table in json.load(open("tables.json")).items():
    trainer = Trainer(resolve(table))
    for _ in trainer:
        pass
    trainer.run().save(f"{name}.nc")
"""


def elsewhere(folder: Path, tables: dict, **environment: str) -> dict:
    """The runs of another process, interpreted unless its environment says otherwise."""
    import json

    folder.mkdir()
    (folder / "tables.json").write_text(json.dumps(tables))
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_DISABLE_JIT": "1", **environment}
    subprocess.run([sys.executable, "-c", SCRIPT], cwd=folder, env=settings, check=True)
    return {name: load(folder / f"{name}.nc") for name in tables}


def test_one_thread_and_two(tmp_path):
    """Of the libraries: a run is serial, whatever they may use."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    few = TASK | {"trials_per_epoch": 4, "validation_trials": 4, "test_trials": 4}
    once = {"task": few, "network": {"size": 96}}
    wide = {
        name: {**whole(name), **once, "training": {**whole(name)["training"], "epochs": 1}}
        for name in ("episode", "bptt")
    }
    one, two = (elsewhere(tmp_path / number, wide, **dict.fromkeys(names, number)) for number in ("1", "2"))
    for name in wide:
        assert differences(one[name], two[name]) == []


def test_one_worker_and_two(tmp_path):
    file = declare(tmp_path)
    for number in ("1", "2"):
        ended = CliRunner().invoke(
            app, ["study", str(file), "--out", str(tmp_path / number), "--workers", number, "--quiet"]
        )
        assert ended.exit_code == 0, ended.output
    assert_same(tmp_path / "1", tmp_path / "2")


@pytest.mark.skipif(not COMPILED, reason="compares with compiled kernels")
def test_compiled_and_interpreted(tmp_path):
    interpreted = elsewhere(tmp_path / "interpreted", {name: whole(name) for name in TABLES})
    for name, other in interpreted.items():
        compiled = finished(Trainer(resolve(whole(name))))
        for matrix, w in compiled.weights.items():
            if name in EQUAL:
                assert w.tobytes() == other.weights[matrix].tobytes(), (name, matrix)
            assert np.allclose(w, other.weights[matrix], rtol=1e-5, atol=1e-6), (name, matrix)
        for column in ("train_loss", "validation_loss"):
            assert np.allclose(compiled.history[column], other.history[column], rtol=1e-5), (name, column)


@pytest.mark.kernels
@pytest.mark.parametrize(
    ("rule", "schedule"), [("wp", "online"), *slow(("wp", "episode"), ("wp0", "online"), ("wp-held", "episode"))]
)
@pytest.mark.parametrize("density", [1.0, 0.4])
def test_draws_that_are_kept_and_draws_that_are_made_again(monkeypatch, rule, schedule, density):
    table = {
        "task": TASK, "rule": rule, "network": {"size": 6, "density": density},
        "training": {"epochs": 1, "batch_size": 4, "schedule": schedule},
    }  # fmt: skip
    kept = finished(experiment(resolve(table)))
    monkeypatch.setattr(layout, "MOST_KEPT", 0)
    assert not differences(finished(experiment(resolve(table))), kept)
