"""`neuroperturb report`: a record as text and a learning curve, or the page, figures and tables of a study or a search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from neuroperturb.analysis.advice.answer import answer, tone
from neuroperturb.cli.figure_formats import Format
from neuroperturb.cli.terminal import say, warn
from neuroperturb.experiments.data_files import of_experiment
from neuroperturb.results import folders, outputs, text
from neuroperturb.results.figures import formats, learning_curve
from neuroperturb.results.grid import prose, spoken
from neuroperturb.results.run import load
from neuroperturb.study import html, tune_report
from neuroperturb.study.store import INDEX, StudyFolder

REMARKS = 5  # most that are said one by one


def report(
    record: Annotated[
        Path, typer.Argument(metavar="RUN.nc|STUDY", help="A record, or the folder of a study or a search.")
    ],
    figure: Annotated[bool, typer.Option(help="Save the learning curve next to the record.")] = True,
    out: Annotated[Path | None, typer.Option(help="Folder for a study's report. Default: STUDY/report")] = None,
    kinds: Format = None,
) -> None:
    """Print a run's record and redraw its learning curve, or write the page, figures and tables of a study or a search.

    Example: neuroperturb report runs/my-study --format svg
    """
    chosen = formats.chosen(kinds)
    if record.is_dir():
        of_study(record, out, chosen)
        return
    run = load(record)
    say(text.text(run))
    if verdict := answer(run, record):
        say("\n" + spoken(verdict, tone(verdict)))
    there = of_experiment(run.experiment)
    for name, note in run.data.items():
        difference = note.difference(name, there.get(name))
        if difference:
            warn(difference)
    if figure:
        say("")
        for path in formats.write_all(learning_curve.figure(run), record, chosen):
            say(f"figure    {path}")


def of_study(folder: Path, out: Path | None, kinds: Sequence[str] = ("png",)) -> None:
    """Write the page, figures and tables of a study, and the results of a search if there was one."""
    searched = (folder / tune_report.TABLE).is_file()
    if searched:
        of_search(folder, out or folder / "report", kinds)
    if searched and not (folder / INDEX).exists():
        return
    written = html.write(StudyFolder(folder), out, kinds)
    for sentence in written.remarks[:REMARKS]:
        warn(sentence)
    if len(written.remarks) > REMARKS:
        warn(f"{len(written.remarks) - REMARKS} more like this; the table of runs says of which.")
    for one in written.answers:
        say(prose(str(one)) + "\n")
    say(f"page      {written.page}")
    say(f"figures   {len(written.figures)} in {written.page.parent}")
    for path in written.tables:
        say(f"table     {path}")


def of_search(folder: Path, out: Path, kinds: Sequence[str]) -> None:
    """Print the best settings of every tuned cell; write a table and a figure."""
    frame = tune_report.read(folder)
    made = tune_report.best(frame)
    folders.make(out)
    outputs.write_text(out / "tune.md", tune_report.markdown(made))
    say(tune_report.table(made))
    say(f"\ntable     {out / 'tune.md'}\ntable     {folder / tune_report.TABLE}")
    if len(frame):
        for path in formats.write_all(tune_report.draw(frame), out / "tune", kinds):
            say(f"figure    {path}")
