"""Studies and notebooks that come with an installation."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neuroperturb.cli.app import app
from neuroperturb.study import declaration, grid, run_name, shipped

ROOT = Path(__file__).parents[3]
SHIPPED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"][
    "wheel"
]["force-include"]


def test_a_wheel_has_every_study_and_notebook_where_they_are_looked_for():
    files = {
        path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("studies/*.toml"), *ROOT.glob("notebooks/*.ipynb"))
    }
    assert set(SHIPPED) == files | {"tests/golden"}
    place = shipped.INSTALLED.relative_to(ROOT).as_posix()
    assert all(target == f"{place}/{source}" for source, target in SHIPPED.items())


def test_they_are_copied_and_read_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["new", "--study", "robustness"]).exit_code == 0
    assert declaration.load(Path("robustness.toml")).name == "robustness"
    assert CliRunner().invoke(app, ["new", "--notebook", next(iter(shipped.notebooks()))]).exit_code == 0
    assert len(list(tmp_path.glob("*.ipynb"))) == 1
    assert shipped.found(Path("ageing")) == ROOT / "studies" / "ageing.toml"
    assert shipped.found(Path("robustness.toml")) == Path("robustness.toml")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["new"], "Give one of a task"),
        (["new", "delayed-xor", "--study", "ageing"], "Give one of a task"),
        (["new", "--study", "robustnes"], "There is no study 'robustnes'. Did you mean 'robustness'?"),
        (["new", "--notebook", "none of these"], "There is no notebook"),
    ],
)
def test_what_is_not_there_is_one_sentence(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2 and said in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["credit", "ageing", "closed-loop-noise"])
def test_runs_that_differ_by_their_seed_have_the_names_they_have_by_themselves(name):
    study = declaration.load(shipped.studies()[name], "small")
    for cell in grid.lay_out(study):
        for candidate, names in enumerate(cell.names):
            made = [grid.experiment(study, cell, grid.GridPlace(candidate, k)) for k in range(len(names))]
            assert names == tuple(run_name.name(one, study.ageing) for one in made)
        assert cell.fits == tuple(run_name.fit_name(made[k], study.baselines) for k in cell.reported)
