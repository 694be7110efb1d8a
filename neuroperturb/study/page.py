"""The page of a study: all that is said on it, as plain data, and the template that makes HTML of it.

The template, `page.html.jinja` beside this file, escapes every text. What is not text are the figures: SVG that matplotlib wrote, which
escapes its own. The page loads nothing, from this or from another host, and its few lines of script sort tables.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Callable, Sequence
from importlib import resources
from typing import NamedTuple

import tomli_w

from hardware_models.costs.units import duration
from neuroperturb.results import outputs
from neuroperturb.results.grid import number
from neuroperturb.results.quantities import quantity
from neuroperturb.study import markdown
from neuroperturb.study.answer import answers, standing
from neuroperturb.study.figures import Drawn, file_name
from neuroperturb.study.labels import last
from neuroperturb.study.summary import Line, baselines, facets, floor_of, lines
from neuroperturb.study.table import Tables

SHOWN = 200  # most rows of a ranking on the page; the tables have all
TEMPLATE = "page.html.jinja"


class FigureView(NamedTuple):
    """A figure: for wide and for narrow screens, as SVG, and its caption."""

    drawn: Drawn
    wide: str
    narrow: str


class Field(NamedTuple):
    """One cell of a table.

    text : as it is read;  note : in smaller type below it;  value : what the column is sorted by
    tone : "", "good", "bad" or "flat", which colours it
    """

    text: str
    note: str = ""
    value: float | str = ""
    tone: str = ""


class Row(NamedTuple):
    """A row of a table; kind : "own", "control" or "beside"."""

    kind: str
    head: str
    fields: list[Field]


class Ranking(NamedTuple):
    """A table: names of its columns and what they are, rows, and what all rows have in common."""

    columns: list[tuple[str, str]]
    rows: list[Row]
    common: str
    rest: int


class Column(NamedTuple):
    """A column of the ranking: its name, what it is, and its field in a line."""

    name: str
    about: str
    field: Callable[[Line], Field]


def html(tables: Tables, views: Sequence[FigureView]) -> str:
    """The complete page."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    made = lines(tables)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    room = resources.files("neuroperturb.study")
    template = environment.from_string((room / TEMPLATE).read_text(encoding="utf-8"))
    script, style = ((room / f"page.{kind}").read_text(encoding="utf-8").strip() for kind in ("js", "css"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = [_part(tables, made, facet, views) for facet in facets(made)]
    page = template.render(
        name=tables.study["name"], about=tables.study.get("about", "").strip(), answers=answers(tables, made), numbers=_numbers(tables),
        parts=parts, broken=_broken(made), machines=tables.machines, choice=_choice(tables), svg=Markup,
        declaration=tomli_w.dumps({key: value for key, value in tables.study.items() if key != "name"}),
        generator=outputs.PROGRAM, script=Markup(script), style=Markup(style), digest=digest,
    )  # fmt: skip
    return page + "\n"


def _part(tables: Tables, made: Sequence[Line], facet: str, views: Sequence[FigureView]) -> dict:
    """One task: its heading, table and figures."""
    here = [line for line in made if line.facet == facet]
    mine = [view for view in views if view.drawn.task == facet]
    table = ranking([*here, *baselines(tables, facet)], floor_of(tables, facet).loss)
    return {"id": file_name("task", facet), "title": facet or "Ranking", "table": table, "views": mine}


# ----------------------------------------------------------------------------------------------------------------------
# The table


def ranking(made: Sequence[Line], floor: float = math.nan) -> Ranking:
    """Cells and baselines by test loss; a column whose text is the same in all cells is said once instead."""
    rows = sorted(made, key=lambda line: line.rank)
    own = [line for line in rows if line.cell >= 0]
    shown, common = [], []
    for column in _columns(own, floor):
        texts = {(field.text, field.note) for field in map(column.field, own)}
        beside = {column.field(line).text for line in rows if line.cell < 0} - {""}
        if texts <= {("", "")} and not beside:
            continue
        if len(own) > 1 and len(texts) == 1 and not beside - {text for text, _ in texts} and column.name not in ALWAYS:
            text, note = texts.pop()
            common.append(f"{column.name} {text}{note and f' ({note})'}")
        else:
            shown.append(column)
    body = [Row(_kind(line), line.label or "all", [column.field(line) for column in shown]) for line in rows[:SHOWN]]
    return Ranking([(c.name, c.about) for c in shown], body, ", ".join(common), max(0, len(rows) - SHOWN))


ALWAYS = ("test loss",)  # columns that are never left out
WORDS = {  # verdicts beside a control, as the table says them
    "below its control": "better",
    "above its control": "worse",
    "not significantly different from its control": "no clear difference",
}


def _columns(made: Sequence[Line], floor: float) -> list[Column]:
    keys = dict.fromkeys(key for line in made for key in _keys(line))
    chosen = f"chosen {' '.join(keys).replace('_', ' ')}" if len(keys) == 1 else "chosen"
    numbers = [
        Column("test loss", "mean over seeds, and its 95 % bootstrap interval", lambda line: _loss(line, floor)),
        Column("median", "over seeds", lambda line: Field(_whole(line.median), value=_sortable(line.median))),
        Column("seeds", "runs with a result; what broke is listed below", _seeds),
        Column("solved", "seeds below the threshold of the study, and Wilson's 95 % interval", _solved),
        Column("against frozen", "mean paired difference to the control, and its 95 % interval", _difference),
        Column(chosen, "on validation data", lambda line: _chosen(line, len(keys) == 1)),
        Column("trials", "that a run was trained on", _extra("trials", "")),
        Column("writes", "of a matrix; below: pulses a cell, mean", _writes),
    ]
    more = [Column(name, about, _extra(key, unit)) for key, (name, about, unit) in EXTRA.items()]
    return [
        *numbers,
        *more,
        Column("computing", "time of a run here; below: memory of the learner beside its weights", _computing),
    ]


EXTRA = {  # key of a line: name, meaning and unit of its column
    "epochs_to_threshold": (
        "epochs to threshold",
        "until the validation loss was below the threshold of the study",
        "",
    ),
    "multiply_adds": ("arithmetic", "multiply–adds of a run: network, rule and writes", "MAC"),
    "energy": ("energy", "of training, typical; low and high estimates below", "J"),
    "endurance_used": ("endurance used", "share, by the most-written cell", "share"),
}


def _loss(line: Line, floor: float) -> Field:
    stands = standing(line.interval.mean, floor) if line.cell >= 0 and not line.control else ""
    tone = {"learns": "good", "no better": "bad"}.get(stands, "")
    return Field(_whole(line.interval.mean) or "–", markdown.ends(line.interval), _sortable(line.interval.mean), tone)


def _seeds(line: Line) -> Field:
    return Field(
        markdown.seeds(line), value=len(line.test) - len(line.broken), tone="bad" if line.broken or line.blown else ""
    )


def _solved(line: Line) -> Field:
    if line.solved is None:
        return Field("")
    count, total, low, high = line.solved
    return Field(f"{count} of {total}", f"{low:.0%} … {high:.0%}", count / total)


def _difference(line: Line) -> Field:
    if line.difference is None:
        return Field("")
    tone = {
        "below its control": "good",
        "not significantly different from its control": "flat",
        "only one seed": "flat",
    }
    words = WORDS.get(line.verdict, line.verdict)
    return Field(
        words, markdown.difference(line.difference), _sortable(line.difference.mean), tone.get(line.verdict, "bad")
    )


def _keys(line: Line) -> list[str]:
    """Names of the settings that were chosen."""
    return [part.rpartition(" ")[0] for part in line.chosen.split(", ")] if line.chosen else []


def _chosen(line: Line, only: bool) -> Field:
    text = line.chosen.rpartition(" ")[2] if only else line.chosen
    return Field(text, "at edge of range" if line.edge else "", text, "bad" if line.edge else "")


def _writes(line: Line) -> Field:
    count, pulses = _extra("writes", "")(line), _extra("pulses_per_cell", "")(line).text
    return count._replace(note=f"{pulses} pulses/cell" if pulses else "")


def _computing(line: Line) -> Field:
    return _extra("seconds", "s")(line)._replace(note=_extra("memory", "B")(line).text)


def _extra(key: str, unit: str) -> Callable[[Line], Field]:
    def field(line: Line) -> Field:
        value = line.extra.get(key, math.nan)
        if not math.isfinite(value):
            return Field("∞" if value == math.inf else "", value=_sortable(value))
        low, high = line.extra.get(f"{key}_low"), line.extra.get(f"{key}_high")
        note = f"{quantity(low, unit)} … {quantity(high, unit)}" if low and high else ""
        return Field(quantity(value, unit), note, value)

    return field


def _whole(value: float) -> str:
    """A number that no line break divides: a browser breaks at a hyphen, and not at a minus sign."""
    return number(value).replace("-", "−")


def _sortable(value: float) -> float | str:
    return value if value == value else ""


def _kind(line: Line) -> str:
    return "beside" if line.cell < 0 else "control" if line.control else "own"


# ----------------------------------------------------------------------------------------------------------------------
# Other parts


def _numbers(tables: Tables) -> list[tuple[str, str]]:
    """Sizes at the top of the page."""
    counts = tables.runs["status"].value_counts().to_dict() if len(tables.runs) else {}
    said = [(f"{len(tables.cells):,}", "cells")]
    for status in ("finished", "diverged", "failed", "missing"):
        if counts.get(status) or status == "finished":
            said.append((f"{counts.get(status, 0):,}", f"runs {status}"))
    seconds = float(tables.runs["seconds"].sum()) if "seconds" in tables.runs else 0.0
    return [*said, (duration(seconds), "of training")]


def _broken(made: Sequence[Line]) -> list[tuple[str, str]]:
    """Every seed that diverged, failed or is missing, by cell."""
    return [(" ".join(filter(None, [line.facet, line.label])), "; ".join(line.broken)) for line in made if line.broken]


def _choice(tables: Tables) -> str:
    """How settings were chosen: a choice on the seeds that are reported flatters them."""
    searched = [cell for cell in tables.cells if len(cell.candidates) > 1]
    if not searched:
        return ""
    keys = " and ".join(dict.fromkeys(last(key) for cell in searched for one in cell.candidates for key in one))
    ways = {"seeds that are not reported" if cell.tuned else "the seeds reported here" for cell in searched}
    return f"Settings ({keys}) were chosen on validation data of {' and of '.join(sorted(ways))}."
