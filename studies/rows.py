"""Rows of a results table: every rule at its own best rate, compared with its frozen-recurrence control.

Every row is one rule with a grid of settings. A first look runs the whole grid on the first seeds; its best settings go
on to all seeds, until a few of them hold there (a mean within twice the first look); the setting of least mean validation
loss is chosen; the test data are used once, by the final weights at the chosen setting. The control of a row is the
same rule with W_in and W_rec at their initial values, searched in the same way.

Written to the folder, and continued from there if it is interrupted:

    STUDY_search.csv    validation loss of every setting and seed tried
    STUDY_runs.csv      one line a row and seed, at the chosen setting: validation, test, status, seconds
    STUDY_curves.csv    validation loss while these runs learn
    STUDY_summary.csv, STUDY_summary.md

`--only TEXT` takes the rows whose task and name hold the text; `--again` searches rows anew that are there already, for
instance with a wider grid (what was tried is not run twice).
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from neuroperturb import Experiment, Trainer
from neuroperturb.baselines import EchoState, Ridge

SEEDS = (42, 101, 300, 482, 708)
FROZEN = {"training.frozen": ("W_in", "W_rec")}
ALONE = "not told apart from its control"


class Row(NamedTuple):
    """One line of a table: a rule on a task, what is tried, and the row it is compared with.

    base : table of the experiment; grid : settings to try, dotted keys; control : name of a row of the same task
    first, keep : seeds of the first search, and how many settings that hold on all seeds end the search
    seeds : every one of them is run at the chosen setting
    """

    task: str
    name: str
    base: dict
    grid: list[dict]
    control: str | None = None
    first: int = 2
    keep: int = 3
    seeds: tuple[int, ...] = SEEDS


def grid(**axes) -> list[dict]:
    """Every combination; `__` stands for the dot of a key."""
    keys = [name.replace("__", ".") for name in axes]
    return [dict(zip(keys, values)) for values in itertools.product(*axes.values())]


def frozen(row: Row, **changes) -> Row:
    """The control of a row: the same rule, tried with the same settings unless others are given."""
    name = row.name + ", frozen"
    return row._replace(name=name, control=None, grid=[{**g, **FROZEN} for g in changes.get("grid", row.grid)])


def with_control(row: Row, **changes) -> list[Row]:
    """A row and its control."""
    control = frozen(row, **changes)
    return [control, row._replace(control=control.name)]


# ----------------------------------------------------------------------------------------------------------------------
# Running


class Store:
    """CSV files of one study: what is there already is not done again."""

    def __init__(self, folder: Path, study: str):
        self.folder, self.study = folder, study
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, kind: str) -> Path:
        return self.folder / f"{self.study.replace('-', '_')}_{kind}.csv"

    def read(self, kind: str) -> pd.DataFrame:
        path = self.path(kind)
        return pd.read_csv(path) if path.exists() else pd.DataFrame()

    def add(self, kind: str, lines: list[dict]) -> None:
        path = self.path(kind)
        pd.DataFrame(lines).to_csv(path, mode="a", header=not path.exists(), index=False)

    def drop(self, task: str, rule: str) -> None:
        """Forget the runs of a row, not what its search found."""
        for kind in ("runs", "curves"):
            table = self.read(kind)
            if len(table):
                table[(table.task != task) | (table.rule != rule)].to_csv(self.path(kind), index=False)

    def has(self, task: str, rule: str) -> bool:
        runs = self.read("runs")
        return bool(len(runs)) and ((runs.task == task) & (runs.rule == rule)).any()


def experiment(base: dict, settings: dict, seed: int) -> Experiment:
    """The base table with dotted settings on top."""
    table = json.loads(json.dumps(base))
    for key, value in {**settings, "training.seed": seed}.items():
        *path, last = key.split(".")
        node = table
        for step in path:
            node = node.setdefault(step, {})
        node[last] = value
    return Experiment.parse(table)


@functools.lru_cache(maxsize=12)
def _dataset(task, seed: int, batch_size: int):
    return task.data(seed, batch_size)


def dataset(e: Experiment):
    """Data, shared by runs of the same seed; a weather file is the same for all seeds."""
    seed = 0 if e.task.name == "weather" else e.training.seed
    return _dataset(e.task, seed, e.training.batch_size)


class Trained(NamedTuple):
    trainer: Trainer
    validation: float
    status: str
    seconds: float

    @property
    def score(self) -> float:
        return self.validation if np.isfinite(self.validation) and self.status == "finished" else np.inf


def train(row: Row, settings: dict, seed: int) -> Trained:
    e = experiment(row.base, settings, seed)
    trainer = Trainer(e, dataset=dataset(e))
    start = time.perf_counter()
    for _ in trainer:
        pass
    run = trainer.run()
    return Trained(trainer, float(run.history["validation_loss"].iloc[-1]), run.status, time.perf_counter() - start)


def search(row: Row, store: Store) -> None:
    """Choose a setting on validation; evaluate its final weights on the test data."""
    done: dict[tuple[str, int], tuple[float, Trained | None]] = {}
    before = store.read("search")
    if len(before):
        for line in before[(before.task == row.task) & (before.rule == row.name)].itertuples():
            finite = line.status == "finished" and np.isfinite(line.validation)
            done[line.settings, line.seed] = (line.validation if finite else np.inf), None

    def mean_loss(settings: dict, seeds) -> float:
        text = json.dumps(settings)
        for seed in seeds:
            if (text, seed) in done:
                continue
            trained = train(row, settings, seed)
            done[text, seed] = trained.score, trained
            line = {"task": row.task, "rule": row.name, "settings": text, "seed": seed}
            line |= {"validation": trained.validation, "status": trained.status, "seconds": round(trained.seconds, 3)}
            store.add("search", [line])
        return float(np.mean([done[text, seed][0] for seed in seeds]))

    start = time.perf_counter()
    ranked = sorted(row.grid, key=lambda settings: mean_loss(settings, row.seeds[: row.first]))
    chosen, least, passed = ranked[0], np.inf, 0
    for settings in ranked:
        first, everywhere = mean_loss(settings, row.seeds[: row.first]), np.inf
        if all(mean_loss(settings, [seed]) < 10 * first for seed in row.seeds):
            everywhere = mean_loss(settings, row.seeds)
        if everywhere < least:
            chosen, least = settings, everywhere
        for key in [k for k in done if k[0] != json.dumps(chosen)]:
            done[key] = done[key][0], None  # frees the memory of what is out of the race
        passed += everywhere < 2 * first  # what fails on another seed is no choice: the next in rank is tried
        if passed == row.keep:
            break
    lines, curves, text = [], [], json.dumps(chosen)
    for seed in row.seeds:
        trained = done.get((text, seed), (None, None))[1] or train(row, chosen, seed)
        test = trained.trainer.score(trained.trainer.dataset.test)
        e, history = trained.trainer.experiment, trained.trainer.run().history
        rate = e.rule.optimiser.learning_rate if e.rule.name == "bptt" else e.rule.learning_rate
        common = {"task": row.task, "rule": row.name}
        lines.append({**common, "settings": text, "rate": rate, "seed": seed, "validation": trained.validation,
                      "test": test["loss"], "status": trained.status, "seconds": round(trained.seconds, 3),
                      "control": row.control})  # fmt: skip
        trials = history["epoch"] * getattr(e.task, "trials_per_epoch", len(trained.trainer.dataset.batch(0).inputs))
        curves += [
            {**common, "seed": seed, "presented": t, "validation": v}
            for t, v in zip(trials, history["validation_loss"])
        ]
    store.add("curves", curves)
    store.add("runs", lines)
    tests = np.array([line["test"] for line in lines])
    said = f"test {tests.mean():.3g} median {np.median(tests):.3g} max {tests.max():.3g}"
    print(f"{row.task:22s} {row.name:38s} {said}  {text}  {time.perf_counter() - start:.0f} s", flush=True)


def fitted(rows: list[Row], store: Store) -> None:
    """Guess, persistence, ridge and the echo state of every task: settings chosen on validation inside."""
    for task in dict.fromkeys(row.task for row in rows):
        if store.has(task, "ridge, present input"):
            continue
        row = next(row for row in rows if row.task == task)
        for seed in row.seeds:
            models = _models(row, seed)
            if "weather" in task and seed != row.seeds[0]:  # the data are the same for every seed
                models = {name: f for name, f in models.items() if name.startswith("echo")}
            for name, scores in models.items():
                start = time.perf_counter()
                line = {"task": task, "rule": name, "settings": "{}", "rate": np.nan, "seed": seed, **scores()}
                line |= {"status": "finished", "seconds": round(time.perf_counter() - start, 3), "control": None}
                store.add("runs", [line])
        print(f"{task:22s} baselines done", flush=True)


def _models(row: Row, seed: int) -> dict:
    """What computes the losses of every model that is fitted and not trained."""
    window, units = (48 if "weather" in row.task else 16), row.base["network"]["size"]
    whole = {}  # an echo state is fitted on as many trials as the rules are shown
    if "trials_per_epoch" in row.base["task"]:
        whole = {"task.trials_per_epoch": row.base["task"]["trials_per_epoch"] * row.base["training"]["epochs"]}
    data = dataset(experiment({**row.base, "rule": {"name": "np"}}, whole, seed))
    return {
        **{name: lambda losses=losses: losses for name, losses in data.trivial().items()},
        "ridge, present input": lambda: Ridge(taps=1).scores(data),
        f"ridge, last {window} inputs": lambda: Ridge(taps=window).scores(data),
        f"echo state, {units} units": lambda: EchoState(units=units).scores(data, seed),
    }


# ----------------------------------------------------------------------------------------------------------------------
# Looking


def paired_interval(difference: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Student's interval of the mean of paired differences."""
    from scipy.stats import t

    n = len(difference)
    half = t.ppf(0.5 + level / 2, n - 1) * difference.std(ddof=1) / np.sqrt(n)
    return difference.mean() - half, difference.mean() + half


