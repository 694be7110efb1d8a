"""Predictions: what evaluation says, on rows of another file, in their own units, on hardware, and by a loaded record."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from neuroperturb import forecast, load, predict
from neuroperturb.cli.app import app
from neuroperturb.experiments.toml import resolve
from neuroperturb.spec import InputError, SpecError
from neuroperturb.training.trainer import Trainer

ROWS = 120


def write(path, rows, columns=("date", "x", "y")):
    k = np.arange(rows.start, rows.stop)
    values = {"date": np.datetime64("2020-01-01T00", "s") + 3600 * k, "x": np.sin(k / 3), "y": 100 + 7 * np.cos(k / 5)}
    lines = [",".join(columns), *(",".join(str(values[c][i]) for c in columns) for i in range(len(k)))]
    path.write_text("\n".join(lines))
    return path


def trained(path, **changes):
    table = {
        "task": {"name": "series", "path": str(path), "target": "y", "horizon": 2, "washout": 2, "lead_in": 5},
        "network": {"size": 4}, "rule": "anp", "training": {"epochs": 1, "seed": 1, "schedule": "online"}, **changes,
    }  # fmt: skip
    trainer = Trainer(resolve(table))
    for _ in trainer:
        pass
    return trainer


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "a.csv", range(ROWS))


@pytest.mark.parametrize(
    "changes",
    [{}, {"hardware": "ecram"}, {"rule": "danp"}, {"spiking": {}}],
    ids=["ideal", "ecram", "decorrelated", "spiking"],
)
def test_a_record_predicts_what_its_trainer_evaluates(file, tmp_path, changes):
    trainer = trained(file, **changes)
    test = trainer.dataset.test
    run = load(trainer.run().save(tmp_path / "r.nc"))
    np.testing.assert_array_equal(predict(run, test.inputs, reset=test.reset), trainer.evaluate(test))
    np.testing.assert_array_equal(run.predict(test.inputs[:9, 0]), trainer.predict(test.inputs[:9, 0]))


def test_forecasts_are_in_their_own_units_and_need_no_targets(file, tmp_path):
    trainer = trained(file)
    run = trainer.run()
    whole = forecast(run, file)
    assert list(whole.columns) == ["row", "y + 2"]
    assert whole["row"].iloc[0] == "2020-01-01T00:00:00"
    y = 100 + 7 * np.cos(np.arange(ROWS) / 5)
    fit = 87  # of 96 training rows
    low, high = y[:fit].min(), y[:fit].max()
    scaled = predict(run, (np.column_stack([np.sin(np.arange(ROWS) / 3), y]) - [np.sin(np.arange(fit) / 3).min(), low])
                     / [np.ptp(np.sin(np.arange(fit) / 3)), high - low])  # fmt: skip
    np.testing.assert_allclose(whole["y + 2"], low + (high - low) * scaled[:, 0], rtol=1e-6)
    only_x = trained(file, task={"name": "series", "path": str(file), "target": "y", "inputs": ["x"], "washout": 2})
    new = write(tmp_path / "new.csv", range(200, 230), columns=("date", "x"))
    assert len(forecast(only_x.run(), new)) == 30


def test_a_gap_resets_the_state(file, tmp_path):
    trainer = trained(file)
    part = write(tmp_path / "part.csv", range(60, 80))
    joined = tmp_path / "joined.csv"
    joined.write_text(file.read_text() + "\n" + "\n".join(
        line.replace("2020-", "2021-") for line in part.read_text().splitlines()[1:]
    ))  # fmt: skip
    run = trainer.run()
    np.testing.assert_allclose(forecast(run, joined)["y + 2"].tail(20), forecast(run, part)["y + 2"], rtol=1e-6)


def test_the_command_writes_a_table(file, tmp_path):
    record = trained(file).run().save(tmp_path / "r.nc")
    new = write(tmp_path / "new.csv", range(200, 230))
    result = CliRunner().invoke(app, ["predict", str(record), str(new), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    (table,) = (tmp_path / "out").iterdir()
    assert len(table.read_text().splitlines()) == 31
    result = CliRunner().invoke(app, ["predict", str(record), str(new), "--out", str(tmp_path / "mine.csv")])
    assert result.exit_code == 0 and (tmp_path / "mine.csv").read_text() == table.read_text()


def test_what_cannot_be_predicted_is_one_sentence(file, tmp_path):
    run = trained(file).run()
    with pytest.raises(SpecError, match="'inputs' parameter of predict must have the shape"):
        predict(run, np.zeros((5, 1, 3)))
    with pytest.raises(SpecError, match="'inputs' parameter of predict must be a finite number"):
        run.predict(np.full((5, 2), np.nan))
    with pytest.raises(SpecError, match="'reset' parameter of predict must have the shape"):
        run.predict(np.zeros((5, 2)), reset=[True])
    only_x = trained(
        file, task={"name": "series", "path": str(file), "target": "y", "inputs": ["x"], "washout": 2}
    ).run()
    with pytest.raises(SpecError, match=r"'inputs' parameter of Series must be a column of .*new\.csv"):
        forecast(only_x, write(tmp_path / "new.csv", range(9), columns=("date", "y")))
    xor = resolve({"task": {"name": "delayed-xor", "trials_per_epoch": 2, "validation_trials": 2, "test_trials": 2}, "network": {"size": 3},
                   "training": {"epochs": 1, "batch_size": 2}})  # fmt: skip
    with pytest.raises(InputError, match="of a task that reads a file of your own"):
        forecast(Trainer(xor).run(), file)


def test_a_loaded_record_predicts_in_a_process_of_its_own(file, tmp_path):
    trainer = trained(file)
    record = trainer.run().save(tmp_path / "r.nc")
    code = f"import neuroperturb, numpy; print(float(neuroperturb.load({str(record)!r}).predict(numpy.ones((3, 2)))[2, 0]).hex())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert float.fromhex(done.stdout) == trainer.predict(np.ones((3, 2)))[2, 0], done.stderr
