"""Hyperparameter search with Optuna: in every cell of a study, within the ranges of `[tune]`, by validation loss.

    setting ─▶ a run per seed (a file like any other run's) ─▶ mean validation loss ─▶ Optuna, in a database

A run is pruned if its validation loss in an epoch is above the median of the trials before it. Every finished run is saved under its
name, so a repeated setting costs nothing; trials are in the database, so the same command resumes where it was stopped, and with a
shared database several machines search together.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hardware_models.costs.units import counted
from hardware_models.saving.atomic import sync_folder
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.toml import resolve
from neuroperturb.results.file import RecordError
from neuroperturb.results.run import Run
from neuroperturb.spec import InputError
from neuroperturb.study import run_name, tune_report
from neuroperturb.study.declaration import Study, apply
from neuroperturb.study.earlier_search import take_over
from neuroperturb.study.grid import Cell
from neuroperturb.study.labels import value_label
from neuroperturb.study.leases import Leases
from neuroperturb.study.run_one import work
from neuroperturb.study.store import StudyFolder
from neuroperturb.study.tune_table import Tune, parse
from neuroperturb.study.workers import Job, Keeping

WAIT = 0.5  # seconds between two checks for the run of another process
DATABASE = "tune.db"


class Stopped(Exception):
    """The user, or the system, has requested a stop."""


def tune(
    study: Study, cells: list[Cell], folder: StudyFolder, *, storage: str | None, trials: int | None, workers: int,
    stop: Callable[[], bool], say: Callable[[str], None],
) -> int | None:  # fmt: skip
    """Search every cell in turn; return the number of cells without a successful trial, None if it was stopped.

    With one worker, the search is reproducible.
    """
    asked = parse(study)
    optuna = _optuna()
    _check(study, cells, asked)
    folder.make()
    folder.tidy_trials()
    if storage is None:
        _make_database(optuna, (folder.root / DATABASE).resolve())
    url = storage or f"sqlite:///{(folder.root / DATABASE).resolve()}"
    search = OptunaSearch(optuna, study, asked._replace(trials=trials or asked.trials), folder, stop, say)
    tables, empty = [], 0
    with _Quiet(optuna), closed_after(_opened(optuna, url)) as kept:
        for cell in cells:
            if cell.control:
                continue
            searched = search.run(cell, kept, workers)
            say(search.result(cell, searched))
            empty += not search.states(searched).count(search.COMPLETE)
            tables.append(tune_report.trials(asked, cell.label, searched))
            tune_report.write(folder.root, tables)
            if stop():
                break
    return None if stop() else empty


class OptunaSearch:
    """The search, one cell after the other.

    Parameters
    ----------
    optuna : the library
    study : Study;  asked : its table `[tune]`, read
    folder : StudyFolder, where runs are kept
    stop : asked between two chunks of training
    say : called with sentences that the user should see
    """

    def __init__(
        self, optuna, study: Study, asked: Tune, folder: StudyFolder, stop: Callable[[], bool], say: Callable[[str], None],
    ):  # fmt: skip
        self.optuna, self.study, self.asked, self.folder, self.stop, self.say = optuna, study, asked, folder, stop, say
        self.leases = Leases(folder.claims)
        self.COMPLETE, self.PRUNED = optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED

    def run(self, cell: Cell, storage, workers: int):
        """One cell: a separate Optuna study, with as many trials as are missing."""
        searched = self._study_of(cell, storage)
        taken = take_over(self.optuna, searched, storage, self.asked.over, lambda params: self._recorded(cell, params))
        if taken:
            self.say(
                f"{cell.label or 'all'}: continues the {taken} trials of a search that an earlier version named otherwise"
            )
        before = self.states(searched)
        # On resuming, a sampler must not repeat its earlier draws.
        searched.sampler = self.optuna.samplers.TPESampler(seed=(int(cell.key, 16) + len(before)) % 2**32)
        left = max(self.asked.trials - before.count(self.COMPLETE) - before.count(self.PRUNED), 0)
        try:
            searched.optimize(lambda trial: self._mean_loss(searched, trial, cell), n_trials=left, n_jobs=workers)
        except Stopped:
            pass
        except Exception as error:
            if not self._is_of_the_database(error):
                raise
            raise RecordError(
                f"Trials cannot be kept in {str(storage.engine.url)!r} ({_first_line(error)}): those that are there are whole, and the same "
                "command goes on."
            ) from None
        finally:
            self.leases.give_all()
        return searched

    def states(self, searched) -> list:
        """States of all trials."""
        return [trial.state for trial in searched.get_trials(deepcopy=False)]

    def result(self, cell: Cell, searched) -> str:
        """The result of a cell, in a line."""
        complete, pruned = (self.states(searched).count(state) for state in (self.COMPLETE, self.PRUNED))
        head = f"{cell.label or 'all'}: {counted(complete, 'trial')}, {pruned} pruned"
        if not complete:
            return f"{head}; none succeeded"
        settings = tune_report.settings_of(self.asked, searched.best_params)
        best = ", ".join(f"{key} {value_label(value)}" for key, value in settings.items())
        return f"{head}; best validation loss {searched.best_value:.3g} at {best}"

    def _is_of_the_database(self, error: Exception) -> bool:
        """Whether an error is of what trials are kept in: no room, damaged, gone."""
        storage = isinstance(error, self.optuna.exceptions.StorageInternalError)
        return storage or type(error).__module__.split(".")[0] in ("sqlalchemy", "sqlite3")

    def _study_of(self, cell: Cell, storage):
        try:
            return self.optuna.create_study(
                storage=storage, study_name=f"{self.study.name} {cell.label} [{self._key(cell)}]", load_if_exists=True,
                direction="minimize", pruner=self.optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
            )  # fmt: skip
        except Exception as error:  # one that can be read, and not written
            raise _unusable(str(storage.engine.url), error) from None

    def _key(self, cell: Cell) -> str:
        """Digest of everything that a trial's value depends on: another base, code, range or seed is another search."""
        over = self.asked.over
        ends = {key: one.ends[0] for key, one in over.items()}
        seeds = cell.seeds[: self.asked.seeds]
        names = [run_name.name(_experiment(self.study, cell, ends, seed)) for seed in seeds]
        return run_name.digest([cell.key, names, {key: list(one) for key, one in over.items()}])

    def _recorded(self, cell: Cell, params: Mapping[str, Any]) -> float | None:
        """The validation loss of a setting out of the runs in the folder; None where one is missing."""
        losses = []
        for seed in cell.seeds[: self.asked.seeds]:
            settings = {key: one.value(params[key]) for key, one in self.asked.over.items()}
            known = self.folder.outcome(run_name.name(_experiment(self.study, cell, settings, seed)))
            if known is None or known.status != "finished":
                return None
            losses.append(known.validation)
        return sum(losses) / len(losses)

    def _mean_loss(self, searched, trial, cell: Cell) -> float:
        """The objective that Optuna minimises: the validation loss of one setting, averaged over its seeds."""
        settings = {key: one.draw(trial, key) for key, one in self.asked.over.items()}
        losses = []
        for number, seed in enumerate(cell.seeds[: self.asked.seeds]):
            experiment = _experiment(self.study, cell, settings, seed)
            try:
                losses.append(self._loss(trial, number, Job(run_name.name(experiment), cell.label, experiment)))
            except Stopped:
                searched.enqueue_trial(trial.params)  # first in the queue next time, from its checkpoint
                raise
        return sum(losses) / len(losses)

    def _loss(self, trial, number: int, job: Job) -> float:
        """Validation loss of one run: known, or run now; Optuna follows the first seed epoch by epoch."""
        known = self.folder.sound(job.name, self.say)
        while known is None and not self.leases.take(job.name):  # somebody else has it: their run is ours
            if self.stop():
                raise Stopped
            time.sleep(WAIT)
            known = self.folder.sound(job.name, self.say)
        try:
            known = known or self.folder.sound(
                job.name, self.say
            )  # they may have kept it just before the lease was ours
            if known is None:
                self._run(trial, number, job)
                known = self.folder.outcome(job.name)
        finally:
            self.leases.give(job.name)
        loss = known.validation if known.status == "finished" else math.nan
        if not math.isfinite(loss):
            raise self.optuna.TrialPruned  # it diverged: no finite value to report
        return loss

    def _run(self, trial, number: int, job: Job) -> None:
        """Do one run and save it; raises for Optuna, or the search, if it did not finish."""
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
            raise self.optuna.TrialPruned from None  # the reason is saved, and reported at the end
        _keep(self.folder, job.name, run, reported["pruned"])
        if run.status == "interrupted":
            raise self.optuna.TrialPruned if reported["pruned"] else Stopped


