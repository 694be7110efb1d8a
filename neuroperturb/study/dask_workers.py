"""Workers of a Dask scheduler, in place of threads: the same jobs on other machines.

    experiment's table, checkpoint's bytes ─▶ worker: work() ─▶ bytes of the record ─▶ the folder, here

Workers need no shared disk: a record is sent as the bytes of its file. A worker that dies during a run costs a retry, which Dask
arranges; one with other versions, sources or data than ours is rejected, since its results could differ under our names. When stopped,
workers send a checkpoint. A job that the scheduler forgets is repeated; a lost scheduler ends the study with a one-sentence error.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from neuroperturb.experiments.data_files import of_experiment
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.results.file import RecordError
from neuroperturb.results.run import Run, load
from neuroperturb.spec import InputError
from neuroperturb.spec.data_file import FileNote, recorded
from neuroperturb.study import run_name
from neuroperturb.study.ageing import StudyAgeing
from neuroperturb.study.run_one import fit, work
from neuroperturb.study.store import StudyFolder
from neuroperturb.study.workers import Event, Job, Keeping

CONNECT = 10.0  # seconds to wait for the scheduler
ASK_EVERY = 1.0  # seconds between a worker's checks whether to stop
STOP = "neuroperturb-stop"


class RemoteJob(NamedTuple):
    """A job as sent to a worker: plain data, and bytes.

    name : of the file it makes, which the worker has to come to as well;  checkpoint : bytes of a record to continue, or none
    stop : name of the event that asks workers to stop;  computing : versions that bits depend on
    data : files that the task reads, and where they are on our side
    """

    name: str
    experiment: dict
    checkpoint: bytes
    baselines: tuple[str, ...] | None
    weights: bool
    ageing: dict | None
    stop: str
    computing: dict
    data: dict[str, dict] | None = None


class Answer(NamedTuple):
    """The answer of a worker: a record's bytes, rows of baselines, or the reason why there is neither."""

    record: bytes = b""
    rows: list[dict] | None = None
    reason: str = ""
    trace: str = ""


class Certificates(NamedTuple):
    """PEM files for TLS; one that is left out is taken from Dask's own configuration file or environment.

    authority : CA certificate of the cluster;  certificate, key : of this process
    """

    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def security(self, distributed: Any, address: str):
        """Settings for Dask; raises InputError if a file cannot be read or TLS is requested without a CA certificate."""
        given = {"tls_ca_file": self.authority, "tls_client_cert": self.certificate, "tls_client_key": self.key}
        given = {name: str(path) for name, path in given.items() if path is not None}
        if not address.startswith("tls://"):
            if given:
                raise InputError(
                    f"The '--tls-…' options are for a scheduler at tls://HOST:PORT. Got {address!r} instead."
                )
            return None
        for path in given.values():
            if not Path(path).is_file():
                raise InputError(f"The '--tls-…' options name {path!r}, which is not a file.")
        made = distributed.Security(require_encryption=True, **given)
        if made.tls_ca_file is None or made.tls_client_cert is None:
            raise InputError(
                "A scheduler at tls://… needs '--tls-ca' and '--tls-cert', or the settings distributed.comm.tls of Dask, "
                "as in DASK_DISTRIBUTED__COMM__TLS__CA_FILE."
            )
        return made


