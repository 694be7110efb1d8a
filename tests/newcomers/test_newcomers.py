"""The questions of three kinds of user, typed as the README and the help say, and nothing else.

A   has a device: will np-trace learn on 5 bits with 2 % read noise and 10 % dead cells, and at what energy; then with data and pulses of one's own
B   has a rule in a file: checked, audited, aligned, trained on hardware, beside a preset in a study, with a figure as SVG
C   explores in a notebook: weights over time, a record, its arrays with names

Sizes are small, so that the paths are tried and not the science. A question that fails here was answered wrongly, or not where a newcomer looks.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hardware_models.costs.figures import sram
from neuroperturb import load
from neuroperturb.analysis.advice import evidence
from neuroperturb.cli import app as cli
from neuroperturb.results.quantities import joules

pytestmark = pytest.mark.slow  # each compiles a dozen engines
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TINY = (
    "--set network.size=4 --set task.trials_per_epoch=8 --set task.validation_trials=8 --set task.test_trials=8 "
    "--set training.batch_size=4 --epochs 2"
)


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def typed(command: str, code: int = 0) -> str:
    """What a command says; it must end as expected."""
    program, *arguments = shlex.split(command)
    assert program == "neuroperturb"
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == code, (command, result.output, result.exception)
    return " ".join(result.output.split())  # however its lines are broken


def told_key(text: str) -> str:
    """The key that an explanation begins with."""
    return text.split(" ")[0]


# ----------------------------------------------------------------------------------------------------------------------
# A


def test_a_learns_the_keys_of_a_device_from_its_own_words():
    """No guess fails that a hint could have saved: the field's words lead to keys, and wrong keys to right ones."""
    assert told_key(typed("neuroperturb explain 'dead cells'")) == "hardware.time.faults.stuck_zero"
    assert told_key(typed("neuroperturb explain 'read noise'")) == "hardware.reading.output_noise_std"
    assert told_key(typed("neuroperturb explain resolution")) == "hardware.cells.bits"
    assert "np-trace" in typed("neuroperturb list") and "digital" in typed("neuroperturb list")
    said = typed(f"neuroperturb run delayed-xor --set hardware.cells.bit=5 {TINY}", code=2)
    assert "Did you mean 'bits'? It belongs to the kind 'digital', which must be given as its 'kind'." in said
    assert "Did you mean 'np-trace'?" in typed("neuroperturb run delayed-xor --rule np-trase", code=2)


def test_a_gets_a_verdict_and_an_energy(here):
    """5 bits, 2 % read noise, 10 % dead cells: whole, which takes seconds. Priced as 5 bits, by hand and on any way to ask; evidence is of 4."""
    question = (
        "neuroperturb run delayed-xor --rule np-trace --hardware {} --set hardware.cells.bits=5 --set hardware.reading.output_noise_std=0.02 "
        "--set hardware.time.faults.stuck_zero=0.1 --out {}"
    )
    said = typed(question.format("digital-4", "device.nc"))
    answer = said[said.index("ledger") :]
    assert "against" in answer or "test loss" in answer
    assert "stuck" in said and "request/step" in said
    memory = sram(5)
    spent = sum(
        array["ledger"]["counts"]["cells"]
        * (
            array["ledger"]["counts"]["updates"] * memory.update_energy.typical
            + array["ledger"]["counts"]["columns"] * memory.operation_energy.typical
        )
        for array in load(here / "device.nc").ledger["hardware"]["arrays"].values()
    )
    priced = f"Training costs {joules(spent)} ("
    assert priced in answer and "a time step of inference" in answer
    assert priced in typed(question.format("digital", "alike.nc") + " --quiet")
    assert "evidence on unchanged digital-4 recommends: --rule np-p --writing recommended" in answer
    keys = "cells.bits, reading.output_noise_std and time.faults.stuck_zero"
    assert f"nothing was measured with {keys} changed" in answer
    command = load(here / "device.nc").answer().splitlines()[-1]
    assert command in answer
    row = evidence.rows()["digital-4"]
    typed(f"{command} --seed 1101 --quiet --out best.nc")  # a seed of the study
    assert load(here / "best.nc").results["test"][0] <= row.worst
    early = typed(question.format("digital-4", "early.nc") + f" {TINY} --quiet")
    assert "Trained for 2 of the 40 epochs" in early and "evidence" not in early
    for word in ("request/step", "fidelity", "credited"):  # its words are explained
        assert word in typed(f"neuroperturb explain {word}")
    assert "writing" in typed("neuroperturb advise --hardware digital-4")
    assert (here / "device.png").exists()


