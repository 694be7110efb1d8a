"""The loop of a study: which run next, who does it, what came of it.

    until nothing is wanted:   begin what there is room for  ·  hear what happened  ·  look what others did  ·  show

Runs are begun seed by seed, so that every cell has its first seed early. A run is begun by whoever holds its lease; runs that
others hold are looked at again now and then, and taken over where their lease is stale.
"""

from __future__ import annotations

import heapq
import math
import os
import queue
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from neuroperturb.results.file import RecordError
from neuroperturb.study import rate_search
from neuroperturb.study.declaration import Study
from neuroperturb.study.grid import Cell, GridPlace, experiment
from neuroperturb.study.labels import settings_label, value_label
from neuroperturb.study.leases import Leases
from neuroperturb.study.store import INDEX, RunOutcome, StudyFolder
from neuroperturb.study.time_left import RunTimes
from neuroperturb.study.workers import Event, Job, Workers
from neuroperturb.training.progress import Progress

TICK = 0.2  # seconds between two looks at the clock
LOOK_EVERY = 3.0  # seconds between two looks at what others do


class Shard(NamedTuple):
    """Part i of n, from 1: whole cells, dealt by their digest."""

    i: int = 1
    n: int = 1

    def has(self, key: str) -> bool:
        return int(key, 16) % self.n == self.i - 1


class Board(NamedTuple):
    """What the live table shows.

    runs : wanted, with those that searches are going to want at least;  elsewhere : runs that other processes have
    running : label and progress;  best : (task, validation loss, label) of the best cell of each task so far
    left : seconds, nan while nothing is known;  failures : the latest, as (label, reason)
    """

    runs: int
    finished: int
    diverged: int
    failed: int
    elsewhere: int
    running: tuple[tuple[str, Progress | None], ...]
    best: tuple[tuple[str, float, str], ...]
    left: float
    failures: tuple[tuple[str, str], ...]


