"""`neuroperturb deploy`: trained weights on other chips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuroperturb.cli.terminal import say, table
from neuroperturb.network.chip import chip as chips
from neuroperturb.results.run import load
from neuroperturb.training import deployment


def deploy(
    record: Annotated[Path, typer.Argument(metavar="RUN.nc", help="A record that `run` wrote.")],
    chip: Annotated[
        list[int] | None,
        typer.Option(metavar="SEED", help="Chip (seed) to program the weights on; repeatable. Default: 1 … 5."),
    ] = None,
    hardware: Annotated[str | None, typer.Option(help="Name of the hardware. Default: the run's own.")] = None,
) -> None:
    """Program the trained weights on other chips and test them; each seed is a chip.

    Example: neuroperturb deploy runs/my-run.nc --hardware hermes
    """
    made_of = None if hardware is None else chips.read(hardware)
    say(table(deployment.deploy(load(record), chip or range(1, 6), hardware=made_of)))
