"""A record is continued as the experiment that it is of; anything else is refused by name, in Python as on the command line."""

from __future__ import annotations

import pytest

from neuroperturb import RNN, Experiment, Training, experiment, rules, tasks
from neuroperturb.baselines import Bptt
from neuroperturb.cli.job import Request, prepare
from neuroperturb.results.run import differences
from neuroperturb.spec import InputError

TASK = tasks.DelayedXOR(steps=5, cues=(0, 2), trials_per_epoch=8, validation_trials=4, test_trials=4)
ONE = Experiment(network=RNN(size=3), task=TASK, rule=Bptt(), training=Training(epochs=3, batch_size=4, seed=3))


def finished(trainer):
    for _ in trainer:
        pass
    return trainer.run()


@pytest.fixture(scope="module")
def begun():
    trainer = experiment(ONE)
    for _ in range(3):
        trainer.advance()
    return trainer.run()


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("training", {"seed": 7}, "'training.seed' is 7 and was 3"),
        ("training", {"dtype": "float64"}, "'training.dtype' is 'float64' and was 'float32'"),
        ("training", {"frozen": ("W_in",)}, "'training.frozen' is"),
        ("training", {"epochs": 2}, "may grow, not shrink: it is 2 and was 3"),
        ("network", {"gain": 0.5}, "'network.gain' is 0.5 and was"),
        ("task", {"validation_trials": 8}, "'task.validation_trials' is 8 and was 4"),
        ("rule", {"optimiser": Bptt().optimiser.replace(learning_rate=0.5)}, "'rule.optimiser.learning_rate' is 0.5 and was"),
    ],
)  # fmt: skip
def test_another_experiment_is_refused_by_what_differs(begun, tmp_path, part, change, said):
    other = ONE.replace(**{part: getattr(ONE, part).replace(**change)})
    with pytest.raises(InputError, match=r"^The|^A run") as refused:
        experiment(other, resume=begun)
    assert said in str(refused.value)
    file = begun.save(tmp_path / "run.nc")
    (key, value), *_ = change.items()
    if isinstance(value, int | float):
        with pytest.raises(InputError) as same:
            prepare(Request(str(file), settings=[f"{part}.{key}={value}"], out=file, resume=True))
        assert str(same.value) == str(refused.value)


def test_another_rule_is_told_in_a_sentence_of_some_settings(begun):
    with pytest.raises(InputError, match=r"'rule.name' is 'perturbation' and was 'bptt', .* more differ\.$"):
        experiment(ONE.replace(rule=rules.make("np-trace")), resume=begun)


def test_epochs_may_grow(begun):
    longer = ONE.replace(training=ONE.training.replace(epochs=5))
    straight, resumed = finished(experiment(longer)), finished(experiment(longer, resume=begun))
    assert [key for key in differences(straight, resumed) if "seconds" not in key] == []
    again = finished(experiment(longer, resume=finished(experiment(ONE))))
    assert [key for key in differences(straight, again) if "seconds" not in key] == []


def test_epochs_of_a_schedule_may_not():
    rule = rules.make("np-trace").replace(rate={"kind": "cosine"})
    one = ONE.replace(rule=rule)
    record = experiment(one).run()
    with pytest.raises(InputError, match=r"'training.epochs' parameter cannot change .* schedule"):
        experiment(one.replace(training=one.training.replace(epochs=5)), resume=record)


def test_a_record_without_state_has_nothing_to_go_on_from(begun):
    record = experiment(ONE, resume=begun).run()
    record.state = {}
    with pytest.raises(InputError, match="There is nothing to resume"):
        experiment(ONE, resume=record)
