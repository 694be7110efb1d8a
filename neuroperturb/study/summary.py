"""Summary over seeds: one line per cell and baseline, with confidence intervals.

    test loss of a cell      mean over its seeds, with a bootstrap interval (percentiles of resampled means, 95 %)
    minus its control        mean over seeds of the paired difference, with Student's t interval, 95 %
    solved                   seeds whose test loss is below the study's threshold, with Wilson's interval of their share, 95 %

Cells are ranked by their mean, those with diverged or failed seeds last: their mean is over the remaining seeds.
The loss of a constant output, guessing or the mean of the training data, is the floor: a cell whose interval reaches up to it has
learned nothing, whatever its control did, and a seed that ends far above it blew up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from neuroperturb.study.grid import Cell
from neuroperturb.study.labels import last, level_label, value_label
from neuroperturb.study.table import Tables

LEVEL = 0.95
RESAMPLES = 999
CONSTANT = {"guess": "guessing", "mean": "the mean"}  # names of baselines with constant outputs
BLOWN = 10.0  # times the loss of a constant output


class Interval(NamedTuple):
    """Mean and the bounds of its interval; nan if there are too few values."""

    mean: float
    low: float
    high: float


class Share(NamedTuple):
    """Part of the seeds, and the bounds of Wilson's interval of the share; E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927)."""

    count: int
    total: int
    low: float
    high: float


class Line(NamedTuple):
    """One cell, summarised over its seeds; or a baseline, which has no cell.

    cell : number in `Tables.cells`, -1 for a baseline;  levels : by axis
    test : (seeds,), nan if a seed has none;  broken : seeds that diverged or failed, or are missing, each as text
    most : the loss above which a seed has blown up: far above that of a constant output
    solved : seeds below the study's threshold; None if it has none
    difference : to the control, None if there is none;  verdict : its interpretation
    """

    cell: int
    label: str
    facet: str
    grid: str
    control: str
    levels: dict[str, float | str]
    test: np.ndarray
    validation: np.ndarray
    interval: Interval
    broken: tuple[str, ...]
    most: float
    solved: Share | None
    difference: Interval | None
    verdict: str
    chosen: str
    edge: str
    extra: dict[str, float]

    @property
    def rank(self) -> tuple:
        """Sort key, best first."""
        return (bool(self.broken), math.inf if math.isnan(self.interval.mean) else self.interval.mean)

    @property
    def blown(self) -> int:
        """Number of seeds that ended with a finite loss that says no more than that they blew up."""
        return int((self.test > self.most).sum())

    @property
    def held(self) -> np.ndarray:
        """The test losses of the others, for figures, whose axes end where these do."""
        return self.test[np.isfinite(self.test) & (self.test <= self.most)]

    @property
    def drawn(self) -> Interval:
        """What a figure shows: mean and interval, or, where seeds have blown up, the median alone."""
        return Interval(self.median, math.nan, math.nan) if self.blown else self.interval

    @property
    def median(self) -> float:
        """Median over the seeds that have a test loss."""
        return float(np.median(self.test[np.isfinite(self.test)])) if np.isfinite(self.test).any() else math.nan


EXTRA = (
    "trials", "writes", "multiply_adds", "seconds", "memory",
    "epochs_to_threshold", "pulses", "pulses_per_cell", "energy", "energy_low", "energy_high",
    "endurance_used",
)  # fmt: skip


def lines(tables: Tables) -> list[Line]:
    """Every cell, in the order of the declaration."""
    by_cell = dict(list(tables.runs.groupby("cell", sort=True))) if len(tables.runs) else {}
    tests = [_losses(by_cell[k], "test") if k in by_cell else np.empty(0) for k in range(len(tables.cells))]
    intervals = bootstrap(tests)
    controls = {(c.grid, value_label(c.point)): k for k, c in enumerate(tables.cells) if c.control}
    floors = {data: _floor(tables, *data) for data in {(_facet(cell), _data(cell)) for cell in tables.cells}}
    made = []
    for number, cell in enumerate(tables.cells):
        floor = floors[_facet(cell), _data(cell)]
        runs, control = by_cell[number], controls.get((cell.grid, value_label(cell.point)))
        difference, verdict = (None, "")
        if control is not None and not cell.control:
            difference = student(tests[number] - tests[control])
            verdict = _verdict(difference, intervals[number], floor)
        candidate = tables.chosen[number]
        settings = cell.candidates[candidate] if candidate is not None else {}
        others = {key: level for key, level in cell.levels.items() if key not in ("task", "task.name")}
        made.append(
            Line(
                cell=number, label=", ".join(filter(None, [cell.grid, *(level_label(k, v) for k, v in others.items()), cell.control])),
                facet=_facet(cell), grid=cell.grid, control=cell.control, levels=cell.levels, test=tests[number],
                validation=_losses(runs, "validation"), interval=intervals[number], broken=_broken(runs),
                most=BLOWN * floor.loss, solved=_solved(tables, tests[number]), difference=difference,
                verdict=verdict, chosen=", ".join(f"{last(k)} {value_label(v)}" for k, v in settings.items()),
                edge=_first_text(runs, "at_the_edge"), extra=_extra(runs),
            )
        )  # fmt: skip
    return made


