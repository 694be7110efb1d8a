"""Figures of a study, each from tables alone; every seed is visible, and what broke keeps its place.

ranking    test loss of every cell, its seeds and interval; controls and baselines beside them
curves     a panel a cell: validation loss of every seed, their median, the control's median
axis       test loss against one axis, a line a series
heat map   mean test loss over two axes
cost       test loss against energy, endurance used or pulses
ageing     test loss of trained weights on other chips, as these age
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from neuroperturb.plots import spread
from neuroperturb.report import number
from neuroperturb.study.summary import Line, baselines, facets, lines
from neuroperturb.study.table import Curve, Tables
from neuroperturb.study.words import words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart with any colour vision; dashes and markers say the same in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS, DASHES = ("o", "s", "^", "D", "v", "P", "X"), ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
GREY, PALE, INK = "#8A8A8A", "0.9", "0.25"
PANELS, ROWS = 24, 40  # most panels of a figure, most rows of a ranking
NEW = 30  # a new chip is drawn at this part of the first age: a logarithm knows no zero
NAMED = 24  # most points of a cost figure that the legend names
MAP_VALUES = 120  # most cells of a heat map that say their number
COSTS = {
    "energy": "energy [J]",
    "endurance_used": "part of the endurance that the busiest cell used",
    "pulses": "pulses",
}


class Drawn(NamedTuple):
    """A figure, what its file is called, and what it shows in a sentence."""

    name: str
    caption: str
    figure: Figure


def draw(tables: Tables) -> Iterator[Drawn]:
    """Every figure that the study has something to show in."""
    made = lines(tables)
    for facet in facets(made):
        here = [line for line in made if line.facet == facet]
        beside = baselines(tables, facet)
        if any(np.isfinite(line.test).any() for line in here):
            yield ranking(facet, here, beside, tables)
        if any(name in tables.curves for line in here for name in _names(tables, line)):
            yield curves(facet, here, tables)
        yield from _over_axes(facet, here, beside, tables)
        yield from (cost(facet, here, key) for key in COSTS if sum(key in line.extra for line in here) > 1)
        if len(tables.ages) and tables.ages["cell"].isin([line.cell for line in here]).any():
            yield ageing(facet, here, tables)


# ----------------------------------------------------------------------------------------------------------------------
# Ranking and curves


def ranking(facet: str, here: Sequence[Line], beside: Sequence[Line], tables: Tables) -> Drawn:
    """A row a cell, the best on top: seeds as dots, mean and interval as a bar."""
    rows = sorted([*here, *beside], key=lambda line: line.rank)
    shown = rows[:ROWS]
    figure = _figure(8, 1.1 + 0.27 * len(shown))
    ax = figure.subplots()
    for y, line in enumerate(shown):
        colour = GREY if line.cell < 0 else COLOURS[5] if line.control else COLOURS[0]
        if math.isfinite(line.interval.low):
            ax.plot(
                [line.interval.low, line.interval.high], [y, y], color=colour, lw=2, alpha=0.5, solid_capstyle="butt"
            )
        ax.plot(line.interval.mean, y, "|", color=colour, ms=11, mew=2)
        good = line.test[np.isfinite(line.test)]
        ax.plot(good, np.full(good.shape, y), "o", color=colour, ms=4, mec="white", mew=0.6, zorder=4)
    names = [line.label or "all" for line in shown]
    ax.set_yticks(
        range(len(shown)), [f"{n}  ({len(line.broken)} broken)" if line.broken else n for n, line in zip(names, shown)]
    )
    for tick, line in zip(ax.get_yticklabels(), shown):
        tick.set_color(GREY if line.cell < 0 else INK)
    ax.set_ylim(len(shown) - 0.4, -0.6)
    own = _values([line for line in shown if line.cell >= 0])
    _scale(ax, "x", own)
    _squeeze(ax, shown, own)
    ax.set_xlabel(_test(facet))
    note = f"the best {len(shown)} of {len(rows)}" if len(shown) < len(rows) else ""
    figure.suptitle(_title(facet, note), fontsize=10, x=0.01, ha="left")
    _plain(ax, "x")
    caption = (
        "Test loss of every cell: each seed a dot, mean and 95 % bootstrap interval; light blue are controls, grey are baselines, a "
        "number with an arrow one beyond the axis."
    )
    return Drawn(_name("ranking", facet), caption, figure)


def _squeeze(ax: Axes, shown: Sequence[Line], own: np.ndarray) -> None:
    """Limits of a ranking: baselines far from every cell are named by their number at the edge."""
    if not own.size:
        return
    low, high = _reach((own.min(), own.max()), ax.get_xscale())
    reached = [line.interval.mean for line in shown if low <= line.interval.mean <= high]
    least, most = min([own.min(), *reached]), max([own.max(), *reached])
    logarithmic = ax.get_xscale() == "log"
    pad = (most / least) ** 0.04 if logarithmic else 0.04 * (most - least) or 1.0
    left, right = (least / pad, most * pad) if logarithmic else (least - pad, most + pad)
    ax.set_xlim(left, right)
    for y, line in enumerate(shown):
        mean = line.interval.mean
        if math.isfinite(mean) and not left <= mean <= right:
            below = mean < left
            ax.text(
                left if below else right, y, f" ◂ {number(mean)}" if below else f"{number(mean)} ▸ ",
                va="center", ha="left" if below else "right", fontsize=7, color=GREY,
            )  # fmt: skip


def curves(facet: str, here: Sequence[Line], tables: Tables) -> Drawn:
    """Small multiples in the order of the ranking."""
    own = [line for line in here if not line.control]
    shown = sorted(own, key=lambda line: line.rank)[:PANELS]
    controls = {(line.grid, words(tables.cells[line.cell].point)): line for line in here if line.control}
    figure, axes = _panels(len(shown), 2.5, 1.9)
    found = [tables.curves[n] for line in shown for n in _names(tables, line) if n in tables.curves]
    limits = _limits(np.concatenate([c.validation for c in found]) if found else np.empty(0))
    for ax, line in zip(axes, shown, strict=True):
        control = controls.get((line.grid, words(tables.cells[line.cell].point)))
        if control is not None:
            _median(ax, _curves(tables, control), GREY, "--", limits)
        _seeds(ax, line, tables, limits)
        ax.set_title(_cut(line.label or "all"), fontsize=8, loc="left")
        ax.xaxis.get_major_locator().set_params(integer=True)
        _scale(ax, "y", np.array(limits), limits)
        _plain(ax, "y")
    _outer(axes, "epoch", "validation loss")
    figure.suptitle(
        _title(facet, f"the best {len(shown)} of {len(own)}" if len(shown) < len(own) else ""),
        fontsize=10,
        x=0.01,
        ha="left",
    )
    caption = (
        "Validation loss epoch by epoch: thin lines are seeds, the thick one is their median, dashed grey is the median of the control; "
        "a cross is where a seed diverged."
    )
    return Drawn(_name("curves", facet), caption, figure)


def _seeds(ax: Axes, line: Line, tables: Tables, limits: tuple[float, float]) -> None:
    """Thin lines, a cross where one ends in infinity, and the median of those that are left."""
    statuses = dict(zip(tables.runs["run"], tables.runs["status"]))
    _, high = limits
    for name in _names(tables, line):
        if name not in tables.curves:
            continue
        curve = tables.curves[name]
        broken = statuses.get(name) == "diverged"
        colour = COLOURS[1] if broken else COLOURS[0]
        dot = "." if curve.epoch.size == 1 else None  # one epoch makes no line
        ax.plot(curve.epoch, _inside(curve.validation, high), marker=dot, color=colour, lw=0.8, alpha=0.55)
        if broken:
            ax.plot(curve.epoch[-1] if curve.epoch.size else 0, high, "x", color=colour, ms=6, clip_on=False)
    _median(
        ax, [tables.curves[n] for n in _names(tables, line) if statuses.get(n) == "finished"], COLOURS[0], "-", limits
    )


def _median(ax: Axes, found: list[Curve], colour: str, dash, limits: tuple[float, float]) -> None:
    if found:
        length = min(len(curve.epoch) for curve in found)
        middle = np.median([curve.validation[:length] for curve in found], axis=0)
        ax.plot(found[0].epoch[:length], _inside(middle, limits[1]), color=colour, lw=1.8, ls=dash)


def _curves(tables: Tables, line: Line) -> list[Curve]:
    return [tables.curves[name] for name in _names(tables, line) if name in tables.curves]


# ----------------------------------------------------------------------------------------------------------------------
# Axes


class Axis(NamedTuple):
    """One axis of the declaration, as figures need it: its levels in order."""

    key: str
    levels: tuple

    @property
    def numeric(self) -> bool:
        return all(isinstance(level, int | float) for level in self.levels)


def axes_of(here: Sequence[Line]) -> list[Axis]:
    """Axes with two levels or more; several grids of one study are an axis, too."""
    found: dict[str, dict] = {}
    for line in here:
        levels = ({"grid": line.grid} if line.grid else {}) | line.levels
        for key, level in levels.items():
            found.setdefault(key, {})[level] = None
    axes = [Axis(key, tuple(levels)) for key, levels in found.items() if key != "task"]
    axes = [axis._replace(levels=tuple(sorted(axis.levels))) if axis.numeric else axis for axis in axes]
    return [axis for axis in axes if len(axis.levels) > 1]


def _over_axes(facet: str, here: Sequence[Line], beside: Sequence[Line], tables: Tables) -> Iterator[Drawn]:
    own = [line for line in here if not line.control]
    axes = axes_of(own)
    for axis in axes:
        series = _series(axis, axes)
        yield along(facet, own, beside, axis, series, [a for a in axes if a not in (axis, series)])
    numeric = [axis for axis in axes if axis.numeric]
    for pair in combinations(axes if len(axes) == 2 else numeric, 2):
        yield heat_map(facet, own, *pair, [a for a in axes if a not in pair])


def _series(axis: Axis, axes: Sequence[Axis]) -> Axis | None:
    """What the lines of a figure are: rules, where they are an axis, else the axis of fewest levels that fits the palette."""
    others = sorted((a for a in axes if a != axis), key=lambda a: (a.key != "rule", a.numeric, len(a.levels)))
    return others[0] if others and len(others[0].levels) <= 4 * len(COLOURS) else None


def along(
    facet: str, own: Sequence[Line], beside: Sequence[Line], axis: Axis, series: Axis | None, rest: Sequence[Axis]
) -> Drawn:  # fmt: skip
    """Test loss against an axis; a panel for every combination of the axes that are left, where those are few."""
    chosen, note = _split(own, rest)
    single, count = len(chosen) == 1, len(series.levels) if series else 1
    width = max(6 if single else 3.4, 0 if axis.numeric else min(10, 1.5 + 0.5 * len(axis.levels)))
    figure, axes = _panels(len(chosen), width, 3.8 if single else 2.7, legend=series is not None)
    place = 72 * (width - 1.2) / len(axis.levels)  # points that a level has
    spots = axis.levels if _positive(axis) else tuple(range(len(axis.levels)))
    for ax, (title, part) in zip(axes, chosen, strict=True):
        for k, level in enumerate(series.levels if series else (None,)):
            mine = [line for line in part if series is None or _level(line, series.key) == level]
            _line(ax, mine, axis, spots, k, count, min(2.5 if axis.numeric else 9.0, 0.8 * place / count))
        ax.autoscale_view()
        ax.margins(x=0.1)
        ax.set_title(title, fontsize=8, loc="left")
        _x(ax, axis, spots)
        _scale(ax, "y", _values(part))
        _plain(ax, "y")
    for ax in axes:  # limits are shared, and fixed from here on
        _beside(ax, beside, named=len(axes) == 1)
    _outer(axes, axis.key, _test(facet))
    if series is not None:
        handles = _legend(axes, series)
        figure.legend(
            handles=handles, title=series.key, loc="outside right upper", frameon=False, fontsize=8, title_fontsize=8
        )
    figure.suptitle(_title(facet, note), fontsize=10, x=0.01, ha="left")
    caption = (
        f"Test loss against {axis.key}: dots are seeds, markers their means, bars 95 % bootstrap intervals; a cross is a cell with broken "
        "seeds; dashed grey are baselines."
    )
    return Drawn(_name(f"axis-{axis.key}", facet), caption, figure)


def _beside(ax: Axes, beside: Sequence[Line], named: bool) -> None:
    """Baselines as horizontal lines; their names at the right edge, where there is room.

    One that is far from everything else would squeeze it: an arrow and its number stand for it.
    """
    shown = [line for line in beside if math.isfinite(line.interval.mean)]
    if ax.get_yscale() == "log" and ax.get_ylim()[0] <= 0:  # limits of a linear axis that became logarithmic since
        least = min([line.interval.mean for line in shown if line.interval.mean > 0], default=1e-3)
        ax.set_ylim(bottom=min(least, ax.dataLim.minposy) / 2)
    low, high = _reach(ax.get_ylim(), ax.get_yscale())
    for line in shown:
        if low <= line.interval.mean <= high:
            ax.axhline(line.interval.mean, color=GREY, lw=0.8, ls=(0, (2, 2)), zorder=1)
    ax.set_ylim(ax.get_ylim())  # names sit at fixed heights from here on
    if not named:
        return
    means = [min(max(line.interval.mean, ax.get_ylim()[0]), ax.get_ylim()[1]) for line in shown]
    heights = [ax.transAxes.inverted().transform(ax.transData.transform((0, mean)))[1] for mean in means]
    for line, height, place in zip(shown, heights, spread(heights, 0.045), strict=True):
        mean = line.interval.mean
        far = f"  {number(mean)} {'↓' if mean < low else '↑'}" if not low <= mean <= high else ""
        ax.plot([1, 1.02], [height, place], transform=ax.transAxes, clip_on=False, color=GREY, lw=0.6)
        ax.text(1.025, place, line.label + far, transform=ax.transAxes, va="center", fontsize=7, color=GREY)


def _reach(limits: tuple[float, float], scale: str) -> tuple[float, float]:
    """How far from what is measured a baseline may lie and still be drawn: a factor of ten, or once the range."""
    low, high = limits
    return (low / 10, high * 10) if scale == "log" else (2 * low - high, 2 * high - low)


def _line(ax: Axes, mine: Sequence[Line], axis: Axis, spots: tuple, k: int, of: int, apart: float) -> None:
    """Series k of so many, `apart` points from the next so that bars do not hide each other: means, intervals, seeds; a cross
    stands for a cell with broken seeds.
    """
    from matplotlib.transforms import ScaledTranslation

    colour, marker, dash = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)], DASHES[k // len(COLOURS) % len(DASHES)]
    moved = ax.transData + ScaledTranslation(apart * (k - (of - 1) / 2) / 72, 0, ax.get_figure().dpi_scale_trans)
    at = sorted(
        ((axis.levels.index(_level(line, axis.key)), line) for line in mine if _has(line, axis)),
        key=lambda pair: pair[0],
    )
    if axis.numeric:
        ax.plot(
            [spots[i] for i, _ in at],
            [line.interval.mean for _, line in at],
            color=colour,
            ls=dash,
            lw=1.3,
            transform=moved,
        )
    for i, line in at:
        x, good = spots[i], line.test[np.isfinite(line.test)]
        ax.update_datalim([(x, y) for y in good])  # what is moved by points is not seen by the limits
        if math.isfinite(line.interval.low):
            ax.plot([x, x], [line.interval.low, line.interval.high], color=colour, lw=2, alpha=0.5, transform=moved)
        ax.plot(
            np.full(good.shape, x), good, "o", color=colour, ms=3.6, mec="white", mew=0.5, zorder=3, transform=moved
        )
        mark = {"marker": "x", "ms": 7} if line.broken else {"marker": marker, "ms": 5}
        ax.plot([x], [line.interval.mean], color=colour, zorder=4, transform=moved, **mark)
        if not good.size:
            ax.plot(x, 0.98, "x", color=colour, ms=7, transform=ax.get_xaxis_transform(), zorder=4)


def heat_map(facet: str, own: Sequence[Line], down: Axis, across: Axis, rest: Sequence[Axis]) -> Drawn:
    """Mean test loss over two axes; a panel for every combination of those that are left."""
    from matplotlib.colors import LogNorm, Normalize

    chosen, note = _split(own, rest)
    values = _values([line for _, part in chosen for line in part])
    logarithmic = values.size > 0 and values.min() > 0 and values.max() / values.min() > 5
    norm = (LogNorm if logarithmic else Normalize)(*((values.min(), values.max()) if values.size else (0, 1)))
    size = (0.6 * len(across.levels) + 2.4, 0.42 * len(down.levels) + 1.1)
    figure, axes = _panels(len(chosen), *size, share=False)
    image = None
    for ax, (title, part) in zip(axes, chosen, strict=True):
        grid, said = _grid(part, down, across)
        image = ax.imshow(grid, norm=norm, cmap="cividis_r", aspect="auto")
        ax.set_facecolor(PALE)
        if grid.size <= MAP_VALUES:
            for (i, j), text in np.ndenumerate(said):
                dark = np.isfinite(grid[i, j]) and norm(grid[i, j]) > 0.55
                ax.text(j, i, text, ha="center", va="center", fontsize=6.5, color="white" if dark else "black")
        ax.set_xticks(
            range(len(across.levels)),
            [_cut(words(v), 16) for v in across.levels],
            fontsize=7,
            rotation=_slant(across, 1),
        )
        ax.set_yticks(range(len(down.levels)), [_cut(words(v), 24) for v in down.levels], fontsize=7)
        ax.set_title(title, fontsize=8, loc="left")
        ax.spines[:].set_visible(False)
    _outer(axes, across.key, down.key)
    if image is not None:
        figure.colorbar(image, ax=list(axes), label=_test(facet), shrink=0.8, pad=0.02)
    figure.suptitle(_title(facet, note), fontsize=10, x=0.01, ha="left")
    caption = f"Mean test loss over {down.key} and {across.key}; “n ✕” are cells of which n seeds broke, grey ones have nothing left."
    return Drawn(_name(f"map-{down.key}-{across.key}", facet), caption, figure)


def _grid(part: Sequence[Line], down: Axis, across: Axis) -> tuple[np.ndarray, np.ndarray]:
    """Means, and what is written on them; of several cells at one place, the best."""
    grid = np.full((len(down.levels), len(across.levels)), np.nan)
    said = np.full(grid.shape, "", dtype=object)
    for line in sorted(
        (line for line in part if _has(line, down) and _has(line, across)), key=lambda x: x.rank, reverse=True
    ):
        place = down.levels.index(_level(line, down.key)), across.levels.index(_level(line, across.key))
        grid[place] = line.interval.mean
        shown = number(line.interval.mean)
        said[place] = f"{shown}\n{len(line.broken)} ✕".strip() if line.broken else shown
    return grid, said


def cost(facet: str, here: Sequence[Line], key: str) -> Drawn:
    """Test loss against what it cost."""
    own = [line for line in here if key in line.extra and math.isfinite(line.interval.mean) and not line.control]
    figure = _figure(8, 4.2)
    ax = figure.subplots()
    for k, line in enumerate(sorted(own, key=lambda x: x.rank)):
        x, colour = line.extra[key], COLOURS[k % len(COLOURS)]
        if math.isfinite(line.interval.low):
            ax.plot([x, x], [line.interval.low, line.interval.high], color=colour, lw=1.6)
        marker, label = MARKERS[k // len(COLOURS) % len(MARKERS)], _cut(line.label, 36) if k < NAMED else None
        ax.plot(x, line.interval.mean, marker, color=colour, ms=5, label=label)
    _scale(ax, "x", np.array([line.extra[key] for line in own]))
    _scale(ax, "y", _values(own))
    ax.set(xlabel=COSTS[key], ylabel=_test(facet))
    ax.set_title(_title(facet, ""), loc="left")
    _plain(ax, "both")
    figure.legend(loc="outside right upper", frameon=False, fontsize=7, labelspacing=0.35)
    caption = f"Test loss against {COSTS[key]}, the median over seeds, the best named first; bars are 95 % bootstrap intervals."
    return Drawn(_name(f"cost-{key}", facet), caption, figure)


def ageing(facet: str, here: Sequence[Line], tables: Tables) -> Drawn:
    """A panel a chip's kind: every run and chip a thin line, their median thick, the compensated median dashed."""
    kinds = list(dict.fromkeys(tables.ages["hardware"]))
    figure, axes = _panels(len(kinds), 3.2, 2.4, legend=True)
    shown = [line for line in here if not line.control and (tables.ages["cell"] == line.cell).any()]
    youngest = tables.ages.loc[tables.ages["age"] > 0, "age"].min()
    for ax, kind in zip(axes, kinds, strict=True):
        for k, line in enumerate(shown):
            part = tables.ages[(tables.ages["hardware"] == kind) & (tables.ages["cell"] == line.cell)]
            part = part.assign(age=part["age"].where(part["age"] > 0, youngest / NEW))
            colour = COLOURS[k % len(COLOURS)]
            for _, one in part.groupby(["run", "chip"]):
                ax.plot(one["age"], one["test"], color=colour, lw=0.6, alpha=0.4)
            medians = part.groupby("age")[["test", "compensated"]].median()
            ax.plot(medians.index, medians["test"], color=colour, lw=2, marker=MARKERS[k % len(MARKERS)], ms=4)
            ax.plot(medians.index, medians["compensated"], color=colour, lw=1.4, ls="--")
        ax.set_title(kind, fontsize=8, loc="left")
        ax.set_xscale("log")
        _scale(ax, "y", tables.ages["test"].to_numpy(float))
        _plain(ax, "both")
        _name_ages(ax, youngest)
    _outer(axes, "age", _test(facet))
    named = Axis("", tuple(line.label or "all" for line in shown))
    figure.legend(handles=_legend(axes, named), loc="outside right upper", frameon=False, fontsize=7)
    figure.suptitle(_title(facet, ""), fontsize=10, x=0.01, ha="left")
    caption = (
        "Test loss of trained weights on other chips as these age: thin lines are runs and chips, thick ones their median, dashed "
        "the median when what is read is rescaled to what it was at first."
    )
    return Drawn(_name("ageing", facet), caption, figure)


