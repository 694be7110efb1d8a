"""Tidy results, and one-line questions to them.

    credit/runs.csv; task=delayed-xor*; rule=np-p*; control=; mean test

A file of studies/results, conditions on columns (* stands for any text, nothing for an empty cell), and a statistic:

    mean, median, min, max, sum COLUMN      rows        unique COLUMN: how many values
    count CONDITION, such as test<0.1       solved CONDITION: the count, and the rows       share CONDITION: in percent
    groups COLUMN CONDITION: for how many values of a column the mean fits      largest COLUMN OF: the largest of these means

Two questions may be added, A + B. A run that did not finish has a loss of ∞. ``constants; 0.1`` stands for a number in a phrase that is no result.
"""

from __future__ import annotations

import fnmatch
import functools
import operator
import re
from pathlib import Path

import pandas as pd

COMPARED = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "=": operator.eq}
CONDITION = re.compile(r"(\w+)(<=|>=|<|>|=)(.+)")


class NoSuchData(Exception):
    """A question that the results cannot answer."""


@functools.lru_cache(maxsize=64)
def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise NoSuchData(f"there is no file {path.name!r} of results in {path.parent.name!r}")
    frame = pd.read_csv(path, keep_default_na=False, low_memory=False)
    for column in frame.columns:
        numbers = pd.to_numeric(frame[column], errors="coerce")
        if not numbers[frame[column].astype(str) != ""].isna().any() and numbers.notna().any():
            frame[column] = numbers
    if {"status", "test"} <= set(frame.columns):
        frame["test"] = pd.to_numeric(frame["test"], errors="coerce").where(frame["status"] == "finished", float("inf"))
    return frame


def runs(root: Path, name: str, **where: str) -> pd.DataFrame:
    """Rows of ``studies/results/NAME`` whose columns fit; `__` stands for the dot of a column's name."""
    return narrowed(_read(root / "studies" / "results" / name), {k.replace("__", "."): v for k, v in where.items()})


def narrowed(frame: pd.DataFrame, where: dict[str, str]) -> pd.DataFrame:
    for column, wanted in where.items():
        if column not in frame.columns:
            raise NoSuchData(f"there is no column {column!r}")
        text = frame[column].map(_text)
        frame = frame[text.map(lambda one, wanted=wanted: fnmatch.fnmatchcase(one, wanted))]
    return frame


def answer(root: Path, question: str) -> list[float]:
    """The numbers that a question asks for."""
    if " + " in question:
        return [sum(parts) for parts in zip(*(answer(root, part) for part in question.split(" + ")), strict=True)]
    if question.startswith("constants;"):
        return [float(question.partition(";")[2])]
    name, *conditions, statistic = (part.strip() for part in question.split(";"))
    frame = narrowed(_read(root / "studies" / "results" / name), dict(part.split("=", 1) for part in conditions))
    if frame.empty:
        raise NoSuchData(f"no row fits {question!r}")
    what, _, of = statistic.partition(" ")
    if what == "rows":
        return [float(len(frame))]
    if what in ("count", "solved", "share"):
        count, total = _fit(frame, of), float(len(frame))
        return {"count": [count], "solved": [count, total], "share": [100 * count / total]}[what]
    if what == "groups":
        column, _, condition = of.partition(" ")
        means = frame.groupby(column, sort=False).mean(numeric_only=True)
        return [_fit(means, condition)]
    if what == "largest":
        column, _, of = of.partition(" ")
        return [float(frame.groupby(column)[of].mean().max())]
    if of not in frame.columns:
        raise NoSuchData(f"there is no column {of!r}")
    if what == "unique":
        return [float(frame[of].nunique())]
    if what not in ("mean", "median", "min", "max", "sum"):
        raise NoSuchData(f"there is no statistic {what!r}")
    return [float(getattr(pd.to_numeric(frame[of]), what)())]


def _fit(frame: pd.DataFrame, condition: str) -> float:
    found = CONDITION.fullmatch(condition.replace(" ", ""))
    if not found or found[1] not in frame.columns:
        raise NoSuchData(f"{condition!r} is no condition on a column")
    numbers = pd.to_numeric(frame[found[1]], errors="coerce")
    return float(COMPARED[found[2]](numbers, float(found[3])).sum())


def _text(value: object) -> str:
    """A cell as a condition says it: whole numbers without a point."""
    if isinstance(value, float):
        return "" if value != value else f"{value:g}"
    return str(value)
