"""`neuroperturb predict`: forecasts of a trained network for the rows of another file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuroperturb.cli.terminal import check_folder, folder, say
from neuroperturb.network.chip import chip as chips
from neuroperturb.results import neutral, outputs
from neuroperturb.results.run import load
from neuroperturb.training.prediction import forecast


def predict(
    record: Annotated[Path, typer.Argument(metavar="RUN.nc", help="A run on data of your own.")],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", help="New rows of a CSV, with the input columns of the run; new trials x of an npz."
        ),
    ],
    hardware: Annotated[str | None, typer.Option(help="Program the weights on this hardware first.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the table, or a file that ends in .csv.")] = Path("."),
) -> None:
    """Predict from another file of data, in its own units, and write a CSV.

    Example: neuroperturb predict runs/my-run.nc next-week.csv
    """
    room, name = (out.parent, out.name) if out.suffix == ".csv" else (out, f"{data.stem}-{record.stem}.csv")
    check_folder(room)
    table = forecast(load(record), data, hardware=None if hardware is None else chips.read(hardware))
    path = outputs.write_text(folder(room) / name, neutral.csv(table))
    say(table.tail(5).to_string(index=False))
    say(f"\n{len(table)} rows\ntable  {path}")
