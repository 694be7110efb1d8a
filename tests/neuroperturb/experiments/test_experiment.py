"""Experiments as data: what reads back, what a name stands for, and the one sentence for everything that cannot be."""

from __future__ import annotations

import tomllib
from typing import ClassVar, Literal

import pytest
from task_names import COMPLETE

from neuroperturb import rules, tasks
from neuroperturb.baselines import Adam, Bptt
from neuroperturb.experiments import experiment as config
from neuroperturb.experiments import recipes
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.toml import dumps, load, override, resolve
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.rnn import RNN
from neuroperturb.rules import RMS, ActivityDifference, Instant, Plain, Trace
from neuroperturb.simulation.schedule import ONLINE_CHUNK, Training
from neuroperturb.spec import InputError, SpecError

NAMES = [*rules.RULES, *rules.DECORRELATED, "bptt"]


@pytest.mark.parametrize("task", COMPLETE)
@pytest.mark.parametrize("rule", NAMES)
def test_a_table_reads_back_as_an_equal_experiment(task, rule):
    experiment = Experiment.parse({"task": task, "rule": rule})
    assert Experiment.parse(experiment.table()) == experiment
    assert Experiment.parse(tomllib.loads(dumps(experiment))) == experiment
    assert config.digest(Experiment.parse(experiment.table())) == config.digest(experiment)


@pytest.mark.parametrize("task", COMPLETE)
def test_recipes_are_experiments(task):
    assert Experiment.parse(recipes.recipe(task)).task.name == task
    for rule in NAMES:
        Experiment.parse(recipes.recipe(task, rule))


def test_a_file_reads_back(tmp_path):
    path = tmp_path / "a.toml"
    experiment = resolve({"task": "delayed-xor", "rule": "wp-held"}, ["training.frozen=['W_in']"])
    path.write_text(dumps(experiment), encoding="utf-8")
    assert load(path) == experiment
    assert load(path, ["training.seed=7"]).training.seed == 7


def test_what_is_left_out_of_training_is_the_tasks_own():
    xor, weather = Experiment(task=tasks.DelayedXOR()), Experiment(task=tasks.Weather(), training=Training(epochs=3))
    assert (xor.training.schedule, xor.training.batch_size) == ("episode", 64)
    assert weather.training == Training(epochs=3, schedule="online", batch_size=1)
    asked = Experiment(task=tasks.DelayedXOR(), training=Training(schedule="online", batch_size=2))
    assert (asked.training.schedule, asked.training.batch_size) == ("online", 2)


def test_a_decorrelated_name_switches_decorrelation_on():
    assert resolve({"task": "weather", "rule": "danp"}).decorrelation == Decorrelation()
    assert resolve({"task": "weather", "rule": "anp"}).decorrelation is None
    asked = resolve({"task": "weather", "rule": "danp", "decorrelation": {"rate": 1e-4}})
    assert asked.decorrelation == Decorrelation(rate=1e-4)
    assert config.label(asked) == "danp rescaled"


def test_a_form_follows_the_schedule():
    online = resolve({"task": "weather", "rule": {"name": "anp", "form": "published"}})
    episode = resolve({"task": "copying", "rule": {"name": "anp", "form": "published"}})
    chosen = resolve(
        {"task": "weather", "rule": {"name": "anp", "form": "published"}, "training": {"schedule": "episode"}}
    )
    assert (online.rule.batch_divisor, episode.rule.batch_divisor, chosen.rule.batch_divisor) == ("mean", "sum", "sum")


def test_parts_of_a_rule_go_on_top_of_its_preset():
    rule = resolve({"task": "copying", "rule": {"name": "np-trace", "credit": {"decay": 0.9}, "step": "plain"}}).rule
    assert (rule.credit, rule.step, rule.learning_rate) == (Trace(decay=0.9), Plain(), 0.01)
    other = resolve(
        {"task": "copying", "rule": {"name": "np-trace", "credit": "instant", "probe": {"kind": "activity"}}}
    )
    assert (other.rule.credit, other.rule.probe, other.rule.step) == (Instant(), ActivityDifference(), RMS())


