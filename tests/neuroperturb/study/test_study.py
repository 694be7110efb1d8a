"""Studies in one process: what a declaration means, which runs it makes, who does them, what becomes of those that break."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import threading
import time

import numpy as np
import pytest
import stand_in
from study_cases import TWO_RULES
from typer.testing import CliRunner

from neuroperturb.cli import app as cli
from neuroperturb.cli import study as command
from neuroperturb.cli import study_display as display
from neuroperturb.cli import terminal
from neuroperturb.experiments import experiment as config
from neuroperturb.experiments.toml import resolve
from neuroperturb.results.run import Run, load, same_science
from neuroperturb.spec import InputError
from neuroperturb.study import declaration, leases, rate_search, run_name, run_one, table, workers
from neuroperturb.study.grid import Cell, GridPlace, experiment, lay_out
from neuroperturb.study.labels import value_label
from neuroperturb.study.leases import Leases
from neuroperturb.study.scheduler import Board, Scheduler
from neuroperturb.study.store import RunOutcome, StudyFolder
from neuroperturb.study.workers import Threads

BASE = {
    "task": {"name": "delayed-xor", "trials_per_epoch": 8, "validation_trials": 8, "test_trials": 8},
    "network": {"size": 3, "bias": True},
    "training": {"schedule": "episode", "batch_size": 4, "epochs": 2},
}


def study(**table):
    return declaration.parse({"base": BASE, **table}, "s")


@pytest.fixture
def trainer(monkeypatch, tmp_path):
    """The stand-in in the place of the trainer, and a folder of one's own."""
    monkeypatch.setattr(run_one, "Trainer", stand_in.Trainer)
    monkeypatch.setattr(stand_in.Trainer, "diverge_at", None)
    monkeypatch.setattr(stand_in.Trainer, "on_chunk", staticmethod(lambda step: None))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text(TWO_RULES)
    return stand_in.Trainer


