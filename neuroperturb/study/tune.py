"""Search of settings by Optuna: in every cell of a study, between the ends that `[tune]` names, by validation loss.

    [tune]
    trials = 40                                             settings tried in each cell
    seeds = 1                                               of the study's, each setting is tried on the first so many
    over.learning_rate = { low = 1e-4, high = 1.0, log = true }
    over.rule.noise_std = { low = 1e-3, high = 0.3, log = true }
    over.decorrelation.rate = [0.0, 1e-6, 1e-5]             a list is a choice

    setting ─▶ a run a seed (a file like any other run's) ─▶ mean validation loss ─▶ Optuna, in a database

A run is stopped early where its validation loss, epoch by epoch, is above the median of the trials before it. Every finished run is
kept under its name, so a setting met again costs nothing; trials are in the database, so the same command goes on where it was
stopped, and with a database that several machines reach they search together.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from neuroperturb.experiment.experiment import Experiment
from neuroperturb.experiment.toml import resolve
from neuroperturb.results.file import RecordError
from neuroperturb.results.run import Run
from neuroperturb.spec import SpecError, suggest
from neuroperturb.study import run_name as identity
from neuroperturb.study.declaration import Study, apply
from neuroperturb.study.grid import Cell
from neuroperturb.study.labels import words
from neuroperturb.study.leases import Claims
from neuroperturb.study.run_one import work
from neuroperturb.study.store import Folder, write_text
from neuroperturb.study.workers import Job, Keeping

KEYS = ("trials", "seeds", "over")
LOOK_EVERY = 0.5  # seconds between two looks at what another process does
DATABASE, TABLE = "tune.db", "tune.csv"


class Range(NamedTuple):
    """Numbers between two ends, in equal ratios where `log`; whole ones where both ends are."""

    low: float
    high: float
    log: bool = False

    @property
    def ends(self) -> tuple:
        return self.low, self.high

    def draw(self, trial, key: str) -> float:
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        suggest_one = trial.suggest_int if whole else trial.suggest_float
        return suggest_one(key, self.low, self.high, log=self.log)


class Choice(NamedTuple):
    """One of several values."""

    values: tuple

    @property
    def ends(self) -> tuple:
        return self.values

    def draw(self, trial, key: str) -> Any:
        """Values go to the database by number: it knows no tables."""
        return self.values[trial.suggest_categorical(key, list(range(len(self.values))))]


class Tune(NamedTuple):
    """What is searched."""

    trials: int
    seeds: int
    over: dict[str, Range | Choice]


class Stopped(Exception):
    """The person, or the system, wants this to stop."""


def parse(study: Study) -> Tune:
    """The `[tune]` table of a study; raises SpecError in one sentence."""
    table = study.tune
    if table is None:
        raise SpecError(f"The 'tune' parameter of study {study.name!r} is missing: there is nothing to search.")
    for key in table:
        if key not in KEYS:
            raise SpecError(f"Unknown key 'tune.{key}' in a study. {suggest(key, KEYS)}")
    numbers = {}
    for key, default in (("trials", 40), ("seeds", 1)):
        numbers[key] = table.get(key, default)
        if not isinstance(numbers[key], int) or isinstance(numbers[key], bool) or numbers[key] < 1:
            raise SpecError(
                f"The 'tune.{key}' parameter of a study must be a whole number, 1 or more. Got {numbers[key]!r} instead."
            )
    over = dict(_ranges(table.get("over"), "tune.over", ""))
    if not over:
        raise SpecError("The 'tune.over' parameter of a study must name at least one key. Got none.")
    said = {key for grid in study.grids for key in (*grid.settings, *(k for axis in grid.axes for k in axis.keys))}
    for key in over:
        if key in said:
            raise SpecError(f"The key {key!r} is set twice, by the study and by 'tune': leave one of them out.")
    return Tune(over=over, **numbers)


def tune(
    study: Study, cells: list[Cell], folder: Folder, *, storage: str | None, trials: int | None, workers: int,
    stop: Callable[[], bool], say: Callable[[str], None],
) -> int | None:  # fmt: skip
    """Search every cell in turn; how many have no trial that ended well, None if it was stopped.

    With one worker, the same trials each time.
    """
    optuna = _optuna()
    asked = parse(study)
    _check(study, cells, asked)
    folder.make()
    url = storage or f"sqlite:///{(folder.root / DATABASE).resolve()}"
    tables, empty = [], 0
    with _quiet(optuna):
        for cell in cells:
            if cell.control:
                continue
            searched = _search(
                optuna, study, cell, asked._replace(trials=trials or asked.trials), folder, url, workers, stop
            )
            say(_result(optuna, cell, searched))
            empty += not _complete(optuna, searched)
            tables.append(searched.trials_dataframe(("number", "value", "state", "params")).assign(cell=cell.label))
            if stop():
                break
    if tables:
        import pandas as pd

        write_text(folder.root / TABLE, pd.concat(tables).to_csv(index=False))
    return None if stop() else empty


def _search(
    optuna, study: Study, cell: Cell, asked: Tune, folder: Folder, url: str, workers: int, stop: Callable[[], bool]
):
    """One cell: an Optuna study of its own, with as many trials as are missing."""
    try:
        searched = optuna.create_study(
            storage=url, study_name=f"{study.name} {cell.label} [{_key(study, cell, asked)}]", load_if_exists=True, direction="minimize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
        )  # fmt: skip
    except Exception as error:
        raise SpecError(
            f"The '--storage' option names {url!r}, which cannot be opened ({_first_line(error)})."
        ) from None
    before = [trial.state for trial in searched.get_trials(deepcopy=False)]
    done = before.count(optuna.trial.TrialState.COMPLETE) + before.count(optuna.trial.TrialState.PRUNED)
    # Going on, a sampler must not draw again what it drew before.
    searched.sampler = optuna.samplers.TPESampler(seed=(int(cell.key, 16) + len(before)) % 2**32)
    claims = Claims(folder.claims)

    def objective(trial) -> float:
        settings = {key: one.draw(trial, key) for key, one in asked.over.items()}
        losses = []
        for number, seed in enumerate(cell.seeds[: asked.seeds]):
            made = _experiment(study, cell, settings, seed)
            try:
                losses.append(_loss(optuna, trial, number, Job("", cell.label, made), folder, claims, stop))
            except Stopped:
                searched.enqueue_trial(trial.params)  # first in line next time, from its checkpoint
                raise
        return sum(losses) / len(losses)

    try:
        left = max(asked.trials - done, 0)
        searched.optimize(objective, n_trials=left, n_jobs=workers)
    except Stopped:
        pass
    finally:
        claims.give_all()
    return searched


def _key(study: Study, cell: Cell, asked: Tune) -> str:
    """Of everything that a trial's value depends on: another base, other sources, ends or seeds are another search."""
    ends = {key: one.ends[0] for key, one in asked.over.items()}
    names = [identity.name(_experiment(study, cell, ends, seed)) for seed in cell.seeds[: asked.seeds]]
    return identity.digest([cell.key, names, {key: list(one) for key, one in asked.over.items()}])


