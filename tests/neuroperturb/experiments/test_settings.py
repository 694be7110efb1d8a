"""Settings, words and templates are generated: every setting has a meaning, every key works, every file reads back."""

import itertools
import json
import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

import hardware_models as hw
from neuroperturb.cli import app as cli
from neuroperturb.cli.explain import explanation
from neuroperturb.cli.terminal import BAD_INPUT
from neuroperturb.experiments import glossary, tags, toml
from neuroperturb.experiments.docstrings import meanings, summary
from neuroperturb.experiments.settings import REQUIRED, settings
from neuroperturb.experiments.template import template
from neuroperturb.results.text import LAYER, MATRIX, METRICS
from neuroperturb.spec import InputError
from neuroperturb.study.keys import keys as keys_of_studies

runner = CliRunner()
RECORD = Path(__file__).parents[2] / "data" / "before_layout" / "hebbian-hardware.nc"
KEYS = {one.key for one in settings()}


def test_every_setting_has_a_meaning_and_a_form():
    assert [f"{one.owner}: {one.key}" for one in settings() if not one.meaning or not one.form] == []


def test_keys_are_those_that_set_takes():
    """A default, written as TOML for its key, is taken by `--set` where the key applies.

    Some keys of reads and of time need others beside them; times of spiking neurons have units.
    """
    for one in settings():
        if (
            one.needs
            or one.key.startswith(("hardware.reading.", "hardware.time.", "spiking."))
            or not isinstance(one.default, int | float)
            or one.default is REQUIRED
        ):
            continue
        changed = toml.resolve({"task": "delayed-xor", "rule": "np"}, [f"{one.key}={json.dumps(one.default)}"])
        assert changed.task.name == "delayed-xor", one.key


def test_a_docstring_is_read_entry_by_entry():
    class Made:
        """Of nothing; much. ``code``

        a, b : two things; both long,
            and continued
        c : third;  d : fourth, ``"x"``
        """

    assert summary(Made) == "Of nothing; much. code"
    both = "two things; both long, and continued"
    assert meanings(Made) == {"a": both, "b": both, "c": "third", "d": "fourth, x"}


@pytest.mark.parametrize("word", [*LAYER, *MATRIX, "wander", "P", "np-p", "delayed-xor", "reram-es"])
def test_words_of_reports_and_names_are_explained(word):
    assert len(explanation(word).splitlines()) > 1


@pytest.mark.parametrize("name", [*tags.rules(), *tags.hardware()])
def test_every_rule_and_every_cell_is_explained(name):
    assert name in explanation(name) and len(explanation(name)) > 2 * len(name) + 10


def printed_words(text):
    """Headers of the tables of a report, which stand above a rule, and the words before the numbers of its ledger."""
    lines = text.splitlines()
    for above, line in itertools.pairwise(lines):
        if line.startswith("──"):
            yield from re.split(r"\s{2,}", above.strip())
    first = next(k for k, line in enumerate(lines) if line.startswith("ledger"))
    for line in lines[first : lines.index("", first)]:
        yield from re.findall(
            r"([a-z][a-z ]*[a-z])(?= [<\d])", line.partition("ledger")[2] or line.partition(" by ")[0] + " 0"
        )


def test_every_word_that_run_and_report_print_is_explained():
    text = runner.invoke(cli.app, ["report", str(RECORD), "--no-figure"]).stdout
    words = {*printed_words(text), "validation", "test", "seconds", "settings", *METRICS.values()}
    words |= {
        "source",
        "alone",
        "costs",
        "removed",
        "regains",
        "verdict",
        "unbiased",
        "NP+P",
        "solved",
        "digital",
        "twin_distance",
    }
    assert {"pulses/cell", "columns read", "conversions", "updates", "energy", "skipped"} <= words
    assert [word for word in sorted(words) if not explains(word)] == []


def explains(word):
    try:
        return bool(explanation(word))
    except InputError:
        return False


@pytest.mark.parametrize("word", glossary.SYNONYMS)
def test_what_the_field_calls_a_setting_leads_to_it(word):
    assert glossary.SYNONYMS[word] in KEYS
    assert word in {name.casefold() for name in glossary.WORDS} or glossary.SYNONYMS[word] in explanation(word)


def test_a_setting_says_its_default_its_range_and_where_it_applies():
    text = explanation("rule.noise_std")
    assert "a number, above 0;  default 0.001" in text and "--set rule.noise_std=0.002" in text
    assert "where hardware.writing.kind = 'closed-loop'" in explanation("hardware.writing.threshold")
    assert "stuck_zero" in explanation("hardware.time.faults")


@pytest.mark.parametrize("key", [one.key for one in keys_of_studies()])
def test_keys_of_studies_are_explained(key):
    assert "in the file of a study" in explanation(key)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("fidelty", "Did you mean 'fidelity'?"),
        ("hardware.time.fault", "Did you mean 'hardware.time.faults'"),
        ("stuc", "'stuck'"),
    ],
)
def test_what_is_not_known_is_one_sentence_with_what_begins_so_first(word, hint):
    with pytest.raises(InputError) as error:
        explanation(word)
    assert hint in str(error.value) and "\n" not in str(error.value)
    assert runner.invoke(cli.app, ["explain", word]).exit_code == BAD_INPUT


def test_the_contents_are_listed_without_a_word():
    text = runner.invoke(cli.app, ["explain"]).stdout
    assert "hardware" in text and "fidelity" in text


