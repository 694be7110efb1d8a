"""From the arguments of `run` to a job: the experiment, where its record goes, and which run it resumes or repeats."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from neuroperturb.experiments import experiment as experiments
from neuroperturb.experiments import recipes
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.toml import plain, read_table, resolve
from neuroperturb.results import text
from neuroperturb.results.run import Run, existing, load
from neuroperturb.spec import InputError, plugins, suggest
from neuroperturb.spec.data_file import DataPath, find, recorded
from neuroperturb.spec.user_code import is_name
from neuroperturb.spiking import recipes as spiking_recipes
from neuroperturb.spiking.brian_show import show
from neuroperturb.tasks import TASKS
from neuroperturb.training import ablation, resumption


class Request(NamedTuple):
    """The arguments that define the run.

    source : name of a task, a TOML file, a file of data, or a record
    rule, hardware, backend : names that replace those of the source;  writing, cells : of that hardware, or of the source's
    settings : ``KEY=VALUE``, applied last
    out : folder or file for the record
    resume : continue the recorded run
    """

    source: str
    rule: str | None = None
    hardware: str | None = None
    backend: str | None = None
    writing: str | None = None
    cells: str | None = None
    settings: tuple[str, ...] | list[str] = ()
    out: Path | None = None
    resume: bool = False


class RunJob(NamedTuple):
    """What one `run` command does."""

    experiment: Experiment
    target: Path
    previous: Run | None  # the run to resume
    original: Run | None  # the run to repeat and compare with


def prepare(request: Request) -> RunJob:
    """The job of a request, checked as far as possible without training."""
    source = request.source
    original = load(source) if source.endswith(".nc") else None
    table = plain(original.experiment) if original else _table(source, request.backend)
    with recorded(original.data if original else {}):
        experiment = resolve(
            _changed(table, request), request.settings, Path(source).parent if Path(source).is_file() else None
        )
    repeated = original is not None and experiment == original.experiment
    if original is not None and request.resume and request.out is None:
        target = Path(source)
    else:
        target = _target(experiment, request.out, Path(source) if repeated else None)
    previous = None
    if request.resume:
        target = target if target.exists() else existing(target.parent, experiment) or target
        previous = _continued(original or _existing(target), experiment, target)
    return RunJob(experiment, target, previous, original if repeated and not request.resume else None)


def check_ablation(job: RunJob) -> None:
    """Check that there is hardware to ablate."""
    chip = job.experiment.hardware
    if chip is None or not ablation.sources(chip):
        raise InputError("The '--ablate' option needs hardware, and this run has none: choose some with '--hardware'.")


def equations(job: RunJob) -> str:
    """The model of spiking neurons, as text."""
    if job.experiment.spiking is None:
        raise InputError(
            "The '--show-equations' option needs spiking neurons, and this run has none: choose a '--backend'."
        )
    return show(job.experiment)


def configuration(job: RunJob) -> str:
    """The settings of the run, as text."""
    return text.configuration(job.experiment) + "\n"


# ----------------------------------------------------------------------------------------------------------------------
# The experiment


def _table(source: str, backend: str | None) -> dict:
    """The settings of the source."""
    if Path(source).suffix.lower() in recipes.FILES:
        if find(typed := DataPath.typed(source)) is None:
            raise InputError(f"There is no file {source!r}: searched for in {typed.sought}.")
        return recipes.of_file(source)
    source = source if Path(source).is_file() else plugins.located("task", source, TASKS)
    if source in TASKS or is_name(source):
        return recipes.recipe(source) if backend is None else spiking_recipes.recipe(source)
    if source.endswith(".toml") or Path(source).is_file():
        return read_table(source)
    known = [*TASKS, *plugins.names("task")]
    raise InputError(f"There is no task or file {source!r}. {suggest(source, known)}")


def _changed(table: dict, request: Request) -> dict:
    """The table with its rule, hardware and backend replaced as requested."""
    if request.rule is not None:
        table = recipes.with_rule(table, request.rule)
    if request.hardware is not None:
        table = {**table, "hardware": request.hardware}
    if request.writing is not None:
        table = {**table, "hardware": _written(table.get("hardware"), request.writing)}
    if request.cells is not None:
        table = {**table, "hardware": _of_a_chip(table.get("hardware"), request.cells)}
    if request.backend is not None:
        table = spiking_recipes.with_backend(table, request.backend)
    return table


def _written(hardware: str | dict | None, writing: str) -> dict:
    """Hardware with another writing."""
    made_of = _required(hardware, "--writing")
    return {**made_of, "writing": writing if writing == "recommended" else {"kind": writing}}


def _of_a_chip(hardware: str | dict | None, cells: str) -> dict:
    """Hardware with the cells of a measured chip."""
    return {**_required(hardware, "--cells"), "cells_file": cells}


def _required(hardware: str | dict | None, option: str) -> dict:
    if hardware is None:
        raise InputError(f"The '{option}' option needs hardware, and this run has none: choose some with '--hardware'.")
    return {"name": hardware} if isinstance(hardware, str) else hardware


# ----------------------------------------------------------------------------------------------------------------------
# The record


def _target(experiment: Experiment, out: Path | None, repeated: Path | None) -> Path:
    """Where the record goes: the file name describes the experiment and is unique to it."""
    if out is not None and out.suffix == ".nc":
        return out
    if repeated is not None and out is None:
        return repeated.with_name(f"{repeated.stem}-repeat.nc")
    name = f"{experiment.task.label}-{experiments.label(experiment)}-{experiments.digest(experiment)}"
    return (out or Path("runs")) / (re.sub(r"[^\w.]+", "-", name) + ".nc")


def _existing(target: Path) -> Run:
    if not target.exists():
        raise InputError(f"There is nothing to resume: no run of this experiment at {str(target)!r}.")
    return load(target)


def _continued(previous: Run, experiment: Experiment, target: Path) -> Run:
    """A record that can be continued as this experiment."""
    resumption.require_same(previous, experiment)
    resumption.require_unfinished(previous, experiment, str(target))
    return previous
