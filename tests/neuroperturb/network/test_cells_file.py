"""Cells of a measured chip from a file: every matrix gets its own, records say which file it was, and what does not fit is one sentence."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest

import hardware_models as hw
from hardware_models.numerics.compiled import COMPILED
from neuroperturb.cli import job
from neuroperturb.experiments import data_files
from neuroperturb.experiments.settings import settings
from neuroperturb.experiments.toml import dumps, resolve
from neuroperturb.network.chip.chip import Chip
from neuroperturb.results.run import Run
from neuroperturb.spec import InputError, SpecError
from neuroperturb.study import run_name
from neuroperturb.training.trainer import Trainer

interpreted = pytest.mark.skipif(COMPILED, reason="compiling each takes seconds; .ci/run does these with the JIT off")
SHAPES = {"W_in": (4, 2), "W_rec": (4, 4), "W_out": (1, 4)}
TABLE = {
    "task": {"name": "delayed-xor", "trials_per_epoch": 8, "validation_trials": 4, "test_trials": 4}, "network": {"size": 4},
    "training": {"epochs": 1, "batch_size": 4}, "rule": "np-trace",
}  # fmt: skip


def steps(shape, seed=0):
    return np.random.default_rng(seed).uniform(0.001, 0.003, shape)


@pytest.fixture
def chip(monkeypatch, tmp_path):
    """A file of all three matrices, in the current folder."""
    monkeypatch.chdir(tmp_path)
    np.savez("chip.npz", **{f"{name}.step_up": steps(shape) for name, shape in SHAPES.items()}, bound_up=0.9)
    return tmp_path / "chip.npz"


def experiment(hardware):
    return resolve({**TABLE, "hardware": hardware})


def arrays(hardware):
    return Trainer(experiment(hardware)).learner.simulation.arrays


@interpreted
def test_every_matrix_has_its_own_cells(chip):
    found = arrays({"name": "ecram", "cells": "chip.npz"})
    for name, shape in SHAPES.items():
        assert np.array_equal(found[name].cells.get("step_up")[0], steps(shape).astype(np.float32))
        assert (found[name].cells.get("bound_up") == np.float32(0.9)).all()
        assert np.ptp(found[name].cells.get("step_down")) > 0  # as the model draws them


@interpreted
def test_a_matrix_alone(chip):
    array = hw.PRESETS["ecram"].array(SHAPES["W_rec"], seed=5)
    array.cells.set("stuck", np.where(np.eye(4), 0.1, np.nan))
    array.cells.save("rec.npz")
    found = arrays({"name": "ecram", "W_rec": {"cells": "rec.npz"}})
    for name in array.cells.names:
        assert np.array_equal(found["W_rec"].cells.get(name), array.cells.get(name), equal_nan=True)
    assert np.isnan(found["W_in"].cells.get("stuck")).all()
    alone = hw.Hardware(cells=hw.PRESETS["ecram"].hardware.cells, cells_file="rec.npz").array((4, 4))
    assert np.array_equal(alone.cells.get("step_up"), array.cells.get("step_up"))


@interpreted
def test_a_record_keeps_the_file_and_its_hash(chip, tmp_path):
    what = experiment({"name": "ecram", "cells": "chip.npz"})
    assert resolve(tomllib.loads(dumps(what))) == what
    trainer = Trainer(what)
    for _ in trainer:
        pass
    run = trainer.run()
    assert run.data["chip.npz"].sha256 == data_files.digests(what)["chip.npz"]
    again = Run.load(run.save(tmp_path / "run.nc"))
    assert again.experiment == what
    assert again.data == run.data
    before = run_name.name(what)
    np.savez("chip.npz", step_up=0.002)
    longer = what.replace(training=what.training.replace(epochs=2))
    with pytest.raises(InputError, match=r"'chip\.npz' differs from that of the record"):
        Trainer(longer, resume=again)
    assert run_name.name(what) != before


def test_the_command_line_names_a_file(chip):
    request = job.Request(
        "delayed-xor", rule="np-trace", hardware="ecram", cells="chip.npz", settings=["network.size=4"]
    )
    assert job.prepare(request).experiment.hardware == experiment({"name": "ecram", "cells": "chip.npz"}).hardware
    with pytest.raises(InputError, match="'--cells' option needs hardware"):
        job.prepare(request._replace(hardware=None))


def test_explain_knows_it():
    entry = next(one for one in settings() if one.key == "hardware.cells_file")
    assert ".npz" in entry.meaning
    assert entry.default is None


def test_a_chip_says_so(chip):
    assert repr(experiment({"name": "ecram", "cells": "chip.npz"}).hardware) == "Chip(ecram, cells_file=chip.npz)"


@pytest.mark.parametrize(
    ("hardware", "said"),
    [
        ({"name": "digital-4", "cells": "chip.npz"}, "Cells of Digital have no parameters of their own"),
        ({"name": "ecram", "cells_file": "chip.csv"}, "must be a file that ends in .npz. Got 'chip.csv' instead"),
        ({"name": "ecram", "cells_file": 3}, "'hardware.cells_file' parameter of Hardware must be a string. Got 3 instead"),
        ({"name": "ecram", "W_rec": {"name": "ideal", "cells_file": "a.npz"}}, "'hardware.W_rec.cells_file' parameter of Hardware must be left out"),
    ],
)  # fmt: skip
def test_what_cannot_have_a_file(hardware, said):
    with pytest.raises(SpecError, match=said.replace(".", r"\.")):
        experiment(hardware)


@interpreted
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "The file of cells 'odd.npz' does not exist: it was searched for in "),
        ("text", "does not hold NumPy arrays"),
        ({"W_foo.step_up": 0.1}, "names cells of no matrix: 'W_foo.step_up'"),
        ({"W_in.step_up": 0.1}, "holds no cells of W_rec. Its names: W_in.step_up"),
        ({"stepp": 0.1}, "does not fit the cells of W_in: The 'name' parameter of cells must be one of 'step_up'"),
        ({"W_rec.step_up": np.ones((3, 3)), "step_up": 0.1}, "of W_rec: The 'step_up' parameter of cells must be a number, or shape (4, 4)"),
        ({"step_up": -1.0}, "The 'step_up' parameter of cells must be 0 or more, and finite"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit(content, said, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    if isinstance(content, dict):
        np.savez("odd.npz", **content)
    elif content is not None:
        (tmp_path / "odd.npz").write_text(content)
    with pytest.raises(InputError) as refused:
        arrays({"name": "ecram", "cells": "odd.npz"})
    assert said in str(refused.value)


def test_a_chip_in_python(chip):
    made = Chip(cells=hw.PRESETS["ecram"].hardware.cells, cells_file=str(chip))
    assert made.of("W_in").cells_file == str(chip)
    assert made.of("D_rec").cells_file is None