def _name_ages(ax: Axes, youngest: float) -> None:
    """Ages as people say them, as far as they are on the axis."""
    from matplotlib.ticker import NullLocator

    low, high = ax.get_xlim()
    named = {"new": youngest / NEW, "1 min": 60.0, "1 h": 3600.0, "1 d": 86400.0, "1 mo": 2.63e6, "1 y": 3.156e7}
    there = {text: at for text, at in named.items() if low <= at <= high and (text == "new" or at >= 0.9 * youngest)}
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(list(there.values()), list(there), fontsize=7)


# ----------------------------------------------------------------------------------------------------------------------
# What panels share


def _split(own: Sequence[Line], rest: Sequence[Axis]) -> tuple[list[tuple[str, list[Line]]], str]:
    """Lines by the axes that a figure does not show; where those are many, only as the best cell (by validation) has them."""
    parts = []
    for levels in product(*(axis.levels for axis in rest)):
        part = [x for x in own if all(_level(x, axis.key) == level for axis, level in zip(rest, levels))]
        if part:
            parts.append((", ".join(f"{_last(a.key)} {words(v)}" for a, v in zip(rest, levels)), part))
    if len(parts) <= 12:
        return parts, ""
    best = min(parts, key=lambda named: min(_validation(line) for line in named[1]))
    return [("", best[1])], f"at {best[0]}, the best by validation"


