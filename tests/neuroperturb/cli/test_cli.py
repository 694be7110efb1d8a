"""The command line, with a trainer that learns nothing in the place of the real one."""

from __future__ import annotations

import os
import signal
from importlib import metadata

import numpy as np
import pytest
import stand_in
from typer.testing import CliRunner

from hardware_models.costs.units import duration
from neuroperturb.cli import app as cli
from neuroperturb.cli import terminal, training
from neuroperturb.experiments import experiment as config
from neuroperturb.experiments.toml import resolve
from neuroperturb.results.run import load, same_science
from neuroperturb.training import comparison

SMALL = [
    "--epochs",
    "3",
    "--set",
    "task.trials_per_epoch=64",
    "--set",
    "task.test_trials=64",
    "--set",
    "network.size=8",
]


@pytest.fixture
def trainer(monkeypatch, tmp_path):
    """The stand-in, fresh, and a folder of one's own to run in."""
    monkeypatch.setattr(training, "Trainer", stand_in.Trainer)
    monkeypatch.setattr(comparison, "Trainer", stand_in.Trainer)
    monkeypatch.setattr(stand_in.Trainer, "diverge_at", None)
    monkeypatch.setattr(stand_in.Trainer, "on_chunk", staticmethod(lambda step: None))
    monkeypatch.chdir(tmp_path)
    return stand_in.Trainer


def invoke(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_run_leaves_a_record_a_picture_and_a_table(trainer, tmp_path):
    result = invoke("run", "delayed-xor", *SMALL, "--out", "out")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].startswith("task      delayed-xor")
    assert not any("compil" in line for line in lines)  # the stand-in compiles nothing
    assert "epoch 1/3" in result.output
    assert "guess" in result.output
    name = next(p for p in (tmp_path / "out").iterdir() if p.suffix == ".nc")
    assert files(tmp_path / "out") == [name.name, name.with_suffix(".png").name]
    record = load(name)
    assert record.status == "finished"
    assert record.results["name"].tolist() == ["np-trace unbiased", "guess"]
    assert config.digest(record.experiment) in name.name


def test_quiet_prints_the_final_table_the_answer_and_where_the_files_are(trainer):
    """As its help says; the answer is also that of the record, in Python and in a notebook."""
    result = invoke("run", "delayed-xor", *SMALL, "--hardware", "digital-4", "--out", "a.nc", "--quiet")
    assert result.exit_code == 0, result.output
    parts = [part for part in result.output.split("\n\n") if part.strip()]
    assert len(parts) == 3 and "validation" in parts[0] and "guess" in parts[0]
    answer = load("a.nc").answer()
    assert answer and " ".join(parts[1].split()) == " ".join(answer.split())
    assert [line.split()[0] for line in parts[2].splitlines()] == ["record", "figure"]
    assert answer in " ".join(load("a.nc").report().split()) and answer in load("a.nc")._repr_html_()
    told = invoke("report", "a.nc").output
    assert told.count(answer[:30]) == 1
    help_text = " ".join(invoke("run", "--help").output.replace("│", " ").split())
    assert "Print only the final table, the answer, and where the files are." in help_text


def test_a_toml_file_is_a_source(trainer, tmp_path):
    (tmp_path / "a.toml").write_text(
        'task = "delayed-xor"\nrule = "danp"\n[network]\nsize = 4\n[training]\nepochs = 1\n'
    )
    result = invoke("run", "a.toml", "--seed", 5, "--out", "b.nc", "--quiet")
    assert result.exit_code == 0, result.output
    assert "compiling" not in result.output
    assert load("b.nc").experiment.training.seed == 5
    assert load("b.nc").experiment.decorrelation is not None


def test_baselines_are_added_and_chosen_on_validation(trainer):
    result = invoke("run", "delayed-xor", *SMALL, "--baselines", "--out", "a.nc")
    assert result.exit_code == 0, result.output
    rows = load("a.nc").results.set_index("name")
    expected = ["np-trace unbiased", "guess", "ridge, present input", "ridge, last 16 inputs", "echo state, 8 units"]
    assert rows.index.tolist() == [*expected, "bptt(1)", "bptt", "frozen recurrence"]
    assert np.isfinite(rows[["validation", "test"]].to_numpy()).all()
    assert rows.loc["frozen recurrence", "settings"].startswith("learning_rate")