class DaskWorkers:
    """Workers of a Dask scheduler, as :class:`neuroperturb.study.workers.Workers`.

    Parameters
    ----------
    folder : StudyFolder, where results are kept; only this process writes to it
    address : str, of the scheduler: ``tcp://host:port``, or ``tls://host:port``
    certificates : for TLS
    """

    def __init__(self, folder: StudyFolder, address: str, certificates: Certificates = Certificates()):  # noqa: B008
        distributed = _distributed()
        _check(address)
        security = certificates.security(distributed, address)
        try:
            self._client = distributed.Client(address, timeout=CONNECT, set_as_default=False, security=security)
        except (OSError, ValueError) as error:
            raise InputError(
                f"The '--scheduler' option names {address!r}, where no scheduler answers ({error})."
            ) from None
        self.events: queue.SimpleQueue = queue.SimpleQueue()
        self._hush = contextlib.ExitStack()
        self._hush.enter_context(_quiet())
        self._folder, self._address = folder, address
        self._stop = distributed.Event(f"{STOP}-{self._client.id}", client=self._client)
        self._futures: dict[str, Any] = {}

    def room(self) -> int:
        """Free slots: one job per thread of every worker, as workers come and go."""
        if self._client.status in ("closing", "closed"):
            raise RecordError(
                f"The scheduler {self._address!r} is gone: finished runs are safe, and the same command resumes the study."
            )
        return self._threads() - len(self._futures)

    def _threads(self) -> int:
        """Threads of all workers; 0 while the scheduler does not answer."""
        try:
            return sum(self._client.nthreads().values())
        except Exception:  # any error of the client while it looks for the scheduler
            return 0

    def begin(self, job: Job) -> None:
        resume = self._folder.run_file(job.name)
        checkpoint = resume.read_bytes() if job.baselines is None and resume.exists() else b""
        sent = RemoteJob(
            name=job.name, experiment=job.experiment.table(), checkpoint=checkpoint, baselines=job.baselines, weights=job.weights,
            ageing=job.ageing and job.ageing.table(), stop=self._stop.name, computing=run_name.computing(),
            data={path: note._asdict() for path, note in of_experiment(job.experiment).items()},
        )  # fmt: skip
        key = f"{job.label} [{job.name}] {time.monotonic_ns()}"
        future = self._client.submit(remote, sent, key=key, pure=False)
        self._futures[job.name] = future
        future.add_done_callback(lambda done: self._answered(job, done))

    def stop(self) -> None:
        with contextlib.suppress(Exception):  # the scheduler is gone: nothing to notify
            self._stop.set()
            if not self._threads():  # no worker will ever answer
                self._client.cancel(list(self._futures.values()), force=True)

    def close(self) -> None:
        with self._hush, contextlib.suppress(Exception):
            self._client.close()

    def _answered(self, job: Job, future: Any) -> None:
        """Called in a separate thread when a job has ended."""
        self._futures.pop(job.name, None)
        try:
            event = self._event(job, future)
        except (OSError, asyncio.CancelledError, TimeoutError):  # the answer was lost
            event = Event(job.name, stopped=True)
        except Exception as error:
            event = Keeping(self._folder, job).failure(error)
        self.events.put(event)

    def _event(self, job: Job, future: Any) -> Event:
        keeping = Keeping(self._folder, job)
        if future.status in ("cancelled", "lost"):
            return Event(job.name, stopped=True)
        if future.status == "error":
            return keeping.failure(future.exception())
        answer: Answer = future.result()
        if answer.reason:
            return keeping.failure(RuntimeError(answer.reason), answer.trace)
        return keeping.fit(answer.rows) if answer.rows is not None else keeping.run(_read(answer.record))


def remote(job: RemoteJob) -> Answer:
    """One job, on a worker."""
    here = run_name.computing()
    if here != job.computing:
        return Answer(
            reason=f"the worker has other versions: {here['versions']} instead of {job.computing['versions']}"
        )
    try:
        with recorded({path: FileNote(**note) for path, note in (job.data or {}).items()}):
            experiment = Experiment.parse(job.experiment)
        ageing = None if job.ageing is None else StudyAgeing.parse(job.ageing, "ageing")
        fits = job.baselines is not None
        if (run_name.fit_name(experiment, job.baselines) if fits else run_name.name(experiment, ageing)) != job.name:
            return Answer(
                reason="the worker's source of the rule or of another part, or its data file, differs from ours"
            )
        if fits:
            return Answer(rows=fit(experiment, tuple(job.baselines)))
        resume = _read(job.checkpoint) if job.checkpoint else None
        run = work(experiment, resume=resume, stop=_asking(job.stop), weights=job.weights, ageing=ageing)
        return Answer(record=_bytes(run))
    except Exception as error:
        return Answer(reason=f"{type(error).__name__}: {error}", trace=traceback.format_exc())


def _asking(name: str) -> Callable[[], bool]:
    """Whether the study wants its workers to stop; checks with the scheduler at most once a second."""
    from distributed import Event

    event, asked = Event(name), [time.monotonic()]

    def stop() -> bool:
        if time.monotonic() - asked[0] < ASK_EVERY:
            return False
        asked[0] = time.monotonic()
        return event.is_set()

    return stop


def _bytes(run: Run) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return run.save(Path(folder) / "run.nc").read_bytes()


def _read(record: bytes) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.nc"
        path.write_bytes(record)
        return load(path)


def _check(address: str) -> None:
    """Check the form of an address: Dask starts threads before it does."""
    from distributed.comm import get_address_host_port

    try:
        host, port = get_address_host_port(address, strict=True)
    except (ValueError, TypeError, KeyError):
        host, port = "", 0
    if not host or not 0 < port < 65536:
        raise InputError(
            f"The '--scheduler' option must look like tcp://HOST:PORT or tls://HOST:PORT. Got {address!r} instead."
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Dask logs a lost connection with its traceback, or not, as it happens to notice; the study says it in one sentence."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _distributed():
    try:
        import distributed
    except ImportError:
        raise InputError(
            "The '--scheduler' option needs Dask, which is not installed: pip install 'neuroperturb[dask]'."
        ) from None
    return distributed
