"""`neuroperturb align`: how closely, and with how much noise, learning rules follow the gradient."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from neuroperturb.analysis.alignment import align as alignment
from neuroperturb.cli import names, setting_names
from neuroperturb.cli.figure_formats import Format
from neuroperturb.cli.terminal import check_folder, folder, say, warn
from neuroperturb.results import outputs
from neuroperturb.results.figures import formats


def align(
    rules: Annotated[
        list[str],
        typer.Argument(
            autocompletion=setting_names.rules,
            metavar="RULE…",
            help='Names of rules; "anp published" selects a published form.',
        ),
    ],
    task: Annotated[
        str | None,
        typer.Option(help="Use the first trials of this task. Default: random trials with a loss at every step."),
    ] = None,
    hardware: Annotated[
        str | None, typer.Option(autocompletion=names.hardware, help="Name of the hardware to run on. Default: ideal.")
    ] = None,
    samples: Annotated[int, typer.Option(help="Single-trial updates to average.")] = 40_000,
    trials: Annotated[int, typer.Option(min=1, help="Number of different trials per sample.")] = 1,
    noise_std: Annotated[
        float | None, typer.Option(help="Perturbation σ of every rule. Default: each rule's own.")
    ] = None,
    size: Annotated[int | None, typer.Option(min=1, help="Number of hidden units.")] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Time steps per trial; a task's trials are cut to this length.")
    ] = None,
    over: Annotated[
        str | None, typer.Option(help="Quantity to sweep: samples, noise_std, size, steps or hardware.")
    ] = None,
    values: Annotated[str | None, typer.Option(metavar="A,B,…", help="Values of the sweep; a few by default.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the figure and the table.")] = Path("."),
    seed: Annotated[int, typer.Option(help="Seed of weights, trials and perturbations.")] = 0,
    kinds: Format = None,
) -> None:
    """Measure how closely, and with how much noise, rules follow the gradient: a table, a figure and a CSV.

    Example: neuroperturb align np np-trace --samples 10000
    """
    check_folder(out)
    places, numbers = formats.places(out / "alignment.png", formats.chosen(kinds)), out / "alignment.csv"
    for place in places:
        outputs.require_free(place)
    outputs.require_free(numbers, alignment.COLUMNS)
    given = None if values is None else [_number(text.strip()) for text in values.split(",")]
    found = alignment.align(
        rules, task=task, hardware=hardware, samples=samples, trials=trials, noise_std=noise_std, size=size, steps=steps,
        over=over, values=given, seed=seed, progress=lambda line: warn(f"measuring {line}"),
    )  # fmt: skip
    folder(out)
    page = found.figure()
    written = "\n".join(f"figure  {formats.write(page, place)}" for place in places)
    say(f"{found}\n\n{written}\ntable   {found.to_csv(numbers)}")


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text