def test_the_frozen_control_freezes_and_the_test_is_looked_at_once(trainer, monkeypatch):
    seen = []
    evaluate = trainer.evaluate

    def spy(self, sequence):
        part = "test" if sequence is self.dataset.test else "validation"
        seen.append((part, self.experiment.training.frozen, round(self.experiment.rule.learning_rate, 6)))
        return evaluate(self, sequence)

    monkeypatch.setattr(trainer, "evaluate", spy)
    experiment = resolve({"task": "delayed-xor", "rule": "np", "training": {"epochs": 1}})
    dataset = experiment.task.data(1, 4)
    row = dict(comparison.plan(experiment, dataset))[comparison.FROZEN]()
    rates = [round(experiment.rule.learning_rate * factor, 6) for factor in comparison.FROZEN_FACTORS]
    frozen = ("W_in", "W_rec")
    assert seen[:3] == [("validation", frozen, rate) for rate in rates]
    assert [part for part, *_ in seen[3:]] == ["test"]
    assert row["status"] == "finished"


def test_interrupted_and_resumed_is_the_uninterrupted_run(trainer, monkeypatch):
    whole = invoke("run", "delayed-xor", *SMALL, "--out", "whole.nc")
    assert whole.exit_code == 0
    monkeypatch.setattr(
        trainer, "on_chunk", staticmethod(lambda step: os.kill(os.getpid(), signal.SIGINT) if step == 15 else None)
    )
    result = invoke("run", "delayed-xor", *SMALL, "--out", "part.nc")
    assert result.exit_code == terminal.INTERRUPTED, result.output
    assert (load("part.nc").status, int(load("part.nc").state["step"])) == ("interrupted", 15)
    again = invoke("run", "part.nc", "--resume")
    assert again.exit_code == 0, again.output
    assert same_science(load("part.nc"), load("whole.nc"))
    finished = invoke("run", "part.nc", "--resume")
    assert finished.exit_code == terminal.BAD_INPUT
    assert "nothing to resume" in finished.stderr


def test_resuming_by_the_same_command(trainer, monkeypatch):
    monkeypatch.setattr(
        trainer, "on_chunk", staticmethod(lambda step: os.kill(os.getpid(), signal.SIGTERM) if step == 5 else None)
    )
    assert invoke("run", "delayed-xor", *SMALL).exit_code == terminal.INTERRUPTED
    assert invoke("run", "delayed-xor", *SMALL, "--resume").exit_code == 0
    other = invoke("run", "delayed-xor", *SMALL, "--seed", "1", "--resume")
    assert other.exit_code == terminal.BAD_INPUT
    assert "nothing to resume" in other.stderr


def test_resuming_refuses_other_settings(trainer, monkeypatch):
    monkeypatch.setattr(
        trainer, "on_chunk", staticmethod(lambda step: os.kill(os.getpid(), signal.SIGINT) if step == 5 else None)
    )
    invoke("run", "delayed-xor", *SMALL, "--out", "b.nc")  # the recipe's rate follows a schedule over all epochs
    longer = invoke("run", "b.nc", "--resume", "--epochs", "4")
    assert longer.exit_code == terminal.BAD_INPUT
    assert "follows a schedule" in longer.stderr
    invoke("run", "delayed-xor", *SMALL, "--set", 'rule.rate={kind="constant"}', "--out", "a.nc")
    result = invoke("run", "a.nc", "--resume", "--set", "rule.noise_std=0.1")
    assert result.exit_code == terminal.BAD_INPUT
    assert "with its own settings" in result.stderr
    assert invoke("run", "a.nc", "--resume", "--epochs", "4").exit_code == 0
    assert load("a.nc").experiment.training.epochs == 4


def test_repeating_says_whether_the_bits_agree(trainer, monkeypatch):
    invoke("run", "delayed-xor", *SMALL, "--out", "a.nc")
    result = invoke("run", "a.nc")
    assert "identical bit for bit" in result.output
    assert same_science(load("a.nc"), load("a-repeat.nc"))
    monkeypatch.setattr(stand_in, "STEPS_A_CHUNK", 4)
    assert "differs in history/step" in invoke("run", "a.nc").output