@pytest.mark.parametrize(
    "table",
    [
        {"task": "delayed-xor", "rule": "np-p"},
        {"task": "weather", "rule": "danp"},
        {"task": "delayed-xor", "rule": "bptt", "hardware": {"name": "reram-es", "writing": "recommended"}},
        {
            "task": "delayed-xor",
            "hardware": {
                "name": "pcm-like",
                "W_out": {"name": "digital-4"},
                "reading": {"adc": {"bits": 8, "bound": 9.0}},
            },
        },
    ],
    ids=["plain", "decorrelated", "recommended", "apart"],
)
def test_a_template_reads_back_as_the_same_experiment(table):
    made = toml.resolve(table)
    text = template(made, "neuroperturb run x.toml")
    assert toml.resolve(tomllib.loads(text)) == made
    assert text.count("#") > 20


def test_new_writes_a_file_and_never_over_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert runner.invoke(cli.app, ["new", "delayed-xor", "--hardware", "ecram"]).exit_code == 0
    assert toml.load(tmp_path / "delayed-xor.toml").hardware.cells == hw.PRESETS["ecram"].cells
    before = (tmp_path / "delayed-xor.toml").read_text()
    again = runner.invoke(cli.app, ["new", "delayed-xor"])
    assert again.exit_code == BAD_INPUT and "exists: choose another with '--out'" in again.stderr
    assert (tmp_path / "delayed-xor.toml").read_text() == before


def test_new_writes_a_file_for_ones_own_table_with_the_options_of_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{k},{k % 7},{k % 5}" for k in range(600)]
    (tmp_path / "load.csv").write_text("\n".join(["time,load_kw,temperature", *rows]))
    done = runner.invoke(
        cli.app, ["new", "load.csv", "--target", "load_kw", "--horizon", "3", "--set", "training.epochs=2"]
    )
    assert done.exit_code == 0, done.output
    written = next(tmp_path.glob("*.toml"))
    made = toml.load(written)
    assert (made.task.path, made.task.target, made.task.horizon, made.training.epochs) == (
        "load.csv",
        ("load_kw",),
        3,
        2,
    )
    assert " " not in written.name and f"neuroperturb run {written.name}" in done.output


@pytest.mark.parametrize("command", ["new", "run"])
@pytest.mark.parametrize(
    ("task", "way"),
    [
        ("series", "FILE.csv --target COLUMN"),
        ("arrays", "FILE.npz"),
        ("gymnasium", "--set task.environment=CartPole-v1"),
    ],
)
def test_a_task_that_needs_ones_own_data_says_how_it_is_given(command, task, way):
    said = runner.invoke(cli.app, [command, task])
    assert said.exit_code == BAD_INPUT and way in said.stderr


def test_no_meaning_begins_with_a_type():
    """A setting has its form beside it, and a comment stands beside its value."""
    types = ("int,", "float,", "str,", "bool,", "tuple of", "list of")
    assert [one.key for one in settings() if one.meaning.startswith(types)] == []


def test_no_meaning_is_cut_off_or_a_range_alone():
    assert [
        (one.owner, one.key) for one in settings() if len(one.meaning) < 10 or one.meaning.endswith((":", "…"))
    ] == []
    bare = re.compile(r"^[^ ]+[,:]? ([<>≥≤]|in [(\[]|from \d|above|-?\d)[^a-z]*$")
    assert [(one.owner, one.key, one.meaning) for one in settings() if bare.match(one.meaning)] == []


@pytest.mark.parametrize(
    "names",
    [
        [
            f"hardware.time.faults.{name}"
            for name in ("stuck_low", "stuck_high", "stuck_zero", "dead_rows", "dead_columns")
        ],
        [f"hardware.time.{name}" for name in ("drift", "leak", "retention", "diffusion", "faults", "wear", "slow")],
        [f"hardware.neurons.{name}" for name in ("gain_std", "slope_std", "saturation_std")],
        [
            f"spiking.{name}"
            for name in ("tau_membrane", "tau_synapse", "tau_readout", "v_rest", "v_reset", "v_threshold")
        ],
        ["hardware.reading.dac", "hardware.reading.adc"],
    ],
    ids=lambda names: names[0],
)
def test_settings_beside_each_other_are_told_apart(names):
    assert len({one.meaning for one in settings() if one.key in names}) == len(names)


def test_all_kinds_that_have_a_setting_are_named():
    text = " ".join(explanation("hardware.cells.dw_min").split())
    assert all(
        f"'{kind}'" in text
        for kind in ("constant-step", "linear-step", "soft-bounds", "exp-step", "pow-step", "measured")
    )
    assert "'drift' or 'state-drift'" in explanation("hardware.time.drift.nu")
    assert "Neurons(" not in explanation("hardware.neurons")


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        ({"name": "bptt", "learning_rate": 1e-3}, "It is 'rule.optimiser.learning_rate'."),
        ({"name": "bptt", "lr": 1e-3}, "It is 'rule.optimiser.learning_rate'."),
        ({"name": "np", "lr": 1e-3}, "It is 'rule.learning_rate'."),
        ({"name": "bptt", "sigma": 0.1}, "Known: name, window, chunk, optimiser, decorrelation_rate, presynaptic."),
    ],
)
def test_a_hint_is_a_setting_that_the_record_has(rule, hint):
    with pytest.raises(InputError) as error:
        toml.resolve({"task": "delayed-xor", "rule": rule})
    assert str(error.value).endswith(hint)