class Scheduler:
    """A study in progress.

    Parameters
    ----------
    study : Study;  cells : of :func:`neuroperturb.study.grid.lay_out`
    folder : StudyFolder
    shard : which cells are done here
    retry_failed : forget earlier failures
    say : told sentences that the user should see
    """

    def __init__(
        self, study: Study, cells: list[Cell], folder: StudyFolder, *, shard: Shard = Shard(), retry_failed: bool = False,  # noqa: B008
        say: Callable[[str], None] = print,
    ):  # fmt: skip
        self.study, self.folder, self.say = study, folder, say
        self.cells = [cell for cell in cells if shard.has(cell.key)]
        folder.make()
        self.leases = Leases(folder.claims)
        self._write_index(cells)
        for sentence in folder.strangers(cells):
            say(sentence)
        self.outcomes: dict[str, RunOutcome] = {}
        self._cells_of: dict[str, list[int]] = defaultdict(list)
        self._jobs: dict[str, Callable[[], Job]] = {}
        self._labels: dict[str, str] = {}
        self._queue: list[tuple] = []
        self._wanted: set[str] = set()
        self._running: dict[str, Progress | None] = {}
        self._elsewhere: set[str] = set()
        self._looked = time.monotonic()
        self._times = RunTimes(self.cells)
        self._fits: list[float] = []  # seconds of baselines
        self._owner: dict[str, int] = {}  # the cell that wanted a run first
        self._open = np.zeros(len(self.cells))  # runs wanted that have not ended, and
        self._coming = np.array(
            [float(rate_search.size(cell)[0]) for cell in self.cells]
        )  # those that its search will want
        self._side_by_side = 1
        self._began: dict[str, float] = {}
        self._best: dict[str, tuple[float, str]] = {}
        self._retry = retry_failed
        for number in range(len(self.cells)):
            self._plan(number)
        self._plan_fits(cells, shard)

    def _write_index(self, cells: list[Cell]) -> None:
        if self.leases.take(INDEX):  # else somebody is just writing it, from the same declaration
            try:
                self.leases.tidy()
                self.folder.tidy(lambda name: name != INDEX and self.leases.others(name))
                self.folder.write_index(self.study, cells)
            finally:
                self.leases.give(INDEX)

    # what to do

    def _plan(self, number: int) -> None:
        """Put what a cell wants into the queue; what is known already may make it want more."""
        cell = self.cells[number]
        while True:
            places = rate_search.wanted(cell, self.outcomes)
            if not places:
                self._coming[number] = 0
            fresh = [p for p in places if cell.name(p) not in self._wanted]
            for place in places:
                if number not in self._cells_of[cell.name(place)]:
                    self._cells_of[cell.name(place)].append(number)
                    self._coming[number] = max(0, self._coming[number] - 1)
            for place in fresh:
                self._want(number, place)
            if not any(cell.name(p) in self.outcomes for p in fresh):
                return

    def _want(self, number: int, place: GridPlace) -> None:
        cell = self.cells[number]
        name = cell.name(place)
        tried, seed = cell.candidates[place.candidate], cell.seeds[place.seed]
        self._labels[name] = ", ".join(filter(None, [cell.label, settings_label({**tried, **seed})]))
        make = lambda: Job(  # noqa: E731
            name,
            self._labels[name],
            experiment(self.study, cell, place),
            weights=self.study.weights,
            ageing=self.study.ageing,
        )
        self._owner[name] = number
        self._open[number] += 1
        self._add(name, make, (place.seed, number, place.candidate))

    def _plan_fits(self, cells: list[Cell], shard: Shard) -> None:
        """Baselines of every task, seed and size, dealt to shards one by one: after the runs, which people wait for."""
        for number, cell in enumerate(cells):
            for seed, name in enumerate(cell.fits):
                if name in self._wanted or not shard.has(name) or self.folder.fit_file(name).exists():
                    continue
                self._labels[name] = ", ".join(filter(None, ["baselines", settings_label(cell.seeds[seed])]))
                make = lambda c=cell, s=seed, n=name: Job(  # noqa: E731
                    n, self._labels[n], experiment(self.study, c, GridPlace(0, s)), baselines=self.study.baselines
                )
                self._add(name, make, (math.inf, number, seed))

    def _add(self, name: str, make: Callable[[], Job], order: tuple) -> None:
        self._wanted.add(name)
        known = self._look(name)
        if known is not None:
            self._learn(name, known)
        else:
            self._jobs[name] = make
            heapq.heappush(self._queue, (*order, name))

    def _look(self, name: str) -> RunOutcome | None:
        """What the folder knows of a run, or of baselines; a file that is neither is set aside, and said."""
        if self.folder.fit_file(name).exists():
            return RunOutcome("finished")
        try:
            known = self.folder.outcome(name)
        except RecordError as error:
            aside = self.folder.set_aside(name)
            self.say(f"{error} It was moved to {aside.name!r}, and the run is done again.")
            return None
        if known and known.status == "finished" and self.study.weights and not known.weights:
            return None  # it was made when nobody wanted them
        return None if known and known.status == "failed" and self._retry else known

    def _learn(self, name: str, outcome: RunOutcome, whole: float = math.nan) -> None:
        self._count(name, outcome, whole)
        self.outcomes[name] = outcome
        self._elsewhere.discard(name)
        for number in self._cells_of.get(name, ()):
            self._remember_best(number, outcome)

    def _count(self, name: str, outcome: RunOutcome, whole: float) -> None:
        """One run less to do; `whole`: seconds since it began."""
        if name not in self._owner:
            self._fits += [whole] * (not math.isnan(whole))
            return
        if name not in self.outcomes:
            self._open[self._owner[name]] -= 1
        if outcome.status == "finished":
            self._times.note(self._owner[name], outcome.seconds, whole)

    def _remember_best(self, number: int, outcome: RunOutcome) -> None:
        if outcome.status != "finished" or not math.isfinite(outcome.validation):
            return
        cell = self.cells[number]
        task = value_label(cell.point.get("task", ""))
        if outcome.validation < self._best.get(task, (math.inf, ""))[0]:
            self._best[task] = outcome.validation, cell.label

    # the loop

    def run(self, workers: Workers, *, stop: Callable[[], bool], show: Callable[[Board], None]) -> bool:
        """Until nothing is wanted, or `stop` says so; True if all is done.  Raises RecordError where results cannot be kept."""
        trouble, stopping = None, False
        try:
            while self._running or not stopping:
                if (stop() or trouble) and not stopping:
                    stopping = True
                    workers.stop()
                if not stopping:
                    self._begin(workers)
                    if not self._running and not self._elsewhere and not self._queue:
                        break
                trouble = self._hear(workers) or trouble
                self.leases.touch()
                self._look_around()
                show(self.board())
        finally:
            self.leases.give_all()
        if trouble is not None:
            raise RecordError(
                f"Results cannot be written to {str(self.folder.root)!r} ({_in_words(trouble)}): what is there is whole, and the "
                "same command goes on from it."
            )
        return not stopping

    def _begin(self, workers: Workers) -> None:
        room = workers.room()
        while room > 0 and self._queue:
            name = heapq.heappop(self._queue)[-1]
            if name in self.outcomes:
                continue
            if not self.leases.take(name):
                self._elsewhere.add(name)
                continue
            known = self._look(name)  # somebody may have done it since
            if known is not None:
                self.leases.give(name)
                self._ended(name, known)
                continue
            self._running[name], self._began[name] = None, time.monotonic()
            workers.begin(self._jobs[name]())
            room -= 1

    def _hear(self, workers: Workers) -> Exception | None:
        """Everything that happened in a tick; the trouble that ends the study, if there is any."""
        trouble = None
        for event in _events(workers.events, TICK):
            if event.progress is not None:
                if event.name in self._running:
                    self._running[event.name] = event.progress
                continue
            self._running.pop(event.name, None)
            self.leases.give(event.name)
            if event.stopped:  # by us, or forgotten by a scheduler: then it begins anew
                heapq.heappush(self._queue, (0, 0, 0, event.name))
            if event.outcome is not None:
                self._ended(event.name, event.outcome, time.monotonic() - self._began[event.name])
            trouble = event.unwritable or trouble
        return trouble

    def _ended(self, name: str, outcome: RunOutcome, whole: float = math.nan) -> None:
        self._learn(name, outcome, whole)
        for number in self._cells_of.get(name, ()):
            self._plan(number)

    def _look_around(self) -> None:
        """What became of the runs that others had."""
        if not self._elsewhere or time.monotonic() - self._looked < LOOK_EVERY:
            return
        self._looked = time.monotonic()
        for name in list(self._elsewhere):
            known = self._look(name)
            if known is not None:
                self._ended(name, known)
            elif not self.leases.others(name):
                self._elsewhere.discard(name)
                heapq.heappush(self._queue, (0, 0, 0, name))

    # showing

    @property
    def failures(self) -> list[tuple[str, str]]:
        """What could not be run, and why."""
        return [(self._labels[name], o.reason) for name, o in self.outcomes.items() if o.status == "failed"]

    def board(self) -> Board:
        """Where the study is."""
        statuses = [outcome.status for outcome in self.outcomes.values()]
        return Board(
            runs=len(self._wanted) + int(self._coming.sum()),
            finished=statuses.count("finished"),
            diverged=statuses.count("diverged"),
            failed=statuses.count("failed"),
            elsewhere=len(self._elsewhere),
            running=tuple((self._labels[name], progress) for name, progress in self._running.items()),
            best=tuple((task, loss, label) for task, (loss, label) in self._best.items()),
            left=self._left(),
            failures=tuple(self.failures[-3:]),
        )

    def _left(self) -> float:
        """Seconds until all is done, as far as can be told."""
        seconds, now = self._times.seconds(), time.monotonic()
        todo = float((self._open + self._coming) @ seconds)
        fits = sum(name not in self._owner and name not in self.outcomes for name in self._wanted)
        todo += fits * (statistics.median(self._fits) if self._fits else 0.0)
        for name in self._running.keys() & self._owner.keys():
            todo -= min(now - self._began[name], float(seconds[self._owner[name]]))
        self._side_by_side = max(self._side_by_side, len(self._running) + len(self._elsewhere))
        return todo / self._side_by_side


def _events(events: queue.SimpleQueue, timeout: float) -> Iterable[Event]:
    """Everything there is; waits a little for the first."""
    try:
        yield events.get(timeout=timeout)
        while True:
            yield events.get_nowait()
    except queue.Empty:
        return


def _in_words(error: Exception) -> str:
    """What the system said; HDF5 packs it into a page of its own."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    inner = re.search(r"error message = '([^']+)'", str(error))
    return inner[1] if inner else " ".join(str(error).split()) or type(error).__name__
