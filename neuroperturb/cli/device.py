"""`neuroperturb device`: the card of a device."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import hardware_models as hw
from neuroperturb.cli.terminal import check_folder, folder, say
from neuroperturb.network.chip import chip as chips
from neuroperturb.results.figures import device_card
from neuroperturb.spec import SpecError
from neuroperturb.spec.user_code import is_name


def device(
    hardware: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE.csv|FILE.py:Class",
            help="A preset, a kind of cell, measured pulses, or a cell of your own.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the figure.")] = Path("."),
    seed: Annotated[int, typer.Option(help="Which chip.")] = 0,
) -> None:
    """Draw a device card: pulses, steps, symmetry point, states, read error, drift over a year; a table and a PNG."""
    check_folder(out)
    card = hw.card(_found(hardware), seed=seed)
    figure = device_card.save(card, folder(out) / f"{Path(hardware.rpartition(':')[2]).stem}.png")
    say(f"{card}\n\nfigure  {figure}")


def _found(name: str) -> Any:
    """Cells out of a file of pulses or of code; what goes by a name of ours as it is."""
    if name.endswith(".csv"):
        return hw.Measured.from_csv(name)
    if not is_name(name):
        return name
    try:
        return chips.read(name).cells
    except SpecError as error:
        raise error.at("NAME", "device") if error.name in ("cells", "cells.kind") else error from None