def _experiment(study: Study, cell: Cell, settings: dict[str, Any], seed: dict[str, Any]) -> Experiment:
    return resolve(apply(study.base, {**cell.settings, **cell.point, **settings, **seed}), folder=study.folder)


def _check(study: Study, cells: list[Cell], asked: Tune) -> None:
    """Build an experiment for every bound and every choice in every cell, so that errors are reported before anything runs."""
    most = max(len(one.ends) for one in asked.over.values())
    for cell, k in itertools.product(cells, range(most)):
        settings = {key: one.ends[k % len(one.ends)] for key, one in asked.over.items()}
        try:
            _experiment(study, cell, settings, cell.seeds[0])
        except InputError as error:
            where = f"In the cell ({cell.label}) of the search: " if cell.label else ""
            raise InputError(where + str(error)) from None


def _keep(folder: StudyFolder, name: str, run: Run, pruned: bool) -> None:
    """Save a finished run, or a checkpoint to resume from; a pruned run is not saved."""
    if pruned and run.status == "interrupted":
        return
    try:
        folder.save(name, run)
    except OSError as error:
        raise RecordError(f"Results cannot be written to {str(folder.root)!r} ({_first_line(error)}).") from None


def storage_at(optuna: Any, url: str) -> Any:
    """Storage of trials. A file is opened for every transaction and closed after it, also one that fails, or is in a thread that ends."""
    from sqlalchemy.pool import NullPool

    return optuna.storages.RDBStorage(url, {"poolclass": NullPool} if url.startswith("sqlite") else {})


