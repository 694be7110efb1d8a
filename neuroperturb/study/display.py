"""What a person sees while a study runs: a live table on a terminal, lines in a log."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator

from neuroperturb.report import number
from neuroperturb.study.conduct import Board
from neuroperturb.training import Progress

LINE_EVERY = 10.0  # seconds between two lines while nothing ends
SHOWN = 8  # runs at work that the table lists

Show = Callable[[Board], None]


def show(quiet: bool = False) -> contextlib.AbstractContextManager[Show]:
    """What fits where the output goes."""
    return _silent() if quiet else _live() if sys.stdout.isatty() else _lines()


@contextlib.contextmanager
def _silent() -> Iterator[Show]:
    yield lambda board: None


@contextlib.contextmanager
def _lines() -> Iterator[Show]:
    """A line whenever runs ended, but not more than two a second, and now and then in between."""
    last = {"time": -math.inf, "done": -1}

    def display(board: Board) -> None:
        done, now = board.finished + board.diverged + board.failed, time.monotonic()
        if now - last["time"] > (0.5 if done != last["done"] or done == board.runs else LINE_EVERY):
            last.update(time=now, done=done)
            print(summary(board) + "".join(f"  best {best}" for best in bests(board)[:1]), flush=True)

    yield display


@contextlib.contextmanager
def _live() -> Iterator[Show]:
    from rich.live import Live

    with Live(refresh_per_second=4, transient=True) as live:
        latest = []

        def display(board: Board) -> None:
            latest[:] = [board]
            live.update(table(board))

        yield display
    if latest:
        print(summary(latest[0]))


def table(board: Board):
    """The live table."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    done = board.finished + board.diverged + board.failed
    bar = ProgressBar(total=max(board.runs, 1), completed=done)
    rows = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    for name, how in (
        ("at work", "left"),
        ("epoch", "right"),
        ("training", "right"),
        ("validation", "right"),
        ("left", "right"),
    ):
        rows.add_column(name, justify=how, no_wrap=True, ratio=1 if name == "at work" else None, overflow="ellipsis")
    for label, progress in board.running[:SHOWN]:
        rows.add_row(label, *_columns(progress))
    if len(board.running) > SHOWN:
        rows.add_row(f"and {len(board.running) - SHOWN} more")
    notes = [Text(f"best    {line}", style="green", overflow="ellipsis", no_wrap=True) for line in bests(board)]
    notes += [
        Text(f"failed  {label}: {reason}", style="red", overflow="ellipsis", no_wrap=True)
        for label, reason in board.failures
    ]
    return Group(bar, Text(summary(board)), rows, *notes)


def summary(board: Board) -> str:
    """Counts and the time left, in one line."""
    done = board.finished + board.diverged + board.failed
    parts = [
        f"{done} of {board.runs} done",
        f"{len(board.running)} running",
        f"{board.elsewhere} elsewhere" if board.elsewhere else "",
        f"{board.failed} failed",
        f"{board.diverged} diverged",
        "" if done == board.runs else f"{duration(board.left)} left",
    ]
    return "  ".join(part for part in parts if part)


def bests(board: Board) -> list[str]:
    """The best cell of each task so far, by validation loss."""
    return [f"{number(loss)} {label}" for _, loss, label in board.best]


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if not 0 <= seconds < 1e8:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _columns(progress: Progress | None) -> tuple[str, ...]:
    if progress is None:
        return ("compiling",)
    return (
        f"{progress.epoch}/{progress.epochs}",
        number(progress.loss),
        number(progress.validation),
        duration(progress.left),
    )