def _validation(line: Line) -> float:
    good = np.isfinite(line.validation)
    return float(line.validation.mean()) if good.all() and good.size else math.inf


def _level(line: Line, key: str):
    return line.grid if key == "grid" else line.levels.get(key)


def _has(line: Line, axis: Axis) -> bool:
    return _level(line, axis.key) in axis.levels


def _names(tables: Tables, line: Line) -> tuple[str, ...]:
    return tables.cells[line.cell].names[tables.chosen[line.cell] or 0]


def _figure(width: float, height: float) -> Figure:
    """Without pyplot: nothing global, no display needed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _panels(
    count: int, width: float, height: float, share: bool = True, legend: bool = False
) -> tuple[Figure, list[Axes]]:
    """So many equal panels in a grid, the empty ones removed."""
    columns = min(max(count, 1), max(1, int(10 // width)))
    rows = -(-max(count, 1) // columns)
    figure = _figure(columns * width + 0.4 + 1.4 * legend, rows * height + 0.6)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share)
    flat = list(grid.flat)
    for ax in flat[count:]:
        ax.remove()
    for k, ax in enumerate(flat[:count]):  # the lowest panel of a column has the numbers
        ax.tick_params(labelbottom=not share or k + columns >= count, labelsize=7)
    return figure, flat[:count]


def _outer(axes: Sequence[Axes], x: str, y: str) -> None:
    """Names of the axes, once at the edge."""
    if not axes:
        return
    figure = axes[0].get_figure()
    figure.supxlabel(x, fontsize=9)
    figure.supylabel(y, fontsize=9)


def _legend(axes: Sequence[Axes], series: Axis) -> list:
    from matplotlib.lines import Line2D

    style = lambda k: {  # noqa: E731
        "color": COLOURS[k % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)], "ls": DASHES[k // len(COLOURS) % len(DASHES)],
    }  # fmt: skip
    return [
        Line2D([], [], ms=4.5, lw=1.4, label=_cut(words(level), 28), **style(k))
        for k, level in enumerate(series.levels)
    ]


def _x(ax: Axes, axis: Axis, spots: tuple) -> None:
    from matplotlib.ticker import NullLocator

    if _positive(axis) and max(spots) / min(spots) >= 8:
        ax.set_xscale("log")
    ax.xaxis.set_minor_locator(NullLocator())
    few = spots if len(spots) <= 9 or not axis.numeric else spots[:: -(-len(spots) // 9)]
    names = [_cut(words(level), 18) for level in axis.levels]
    ax.set_xticks(
        few,
        [names[spots.index(x)] for x in few],
        fontsize=7,
        rotation=_slant(axis),
        ha="right" if _slant(axis) else "center",
    )


def _slant(axis: Axis, room: int = 3) -> int:
    """Of the names of levels: long ones lie side by side only where they are few, `room` at most."""
    return 30 if max(len(words(level)) for level in axis.levels) > 6 and len(axis.levels) > room else 0


def _positive(axis: Axis) -> bool:
    """Numbers that may keep their distances; others stand in a row."""
    return axis.numeric and min(axis.levels) > 0


def _values(shown: Sequence[Line]) -> np.ndarray:
    """Every finite test loss."""
    found = [line.test[np.isfinite(line.test)] for line in shown]
    return np.concatenate(found) if found else np.empty(0)


def _limits(values: np.ndarray) -> tuple[float, float]:
    """Of losses: what blew up must not squeeze the rest."""
    good = values[np.isfinite(values)]
    if not good.size:
        return 0.0, 1.0
    high = min(good.max(), 20 * np.median(good))
    low = good.min()
    return float(low * 0.95), float(high * 1.05 if high > low else low * 1.05 + 1e-12)


def _inside(values: np.ndarray, high: float) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.where(values <= high, values, np.nan)


def _scale(ax: Axes, which: str, values: np.ndarray, limits: tuple[float, float] | None = None) -> None:
    """Logarithmic where values are positive and span more than a factor of five; limits where they are asked for, or needed."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    good = values[np.isfinite(values)]
    axis, set_scale = getattr(ax, f"{which}axis"), getattr(ax, f"set_{which}scale")
    if good.size and good.min() > 0 and good.max() / good.min() > 5:
        set_scale("log")
        if good.max() / good.min() < 100:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    if limits is not None:
        getattr(ax, f"set_{which}lim")(*limits)


def _plain(ax: Axes, which: str) -> None:
    ax.grid(axis=which, which="major", color=PALE, lw=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def _title(facet: str, note: str) -> str:
    return ": ".join(part for part in (facet, note) if part)


def _test(facet: str) -> str:
    return "test loss" + (" (cross-entropy)" if facet.startswith("digits") else "")


def _name(kind: str, facet: str) -> str:
    """Of a file: words and hyphens."""
    text = f"{kind}-{facet}" if facet else kind
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in text.lower()).strip("-")


def _cut(text: str, most: int = 34) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _last(key: str) -> str:
    return key.rsplit(".", 1)[-1]
