"""`neuroperturb device`: the card of a device."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import hardware_models as hw
from neuroperturb.cli.terminal import check_folder, folder, say
from neuroperturb.results.figures import device_card


def device(
    hardware: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE.csv", help="A preset, a kind of cell, or measured pulses (one file, or UP.csv,DOWN.csv)."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the figure.")] = Path("."),
    seed: Annotated[int, typer.Option(help="Which chip.")] = 0,
) -> None:
    """Draw a device card: pulses, steps, symmetry point, states, read error, drift over a year; a table and a PNG."""
    check_folder(out)
    card = hw.card(hardware, seed=seed)
    first = Path(hardware.split(",")[0])  # of two files of measured pulses
    figure = device_card.save(card, folder(out) / f"{first.stem}.png")
    say(f"{card}\n\nfigure  {figure}")
