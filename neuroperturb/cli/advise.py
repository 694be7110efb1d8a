"""`neuroperturb advise`: what limits a device, and which writing lets a network learn on it."""

from __future__ import annotations

import json as encoding
from typing import Annotated

import typer

from neuroperturb.analysis.advice.advisor import advise as advice_on
from neuroperturb.cli import names
from neuroperturb.cli.terminal import say


def advise(
    hardware: Annotated[
        str,
        typer.Option(
            autocompletion=names.hardware,
            help="A preset, a cell model, measured pulses, FILE.csv, or your own cell, FILE.py:Class.",
        ),
    ],
    rule: Annotated[str | None, typer.Option(help="A learning rule: what is known of it on this device.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what limits learning on a device, which writing the evidence recommends for it, and what that costs.

    Example: neuroperturb advise --hardware reram-es --rule np-p
    """
    found = advice_on(hardware, rule)
    say(encoding.dumps(found.table(), indent=2, ensure_ascii=False) if json else str(found))
