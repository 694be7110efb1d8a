"""The agenda of a study: its runs in the order in which they start, their labels and outcomes, the remaining time.

Runs are started seed by seed, so that every cell has its first seed early; baselines come last. The outcome of a run may require more
runs in its cell: a search continues with the best settings.
"""

from __future__ import annotations

import heapq
import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping

import numpy as np

from neuroperturb.study import rate_search
from neuroperturb.study.declaration import Study
from neuroperturb.study.grid import Cell, GridPlace, experiment
from neuroperturb.study.labels import settings_label, value_label
from neuroperturb.study.store import RunOutcome
from neuroperturb.study.time_left import RunTimes
from neuroperturb.study.workers import Job


class Agenda:
    """Runs and baselines to do, and their outcomes.

    Parameters
    ----------
    study : Study;  cells : those done by this process
    find : returns the outcome of a run, or of baselines, by name; None if it has to be done
    """

    def __init__(self, study: Study, cells: list[Cell], find: Callable[[str], RunOutcome | None]):
        self.study, self.cells, self._find = study, cells, find
        self.outcomes: dict[str, RunOutcome] = {}
        self.wanted: set[str] = set()
        self._labels: dict[str, str] = {}
        self._jobs: dict[str, Callable[[], Job]] = {}
        self._queue: list[tuple] = []
        self._cells_of: dict[str, list[int]] = defaultdict(list)
        self._owner: dict[str, int] = {}  # the cell that wanted a run first
        self._times = RunTimes(cells)
        self._fits: list[float] = []  # seconds of baselines
        self._open = np.zeros(len(cells))  # unfinished runs, including the minimum that searches will still need
        self._coming = np.array([float(rate_search.size(cell)[0]) for cell in cells])
        self._best: dict[str, tuple[float, str]] = {}
        for number in range(len(cells)):
            self._plan(number)

    def add_baselines(self, cells: list[Cell], here: Callable[[str], bool]) -> None:
        """Baselines of every task, seed and size that are to be fitted `here`: after the runs, which matter more."""
        for number, cell in enumerate(cells):
            for seed, name in zip(cell.reported, cell.fits, strict=True):
                if name not in self.wanted and here(name):
                    self._add_baselines(name, cell, number, seed)

    # planned work

    def next(self) -> str | None:
        """Take the next run to start; None if none is waiting."""
        while self._queue:
            name = heapq.heappop(self._queue)[-1]
            if name not in self.outcomes:
                return name
        return None

    def again(self, name: str) -> None:
        """Put a run that was started, or that another process had, back to the front of the queue."""
        heapq.heappush(self._queue, (0, 0, 0, name))

    @property
    def waiting(self) -> bool:
        """Whether anything is waiting to start."""
        return bool(self._queue)

    def job(self, name: str) -> Job:
        return self._jobs[name]()

    def label(self, name: str) -> str:
        """The label of a run, or of baselines."""
        return self._labels[name]

    def ended(self, name: str, outcome: RunOutcome, whole: float = math.nan) -> None:
        """Note the outcome of a run; `whole`: seconds since it started, if it was done here."""
        self._learn(name, outcome, whole)
        for number in self._cells_of.get(name, ()):
            self._plan(number)

    # outcomes

    @property
    def runs(self) -> int:
        """Number of runs, including the minimum that searches will need."""
        return len(self.wanted) + int(self._coming.sum())

    @property
    def failures(self) -> list[tuple[str, str]]:
        """Runs that failed, and why."""
        return [(self._labels[name], o.reason) for name, o in self.outcomes.items() if o.status == "failed"]

    @property
    def best(self) -> list[tuple[str, float, str]]:
        """(task, validation loss, label) of the best cell of each task so far."""
        return [(task, loss, label) for task, (loss, label) in self._best.items()]

    def seconds_left(self, spent: Mapping[str, float]) -> float:
        """Remaining seconds, one run at a time; nan while unknown. `spent` : seconds spent on active runs, by name."""
        seconds = self._times.seconds()
        todo = float((self._open + self._coming) @ seconds)
        fits = sum(name not in self._owner and name not in self.outcomes for name in self.wanted)
        todo += fits * (statistics.median(self._fits) if self._fits else 0.0)
        for name in spent.keys() & self._owner.keys():
            todo -= min(spent[name], float(seconds[self._owner[name]]))
        return todo

    # planning

    def _plan(self, number: int) -> None:
        """Queue the runs that a cell needs; outcomes known already may require more."""
        cell = self.cells[number]
        while True:
            places = rate_search.wanted(cell, self.outcomes)
            if not places:
                self._coming[number] = 0
            fresh = [p for p in places if cell.name(p) not in self.wanted]
            for place in places:
                if number not in self._cells_of[cell.name(place)]:
                    self._cells_of[cell.name(place)].append(number)
                    self._coming[number] = max(0, self._coming[number] - 1)
            for place in fresh:
                self._add_run(number, place)
            if not any(cell.name(p) in self.outcomes for p in fresh):
                return

    def _add_run(self, number: int, place: GridPlace) -> None:
        cell, study = self.cells[number], self.study
        name = cell.name(place)
        settings = {**cell.candidates[place.candidate], **cell.seeds[place.seed]}
        self._labels[name] = ", ".join(filter(None, [cell.label, settings_label(settings)]))
        make = lambda: Job(  # noqa: E731
            name, self._labels[name], experiment(study, cell, place), weights=study.weights, ageing=study.ageing
        )
        self._owner[name] = number
        self._open[number] += 1
        self._add(name, make, (place.seed, number, place.candidate))

    def _add_baselines(self, name: str, cell: Cell, number: int, seed: int) -> None:
        self._labels[name] = ", ".join(filter(None, ["baselines", settings_label(cell.seeds[seed])]))
        make = lambda: Job(  # noqa: E731
            name, self._labels[name], experiment(self.study, cell, GridPlace(0, seed)), baselines=self.study.baselines
        )
        self._add(name, make, (math.inf, number, seed))

    def _add(self, name: str, make: Callable[[], Job], order: tuple) -> None:
        self.wanted.add(name)
        known = self._find(name)
        if known is not None:
            self._learn(name, known)
        else:
            self._jobs[name] = make
            heapq.heappush(self._queue, (*order, name))

    def _learn(self, name: str, outcome: RunOutcome, whole: float = math.nan) -> None:
        self._count(name, outcome, whole)
        self.outcomes[name] = outcome
        for number in self._cells_of.get(name, ()):
            self._remember_best(number, outcome)

    def _count(self, name: str, outcome: RunOutcome, whole: float) -> None:
        """Count one run less to do."""
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
