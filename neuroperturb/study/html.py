"""The report of a study: one HTML page with everything in it, the same figures as PNG files, and tidy tables."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tomli_w

from neuroperturb.results import folders, neutral, outputs
from neuroperturb.results.figures import png
from neuroperturb.results.grid import duration, number
from neuroperturb.study import figures, markdown
from neuroperturb.study.store import StudyFolder
from neuroperturb.study.summary import Line, baselines, facets, lines
from neuroperturb.study.table import Curve, Tables, read

if TYPE_CHECKING:
    import pandas as pd

DPI = 130
SHOWN = 200  # most rows of a ranking on the page; the tables have all
STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 76rem; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; } h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; border-bottom: 1px solid #ddd; }
p.about { max-width: 60rem; color: #444; } figure { margin: 1.2rem 0; } figure img { max-width: 100%; height: auto; }
figcaption { color: #555; font-size: .85rem; max-width: 60rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .7rem .15rem 0; text-align: right; white-space: nowrap; border-bottom: 1px solid #eee; }
th { font-weight: 600; border-bottom: 1px solid #999; vertical-align: bottom; } th:first-child, td:first-child, .words { text-align: left; }
tr.beside td { color: #777; } tr.control td { color: #4a7a9a; } .bad { color: #b23b00; } .good { color: #00684a; }
ul.numbers { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 1.6rem; } ul.numbers b { font-size: 1.5rem; display: block; }
pre { background: #f6f6f6; padding: .8rem; overflow-x: auto; font-size: .8rem; } nav a { margin-right: 1rem; }
"""


class Written(NamedTuple):
    """Files of a report."""

    page: Path
    figures: list[Path]
    tables: list[Path]
    remarks: list[str]  # see `Tables`


def write(folder: StudyFolder, out: Path | None = None) -> Written:
    """Read the study, write its report, by default into its own folder."""
    tables, out = read(folder), out or folder.root / "report"
    folders.make(out)
    page = out / "index.html"
    outputs.require_free(page)  # before anything is written
    drawn = [(one, _png(one)) for one in figures.draw(tables)]
    pictures = [out / f"{one.name}.png" for one, _ in drawn]
    for path, (_, made) in zip(pictures, drawn, strict=True):
        outputs.write(path, made)
    for path in _left_over(out, pictures):
        path.unlink()
    written = write_tables(tables, out)
    written.append(out / "ranking.md")
    outputs.write_text(written[-1], markdown.ranking(tables) + outputs.COMMENT)
    outputs.write_text(page, html(tables, drawn))
    return Written(page, pictures, written, tables.remarks)


def write_tables(tables: Tables, out: Path) -> list[Path]:
    """CSV of everything; the runs as parquet, too, where that can be written."""
    made = {
        "runs": tables.runs,
        "search": tables.search,
        "curves": _curves(tables.curves),
        "baselines": tables.fits,
        "ages": tables.ages,
    }
    paths = []
    for name, frame in made.items():
        if len(frame):
            paths.append(out / f"{name}.csv")
            outputs.write_text(paths[-1], neutral.csv(frame))
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return paths
    paths.append(out / "runs.parquet")
    # A column of names and numbers has one type in a file.
    mixed = [name for name, kind in tables.runs.dtypes.items() if str(kind) == "object"]
    table = pyarrow.Table.from_pandas(tables.runs.astype(dict.fromkeys(mixed, str)), preserve_index=False)
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(
        table.replace_schema_metadata({**table.schema.metadata, "software": outputs.PROGRAM}), buffer
    )
    outputs.write(paths[-1], buffer.getvalue())
    return paths


def _curves(curves: Mapping[str, Curve]) -> pd.DataFrame:
    """One row per run and epoch."""
    import pandas as pd

    if not curves:
        return pd.DataFrame()
    epoch, train, validation = (np.concatenate(column) for column in zip(*curves.values(), strict=True))
    run = np.repeat(np.array(list(curves), object), [curve.epoch.size for curve in curves.values()])
    return pd.DataFrame({"run": run, "epoch": epoch, "train_loss": train, "validation_loss": validation})


