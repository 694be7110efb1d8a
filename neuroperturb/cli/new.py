"""`neuroperturb new`: an experiment as a TOML file to edit, every setting with its meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuroperturb.cli import job as jobs
from neuroperturb.cli.terminal import say
from neuroperturb.experiments.template import template
from neuroperturb.spec import InputError


def new(
    task: Annotated[
        str,
        typer.Argument(metavar="TASK|DATA", help="A task, your own data, or FILE.py:Class; see `neuroperturb list`."),
    ],
    rule: Annotated[str | None, typer.Option(help="Learning rule. Default: the task's own.")] = None,
    hardware: Annotated[str | None, typer.Option(help="Hardware, as in `run`. Default: ideal.")] = None,
    writing: Annotated[str | None, typer.Option(help="How its cells are written, as in `run`.")] = None,
    out: Annotated[Path | None, typer.Option(help="The file. Default: TASK.toml")] = None,
) -> None:
    """Write an experiment as a TOML file to edit, with a comment on every setting.

    Example: neuroperturb new delayed-xor --rule np-p --hardware ecram
    """
    made = jobs.prepare(jobs.Request(task, rule=rule, hardware=hardware, writing=writing)).experiment
    path = out or Path(f"{made.task.label}.toml")
    if path.exists():
        raise InputError(f"The file {str(path)!r} exists: choose another with '--out'.")
    command = f"neuroperturb run {path}"
    path.write_text(template(made, command), encoding="utf-8")
    say(f"written   {path}\nrun it    {command}\nchange it neuroperturb explain KEY says what a setting means")
