"""`neuroperturb study`: many runs from one declaration, on threads, shards or a cluster."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from hardware_models.costs.units import counted, duration
from neuroperturb.cli import setting_names
from neuroperturb.cli import study_display as display
from neuroperturb.cli.terminal import DONE, FAILED, INTERRUPTED, say, stop_request, warn
from neuroperturb.experiments import data_files
from neuroperturb.experiments.remarks import remarks
from neuroperturb.spec import InputError, data_file
from neuroperturb.study import declaration, old_names, rate_search, shipped, table
from neuroperturb.study.dask_workers import Certificates, DaskWorkers
from neuroperturb.study.declaration import Study
from neuroperturb.study.grid import Cell, GridPlace, experiment, in_cell, lay_out
from neuroperturb.study.scheduler import Scheduler, Shard
from neuroperturb.study.store import StudyFolder
from neuroperturb.study.workers import Threads, Workers

PARENT = Path("runs")  # of a study's folder
QUICK = "Run the study's quick version: fewer values and seeds, ten minutes or less on two cores, and the effect shows."
SMALL = "Run the study's small version, a smoke test: does the file work? It shows no effect."
OPEN = "{} is not encrypted: anyone who can reach the scheduler can run code on its workers and here; use tls://… with certificates"


class StudyRequest(NamedTuple):
    """The arguments of a study; see the options of :func:`study`."""

    file: Path
    out: Path | None = None
    workers: int | None = None
    scheduler: str | None = None
    shard: str | None = None
    size: str = "full"
    dry_run: bool = False
    retry_failed: bool = False
    quiet: bool = False
    certificates: Certificates = Certificates()


def study(
    file: Annotated[
        Path,
        typer.Argument(
            autocompletion=setting_names.studies,
            metavar="FILE.toml",
            help="The study: a base experiment, axes, seeds; or the name of one in `list`.",
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="Folder for its runs. Default: runs/NAME")] = None,
    workers: Annotated[int | None, typer.Option(help="Runs in parallel. Default: one per processor.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:PORT", help="Run on a Dask cluster; tls:// with certificates.")
    ] = None,
    tls_ca: Annotated[Path | None, typer.Option(metavar="PEM", help="CA certificate for a tls:// cluster.")] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="PEM", help="Client certificate for a tls:// cluster.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(metavar="PEM", help="Private key of the certificate, if it is in a separate file.")
    ] = None,
    shard: Annotated[str | None, typer.Option(metavar="i/N", help="Run only part i of N, for a batch system.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help=QUICK)] = False,
    small: Annotated[bool, typer.Option("--small", help=SMALL)] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything and print the size; run nothing.")
    ] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Retry the runs that failed.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the summary only.")] = False,
) -> int:
    """Run a study, or resume it: finished runs are not repeated.

    Exit code: 0 done, 1 done but some runs failed, 2 bad input, 130 interrupted (the same command resumes).

    Example: neuroperturb study robustness --quick
    """
    request = StudyRequest(
        file=file, out=out, workers=workers, scheduler=scheduler, shard=shard, size=one_size(quick, small), dry_run=dry_run,
        retry_failed=retry_failed, quiet=quiet, certificates=Certificates(tls_ca, tls_cert, tls_key),
    )  # fmt: skip
    with stop_request() as stop:
        return carry_out(request, stop=lambda: bool(stop))


def carry_out(request: StudyRequest, *, stop: Callable[[], bool], say: Callable[[str], None] = say) -> int:
    """Run a study, or print what it would do; return the exit code."""
    study = declaration.load(shipped.found(request.file), request.size)
    table.check_metrics(study.metrics)
    cells = lay_out(study)
    folder = StudyFolder(request.out or PARENT / study.name)
    shard = _shard(request.shard)
    _check_workers(request)
    check_files(study, cells)
    earlier = old_names.found(folder)
    if request.dry_run:
        say(plan(study, old_names.under_old_names(cells, earlier), folder, request.workers or processors()))
        return DONE
    old_names.rename(earlier)
    if not request.quiet:
        for remark in dict.fromkeys(
            said for cell in cells for said in remarks(experiment(study, cell, GridPlace(0, 0)))
        ):
            warn(remark)
        say(plan(study, cells, folder, request.workers or processors()))
    scheduler = Scheduler(study, cells, folder, shard=shard, retry_failed=request.retry_failed, say=say)
    workers = _workers(folder, request)
    try:
        with display.show(request.quiet) as show:
            complete = scheduler.run(workers, stop=stop, show=show)
    finally:
        workers.close()
    for label, reason in scheduler.failures:
        say(f"failed    {label}: {reason}")
    say(f"{'done' if complete else 'stopped':<10}{display.summary(scheduler.board())}")
    say(f"report    neuroperturb report {folder.root}" if complete else "resume    run the same command again")
    return INTERRUPTED if not complete else FAILED if scheduler.failures else DONE


def plan(study: Study, cells: list[Cell], folder: StudyFolder, workers: int) -> str:
    """The size of a study in words: axes, cells, runs, and how much is done already."""
    lines = [f"study     {study.name}" + (f": {' '.join(study.about.split())}" if study.about else "")]
    for grid in study.grids:
        axes = [" + ".join(axis.keys) + f" ({len(axis.points)})" for axis in grid.axes]
        controls = f", and each {' and '.join(grid.controls)}" if grid.controls else ""
        lines.append(f"grid      {grid.name + ': ' if grid.name else ''}{' × '.join(axes) or 'one cell'}{controls}")
    least, most = (sum(rate_search.size(cell)[k] for cell in cells) for k in (0, 1))
    runs = counted(most, "run") if least == most else f"{least:,} to {counted(most, 'run')}"
    fits = len({name for cell in cells for name in cell.fits})
    lines.append(f"size      {counted(len(cells), 'cell')}, {runs}, {counted(fits, 'baseline fit')}")
    done, rest, seconds = table.rest(folder, cells)
    if done:
        more = "at least " if least < most else ""
        time = (
            f", {duration(seconds / min(workers, rest))} with {counted(workers, 'worker')}"
            if rest and seconds > 0
            else ""
        )
        lines.append(f"done      {counted(done, 'run')}; {more * bool(rest)}{rest} to do{time}")
    return "\n".join(lines)


def one_size(quick: bool, small: bool) -> str:
    """The size of a study that two options ask for."""
    if quick and small:
        raise InputError("Give one of '--quick' and '--small': each is a version of the study.")
    return "quick" if quick else "small" if small else "full"


def processors() -> int:
    """Number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_files(study: Study, cells: list[Cell]) -> None:
    """Report at once what every run would fail with."""
    for cell in cells:
        for path, reader in data_files.files(experiment(study, cell, GridPlace(0, 0))).items():
            if data_file.find(path) is None:
                looked = f" It was looked for in {path.sought}." if isinstance(path, data_file.DataPath) else ""
                raise InputError(
                    f"{in_cell(study, cell)}The 'path' parameter of {reader} must name a file. Got {path!r}, which is not there.{looked}"
                )


def _workers(folder: StudyFolder, request: StudyRequest) -> Workers:
    if request.scheduler is not None:
        workers = DaskWorkers(folder, request.scheduler, request.certificates)
        if not request.scheduler.startswith("tls://"):
            warn(OPEN.format(request.scheduler))
        return workers
    return Threads(folder, request.workers or processors())


def _check_workers(request: StudyRequest) -> None:
    if request.scheduler is None and any(request.certificates):
        raise InputError("The '--tls-…' options are for a cluster: name its scheduler with '--scheduler'.")
    if request.workers is not None and request.workers < 1:
        raise InputError(f"The '--workers' option must be 1 or more. Got {request.workers} instead.")
    if request.workers is not None and request.scheduler is not None:
        raise InputError("The '--workers' option must be left out with '--scheduler': the cluster has its own workers.")


def _shard(text: str | None) -> Shard:
    if text is None:
        return Shard()
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise InputError(f"The '--shard' option must look like i/N with i from 1 to N. Got {text!r} instead.")
    return Shard(int(match[1]), int(match[2]))
