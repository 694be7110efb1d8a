"""Progress of a run: a live bar on a terminal, lines in a log, nothing with `--quiet`."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from hardware_models.costs.units import duration
from hardware_models.numerics.compile_clock import Compiled, compiled, when_compiling
from neuroperturb.cli.terminal import say
from neuroperturb.results.grid import line_width, number
from neuroperturb.training.progress import Progress

LINE_EVERY = 2.0  # seconds between lines of progress where there is no terminal

Display = Callable[[Progress], None]


def show(quiet: bool) -> contextlib.AbstractContextManager[Display]:
    """The display that suits the output."""
    return _silent() if quiet else _bar() if sys.stdout.isatty() else _lines()


@contextlib.contextmanager
def preparing(quiet: bool) -> Iterator[None]:
    """Inside, what is done before training; said is when it compiles, and how much it was."""
    if quiet:
        yield
        return
    before = compiled()
    with when_compiling(lambda: say("compiling kernels")):
        yield
    if line := _compiled_line(before):
        say(line)


@contextlib.contextmanager
def _silent() -> Iterator[Display]:
    yield lambda progress: None


@contextlib.contextmanager
def _lines() -> Iterator[Display]:
    """Lines of progress for a log: the first at once, then every few seconds."""
    before, last = compiled(), -float("inf")
    compiling = False

    def begin() -> None:
        nonlocal compiling
        compiling = True
        say("compiling kernels")

    def display(progress: Progress) -> None:
        nonlocal compiling, last
        if compiling:
            compiling = False
            say(_compiled_line(before))
        done = progress.step >= progress.steps
        if done or time.monotonic() - last >= LINE_EVERY:
            last = time.monotonic()
            say(_progress_line(progress))

    with when_compiling(begin):
        yield display


@contextlib.contextmanager
def _bar() -> Iterator[Display]:
    """A live bar for a terminal; until training begins it counts the kernels that compile."""
    from rich.progress import BarColumn, ProgressColumn, TextColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    before = compiled()

    class StateColumn(ProgressColumn):
        def render(self, task) -> Text:
            return Text(task.fields["line"] or _compiled_line(before), no_wrap=True, overflow="ellipsis")

    width = line_width(120)
    bar_width = 24 if width > 100 else 8
    room = width - len("training") - bar_width - 2  # a space between columns

    with Bar(
        TextColumn("{task.description}"),
        BarColumn(bar_width=bar_width),
        StateColumn(),
        transient=False,
    ) as bar:
        task = bar.add_task("training", total=None, line="")

        def display(progress: Progress) -> None:
            bar.update(task, total=progress.steps, completed=progress.step, line=_progress_line(progress, room))

        yield display


def _compiled_line(before: Compiled) -> str:
    """What was compiled since then, empty where that is nothing."""
    now = compiled()
    kernels = now.kernels - before.kernels
    return f"compiled {kernels} kernels, {now.seconds - before.seconds:.0f} s" if now.seconds > before.seconds else ""


def _progress_line(progress: Progress, room: float = float("inf")) -> str:
    """What matters most comes first; what has no room is left out whole, from the end."""
    validation = number(progress.validation)
    parts = [
        f"epoch {progress.epoch}/{progress.epochs}",
        f"{duration(progress.left)} left" if progress.rate > 0 else "",
        f"loss {number(progress.loss) or '–'}",
        f"validation {validation}" if validation else "",
        f"{progress.rate:,.0f} steps/s" if progress.rate > 0 else "",
    ]
    parts = [part for part in parts if part]
    while len(parts) > 1 and len("  ".join(parts)) > room:
        parts.pop()
    return "  ".join(parts)