def _opened(optuna, url: str):
    try:
        return storage_at(optuna, url)
    except Exception as error:  # any error of the database's library
        raise _unusable(url, error) from None


def _unusable(url: str, error: Exception) -> InputError:
    return InputError(f"The '--storage' option names {url!r}, which cannot be opened ({_first_line(error)}).")


@contextlib.contextmanager
def closed_after(storage) -> Iterator[Any]:
    """A storage of trials, which does not close its database by itself."""
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _make_database(optuna, path: Path) -> None:
    """Create the database completely or not at all: with a full disk, SQLite leaves tables without their indices, and trials are lost."""
    if path.exists():
        return
    part = path.with_name(f".{path.name}.part-{uuid.uuid4().hex[:8]}")
    try:
        with closed_after(storage_at(optuna, f"sqlite:///{part}")):
            pass  # its tables are made
        _give_name(part, path)
        sync_folder(path.parent)
    except Exception as error:  # whatever the database's library raises
        raise InputError(f"The database {str(path)!r} cannot be created ({_first_line(error)}).") from None
    finally:
        for left in path.parent.glob(f"{part.name}*"):
            left.unlink(missing_ok=True)


def _give_name(part: Path, path: Path) -> None:
    """Rename a file, unless another process was faster."""
    try:
        os.link(part, path)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        if not path.exists():
            os.rename(part, path)


def _optuna():
    try:
        import optuna
    except ImportError:
        raise InputError(
            "The command 'tune' needs Optuna, which is not installed: pip install 'neuroperturb[tune]'."
        ) from None
    return optuna


class _Quiet:
    """Silence Optuna's line per trial, and its traceback of one that was stopped; this module prints its own."""

    def __init__(self, optuna):
        self._logging = optuna.logging

    def __enter__(self):
        self._before = self._logging.get_verbosity()
        self._logging.set_verbosity(self._logging.ERROR)

    def __exit__(self, *_):
        self._logging.set_verbosity(self._before)


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
