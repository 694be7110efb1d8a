"""`neuroperturb neurobench RUN.nc`: NeuroBench's metrics of a trained network, as text or JSON."""

from __future__ import annotations

import json as encoding
from pathlib import Path
from typing import Annotated

import typer

from neuroperturb.cli.terminal import say
from neuroperturb.results.run import load
from neuroperturb.training.neurobench import neurobench as metrics_of

UNITS = {"Footprint": "bytes", "SynapticOperations": "a step"}


def neurobench(
    record: Annotated[Path, typer.Argument(metavar="RUN.nc", help="A record that `run` wrote.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """NeuroBench's metrics of a run on its test data: footprint, sparsity, synaptic operations.

    Example: neuroperturb neurobench runs/my-run.nc --json
    """
    found = metrics_of(load(record))
    if json:
        say(encoding.dumps(found, indent=2))
        return
    for name, value in found.items():
        for part, number in value.items() if isinstance(value, dict) else [("", value)]:
            say(f"{name:19} {part:15} {number:.6g} {UNITS.get(name, '')}".rstrip())
