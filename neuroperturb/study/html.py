"""The report of a study: one HTML page with everything in it, the same figures as files, and tidy tables."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from neuroperturb.results import folders, neutral, outputs
from neuroperturb.results.figures import formats
from neuroperturb.study import figures, markdown
from neuroperturb.study.answer import TaskAnswer, answers
from neuroperturb.study.figures import Drawn
from neuroperturb.study.page import FigureView, html
from neuroperturb.study.store import StudyFolder
from neuroperturb.study.table import Curve, Tables, read

if TYPE_CHECKING:
    import pandas as pd


class Written(NamedTuple):
    """Files of a report."""

    page: Path
    figures: list[Path]
    tables: list[Path]
    remarks: list[str]  # see `Tables`
    answers: list[TaskAnswer]


def write(folder: StudyFolder, out: Path | None = None, kinds: Sequence[str] = ("png",)) -> Written:
    """Read the study, write its report, by default into its own folder; `kinds`: formats of the figures beside the page."""
    tables, out = read(folder), out or folder.root / "report"
    folders.make(out)
    page = out / "index.html"
    outputs.require_free(page)  # before anything is written
    drawn = list(figures.draw(tables))
    written = write_tables(tables, out)
    written.append(out / "ranking.md")
    outputs.write_text(written[-1], markdown.ranking(tables) + outputs.COMMENT)
    outputs.write_text(page, html(tables, _views(tables, drawn)))
    pictures = [path for one in drawn for path in formats.write_all(one.figure, out / one.name, kinds)]
    for path in _left_over(out, pictures):
        path.unlink()
    return Written(page, pictures, written, tables.remarks, answers(tables))


def _views(tables: Tables, drawn: Sequence[Drawn]) -> list[FigureView]:
    """Every figure as the page shows it, on wide and on narrow screens."""
    small = {one.name: one for one in figures.draw(tables, narrow=True)}
    return [
        FigureView(
            drawn=one,
            wide=formats.inline(one.figure, one.name, one.caption),
            narrow=formats.inline(small.get(one.name, one).figure, f"{one.name}-narrow", one.caption),
        )
        for one in drawn
    ]


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


def _left_over(out: Path, pictures: Sequence[Path]) -> list[Path]:
    """Figures of an earlier report that this one does not have: nobody should take them for today's."""
    there = {path for kind in formats.FORMATS for path in out.glob(f"*.{kind}")}
    return [p for p in sorted(there - set(pictures)) if p.is_file() and not p.is_symlink() and outputs.has_mark(p)]