def html(tables: Tables, drawn: Sequence[tuple[figures.Drawn, bytes]]) -> str:
    """The complete page: self-contained, no other files and no network needed."""
    made = lines(tables)
    body = [_head(tables, made)]
    for facet in facets(made):
        here = [line for line in made if line.facet == facet]
        beside = baselines(tables, facet)
        title = facet or "Ranking"
        body.append(f'<h2 id="{escape(figures.file_name("task", facet))}">{escape(title)}</h2>')
        body.append(ranking([*here, *beside], tables))
        body += [
            _figure(one, picture)
            for one, picture in drawn
            if one.name.endswith(figures.file_name("", facet)) or not facet
        ]
    body += [_broken(made), _made_by(tables)]
    name = escape(tables.study["name"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">{outputs.GENERATOR}'
        f"<title>{name}</title><style>{STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def ranking(made: Sequence[Line], tables: Tables) -> str:
    """Cells and baselines by test loss, as a table."""
    rows = sorted(made, key=lambda line: line.rank)
    extra = [
        key
        for key in ("epochs_to_threshold", "pulses", "energy", "endurance_used", "seconds", "memory")
        if any(key in x.extra for x in rows)
    ]
    searched, controlled = any(x.chosen for x in rows), any(x.difference for x in rows)
    counted = any(line.solved for line in rows)
    head = ["", "mean", "95 % interval", "median", "seeds"] + ["solved, 95 %"] * counted
    head += (
        ["difference to control, 95 %", "verdict"] * controlled
        + ["chosen"] * searched
        + [key.replace("_", " ") for key in extra]
    )
    text = [f"<tr>{''.join(f'<th>{escape(h)}</th>' for h in head)}</tr>"]
    for line in rows[:SHOWN]:
        cells = [
            escape(line.label or "all"),
            number(line.interval.mean),
            markdown.ends(line.interval),
            number(line.median),
            _count(line),
            *[markdown.solved(line)] * counted,
        ]
        if controlled:
            cells += [
                markdown.difference(line.difference),
                f'<span class="{_tone(line.verdict)}">{escape(line.verdict)}</span>',
            ]
        if searched:
            cells.append(escape(line.chosen) + (' <span class="bad">at edge of range</span>' if line.edge else ""))
        cells += [number(line.extra.get(key, float("nan"))) for key in extra]
        kind = "beside" if line.cell < 0 else "control" if line.control else "own"
        text.append(f'<tr class="{kind}">{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>')
    rest = f"<p>and {len(rows) - SHOWN} more, in runs.csv</p>" if len(rows) > SHOWN else ""
    return f'<div class="scroll"><table>{"".join(text)}</table></div>{rest}'


# ----------------------------------------------------------------------------------------------------------------------
# Parts of the page


def _head(tables: Tables, made: Sequence[Line]) -> str:
    counts = tables.runs["status"].value_counts().to_dict() if len(tables.runs) else {}
    seconds = sum(frame["seconds"].sum() for frame in (tables.runs,) if "seconds" in frame)
    numbers = [
        (len(tables.cells), "cells"),
        *((counts.get(status, 0), status) for status in ("finished", "diverged", "failed", "missing")),
    ]
    items = "".join(
        f"<li><b>{value}</b>{name}</li>" for value, name in numbers if value or name in ("cells", "finished")
    )
    items += f"<li><b>{escape(duration(seconds))}</b>of training</li>"
    links = "".join(
        f'<a href="#{escape(figures.file_name("task", f))}">{escape(f)}</a>' for f in facets(list(made)) if f
    )
    about = escape(tables.study.get("about", "").strip())
    return f'<h1>{escape(tables.study["name"])}</h1><p class="about">{about}</p><ul class="numbers">{items}</ul><nav>{links}</nav>'


def _figure(one: figures.Drawn, picture: bytes) -> str:
    encoded = base64.b64encode(picture).decode()
    return (
        f'<figure><img alt="{escape(one.caption)}" src="data:image/png;base64,{encoded}">'
        f"<figcaption>{escape(one.caption)}</figcaption></figure>"
    )


def _broken(made: Sequence[Line]) -> str:
    """Every seed that diverged, failed or is missing, by cell."""
    rows = [
        f'<tr><td>{escape(" ".join(filter(None, [line.facet, line.label])))}</td><td class="words">{escape("; ".join(line.broken))}</td></tr>'
        for line in made
        if line.broken
    ]
    if not rows:
        return ""
    return f'<h2>Diverged, failed, missing</h2><div class="scroll"><table>{"".join(rows)}</table></div>'


def _made_by(tables: Tables) -> str:
    machines = "".join(f"<li>{escape(what)}: {count} runs</li>" for what, count in tables.machines.items())
    declaration = {key: value for key, value in tables.study.items() if key != "name"}
    return (
        f"<h2>Methods</h2><ul>{machines}</ul><p>Means over seeds with percentile bootstrap intervals; differences are paired by seed, "
        f"with Student's t interval. {_choice(tables)}The test data were scored once, with the final weights.</p>"
        f"<pre>{escape(tomli_w.dumps(declaration))}</pre>"
    )


def _choice(tables: Tables) -> str:
    """How settings were chosen: a choice on the seeds that are reported flatters them."""
    searched = [cell for cell in tables.cells if len(cell.candidates) > 1]
    if not searched:
        return ""
    ways = {"seeds that are not reported" if cell.tuned else "the seeds reported here" for cell in searched}
    return f"Settings were chosen on validation data of {' and of '.join(sorted(ways))}. "


def _count(line: Line) -> str:
    said = markdown.seeds(line)
    return f'<span class="bad">{said}</span>' if line.broken or line.blown else said


def _tone(verdict: str) -> str:
    return {
        "below its control": "good",
        "not significantly different from its control": "",
        "only one seed": "",
        "": "",
    }.get(verdict, "bad")


def _png(one: figures.Drawn) -> bytes:
    made = png.image(one.figure, DPI)
    one.figure.clear()
    return made


def _left_over(out: Path, pictures: Sequence[Path]) -> list[Path]:
    """Figures of an earlier report that this one does not have: nobody should take them for today's."""
    others = sorted(set(out.glob("*.png")) - set(pictures))
    return [path for path in others if path.is_file() and not path.is_symlink() and outputs.has_mark(path)]
