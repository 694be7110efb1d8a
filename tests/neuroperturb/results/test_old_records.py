"""Records and a study folder that version 0.1.0 wrote, before its files moved: they load, report, resume, are deployed and go on.

tests/data/before_layout holds runs of six units on delayed XOR: `plain`; `hebbian-hardware` on ReRAM and `wp0`, whose rules were then
recorded by module and hash; `interrupted` in the middle of a sequence on ECRAM, and what came of it; and a study half of which was done.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hardware_models.numerics.compiled import COMPILED
from neuroperturb.cli.app import app
from neuroperturb.experiments.toml import dumps
from neuroperturb.experiments.toml import load as load_toml
from neuroperturb.network.chip import chip
from neuroperturb.results.figures import learning_curve
from neuroperturb.results.provenance import cpu
from neuroperturb.results.run import differences, existing, load
from neuroperturb.study import run_name
from neuroperturb.study.declaration import load as load_study
from neuroperturb.study.grid import lay_out
from neuroperturb.study.store import StudyFolder
from neuroperturb.training.deployment import deploy
from neuroperturb.training.trainer import Trainer

DATA = Path(__file__).parents[2] / "data" / "before_layout"
RECORDS = ("plain", "hebbian-hardware", "wp0", "interrupted", "interrupted_finished")


def trained(experiment, resume=None):
    trainer = Trainer(experiment, resume=resume)
    for _ in trainer:
        pass
    return trainer.run()


@pytest.mark.parametrize("name", RECORDS)
def test_it_loads_and_reports_and_is_kept_again(name, tmp_path):
    run = load(DATA / f"{name}.nc")
    report = run.report()
    assert report.splitlines()[0].endswith("epochs.")
    assert (
        learning_curve.learning_curve(run, learning_curve.blank(2, 2).subplots()).get_ylabel() == "mean squared error"
    )
    again = load(run.save(tmp_path / "again.nc"))
    assert differences(run, again) == []
    assert again.experiment == run.experiment


def test_published_formulas_were_recorded_by_module_and_go_by_name():
    for file, name in (("hebbian-hardware", "hebbian"), ("wp0", "wp0")):
        run = load(DATA / f"{file}.nc")
        assert run.experiment == load_toml(DATA / f"{file}.toml")
        assert run.experiment.rule.formula.source == name
        assert "formula" in run.experiment.rule.table()
        assert "CubedTrace" not in dumps(run.experiment)


def test_a_formula_that_did_something_else_is_no_published_one():
    """A record holds the text it was made with: another text of that name is another rule, and does not run as this one."""
    from neuroperturb.rules import OwnFormula
    from neuroperturb.spec import InputError

    synapse = "    @staticmethod\n    def synapse(params, trace, weight, pre, post, reward, draw):\n        return trace, reward\n"
    text = f"class CubedTrace(NamedTuple):\n{synapse}"
    old = OwnFormula(source="neuroperturb.rules.hebbian:CubedTrace", parameters={}, sha256="0" * 64, text=text)
    assert old.source != "hebbian"
    with pytest.raises(InputError):
        old.bind()


def test_hardware_that_did_not_say_where_it_is_from_is_known_by_its_numbers():
    found = load(DATA / "hebbian-hardware.nc").experiment.hardware
    assert found.origin().name == "reram-es"
    assert "Gong" in load(DATA / "hebbian-hardware.nc").report()
    changed = load(DATA / "interrupted.nc").experiment.hardware  # ECRAM, with another reading
    assert chip.words(changed) == ["ecram", "reading=analog(output_noise_std=0.02)"]


def test_an_interrupted_run_comes_to_the_end_of_the_whole_one():
    half, whole = load(DATA / "interrupted.nc"), load(DATA / "interrupted_finished.nc")
    done = trained(half.experiment, resume=half)
    assert done.status == "finished"
    if COMPILED and whole.cpu == cpu():  # the same bits are promised there
        # what a step is told of its decay was kept in the state once; it is a number of the rule
        assert [name for name in differences(done, whole) if not name.endswith(".beta")] == []
    for name, w in whole.weights.items():
        np.testing.assert_allclose(done.weights[name], w, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_trained_weights_go_onto_chips_on_their_scale():
    for name, hardware in (("plain", "reram-es"), ("hebbian-hardware", None), ("wp0", "digital-6")):
        table = deploy(load(DATA / f"{name}.nc"), [1], hardware=hardware and chip.read(hardware))
        assert np.isfinite(table["loss"]).all()
        assert table["chip"].tolist() == ["trained", "1"]


def test_a_run_under_its_old_name_is_found_for_resuming(tmp_path):
    shutil.copy(DATA / "interrupted.nc", tmp_path / "delayed-xor-np-trace-unbiased-0123456789ab.nc")
    (tmp_path / "no_run.nc").write_bytes(b"")
    experiment = load_toml(DATA / "interrupted.toml")
    assert existing(tmp_path, experiment).name == "delayed-xor-np-trace-unbiased-0123456789ab.nc"
    assert existing(tmp_path, experiment.replace(training=experiment.training.replace(seed=1))) is None


# ----------------------------------------------------------------------------------------------------------------------
# A study


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder as it was, on a machine whose libraries are those of then."""
    shutil.copytree(DATA / "study", tmp_path / "study")
    shutil.copy(DATA / "study.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    then = load(next((tmp_path / "study" / "runs").iterdir())).versions
    now = run_name.computing()
    monkeypatch.setattr(run_name, "computing", lambda: {**now, "versions": run_name.relevant(then)})
    return tmp_path / "study"


def invoke(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def contents(folder):
    return {path.name: path.read_bytes() for path in (folder / "runs").iterdir()}


def test_the_study_reports_as_it_is(folder):
    before = contents(folder)
    invoke("report", folder)
    assert (folder / "report").is_dir()
    assert contents(folder) == before


def test_a_dry_run_counts_what_is_there_and_renames_nothing(folder):
    before = contents(folder)
    assert f"done      {len(before)} runs; {8 - len(before)} to do" in invoke(
        "study", "study.toml", "--out", folder, "--dry-run"
    )
    assert contents(folder) == before


def test_the_study_goes_on_and_does_nothing_again(folder):
    before, old = contents(folder), json.loads((folder / "cells.json").read_text())
    fits = {path.read_bytes() for path in (folder / "fits").iterdir()}
    invoke("study", "study.toml", "--out", folder, "--workers", "1", "--quiet")
    after = contents(folder)
    assert len(after) == 8
    assert set(before.values()) <= set(after.values())  # the same files, to the bit, under other names
    names = {name for cell in lay_out(load_study(Path("study.toml"))) for row in cell.names for name in row}
    assert {Path(name).stem for name in after} == names
    assert fits <= {path.read_bytes() for path in (folder / "fits").iterdir()}
    assert len(list((folder / "fits").iterdir())) == len({fit for cell in old["cells"] for fit in cell["fits"]})
    times = {path: path.stat().st_mtime_ns for path in (folder / "runs").iterdir()}
    invoke("study", "study.toml", "--out", folder, "--workers", "1", "--quiet")
    assert {path: path.stat().st_mtime_ns for path in (folder / "runs").iterdir()} == times
    invoke("report", folder)
    _, cells = StudyFolder(folder).read_index()
    assert {name for cell in cells for row in cell.names for name in row} == names


def test_runs_of_other_versions_are_left_alone(folder, monkeypatch):
    monkeypatch.setattr(
        run_name, "computing", lambda: {"versions": {"numpy": "99"}, "format": 1, "names": run_name.SCHEME}
    )
    before = contents(folder)
    output = invoke("study", "study.toml", "--out", folder, "--dry-run")
    assert "there" not in output
    assert contents(folder) == before
