"""What tables are made of: their list, and cells and rows that several have.

A table is a function of the repository's root that returns rows of text, its head first; :data:`TABLES` lists them all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from studies.publish.data import narrowed, runs
from studies.publish.form import loss

Lines = list[list[str]]
TABLES: dict[str, Callable[[Path], Lines]] = {}


def table(function: Callable[[Path], Lines]) -> Callable[[Path], Lines]:
    """Enter a function under its name."""
    TABLES[function.__name__.replace("_", "-")] = function
    return function


class Row(NamedTuple):
    """A line: what it is called, and which rows of the results it is of."""

    label: str
    where: dict[str, str]


def mean(frame: pd.DataFrame) -> str:
    return loss(frame["test"].mean()) if len(frame) else ""


def median(frame: pd.DataFrame) -> str:
    return loss(frame["test"].median()) if len(frame) else ""


def worst(frame: pd.DataFrame) -> str:
    return loss(frame["test"].max()) if len(frame) else ""


def below(limit: float) -> Callable[[pd.DataFrame], str]:
    """The mean, and how many seeds are below a limit."""
    return lambda frame: f"{mean(frame)} ({(frame['test'] < limit).sum()})" if len(frame) else ""


def solved(frame: pd.DataFrame, limit: float = 0.5) -> str:
    return f"{(frame['test'] < limit).sum()} of {len(frame)}" if len(frame) else ""


def count(frame: pd.DataFrame, column: str) -> str:
    """A count that all rows share, or its range."""
    if column not in frame or not len(frame):
        return ""
    low, high = int(frame[column].min()), int(frame[column].max())
    return f"{low:,}" if low == high else f"{low:,} … {high:,}"


def took(frame: pd.DataFrame) -> list[str]:
    """Trials, writes, passes, seconds and memory of a run."""
    seconds, memory = frame["seconds"].median(), frame["memory"].median() / 1024
    return [count(frame, "trials"), count(frame, "writes"), count(frame, "passes"), f"{seconds:.2g}", f"{memory:,.0f}"]


TOOK = ["trials", "writes", "passes", "s a run", "KiB"]


def baselines(root: Path, study: str, name: str, **where: str) -> pd.DataFrame:
    """Rows of fitted models of the cells that fit."""
    fits, cells = runs(root, f"{study}/baselines.csv"), runs(root, f"{study}/runs.csv", **where)["cell"].unique()
    return narrowed(fits[fits["cell"].isin(cells)], {"name": name})
