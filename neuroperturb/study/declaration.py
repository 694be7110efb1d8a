"""The declaration of a study: one TOML file, read into grids of axes, with errors that name the key.

    about = "…"                            its purpose, size and duration
    base = "weather"                       a task's default settings, or a file; or [base], an experiment as for `run`
    metrics = ["nmse", "pulses"]           columns of the table, in addition to losses and status; default: all
    baselines = ["ridge", "echo state"]    fitted once for each task and seed; "trivial" is always there
    controls = ["frozen"]                  repeat every cell with W_in and W_rec fixed at their initial values
    names = {"bptt window=1" = "bptt(1)"}  your own labels for values of axes
    threshold = 0.1                        `epochs_to_threshold`: the first epoch whose validation loss is below it
    weights = false                        save learning curves and scores only, not the weights
    [ageing]                               trained weights on chips, tested as they age, see :mod:`.ageing`

    [axes]                                 every combination
    rule = ["np", "anp", {name = "danp", form = "published"}]
    hardware.cells.bits = [2, 4, 8]
    seed = [42, 101, 300]                  training.seed
    [[zip]]                                lists of one length, which change together
    task = ["mackey-glass", "copying"]
    training.epochs = [10, 20]
    [set]                                  the same in every cell
    rule.noise_std = 1e-3
    [search]                               separately in every cell, by validation loss
    over = { learning_rate = [1e-4, 1e-3, 1e-2] }
    seeds = [1, 2, 3]                      that choose, and are not reported
    [[grid]]                               several grids in one study: each with its own axes, zip, set, search, controls,
    name = "equal rates"                   in addition to those above
    [small]                                what `--small` replaces: a smoke test, which shows no effect
    [quick]                                what `--quick` replaces: fewer values and seeds, which show it in ten minutes or less

`seed` stands for ``training.seed``, and `learning_rate` for that of the rule or, for ``bptt``, of its optimiser. A rule of
another name replaces the base's rule entirely; decorrelation is kept only with a rule whose name includes it.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from hardware_models.numerics.checks import is_finite
from neuroperturb.baselines import GRADIENTS
from neuroperturb.experiments import recipes
from neuroperturb.experiments.toml import put, read_table
from neuroperturb.rules import DECORRELATED
from neuroperturb.spec import LARGEST, InputError, Spec, SpecError, Words, plugins, suggest
from neuroperturb.spec.user_code import beside, is_name
from neuroperturb.study.ageing import StudyAgeing
from neuroperturb.study.labels import value_label
from neuroperturb.tasks import TASKS

OWNER = "a study"  # of its keys, in error messages
ALIASES = {"seed": "training.seed"}
RATE = "learning_rate"  # of the rule, or of the optimiser of bptt
RATES = {RATE, "rule.learning_rate", "rule.optimiser.learning_rate"}
REPLICATES = ("training.seed", "hardware.seed")  # axes over which a cell is repeated
CONTROLS = {"frozen": {"training.frozen": ["W_in", "W_rec"]}}
SIZES = ("full", "small", "quick")  # of a study
BASELINES = ("trivial", "ridge", "echo state", "linear policy", "network")
GRID_KEYS = ("name", "axes", "zip", "set", "search", "controls")
STUDY_KEYS = (
    "about", "base", "metrics", "baselines", "threshold", "weights", "axes", "zip", "set", "search", "controls", "grid", "tune",
    "ageing", "names",
)  # fmt: skip


class Axis(NamedTuple):
    """Keys that change together, and their values: `points[k]` has one for each key."""

    keys: tuple[str, ...]
    points: tuple[tuple, ...]


class Search(Spec):
    """Search over settings in a cell before it runs all its seeds.

    over : lists of values by key; every combination is tried
    seeds : every setting runs on all of these; the smallest mean validation loss is chosen, and it alone runs on the study's seeds,
        which must be others.  None given: settings are chosen on the seeds that are reported, in two rounds,
        of `first` seeds and, for the `keep` best, of all
    first : number of seeds in the first round
    keep : number of best settings to run on all seeds; the one with the smallest mean validation loss is chosen
    """

    over: dict[str, tuple]
    seeds: tuple[int, ...] = ()
    first: int = Field(default=1, ge=1)
    keep: int = Field(default=2, ge=1)


class Grid(NamedTuple):
    """Axes and the settings common to all their points.

    settings : dotted keys and values;  controls : names in `CONTROLS`
    """

    name: str
    axes: tuple[Axis, ...]
    settings: dict[str, Any]
    search: Search | None
    controls: tuple[str, ...]


class Study(NamedTuple):
    """A parsed declaration.

    source : the table it was read from;  base : an experiment's table, which may lack keys that axes set
    metrics : columns of the table, None for all;  tune : the `[tune]` table, None if there is none
    ageing : chips that every run's weights are tested on, None for none;  names : labels of values of axes
    folder : folder of the declaration, searched for modules of custom rules
    """

    name: str
    about: str
    base: dict
    grids: tuple[Grid, ...]
    baselines: tuple[str, ...]
    metrics: tuple[str, ...] | None
    threshold: float | None
    weights: bool
    tune: dict | None
    ageing: StudyAgeing | None
    names: dict[str, str]
    source: dict
    folder: Path


def load(path: str | Path, size: str = "full") -> Study:
    """The study in a TOML file, at one of its `SIZES`; of another than "full", the name ends with it."""
    path = Path(path)
    name = path.stem if size == "full" else f"{path.stem}-{size}"
    with beside(path.parent):
        return parse(read_table(path), name, size=size, folder=path.parent)


def parse(table: dict, name: str, *, size: str = "full", folder: Path = Path()) -> Study:
    """A study from its table, at one of its `SIZES`."""
    table = copy.deepcopy(table)
    versions = {other: table.pop(other, None) for other in SIZES[1:]}
    if size != "full":
        if not isinstance(versions[size], dict):
            raise SpecError.missing(size, f"study {name!r}", f"It has no {size} version.")
        table = _merged(table, versions[size])
    _known(table, STUDY_KEYS, OWNER)
    common = {key: table.get(key) for key in GRID_KEYS}
    extra = _listed(table.get("grid", [{}]), "grid")
    grids = tuple(_grid(common, one, f"grid {k + 1}" if "grid" in table else "") for k, one in enumerate(extra))
    _distinct([grid.name for grid in grids], "grid.name")
    return Study(
        name=name,
        about=_is(table.get("about", ""), str, "about", "a text"),
        base=_base(table.get("base", {}), folder),
        grids=grids,
        baselines=_names(table.get("baselines", []), BASELINES, "baselines"),
        metrics=None if "metrics" not in table else tuple(_listed(table["metrics"], "metrics")),
        threshold=None if "threshold" not in table else _number(table["threshold"], "threshold"),
        weights=_is(table.get("weights", True), bool, "weights", "true or false"),
        tune=None if "tune" not in table else _is(table["tune"], dict, "tune", "a table"),
        ageing=None if "ageing" not in table else StudyAgeing.parse(_is(table["ageing"], dict, "ageing", "a table"), "ageing"),
        names=_renamed(table.get("names", {}), grids, partial=size != "full"),
        source=table,
        folder=folder,
    )  # fmt: skip


# ----------------------------------------------------------------------------------------------------------------------
# Settings on a table


def apply(table: dict, settings: dict[str, Any]) -> dict:
    """A copy of an experiment's table with dotted settings on top, the shorter keys first."""
    for key, value in sorted(settings.items(), key=lambda item: item[0].count(".")):
        if key == RATE:
            continue
        table = _with_rule(table, value) if key == "rule" else put(table, key, copy.deepcopy(value))
    return put(table, rate_key(table), settings[RATE]) if RATE in settings else table


