"""`neuroperturb device`: the card of a device."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import hardware_models as hw
from neuroperturb.cli.terminal import check_folder, folder, say
from neuroperturb.results import outputs
from neuroperturb.results.figures import device_card


def device(
    hardware: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE.csv",
            help="A preset, a cell model, or a file of measured pulses (or two, UP.csv,DOWN.csv).",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the figure.")] = Path("."),
    seed: Annotated[int, typer.Option(help="Seed of the chip.")] = 0,
) -> None:
    """Draw a device card: pulses, steps, symmetry point, states, read error, drift over a year; a table and a PNG."""
    check_folder(out)
    first = hardware.split(",")[0]  # of two files of measured pulses
    picture = out / f"{Path(first).stem}.png"
    outputs.require_free(picture)
    card = hw.card(hardware, seed=seed)
    figure = device_card.save(card, folder(out) / picture.name)
    say(f"{card}\n\nfigure  {figure}")