def _experiment(study: Study, cell: Cell, settings: dict[str, Any], seed: dict[str, Any]) -> Experiment:
    return resolve(apply(study.base, {**cell.settings, **cell.point, **settings, **seed}), folder=study.folder)


def _check(study: Study, cells: list[Cell], asked: Tune) -> None:
    """Every end and every choice makes an experiment in every cell: what is wrong is said before anything runs."""
    most = max(len(one.ends) for one in asked.over.values())
    for cell, k in itertools.product(cells, range(most)):
        settings = {key: one.ends[k % len(one.ends)] for key, one in asked.over.items()}
        try:
            _experiment(study, cell, settings, cell.seeds[0])
        except SpecError as error:
            where = f"In the cell ({cell.label}) of the search: " if cell.label else ""
            raise SpecError(where + str(error)) from None


def _loss(optuna, trial, number: int, job: Job, folder: Folder, claims: Claims, stop: Callable[[], bool]) -> float:
    """Validation loss of one run: known, or run now; told to Optuna epoch by epoch on the first seed."""
    name = identity.name(job.experiment)
    job = job._replace(name=name)
    known = folder.outcome(name)
    while known is None and not claims.take(name):  # somebody else has it: their run is ours
        if stop():
            raise Stopped
        time.sleep(LOOK_EVERY)
        known = folder.outcome(name)
    try:
        known = known or folder.outcome(name)  # they may have kept it just before the claim was ours
        if known is None:
            _run(optuna, trial, number, job, folder, claims, stop)
            known = folder.outcome(name)
    finally:
        claims.give(name)
    loss = known.validation if known.status == "finished" else math.nan
    if not math.isfinite(loss):
        raise optuna.TrialPruned  # it diverged: the worst there is, and no number
    return loss