def rate_key(table: dict) -> str:
    """The key of the learning rate of a table's rule."""
    rule = table.get("rule")
    name = rule.get("name") if isinstance(rule, dict) else rule
    return "rule.optimiser.learning_rate" if name in GRADIENTS else "rule.learning_rate"


def _with_rule(table: dict, rule: Any) -> dict:
    if isinstance(rule, str):
        return recipes.with_rule(table, rule)
    named = isinstance(rule, dict) and rule.get("name") in DECORRELATED
    return {key: value for key, value in table.items() if key != "decorrelation" or named} | {"rule": rule}


def combinations(axes: Iterable[Axis]) -> Iterator[dict[str, Any]]:
    """Every point of a grid, as settings."""
    for points in itertools.product(*([dict(zip(axis.keys, p)) for p in axis.points] for axis in axes)):
        yield {key: value for point in points for key, value in point.items()}


# ----------------------------------------------------------------------------------------------------------------------
# Parts of the table


def _base(base: Any, folder: Path) -> dict:
    if isinstance(base, dict):
        return base
    if not isinstance(base, str):
        raise SpecError("base", OWNER, "a table, a task or a file", base)
    if base.endswith(".toml"):
        return read_table(folder / base)
    base = plugins.located("task", base, TASKS)
    if base not in TASKS and not is_name(base):
        raise SpecError.no_choice("base", OWNER, base, [*TASKS, *plugins.names("task")])
    return recipes.recipe(base)


def _grid(common: dict, own: Any, place: str) -> Grid:
    own = _is(own, dict, "grid", "a list of tables")
    _known(own, GRID_KEYS, place or OWNER)
    name = _is(own.get("name", place), str, "grid.name", "a text")
    axes = (*_axes(common, ""), *_axes(own, f"{name}: " if name else ""))
    shared, particular = (_settings(table.get("set")) for table in (common, own))
    search = own.get("search") or common["search"]
    grid = Grid(
        name=name,
        axes=axes,
        settings=shared | particular,
        search=None if search is None else _search(search),
        controls=_names(own.get("controls", common["controls"] or []), CONTROLS, "controls"),
    )
    _no_clash(grid)
    return grid


