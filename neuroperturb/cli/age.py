"""`neuroperturb age`: test a trained network an hour, a day, a month and a year after programming."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuroperturb.cli.terminal import check_folder, folder, say, table
from neuroperturb.experiments.experiment import label
from neuroperturb.experiments.toml import plain, resolve
from neuroperturb.results import outputs
from neuroperturb.results.figures import ageing
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
) -> None:
    """Test a trained network an hour, a day, a month and a year after programming, with and without drift compensation.

    Prints a table and writes a PNG.

    Example: neuroperturb age runs/my-run.nc --hardware pcm-like
    """
    check_folder(out)
    picture = out / f"{record.stem}_age.png"
    outputs.require_free(picture)
    run = load(record)
    settings = plain(run.experiment) | ({} if hardware is None else {"hardware": hardware})
    with recorded(run.data):
        other = resolve(settings, assign or []).hardware if hardware or assign else None
    ages = deployment.age(run, after or None, hardware=other)
    title = f"{label(run.experiment)} on {run.experiment.task.label}"
    figure = ageing.save(ages, title, folder(out) / picture.name)
    cut = not after and len(ages) <= len(deployment.TIMES)
    ends = "\n\nThe measurements of these cells end here, so later times are left out." if cut else ""
    say(f"{table(ages)}{ends}\n\nfigure  {figure}")
