"""The ranking of a study as Markdown, for a README."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from neuroperturb.results import neutral
from neuroperturb.results.grid import number
from neuroperturb.study.summary import Interval, Line, baselines, facets, lines
from neuroperturb.study.table import Tables


def ranking(tables: Tables) -> str:
    """A table per task, smallest mean test loss first; the same rows as on the page."""
    made, parts = lines(tables), []
    for facet in facets(made):
        here = [line for line in made if line.facet == facet]
        parts.append(f"### {neutral.markdown(facet or 'All')}\n\n{table([*here, *baselines(tables, facet)])}")
    return "\n".join(parts)


def table(made: Sequence[Line]) -> str:
    """Rows of one task."""
    rows = sorted(made, key=lambda line: line.rank)
    controlled, searched = any(line.difference for line in rows), any(line.chosen for line in rows)
    counted = any(line.solved for line in rows)
    head = ["row", "mean", "95 % interval of the mean", "median", "seeds"] + ["solved, 95 %"] * counted
    head += ["difference to frozen, 95 %", "verdict"] * controlled + ["chosen"] * searched
    body = [
        [
            line.label or "all", number(line.interval.mean), ends(line.interval), number(line.median), seeds(line),
            *[solved(line)] * counted,
            *[difference(line.difference), line.verdict] * controlled,
            *[line.chosen + " (edge)" * bool(line.edge)] * searched,
        ]
        for line in rows
    ]  # fmt: skip
    return "".join(f"{_row(cells)}\n" for cells in (head, ["---"] * len(head), *body))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(neutral.markdown, cells))} |"


def seeds(line: Line) -> str:
    """The number of seeds, and of those among them that did not end well."""
    total, good = len(line.test), len(line.test) - len(line.broken)
    parts = [str(total) if good == total else f"{good} of {total}", f"{line.blown} blown up" if line.blown else ""]
    return ", ".join(filter(None, parts))


def solved(line: Line) -> str:
    """Seeds that are solved, of all, and the interval of their share; empty where it is not asked."""
    if line.solved is None:
        return ""
    count, total, low, high = line.solved
    return f"{count} of {total} [{low:.0%}, {high:.0%}]"


def ends(interval: Interval) -> str:
    """An interval as text; empty if there is none."""
    low, high = number(interval.low), number(interval.high)
    return f"{low} … {high}" if low else ""


def difference(interval: Interval | None) -> str:
    """A paired difference and its interval, with signs."""
    if interval is None or not number(interval.mean):
        return ""
    mean, low, high = interval
    return f"{mean:+.2g} [{low:+.2g}, {high:+.2g}]" if number(low) else f"{mean:+.2g}"
