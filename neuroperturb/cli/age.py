"""`neuroperturb age`: test a trained network an hour, a day, a month and a year after programming."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuroperturb.cli.figure_formats import Format
from neuroperturb.cli.terminal import check_folder, folder, say, table
from neuroperturb.experiments.experiment import label
from neuroperturb.experiments.toml import plain, resolve
from neuroperturb.results import outputs
from neuroperturb.results.figures import ageing, formats
from neuroperturb.results.run import load
from neuroperturb.spec.data_file import recorded
from neuroperturb.training import deployment


def age(
    record: Annotated[Path, typer.Argument(metavar="RUN.nc", help="A record that `run` wrote.")],
    hardware: Annotated[
        str | None, typer.Option(help="Hardware to program the weights on first. Default: the run's own.")
    ] = None,
    assign: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a setting, e.g. hardware.time.drift.nu=0.05; repeatable."
        ),
    ] = None,
    after: Annotated[
        list[float] | None,
        typer.Option(
            metavar="SECONDS",
            help="Time after programming to test at; repeatable. Default: an hour, a day, a month, a year.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the figure.")] = Path("."),
    kinds: Format = None,
) -> None:
    """Test a trained network an hour, a day, a month and a year after programming, with and without drift compensation.

    Prints a table and writes a figure.

    Example: neuroperturb age runs/my-run.nc --hardware pcm-like
    """
    check_folder(out)
    places = formats.places(out / f"{record.stem}_age.png", formats.chosen(kinds))
    for place in places:
        outputs.require_free(place)
    run = load(record)
    settings = plain(run.experiment) | ({} if hardware is None else {"hardware": hardware})
    with recorded(run.data):
        other = resolve(settings, assign or []).hardware if hardware or assign else None
    ages = deployment.age(run, after or None, hardware=other)
    chip = other or run.experiment.hardware
    title = f"{label(run.experiment)} on {run.experiment.task.label}" + ("" if chip is None else f", {chip.title}")
    folder(out)
    page = ageing.figure(ages, title)
    written = "\n".join(f"figure  {formats.write(page, place)}" for place in places)
    cut = not after and len(ages) <= len(deployment.TIMES)
    ends = "\n\nThe measurements of these cells end here, so later times are left out." if cut else ""
    say(f"{table(ages)}{ends}\n\n{written}")