def invoke(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def records(folder):
    return {path.name: load(path) for path in sorted((folder / "runs").glob("*.nc"))}


# ----------------------------------------------------------------------------------------------------------------------
# Declarations


def test_axes_make_every_combination():
    cells = lay_out(study(axes={"rule": ["np", "anp"], "rule.noise_std": [0.01, 0.1], "seed": [1, 2, 3]}))
    assert [(c.point["rule"], c.point["rule.noise_std"]) for c in cells] == [
        ("np", 0.01), ("np", 0.1), ("anp", 0.01), ("anp", 0.1),
    ]  # fmt: skip
    assert all(len(c.seeds) == 3 and len(c.names) == 1 for c in cells)
    assert len({name for c in cells for names in c.names for name in names}) == 12


def test_an_experiment_is_what_the_table_says():
    s = study(axes={"rule": ["wp"], "seed": [7]}, set={"rule": {"noise_std": 0.5}})
    made = experiment(s, lay_out(s)[0], GridPlace(0, 0))
    rule = {"name": "wp", "noise_std": 0.5}
    assert made == resolve({**BASE, "rule": rule, "training": {**BASE["training"], "seed": 7}})


def test_zipped_lists_change_together():
    s = study(zip=[{"network.size": [3, 5], "training.epochs": [1, 2]}], axes={"seed": [1]})
    found = [(e.network.size, e.training.epochs) for e in (experiment(s, c, GridPlace(0, 0)) for c in lay_out(s))]
    assert found == [(3, 1), (5, 2)]


def test_a_nested_axis_is_the_dotted_one():
    one = lay_out(study(axes={"rule": ["np"], "rule.noise_std": [0.1]}))
    other = lay_out(study(axes={"network": {"size": [3]}, "rule": ["np"]}, set={"rule.noise_std": 0.1}))
    assert one[0].names == other[0].names


def test_decorrelation_stays_beside_rules_that_ask_for_it():
    s = declaration.parse({"base": {**BASE, "decorrelation": {"rate": 1e-4}}, "axes": {"rule": ["danp", "anp"]}}, "s")
    rates = [e.decorrelation and e.decorrelation.rate for e in (experiment(s, c, GridPlace(0, 0)) for c in lay_out(s))]
    assert rates == [1e-4, None]


def test_learning_rate_is_the_rules_or_the_optimisers():
    s = study(axes={"rule": ["np", "bptt"], "learning_rate": [0.25]})
    np_, bptt = (experiment(s, c, GridPlace(0, 0)).rule for c in lay_out(s))
    assert (np_.learning_rate, bptt.optimiser.learning_rate) == (0.25, 0.25)


def test_a_control_is_the_same_cell_frozen():
    s = study(axes={"rule": ["np"]}, controls=["frozen"])
    rule, control = (experiment(s, c, GridPlace(0, 0)) for c in lay_out(s))
    assert control.training.frozen == ("W_in", "W_rec")
    assert control.replace(training=control.training.replace(frozen=())) == rule


def test_several_grids_share_the_runs_they_have_in_common():
    grids = [
        {"name": "equal", "set": {"learning_rate": 0.1}},
        {"name": "best", "search": {"over": {"learning_rate": [0.1, 1.0]}}},
    ]
    equal, best = lay_out(study(axes={"rule": ["np"], "seed": [1, 2]}, grid=grids))
    assert best.names[0] == equal.names[0]
    assert best.names[1] != equal.names[0]


def test_a_base_is_a_task_or_a_file(tmp_path):
    (tmp_path / "base.toml").write_text('task = "weather"\nrule = "np"\n')
    named = declaration.parse({"base": "weather"}, "s")
    file = declaration.parse({"base": "base.toml"}, "s", folder=tmp_path)
    assert experiment(named, lay_out(named)[0], GridPlace(0, 0)).rule.label == "anp published"
    assert experiment(file, lay_out(file)[0], GridPlace(0, 0)).rule.name == "perturbation"


def test_the_small_and_the_quick_form_replace_what_they_name():
    axes = {"rule": ["np", "anp"], "seed": [1, 2]}
    table = {"base": BASE, "axes": axes, "small": {"axes": {"seed": [1]}}, "quick": {"axes": {"seed": [3, 4, 5]}}}
    quick = lay_out(declaration.parse(table, "s", size="quick"))
    assert [[seed["training.seed"] for seed in cell.seeds] for cell in quick] == [[3, 4, 5]] * 2
    assert [len(c.seeds) for c in lay_out(declaration.parse(table, "s", size="small"))] == [1, 1]
    assert [len(c.seeds) for c in lay_out(declaration.parse(table, "s"))] == [2, 2]


BAD = [
    ({"axis": {}}, "The 'axis' parameter of a study is unknown. Did you mean 'axes'?"),
    ({"axes": {"rule": []}}, "'axes.rule' parameter of a study must be a list of one or more values. Got [] instead."),
    ({"axes": {"rule": "np"}}, "'axes.rule' parameter of a study must be a list"),
    ({"axes": {"seed": [1, 1]}}, "'axes.training.seed' parameter of a study has 1 twice"),
    ({"axes": {"rule.noize_std": [0.1], "rule": ["np"]}}, "The 'rule.noize_std' parameter of PerturbationRule is unknown. Did you mean 'noise_std'?"),
    ({"axes": {"rul": ["np"]}}, "The 'rul' parameter of Experiment is unknown. Did you mean 'rule'?"),
    ({"axes": {"rule": ["amp"]}}, "'rule.name' parameter cannot be 'amp'. Did you mean 'anp'?"),
    ({"axes": {"network.size": [4, -1]}}, "In the cell (size -1) of study 's': The 'network.size' parameter of RNN must be"),
    ({"axes": {"seed": [1], "training.seed": [2]}}, "The key 'training.seed' is set twice"),
    ({"axes": {"learning_rate": [1.0]}, "set": {"rule": {"learning_rate": 2.0}}}, "is set twice, by an axis and by 'set'"),
    ({"axes": {"rule": [{"name": "np", "noise_std": 1.0}], "rule.noise_std": [0.1]}}, "'rule.noise_std' is set twice, inside 'rule'"),
    ({"controls": ["frozen"], "axes": {"training.frozen": [[]]}}, "'training.frozen' is set twice"),
    ({"zip": [{"rule": ["np", "anp"], "seed": [1]}]}, "'zip.0' parameter of a study must have lists of one length: rule has 2, training.seed has 1."),
    ({"zip": [{}]}, "it is empty"),
    ({"search": {"over": {}}}, "'search.over' parameter of a study must list values of at least one key"),
    ({"axes": {"seed": [1, 2]}, "search": {"over": {"learning_rate": [1.0, 2.0]}, "seeds": [2]}},
     "'search.seeds' parameter of a study must hold seeds that the study does not report. Got 2 instead."),
    ({"search": {"over": {"learning_rate": [1.0]}, "frist": 2}}, "The 'search.frist' parameter of Search is unknown. Did you mean 'first'?"),
    ({"grid": [{"name": "a"}, {"name": "a"}]}, "'grid.name' parameter of a study has 'a' twice"),
    ({"grid": [{"axis": {}}]}, "The 'axis' parameter of grid 1 is unknown"),
    ({"baselines": ["rigde"]}, "'baselines' parameter of a study cannot hold 'rigde'. Did you mean 'ridge'?"),
    ({"controls": ["thawed"]}, "'controls' parameter of a study cannot hold 'thawed'. Known: frozen."),
    ({"base": "wether"}, "'base' parameter of a study cannot be 'wether'. Did you mean 'weather'?"),
    ({"base": {}}, "The 'task' parameter of Experiment is missing"),
    ({"names": {"amp": "x"}, "axes": {"rule": ["anp"]}}, "'names' parameter of a study has 'amp', which is not a value of any axis."),
    ({"ageing": {"hardware": ["pcm-like"], "seconds": [60, 60]}}, "'ageing.seconds' parameter of StudyAgeing must be ascending ages above 0. Got"),
    ({"ageing": {"hardware": ["digital-8"], "seconds": [60]}}, "must name hardware that ages. Got 'digital-8' instead."),
    ({"ageing": {"hardware": ["pcm-lik"], "seconds": [60]}}, "Did you mean 'pcm-like'?"),
    ({"ageing": {"seconds": [60]}}, "The 'ageing.hardware' parameter of StudyAgeing is missing."),
    ({"weights": 1}, "'weights' parameter of a study must be true or false. Got 1 instead."),
    ({"threshold": "low"}, "'threshold' parameter of a study must be a number"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "sentence"), BAD, ids=[sentence[:40] for _, sentence in BAD])
def test_what_cannot_be_is_one_sentence_that_names_the_key(table, sentence):
    with pytest.raises(InputError) as error:
        lay_out(study(**table))
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_the_small_form_of_a_task_of_another_name_is_all_of_it():
    other = {"name": "copying", "length": 2, "trials_per_epoch": 8}
    one = declaration.parse({"base": BASE, "small": {"base": {"task": other}}}, "s", size="small")
    assert experiment(one, lay_out(one)[0], GridPlace(0, 0)).task == resolve({"task": other, "rule": "np"}).task


def test_a_small_form_may_leave_out_what_has_a_name():
    table = {"names": {"anp": "x", "np": "y"}, "axes": {"rule": ["anp", "np"]}, "small": {"axes": {"rule": ["np"]}}}
    one = declaration.parse({"base": BASE, **table}, "s", size="small")
    assert [cell.label for cell in lay_out(one)] == ["y"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none.toml"], "cannot be read: No such file or directory"),
        (["s.toml", "--small"], "The 'small' parameter of study 's-small' is missing. It has no small version."),
        (["s.toml", "--quick"], "The 'quick' parameter of study 's-quick' is missing. It has no quick version."),
        (["s.toml", "--quick", "--small"], "Give one of '--quick' and '--small'"),
        (["s.toml", "--shard", "3/2"], "'--shard' option must look like i/N"),
        (["s.toml", "--shard", "1"], "'--shard' option must look like i/N"),
        (["s.toml", "--workers", "0"], "'--workers' option must be 1 or more"),
        (
            ["s.toml", "--workers", "1", "--scheduler", "tcp://x"],
            "'--workers' option must be left out with '--scheduler'",
        ),
        (["s.toml", "--out", "s.toml"], "which is a file: choose a folder"),
        (["s.toml", "--out", "s.toml/x"], "cannot be written to"),
        (["s.toml", "--out", "full"], "contains other files but no study"),
        (["nodata.toml"], "'path' parameter of Weather must name a file. Got 'none.csv', which is not there."),
        (["metric.toml"], "'metrics' parameter of a study cannot hold 'acuracy'. Did you mean 'accuracy'?"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(trainer, tmp_path, arguments, sentence):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years of work")
    (tmp_path / "metric.toml").write_text('metrics = ["acuracy"]\n' + TWO_RULES)
    (tmp_path / "nodata.toml").write_text('base = {task = {name = "weather", path = "none.csv"}, rule = "np"}\n')
    before = sorted(tmp_path.rglob("*"))
    result = invoke("study", *arguments)
    assert result.exit_code == terminal.BAD_INPUT, result.output
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_says_the_size_and_writes_nothing(trainer, tmp_path):
    result = invoke("study", "s.toml", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "2 cells, 6 runs, 3 baseline fits" in result.output
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_of_a_study_begun_says_what_is_left_of_it(trainer, tmp_path):
    (tmp_path / "s.toml").write_text(TWO_RULES.replace("[1, 2, 3]", "[1, 2]"))
    invoke("study", "s.toml")
    (tmp_path / "s.toml").write_text(TWO_RULES)
    assert "4 runs; 2 to do, " in invoke("study", "s.toml", "--dry-run").output
    invoke("study", "s.toml")
    assert "6 runs; 0 to do\n" in invoke("study", "s.toml", "--dry-run").output


def test_words():
    assert value_label({"name": "danp", "form": "published", "noise_std": 0.1}) == "danp published noise_std=0.1"
    assert value_label([]) == "none"
    assert value_label(1e-4) == "0.0001"


# ----------------------------------------------------------------------------------------------------------------------
# Names


def test_a_name_depends_on_what_is_in_a_file_of_data(tmp_path):
    """The same path with other rows in it is another run, and other baselines; what is not there yet has a name, too."""
    one = resolve({**BASE, "task": {"name": "weather", "path": str(tmp_path / "w.csv")}, "rule": "np"})
    names = {(run_name.name(one), run_name.fit_name(one))}
    for rows in ("1,2\n", "1,3\n1,4\n"):
        (tmp_path / "w.csv").write_text(rows)
        names.add((run_name.name(one), run_name.fit_name(one)))
    assert len({name for name, _ in names}) == len({name for _, name in names}) == 3


def test_a_name_depends_on_everything_the_bits_depend_on(monkeypatch):
    one = resolve({**BASE, "rule": "np"})
    name = run_name.name(one)
    assert name == run_name.name(resolve({**BASE, "rule": "np"}))
    assert name != run_name.name(one.replace(training=one.training.replace(seed=1)))
    monkeypatch.setattr(run_name, "computing", lambda: {"versions": {"numpy": "99"}, "format": 1})
    assert name != run_name.name(one)


def test_what_the_weights_go_through_is_in_the_name():
    plain, aged, longer = (
        lay_out(study(axes={"seed": [1]}, **more))[0].names
        for more in (
            {}, {"ageing": {"hardware": ["pcm-like"], "seconds": [60]}}, {"ageing": {"hardware": ["pcm-like"], "seconds": [60, 90]}},
        )
    )  # fmt: skip
    assert len({plain, aged, longer}) == 3
    one = resolve(BASE)
    assert run_name.name(one) == run_name.name(one, None)


def test_a_name_of_a_value_is_what_people_see_and_changes_no_run():
    axes = {"rule": [{"name": "bptt", "window": 1}, "np"], "seed": [1]}
    plain, named = lay_out(study(axes=axes)), lay_out(study(axes=axes, names={"bptt window=1": "bptt(1)"}))
    assert [c.label for c in plain] == ["bptt window=1", "np"]
    assert [c.label for c in named] == ["bptt(1)", "np"]
    assert [c.names for c in plain] == [c.names for c in named]


TASK = """
from neuroperturb.tasks import DelayedXOR

SHIFT = 1


def shifted(sequence):
    return sequence._replace(targets=sequence.targets + SHIFT)


class Mine(DelayedXOR):
    def data(self, seed, batch_size):
        dataset = super().data(seed, batch_size)
        dataset.test = shifted(dataset.test)
        return dataset
"""


def test_a_name_depends_on_what_own_classes_do_and_not_on_how_they_are_written_or_where_they_lie(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = lambda file="mine.py": run_name.name(resolve({"task": f"{file}:Mine"}))  # noqa: E731
    (tmp_path / "mine.py").write_text(TASK)
    other, before = run_name.name(resolve({"task": "delayed-xor"})), named()
    for same in (
        TASK + "# edited\n",
        TASK.replace("        dataset =", '        """Of mine."""\n\n        dataset ='),
        TASK.replace("SHIFT = 1", "SHIFT   =   1"),
        TASK + "\nclass Another:\n    pass\n",
    ):
        (tmp_path / "mine.py").write_text(same)
        assert named() == before
    (tmp_path / "elsewhere.py").write_text(TASK)
    assert named("elsewhere.py") == before
    for edited in (
        TASK.replace("SHIFT = 1", "SHIFT = 2"),
        TASK.replace("+ SHIFT", "- SHIFT"),
        TASK.replace("super().data(seed", "super().data(seed + 1"),
    ):
        (tmp_path / "mine.py").write_text(edited)
        assert named() != before
    assert run_name.name(resolve({"task": "delayed-xor"})) == other


def test_fits_know_nothing_of_rules():
    a, b = (resolve({**BASE, "rule": rule}) for rule in ("np", "bptt"))
    assert run_name.fit_name(a) == run_name.fit_name(b) != run_name.fit_name(a, ["ridge"])
    assert run_name.fit_name(a) != run_name.fit_name(a.replace(training=a.training.replace(seed=1)))


# ----------------------------------------------------------------------------------------------------------------------
# Search


def cell_with(tried, seeds, first=1, keep=1, tuned=0):
    names = tuple(tuple(f"{c}.{s}" for s in range(seeds)) for c in range(tried))
    settings = tuple({"learning_rate": 10.0**c} for c in range(tried))
    return Cell(
        "", "", {}, {}, {}, settings, tuple({"training.seed": s} for s in range(seeds)), names, (), first, keep, tuned
    )


def run_all(cell, loss):
    """What a search runs, round by round, and what it chooses, where `loss(candidate, seed)` is what comes out."""
    known, rounds = {}, []
    while places := rate_search.wanted(cell, known):
        rounds.append(places)
        for c, s in places:
            value = loss(c, s)
            known[f"{c}.{s}"] = RunOutcome("finished" if np.isfinite(value) else "diverged", value)
    return rounds, rate_search.chosen(cell, known)


def test_the_best_of_the_first_look_goes_on_to_all_seeds():
    rounds, chosen = run_all(cell_with(3, 4), lambda c, s: [3.0, 1.0, 2.0][c])
    assert rounds == [
        [GridPlace(0, 0), GridPlace(1, 0), GridPlace(2, 0)],
        [GridPlace(1, 1), GridPlace(1, 2), GridPlace(1, 3)],
    ]
    assert chosen == 1


def test_what_breaks_on_another_seed_is_no_choice():
    rounds, chosen = run_all(cell_with(4, 3), lambda c, s: np.inf if c == 0 and s == 2 else float(c))
    assert chosen == 1
    assert all(place.candidate in (0, 1) for places in rounds[1:] for place in places)


def test_of_those_that_go_on_the_mean_over_all_seeds_decides():
    loss = lambda c, s: {0: 1.0 if s == 0 else 9.0, 1: 2.0, 2: 3.0}[c]  # noqa: E731
    assert run_all(cell_with(3, 5, keep=2), loss)[1] == 1
    assert run_all(cell_with(3, 5, keep=1), loss)[1] == 0


def test_what_blows_up_on_another_seed_is_no_choice_though_its_numbers_are_finite():
    loss = lambda c, s: {0: 1.0 if s == 0 else 1e16, 1: 2.0, 2: 3.0}[c]  # noqa: E731
    rounds, chosen = run_all(cell_with(3, 5, keep=1), loss)
    assert chosen == 1
    assert not any(place.candidate == 2 for places in rounds[1:] for place in places)


def test_where_everything_breaks_something_is_chosen_and_the_search_ends():
    rounds, chosen = run_all(cell_with(3, 2), lambda c, s: np.inf)
    assert chosen in (0, 1, 2)
    assert len(rounds) == 2


def test_what_diverges_while_looking_is_not_tried_further():
    rounds, chosen = run_all(cell_with(4, 3), lambda c, s: np.inf if c or s else 1.0)
    assert chosen == 0
    assert sum(map(len, rounds)) == 4 + 2


def test_a_search_with_seeds_of_its_own_chooses_by_their_mean_and_reports_others():
    """The counter-example: setting 0 is good and has one bad seed, setting 1 looks bad at first sight, and is bad."""
    loss = lambda c, s: {0: 1.2 if s == 1 else 0.01, 1: 0.9, 2: 0.02 if s == 0 else 0.8}[c]  # noqa: E731
    rounds, chosen = run_all(cell_with(3, 3 + 4, tuned=3), loss)
    assert chosen == 0
    assert sorted(rounds[0]) == [GridPlace(c, s) for c in range(3) for s in range(3)]
    assert rounds[1:] == [[GridPlace(0, s) for s in (3, 4, 5, 6)]]
    assert rate_search.size(cell_with(3, 3 + 4, tuned=3)) == (13, 13)


def test_one_bad_seed_does_not_lose_to_a_setting_that_is_bad_on_all():
    """The counter-example again, where a search has no seeds of its own: ten times its own first look is no reason to drop setting 0."""
    loss = lambda c, s: {0: 0.6 if s == 3 else 0.002, 1: 0.9}[c]  # noqa: E731
    for keep in (1, 2):
        _, chosen = run_all(cell_with(2, 5, keep=keep), loss)
        assert chosen == 0


def test_what_is_reported_has_no_say_in_the_choice():
    loss = lambda c, s: (1.0, 2.0)[c] if s < 2 else (np.inf, 0.0)[c]  # noqa: E731
    rounds, chosen = run_all(cell_with(2, 2 + 3, tuned=2), loss)
    assert chosen == 0 and all(place.candidate == 0 for place in rounds[1])


@pytest.mark.parametrize(("tried", "seeds", "first", "keep"), [(1, 5, 1, 1), (4, 5, 2, 2), (3, 2, 2, 1)])
def test_the_size_said_before_is_the_size_that_comes(tried, seeds, first, keep):
    cell = cell_with(tried, seeds, first, keep)
    count = lambda loss: sum(map(len, run_all(cell, loss)[0]))  # noqa: E731
    least, most = rate_search.size(cell)
    assert count(lambda c, s: float(c)) == least
    assert least <= count(lambda c, s: np.inf if s == seeds - 1 else float(c)) <= most


def test_a_choice_at_the_edge_is_said():
    assert rate_search.at_the_edge(cell_with(3, 1), 0) == ["learning_rate"]
    assert rate_search.at_the_edge(cell_with(3, 1), 1) == []
    assert rate_search.at_the_edge(cell_with(2, 1), 0) == []


# ----------------------------------------------------------------------------------------------------------------------
# Leases


def test_one_of_many_takes_a_claim(tmp_path):
    taken, everybody = [], threading.Barrier(8)

    def grab():
        mine = Leases(tmp_path)
        everybody.wait()
        taken.append(mine.take("a"))

    threads = [threading.Thread(target=grab) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert taken.count(True) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("error", [PermissionError(1, "no links here"), OSError(95, "not supported")])
def test_claims_without_links(tmp_path, monkeypatch, error):
    def no_link(*_):
        raise error

    monkeypatch.setattr(os, "link", no_link)
    one, two = Leases(tmp_path), Leases(tmp_path)
    assert (one.take("a"), two.take("a")) == (True, False)
    one.give("a")
    assert two.take("a")


def claim_of(tmp_path, **owner):
    mine = Leases(tmp_path)
    mine.take("a")
    text = json.loads((tmp_path / "a").read_text())
    (tmp_path / "a").write_text(json.dumps({**text, **owner}))
    return tmp_path / "a"


def test_the_claim_of_a_dead_process_is_taken_over(tmp_path):
    claim_of(tmp_path, pid=2**22 + 1)
    assert not Leases(tmp_path).others("a")
    assert Leases(tmp_path).take("a")


def test_a_process_number_used_again_is_another_process(tmp_path):
    claim_of(tmp_path, started="1")
    assert Leases(tmp_path).take("a")


def test_the_claim_of_another_machine_holds_until_it_is_silent(tmp_path):
    claim = claim_of(tmp_path, machine="another", pid=1)
    assert Leases(tmp_path).others("a")
    assert not Leases(tmp_path).take("a")
    os.utime(claim, (time.time() - leases.STALE - 60,) * 2)
    assert Leases(tmp_path).take("a")


def test_a_clock_that_was_set_back_keeps_no_claim_of_a_dead_machine(tmp_path, monkeypatch):
    claim, now = claim_of(tmp_path, machine="another", pid=1), [1000.0]
    monkeypatch.setattr(leases.time, "monotonic", lambda: now[0])
    os.utime(claim, (time.time() + 7200,) * 2)  # touched before the clock went back by two hours
    mine = Leases(tmp_path)
    assert mine.others("a")
    now[0] += leases.STALE - 1
    assert mine.others("a") and not mine.take("a")
    os.utime(claim, (time.time() + 7000,) * 2)  # a sign of life
    now[0] += 2
    assert mine.others("a")
    now[0] += leases.STALE + 1
    assert mine.take("a")


def test_touching_keeps_a_claim(tmp_path, monkeypatch):
    monkeypatch.setattr(leases, "TOUCH_EVERY", 0.0)
    mine = Leases(tmp_path)
    mine.take("a")
    os.utime(tmp_path / "a", (0, 0))
    mine.touch()
    assert (tmp_path / "a").stat().st_mtime > time.time() - 60


def test_taking_over_does_not_take_a_claim_that_was_just_renewed(tmp_path):
    claim_of(tmp_path, pid=2**22 + 1)
    late, read = Leases(tmp_path), leases._read
    seen = []

    def renewed_behind_our_back(path):
        owner = read(path)
        if not seen:  # between judging it and moving it away
            path.write_text(json.dumps({**owner, "pid": os.getpid(), "token": "new"}))
        seen.append(path)
        return owner

    leases._read = renewed_behind_our_back
    try:
        assert not late.take("a")
    finally:
        leases._read = read
    assert json.loads((tmp_path / "a").read_text())["token"] == "new"


# ----------------------------------------------------------------------------------------------------------------------
# Whole studies


def test_a_study_leaves_one_file_a_run_and_nothing_else(trainer, tmp_path):
    result = invoke("study", "s.toml")
    assert result.exit_code == 0, result.output
    folder = tmp_path / "runs" / "s"
    names = {name for cell in StudyFolder(folder).read_index()[1] for names in cell.names for name in names}
    assert {path.stem for path in (folder / "runs").iterdir()} == names
    assert sorted(p.name for p in folder.iterdir()) == ["cells.json", "claims", "failed", "fits", "runs"]
    assert not any((folder / "claims").iterdir())
    assert len(list((folder / "fits").iterdir())) == 3
    for run in records(folder).values():
        assert (run.status, len(run.results), run.state) == ("finished", 1, {})
        assert "sources" in run.versions


def test_again_runs_nothing_and_a_new_value_runs_only_what_is_new(trainer, tmp_path, monkeypatch):
    assert invoke("study", "s.toml").exit_code == 0
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "runs" / "s").rglob("*") if p.is_file()}
    assert "9 of 9 done" not in invoke("study", "s.toml").output
    assert {p: p.stat().st_mtime_ns for p in before} == before
    began = []
    monkeypatch.setattr(trainer, "on_chunk", staticmethod(lambda step: began.append(step) if step == 5 else None))
    (tmp_path / "s.toml").write_text(TWO_RULES.replace('["np", "anp"]', '["np", "anp", "wp"]'))
    assert invoke("study", "s.toml").exit_code == 0
    assert len(began) == 3
    assert all(p.stat().st_mtime_ns == t for p, t in before.items() if p.name != "cells.json")


def test_any_number_of_workers_gives_the_same_bits(trainer, tmp_path):
    for count in (1, 3):
        assert invoke("study", "s.toml", "--workers", count, "--out", f"w{count}").exit_code == 0
    one, three = records(tmp_path / "w1"), records(tmp_path / "w3")
    assert one.keys() == three.keys()
    assert all(same_science(one[name], three[name]) for name in one)


def test_shards_are_a_partition(trainer, tmp_path):
    assert invoke("study", "s.toml", "--out", "whole").exit_code == 0
    for i in (1, 2, 3):
        assert invoke("study", "s.toml", "--out", f"part-{i}", "--shard", f"{i}/3").exit_code == 0
    parts = [name for i in (1, 2, 3) for name in records(tmp_path / f"part-{i}")]
    assert sorted(parts) == sorted(records(tmp_path / "whole"))
    assert len(set(parts)) == len(parts)


def test_two_that_share_a_folder_do_nothing_twice(trainer, tmp_path, monkeypatch):
    done = []

    class Counted(trainer):
        def __init__(self, experiment, **more):
            done.append(run_name.name(experiment))
            super().__init__(experiment, **more)
            time.sleep(0.05)

    monkeypatch.setattr(run_one, "Trainer", Counted)
    fit = workers.fit
    monkeypatch.setattr(
        workers, "fit", lambda experiment, names: (done.append(experiment.training.seed), fit(experiment, names))[1]
    )
    request = command.StudyRequest(tmp_path / "s.toml", out=tmp_path / "both", workers=1, quiet=True)
    silent = {"stop": lambda: False, "say": lambda text: None}
    both = [threading.Thread(target=command.carry_out, args=(request,), kwargs=silent) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(map(str, done)) == sorted(
        [*(path.stem for path in (tmp_path / "both" / "runs").iterdir()), "1", "2", "3"]
    )


def test_records_without_weights_are_made_again_where_weights_are_wanted(trainer, tmp_path):
    (tmp_path / "s.toml").write_text("weights = false\n" + TWO_RULES)
    assert invoke("study", "s.toml").exit_code == 0
    assert not any(run.weights for run in records(tmp_path / "runs" / "s").values())
    (tmp_path / "s.toml").write_text(TWO_RULES)
    assert invoke("study", "s.toml").exit_code == 0
    assert all(run.weights for run in records(tmp_path / "runs" / "s").values())


def test_baselines_asked_for_later_are_fitted(trainer, tmp_path):
    from neuroperturb.study.table import read

    for asked in ("ridge", "echo state"):
        (tmp_path / "s.toml").write_text(f'baselines = ["{asked}"]\n' + TWO_RULES)
        assert invoke("study", "s.toml").exit_code == 0
        assert any(name.startswith(asked) for name in read(StudyFolder(tmp_path / "runs" / "s")).fits["name"])


def test_a_folder_of_another_project_is_no_study(trainer, tmp_path):
    (tmp_path / "project" / "runs").mkdir(parents=True)
    (tmp_path / "project" / "thesis.tex").write_text("years of work")
    assert "contains other files but no study" in invoke("study", "s.toml", "--out", "project").stderr
    assert {path.name for path in (tmp_path / "project").iterdir()} == {"runs", "thesis.tex"}


def test_divergence_and_failure_stop_nobody_and_are_recorded(trainer, tmp_path, monkeypatch):
    class Troubled(trainer):
        def __iter__(self):
            if self.experiment.training.seed == 1:
                self.diverge_at = 5
            if self.experiment.training.seed == 2:
                raise MemoryError("no room")
            return super().__iter__()

    monkeypatch.setattr(run_one, "Trainer", Troubled)
    result = invoke("study", "s.toml")
    assert result.exit_code == 1, result.output
    assert "2 failed  2 diverged" in result.output
    assert "failed    np, seed=2: MemoryError: no room" in result.output
    folder = tmp_path / "runs" / "s"
    assert sorted(run.status for run in records(folder).values()) == ["diverged", "diverged", "finished", "finished"]
    why = [json.loads(path.read_text()) for path in (folder / "failed").iterdir()]
    assert [w["reason"] for w in why] == ["MemoryError: no room"] * 2
    assert config.Experiment.parse(why[0]["experiment"]).training.seed == 2

    monkeypatch.setattr(run_one, "Trainer", trainer)
    assert invoke("study", "s.toml").exit_code == 1  # a failure stays until it is asked for
    again = invoke("study", "s.toml", "--retry-failed")
    assert again.exit_code == 0, again.output
    assert not any((folder / "failed").iterdir())
    assert sorted(run.status for run in records(folder).values()) == ["diverged"] * 2 + ["finished"] * 4


def test_a_stopped_study_goes_on_in_the_middle_of_its_runs(trainer, tmp_path, monkeypatch):
    assert invoke("study", "s.toml", "--out", "whole").exit_code == 0
    stopped = threading.Event()
    monkeypatch.setattr(trainer, "on_chunk", staticmethod(lambda step: stopped.set() if step == 10 else None))
    request = command.StudyRequest(tmp_path / "s.toml", out=tmp_path / "part", workers=1, quiet=True)
    code = command.carry_out(request, stop=stopped.is_set, say=lambda text: None)
    assert code == terminal.INTERRUPTED
    statuses = [run.status for run in records(tmp_path / "part").values()]
    assert len(statuses) < 6
    assert not any((tmp_path / "part" / "claims").iterdir())
    seen = []
    monkeypatch.setattr(trainer, "on_chunk", staticmethod(seen.append))
    assert invoke("study", "s.toml", "--out", "part").exit_code == 0
    assert len(seen) < 6 * 4
    whole, part = records(tmp_path / "whole"), records(tmp_path / "part")
    assert whole.keys() == part.keys()
    assert all(same_science(whole[name], part[name]) for name in whole)


def test_foreign_and_old_files_are_left_alone_and_damaged_ones_set_aside(trainer, tmp_path):
    assert invoke("study", "s.toml").exit_code == 0
    runs = tmp_path / "runs" / "s" / "runs"
    (runs / "notes.txt").write_text("mine")
    first, second, *_ = sorted(runs.glob("*.nc"))
    old = runs / f"{'0' * 16}.nc"
    old.write_bytes(first.read_bytes())
    second.write_bytes(second.read_bytes()[:1000])
    result = invoke("study", "s.toml")
    assert result.exit_code == 0, result.output
    assert "There is 1 run file in" in result.output
    assert "from another version, or no longer part of any cell: left unchanged." in result.output
    assert "There is 1 file in" in result.output
    assert "is damaged, or was not written by neuroperturb. It was moved to" in " ".join(result.output.split())
    assert (runs / "notes.txt").read_text() == "mine"
    assert old.exists()
    assert len(list(runs.glob("*.damaged-*"))) == 1
    assert load(second).status == "finished"


def test_a_run_of_another_format_is_not_overwritten(trainer, tmp_path):
    import h5py

    assert invoke("study", "s.toml").exit_code == 0
    first = sorted((tmp_path / "runs" / "s" / "runs").glob("*.nc"))[0]
    with h5py.File(first, "r+") as file:
        file.attrs["format_version"] = 99
    result = invoke("study", "s.toml")
    assert result.exit_code == 0, result.output
    assert "has format 99 and this version of neuroperturb reads 1" in " ".join(result.output.split())
    assert "It was moved to" in result.output
    assert len(list(first.parent.glob("*.damaged-*"))) == 1


def test_a_study_without_weights_keeps_its_curves(trainer, tmp_path):
    (tmp_path / "s.toml").write_text("weights = false\n" + TWO_RULES)
    assert invoke("study", "s.toml").exit_code == 0
    run = next(iter(records(tmp_path / "runs" / "s").values()))
    assert (run.weights, run.initial_weights) == ({}, {})
    assert len(run.history) == 2


def test_datasets_are_shared_by_runs_that_differ_in_their_rule(trainer, monkeypatch):
    made, data = [], type(resolve(BASE).task).data
    monkeypatch.setattr(type(resolve(BASE).task), "data", lambda self, *key: made.append(key) or data(self, *key))
    monkeypatch.setattr(run_one, "_datasets", run_one._Datasets())
    assert invoke("study", "s.toml").exit_code == 0
    assert sorted(made) == [(seed, 4) for seed in (1, 2, 3)]


def test_a_search_runs_only_what_it_needs_and_goes_on_from_what_is_there(trainer, tmp_path):
    (tmp_path / "s.toml").write_text(TWO_RULES + "[search]\nover.learning_rate = [0.1, 0.2, 0.3]\nkeep = 1\n")
    result = invoke("study", "s.toml")
    assert result.exit_code == 0, result.output
    assert len(records(tmp_path / "runs" / "s")) == 2 * (3 + 2)


def test_seeds_that_choose_are_not_among_the_rows(trainer, tmp_path):
    search = "[search]\nover.learning_rate = [0.1, 0.2, 0.3]\nseeds = [11, 12]\n"
    (tmp_path / "s.toml").write_text(TWO_RULES + search)
    result = invoke("study", "s.toml")
    assert result.exit_code == 0, result.output
    assert len(records(tmp_path / "runs" / "s")) == 2 * (3 * 2 + 3)
    tables = table.read(StudyFolder(tmp_path / "runs" / "s"))
    assert sorted(set(tables.runs["training.seed"])) == [1, 2, 3] and len(tables.runs) == 2 * 3
    assert sorted(set(tables.search["training.seed"])) == [1, 2, 3, 11, 12]
    assert set(tables.fits["training.seed"]) == {1, 2, 3}


def test_a_checkpoint_does_not_pass_for_a_finished_run(trainer, tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr(run_one, "CHECKPOINT_EVERY", 0.0)
    run_one.work(resolve(BASE), checkpoint=kept.append)
    assert [run.status for run in kept] == ["interrupted"] * 3


def test_a_record_that_cannot_be_written_ends_the_study_in_one_sentence(trainer, tmp_path, monkeypatch):
    def full(self, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Run, "save", full)
    result = invoke("study", "s.toml")
    assert result.exit_code == terminal.BAD_INPUT
    assert "cannot be written to 'runs/s' (No space left on device)" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    monkeypatch.undo()
    assert not any((tmp_path / "runs" / "s" / "claims").iterdir())


def board(finished, running=0, runs=4):
    return Board(
        runs=runs, finished=finished, diverged=0, failed=0, elsewhere=0, running=(("np", None),) * running, best=(), left=1.0,
        failures=(),
    )  # fmt: skip


def said(moments):
    """Lines written for boards shown at some times, as (time, how many were done)."""
    now, heard = [0.0], []
    with contextlib.closing(
        display.Lines(lambda: now[0], lambda line: heard.append((now[0], line.split()[0])))
    ) as show:
        for now[0], shown in moments:
            show(shown)
    return [(at, int(done)) for at, done in heard]


def test_lines_are_few_and_the_last_board_is_always_said():
    assert said([(0.0, board(0)), (0.1, board(1)), (0.2, board(2)), (0.7, board(2)), (0.9, board(4))]) == [
        (0.0, 0), (0.7, 2), (0.9, 4),
    ]  # fmt: skip
    assert said([(0.0, board(4))]) == [(0.0, 4)]
    assert said([]) == []


def test_where_nothing_ends_a_line_comes_now_and_then():
    assert said([(0.2 * k, board(0)) for k in range(126)]) == [(0.0, 0), (10.0, 0), (20.0, 0)]


def test_the_size_and_the_time_left_count_what_a_search_is_going_to_want(trainer, tmp_path):
    (tmp_path / "s.toml").write_text(TWO_RULES + "[search]\nover = {learning_rate = [0.01, 0.02, 0.05]}\nkeep = 2\n")
    one = declaration.load(tmp_path / "s.toml")
    scheduler = Scheduler(one, lay_out(one), StudyFolder(tmp_path / "out"), say=lambda text: None)
    boards = [scheduler.board()]
    threads = Threads(scheduler.folder, 2)
    assert scheduler.run(threads, stop=lambda: False, show=boards.append)
    threads.close()
    # two rules: three rates on the first seed, the better two on the other two; and guessing, once a seed
    assert boards[0].runs == boards[-1].runs == 2 * (3 + 2 * 2) + 3
    assert math.isnan(boards[0].left)
    lefts = [board.left for board in boards if board.finished]
    assert lefts[0] > 0
    assert lefts[-1] == pytest.approx(0.0, abs=1e-9)


def test_the_live_table_shows_what_is_going_on():
    from rich.console import Console

    from neuroperturb.cli import study_display as display

    progress = stand_in.Progress(2, 10, 20, 100, 0.5, 0.4, 1.0, 65.0)
    board = Board(
        runs=40, finished=10, diverged=2, failed=1, elsewhere=1, running=(("np, seed=1", progress), ("anp, seed=1", None)),
        best=(("", 0.25, "np"),), left=3700, failures=(("wp", "why"),),
    )  # fmt: skip
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(display.table(board))
    text = console.export_text()
    for part in (
        "13 of 40 done",
        "2 running",
        "1 elsewhere",
        "1 failed",
        "2 diverged",
        "1 h 01 min left",
        "2/10",
        "1 min 05 s",
    ):
        assert part in text
    assert "best    0.250 np" in text
    assert "failed  wp: why" in text
