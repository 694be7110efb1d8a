"""Search of settings by Optuna: in every cell of a study, between the ends that `[tune]` names, by validation loss.

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
from typing import Any

from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.toml import resolve
from neuroperturb.results.file import RecordError
from neuroperturb.results.run import Run
from neuroperturb.spec import InputError
from neuroperturb.study import run_name, tune_report
from neuroperturb.study.declaration import Study, apply
from neuroperturb.study.grid import Cell
from neuroperturb.study.labels import value_label
from neuroperturb.study.leases import Leases
from neuroperturb.study.run_one import work
from neuroperturb.study.store import StudyFolder
from neuroperturb.study.tune_table import Tune, parse
from neuroperturb.study.workers import Job, Keeping

WAIT = 0.5  # seconds between two looks for the run of another process
DATABASE = "tune.db"


class Stopped(Exception):
    """The person, or the system, wants this to stop."""


def tune(
    study: Study, cells: list[Cell], folder: StudyFolder, *, storage: str | None, trials: int | None, workers: int,
    stop: Callable[[], bool], say: Callable[[str], None],
) -> int | None:  # fmt: skip
    """Search every cell in turn; how many have no trial that ended well, None if it was stopped.

    With one worker, the same trials each time.
    """
    asked = parse(study)
    optuna = _optuna()
    _check(study, cells, asked)
    folder.make()
    url = storage or f"sqlite:///{(folder.root / DATABASE).resolve()}"
    search = OptunaSearch(optuna, study, asked._replace(trials=trials or asked.trials), folder, stop)
    tables, empty = [], 0
    with _Quiet(optuna):
        for cell in cells:
            if cell.control:
                continue
            searched = search.run(cell, url, workers)
            say(search.result(cell, searched))
            empty += not search.states(searched).count(search.COMPLETE)
            tables.append(tune_report.trials(asked, cell.label, searched))
            tune_report.write(folder.root, tables)
            if stop():
                break
    return None if stop() else empty


class OptunaSearch:
    """The search of one cell after the other.

    Parameters
    ----------
    optuna : the library
    study : Study;  asked : its table `[tune]`, read
    folder : StudyFolder, where runs are kept
    stop : asked between two chunks of training
    """

    def __init__(self, optuna, study: Study, asked: Tune, folder: StudyFolder, stop: Callable[[], bool]):
        self.optuna, self.study, self.asked, self.folder, self.stop = optuna, study, asked, folder, stop
        self.leases = Leases(folder.claims)
        self.COMPLETE, self.PRUNED = optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED

    def run(self, cell: Cell, url: str, workers: int):
        """One cell: an Optuna study of its own, with as many trials as are missing."""
        searched = self._opened(cell, url)
        before = self.states(searched)
        # Going on, a sampler must not draw again what it drew before.
        searched.sampler = self.optuna.samplers.TPESampler(seed=(int(cell.key, 16) + len(before)) % 2**32)
        left = max(self.asked.trials - before.count(self.COMPLETE) - before.count(self.PRUNED), 0)
        try:
            searched.optimize(lambda trial: self._mean_loss(searched, trial, cell), n_trials=left, n_jobs=workers)
        except Stopped:
            pass
        finally:
            self.leases.give_all()
        return searched

    def states(self, searched) -> list:
        """Of every trial."""
        return [trial.state for trial in searched.get_trials(deepcopy=False)]

    def result(self, cell: Cell, searched) -> str:
        """What came of a cell, in a line."""
        complete, pruned = (self.states(searched).count(state) for state in (self.COMPLETE, self.PRUNED))
        head = f"{cell.label or 'all'}: {complete} trials, {pruned} given up early"
        if not complete:
            return f"{head}; none ended well"
        settings = tune_report.settings_of(self.asked, searched.best_params)
        best = ", ".join(f"{key} {value_label(value)}" for key, value in settings.items())
        return f"{head}; best validation loss {searched.best_value:.3g} at {best}"

    def _opened(self, cell: Cell, url: str):
        try:
            return self.optuna.create_study(
                storage=url, study_name=f"{self.study.name} {cell.label} [{self._key(cell)}]", load_if_exists=True,
                direction="minimize", pruner=self.optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
            )  # fmt: skip
        except Exception as error:  # whatever the database's library raises
            raise InputError(
                f"The '--storage' option names {url!r}, which cannot be opened ({_first_line(error)})."
            ) from None

    def _key(self, cell: Cell) -> str:
        """Of everything that a trial's value depends on: another base, other sources, ends or seeds are another search."""
        over = self.asked.over
        ends = {key: one.ends[0] for key, one in over.items()}
        seeds = cell.seeds[: self.asked.seeds]
        names = [run_name.name(_experiment(self.study, cell, ends, seed)) for seed in seeds]
        return run_name.digest([cell.key, names, {key: list(one) for key, one in over.items()}])

    def _mean_loss(self, searched, trial, cell: Cell) -> float:
        """What Optuna makes small: the validation loss of one setting, over its seeds."""
        settings = {key: one.draw(trial, key) for key, one in self.asked.over.items()}
        losses = []
        for number, seed in enumerate(cell.seeds[: self.asked.seeds]):
            experiment = _experiment(self.study, cell, settings, seed)
            try:
                losses.append(self._loss(trial, number, Job(run_name.name(experiment), cell.label, experiment)))
            except Stopped:
                searched.enqueue_trial(trial.params)  # first in line next time, from its checkpoint
                raise
        return sum(losses) / len(losses)

    def _loss(self, trial, number: int, job: Job) -> float:
        """Validation loss of one run: known, or run now; Optuna follows the first seed epoch by epoch."""
        known = self.folder.outcome(job.name)
        while known is None and not self.leases.take(job.name):  # somebody else has it: their run is ours
            if self.stop():
                raise Stopped
            time.sleep(WAIT)
            known = self.folder.outcome(job.name)
        try:
            known = known or self.folder.outcome(job.name)  # they may have kept it just before the lease was ours
            if known is None:
                self._run(trial, number, job)
                known = self.folder.outcome(job.name)
        finally:
            self.leases.give(job.name)
        loss = known.validation if known.status == "finished" else math.nan
        if not math.isfinite(loss):
            raise self.optuna.TrialPruned  # it diverged: the worst there is, and no number
        return loss

    def _run(self, trial, number: int, job: Job) -> None:
        """One run, kept; raises what Optuna, or the search, should know of one that did not come to its end."""
        reported = {"epoch": 0, "pruned": False}

        def report(progress) -> None:
            self.leases.touch()
            if number == 0 and progress.epoch > reported["epoch"] and math.isfinite(progress.validation):
                reported["epoch"] = progress.epoch
                trial.report(progress.validation, progress.epoch)
                reported["pruned"] = trial.should_prune()

        try:
            resume = self.folder.checkpoint(job.name)
            run = work(job.experiment, resume=resume, stop=lambda: self.stop() or reported["pruned"], report=report)
        except Exception as error:
            Keeping(self.folder, job).failure(error)
            raise self.optuna.TrialPruned from None  # the reason is kept, and said at the end
        _keep(self.folder, job.name, run, reported["pruned"])
        if run.status == "interrupted":
            raise self.optuna.TrialPruned if reported["pruned"] else Stopped


