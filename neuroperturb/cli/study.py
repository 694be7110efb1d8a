"""What the commands `study` and `report STUDY` do, without their arguments' spelling."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from neuroperturb.cli import study_display as display
from neuroperturb.cli.terminal import INTERRUPTED
from neuroperturb.results.grid import duration
from neuroperturb.spec import SpecError
from neuroperturb.study import declaration, table
from neuroperturb.study import rate_search as search
from neuroperturb.study import run_name as identity
from neuroperturb.study.declaration import Study
from neuroperturb.study.grid import Cell, Place, experiment, lay_out
from neuroperturb.study.scheduler import Conductor, Shard
from neuroperturb.study.store import Folder
from neuroperturb.study.table import check_metrics
from neuroperturb.study.workers import Crew, Threads

DONE, FAILED = 0, 1  # exit codes
PARENT = Path("runs")  # of a study's folder


def conduct(
    file: Path, *, out: Path | None, workers: int | None, scheduler: str | None, shard: str | None, small: bool,
    dry_run: bool, retry_failed: bool, quiet: bool, stop: Callable[[], bool], say: Callable[[str], None],
) -> int:  # fmt: skip
    """Run a study to its end, or say what it would do; returns the exit code."""
    study = declaration.load(file, small)
    check_metrics(study.metrics)
    cells = lay_out(study)
    folder = Folder(out or PARENT / study.name)
    part = _shard(shard)
    _check_workers(workers, scheduler)
    _check_files(study, cells)
    if not quiet or dry_run:
        say(plan(study, cells, folder, workers or processors()))
    if dry_run:
        return DONE
    conductor = Conductor(study, cells, folder, shard=part, retry_failed=retry_failed, say=say)
    crew = _crew(folder, workers, scheduler)
    try:
        with display.show(quiet) as show:
            complete = conductor.run(crew, stop=stop, show=show)
    finally:
        crew.close()
    for label, reason in conductor.failures:
        say(f"failed    {label}: {reason}")
    say(f"{'done' if complete else 'stopped'}      {display.summary(conductor.board())}")
    say(f"look      neuroperturb report {folder.root}" if complete else "go on     with the same command")
    return INTERRUPTED if not complete else FAILED if conductor.failures else DONE


def tune(
    file: Path, *, out: Path | None, storage: str | None, trials: int | None, workers: int, small: bool,
    stop: Callable[[], bool], say: Callable[[str], None],
) -> int:  # fmt: skip
    """Tune every cell of a study; returns the exit code."""
    from neuroperturb.study import tune as tuning

    study = declaration.load(file, small)
    tuning.parse(study)
    cells, folder = lay_out(study), Folder(out or PARENT / study.name)
    _check_files(study, cells)
    empty = tuning.tune(study, cells, folder, storage=storage, trials=trials, workers=workers, stop=stop, say=say)
    if empty is None:
        say("go on     with the same command")
        return INTERRUPTED
    if empty:
        say(f"failed    in {empty} of the cells no trial ended well: what failed says why in {str(folder.failed)!r}")
    return FAILED if empty else DONE


def report(folder: Path, out: Path | None, say: Callable[[str], None]) -> None:
    """Write the page, the figures and the tables of a study."""
    from neuroperturb.study import html as page

    written = page.write(Folder(folder), out)
    say(f"page      {written.page}")
    say(f"figures   {len(written.figures)} in {written.page.parent}")
    for path in written.tables:
        say(f"table     {path}")


def plan(study: Study, cells: list[Cell], folder: Folder, workers: int) -> str:
    """The size of a study in words: axes, cells, runs, and what of it is there already."""
    lines = [f"study     {study.name}" + (f": {study.about.strip()}" if study.about else "")]
    for grid in study.grids:
        axes = [" + ".join(axis.keys) + f" ({len(axis.points)})" for axis in grid.axes]
        controls = f", and each {' and '.join(grid.controls)}" if grid.controls else ""
        lines.append(f"grid      {grid.name + ': ' if grid.name else ''}{' × '.join(axes) or 'one cell'}{controls}")
    least, most = (sum(search.size(cell)[k] for cell in cells) for k in (0, 1))
    runs = f"{least}" if least == most else f"{least} to {most}"
    lines.append(
        f"size      {len(cells)} cells, {runs} runs; {len({name for cell in cells for name in cell.fits})} fits beside them"
    )
    done, rest, seconds = table.rest(folder, cells)
    if done:
        more = "at least " if least < most else ""
        time = f", {duration(seconds / min(workers, rest))} with {workers} workers" if rest and seconds > 0 else ""
        lines.append(f"there     {done} runs; {more * bool(rest)}{rest} to do{time}")
    return "\n".join(lines)


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _crew(folder: Folder, workers: int | None, scheduler: str | None) -> Crew:
    if scheduler is not None:
        from neuroperturb.study.dask_workers import Cluster

        return Cluster(folder, scheduler)
    return Threads(folder, workers or processors())


def _check_files(study: Study, cells: list[Cell]) -> None:
    """Say now what every run would fail with."""
    for cell in cells:
        for path, reader in identity.files(experiment(study, cell, Place(0, 0))).items():
            if not os.path.isfile(path):
                where = f"In the cell ({cell.label}) of study {study.name!r}: " if cell.label else ""
                raise SpecError(
                    f"{where}The 'path' parameter of {reader} must name a file. Got {path!r}, which is not there."
                )


def _check_workers(workers: int | None, scheduler: str | None) -> None:
    if workers is not None and workers < 1:
        raise SpecError(f"The '--workers' option must be 1 or more. Got {workers} instead.")
    if workers is not None and scheduler is not None:
        raise SpecError("The '--workers' option must be left out with '--scheduler', which has workers of its own.")


def _shard(text: str | None) -> Shard:
    if text is None:
        return Shard()
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise SpecError(f"The '--shard' option must look like i/N with i from 1 to N. Got {text!r} instead.")
    return Shard(int(match[1]), int(match[2]))
