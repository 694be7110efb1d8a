"""A device card as a page: the measurements of `hardware_models.characterise.card`, drawn."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hardware_models.characterise.card import PULSES, Card, grain, horizon
from hardware_models.characterise.parameter_list import parameters
from hardware_models.characterise.spread import ROUNDING
from neuroperturb.results.figures import formats
from neuroperturb.results.figures.style import BLUE, GREEN, GREY, INK, PAGE, VERMILION, blank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UP, DOWN, OTHER = BLUE, VERMILION, GREEN
WIDTH, HEAD, ROW = 8.27, 2.0, 2.3  # inches: width of A4; heights of the header and of a row of panels
TITLE, LINE = 0.55, 0.155  # inches: heights of the title and of a line of the parameters
COLUMNS, SLOTS = 3, 6  # columns of parameters, numbers in the header
MOST_POINTS = 1000  # most measured pulses shown in each direction
DURATIONS = {1: "1 s", 60: "1 min", 3600: "1 h", 86400: "1 day", 365.25 * 86400: "1 year"}
STYLE = PAGE | {"font.size": 8, "axes.titlepad": 6, "axes.grid": True, "grid.linewidth": 0.6, "axes.labelsize": 8}


def figure(card: Card) -> Figure:
    """The page of a card: pulses, steps, symmetry, read, a year, parameters; panels that do not apply are left out.

    Parameters
    ----------
    card : from :func:`hardware_models.characterise.card`

    Returns
    -------
    matplotlib Figure, a new one: no display is needed, and no global state is touched
    """
    import matplotlib

    rows = _rows(card)
    heights = [HEAD, *[ROW] * (len(rows) - 1), TITLE + LINE * _lines(card)]
    with matplotlib.rc_context(STYLE):
        page = blank(WIDTH, sum(heights))
        page.get_layout_engine().set(w_pad=0.1, h_pad=0.08, hspace=0, wspace=0)
        head, *bodies = page.subfigures(len(heights), 1, height_ratios=heights)
        _head(head, card)
        for body, panels in zip(bodies, rows, strict=True):
            axes = np.atleast_1d(body.subplots(1, len(panels)))
            for ax, draw in zip(axes, panels, strict=True):
                draw(ax, card)
    return page


def save(card: Card, path: str | Path) -> Path:
    """Write the page as a PNG, SVG or PDF, by the ending of the path; whole or not at all."""
    return formats.write(figure(card), path)


def _rows(card: Card) -> list[tuple]:
    """Panels, row by row: one, then pairs (three in the last row if their number is odd), then the parameters."""
    panels = [_steps] * (card.steps is not None) + [_symmetry] * (card.symmetry is not None)
    panels += [_programmed] * (card.programmed is not None) + [_read, _read_parts] + [_year] * (card.year is not None)
    first = _pulses if card.pulses is not None else panels.pop(0)
    pairs = [tuple(panels[k : k + 2]) for k in range(0, len(panels), 2)]
    if len(pairs) > 1 and len(pairs[-1]) == 1:
        pairs[-2:] = [pairs[-2] + pairs[-1]]
    return [(first,), *pairs, (_parameters,)]


def _head(page, card: Card) -> None:
    """Name, source, and the most important numbers."""
    inch = lambda y: 1 - y / HEAD  # noqa: E731
    page.text(0.015, inch(0.18), card.name, fontsize=21, fontweight="bold", va="top")
    page.text(0.015, inch(0.58), card.technology, fontsize=10.5, va="top")
    source = textwrap.fill(card.publication, 135)
    page.text(0.015, inch(0.82), source, fontsize=7.2, va="top", color=GREY, linespacing=1.4)
    page.text(0.985, inch(0.24), f"device card · chip {card.seed}", fontsize=8, va="top", ha="right", color=GREY)
    for k, (label, value, more) in enumerate(_numbers(card)):
        x = 0.015 + 0.97 * k / SLOTS
        page.text(x, inch(1.32), value.replace("-", "−"), fontsize=14, fontweight="bold", va="top")
        page.text(x, inch(1.6), label, fontsize=7.5, va="top")
        page.text(x, inch(1.74), more.replace(" -", " −"), fontsize=7.5, va="top", color=GREY)


def _numbers(card: Card) -> list[tuple[str, str, str]]:
    """(label, value, detail)"""
    rows, size = [], card.size
    if size is not None:
        noise = grain(card.steps)[1]
        rows += [
            ("states", f"{size.states:,.0f}", f"{size.low:.2g} … {size.high:.2g}"),
            ("distinguishable states", f"{size.distinct:,.0f}", f"pulse-to-pulse std {noise:.2g}"),
            ("asymmetry at 0", _signed(size.asymmetry), f"± {_spread(size.asymmetry_std)} between cells"),
        ]
    if card.symmetry is not None and card.symmetry.share > 0:
        rows.append(("symmetry point", _signed(card.symmetry.mean), f"± {_spread(card.symmetry.std)} between cells"))
    if size is None and card.programmed is not None:
        off = np.sqrt(np.mean(card.programmed.mean_error**2 + card.programmed.std**2))
        rows.append(("programming error", f"{off:.2g}", "of the largest weight"))
    rows.append(("read error", f"{card.read.rms:.1%}", f"of the signal, {card.read.inputs} inputs"))
    if card.year is None:
        rows.append(("after 1 year", "–", "no drift, leak or failures"))
    else:
        left, off = card.year.left[-1], card.year.compensated[-1]
        rows.append((f"retained after {horizon(card.year)}", f"{left:.0%}", f"error {off:.2g}, compensated"))
    return rows


def _spread(value: float) -> str:
    return f"{value if value > ROUNDING else 0:.2g}"


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}".replace("+0.00", "0.00")


# ----------------------------------------------------------------------------------------------------------------------
# Panels


def _pulses(ax, card: Card) -> None:
    pulses, shown = card.pulses, _shown(card.pulses.mean)
    for begin, at, colour in ((0, 0, UP), (PULSES, shown, DOWN)):
        way, t = slice(begin, begin + shown + 1), at + np.arange(shown + 1)
        p5, p25, _, p75, p95 = pulses.percentiles[way].T
        ax.fill_between(t, p5, p95, color=colour, alpha=0.13, lw=0)
        ax.fill_between(t, p25, p75, color=colour, alpha=0.22, lw=0)
        ax.plot(t, pulses.traces[way], color=colour, lw=0.5, alpha=0.55)
        ax.plot(t, pulses.mean[way], color=colour, lw=2)
    ax.set(title="Response to pulses", xlabel="pulses", ylabel="weight [device units]", xlim=(0, 2 * shown))
    quarters = np.arange(5) * shown // 4
    labels = [*map(str, quarters[:4]), f"{shown} up", *map(str, quarters[1:4]), f"{shown}\ndown"]
    ax.set_xticks([*quarters, *quarters[1:] + shown], labels)
    before = "" if shown == PULSES else f"; down after {PULSES} up"
    _note(ax, f"mean; 50 % and 90 % of the cells; two single cells{before}")


def _shown(mean) -> int:
    """The number of pulses after which the mean has covered nearly its whole range, both up and down."""
    ways = mean[: PULSES + 1], mean[PULSES:]
    needed = max(np.argmax(np.abs(way - way[-1]) <= 0.02 * np.ptp(way)) for way in ways)
    return next(count for count in (20, 40, 100, 200, PULSES) if count >= min(1.2 * needed, PULSES))


def _note(ax, text: str) -> None:
    ax.text(1, 1.03, text, transform=ax.transAxes, ha="right", fontsize=7.5, color=GREY)


def _measured(ax, card: Card) -> None:
    """The pulses that the curves are fitted to, over them; of very many, evenly spaced ones."""
    points, unit = card.measured, card.size.step
    ways = (points.up_from, points.up, UP, "up, measured"), (points.down_from, points.down, DOWN, "down, measured")
    for start, moved, colour, label in ways:
        some = slice(None, None, max(1, len(start) // MOST_POINTS))
        ax.plot(start[some], moved[some] / unit, "o", color=colour, ms=2.5, mfc="none", mew=0.6, alpha=0.7, label=label)


def _steps(ax, card: Card) -> None:
    curves, unit = card.steps, card.size.step
    for name, steps, colour in (("up", curves.up, UP), ("down", curves.down, DOWN)):
        ax.fill_between(curves.w, steps.low / unit, steps.high / unit, color=colour, alpha=0.15, lw=0)
        ax.plot(curves.w, steps.mean / unit, color=colour, lw=2, label=name)
    if card.measured is not None:
        _measured(ax, card)
    ax.set(title="Step against weight", xlabel="weight [device units]", ylabel="mean step [of that at 0]")
    low, high = min(0, ax.get_ylim()[0]), ax.get_ylim()[1]
    ax.set_ylim(low, high + 0.16 * (high - low))  # room for the names, above everything that is drawn
    ax.legend(
        loc="upper center", ncols=4, fontsize=7, frameon=False, handlelength=1.2, columnspacing=1.2, borderaxespad=0.2
    )
    _note(ax, "mean; 68 % of the cells")


def _symmetry(ax, card: Card) -> None:
    points = card.symmetry.points[np.isfinite(card.symmetry.points)]
    ax.set(title="Symmetry point", xlabel="weight [device units]", ylabel="cells", xlim=(card.size.low, card.size.high))
    ax.locator_params(axis="x", nbins=5)
    if not len(points):
        ax.text(0.5, 0.5, "none inside the bounds", transform=ax.transAxes, ha="center", color=GREY)
        return
    ax.hist(points, bins=np.linspace(card.size.low, card.size.high, 61), color=OTHER, alpha=0.8, lw=0)
    ax.axvline(card.symmetry.mean, color=INK, lw=1)
    _note(ax, f"in {card.symmetry.share:.0%} of the cells")


def _programmed(ax, card: Card) -> None:
    ax.set(title="Programming", xlabel="target [device units]", ylabel="error [device units]")
    target, mean, std = card.programmed
    ax.fill_between(target, mean - std, mean + std, color=UP, alpha=0.2, lw=0)
    ax.plot(target, mean, color=UP, lw=2)


def _read(ax, card: Card) -> None:
    read, unit = card.read, np.sqrt(np.mean(card.read.exact**2))
    error = 100 * (read.read - read.exact) / unit
    ax.plot(read.exact / unit, error, ".", ms=1.5, color=UP, alpha=0.35, mew=0, rasterized=True)
    ax.set(title=f"Read error: {read.rms:.1%} rms", xlabel="exact W x [rms]", ylabel="error [% of rms]")


def _read_parts(ax, card: Card) -> None:
    names = [*card.read.parts, "total"]
    values = 100 * np.array([*card.read.parts.values(), card.read.rms])
    ax.barh(names, values, color=[UP] * len(card.read.parts) + [INK], height=0.62, alpha=0.85)
    ax.bar_label(ax.containers[0], fmt="%.2g", padding=3, fontsize=7.5)
    ax.invert_yaxis()
    ax.margins(x=0.15)
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)
    whose = "typical converters and noise" if card.read.typical else "the device's own readout"
    ax.set(title="Sources of the read error", xlabel=f"error [% of rms]\n{whose}")


def _year(ax, card: Card) -> None:
    ax.set(title=horizon(card.year).capitalize(), xlabel="time since programming", ylabel="weight [device units]")
    year, t = card.year, np.maximum(card.year.times, 0.5 * card.year.times[1])
    for k, level in enumerate(year.levels):
        low, middle, high = year.percentiles[:, k].T
        colour = UP if level > 0 else DOWN if level < 0 else GREY
        ax.fill_between(t, low, high, color=colour, alpha=0.15, lw=0)
        ax.plot(t, middle, color=colour, lw=1.6)
    ax.set_xscale("log")
    shown = {at: label for at, label in DURATIONS.items() if at <= 1.01 * t[-1]}
    ax.set_xticks(list(shown), [label.replace(" ", "\n") for label in shown.values()])
    ax.set_xticks([], minor=True)
    _note(ax, "median, 5 % to 95 %")


def _lines(card: Card) -> int:
    return -(-len(parameters(card.hardware)) // COLUMNS)


def _parameters(ax, card: Card) -> None:
    """Names and values, in columns."""
    ax.axis("off")
    ax.set_title("Parameters")
    lines = _lines(card)
    for k, (name, value) in enumerate(parameters(card.hardware)):
        column, line = divmod(k, lines)
        x, y = column / COLUMNS, 1 - line / lines
        ax.text(x, y, name, transform=ax.transAxes, va="top", fontsize=7.5, color=GREY)
        value = value.replace("-", "−")
        ax.text(x + 0.92 / COLUMNS, y, value, transform=ax.transAxes, va="top", ha="right", fontsize=7.5)