def _experiment(study: Study, cell: Cell, settings: dict[str, Any], seed: dict[str, Any]) -> Experiment:
    return resolve(apply(study.base, {**cell.settings, **cell.point, **settings, **seed}), folder=study.folder)


def _check(study: Study, cells: list[Cell], asked: Tune) -> None:
    """Every end and every choice makes an experiment in every cell: what is wrong is said before anything runs."""
    most = max(len(one.ends) for one in asked.over.values())
    for cell, k in itertools.product(cells, range(most)):
        settings = {key: one.ends[k % len(one.ends)] for key, one in asked.over.items()}
        try:
            _experiment(study, cell, settings, cell.seeds[0])
        except InputError as error:
            where = f"In the cell ({cell.label}) of the search: " if cell.label else ""
            raise InputError(where + str(error)) from None


def _keep(folder: StudyFolder, name: str, run: Run, pruned: bool) -> None:
    """A run that ended, or a checkpoint to go on from; of a run given up there is nothing to keep."""
    if pruned and run.status == "interrupted":
        return
    try:
        folder.save(name, run)
    except Exception as error:  # h5py reports a full disk in any way it can
        raise RecordError(f"Results cannot be written to {str(folder.root)!r} ({_first_line(error)}).") from None


def _optuna():
    try:
        import optuna
    except ImportError:
        raise InputError(
            "The command 'tune' needs Optuna, which is not installed: pip install 'neuroperturb[tune]'."
        ) from None
    return optuna


class _Quiet:
    """Optuna prints a line a trial, and a traceback where one was stopped; the sentences here are ours."""

    def __init__(self, optuna):
        self._logging = optuna.logging

    def __enter__(self):
        self._before = self._logging.get_verbosity()
        self._logging.set_verbosity(self._logging.ERROR)

    def __exit__(self, *_):
        self._logging.set_verbosity(self._before)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