def test_bptt_by_name():
    assert resolve({"task": "copying", "rule": "bptt"}).rule == Bptt()
    # An endless series has no whole gradient.
    assert resolve({"task": "weather", "rule": "bptt"}).rule == Bptt(chunk=ONLINE_CHUNK)
    one = resolve({"task": "weather", "rule": {"name": "bptt", "window": 1, "optimiser": {"learning_rate": 0.1}}})
    assert one.rule == Bptt(window=1, optimiser=Adam(learning_rate=0.1))
    assert config.label(one) == "bptt(1)"


@pytest.mark.parametrize(
    ("assignment", "key", "value"),
    [
        ("network.size=20", ("network", "size"), 20),
        ("network.gain = 1", ("network", "gain"), 1),
        ("rule.noise_std=1e-2", ("rule", "noise_std"), 0.01),
        ("rule.credit.decay=0.5", ("rule", "credit"), {"decay": 0.5}),
        ("task.cues=[0, 7]", ("task", "cues"), [0, 7]),
        ("network.bias=true", ("network", "bias"), True),
        ("rule=anp", ("rule",), "anp"),
        ("task.path=a b.csv", ("task", "path"), "a b.csv"),
        ("task.path='x=1'", ("task", "path"), "x=1"),
    ],
)
def test_assignments_read_toml_or_text(assignment, key, value):
    before = {"task": "delayed-xor", "rule": "np"}
    table = override(before, assignment)
    for step in key:
        table = table[step]
    assert table == value
    assert before == {"task": "delayed-xor", "rule": "np"}


BAD = [
    ({}, "'task' parameter of Experiment is missing. Known: mackey-glass"),
    ({"task": "wether"}, "'task.name' parameter cannot be 'wether'. Did you mean 'weather'?"),
    ({"task": 3}, "'task' parameter of Experiment must be a name or a table. Got 3"),
    ({"task": {"horizon": 3}}, "'task.name' parameter is missing"),
    (
        {"task": {"name": "weather", "horizn": 3}},
        "'task.horizn' parameter of Weather is unknown. Did you mean 'horizon'?",
    ),
    ({"task": {"name": "weather", "horizon": -2}}, "'task.horizon' parameter of Weather must be greater"),
    (
        {"task": {"name": "delayed-xor", "cues": [0, 20]}},
        "'task.cues' parameter of DelayedXOR must be two increasing steps",
    ),
    ({"rule": "amp"}, "'rule.name' parameter cannot be 'amp'. Did you mean 'anp'?"),
    ({"rule": {"form": "published"}}, "'rule.name' parameter is missing"),
    ({"rule": {"name": ["np"]}}, "'rule.name' parameter cannot be ['np']"),
    (
        {"rule": {"name": "anp", "form": "unbiased"}},
        "'rule.form' parameter of rule 'anp' must be 'published' or 'rescaled'",
    ),
    ({"rule": {"name": "anp", "form": 3}}, "'rule.form' parameter must be a string. Got 3"),
    ({"rule": {"name": "np", "lerning_rate": 1}}, "'rule.lerning_rate' parameter of PerturbationRule is unknown"),
    (
        {"rule": {"name": "np", "learning_rate": "fast"}},
        "'rule.learning_rate' parameter of PerturbationRule must be a number",
    ),
    (
        {"rule": {"name": "np", "learning_rate": float("nan")}},
        "'rule.learning_rate' parameter of PerturbationRule must be a finite",
    ),
    (
        {"rule": {"name": "np", "noise_std": -1}},
        "'rule.noise_std' parameter of PerturbationRule must be greater than 0",
    ),
    ({"rule": {"name": "np", "noise_std": 1e-9}}, "'rule.noise_std' parameter must be at least 3.8e-06"),
    ({"rule": {"name": "np-trace", "credit": {"decay": 2}}}, "'rule.credit.decay' parameter of Trace must be less"),
    (
        {"rule": {"name": "np-trace", "credit": "traec"}},
        "'rule.credit.kind' parameter cannot be 'traec'. Did you mean 'trace'?",
    ),
    ({"rule": {"name": "np-trace", "credit": 3}}, "'rule.credit' parameter of PerturbationRule must be a table"),
    (
        {"rule": {"name": "np", "credit": {"kind": "trace", "dcay": 1}}},
        "'rule.credit.dcay' parameter of Trace is unknown. Did you mean 'decay'?",
    ),
    ({"rule": {"name": "wp", "normaliser": "layer_norm"}}, "'rule.normaliser' parameter of a rule with weight noise"),
    ({"rule": {"name": "bptt", "window": 0}}, "'rule.window' parameter of Bptt must be greater"),
    (
        {"rule": {"name": "bptt", "optimiser": "adm"}},
        "'rule.optimiser.kind' parameter cannot be 'adm'. Did you mean 'adam'?",
    ),
    ({"rule": "bptt", "decorrelation": {}}, "'decorrelation' parameter must be left out"),
    ({"decorrelation": {"rat": 1}}, "'decorrelation.rat' parameter of Decorrelation is unknown. Did you mean 'rate'?"),
    ({"trainng": {}}, "'trainng' parameter of Experiment is unknown. Did you mean 'training'?"),
    ({"training": 3}, "'training' parameter of Experiment must be a table"),
    ({"training": {"epochs": 0}}, "'training.epochs' parameter of Training must be greater"),
    ({"training": {"epochs": 2.5}}, "'training.epochs' parameter of Training must be an integer"),
    ({"training": {"dtype": "float23"}}, "Did you mean 'float32'?"),
    (
        {"training": {"frozen": ["W_inn"]}},
        "'training.frozen.0' parameter of Training must be 'W_in', 'W_rec' or 'W_out'",
    ),
    ({"training": {"frozen": "W_in"}}, "'training.frozen' parameter of Training must be a list"),
    ({"network": {"size": -4}}, "'network.size' parameter of RNN must be greater"),
    ({"network": {"size": True}}, "'network.size' parameter of RNN must be an integer"),
    ({"network": {"gain": float("inf")}}, "'network.gain' parameter of RNN must be a finite number"),
    ({"network": {"leak": "0.5"}}, "'network.leak' parameter of RNN must be a number. Got '0.5'"),
]