def test_a_brings_a_table_and_pulses(here):
    rng = np.random.default_rng(1)
    hours = np.arange(400)
    load = 50 + 10 * np.sin(hours / 24 * 2 * np.pi) + rng.normal(size=400)
    rows = "".join(f"2024-01-{1 + h // 24:02d} {h % 24:02d}:00,{y:.2f}\n" for h, y in zip(hours, load, strict=True))
    (here / "load.csv").write_text("time,load_kw\n" + rows)
    up = 20 + 60 * (1 - np.exp(-np.arange(60) / 25)) + rng.normal(0, 0.3, 60)
    down = up[-1] - 60 * (1 - np.exp(-np.arange(60) / 20)) + rng.normal(0, 0.3, 60)
    table = "".join(f"{k},{a:.2f},{b:.2f}\n" for k, (a, b) in enumerate(zip(up, down, strict=True)))
    (here / "pulses.csv").write_text("pulse,up (uS),down (uS)\n" + table)
    said = typed("neuroperturb device pulses.csv --format svg")
    assert "states" in said and (here / "pulses.svg").exists()
    said = typed(
        "neuroperturb run load.csv --target load_kw --horizon 6 --rule np-trace --hardware pulses.csv --set network.size=4 --out load.nc"
    )
    assert "test" in said and (here / "load.nc").exists()
    assert said.count("neuroperturb advise --hardware pulses.csv") == 1 and "--writing recommended" not in said
    assert "evidence" in typed("neuroperturb advise --hardware pulses.csv")


# ----------------------------------------------------------------------------------------------------------------------
# B


def test_b_takes_the_rule_of_the_readme_all_the_way(here):
    """The rule is the README's own text, put into a file."""
    start = README.index("from typing import NamedTuple\n\nclass Leaky")
    (here / "my_rules.py").write_text(README[start : README.index("```", start)])
    assert "local" in typed("neuroperturb audit my_rules.py:Leaky")
    said = typed("neuroperturb align my_rules.py:Leaky np-trace --samples 40 --size 3 --steps 3 --format svg")
    assert "Leaky" in said and (here / "alignment.svg").exists()
    plain = typed(f"neuroperturb run delayed-xor --rule my_rules.py:Leaky --hardware ecram --out plain.nc {TINY}")
    assert "runs on plain settings" in plain and "rule.like" in plain
    said = typed(
        f"neuroperturb run delayed-xor --rule my_rules.py:Leaky --set rule.like=np-trace --hardware ecram --out own.nc {TINY}"
    )
    assert "plain settings" not in said and "rms" in said and "ecram" in said


def test_b_compares_it_with_a_preset_in_a_study(here):
    start = README.index("from typing import NamedTuple\n\nclass Leaky")
    (here / "my_rules.py").write_text(README[start : README.index("```", start)])
    (here / "mine.toml").write_text(
        """
about = "Mine beside node perturbation."
[base]
task = { name = "delayed-xor", trials_per_epoch = 8, validation_trials = 8, test_trials = 8 }
network = { size = 4, bias = true }
training = { batch_size = 4, epochs = 2, schedule = "episode" }
[axes]
rule = [{ name = "my_rules.py:Leaky", like = "np-trace" }, "np-trace"]
seed = [1, 2]
"""
    )
    assert "4 runs" in typed("neuroperturb study mine.toml --dry-run")
    typed("neuroperturb study mine.toml --quiet")
    said = typed("neuroperturb report runs/mine --format svg")
    page = (here / "runs" / "mine" / "report" / "index.html").read_text(encoding="utf-8")
    assert "Leaky" in page and "np-trace" in page and "<svg" in page
    assert (here / "runs" / "mine" / "report" / "ranking.svg").exists()
    assert "learn" in said or "has a result" in said  # the answer


# ----------------------------------------------------------------------------------------------------------------------
# C


def test_c_watches_weights_over_time_and_reads_them_back(here):
    from neuroperturb import RNN, Experiment, Trainer, Training, load, rules, tasks

    task = tasks.DelayedXOR(trials_per_epoch=16, validation_trials=8, test_trials=8)
    trainer = Trainer(
        Experiment(
            network=RNN(size=4, gain=1.1, bias=True),
            task=task,
            rule=rules.make("np-trace", schedule="episode"),
            hardware="ecram",
            training=Training(epochs=3, batch_size=8, seed=1),
        )
    )
    over_time = {progress.epoch: trainer.weights["W_rec"] for progress in trainer}
    assert set(over_time) == {1, 2, 3}
    assert not np.array_equal(over_time[1], over_time[3])
    run = trainer.run()
    np.testing.assert_array_equal(run.weights["W_rec"], over_time[3])
    assert "ecram" in run.plot().get_title("left")
    assert "ecram" in repr(run) and "<" in run._repr_html_()
    tree = load(run.save("watched.nc")).to_xarray()
    assert tree["weights/W_rec"].dims == ("unit", "from_unit")
    assert tree["history/validation_loss"].dims == ("epoch",)
    assert tree["history/seconds"].attrs["units"] == "s"
    np.testing.assert_array_equal(tree["weights/W_rec"], over_time[3])
    weights = trainer.weights["W_in"]
    weights[:] = 0  # a copy: the network does not change
    assert trainer.weights["W_in"].any()
