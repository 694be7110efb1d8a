"""`neuroperturb new`: an experiment as a TOML file to edit, every setting with its meaning."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from neuroperturb.cli import job as jobs
from neuroperturb.cli import names, setting_names
from neuroperturb.cli import run_options as options
from neuroperturb.cli.terminal import say
from neuroperturb.experiments.template import template
from neuroperturb.spec import InputError, suggest
from neuroperturb.study import shipped


def new(
    task: Annotated[
        str | None,
        typer.Argument(
            autocompletion=setting_names.tasks,
            metavar="TASK|DATA",
            help="A task, your own data, or FILE.py:Class; see `neuroperturb list`.",
        ),
    ] = None,
    target: options.Target = None,
    layout: options.Layout = None,
    kind: options.Kind = None,
    horizon: options.Horizon = None,
    rule: Annotated[
        str | None, typer.Option(autocompletion=setting_names.rules, help="Learning rule. Default: the task's own.")
    ] = None,
    hardware: Annotated[
        str | None, typer.Option(autocompletion=names.hardware, help="Hardware, as in `run`. Default: ideal.")
    ] = None,
    writing: Annotated[
        str | None, typer.Option(autocompletion=names.writings, help="How its cells are written, as in `run`.")
    ] = None,
    assign: options.Assignments = None,
    out: Annotated[Path | None, typer.Option(help="The file. Default: TASK.toml")] = None,
    study: Annotated[
        str | None,
        typer.Option(
            autocompletion=setting_names.studies,
            metavar="NAME",
            help="Copy a study that comes with the package, to edit it.",
        ),
    ] = None,
    notebook: Annotated[
        str | None,
        typer.Option(
            autocompletion=setting_names.notebooks, metavar="NAME", help="Copy a notebook that comes with the package."
        ),
    ] = None,
) -> None:
    """Write an experiment as a TOML file to edit, with a comment on every setting; or copy a study or a notebook.

    Example: neuroperturb new delayed-xor --rule np-p --hardware ecram
    """
    if [task, study, notebook].count(None) != 2:
        raise InputError("Give one of a task, '--study' and '--notebook'; `neuroperturb list` has their names.")
    if task is None:
        _copied("study", study, shipped.studies(), out) if study else _copied(
            "notebook", notebook, shipped.notebooks(), out
        )
        return
    settings = [*(assign or []), *options.of_data(target, layout, kind, horizon)]
    request = jobs.Request(task, rule=rule, hardware=hardware, writing=writing, settings=settings)
    made = jobs.prepare(request).experiment
    path = _free(out or Path(re.sub(r"[^\w.]+", "-", made.task.label) + ".toml"))
    command = f"neuroperturb run {shlex.quote(str(path))}"
    path.write_text(template(made, command), encoding="utf-8")
    say(f"written   {path}\nrun it    {command}\nchange it neuroperturb explain KEY says what a setting means")


def _copied(sort: str, name: str | None, known: dict[str, Path], out: Path | None) -> None:
    """Copy a file that comes with the package."""
    if name not in known:
        raise InputError(f"There is no {sort} {name!r}. {suggest(str(name), known)}")
    path = _free(out or Path(known[name].name))
    path.write_bytes(known[name].read_bytes())
    command = f"neuroperturb study {path} --dry-run" if sort == "study" else f"jupyter lab {path}"
    say(f"written   {path}\nuse it    {command}")


def _free(path: Path) -> Path:
    if path.exists():
        raise InputError(f"The file {str(path)!r} exists: choose another with '--out'.")
    return path
