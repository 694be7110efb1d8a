"""The main loop of a study: assigns runs to workers and collects their outcomes.

    until all is done:   start runs while workers are free  ·  collect events  ·  check runs of other processes  ·  display

A run is started by the process that has its lease; runs leased by other processes are checked from time to time, and taken over if
their lease is stale.
"""

from __future__ import annotations

import math
import os
import queue
import re
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from neuroperturb.results.file import RecordError
from neuroperturb.study.agenda import Agenda
from neuroperturb.study.declaration import Study
from neuroperturb.study.grid import Cell
from neuroperturb.study.leases import Leases
from neuroperturb.study.store import INDEX, RunOutcome, StudyFolder
from neuroperturb.study.workers import Event, Workers
from neuroperturb.training.progress import Progress

TICK = 0.2  # seconds that the loop waits for an event
OTHERS_EVERY = 3.0  # seconds between two checks of the runs of other processes


class Shard(NamedTuple):
    """Part i of n, from 1: whole cells, assigned by their digest."""

    i: int = 1
    n: int = 1

    def has(self, key: str) -> bool:
        return int(key, 16) % self.n == self.i - 1


class Board(NamedTuple):
    """Contents of the live table.

    runs : total, including the minimum that searches will need;  elsewhere : runs leased by other processes
    running : label and progress;  best : (task, validation loss, label) of the best cell of each task so far
    left : remaining seconds, nan while unknown;  failures : the latest, as (label, reason)
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
    study : Study;  cells : from :func:`neuroperturb.study.grid.lay_out`
    folder : StudyFolder
    shard : the cells done by this process
    retry_failed : whether to forget earlier failures
    say : called with messages for the user
    """

    def __init__(
        self, study: Study, cells: list[Cell], folder: StudyFolder, *, shard: Shard = Shard(), retry_failed: bool = False,  # noqa: B008
        say: Callable[[str], None] = print,
    ):  # fmt: skip
        self.study, self.folder, self.say, self._retry = study, folder, say, retry_failed
        folder.make()
        self.leases = Leases(folder.claims)
        self._write_index(cells)
        for sentence in folder.strangers(cells):
            say(sentence)
        self.agenda = Agenda(study, [cell for cell in cells if shard.has(cell.key)], self._find)
        self.agenda.add_baselines(cells, lambda name: shard.has(name) and folder.fit(name) is None)
        self._running: dict[str, Progress | None] = {}
        self._began: dict[str, float] = {}
        self._elsewhere: set[str] = set()
        self._visited = time.monotonic()
        self._side_by_side = 1

    def run(self, workers: Workers, *, stop: Callable[[], bool], show: Callable[[Board], None]) -> bool:
        """Run until all is done, or `stop` returns True; True if all is done.  Raises RecordError if results cannot be saved."""
        trouble, stopping = None, False
        try:
            while self._running or not stopping:
                if (stop() or trouble) and not stopping:
                    stopping = True
                    workers.stop()
                if not stopping:
                    self._begin(workers)
                    if not self._running and not self._elsewhere and not self.agenda.waiting:
                        break
                trouble = self._collect(workers) or trouble
                self.leases.touch()
                self._visit_others()
                show(self.board())
        finally:
            self.leases.give_all()
        if trouble is not None:
            raise RecordError(
                f"Results cannot be written to {str(self.folder.root)!r} ({_in_words(trouble)}): finished runs are safe, and the "
                "same command resumes the study."
            )
        return not stopping

    @property
    def failures(self) -> list[tuple[str, str]]:
        """Runs that failed, and why."""
        return self.agenda.failures

    def board(self) -> Board:
        """Progress of the study."""
        statuses = [outcome.status for outcome in self.agenda.outcomes.values()]
        return Board(
            runs=self.agenda.runs,
            finished=statuses.count("finished"),
            diverged=statuses.count("diverged"),
            failed=statuses.count("failed"),
            elsewhere=len(self._elsewhere),
            running=tuple((self.agenda.label(name), progress) for name, progress in self._running.items()),
            best=tuple(self.agenda.best),
            left=self._left(),
            failures=tuple(self.failures[-3:]),
        )

    def _write_index(self, cells: list[Cell]) -> None:
        if self.leases.take(INDEX):  # else another process is just writing it, from the same declaration
            try:
                self.leases.tidy()
                self.folder.tidy(lambda name: name != INDEX and self.leases.others(name))
                self.folder.write_index(self.study, cells)
            finally:
                self.leases.give(INDEX)

    def _find(self, name: str) -> RunOutcome | None:
        """What the folder knows of a run, or of baselines; a file that is neither is set aside, and said."""
        known = self.folder.sound(name, self.say)
        if known and known.status == "finished" and self.study.weights and not known.weights:
            return None  # it was made without weights, which are needed now
        return None if known and known.status == "failed" and self._retry else known

    def _begin(self, workers: Workers) -> None:
        room = workers.room()
        while room > 0 and (name := self.agenda.next()) is not None:
            if not self.leases.take(name):
                self._elsewhere.add(name)
                continue
            known = self._find(name)  # another process may have done it since
            if known is not None:
                self.leases.give(name)
                self._ended(name, known)
                continue
            self._running[name], self._began[name] = None, time.monotonic()
            workers.begin(self.agenda.job(name))
            room -= 1

    def _collect(self, workers: Workers) -> Exception | None:
        """Handle the events of a tick; return the error that ends the study, if there is one."""
        trouble = None
        for event in _events(workers.events, TICK):
            if event.progress is not None:
                if event.name in self._running:
                    self._running[event.name] = event.progress
                continue
            self._running.pop(event.name, None)
            self.leases.give(event.name)
            if event.stopped:  # by us, or forgotten by a scheduler: then it is started again
                self.agenda.again(event.name)
            if event.outcome is not None:
                self._ended(event.name, event.outcome, time.monotonic() - self._began[event.name])
            trouble = event.unwritable or trouble
        return trouble

    def _ended(self, name: str, outcome: RunOutcome, whole: float = math.nan) -> None:
        self._elsewhere.discard(name)
        self.agenda.ended(name, outcome, whole)

    def _visit_others(self) -> None:
        """Check the runs of other processes."""
        if not self._elsewhere or time.monotonic() - self._visited < OTHERS_EVERY:
            return
        self._visited = time.monotonic()
        for name in list(self._elsewhere):
            known = self._find(name)
            if known is not None:
                self._ended(name, known)
            elif not self.leases.others(name):
                self._elsewhere.discard(name)
                self.agenda.again(name)

    def _left(self) -> float:
        """Estimated seconds until all is done."""
        self._side_by_side = max(self._side_by_side, len(self._running) + len(self._elsewhere))
        now = time.monotonic()
        return self.agenda.seconds_left({name: now - self._began[name] for name in self._running}) / self._side_by_side


def _events(events: queue.SimpleQueue, timeout: float) -> Iterable[Event]:
    """All pending events; waits a little for the first."""
    try:
        yield events.get(timeout=timeout)
        while True:
            yield events.get_nowait()
    except queue.Empty:
        return


def _in_words(error: Exception) -> str:
    """The system's error message; HDF5 hides it in a long text."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    inner = re.search(r"error message = '([^']+)'", str(error))
    return inner[1] if inner else " ".join(str(error).split()) or type(error).__name__