def baselines(tables: Tables, facet: str) -> list[Line]:
    """Baselines of a facet: each once, over the seeds, for every variant of the data."""
    if not len(tables.fits):
        return []
    fits = _fits(tables, facet)
    seeds = [key for key in ("training.seed", "hardware.seed") if key in fits]
    names, tests = [], []
    several = fits["data"].nunique() > 1
    for (name, data), part in fits.drop_duplicates(["name", "data", *seeds, "test"]).groupby(
        ["name", "data"], sort=False
    ):
        names.append(f"{name}, {data}" if several and data else str(name))
        tests.append(part["test"].to_numpy(float))
    nothing = {"facet": facet, "grid": "", "control": "", "levels": {}, "broken": (), "most": math.inf, "solved": None, "difference": None,
               "verdict": "", "chosen": "", "edge": "", "extra": {}}  # fmt: skip
    return [
        Line(cell=-1, label=name, test=test, validation=np.empty(0), interval=interval, **nothing)
        for name, test, interval in zip(names, tests, bootstrap(tests), strict=True)
    ]


class Floor(NamedTuple):
    """Loss of a constant output, nan if unknown, and its name."""

    loss: float
    name: str


def floor_of(tables: Tables, facet: str) -> Floor:
    """Smallest loss of a constant output on a task; unknown if its data come in several variants."""
    variants = {_data(cell) for cell in tables.cells if _facet(cell) == facet}
    return _floor(tables, facet, variants.pop()) if len(variants) == 1 else Floor(math.nan, "")


def _floor(tables: Tables, facet: str, data: str) -> Floor:
    fits = _fits(tables, facet)
    fits = fits[fits["data"] == data] if len(fits) else fits
    known = fits[fits["name"].isin(CONSTANT)] if len(fits) else fits
    if not len(known):
        return _recorded_floor(tables, facet, data)
    losses = known.groupby("name")["test"].mean()
    return Floor(float(losses.min()), CONSTANT[str(losses.idxmin())])


def _recorded_floor(tables: Tables, facet: str, data: str) -> Floor:
    """The same from the runs themselves: the loss of a constant output is in their records."""
    cells = [k for k, cell in enumerate(tables.cells) if (_facet(cell), _data(cell)) == (facet, data)]
    guesses = [tables.losses[k]["guess"].get("test", math.nan) for k in cells if k in tables.losses]
    guesses = [guess for guess in guesses if math.isfinite(guess)]
    return Floor(float(np.mean(guesses)), "a constant output") if guesses else Floor(math.nan, "")


def _fits(tables: Tables, facet: str):
    """Rows of baselines of a facet, each with the variant of its data."""
    if not len(tables.fits):
        return tables.fits
    here = {k for k, cell in enumerate(tables.cells) if _facet(cell) == facet}
    fits = tables.fits[tables.fits["cell"].isin(here)]
    return fits.assign(data=[_data(tables.cells[k]) for k in fits["cell"]])


def _facet(cell: Cell) -> str:
    """The name of a cell's task: each has its own ranking; "" if all have that of the base."""
    said = {**cell.settings, **cell.point}
    return str(cell.levels.get("task") or value_label(said.get("task", said.get("task.name", ""))))


def _data(cell: Cell) -> str:
    """Other task settings of a cell: cells that differ in them cannot share baselines."""
    said = {**cell.settings, **cell.point}
    return ", ".join(level_label(key, value_label(said[key]) if isinstance(said[key], str) else said[key]) for key in sorted(said)
                     if key.startswith("task.") and key != "task.name")  # fmt: skip


