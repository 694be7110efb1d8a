"""A rule of one's own with the settings of a preset: both differ in their formulas alone."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from neuroperturb import rules
from neuroperturb.experiments.remarks import remarks
from neuroperturb.experiments.toml import resolve
from neuroperturb.spec import InputError

FILE = """
from typing import NamedTuple


class Summing(NamedTuple):
    decay: float = 1.0

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        trace = params.decay * trace + post * pre
        return trace, reward * trace
"""


class Own(NamedTuple):
    decay: float = 0.9

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        trace = params.decay * trace + post * pre
        return trace, reward * trace


@pytest.mark.parametrize("name", ["np-trace", "np-p", "anp-trace", "np published"])
def test_everything_but_the_formula_is_the_presets(name):
    preset, own = rules.make(*name.split(" ")), rules.own(Own(), like=name)
    differ = {key for key in type(own).model_fields if getattr(own, key) != getattr(preset, key)}
    assert differ <= {"label", "credit", "formula"} and "formula" in differ
    assert own.formula.parameters == {"decay": 0.9}


def test_what_is_said_goes_before_what_it_is_like():
    assert rules.own(Own(), like="np-trace", noise_std=0.2).noise_std == 0.2


def test_one_word_makes_presets_and_rules_of_ones_own(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    assert rules.make(Own(0.8), like="np-trace") == rules.own(Own(0.8), like="np-trace")
    assert rules.make(f"{path}:Summing", parameters={"decay": 0.5}).formula.parameters == {"decay": 0.5}
    for key, given in {"like": "np", "parameters": {"decay": 0.5}}.items():
        with pytest.raises(InputError, match=f"'{key}' parameter of rule 'np-trace' must be left out"):
            rules.make("np-trace", **{key: given})
    with pytest.raises(InputError, match="'form' parameter of a custom rule must be left out"):
        rules.make(Own(), "published")


@pytest.mark.parametrize("like", ["np-tracee", "bptt", "my.py:Rule"])
def test_only_a_preset_can_be_alike(like):
    with pytest.raises(InputError, match="'like' parameter of a custom rule cannot be"):
        rules.own(Own(), like=like)


def test_a_table_and_the_command_line_know_it_and_a_plain_rule_is_remarked_upon(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(FILE)
    plain = resolve({"task": "delayed-xor", "rule": "mine.py:Summing"})
    said = resolve({"task": "delayed-xor", "rule": {"name": "mine.py:Summing", "like": "np-trace"}})
    typed = resolve({"task": "delayed-xor", "rule": "mine.py:Summing"}, ["rule.like=np-trace", "rule.noise_std=0.2"])
    assert said.rule.step.kind == typed.rule.step.kind == "rms" and plain.rule.step.kind == "plain"
    assert (said.rule.noise_std, typed.rule.noise_std) == (0.05, 0.2)
    assert resolve(said.table()) == said  # a record has no need of the word
    assert ["rule.like" in one for one in remarks(plain)] == [True]
    assert remarks(said) == remarks(typed) == remarks(resolve({"task": "delayed-xor", "rule": "np"})) == []


@pytest.mark.slow
def test_with_the_formula_of_the_preset_it_is_the_preset(tmp_path, monkeypatch):
    import numpy as np

    from neuroperturb import RNN, Training, tasks, train

    task = tasks.DelayedXOR(trials_per_epoch=32, validation_trials=8, test_trials=8)
    settings = {"training": Training(epochs=2, batch_size=8, seed=3, schedule="episode")}
    runs = [
        train(RNN(size=5, bias=True), task, rule, **settings)
        for rule in (
            rules.make("np-trace", schedule="episode"),
            rules.own(Own(1.0), like="np-trace", schedule="episode"),
        )
    ]
    for name, weights in runs[0].weights.items():
        np.testing.assert_allclose(weights, runs[1].weights[name], rtol=1e-5, atol=1e-7)
