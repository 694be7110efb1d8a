"""`neuroperturb export RUN.nc`: the trained network as a NIR graph, for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuroperturb.cli.terminal import check_folder, folder, say
from neuroperturb.results import nir_graph, outputs
from neuroperturb.results.run import load


def export(
    record: Annotated[
        Path,
        typer.Argument(
            metavar="RUN.nc", help="A run of 'identity' units or of spiking neurons whose inputs are currents."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the graph.")] = Path("."),
) -> None:
    """Write the trained network as a graph of NIR, the neuromorphic intermediate representation (extra: nir).

    Example: neuroperturb export runs/my-run.nc
    """
    check_folder(out)
    target = out / f"{record.stem}.nir"
    outputs.require_free(target)
    run = load(record)
    graph = nir_graph.export(run)
    folder(out)
    nir_graph.write(target, graph)
    if run.experiment.spiking is not None and run.experiment.spiking.refractory:
        say("The refractory time has no place in the standard: it is metadata of the graph, which other tools ignore.")
    say(f"graph  {target}")
