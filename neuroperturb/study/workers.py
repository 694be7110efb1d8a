"""Workers for runs: threads of this process.  Kernels release the interpreter lock, so they run in parallel.

Workers take jobs and answer with events; :mod:`.dask_workers` has others. Jobs are independent of each other and of studies.
"""

from __future__ import annotations

import queue
import threading
import traceback
from collections.abc import Callable
from typing import NamedTuple, Protocol

from neuroperturb.experiments.experiment import Experiment
from neuroperturb.results.run import Run
from neuroperturb.study.ageing import StudyAgeing
from neuroperturb.study.run_one import fit, work
from neuroperturb.study.store import RunOutcome, StudyFolder
from neuroperturb.training.progress import Progress


class Job(NamedTuple):
    """A job: a run, or the baselines of a task.

    name : of its file;  label : for the user
    baselines : to be fitted; None for a run;  ageing : of the weights afterwards
    """

    name: str
    label: str
    experiment: Experiment
    baselines: tuple[str, ...] | None = None
    weights: bool = True
    ageing: StudyAgeing | None = None


class Event(NamedTuple):
    """An event of a job: progress, end, stop before the end, or a result that could not be saved."""

    name: str
    progress: Progress | None = None
    outcome: RunOutcome | None = None
    stopped: bool = False
    unwritable: Exception | None = None


class Workers(Protocol):
    """Anything that runs jobs."""

    events: queue.SimpleQueue

    def room(self) -> int:
        """Number of additional jobs that could start now."""

    def begin(self, job: Job) -> None: ...

    def stop(self) -> None:
        """Stop all jobs between two chunks; each job then has one more event."""

    def close(self) -> None: ...


class Threads:
    """Threads of this process.

    Parameters
    ----------
    folder : StudyFolder, for the results
    workers : int
    """

    def __init__(self, folder: StudyFolder, workers: int):
        self.events: queue.SimpleQueue = queue.SimpleQueue()
        self._folder, self._workers, self._busy = folder, workers, 0
        self._jobs: queue.SimpleQueue = queue.SimpleQueue()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        import_late()
        for number in range(workers):  # daemons: not waited for when the process has to end at once
            threading.Thread(target=self._serve, name=f"run-{number}", daemon=True).start()

    def room(self) -> int:
        with self._lock:
            return self._workers - self._busy

    def begin(self, job: Job) -> None:
        with self._lock:
            self._busy += 1
        self._jobs.put(job)

    def stop(self) -> None:
        self._stop.set()

    def close(self) -> None:
        for _ in range(self._workers):
            self._jobs.put(None)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            event = self._do(job)
            with self._lock:
                self._busy -= 1
            self.events.put(event)

    def _do(self, job: Job) -> Event:
        if self._stop.is_set():
            return Event(job.name, stopped=True)
        keeping = Keeping(self._folder, job)
        try:
            if job.baselines is not None:
                return keeping.fit(fit(job.experiment, job.baselines))
            report = lambda progress: self.events.put(Event(job.name, progress))  # noqa: E731
            resume = self._folder.checkpoint(job.name)
            run = work(
                job.experiment, resume=resume, stop=self._stop.is_set, report=report, checkpoint=keeping.checkpoint, weights=job.weights,
                ageing=job.ageing,
            )  # fmt: skip
        except Unwritable as error:
            return Event(job.name, unwritable=error.cause)
        except Exception as error:
            return keeping.failure(error)
        return keeping.run(run)


def import_late() -> None:
    """Import what runs import when they need it: of two threads that do so at once, one may meet a library half made."""
    import h5py  # noqa: F401
    import pandas  # noqa: F401


class Unwritable(Exception):
    """A result cannot be saved: not the job's fault."""

    def __init__(self, cause: Exception):
        super().__init__(str(cause))
        self.cause = cause


class Keeping:
    """Saves the result of a job in the folder, and reports its outcome."""

    def __init__(self, folder: StudyFolder, job: Job):
        self._folder, self._job = folder, job

    def run(self, run: Run) -> Event:
        """Save a finished run, or its checkpoint."""
        return self._kept(lambda: self._folder.save(self._job.name, run), _ended(run))

    def fit(self, rows: list[dict]) -> Event:
        """Save rows of baselines."""
        return self._kept(lambda: self._folder.save_fit(self._job.name, rows), RunOutcome("finished"))

    def failure(self, error: BaseException, trace: str | None = None) -> Event:
        """Save the reason of a failure."""
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}" if str(error) else type(error).__name__
        trace = trace or "".join(traceback.format_exception(error))
        what = {"reason": reason, "run": self._job.label, "experiment": self._job.experiment.table(), "trace": trace}
        return self._kept(lambda: self._folder.fail(self._job.name, what), RunOutcome("failed", reason=reason))

    def checkpoint(self, run: Run) -> None:
        """Save a checkpoint of an active run; raises Unwritable."""
        try:
            self._folder.save(self._job.name, run)
        except Exception as error:
            raise Unwritable(error) from error

    def _kept(self, keep: Callable[[], None], outcome: RunOutcome | None) -> Event:
        try:
            keep()
        except Exception as error:
            return Event(self._job.name, unwritable=error)
        return Event(self._job.name, outcome=outcome, stopped=outcome is None)


def _ended(run: Run) -> RunOutcome | None:
    """None for a checkpoint."""
    if run.status == "interrupted":
        return None
    seconds = float(run.history["seconds"].sum())
    return RunOutcome(run.status, float(run.results["validation"].iloc[0]), seconds)
