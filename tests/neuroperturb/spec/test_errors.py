"""The one sentence that refuses: its parts, the way to the object, and what validators say of records inside records."""

from __future__ import annotations

import pickle

import pytest
from pydantic import Field, field_validator, model_validator

import hardware_models as hw
from neuroperturb.experiments import toml
from neuroperturb.spec import InputError, Spec, SpecError, Words, suggest


class Inner(Spec):
    rate: float = Field(0.1, gt=0)
    steps: int = 3

    @field_validator("steps")
    @classmethod
    def _even(cls, steps: int) -> int:
        if steps == 13:
            raise SpecError("steps", "Inner", "another number", steps)
        if steps == 14:
            raise InputError("The file of 14 is torn.")
        if steps == 15:
            raise ValueError("fifteen is odd")
        return steps

    @model_validator(mode="after")
    def _fits(self) -> Inner:
        if self.rate * self.steps > 100:
            raise SpecError("rate", "Inner", "smaller with so many 'steps'", self.rate)
        return self


class Outer(Spec):
    inner: Inner = Inner()
    name: str = "x"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (SpecError("a", "B", "positive", -1), "The 'a' parameter of B must be positive. Got -1 instead."),
        (SpecError("a", "", "positive", -1, "Try 1."), "The 'a' parameter must be positive. Got -1 instead. Try 1."),
        (SpecError("a", "B", "a list", Words("a table")), "The 'a' parameter of B must be a list. Got a table instead."),
        (SpecError("a", "B", "hold a", verb="must"), "The 'a' parameter of B must hold a."),
        (SpecError("a", "B", "positive", None), "The 'a' parameter of B must be positive. Got None instead."),
        (SpecError.missing("a", "B"), "The 'a' parameter of B is missing."),
        (SpecError.unknown("c.ab", "B", ["abc", "x"]), "The 'c.ab' parameter of B is unknown. Did you mean 'abc'?"),
        (SpecError.no_choice("a", "", "z", ["p", "q"]), "The 'a' parameter cannot be 'z'. Known: p, q."),
        (SpecError("a b", "a study", "a text", 3).under("names"), "The 'names.a b' parameter of a study must be a text. Got 3 instead."),
        (SpecError("a", "B", "short", "x" * 99), "The 'a' parameter of B must be short. Got '" + "x" * 56 + "... instead."),
    ],
)  # fmt: skip
def test_an_error_prints_its_parts(error, sentence):
    assert str(error) == sentence
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (SpecError, sentence)


def test_the_way_to_the_object_goes_before_the_path():
    error = SpecError("rate", "Inner", "positive", -1)
    assert error.under("inner").under("outer").name == "outer.inner.rate"
    assert error.under("").name == "rate"
    assert SpecError("", "Inner", "a table", 3).under("inner").name == "inner"


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"inner": {"rate": -1.0}}, "The 'inner.rate' parameter of Inner must be greater than 0. Got -1.0 instead."),
        ({"inner": {"rat": 1.0}}, "The 'inner.rat' parameter of Inner is unknown. Did you mean 'rate'?"),
        ({"inner": 3}, "The 'inner' parameter of Outer must be a table. Got 3 instead."),
        ({"name": 3}, "The 'name' parameter of Outer must be a string. Got 3 instead."),
        ({"inner": {"steps": 13}}, "The 'inner.steps' parameter of Inner must be another number. Got 13 instead."),
        ({"inner": {"rate": 90.0}}, "The 'inner.rate' parameter of Inner must be smaller with so many 'steps'. Got 90.0 instead."),
        ({"inner": {"steps": 14}}, "The file of 14 is torn."),
        ({"inner": {"steps": 15}}, "The 'inner.steps' parameter of Inner is invalid: fifteen is odd."),
    ],
)  # fmt: skip
def test_what_a_record_refuses_names_the_whole_key(table, sentence):
    with pytest.raises(InputError) as refused:
        Outer.parse(table)
    assert str(refused.value) == sentence


def test_a_record_made_by_hand_names_its_own_field():
    with pytest.raises(SpecError) as refused:
        Inner(steps=13)
    assert refused.value.name == "steps"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ReRAM", "Did you mean 'reram-es' or 'reram-sb'?"),
        ("rram", "Did you mean 'rram-milo' or 'reram-sb'?"),
        ("milo", "Did you mean 'rram-milo'?"),
        ("ECRAM", "Did you mean 'ecram'?"),
        ("eram", "Did you mean 'ecram'?"),
        ("flash", "Known: ecram, ecram-mo, reram-es, reram-sb, rram-milo."),
        ("", "Known: ecram, ecram-mo, reram-es, reram-sb, rram-milo."),
    ],
)
def test_what_begins_so_comes_before_what_is_spelt_alike(name, hint):
    assert suggest(name, ["ecram", "ecram-mo", "reram-es", "reram-sb", "rram-milo"]) == hint


@pytest.mark.parametrize(
    ("assignment", "hint"),
    [
        ("hardware.stuck_cells=0.1", "It is 'hardware.time.faults.stuck_zero'."),
        ("hardware.read_noise=0.1", "It is 'hardware.reading.output_noise_std'."),
        ("read_noise=0.1", "It is 'hardware.reading.output_noise_std'."),
        ("hardware.time.stuck_zero=0.1", "It is 'hardware.time.faults.stuck_zero'."),
        ("lr=0.1", "It is 'rule.learning_rate'."),
        ("epochs=3", "It is 'training.epochs'."),
        ("learnig_rate=0.1", "Did you mean 'rule.learning_rate'"),
        ("rule.noize_std=0.1", "Did you mean 'noise_std'?"),
        ("hardware.cells.bit=5", "Did you mean 'bits'? It belongs to the kind 'digital'"),
    ],
)
def test_a_key_in_the_wrong_place_is_told_where_it_is(assignment, hint):
    with pytest.raises(SpecError) as error:
        toml.resolve({"task": "delayed-xor", "rule": "np"}, [assignment])
    assert hint in str(error.value)


def test_a_preset_that_is_not_there_is_told_with_what_is_near():
    with pytest.raises(KeyError, match=r"^There is no preset 'Ecram'\. Did you mean 'ecram'\?$"):
        hw.PRESETS["Ecram"]
    assert hw.PRESETS.get("Ecram") is None and "Ecram" not in hw.PRESETS