def test_divergence_is_recorded(trainer, monkeypatch):
    monkeypatch.setattr(trainer, "diverge_at", 15)
    result = invoke("run", "delayed-xor", *SMALL, "--baselines", "--out", "a.nc")
    assert result.exit_code == terminal.DIVERGED, result.output
    assert "diverged at step 15" in result.output
    record = load("a.nc")
    assert (record.status, record.diverged_step) == ("diverged", 15)
    assert record.results["status"].tolist()[0] == "diverged"


def test_checkpoints_on_the_way(trainer, monkeypatch):
    seen = []
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 0.0)
    monkeypatch.setattr(
        trainer, "on_chunk", staticmethod(lambda step: seen.append(load("a.nc").status) if step == 10 else None)
    )
    assert invoke("run", "delayed-xor", *SMALL, "--out", "a.nc").exit_code == 0
    assert seen == ["interrupted"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["wether"], "There is no task or file 'wether'. Did you mean 'weather'?"),
        (["none.toml"], "cannot be read: No such file or directory"),
        (["none.nc"], "There is no run file 'none.nc'"),
        (["broken.nc"], "is damaged, or was not written by neuroperturb"),
        (["broken.toml"], "is not valid TOML"),
        (["delayed-xor", "--rule", "amp"], "'rule.name' parameter cannot be 'amp'. Did you mean 'anp'?"),
        (
            ["delayed-xor", "--set", "network.sise=3"],
            "The 'network.sise' parameter of RNN is unknown. Did you mean 'size'?",
        ),
        (["delayed-xor", "--set", "network.size=-3"], "'network.size' parameter of RNN must be"),
        (["delayed-xor", "--set", "network.size=big"], "must be an integer. Got 'big' instead."),
        (["delayed-xor", "--set", "nonsense"], "must look like key.path=value"),
        (["delayed-xor", "--set", "rule.noise_std=1e-9"], "'rule.noise_std' parameter must be at least"),
        (["delayed-xor", "--epochs", "0"], "'training.epochs' parameter of Training must be"),
        (["delayed-xor", "--seed", "-1"], "'training.seed' parameter of Training must be"),
        (["weather", "--set", "task.horizon=100000"], "'horizon' parameter of Weather must be smaller"),
        (["weather", "--set", "task.path=none.csv"], "cannot be opened (No such file or directory)"),
        (["delayed-xor", "--out", "broken.toml/x"], "cannot be written to"),
        (["delayed-xor", "--out", "broken.nc"], "exists and is not a run: choose another name"),
        (["delayed-xor", "--resume"], "There is nothing to resume"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(trainer, tmp_path, arguments, sentence):
    (tmp_path / "broken.nc").write_text("no record")
    (tmp_path / "broken.toml").write_text("task = ")
    result = invoke("run", *arguments)
    assert result.exit_code == terminal.BAD_INPUT, result.output
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert files(tmp_path) == ["broken.nc", "broken.toml"]


def test_a_full_disk_is_one_sentence(trainer, monkeypatch):
    def full(self, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("neuroperturb.results.run.Run.save", full)
    result = invoke("run", "delayed-xor", *SMALL, "--out", "a.nc")
    assert result.exit_code == terminal.BAD_INPUT
    assert "No space left on device" in result.stderr


def test_report(trainer):
    invoke("run", "delayed-xor", *SMALL, "--out", "a.nc")
    result = invoke("report", "a.nc")
    assert result.exit_code == 0, result.output
    assert "np-trace unbiased on delayed-xor: finished, 3 of 3 epochs." in result.output
    assert invoke("report", "none.nc").exit_code == terminal.BAD_INPUT


def test_list_names_everything():
    output = invoke("list").output
    for name in ("weather", "mackey-glass", "danp", "np-trace", "bptt"):
        assert f"  {name} " in output


def test_help_says_the_exit_codes():
    output = " ".join(invoke("run", "--help").output.split())
    assert "130 interrupted" in output
    assert invoke("--help").exit_code == 0


def test_durations():
    assert [duration(s) for s in (0.2, 61, 7260, float("nan"))] == ["0 s", "1 min 01 s", "2 h 01 min", "?"]


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_help_has_an_example_that_begins_with_the_command(name):
    text = " ".join(invoke(name, "-h").stdout.split())
    assert f"Example: neuroperturb {name}" in text


def test_the_version_is_that_of_the_package():
    assert invoke("--version").stdout == f"neuroperturb {metadata.version('neuroperturb')}\n"