def summary(store: Store) -> pd.DataFrame:
    """One line a row: test over seeds, and the paired interval of its difference to the control."""
    runs, lines = store.read("runs"), []
    for (task, rule), part in runs.groupby(["task", "rule"], sort=False):
        test = part.test.to_numpy()
        line = {"task": task, "rule": rule, "seeds": len(part), "validation": part.validation.mean()}
        line |= {"test": test.mean(), "median": np.median(test), "least": test.min(), "greatest": test.max()}
        line |= {"diverged": int((part.status == "diverged").sum()), "settings": part.settings.iloc[0]}
        control = part.control.iloc[0]
        if isinstance(control, str) and (runs.rule == control).any():  # a control may not have run yet
            other = runs[(runs.task == task) & (runs.rule == control)].set_index("seed").test
            paired = part.set_index("seed").test - other
            low, high = paired_interval(paired.to_numpy())
            verdict = ALONE if low <= 0 <= high else "below the control" if high < 0 else "above the control"
            verdict = verdict if np.isfinite(low + high) else "diverged"
            line |= {"control": control, "difference": paired.mean(), "low": low, "high": high, "verdict": verdict}
        lines.append(line)
    table = pd.DataFrame(lines)
    return table.reindex(columns=[*table.columns, *(c for c in COMPARED if c not in table.columns)])


