"""`neuroperturb device`: the card of a device."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import hardware_models as hw
from hardware_models.characterise.card import table
from neuroperturb.cli import names
from neuroperturb.cli.figure_formats import Format
from neuroperturb.cli.terminal import check_folder, folder, say
from neuroperturb.network.chip import chip as chips
from neuroperturb.results import outputs
from neuroperturb.results.figures import device_card, formats
from neuroperturb.results.grid import line_width
from neuroperturb.spec import SpecError, plugins
from neuroperturb.spec.user_code import is_name


def device(
    hardware: Annotated[
        str,
        typer.Argument(
            autocompletion=names.hardware,
            metavar="NAME|FILE.csv|FILE.py:Class",
            help="A preset, a cell model, a file of measured pulses (or two, UP.csv,DOWN.csv), or a custom cell.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the figure.")] = Path("."),
    seed: Annotated[int, typer.Option(help="Seed of the chip.")] = 0,
    kinds: Format = None,
) -> None:
    """Draw a device card: pulses, steps, symmetry point, states, read error, drift over a year; a table and a figure.

    Example: neuroperturb device reram-es
    """
    check_folder(out)
    chosen = formats.chosen(kinds)
    first = hardware.split(",")[0]  # of two files of measured pulses
    places = formats.places(out / f"{Path(first.rpartition(':')[2]).stem}.png", chosen)
    for place in places:
        outputs.require_free(place)
    card = hw.card(_found(hardware), seed=seed)
    folder(out)
    page = device_card.figure(card)
    written = "\n".join(f"figure  {formats.write(page, place)}" for place in places)
    say(f"{table(card, line_width(118))}\n\n{written}")


def _found(name: str) -> Any:
    """The cells of a custom class; any other name as it is."""
    name = plugins.located("cells", name, (*hw.PRESETS, *hw.CELLS))
    if not is_name(name):
        return name
    try:
        return chips.read(name).cells
    except SpecError as error:
        raise error.at("NAME", "device") if error.name in ("cells", "cells.kind") else error from None
