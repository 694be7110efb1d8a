"""`neuroperturb report`: a record as text and a curve, or the page, figures and tables of a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuroperturb.cli.terminal import say
from neuroperturb.results.figures import learning_curve
from neuroperturb.results.run import load
from neuroperturb.study import html
from neuroperturb.study.store import StudyFolder


def report(
    record: Annotated[Path, typer.Argument(metavar="RUN.nc|STUDY", help="A record, or the folder of a study.")],
    figure: Annotated[bool, typer.Option(help="Write the learning curve beside the record.")] = True,
    out: Annotated[Path | None, typer.Option(help="Folder of a study's report. Default: STUDY/report")] = None,
) -> None:
    """Print a run's record and draw its learning curve again, or write a study's page, figures and tables."""
    if record.is_dir():
        of_study(record, out)
        return
    run = load(record)
    say(run.report())
    if figure:
        say(f"\nfigure    {learning_curve.save(run, record.with_suffix('.png'))}")


def of_study(folder: Path, out: Path | None) -> None:
    """Write the page, the figures and the tables of a study."""
    written = html.write(StudyFolder(folder), out)
    say(f"page      {written.page}")
    say(f"figures   {len(written.figures)} in {written.page.parent}")
    for path in written.tables:
        say(f"table     {path}")