@pytest.mark.parametrize(("table", "sentence"), BAD, ids=[sentence[:40] for _, sentence in BAD])
def test_what_cannot_be_is_a_sentence_that_names_the_key(table, sentence):
    with pytest.raises(SpecError) as error:
        resolve(table if "task" in table or not table else {"task": "weather", **table})
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("assignment", ["network.size", "=3", "network..size=3", ""])
def test_assignments_that_are_none(assignment):
    with pytest.raises(InputError, match=r"key\.path=value"):
        override({}, assignment)


def test_an_assignment_cannot_go_into_a_number():
    with pytest.raises(InputError, match=r"'network\.size' is not a table"):
        override({"network": {"size": 4}}, "network.size.x=1")


def test_files_that_are_none(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        load(tmp_path / "none.toml")
    for content in (b"task = ", b"\xff\xfa", b"[a]\n[a]\n"):
        (tmp_path / "a.toml").write_bytes(content)
        with pytest.raises(InputError, match="is not valid TOML"):
            load(tmp_path / "a.toml")


def test_lists_are_taken_where_tuples_are_kept():
    assert Training(frozen=["W_in"]).frozen == ("W_in",)


def test_errors_of_objects_name_the_key_as_seen_from_there():
    with pytest.raises(
        SpecError, match=r"^The 'size' parameter of RNN must be greater than or equal to 1\. Got -4 instead\.$"
    ):
        RNN(size=-4)
    with pytest.raises(SpecError, match=r"^The 'optimiser\.kind' parameter is missing"):
        Bptt(optimiser={"learning_rate": 0.1})


def test_a_task_of_ones_own_is_an_experiment():
    class Mine(tasks.DelayedXOR):
        name: Literal["mine"] = "mine"  # type: ignore[assignment]
        default_batch_size: ClassVar[int] = 8

    experiment = Experiment(task=Mine())
    assert experiment.training.batch_size == 8
    assert experiment.table()["task"]["steps"] == 14