def _axes(table: dict, where: str) -> Iterator[Axis]:
    for key, values in _flat(table.get("axes") or {}, "axes"):
        yield Axis((key,), tuple((v,) for v in _values(values, f"{where}axes.{key}")))
    for number, group in enumerate(_listed(table.get("zip") or [], "zip")):
        place = f"{where}zip.{number}"
        lists = {key: _values(v, f"{place}.{key}", repeat=True) for key, v in _flat(group, "zip")}
        if len({len(values) for values in lists.values()}) != 1:
            lengths = ", ".join(f"{key} has {len(values)}" for key, values in lists.items())
            raise SpecError(place, OWNER, f"have lists of one length: {lengths or 'it is empty'}", verb="must")
        yield Axis(tuple(lists), tuple(zip(*lists.values())))


def _settings(table: Any) -> dict[str, Any]:
    """`set` as dotted keys: a table is merged key by key."""
    return dict(_flat(table or {}, "set"))


def _search(table: Any) -> Search:
    table = _is(table, dict, "search", "a table")
    over = _is(table.get("over", {}), dict, "search.over", "a table of lists")
    lists = {key: _values(values, f"search.over.{key}") for key, values in _flat(over, "search.over")}
    if not lists:
        raise SpecError("search.over", OWNER, "list values of at least one key", Words("none"), verb="must")
    return Search.parse({**table, "over": lists}, "search")


def _flat(table: Any, where: str, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys of nested tables; aliases are expanded."""
    for key, value in _is(table, dict, where, "a table").items():
        name = prefix + key
        if isinstance(value, dict):
            yield from _flat(value, where, name + ".")
        else:
            yield ALIASES.get(name, name), value


def _values(values: Any, where: str, repeat: bool = False) -> tuple:
    if not isinstance(values, list | tuple) or not values:
        raise SpecError(where, OWNER, "a list of one or more values", values)
    if not repeat:
        _distinct(values, where)
    return tuple(values)


def _no_clash(grid: Grid) -> None:
    """Reject a key that is set in two places, of which one would silently win."""
    said: dict[str, str] = {}
    places = [(key, "an axis", [p[i] for p in axis.points]) for axis in grid.axes for i, key in enumerate(axis.keys)]
    places += [(key, "'search'", values) for key, values in (grid.search.over if grid.search else {}).items()]
    places += [(key, "'set'", [value]) for key, value in grid.settings.items()]
    places += [(key, "'controls'", [value]) for name in grid.controls for key, value in CONTROLS[name].items()]
    for key, place, _ in places:
        same = RATE if key in RATES else key
        if same in said:
            raise InputError(f"The key {key!r} is set twice, by {said[same]} and by {place}: leave one of them out.")
        said[same] = place
    for key, place, values in places:
        for inner in said:
            inner = "rule.learning_rate" if inner == RATE else inner
            rest = inner.removeprefix(key + ".")
            if rest != inner and any(_holds(value, rest) for value in values):
                raise InputError(
                    f"The key {inner!r} is set twice, inside {key!r} by {place} and on its own: leave one out."
                )


def _holds(value: Any, key: str) -> bool:
    for step in key.split("."):
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True


# ----------------------------------------------------------------------------------------------------------------------
# Sentences


def _known(table: dict, known: Iterable[str], owner: str) -> None:
    for key in table:
        if key not in known:
            raise SpecError.unknown(key, owner, known)


def _is(value: Any, kind: Any, key: str, what: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise SpecError(key, OWNER, what, value)
    return value


def _number(value: Any, key: str) -> float:
    if not is_finite(value):
        raise SpecError(key, OWNER, f"a number of at most {LARGEST:g} in magnitude", value)
    return float(value)


def _listed(value: Any, key: str) -> list:
    return _is(value, list, key, "a list")


def _names(values: Any, known: Iterable[str], key: str) -> tuple[str, ...]:
    for value in _listed(values, key):
        if not isinstance(value, str) or value not in known:
            raise SpecError(key, OWNER, repr(value), hint=suggest(str(value), known), verb="cannot hold")
    return tuple(values)


def _renamed(table: Any, grids: Iterable[Grid], partial: bool) -> dict[str, str]:
    """`names`; each must be the label of an axis value. Another size may contain only some of them."""
    there = {value_label(value) for grid in grids for axis in grid.axes for point in axis.points for value in point}
    for old, new in _is(table, dict, "names", "a table of texts").items():
        _is(new, str, f"names.{old}", "a text")
        if old not in there and not partial:
            raise SpecError(
                "names", OWNER, f"{old!r}, which is not a value of any axis", hint=suggest(old, there), verb="has"
            )
    return table


def _distinct(values: Iterable, where: str) -> None:
    seen = set()
    for value in values:
        text = json.dumps(value, sort_keys=True, default=str)
        if text in seen:
            raise SpecError(where, OWNER, f"{value!r} twice", verb="has")
        seen.add(text)


def _merged(table: dict, changes: dict) -> dict:
    """Merge tables key by key, except a table with another name: like any other value, it replaces the old one."""
    return table | {
        key: _merged(table[key], value) if isinstance(value, dict) and _same(table.get(key), value) else value
        for key, value in changes.items()
    }


def _same(table: Any, changes: dict) -> bool:
    """Whether the changes have the same name or kind as the existing table, or give none."""
    if not isinstance(table, dict):
        return False
    return all(key not in changes or changes[key] == table.get(key) for key in ("name", "kind"))