def _run(optuna, trial, number: int, job: Job, folder: Folder, claims: Claims, stop: Callable[[], bool]) -> None:
    """One run, kept; raises what Optuna, or the search, should know of one that did not come to its end."""
    told = {"epoch": 0, "pruned": False}

    def tell(progress) -> None:
        claims.touch()
        if number == 0 and progress.epoch > told["epoch"] and math.isfinite(progress.validation):
            told["epoch"] = progress.epoch
            trial.report(progress.validation, progress.epoch)
            told["pruned"] = trial.should_prune()

    try:
        resume = folder.checkpoint(job.name)
        run = work(job.experiment, resume=resume, stop=lambda: stop() or told["pruned"], tell=tell)
    except Exception as error:
        Keeping(folder, job).failure(error)
        raise optuna.TrialPruned from None  # the reason is kept, and said at the end
    _keep(folder, job.name, run, told["pruned"])
    if run.status == "interrupted":
        raise optuna.TrialPruned if told["pruned"] else Stopped


def _keep(folder: Folder, name: str, run: Run, pruned: bool) -> None:
    """A run that ended, or a checkpoint to go on from; of a run given up there is nothing to keep."""
    if pruned and run.status == "interrupted":
        return
    try:
        folder.save(name, run)
    except Exception as error:
        raise RecordError(f"Results cannot be written to {str(folder.root)!r} ({_first_line(error)}).") from None


def _complete(optuna, searched) -> bool:
    return any(trial.state == optuna.trial.TrialState.COMPLETE for trial in searched.get_trials(deepcopy=False))


def _result(optuna, cell: Cell, searched) -> str:
    trials = searched.get_trials(deepcopy=False)
    states = [trial.state for trial in trials]
    complete, pruned = (states.count(s) for s in (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED))
    head = f"{cell.label or 'all'}: {complete} trials, {pruned} given up early"
    if not complete:
        return f"{head}; none ended well"
    best = ", ".join(f"{key} {words(value)}" for key, value in searched.best_params.items())
    return f"{head}; best validation loss {searched.best_value:.3g} at {best}"


def _ranges(table: Any, where: str, prefix: str):
    """Dotted keys of nested tables, each a range or a choice."""
    if not isinstance(table, dict):
        raise SpecError(f"The {where!r} parameter of a study must be a table. Got {table!r} instead.")
    for key, value in table.items():
        name = prefix + key
        if isinstance(value, list) and value:
            yield name, Choice(tuple(value))
        elif isinstance(value, dict) and {"low", "high"} <= value.keys():
            yield name, _range(value, f"tune.over.{name}")
        elif isinstance(value, dict):
            yield from _ranges(value, where, name + ".")
        else:
            raise SpecError(
                f"The 'tune.over.{name}' parameter of a study must be a list, or have 'low' and 'high'. Got {value!r} instead."
            )


def _range(table: dict, where: str) -> Range:
    for key in table:
        if key not in Range._fields:
            raise SpecError(f"Unknown key '{where}.{key}' in a study. {suggest(key, Range._fields)}")
    made = Range(**table)
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in made[:2])
    if not numbers or not made.low < made.high or (made.log and made.low <= 0):
        raise SpecError(
            f"The {where!r} parameter of a study must have low < high, both above 0 where 'log'. Got {table!r} instead."
        )
    return made


def _optuna():
    try:
        import optuna
    except ImportError:
        raise SpecError(
            "The command 'tune' needs Optuna, which is not installed: pip install 'neuroperturb[tune]'."
        ) from None
    return optuna


class _quiet:
    """Optuna prints a line a trial; the sentences here are ours."""

    def __init__(self, optuna):
        self._logging = optuna.logging

    def __enter__(self):
        self._before = self._logging.get_verbosity()
        self._logging.set_verbosity(self._logging.WARNING)

    def __exit__(self, *_):
        self._logging.set_verbosity(self._before)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
