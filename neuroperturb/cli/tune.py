"""`neuroperturb tune`: hyperparameters tuned by validation loss in every cell of a study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from neuroperturb.cli import setting_names
from neuroperturb.cli.study import PARENT, QUICK, SMALL, check_files, one_size
from neuroperturb.cli.terminal import DONE, FAILED, INTERRUPTED, say, stop_request
from neuroperturb.study import declaration, old_names, shipped
from neuroperturb.study import tune as tuning
from neuroperturb.study.grid import lay_out
from neuroperturb.study.store import StudyFolder


class TuneRequest(NamedTuple):
    """The arguments of a search; see the options of :func:`tune`."""

    file: Path
    out: Path | None = None
    storage: str | None = None
    trials: int | None = None
    workers: int = 1
    size: str = "full"


def tune(
    file: Annotated[
        Path,
        typer.Argument(
            autocompletion=setting_names.studies, metavar="FILE.toml", help="A study with a table named tune."
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="Folder for its runs. Default: runs/NAME")] = None,
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="Optuna storage URL of the trials. Default: a file in the folder")
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials per cell.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Trials in parallel; with 1, the search is reproducible.")] = 1,
    quick: Annotated[bool, typer.Option("--quick", help=QUICK)] = False,
    small: Annotated[bool, typer.Option("--small", help=SMALL)] = False,
) -> int:
    """Tune hyperparameters by validation loss in every cell of a study, or resume the search.

    Exit code: 0 done, 1 done but in some cells every trial failed, 2 bad input, 130 interrupted (the same command resumes).

    Example: neuroperturb tune my-study.toml --trials 40
    """
    with stop_request() as stop:
        request = TuneRequest(file, out, storage, trials, workers, one_size(quick, small))
        return carry_out(request, stop=lambda: bool(stop))


def carry_out(request: TuneRequest, *, stop: Callable[[], bool], say: Callable[[str], None] = say) -> int:
    """Tune every cell of a study; return the exit code."""
    study = declaration.load(shipped.found(request.file), request.size)
    tuning.parse(study)
    cells, folder = lay_out(study), StudyFolder(request.out or PARENT / study.name)
    check_files(study, cells)
    old_names.rename(old_names.found(folder))
    empty = tuning.tune(
        study, cells, folder, storage=request.storage, trials=request.trials, workers=request.workers, stop=stop, say=say
    )  # fmt: skip
    if empty is None:
        say("resume    run the same command again")
        return INTERRUPTED
    if empty:
        say(f"failed    in {empty} of the cells no trial succeeded: the reasons are in {str(folder.failed)!r}")
    return FAILED if empty else DONE
