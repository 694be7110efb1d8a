"""Progress of a run: a live bar on a terminal, lines in a log, nothing with `--quiet`."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from neuroperturb.cli.terminal import say
from neuroperturb.results.grid import duration, number
from neuroperturb.training.progress import Progress

LINE_EVERY = 2.0  # seconds between lines of progress where there is no terminal

Display = Callable[[Progress], None]


def show(quiet: bool) -> contextlib.AbstractContextManager[Display]:
    """The display that suits the output."""
    return _silent() if quiet else _bar() if sys.stdout.isatty() else _lines()


@contextlib.contextmanager
def _silent() -> Iterator[Display]:
    yield lambda progress: None


@contextlib.contextmanager
def _lines() -> Iterator[Display]:
    """Lines of progress for a log: the first at once, then every few seconds."""
    say("compiling kernels, a few seconds")
    last = [-float("inf"), ""]

    def display(progress: Progress) -> None:
        done = progress.step >= progress.steps
        line = _progress_line(progress)
        if done or time.monotonic() - last[0] >= LINE_EVERY:
            last[:] = time.monotonic(), line
            say(line)

    yield display


@contextlib.contextmanager
def _bar() -> Iterator[Display]:
    """A live bar for a terminal."""
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[line]}"))
    with Bar(*columns, transient=False) as bar:
        task = bar.add_task("training", total=None, line="compiling kernels, a few seconds")

        def display(progress: Progress) -> None:
            bar.update(task, total=progress.steps, completed=progress.step, line=_progress_line(progress))

        yield display


def _progress_line(progress: Progress) -> str:
    validation = number(progress.validation)
    parts = [
        f"epoch {progress.epoch}/{progress.epochs}",
        f"loss {number(progress.loss) or '–'}",
        f"validation {validation}" if validation else "",
        f"{progress.rate:,.0f} steps/s" if progress.rate > 0 else "",
        f"{duration(progress.left)} left" if progress.rate > 0 else "",
    ]
    return "  ".join(part for part in parts if part)