def facets(made: list[Line]) -> list[str]:
    """Tasks, in the order of the declaration; a single unnamed one if the task is not an axis."""
    return list(dict.fromkeys(line.facet for line in made))


def bootstrap(samples: Sequence[np.ndarray]) -> list[Interval]:
    """Mean of every sample and its percentile interval; samples of one size are resampled together."""
    from scipy.stats import bootstrap as resample

    found = [sample[np.isfinite(sample)] for sample in samples]
    result = [Interval(float(s.mean()) if s.size else math.nan, math.nan, math.nan) for s in found]
    for size in sorted({s.size for s in found if s.size > 1}):
        numbers = [k for k, s in enumerate(found) if s.size == size]
        data = np.array([found[k] for k in numbers])
        with np.errstate(all="ignore"):
            ends = resample(
                (data,), np.mean, axis=-1, vectorized=True, n_resamples=RESAMPLES, batch=max(1, 2_000_000 // data.size),
                confidence_level=LEVEL, method="percentile", rng=np.random.default_rng(size),
            ).confidence_interval  # fmt: skip
        for row, k in enumerate(numbers):
            result[k] = Interval(result[k].mean, float(ends.low[row]), float(ends.high[row]))
    return result


def student(difference: np.ndarray) -> Interval:
    """Mean of paired differences and its interval; nan if any pair is broken or there is only one."""
    from scipy.stats import t

    n = len(difference)
    mean = float(difference.mean()) if n else math.nan
    if n < 2 or not math.isfinite(mean):
        return Interval(mean, math.nan, math.nan)
    half = float(t.ppf(0.5 + LEVEL / 2, n - 1) * difference.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half)


def share(count: int, total: int) -> Share:
    """A share with Wilson's interval."""
    from scipy.stats import binomtest

    interval = binomtest(count, total).proportion_ci(LEVEL, method="wilson")
    return Share(count, total, float(interval.low), float(interval.high))


def _solved(tables: Tables, test: np.ndarray) -> Share | None:
    threshold = tables.study.get("threshold")
    if threshold is None or not test.size:
        return None
    return share(int((test < threshold).sum()), len(test))  # what broke has no test loss, and solved nothing


def _verdict(difference: Interval, interval: Interval, floor: Floor) -> str:
    """Verdict on a rule from its paired difference to its frozen recurrence."""
    if math.isnan(difference.mean):
        return "broken seeds"
    if math.isnan(difference.low):
        return "only one seed"
    nothing = f"no better than {floor.name}" if interval.high >= floor.loss else ""
    if difference.low <= 0 <= difference.high:
        return nothing or "not significantly different from its control"
    side = "below its control" if difference.high < 0 else "above its control"
    return f"{side}, {nothing}" if nothing else side


def _losses(runs, column: str) -> np.ndarray:
    """One number per seed, nan for broken ones."""
    if column not in runs:
        return np.full(len(runs), np.nan)
    values = np.array(runs[column], float)
    return np.where(np.array(runs["status"]) == "finished", values, np.nan)


def _broken(runs) -> tuple[str, ...]:
    seeds = [key for key in ("training.seed", "hardware.seed") if key in runs]
    said = []
    for _, run in runs[runs["status"] != "finished"].iterrows():
        step = run.get("diverged_step")
        how = (
            f"diverged at step {step:.0f}"
            if run["status"] == "diverged" and step is not None and step == step
            else run["status"]
        )
        why = (
            f" ({run['reason']})"
            if run["status"] in ("failed", "missing") and isinstance(run.get("reason"), str)
            else ""
        )
        where = ", ".join(f"{last(key)} {run[key]}" for key in seeds)
        said.append(f"{where}: {how}{why}" if where else f"{how}{why}")
    return tuple(said)


def _extra(runs) -> dict[str, float]:
    ended = runs[runs["status"] == "finished"]
    values = {key: np.array(ended[key], float) for key in EXTRA if key in ended and len(ended)}
    return {key: float(np.median(v)) for key, v in values.items() if not np.isnan(v).all()}


def _first_text(runs, column: str) -> str:
    return (
        str(runs[column].iloc[0] or "")
        if column in runs and len(runs) and isinstance(runs[column].iloc[0], str)
        else ""
    )
