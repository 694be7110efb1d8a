"""Every run of a study: cells, candidate settings, seeds.

study ─▶ for every grid, for itself and each control:  for every point of its axes without the seeds:  a cell
cell  ─▶ for every candidate setting (one, without a search), for every seed:                           a run
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.toml import resolve
from neuroperturb.spec import InputError, SpecError
from neuroperturb.study import run_name
from neuroperturb.study.declaration import CONTROLS, OWNER, REPLICATES, Axis, Grid, Study, apply, combinations
from neuroperturb.study.labels import level_label, value_label

SEED = REPLICATES[0]


class GridPlace(NamedTuple):
    """A run of a cell: its candidate setting and its seed."""

    candidate: int
    seed: int


class Cell(NamedTuple):
    """One point of the axes.

    control : name of the control, "" for the rule itself
    point : values of the axes, by key, without seeds
    levels : the same for figures, one per axis, under its first key: a number, or a label
    candidates : candidate settings, each by key;  seeds : values of the replicate axes, each by key
    names : names of the runs, ``names[candidate][seed]``;  fits : names of the baselines, by reported seed
    first, keep : of the search;  tuned : number of seeds, the first ones, that only choose a setting and are not reported
    """

    grid: str
    control: str
    point: dict[str, Any]
    levels: dict[str, float | str]
    settings: dict[str, Any]
    candidates: tuple[dict[str, Any], ...]
    seeds: tuple[dict[str, Any], ...]
    names: tuple[tuple[str, ...], ...]
    fits: tuple[str, ...]
    first: int
    keep: int
    tuned: int = 0

    def name(self, place: GridPlace) -> str:
        """The name of one run."""
        return self.names[place.candidate][place.seed]

    def shown(self, candidate: int | None) -> tuple[str, ...]:
        """Runs that represent the cell: those of the chosen setting; none while several are candidates."""
        if candidate is None and len(self.candidates) > 1:
            return ()
        return self.names[candidate or 0][self.tuned :]

    @property
    def reported(self) -> range:
        """Numbers of the seeds that represent the cell."""
        return range(self.tuned, len(self.seeds))

    @property
    def label(self) -> str:
        """The label of the cell."""
        return ", ".join(
            filter(None, [self.grid, *(level_label(key, level) for key, level in self.levels.items()), self.control])
        )

    @property
    def key(self) -> str:
        """Digest of the cell, equal in all processes: shards are assigned by it."""
        return run_name.digest([self.grid, self.control, self.point])

    def table(self) -> dict:
        """The cell as plain data; :meth:`of` reads it back."""
        return {key: value for key, value in self._asdict().items() if key != "tuned" or value}

    @classmethod
    def of(cls, table: dict) -> Cell:
        lists = ("candidates", "seeds", "names", "fits")
        return cls(**{key: tuple(map(_tupled, v)) if key in lists else v for key, v in table.items()})


def lay_out(study: Study) -> list[Cell]:
    """All cells of a study; every experiment is created once, so that errors in any of them are reported now."""
    cells = [cell for grid in study.grids for control in ("", *grid.controls) for cell in _cells(study, grid, control)]
    if not cells:
        raise InputError(f"The study {study.name!r} has no cells.")
    return cells


def in_cell(study: Study, cell: Cell) -> str:
    """Prefix of an error message that names the cell; empty if there is only one cell."""
    return f"In the cell ({cell.label}) of study {study.name!r}: " if cell.label else ""


def experiment(study: Study, cell: Cell, place: GridPlace) -> Experiment:
    """The experiment of one run."""
    settings = {**cell.settings, **cell.point, **cell.candidates[place.candidate], **cell.seeds[place.seed]}
    return resolve(apply(study.base, settings), folder=study.folder)


def _cells(study: Study, grid: Grid, control: str) -> Iterator[Cell]:
    repeated = [axis for axis in grid.axes if set(axis.keys) <= set(REPLICATES)]
    others = [axis for axis in grid.axes if axis not in repeated]
    searched = [Axis((key,), tuple((v,) for v in vs)) for key, vs in (grid.search.over if grid.search else {}).items()]
    first, keep = (grid.search.first, grid.search.keep) if grid.search else (1, 1)
    settings = {**grid.settings, **CONTROLS.get(control, {})}
    candidates, seeds = tuple(combinations(searched)), tuple(combinations(repeated))
    tuned = _tuning(grid, seeds) if len(candidates) > 1 else ()
    for points in itertools.product(*(range(len(axis.points)) for axis in others)):
        point = {key: value for axis, k in zip(others, points) for key, value in zip(axis.keys, axis.points[k])}
        levels = {axis.keys[0]: _level(axis, k, study.names) for axis, k in zip(others, points)}
        cell = Cell(
            grid=grid.name, control=control, point=point, levels=levels, settings=settings, candidates=candidates,
            seeds=(*tuned, *seeds), names=(), fits=(), first=min(first, len(seeds)), keep=keep, tuned=len(tuned),
        )  # fmt: skip
        yield _named(study, cell)


def _tuning(grid: Grid, seeds: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    """Seeds that a search chooses on, like those of the study but for training.seed."""
    chosen_on = grid.search.seeds if grid.search else ()
    for seed in chosen_on:
        if any(one.get("training.seed") == seed for one in seeds):
            raise SpecError("search.seeds", OWNER, "seeds that the study does not report", seed, verb="must hold")
    return tuple({**seeds[0], "training.seed": seed} for seed in dict.fromkeys(chosen_on))


def _level(axis: Axis, k: int, names: dict[str, str]) -> float | str:
    """Label of a point of an axis: of keys that change together, the first is enough if it distinguishes the points."""
    firsts = [value_label(point[0]) for point in axis.points]
    values = axis.points[k] if len(set(firsts)) < len(firsts) else axis.points[k][:1]
    number = len(values) == 1 and isinstance(values[0], int | float) and not isinstance(values[0], bool)
    return values[0] if number else ", ".join(names.get(value_label(value), value_label(value)) for value in values)


def _named(study: Study, cell: Cell) -> Cell:
    """The cell with the names of its files; raises for invalid experiments."""
    try:
        names, fits = zip(*(_names(study, cell, candidate) for candidate in range(len(cell.candidates))))
    except InputError as error:
        raise InputError(in_cell(study, cell) + str(error)) from None
    return cell._replace(names=names, fits=fits[0][cell.tuned :])


def _names(study: Study, cell: Cell, candidate: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of the runs of a candidate, and of its baselines, by seed. Where seeds alone differ, the rest is read and named once."""
    places = [GridPlace(candidate, k) for k in range(len(cell.seeds))]
    if any(seeds.keys() != {SEED} for seeds in cell.seeds):
        made = [experiment(study, cell, place) for place in places]
        return tuple(run_name.name(one, study.ageing) for one in made), tuple(
            run_name.fit_name(one, study.baselines) for one in made
        )
    first = experiment(study, cell, places[0])
    seeds = [first.training.replace(seed=one[SEED]).seed for one in cell.seeds]
    return run_name.names(first, seeds, study.ageing), run_name.fit_names(first, seeds, study.baselines)


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
