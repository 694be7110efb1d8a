"""The JSON schema takes every TOML that ships, and refuses what the parser refuses: unknown names and keys, and numbers out of range."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

import hardware_models as hw
from neuroperturb.cli import app as cli
from neuroperturb.experiments import recipes, toml
from neuroperturb.experiments.bounds import bounds
from neuroperturb.experiments.examples import example, examples
from neuroperturb.experiments.expand import RULE_NAMES
from neuroperturb.experiments.schema import schema
from neuroperturb.experiments.settings import settings
from neuroperturb.experiments.template import template
from neuroperturb.spec import InputError
from neuroperturb.tasks import TASKS

jsonschema = pytest.importorskip("jsonschema")
HOUSE = Path(__file__).parents[3]
CHECK = jsonschema.Draft202012Validator(schema())
TASK = "delayed-xor"
BLOCK = re.compile(r"^```toml\n(.*?)^```", re.M | re.S)


def said(table):
    """What the schema says to a table; empty where it takes it."""
    found = jsonschema.exceptions.best_match(CHECK.iter_errors(json.loads(json.dumps(table))))
    return "" if found is None else f"{list(found.absolute_path)}: {found.message[:300]}"


def texts():
    """Every TOML of an experiment in the repository's pages and tests."""
    for path in sorted([HOUSE / "README.md", *(HOUSE / "docs").rglob("*.md")]):
        for k, text in enumerate(BLOCK.findall(path.read_text())):
            yield f"{path.relative_to(HOUSE)} {k}", text
    for path in sorted((HOUSE / "tests").rglob("*.toml")):
        yield str(path.relative_to(HOUSE)), path.read_text()


def test_it_is_a_schema_and_is_printed():
    jsonschema.Draft202012Validator.check_schema(schema())
    assert json.loads(CliRunner().invoke(cli.app, ["explain", "--schema"]).stdout) == json.loads(json.dumps(schema()))


def test_it_takes_every_toml_of_the_pages_and_the_tests():
    tables = {place: tomllib.loads(text) for place, text in texts()}
    of_experiments = {place: table for place, table in tables.items() if "task" in table}
    assert len(of_experiments) > 5
    assert {place: words for place, table in of_experiments.items() if (words := said(table))} == {}


def test_it_takes_what_new_writes():
    given = [{"task": task} for task in TASKS if task not in ("series", "arrays", "gymnasium")]
    given += [recipes.recipe(task) for task in recipes.RECIPES if task not in ("series", "arrays")]
    given += [
        {"task": "bandit" if rule == "nrl" else TASK, "rule": rule} for rule in RULE_NAMES if rule != "perturbation"
    ]
    given += [{"task": TASK, "hardware": name} for name in hw.PRESETS]
    given += [
        {"task": TASK, "hardware": {"name": name, "writing": "recommended"}}
        for name, preset in hw.PRESETS.items()
        if preset.recommended
    ]
    given += [{"task": TASK, "spiking": backend} for backend in ("kernel", "brian2")]
    wrong = []
    for table in given:
        written = tomllib.loads(template(toml.resolve(table), "neuroperturb run x.toml"))
        wrong += [f"{table}: {words}" for words in (said(table), said(written)) if words]
    assert wrong == []


def test_it_takes_every_example_of_explain():
    keys = dict.fromkeys(one.key for one in settings())
    found = {key: said(tomllib.loads(made.toml)) for key in keys if (made := example(key)) is not None}
    assert {key: words for key, words in found.items() if words} == {}


@pytest.mark.parametrize(
    "table",
    [
        {"task": "my_task.py:MyTask"},
        {"task": {"name": "my_task.py:MyTask", "steps": 14}},
        {"rule": "my_rules:MyRule"},
        {"rule": {"name": "my_rules.py:MyRule", "like": "np-trace", "parameters": {"decay": 0.8}}},
        {"hardware": "my_cell.py:MyCell"},
        {"hardware": "pulses.csv"},
        {"hardware": {"cells": {"kind": "my_cell.py:MyCell", "anything": 0.01}}},
        {"hardware": {"cells": {"kind": "measured", "file": "pulses.csv"}}},
        {"hardware": {"name": "ecram", "cells": "chip.npz", "W_out": {"cells": "ideal"}, "D_rec": {}}},
        {"network": {"activation": "my.py:f", "leak": [0.5, 0.1]}},
        {"loss": {"name": "mine.py:Pinball", "q": 0.8}},
        {"spiking": {"dt": "1 ms", "delay": ["0 ms", "2 ms"], "v_rest": "-70 mV"}},
        {"spiking": "brian2"},
        {"modifier": "programming"},
    ],
    ids=str,
)
def test_it_takes_code_of_ones_own_files_and_units(table):
    assert said({"task": TASK} | table) == ""


@pytest.mark.parametrize(
    "table",
    [
        {"task": 3},
        {"task": "delayed-xr"},
        {"rule": "np-trase"},
        {"rule": {"name": "np", "learnig_rate": 0.1}},
        {"rule": {"broadcast": "all"}},
        {"rule": {"name": "np", "noise_std": -1.0}},
        {"training": {"epochs": 0}},
        {"training": {"epochs": "ten"}},
        {"trainig": {}},
        {"hardware": "ecran"},
        {"hardware": {"name": "ecran"}},
        {"hardware": {"cells": {"kind": "digital", "bits": 99}}},
        {"hardware": {"W_out": {"cells": {"kind": "digital", "bits": 99}}}},
        {"hardware": {"W_out": {"reward": {}}}},
        {"hardware": {"time": {"faults": {"stuck_zero": 3}}}},
        {"hardware": {"stuck_cells": 0.1}},
        {"spiking": {"dt": 0.001}},
        {"spiking": {"dt": "1 mV"}},
        {"spiking": {"backend": "nest"}},
    ],
    ids=str,
)
def test_it_refuses_what_the_parser_refuses(table):
    assert said({"task": TASK} | table)
    with pytest.raises(InputError):
        toml.resolve({"task": TASK} | table)


def test_ranges_that_are_read_from_docstrings_are_those_of_the_parts():
    """A value just beyond one is refused where the setting is, unless it means something else, as a default does."""
    wrong, checked = [], 0
    for one in settings():
        found = bounds(one) if one.key.startswith("hardware.") else {}
        made = next(examples(one), None) if found else None
        if found and made is None:
            wrong.append(f"{one.key} of {one.owner} has no example, {one.needs}")
            continue
        ends = {"minimum": -1, "exclusiveMinimum": 0, "maximum": 1, "exclusiveMaximum": 0}
        for keyword, end in found.items():
            beyond = end + ends[keyword]
            table = tomllib.loads(made.toml)
            if beyond == one.default or not isinstance(at(table, one.key), int | float):
                continue
            checked += 1
            try:
                toml.resolve(toml.put(table, one.key, type(at(table, one.key))(beyond)))
            except InputError:
                continue
            wrong.append(f"{one.key} takes {beyond}, said: {one.meaning}")
    assert wrong == [] and checked > 50


def at(table, key):
    for step in key.split("."):
        table = table.get(step) if isinstance(table, dict) else None
    return table
