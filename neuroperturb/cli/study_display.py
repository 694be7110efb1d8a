"""Progress of a study: a live table on a terminal, lines in a log."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator

from hardware_models.costs.units import duration
from hardware_models.numerics.compile_clock import compiled
from neuroperturb.results.grid import number
from neuroperturb.study.scheduler import Board
from neuroperturb.training.progress import Progress

LINE_EVERY, LINE_AFTER = 10.0, 0.5  # seconds between two lines: while no run ends, and after one ended
SHOWN = 8  # active runs that the table lists

Show = Callable[[Board], None]


def show(quiet: bool = False) -> contextlib.AbstractContextManager[Show]:
    """The display that suits the output."""
    return _silent() if quiet else _live() if sys.stdout.isatty() else contextlib.closing(Lines())


def _print(line: str) -> None:
    print(line, flush=True)


@contextlib.contextmanager
def _silent() -> Iterator[Show]:
    yield lambda board: None


class Lines:
    """A line when runs end, at most two per second, and one from time to time in between; the last state is always printed.

    Parameters
    ----------
    clock : returns seconds
    write : prints a line
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, write: Callable[[str], None] = _print):
        self._clock, self._write = clock, write
        self._at, self._said, self._latest = -math.inf, None, None

    def __call__(self, board: Board) -> None:
        news = self._said is None or ended(board) != ended(self._said)
        self._latest = board
        if self._clock() - self._at >= (LINE_AFTER if news else LINE_EVERY):
            self._say()

    def close(self) -> None:
        """Print the last state if it came too soon after the previous line."""
        if self._latest is not None and (self._said is None or summary(self._latest) != summary(self._said)):
            self._say()

    def _say(self) -> None:
        self._at, self._said = self._clock(), self._latest
        self._write("  best ".join([summary(self._latest), *bests(self._latest)[:1]]))


@contextlib.contextmanager
def _live() -> Iterator[Show]:
    from rich.live import Live

    compiled()  # counts from here on
    with Live(refresh_per_second=4, transient=True) as live:  # gone at the end, when the command says what was done
        yield lambda board: live.update(table(board))


def table(board: Board):
    """The live table."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    head = Table.grid(
        padding=(0, 2, 0, 0), expand=True
    )  # a bar beside its words: alone in a group it takes the line below, too
    head.add_column(no_wrap=True)
    head.add_column(ratio=1)
    head.add_row(Text(summary(board)), ProgressBar(total=max(board.runs, 1), completed=ended(board)))
    rows = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    for name, how in (
        ("running", "left"),
        ("epoch", "right"),
        ("training", "right"),
        ("validation", "right"),
        ("left", "right"),
    ):
        rows.add_column(name, justify=how, no_wrap=True, ratio=1 if name == "running" else None, overflow="ellipsis")
    for label, progress in board.running[:SHOWN]:
        rows.add_row(label, *_columns(progress))
    if len(board.running) > SHOWN:
        rows.add_row(f"and {len(board.running) - SHOWN} more")
    notes = [Text(f"best    {line}", style="green", overflow="ellipsis", no_wrap=True) for line in bests(board)]
    notes += [
        Text(f"failed  {label}: {reason}", style="red", overflow="ellipsis", no_wrap=True)
        for label, reason in board.failures
    ]
    notes += [Text(line, style="dim") for line in filter(None, [compiling()])]
    return Group(head, rows, *notes)


def summary(board: Board) -> str:
    """Counts and the time left, in one line."""
    done = ended(board)
    parts = [
        f"{done} of {board.runs} done",
        f"{len(board.running)} running",
        f"{board.elsewhere} elsewhere" if board.elsewhere else "",
        f"{board.failed} failed",
        f"{board.diverged} diverged",
        "" if done == board.runs or not math.isfinite(board.left) else f"{duration(board.left)} left",
    ]
    return "  ".join(part for part in parts if part)


def compiling() -> str:
    """What this process compiled so far, if it did; workers of a cluster do not say."""
    found = compiled()
    return (
        f"compiled {found.kernels} kernels so far, {duration(found.seconds)}: kept for later runs"
        if found.kernels
        else ""
    )


def ended(board: Board) -> int:
    """Number of runs that have ended, in whatever way."""
    return board.finished + board.diverged + board.failed


def bests(board: Board) -> list[str]:
    """The best cell of each task so far, by validation loss."""
    return [f"{number(loss)} {label}" for _, loss, label in board.best]


def _columns(progress: Progress | None) -> tuple[str, ...]:
    if progress is None:
        return ("compiling or started",)  # or it runs on a worker of a cluster, which sends no progress
    return (
        f"{progress.epoch}/{progress.epochs}",
        number(progress.loss),
        number(progress.validation),
        duration(progress.left),
    )