COMPARED = ("control", "difference", "low", "high", "verdict")  # there may be no row with a control


def markdown(table: pd.DataFrame) -> str:
    """The summary as one Markdown table a task."""
    text = []
    for task, part in table.groupby("task", sort=False):
        head = "| row | test mean | median | least … greatest | minus frozen control, 95 % | reading |"
        text += [f"### {task}\n", head, "|---|---|---|---|---|---|"]
        for line in part.itertuples():
            compared = isinstance(line.verdict, str)
            interval = f"{line.difference:+.2g} [{line.low:+.2g}, {line.high:+.2g}]" if compared else ""
            diverged = f" ({line.diverged} diverged)" if line.diverged else ""
            one = line.least == line.greatest
            spread = "" if one else f"{line.least:.3g} … {line.greatest:.3g}"
            reading = line.verdict if compared else ""
            text.append(
                f"| {line.rule}{diverged} | {line.test:.3g} | {line.median:.3g} | {spread} | {interval} | {reading} |"
            )
        text.append("")
    return "\n".join(text)


def tables(store: Store) -> None:
    """Write the summary, and put its table in its place in the README."""
    if not len(store.read("runs")):
        return
    table = summary(store)
    table.to_csv(store.path("summary"), index=False)
    text, readme = markdown(table), store.folder / "README.md"
    store.path("summary").with_suffix(".md").write_text(text, encoding="utf-8")
    begin, end = f"<!-- {store.study} -->\n", f"<!-- end of {store.study} -->"
    if readme.exists() and begin in (page := readme.read_text(encoding="utf-8")):
        before, rest = page.split(begin)
        readme.write_text(before + begin + text + end + rest.split(end)[1], encoding="utf-8")


def main(doc: str, studies: dict, out: Path, draw=None, rules_only: tuple[str, ...] = ()) -> None:
    """The command line of a study script.

    studies : name → function that gives its rows;  draw : figures of a folder
    rules_only : studies without the models that are fitted, such as ridge and the echo state
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("study", choices=[*studies, "figures"])
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument("--only", default="", help="rows whose task and name hold this")
    parser.add_argument("--again", action="store_true", help="search these rows again")
    args = parser.parse_args()
    if args.study == "figures":
        for study in studies:
            tables(Store(args.out, study))
        return draw(args.out) if draw else None
    store, rows = Store(args.out, args.study), studies[args.study]()
    if args.study not in rules_only and not args.only:
        fitted(rows, store)
    for row in rows:
        if args.only in f"{row.task} {row.name}" and (args.again or not store.has(row.task, row.name)):
            store.drop(row.task, row.name)
            search(row, store)
    tables(store)
